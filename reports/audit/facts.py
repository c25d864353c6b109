"""What of a run a control can rest on: its verdicts by their names, and facts that no verdict says. Pure.

A condition is met, missed, or not verified: the run did not judge it, so that nothing can rest on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from drills.durations import show_duration
from drills.history import wording
from drills.model.finding import Outcome
from drills.model.instance import COPIES
from drills.model.lineage import UNKNOWN, VAULTS_APART
from drills.model.policy import DECLARATIONS
from drills.model.record import Restoration, RunRecord, value_of
from drills.plural import counted

# Verdicts of a run that are no checks of the suite (drills/model/policy.py has those).
OTHER_VERDICTS = ("rto", "rpo", "moment", "cut-over", "cut-over: undone")
POSTURE_TAG = "posture"
LAYERS_NEEDED = 3
# Layers of verification that do not rest on each other, and the verdicts of each.
LAYERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "schema": ("catalog",),
        "rows": ("content",),
        "constraints": ("constraints",),
        "indexes": ("indexes", "amcheck"),
        "the canary's chain": ("canary",),
        "the owner's rules": ("invariants",),
    }
)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition as one run has it: its outcome, and the sentence that says what was seen."""

    name: str
    outcome: Outcome
    sentence: str

    @property
    def judged(self) -> bool:
        """Whether the run said anything about it."""
        return self.outcome != "not verified"


def condition(record: RunRecord, name: str) -> Condition:
    """Return a condition of the run. Raises KeyError for a name that is none."""
    if fact := FACTS.get(name):
        outcome, sentence = fact(record)
        return Condition(name, outcome, sentence)
    if name not in VERDICTS:
        raise KeyError(name)
    verdict = next((each for each in record.verdicts if each.name == name), None)
    if verdict is None:
        return Condition(name, "not verified", f"{name}: no part of this run")
    return Condition(name, verdict.outcome, f"{name}: {verdict.sentence}")


Seen = tuple[Outcome, str]


def recovery(record: RunRecord) -> Restoration | None:
    """Return the restoration that the drill is about, None where there was none."""
    return next((each for each in record.restorations if each.purpose == "recovery"), None)


def _restored(record: RunRecord) -> Seen:
    found = recovery(record)
    connected = next((each for each in record.verdicts if each.name == "connection"), None)
    if found is None or found.point is None or connected is None or connected.outcome == "not verified":
        return "not verified", "no copy was restored that could be looked at"
    kind = {"copy": "copied", "awsbackup": "AWS Backup"}.get(found.point.kind, found.point.kind)
    return connected.outcome, f"a copy was restored from the {kind} recovery point {found.point.snapshot_id}"


def _measured(name: str) -> Callable[[RunRecord], Seen]:
    def seen(record: RunRecord) -> Seen:
        found = next((each for each in record.measurements if each.name == name), None)
        if found is None or found.seconds is None:
            return "not verified", f"{name} was not measured"
        return "met", f"{name} {show_duration(found.seconds)}"

    return seen


def _place(arn: str) -> tuple[str, str]:
    """Return account and region of an ARN (arn:aws:SERVICE:REGION:ACCOUNT:…), "" where it names none."""
    region, account = (*arn.split(":"), *[""] * 5)[3:5]
    return account, region


def _elsewhere(what: str, region: str, record: RunRecord) -> Seen:
    """Whether a region is another one than the source's; another account of the same region is no other site."""
    source = record.target.region if record.target else ""
    if not region or not source:
        return "not verified", f"it is not known in which regions {what} and the source lie"
    if region == source:
        return "not verified", f"{what} lies in the source's region, {region}"
    return "met", f"{what} lies in {region}, the source in {source}"


def _another_site(record: RunRecord) -> Seen:
    found = recovery(record)
    if found is None or found.point is None:
        return "not verified", "no recovery point was restored"
    return _elsewhere("the recovery point", _place(found.point.arn)[1], record)


def _isolated_copy(record: RunRecord) -> Seen:
    """A point that whoever holds the source's account does not hold: of another account, or in an air-gapped vault."""
    found = recovery(record)
    if found is None or found.point is None:
        return "not verified", "no recovery point was restored"
    apart = VAULTS_APART.get(found.point.lineage.vault_type) if found.point.lineage else None
    if apart:
        return "met", f"the recovery point lies in {found.point.vault}, {apart}"
    account, source = _place(found.point.arn)[0], record.target.account if record.target else ""
    if not account or not source:
        return "not verified", "it is not known in which accounts the recovery point and the source lie"
    if account == source:
        return "not verified", f"the recovery point lies in the source's account, {account}, and in no air-gapped vault"
    return "met", f"the recovery point lies in account {account}, the source in {source}"


def _restored_elsewhere(record: RunRecord) -> Seen:
    found = recovery(record)
    made = [each for each in record.resources if found and each.kind in COPIES and each.id == found.instance_id]
    if not made:
        return "not verified", "no copy is recorded"
    return _elsewhere("the restored copy", made[0].region, record)


