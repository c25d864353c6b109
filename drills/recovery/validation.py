"""Validates what a restore test of AWS Backup made: the checks of a drill, on an instance that the drill did not restore.

AWS Backup made the instance and AWS Backup deletes it: nothing is made and nothing removed here. One thing is changed, its
master password, and only of an instance that the job made for a restore test and nobody else can mean.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from datetime import datetime, timedelta

from drills import errors
from drills.aws import read as aws
from drills.aws.databases.kinds import CLUSTER, INSTANCE, KINDS
from drills.aws.guarded.names import RESTORE_TEST_TAG
from drills.aws.remedies import advice
from drills.aws.restore_jobs import describe_job
from drills.aws.session import Clients
from drills.checks import suite
from drills.checks.manifest import Manifest
from drills.checks.server import isolation
from drills.clock import Clock, wait_until
from drills.config.target import Target
from drills.durations import show_duration
from drills.errors import CheckUnavailable, Refused, RestoreFailed
from drills.model.finding import Verdict
from drills.model.instance import Instance
from drills.model.point import PointSelector, RecoveryPoint
from drills.model.record import Failure, Promise, PromiseOutcome, RunRecord
from drills.model.restore_job import ENDED, RestoreJob, RestoreTest, ValidationStatus
from drills.model.timing import Disaster, Measurement
from drills.plural import counted
from drills.record import Journal
from drills.recovery.drill import Drill
from drills.recovery.judged import Checks, ShownChecks
from drills.recovery.restore import open_restored
from drills.recovery.setup import Setup

VERDICT = "restore test"
FEATURE, NAME = "AWS Backup restore testing", "What a restore test made holds what its recovery point should"
LONGEST_MESSAGE = 900  # characters, to which the digest of the evidence is added; the API reference sets no limit
_SLACK = timedelta(minutes=5)
# AWS Backup chooses the groups of what a restore test makes, so that they say nothing about the backup
NOT_JUDGED = ("harmless", isolation.NAME)
WHY_SHOWN = "not judged: AWS Backup chose the groups of this instance"


def shown_only(target: Target) -> tuple[str, ...]:
    """Return the checks whose results are shown: what AWS Backup chose is judged only where the owner's drill.toml says so."""
    return tuple(name for name in NOT_JUDGED if name not in target.checks)


def follow(clients: Clients, job_id: str, clock: Clock, *, every: float, timeout: float) -> RestoreJob:
    """Return a restore job once it has ended. RestoreFailed for one that did not complete, or not within `timeout` seconds."""
    seen: list[RestoreJob] = []

    def ended() -> bool:
        seen.append(describe_job(clients, job_id))
        return seen[-1].status in ENDED

    try:
        wait_until(ended, timeout, clock, every=every, what=f"the restore job {job_id} to end")
    except TimeoutError as error:
        raise RestoreFailed(f"{error}: it is {seen[-1].status}; call this again when it has ended") from error
    job = seen[-1]
    if job.status != "COMPLETED":
        raise RestoreFailed(
            f"expected the restore job {job_id} to complete, found {job.status}: {job.message or 'AWS Backup says no reason'}; "
            + advice(job.message, "there is no instance to look at, and AWS Backup takes no result for it")
        )
    return job


def find_instance(clients: Clients, job: RestoreJob, protected: Collection[str]) -> Instance:
    """Return the instance that a restore test made. Refused for every other, since its master password will be changed.

    `protected` are the identifiers of the sources. Raises CheckUnavailable where the instance is gone.
    """
    check_job(job)
    check_made(job, protected)
    found = aws.describe_instance(clients, job.instance, KINDS[job.kind])
    if found is None:
        raise CheckUnavailable(
            f"expected the {job.kind} {job.instance} of the restore job {job.id}, found none: AWS Backup deletes it at the end "
            "of the validation window; validate earlier, or give the plan's selection a longer window"
        )
    check_instance(job, found)
    return found


