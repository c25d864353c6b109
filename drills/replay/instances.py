"""Holds what the record says of each restored copy against the recorded answers of AWS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from drills.aws.databases.described import read_cluster, read_instance
from drills.aws.databases.kinds import INSTANCE, KINDS, Kind
from drills.aws.guarded.names import ScratchNames
from drills.model.instance import Instance
from drills.model.record import Restoration
from drills.objectives import timeline
from drills.objectives.engine_version import EngineSeen
from drills.recovery.drill import CHOOSING
from drills.recovery.manifest.expected import ManifestSeen
from drills.recovery.observed import IsolationSeen
from drills.replay.differences import Difference, between
from drills.replay.held import TOLERANCE
from drills.replay.recorded_aws import with_instants
from drills.replay.recovery import Recovery

# the operations that restore a copy, each with the member that names it
_RESTORES = (
    ("rds.RestoreDBInstanceFromDBSnapshot", "DBInstanceIdentifier"),
    ("rds.RestoreDBInstanceToPointInTime", "TargetDBInstanceIdentifier"),
    ("rds.RestoreDBClusterFromSnapshot", "DBClusterIdentifier"),
    ("rds.RestoreDBClusterToPointInTime", "DBClusterIdentifier"),
)
_SNAPSHOTS, _MOMENTS = ("DBSnapshotIdentifier", "SnapshotIdentifier"), ("RestoreTime", "RestoreToTime")
_PURPOSES = ("recovery", "rehearsal", "moment")


def copies(recovery: Recovery) -> Iterator[Difference]:
    """Yield what of the restored copies the recorded answers contradict."""
    for restoration in recovery.recorded.restorations:
        what = f"restorations[{restoration.instance_id}]"
        yield from between(f"{what}.purpose", restoration.purpose, _purpose(recovery, restoration))
        by_another = recovery.job is not None or recovery.recorded.resumed_from is not None
        asked = requests(recovery, restoration.instance_id)
        if restoration.checks and not (by_another or asked):
            yield Difference(f"{what}.instance_id", restoration.instance_id, "nothing: AWS was not asked to restore it")
        if restoration.expectation not in (known := _expectations(recovery)):
            yield Difference(f"{what}.expectation", restoration.expectation, " or ".join(sorted(known)))
        yield from _facts(recovery, restoration, what)
        yield from _engine(recovery, restoration, asked, what)
        yield from _point(restoration, asked, what)
        yield from _statuses(recovery, restoration, what)
        yield from _isolation(recovery, restoration.instance_id, what)
    yield from _measured(recovery)


def _purpose(recovery: Recovery, restoration: Restoration) -> str:
    """Return what a copy was restored for, as its name says; that of a restore test is AWS Backup's own."""
    if recovery.recorded.restore_test is not None:
        return "recovery"
    run_id = recovery.recorded.owner
    found = [each for each in _PURPOSES if ScratchNames.of(run_id, each).instance == restoration.instance_id]
    return found[0] if found else f"nothing: no copy of run {run_id} has the name {restoration.instance_id}"


def _expectations(recovery: Recovery) -> set[str]:
    if recovery.evidence.manifest is None:
        return {"none"}
    if seen := recovery.evidence.seen(ManifestSeen):
        return {"none", seen[-1].strength}
    stored = recovery.recorded.restore_test is not None or recovery.evidence.configuration.profile != "sandbox"
    return {"none", "stored"} if stored else {"none", "at backup", "stored"}


def _facts(recovery: Recovery, restoration: Restoration, what: str) -> Iterator[Difference]:
    """Yield class, address and version that no answer about the copy has; those of a copy that was checked are known."""
    answers = _described(recovery, restoration.instance_id)
    sources = _described(recovery, recovery.target.instance)
    for name, value, seen in (
        ("instance_class", restoration.instance_class, [each.instance_class for each in answers]),
        ("engine_version", restoration.engine_version, [each.engine_version for each in answers]),
        ("host", restoration.host, [each.host for each in answers]),
        ("port", restoration.port, [each.port for each in answers]),
        ("source_class", restoration.source_class, [each.instance_class for each in sources]),
    ):
        reached = value or (seen and (_source_was_there(recovery) if name == "source_class" else restoration.checks))
        if reached and value not in seen:
            yield Difference(f"{what}.{name}", str(value), ", ".join(sorted({str(each) for each in seen})) or "nothing")