def _nothing_left(record: RunRecord) -> Seen:
    left = [each for each in record.resources if each.is_left]
    kept = [each for each in record.resources if each.state == "kept"]
    if not record.resources:
        return "not verified", "no resource of the run is recorded"
    if left:
        return (
            "missed",
            f"{len(left)} of {counted(len(record.resources), 'resource')} of the run not seen to be gone",
        )
    if kept:
        return (
            "not verified",
            f"{len(kept)} of {counted(len(record.resources), 'resource')} of the run kept on purpose",
        )
    return "met", f"{counted(len(record.resources), 'resource')} of the run, all gone"


def _encrypted(record: RunRecord) -> Seen:
    found = recovery(record)
    if found is None or found.point is None:
        return "not verified", "no recovery point was restored"
    if not found.point.encrypted:
        return "missed", "the recovery point is not encrypted"
    kind = found.point.lineage.storage_encryption if found.point.lineage else UNKNOWN
    return "met", f"the recovery point is encrypted ({'of which kind is not known' if kind == UNKNOWN else kind})"


def _posture(record: RunRecord) -> Seen:
    ours = [each for each in record.promises if POSTURE_TAG in each.tags]
    judged = [each for each in ours if each.outcome in ("passed", "failed")]
    failed = [each.name for each in judged if each.outcome == "failed"]
    if failed:
        return "missed", f"the posture of the backups: {failed[0]}"
    if not judged or len(judged) != len(ours):
        return (
            "not verified",
            f"the posture of the backups: {len(judged)} of {counted(len(ours), 'scenario')} judged",
        )
    return "met", f"the posture of the backups: {len(judged)} of {counted(len(ours), 'scenario')} held"


def _transactions(record: RunRecord) -> Seen:
    """A moment beside the recovery, or a recovery to a moment in which the canary's chain ends where it should."""
    found = recovery(record)
    moment = condition(record, "moment")
    if moment.judged:
        return moment.outcome, moment.sentence
    if found is not None and found.point is not None and found.point.kind == "continuous":
        canary = condition(record, "canary")
        return canary.outcome, canary.sentence
    return "not verified", "the database was not restored to a moment"


def _manifest(record: RunRecord) -> Seen:
    found = recovery(record)
    if found is None or found.expectation not in ("at backup", "stored"):
        return "not verified", "the copy was not compared with a manifest that was taken by the time of the backup"
    return "met", f"compared with a manifest ({found.expectation})"


def _sampling(record: RunRecord) -> Seen:
    rule = value_of(record.settings, "target.sample")
    return ("met", f"sampled by the rule {rule}") if rule else ("not verified", "no rule of sampling is recorded")


def _scenario(record: RunRecord) -> Seen:
    named = value_of(record.settings, "--scenario")
    return ("met", f"scenario: {named}") if named else ("not verified", "no scenario was named (--scenario)")


def _trend(record: RunRecord) -> Seen:
    judged = record.history.judged if record.history else 0
    if judged < 2 or record.history is None:
        return "not verified", "no earlier run can be compared with this one"
    return "met", wording.pass_rate(record.history)


def _layers(record: RunRecord) -> Seen:
    held = {
        layer: [found for name in names if (found := condition(record, name)).judged] for layer, names in LAYERS.items()
    }
    judged = [layer for layer, found in held.items() if found]
    if len(judged) < LAYERS_NEEDED:
        return "not verified", f"{len(judged)} of the {LAYERS_NEEDED} independent layers of verification ran"
    missed = [layer for layer, found in held.items() if any(each.outcome == "missed" for each in found)]
    told = f"{len(judged)} independent layers of verification ran: {', '.join(judged)}"
    return ("missed", f"{told}; differences in {', '.join(missed)}") if missed else ("met", told)


def _commit(record: RunRecord) -> Seen:
    if not record.commit:
        return "not verified", "the commit of this suite is not known"
    return "met", f"by commit {record.commit[:12]} of this suite"


FACTS: Mapping[str, Callable[[RunRecord], Seen]] = MappingProxyType(
    {
        "restored": _restored,
        "rta measured": _measured("RTA"),
        "rpa measured": _measured("RPA"),
        "another site": _another_site,
        "isolated copy": _isolated_copy,
        "restored at another site": _restored_elsewhere,
        "nothing left": _nothing_left,
        "encrypted": _encrypted,
        "posture": _posture,
        "transactions": _transactions,
        "manifest": _manifest,
        "sampling": _sampling,
        "scenario": _scenario,
        "trend": _trend,
        "layers": _layers,
        "commit": _commit,
    }
)
VERDICTS = frozenset((*OTHER_VERDICTS, *(each.name for each in DECLARATIONS)))
CONDITIONS = frozenset((*FACTS, *VERDICTS))