def check_job(job: RestoreJob) -> None:
    """Refuse a job that is no restore test of an RDS instance, whether it has ended or not. Pure."""
    if job.resource_type not in ("", INSTANCE.protected, CLUSTER.protected):
        raise Refused(
            f"expected a restore job of RDS or Aurora, found one of {job.resource_type}: validate that another way"
        )
    if not job.plan_arn:
        raise Refused(
            f"expected a job that a restore testing plan started, found that somebody started {job.id}: its instance may be "
            "in use, so that its password is not changed and no result is posted"
        )


def check_made(job: RestoreJob, protected: Collection[str]) -> None:
    """Refuse a completed job that names no RDS instance that it made, or names a source. Pure."""
    if not job.instance:
        raise Refused(f"expected the ARN of an RDS instance in the job {job.id}, found {job.created_arn or 'none'}")
    if job.instance in protected or job.created_arn == job.source_arn:
        raise Refused(
            f"expected an instance that the job {job.id} made, found the source {job.instance}: it is not touched"
        )


def check_instance(job: RestoreJob, found: Instance) -> None:
    """Refuse an instance that is not the one that the job made: another ARN, no tag of restore tests, or older. Pure."""
    problem = ""
    if found.arn != job.created_arn:
        problem = f"the ARN {found.arn}, expected {job.created_arn}"
    elif RESTORE_TEST_TAG not in {key for key, _ in found.tags}:
        problem = f"no tag {RESTORE_TEST_TAG}"
    elif found.created_at and job.created_at and found.created_at < job.created_at - _SLACK:
        problem = f"that it was created at {found.created_at:%Y-%m-%d %H:%M:%S} UTC, before the job"
    if problem:
        raise Refused(
            f"expected {found.id} to be what the restore test {job.id} made, found {problem}: it may be somebody's, so that "
            "its password is not changed"
        )


def target_for(target: Target, job: RestoreJob) -> Target:
    """Return the target that an instance of a restore test is checked by. Pure.

    AWS Backup chose the point, so that the RPO is not judged by it. Its vault is where the point is looked for.
    """
    sample = PointSelector("named", job.point_arn)
    return target.model_copy(update={"sample": sample, "vault": job.vault or target.vault})


def setup_for(setup: Setup, job: RestoreJob) -> Setup:
    """Return the settings with which an instance of a restore test is checked."""
    return dataclasses.replace(setup, target=target_for(setup.target, job))


def checks_for(target: Target, checks: Checks = suite) -> ShownChecks:
    """Return the checks of a restore test of this target."""
    return ShownChecks(checks, shown_only(target), WHY_SHOWN)


def validate(
    setup: Setup, job: RestoreJob, manifest: Manifest | None, key: bytes | None, sources: Collection[str]
) -> None:
    """Check the instance of a completed restore test and record all of it; `setup` is from `setup_for`.

    Raises DrillError where it could not be checked.
    """
    journal, clients = setup.journal, setup.scratch_clients
    journal.enter("find the instance")
    instance = find_instance(clients, job, sources)
    note_job(journal, job, setup.clock.now())
    point = point_of(setup, job)
    source = aws.describe_instance(setup.clients, setup.target.instance, setup.kind)
    restored = open_restored(setup, point, source, instance, journal.enter)
    Drill(setup, manifest, key, checks_for(setup.target)).check(restored, point)


def note_job(journal: Journal, job: RestoreJob, now: datetime) -> None:
    """Record what AWS Backup did: when the loss is counted from, its verdict, and why there is no RTA."""
    created = job.created_at or now
    journal.update(disaster=Disaster(at=created, mode="now", declared_at=created))
    took = (job.completed_at - job.created_at).total_seconds() if job.completed_at and job.created_at else None
    said = f"AWS Backup restored {job.instance} by the job {job.id} of the plan {job.plan}"
    said += f" in {show_duration(took)}" if took is not None else ""
    journal.verdict(Verdict(VERDICT, "met", said, exit_code=errors.COULD_NOT_RUN))
    sentence = "RTA was not measured: AWS Backup restored the copy by itself, at an hour of its own"
    journal.append("measurements", Measurement("RTA", None, None, None, "own clock", sentence))
    told = f"the RTO is not judged by a restore test; {said}"
    journal.verdict(Verdict("rto", "not verified", told, "optional", errors.OBJECTIVE_MISSED))