def _source_was_there(recovery: Recovery) -> bool:
    """Return whether AWS knew the source when the recovery point was chosen; one that came back later is not recorded."""
    kind = _kind(recovery)
    chosen = [call for call in _asked(recovery, recovery.target.instance, kind) if call["for"] == CHOOSING]
    return not chosen or any((call["answer"] or {}).get(kind.described) for call in chosen)


def _engine(
    recovery: Recovery, restoration: Restoration, asked: Sequence[Mapping[str, Any]], what: str
) -> Iterator[Difference]:
    """Yield where another lifecycle of the engine was decided on than was observed and asked for."""
    seen = recovery.evidence.seen(EngineSeen, restoration.instance_id)
    if seen:
        yield from between(f"{what}.engine", restoration.engine, seen[0].support)
    elif asked:
        setting = restoration.engine.setting if restoration.engine else None
        yield from between(f"{what}.engine.setting", setting, asked[0]["parameters"].get("EngineLifecycleSupport"))


def _isolation(recovery: Recovery, copy: str, what: str) -> Iterator[Difference]:
    """Yield where the instance or a group that was judged shut off is not one that AWS answered with."""
    told = [_shut_off(each) for each in _described(recovery, copy)]
    answers = [call["answer"] or {} for call in recovery.aws.of("ec2.DescribeSecurityGroups")]
    groups = [{**each, "Tags": None} for answer in answers for each in answer.get("SecurityGroups") or []]
    for seen in recovery.evidence.seen(IsolationSeen, copy):
        if _shut_off(seen.instance) not in told:
            yield Difference(
                f"{what}.checks[isolation]", f"an observation of {seen.instance.id}", "no answer of AWS that says so"
            )
        for each in seen.groups:
            if {**each, "Tags": None} not in groups:
                found = "no answer of AWS that says so"
                yield Difference(
                    f"{what}.checks[isolation]", f"an observation of {each.get('GroupId', 'a group')}", found
                )


def _shut_off(instance: Instance) -> tuple[Any, ...]:
    """Return what of an instance is judged: who can reach it, and what it would leave behind."""
    reached = (instance.publicly_accessible, instance.subnet_group, instance.security_groups)
    left = (instance.deletion_protection, instance.backup_retention_days, instance.log_exports)
    return (instance.id, instance.dbi_resource_id, *reached, *left)


def _point(restoration: Restoration, asked: Sequence[Mapping[str, Any]], what: str) -> Iterator[Difference]:
    """Yield where the copy was restored from something else than its point, as the request for it says."""
    point = restoration.point
    if point is None or not asked:
        return
    parameters = asked[0]["parameters"]
    snapshot, moment = (next(filter(None, map(parameters.get, names)), None) for names in (_SNAPSHOTS, _MOMENTS))
    copied = restoration.instance_id + "-copy"  # of a point in another region, or under another key
    if snapshot and snapshot not in (point.snapshot_id, point.arn, copied):
        yield Difference(f"{what}.point.snapshot_id", point.snapshot_id, str(snapshot))
    elif moment and (point.data_time is None or abs(_instant(moment) - point.data_time) > TOLERANCE):
        yield Difference(f"{what}.point.data_time", str(point.data_time), str(moment))


def _statuses(recovery: Recovery, restoration: Restoration, what: str) -> Iterator[Difference]:
    polls = _polls(recovery, restoration.instance_id)
    if polls and restoration.checks and not restoration.statuses:
        at, first = polls[0]
        yield Difference(f"{what}.statuses", "none", f"{_status(first)} at {at}, and others")
    for change in restoration.statuses:
        near = {_status(found) for at, found in polls if abs(at - change.at) <= TOLERANCE}
        if change.status != "unknown" and change.status not in near:
            seen = ", ".join(sorted(near - {""})) or "no answer at that time"
            yield Difference(f"{what}.statuses[{change.status}]", f"{change.status} at {change.at}", seen)


