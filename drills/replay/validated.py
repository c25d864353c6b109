"""Derives what a validation records of a restore test of AWS Backup, from the recorded answers about its job."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from drills.aws import read as aws
from drills.model.finding import CheckResult
from drills.model.point import RecoveryPoint
from drills.model.record import Promise, RunRecord, TargetSummary
from drills.model.restore_job import RestoreJob, RestoreTest
from drills.recovery import validation
from drills.recovery.judged import show
from drills.replay.recovery import Recovery

PROCESS = "validate"  # what the calls of a validation were made for, where nothing else is said


@dataclasses.dataclass(frozen=True, slots=True)
class Tested:
    """What follows from a completed restore job: a record with its verdicts and measurements, and the point that it restored."""

    record: RunRecord
    point: RecoveryPoint


def derive(recovery: Recovery, job: RestoreJob) -> Tested:
    """Return what follows from a restore job. Raises Refused where its instance was nobody's to open."""
    recorded = recovery.recorded
    target = TargetSummary(
        recovery.evidence.configuration.target_name, recovery.target.instance, recovery.configured.vault
    )
    empty = dataclasses.replace(recorded, target=target, verdicts=(), measurements=(), notes=(), disaster=None)
    setup = recovery.setup(PROCESS, recorded.started_at, empty)
    validation.check_job(job)
    validation.check_made(job, (recovery.target.instance,))
    found = aws.describe_instance(setup.scratch_clients, job.instance, setup.kind)
    if found is not None:
        validation.check_instance(job, found)
    validation.note_job(setup.journal, job, recorded.started_at)
    return Tested(setup.journal.record, recovery.with_lineage(validation.point_of(setup, job)))


def shown(recovery: Recovery, results: Iterable[CheckResult]) -> tuple[CheckResult, ...]:
    """Return the results of a restore test's checks, those of what AWS Backup chose as shown only."""
    names = validation.shown_only(recovery.target)
    return tuple(show(each, validation.WHY_SHOWN) if each.name in names else each for each in results)


def conclude(record: RunRecord, job: RestoreJob) -> tuple[RestoreTest, Promise]:
    """Return what is to be posted, and the promise, by a record whose verdicts are derived."""
    gave_up = record.restore_test is not None and record.restore_test.result == "TIMED_OUT"
    result, message = validation.judged(record, give_up=gave_up)
    return validation.record_of(job, result, message), validation.promise(record, job.id)
