"""Backup jobs, on demand and by plans. The data are copied when the job starts; its states follow over its time."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from moto.backup.exceptions import InvalidParameterValueException, InvalidRequestException, ResourceNotFoundException
from moto.core.exceptions import ServiceException

from drills.sandbox.backup.base import new_id, read_lifecycle, required
from drills.sandbox.backup.models import FAILS_AT, FAULT, BackupJob, JobEnd, RecoveryPoint
from drills.sandbox.backup.points import BackupPoints
from drills.sandbox.rds.instances import SandboxInstance

START_MINUTES, COMPLETE_MINUTES = 480, 10_080  # the service's own windows: 8 hours, 7 days
LEAST_START = 60
# a server runs in these statuses, so its data can be copied when the clock is wound over a schedule
_RUNNING = ("available", "backing-up", "modifying", "rebooting", "storage-optimization")


class BackupJobs(BackupPoints):
    """The backup jobs of one region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.jobs: dict[str, BackupJob] = {}
        self.due_copies: list[tuple[datetime, BackupJob, Mapping[str, Any]]] = []

    def start_backup_job(self, given: Mapping[str, Any]) -> BackupJob:
        """StartBackupJob for an RDS instance: the data are copied now, or as soon as the instance lets it."""
        required(given, "BackupVaultName", "ResourceArn", "IamRoleArn")
        earlier = self.once("StartBackupJob", given.get("IdempotencyToken"))
        if earlier is not None:
            return self.job(earlier)
        vault = self.vault(given["BackupVaultName"]).backup_vault_name
        self.instance_of(given["ResourceArn"])
        start, complete = read_windows(given.get("StartWindowMinutes"), given.get("CompleteWindowMinutes"))
        job = self.new_job(given["ResourceArn"], vault, given["IamRoleArn"], self.now())
        job.lifecycle = read_lifecycle(given.get("Lifecycle"))
        job.start_by, job.complete_minutes = job.created_at + timedelta(minutes=start), complete
        job.tags = dict(given.get("RecoveryPointTags") or {})
        self.remember("StartBackupJob", given.get("IdempotencyToken"), job.id)
        self.begin(job, job.created_at)
        return job

    def new_job(self, resource_arn: str, vault: str, role: str, at: datetime) -> BackupJob:
        """A job that has not begun."""
        name = resource_arn.split(":db:", 1)[1]
        job = BackupJob(new_id(), role, resource_arn, name, at, self.plane.delays.backup_job, {}, vault=vault)
        self.jobs[job.id] = job
        return job

    def instance_of(self, arn: str) -> SandboxInstance:
        """The instance of an ARN; AWS's errors for other resources and for unknown ones."""
        prefix, _, name = arn.partition(":db:")
        if not prefix.startswith("arn:aws:rds:") or not name:
            raise InvalidParameterValueException(f"This sandbox backs up RDS instances only, not {arn}.")
        db = self.rds.databases.get(name)
        if not isinstance(db, SandboxInstance) or db.arn != arn:
            raise ResourceNotFoundException(f"The resource {arn} does not exist.")
        return db

    def begin(self, job: BackupJob, at: datetime) -> None:
        """Start a job at an instant, or leave it waiting where its instance is in no state for it.

        Now, the data are copied and the instance is `backing-up` for a while. For an instant that the clock is being
        wound over, the point has its instance to copy from later (`materialise`).
        """
        name, vault = job.resource_name, self.vaults.get(job.vault)
        problem = vault.breach(job.lifecycle) if vault else f"Backup vault {job.vault} not found"
        db = self.rds.databases.get(name)
        if problem or not isinstance(db, SandboxInstance):
            job.started_at, job.end = at, JobEnd("FAILED", 0.0, problem or f"The resource {name} does not exist.")
            return
        if db.status not in (_RUNNING if self.horizon else ("available",)):
            return
        if self.plane.faults.take("job-fails", service="backup", operation="StartBackupJob", name=name):
            job.started_at, job.end = at, JobEnd("FAILED", FAILS_AT, FAULT)
            return
        window = job.complete_minutes * 60
        if window and job.seconds > window:
            job.started_at = at
            job.end = JobEnd("EXPIRED", window / job.seconds, "Backup job expired before completion.")
            return
        job.tags = {tag["Key"]: tag["Value"] for tag in db.tags} | job.tags
        if self.horizon:
            job.started_at, job.kms_key_id = at, db.kms_key_id
            job.point_arn = f"arn:aws:rds:{self.region_name}:{self.account_id}:snapshot:awsbackup:job-{uuid.uuid4()}"
        elif not self._copy_now(job, at):
            return
        point = RecoveryPoint(
            job.point_arn, job.vault, job.resource_arn, name, job.role_arn, at, job.completed_at, job.lifecycle,
            job.kms_key_id, job.size_bytes, job.created_by, tags=job.tags,
        )  # fmt: skip
        point.database = db if self.horizon else None
        self.add_point(point)
        self.due_copies += [(job.completed_at, job, action) for action in job.copies]

    def _copy_now(self, job: BackupJob, at: datetime) -> bool:
        tags = [{"Key": key, "Value": value} for key, value in job.tags.items()]
        try:
            snapshot = self.rds.create_db_snapshot(
                job.resource_name,
                f"awsbackup:job-{uuid.uuid4()!s}",
                snapshot_type="awsbackup",
                tags=tags,
                delay=job.seconds,
            )
        except ServiceException as error:
            job.started_at, job.end = at, JobEnd("FAILED", 0.0, str(error.message))
            return False
        job.started_at = at
        # a copy that takes longer than the configured time makes the job as long as it took
        job.seconds = max(job.seconds, (self.now() - at).total_seconds())
        job.point_arn, job.size_bytes = snapshot.arn, snapshot.full_snapshot_size_in_bytes
        job.kms_key_id = snapshot.kms_key_id
        return True

    def retry_jobs(self) -> None:
        """Start the jobs whose instance has become free; a job past its start window is EXPIRED by itself."""
        now = self.now()
        for job in list(self.jobs.values()):
            if job.started_at is None and job.end is None and job.state(now) == "CREATED":
                self.begin(job, now)

    def job(self, job_id: str) -> BackupJob:
        """The backup job, or the error that AWS gives for an unknown one."""
        if job_id not in self.jobs:
            raise ResourceNotFoundException(f"Backup job {job_id} does not exist.")
        return self.jobs[job_id]

    def stop_backup_job(self, job_id: str) -> None:
        """StopBackupJob: "not supported for … Amazon RDS" (API reference), and there are no other resources here."""
        self.job(job_id)
        raise InvalidRequestException("Stopping a backup job is not supported for the resource type RDS.")


def read_windows(start: Any, complete: Any) -> tuple[int, int]:
    """The start and completion windows in minutes, the service's own where none is given.

    A start window has at least 60 minutes (API reference, BackupRuleInput). A completion window given with it is
    longer.
    """
    begin = START_MINUTES if start is None else int(start)
    end = max(COMPLETE_MINUTES, begin) if complete is None else int(complete)
    if not LEAST_START <= begin <= 52_560_000:
        raise InvalidParameterValueException(f"StartWindowMinutes must be 60 to 52560000, not {begin}.")
    if end < begin:
        raise InvalidParameterValueException(
            f"CompletionWindowMinutes ({end}) must not be shorter than StartWindowMinutes ({begin})."
        )
    return begin, end