def _measured(recovery: Recovery) -> Iterator[Difference]:
    """Yield where the calls of the recovery do not lie in the phases and moments that say when they were made."""
    record = recovery.recorded
    moments = {each.name: each for each in record.moments}
    choosing = [call for call in recovery.aws.for_purpose(CHOOSING) if call["process"] == "features"]
    recovered = [each.instance_id for each in record.restorations if each.purpose == "recovery"]
    asked = [call for copy in recovered for call in requests(recovery, copy)]
    kind = _kind(recovery)
    passwords = [
        call for copy in recovered for call in recovery.aws.of(f"rds.{kind.modify}", **{kind.identifier: copy})
    ]
    for name, calls in (
        (CHOOSING, choosing),
        ("request the restore", asked),
        ("set the password", passwords),
    ):
        if calls and record.phases and not _lies_within(recovery, name, called_at(calls[0])):
            yield Difference(f"phases[{name}]", "no phase of that name then", f"AWS was asked at {calls[0]['at']}")
    if asked and timeline.ACCEPTED in moments and abs(moments[timeline.ACCEPTED].at - called_at(asked[0])) > TOLERANCE:
        found = f"{called_at(asked[0])}, by AWS's answer"
        yield Difference(f"moments[{timeline.ACCEPTED}].at", str(moments[timeline.ACCEPTED].at), found)
    created = [each.created_at for copy in recovered for each in _described(recovery, copy) if each.created_at]
    for name in timeline.CREATED.values():
        if created and name in moments and moments[name].at not in created:
            yield from between(f"moments[{name}].at", str(moments[name].at), str(created[-1]))


def _lies_within(recovery: Recovery, name: str, at: datetime) -> bool:
    return any(
        phase.name == name
        and phase.started_at - TOLERANCE <= at
        and (phase.ended_at is None or at <= phase.ended_at + TOLERANCE)
        for phase in recovery.recorded.phases
    )


def requests(recovery: Recovery, copy: str) -> list[Mapping[str, Any]]:
    """Return the requests to restore a copy that AWS accepted."""
    return [
        call for operation, name in _RESTORES for call in recovery.aws.of(operation, **{name: copy}) if call["answer"]
    ]


def _kind(recovery: Recovery) -> Kind:
    return KINDS[recovery.target.kind]


def _asked(recovery: Recovery, name: str, kind: Kind) -> list[Mapping[str, Any]]:
    return recovery.aws.of(f"rds.Describe{kind.described}", **{kind.identifier: name})


def _described(recovery: Recovery, name: str) -> list[Instance]:
    return [found for _, found in _polls(recovery, name) if found]


def _polls(recovery: Recovery, name: str) -> list[tuple[datetime, Instance | None]]:
    """Return what AWS answered about the source or a copy, each with its instant; None where it did not know it.

    A cluster is read with its writer, which the drill asked for right after it.
    """
    kind = _kind(recovery)
    found: list[tuple[datetime, Instance | None]] = []
    for call in _asked(recovery, name, kind):
        raw = ((call["answer"] or {}).get(kind.described) or [None])[0]
        if raw is None or kind is INSTANCE:
            found.append((called_at(call), read_instance(with_instants(raw)) if raw else None))
        else:
            found.append(_with_writer(recovery, called_at(call), raw))
    return found


def _with_writer(recovery: Recovery, at: datetime, raw: Mapping[str, Any]) -> tuple[datetime, Instance]:
    writers = [
        each["DBInstanceIdentifier"] for each in raw.get("DBClusterMembers") or () if each.get("IsClusterWriter")
    ]
    for writer in writers:
        later = (call for call in _asked(recovery, writer, INSTANCE) if called_at(call) >= at)
        if call := next(later, None):
            answer = ((call["answer"] or {}).get(INSTANCE.described) or [None])[0]
            return called_at(call), read_cluster(with_instants(raw), with_instants(answer) if answer else None)
    return at, read_cluster(with_instants(raw), None)


def called_at(call: Mapping[str, Any]) -> datetime:
    """Return the instant of a call's answer."""
    return datetime.fromisoformat(call["at"])


def _status(found: Instance | None) -> str:
    return found.status if found else ""


def last_status(recovery: Recovery, kind: Kind, name: str) -> tuple[str, str]:
    """Return the status that AWS told last of something that still was there then, and when; empty texts where it was gone."""
    asked = _asked(recovery, name, kind)
    rows = (asked[-1]["answer"] or {}).get(kind.described) if asked else None
    return (
        (str(rows[0].get("DBInstanceStatus") or rows[0].get("Status", "")), str(asked[-1]["at"])) if rows else ("", "")
    )


def _instant(text: str) -> datetime:
    found: datetime = with_instants(text, "Time")
    return found if isinstance(found, datetime) else datetime.fromisoformat(text)
