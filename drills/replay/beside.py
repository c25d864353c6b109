"""Derives what stands beside the recovery: posture, cut-over, scenarios, and the times that AWS's answers bear out."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from drills.cutover import judge as cutover
from drills.cutover.model import State, read_entry, replay_journal
from drills.cutover.observed import MoveSeen, RollbackSeen
from drills.durations import show_duration
from drills.model.finding import CheckResult, Verdict
from drills.model.record import RunRecord
from drills.objectives import acknowledged, timeline
from drills.posture import judge as posture_judge
from drills.posture import read as posture_read
from drills.posture.observed import PostureSeen
from drills.replay.bundle import Evidence
from drills.replay.differences import Difference, between
from drills.replay.recovery import Recovery

TOLERANCE = timedelta(seconds=2)  # between an instant of the record and that of the call that bears it out
_RESTORES = ("rds.RestoreDBInstanceFromDBSnapshot", "rds.RestoreDBInstanceToPointInTime")
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


def _state(journal: tuple[str, ...]) -> State | None:
    return replay_journal([read_entry(line) for line in journal]) if journal else None


# -- scenarios --------------------------------------------------------------------------------------------------------


def scenarios(record: RunRecord, features: Any) -> Iterator[Difference]:
    """Yield each scenario whose outcome is not what its steps say; `features` is pytest-bdd's report.

    A scenario that was left out, or broke before its first step, has no steps there. pytest-bdd calls the steps of one that
    a step has skipped "passed".
    """
    told: dict[tuple[str, str], list[str]] = {}
    for feature in features:
        for scenario in feature.get("elements", ()):
            told.setdefault((feature["name"], scenario["name"]), []).append(_outcome(scenario))
    outcomes = Counter((each.feature, each.name) for each in record.promises)
    for promise in record.promises:
        known = told.get((promise.feature, promise.name), [])
        what = f"promises[{promise.name}].outcome"
        if promise.outcome == "passed" and known != ["passed"] * outcomes[promise.feature, promise.name]:
            yield Difference(what, "passed", ", ".join(known) or "no steps that passed")
        elif promise.outcome == "failed" and known and "failed" not in known:
            yield Difference(what, "failed", ", ".join(known))
        elif promise.outcome == "skipped" and "failed" in known:
            yield Difference(what, "skipped", "failed")
    recorded = {(each.feature, each.name) for each in record.promises}
    for (feature, name), each in told.items():
        if (feature, name) not in recorded:
            yield Difference(f"promises[{name}]", "nothing", ", ".join(each))


def _outcome(scenario: Mapping[str, Any]) -> str:
    statuses = {step["result"]["status"] for step in scenario["steps"]}
    return next((each for each in ("failed", "skipped") if each in statuses), "passed")


# -- resources --------------------------------------------------------------------------------------------------------

# by the operation that makes something in a run's own process: the kind, and the member of the request that has its name
_MAKES = {
    "rds.RestoreDBInstanceFromDBSnapshot": ("db-instance", "DBInstanceIdentifier"),
    "rds.RestoreDBInstanceToPointInTime": ("db-instance", "TargetDBInstanceIdentifier"),
    "rds.CopyDBSnapshot": ("db-snapshot", "TargetDBSnapshotIdentifier"),
    "rds.CreateDBParameterGroup": ("db-parameter-group", "DBParameterGroupName"),
    "rds.CreateDBSubnetGroup": ("db-subnet-group", "DBSubnetGroupName"),
    "ec2.CreateSecurityGroup": ("security-group", "GroupName"),
}
WITH_SANDBOX = "went with the sandbox"


def resources(recovery: Recovery) -> Iterator[Difference]:
    """Yield what the drill made by AWS's answers and its record lacks, and instances that AWS still knew at the end."""
    known = {(each.kind, each.id): each for each in recovery.recorded.resources}
    for operation, (kind, member) in _MAKES.items():
        for call in recovery.aws.of(operation):
            name = str(call["parameters"].get(member, ""))
            if call["process"] == "features" and call["error"] is None and (kind, name) not in known:
                yield Difference(f"resources[{name}]", "nothing", f"a {kind}, made at {call['at']}")
    for (kind, name), each in known.items():
        answers = recovery.aws.of("rds.DescribeDBInstances", DBInstanceIdentifier=name)
        there = answers and answers[-1]["answer"] and answers[-1]["answer"].get("DBInstances")
        if kind == "db-instance" and each.state == "gone" and there and each.note != WITH_SANDBOX:
            yield Difference(f"resources[{name}].state", "gone", f"{_status(answers[-1])} at {answers[-1]['at']}")


# -- times ------------------------------------------------------------------------------------------------------------


def times(recovery: Recovery) -> Iterator[Difference]:
    """Yield what of the phases and moments AWS's recorded answers, or the phases themselves, contradict."""
    record = recovery.recorded
    yield from _contiguous(record)
    moments = {each.name: each for each in record.moments}
    for restoration in record.restorations:
        asked = [
            call
            for operation in _RESTORES
            for name in ("DBInstanceIdentifier", "TargetDBInstanceIdentifier")
            for call in recovery.aws.of(operation, **{name: restoration.instance_id})
            if call["answer"]
        ]
        if asked and restoration.purpose == "recovery" and timeline.ACCEPTED in moments:
            yield from _apart(f"moments[{timeline.ACCEPTED}].at", moments[timeline.ACCEPTED].at, _at(asked[0]))
        answers = recovery.aws.of("rds.DescribeDBInstances", DBInstanceIdentifier=restoration.instance_id)
        for change in restoration.statuses:
            near = [call for call in answers if abs(_at(call) - change.at) <= TOLERANCE]
            if change.status != "unknown" and change.status not in {_status(call) for call in near}:
                seen = ", ".join(sorted(set(map(_status, near)) - {""})) or "no answer at that time"
                what = f"restorations[{restoration.instance_id}].statuses[{change.status}]"
                yield Difference(what, f"{change.status} at {change.at}", seen)


def _contiguous(record: RunRecord) -> Iterator[Difference]:
    for before, after in zip(record.phases, record.phases[1:], strict=False):
        if before.end_seconds is None or abs(before.end_seconds - after.start_seconds) > 1e-6:
            yield Difference(
                f"phases[{after.name}].start_seconds",
                str(after.start_seconds),
                f"{before.end_seconds}, where the one before ends",
            )
    for phase in record.phases:
        since = (phase.started_at - record.started_at).total_seconds()
        if abs(since - phase.start_seconds) > TOLERANCE.total_seconds() + 0.001 * since:
            what = f"phases[{phase.name}].start_seconds"
            yield Difference(what, show_duration(phase.start_seconds), f"{show_duration(since)} by the wall clock")


def _apart(what: str, recorded: datetime, called: datetime) -> tuple[Difference, ...]:
    return () if abs(recorded - called) <= TOLERANCE else between(what, str(recorded), f"{called}, by AWS's answer")


def _at(call: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(call["at"])


def _status(call: Mapping[str, Any]) -> str:
    found = (call["answer"] or {}).get("DBInstances") or [{}]
    return str(found[0].get("DBInstanceStatus", ""))
