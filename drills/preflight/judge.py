"""Runs every judgement of preflight in order, and derives what is foreseen and the exit codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from drills.errors import COULD_NOT_RUN, OBJECTIVE_MISSED, VERIFICATION_FAILED
from drills.model.finding import CheckResult
from drills.model.forecast import Foreseen
from drills.model.parity import NotVerified
from drills.posture.judgement import Judgement
from drills.preflight import ends, engine, key, place, rights, vault
from drills.preflight.facts import PreflightFacts
from drills.recovery.selection import explain_none


def point(facts: PreflightFacts) -> CheckResult:
    """Foresee that there is no usable recovery point."""
    judged = Judgement("recovery point")
    if facts.barred:
        return judged.result("", nothing="none was looked for: see vault", requirement="optional")
    if not judged.was_read("recovery points", facts.choice) or isinstance(facts.choice, NotVerified):
        return judged.result("")
    chosen = facts.choice.point
    if chosen is None or facts.restore is None:
        judged.find(
            "error",
            facts.instance_id,
            expected="a usable recovery point",
            found="none",
            remedy=facts.resource.none
            if facts.resource
            else explain_none(facts.instance_id, facts.vault, facts.choice),
        )
        return judged.result("")
    judged.count()
    data = f", data up to {chosen.data_time:%Y-%m-%d %H:%M} UTC" if chosen.data_time else ""
    return judged.result(f"{chosen.snapshot_id or chosen.arn}{data}")


JUDGEMENTS: tuple[Callable[[PreflightFacts], CheckResult], ...] = (
    vault.judge,
    point,
    rights.judge,
    rights.encryption,
    key.judge,
    place.quotas,
    place.addresses,
    place.groups,
    engine.version,
    engine.storage,
    place.instance_class,
    place.capacity,
    ends.judge,
)


def judge(facts: PreflightFacts) -> tuple[CheckResult, ...]:
    """Return every result, in order: those of databases, or of what the target is instead."""
    return tuple(each(facts) for each in (facts.resource.judgements if facts.resource else JUDGEMENTS))


def foreseen(results: Sequence[CheckResult]) -> Foreseen:
    """Return what is foreseen of the restore: refused by an error, not known by anything unread, accepted otherwise."""
    of_restore = [each for each in results if each.name != ends.NAME]
    if any(each.outcome == "missed" for each in of_restore):
        return "refused"
    return "not known" if any(map(_unknown, of_restore)) else "accepted"


def reasons(results: Sequence[CheckResult]) -> tuple[str, ...]:
    """Return why a restore would be refused, or why that is not known."""
    of_restore = [each for each in results if each.name != ends.NAME]
    errors = [
        f"{each.name}: {finding.object}: {finding.found}"
        for each in of_restore
        for finding in each.findings
        if finding.severity == "error"
    ]
    unknown = [f"{each.name}: {left.what}: {left.reason}" for each in of_restore for left in each.not_checked]
    unknown += [f"{each.name}: {each.sentence}" for each in of_restore if _unknown(each) and not each.not_checked]
    return tuple(errors or unknown)


def exit_codes(results: Sequence[CheckResult]) -> tuple[int, ...]:
    """Return every code that the results give, the first one first (docs/reference/exit-codes.md); empty when nothing is foreseen.

    A restore that would fail gives 11, a date on which recoverability ends and that is near 10, and what could not be known 12.
    """
    codes = []
    if any(each.outcome == "missed" and each.name != ends.NAME for each in results):
        codes.append(VERIFICATION_FAILED)
    if any(each.outcome == "missed" and each.name == ends.NAME for each in results):
        codes.append(OBJECTIVE_MISSED)
    if any(map(_unknown, results)):
        codes.append(COULD_NOT_RUN)
    return tuple(codes)


def _unknown(result: CheckResult) -> bool:
    """Return whether a result leaves anything open; what no call can say is named and does not count."""
    if result.requirement == "impossible":
        return False
    return bool(result.not_checked) or (result.requirement, result.outcome) == ("required", "not verified")