def point_of(setup: Setup, job: RestoreJob) -> RecoveryPoint:
    """Return the recovery point that the job restored, as both APIs know it; where it is gone, as the job names it."""
    points = aws.recovery_points(setup.scratch_clients, job.source, job.vault or None, setup.kind)
    found = next((point for point in points if point.arn == job.point_arn), None)
    if found is not None:
        return found
    setup.journal.append(
        "notes", f"the recovery point {job.point_arn} is gone by now: only what the job says of it is known"
    )
    return RecoveryPoint(
        arn=job.point_arn,
        kind="awsbackup",
        snapshot_id="",
        vault=job.vault or None,
        status="gone",
        instance_id=job.source,
        dbi_resource_id=None,
        created_at=job.point_created_at,
        completed_at=None,
        data_time=job.point_created_at,
        data_time_source="RecoveryPointCreationDate of the restore job",
    )


# -- the result ---------------------------------------------------------------------------------------------------------


def judged(record: RunRecord, *, give_up: bool = False) -> tuple[ValidationStatus | None, str]:
    """Return the result to post, None for none, and its message or why there is none. Pure.

    A result is final and AWS Backup then deletes the instance, so that a copy that could not be verified gets none: it can be
    validated again until the window ends, when AWS Backup says TIMED_OUT. With `give_up` that is said now. The message names
    checks and the run, nothing of the database.
    """
    missed = [each.name for each in record.verdicts if each.outcome == "missed"]
    unverified = [each.name for each in record.unverified]
    met = sum(each.outcome == "met" for each in record.verdicts)
    by = f"drills run {record.run_id}"
    stamp = " SIMULATED: says nothing about recovery on AWS." if record.simulated else ""
    if missed:
        return "FAILED", _short(f"{by}: missed: {', '.join(missed)}; {met} met.{stamp}")
    if _stopped(record) or record.interrupted_by or unverified:
        reason = f"not verified: {', '.join(unverified)}" if unverified else "the copy could not be checked"
        reason = f"interrupted by {record.interrupted_by}" if record.interrupted_by else reason
        if give_up and not record.interrupted_by:
            return "TIMED_OUT", _short(f"{by}: {reason}; {met} met.{stamp}")
        return None, _short(f"{by}: {reason}")
    return "SUCCESSFUL", _short(f"{by}: {counted(met, 'check or objective', 'checks and objectives')} met.{stamp}")


def _stopped(record: RunRecord) -> tuple[Failure, ...]:
    """Return what kept the copy from being checked: a lock that is still there says nothing about it. Pure."""
    return tuple(each for each in record.failures if each.exit_code != errors.LEFT_BEHIND)


def promise(record: RunRecord, job_id: str) -> Promise:
    """Return the one promise that a validation keeps or breaks, as its reports list it. Pure."""
    missed = [each.sentence for each in record.verdicts if each.outcome == "missed"]
    if missed:
        return Promise(job_id, FEATURE, NAME, "failed", reason=missed[0])
    open_ones = [
        *(each.sentence for each in _stopped(record)),
        *([f"interrupted by {record.interrupted_by}"] if record.interrupted_by else []),
        *(each.sentence for each in record.unverified),
    ]
    outcome: PromiseOutcome = "broken" if open_ones else "passed"
    reason = open_ones[0] if open_ones else ""
    return Promise(job_id, FEATURE, NAME, outcome, reason=reason)


def record_of(job: RestoreJob, result: ValidationStatus | None, message: str) -> RestoreTest:
    """Return what the record holds of the restore test. Pure."""
    return RestoreTest(
        job.id,
        job.plan,
        job.instance,
        job.point_arn,
        job.created_at,
        job.completed_at,
        result or "",
        message,
    )


def _short(message: str) -> str:
    return message if len(message) <= LONGEST_MESSAGE else message[: LONGEST_MESSAGE - 1] + "…"
