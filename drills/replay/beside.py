"""Derives what stands beside the recovery: posture, cut-over, scenarios, and the resources that AWS's answers bear out."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from drills.aws.databases.kinds import KINDS, Kind
from drills.aws.guarded.rules import IDENTITY
from drills.aws.recorder import count_calls
from drills.cutover import judge as cutover
from drills.cutover.model import State, read_entry, replay_journal
from drills.cutover.observed import MoveSeen, RollbackSeen
from drills.model.finding import CheckResult, Verdict
from drills.model.instance import WITH_SANDBOX, ResourceKind
from drills.model.record import Promise, RunRecord
from drills.objectives import acknowledged
from drills.posture import judge as posture_judge
from drills.posture import read as posture_read
from drills.posture.observed import PostureSeen
from drills.replay.bundle import Evidence
from drills.replay.differences import Difference, between
from drills.replay.ended import is_whole
from drills.replay.instances import last_status
from drills.replay.recovery import Recovery
from drills.replay.shapes import Feature, Scenario

NO_FOLDER = Path("/nonexistent")  # the stored configuration is observed, not read


# -- posture ----------------------------------------------------------------------------------------------------------


def posture(recovery: Recovery) -> tuple[tuple[CheckResult, ...], tuple[CheckResult, ...]]:
    """Return the results of posture as they were observed, and as the recorded answers give them; empty without any."""
    seen = recovery.evidence.seen(PostureSeen)
    if not seen:
        return (), ()
    setup = recovery.setup(posture_read.POSTURE, seen[0].at)
    facts = posture_read.read(setup.clients, setup.scratch_clients, recovery.target, now=seen[0].at, store=NO_FOLDER)
    facts = dataclasses.replace(facts, stored=seen[0].stored)
    known, today = recovery.target.known_differences(), seen[0].at.date()
    return seen[0].results, acknowledged.acknowledge(posture_judge.judge(facts), known, today)


# -- cut-over ---------------------------------------------------------------------------------------------------------


def cut_over(evidence: Evidence) -> Iterator[Verdict]:
    """Yield the verdicts on the cut-over and its rollback, by their journals."""
    for seen in evidence.seen(MoveSeen):
        for each in cutover.judge_move(_state(seen.journal), seen.why, seen.openings):
            yield Verdict(each.name, each.outcome, each.sentence, exit_code=seen.exit_code)
    for seen in evidence.seen(RollbackSeen):
        result = cutover.judge_rollback(_state(seen.journal), seen.why, seen.observed)
        yield Verdict(result.name, result.outcome, result.sentence, exit_code=seen.exit_code)


def unobserved(recovery: Recovery) -> Iterator[Difference]:
    """Yield what was judged beside the recovery though nothing of it is among the observations, which are noted before."""
    seen, record = recovery.evidence.seen, recovery.recorded
    for kind, names in (
        (MoveSeen, (cutover.NAME, cutover.CLOSED, cutover.CONFIGURED, cutover.IDLE)),
        (RollbackSeen, (cutover.BACK,)),
    ):
        for each in record.verdicts if not seen(kind) else ():
            if each.name in names:
                found = "nothing: no journal of it is among the observations"
                yield Difference(f"verdicts[{each.name}]", each.outcome, found)
    if is_whole(record) and recovery.aws.for_purpose(posture_read.POSTURE) and not seen(PostureSeen):
        found = "nothing: AWS was asked about it, and no result is among the observations"
        yield Difference("posture", "as the scenarios say", found)
    scenario = next((each.value for each in record.settings if each.name == "--scenario"), None)
    yield from between("settings[--scenario]", scenario, recovery.evidence.configuration.scenario)


def _state(journal: tuple[str, ...]) -> State | None:
    return replay_journal([read_entry(line) for line in journal]) if journal else None


# -- scenarios --------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class _Told:
    """What pytest-bdd says of a scenario."""

    outcome: str
    id: str
    tags: set[str]


def scenarios(record: RunRecord, features: Sequence[Feature]) -> Iterator[Difference]:
    """Yield each scenario whose outcome is not what its steps say; `features` is pytest-bdd's report.

    A scenario that was left out, or broke before its first step, has no steps there. pytest-bdd calls the steps of one that
    a step has skipped "passed".
    """
    told: dict[tuple[str, str], list[_Told]] = {}
    for feature in features:
        for scenario in feature.get("elements", ()):
            told.setdefault((feature["name"], scenario["name"]), []).append(_told(feature, scenario))
    promises = Counter((each.feature, each.name) for each in record.promises)
    for promise in record.promises:
        known = [each.outcome for each in told.get((promise.feature, promise.name), ())]
        what = f"promises[{promise.name}].outcome"
        if promise.outcome == "passed" and known != ["passed"] * promises[promise.feature, promise.name]:
            yield Difference(what, "passed", ", ".join(known) or "no steps that passed")
        elif promise.outcome == "failed" and known and "failed" not in known:
            yield Difference(what, "failed", ", ".join(known))
        elif promise.outcome == "skipped" and "failed" in known:
            yield Difference(what, "skipped", "failed")
    for promise in record.promises:
        yield from _names(promise, told.get((promise.feature, promise.name), ()))
    for (of, name), found in told.items():
        if (of, name) not in promises:
            yield Difference(f"promises[{name}]", "nothing", ", ".join(each.outcome for each in found))


def _names(promise: Promise, found: Sequence[_Told]) -> Iterator[Difference]:
    """Yield id and tags of a promise that none of its scenarios has."""
    ids = [each.id for each in found if each.id]
    if ids and promise.id.rpartition("::")[2] not in ids:
        yield Difference(f"promises[{promise.name}].id", promise.id, ", ".join(ids))
    if found and all(set(promise.tags) != each.tags for each in found):
        yield Difference(f"promises[{promise.name}].tags", ", ".join(promise.tags), ", ".join(sorted(found[0].tags)))


def _told(feature: Feature, scenario: Scenario) -> _Told:
    statuses = {step["result"]["status"] for step in scenario["steps"]}
    outcome = next((each for each in ("failed", "skipped") if each in statuses), "passed")
    tags = {tag["name"] for tag in (*feature.get("tags", ()), *scenario.get("tags", ()))}
    return _Told(outcome, scenario.get("id", ""), tags)


# -- resources --------------------------------------------------------------------------------------------------------

# by the operation that makes something in a run's own process: the kind, and the member of the request that has its name
_MAKES = {
    "rds.RestoreDBInstanceFromDBSnapshot": ("db-instance", "DBInstanceIdentifier"),
    "rds.RestoreDBInstanceToPointInTime": ("db-instance", "TargetDBInstanceIdentifier"),
    "rds.RestoreDBClusterFromSnapshot": ("db-cluster", "DBClusterIdentifier"),
    "rds.RestoreDBClusterToPointInTime": ("db-cluster", "DBClusterIdentifier"),
    "rds.CreateDBInstance": ("db-instance", "DBInstanceIdentifier"),
    "rds.CopyDBSnapshot": ("db-snapshot", "TargetDBSnapshotIdentifier"),
    "rds.CopyDBClusterSnapshot": ("db-cluster-snapshot", "TargetDBClusterSnapshotIdentifier"),
    "rds.CreateDBClusterParameterGroup": ("db-cluster-parameter-group", "DBClusterParameterGroupName"),
    "rds.CreateDBParameterGroup": ("db-parameter-group", "DBParameterGroupName"),
    "rds.CreateDBSubnetGroup": ("db-subnet-group", "DBSubnetGroupName"),
    "ec2.CreateSecurityGroup": ("security-group", "GroupName"),
}
_NAMED: Mapping[ResourceKind, str] = {
    "db-instance": "DBInstanceIdentifier",
    "db-cluster": "DBClusterIdentifier",
    "security-group": "GroupName",
}
_COPIES: Mapping[ResourceKind, Kind] = {kind.copy: kind for kind in KINDS.values()}


def resources(recovery: Recovery) -> Iterator[Difference]:
    """Yield what the drill made by AWS's answers and its record lacks, and instances that AWS still knew at the end."""
    known = {(each.kind, each.id): each for each in recovery.recorded.resources}
    identities = _identities(recovery.evidence)
    for operation, (kind, member) in _MAKES.items():
        for call in recovery.aws.of(operation):
            name = str(call["parameters"].get(member, ""))
            if call["process"] in ("features", "lock") and call["error"] is None and (kind, name) not in known:
                yield Difference(f"resources[{name}]", "nothing", f"a {kind}, made at {call['at']}")
    for (kind, name), each in known.items():
        if kind in _COPIES and each.state == "gone" and each.note != WITH_SANDBOX:
            status, at = last_status(recovery, _COPIES[kind], name)
            if at:
                yield Difference(f"resources[{name}].state", "gone", f"{status} at {at}")
        told = identities.get((kind, name))
        if told and each.resource_id and each.resource_id not in told:
            yield Difference(f"resources[{name}].resource_id", each.resource_id, " or ".join(sorted(told)))


def _identities(evidence: Evidence) -> Mapping[tuple[ResourceKind, str], set[str]]:
    """Return each identity that AWS told, by kind and name of the thing; a cut-over gives the source's name to the copy."""
    found: dict[tuple[ResourceKind, str], set[str]] = {}
    trees: list[Any] = [{**call["parameters"], **call["answer"]} for call in evidence.calls if call["answer"]]
    while trees:
        tree = trees.pop()
        if isinstance(tree, list):
            trees += tree
        elif isinstance(tree, Mapping):
            trees += tree.values()
            for kind, member in _NAMED.items():
                name, identity = tree.get(member), IDENTITY[kind]
                if isinstance(name, str) and identity in tree:
                    found.setdefault((kind, name), set()).add(str(tree[identity]))
    return found


def calls(evidence: Evidence) -> Iterator[Difference]:
    """Yield where the record counts other calls than raw/aws has; a run of a version that counted none has none of it."""
    recorded = evidence.record.aws_calls
    if recorded or any("repeated" in each for each in evidence.calls):
        yield from between("aws_calls", recorded, count_calls(evidence.calls))
