"""Backup jobs, on demand and by plans. The data are copied when the job starts; its states follow over its time."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from moto.backup.exceptions import InvalidParameterValueException, InvalidRequestException, ResourceNotFoundException
from moto.core.exceptions import ServiceException

from drills.sandbox.backup.kinds.protected import (
    DYNAMODB,
    EBS,
    EFS,
    FULLY_MANAGED,
    S3,
    NewPoint,
    Protected,
    name_of,
    type_of,
)
from drills.sandbox.backup.models import (
    FAILURE_MESSAGE,
    FAILURE_SHARE,
    BackupJob,
    JobEnd,
    Progress,
    RecoveryPoint,
    new_job_id,
)
from drills.sandbox.backup.points import Points, as_tag_list
from drills.sandbox.backup.region import Region
from drills.sandbox.backup.validation import read_lifecycle, read_windows, require_members
from drills.sandbox.backup.vaults import Vaults

# a server runs in these statuses, so that its data can be copied when the clock is moved forward over a schedule
_RUNNING = ("available", "backing-up", "modifying", "rebooting", "storage-optimization")

DueCopy = tuple[datetime, BackupJob, Mapping[str, Any]]


class BackupJobs:
    """The backup jobs of one region."""

    def __init__(self, region: Region, vaults: Vaults, points: Points) -> None:
        self._region = region
        self._vaults = vaults
        self._points = points
        self._jobs: dict[str, BackupJob] = {}
        self._due_copies: list[DueCopy] = []

    def __iter__(self) -> Iterator[BackupJob]:
        """Iterate over the jobs in the order of their creation."""
        return iter(list(self._jobs.values()))

    def get(self, job_id: str) -> BackupJob:
        """Return the backup job; ResourceNotFoundException for an unknown id."""
        if job_id not in self._jobs:
            raise ResourceNotFoundException(f"Backup job {job_id} does not exist.")
        return self._jobs[job_id]

    def start_on_demand(self, request: Mapping[str, Any]) -> BackupJob:
        """StartBackupJob: the data are copied now, or as soon as its status permits it."""
        require_members(request, "BackupVaultName", "ResourceArn", "IamRoleArn")
        earlier = self._region.tokens.find("StartBackupJob", request)
        if earlier is not None:
            return self.get(earlier)
        vault = self._vaults.get(request["BackupVaultName"]).backup_vault_name
        self._require_resource(request["ResourceArn"])
        start, complete = read_windows(request.get("StartWindowMinutes"), request.get("CompleteWindowMinutes"))
        job = self.create(request["ResourceArn"], vault, request["IamRoleArn"], self._region.now())
        job.lifecycle = read_lifecycle(request.get("Lifecycle"))
        job.start_by, job.complete_minutes = job.created_at + timedelta(minutes=start), complete
        job.tags = dict(request.get("RecoveryPointTags") or {})
        self._region.tokens.store("StartBackupJob", request, job.id)
        self.begin(job, job.created_at)
        return job

    def create(self, resource_arn: str, vault: str, role: str, at: datetime) -> BackupJob:
        """Create a job that has not begun."""
        progress = Progress(at, self._region.plane.delays.backup_job)
        job = BackupJob(new_job_id(), role, resource_arn, name_of(resource_arn), vault, progress)
        self._jobs[job.id] = job
        return job

    def stop(self, job_id: str) -> None:
        """StopBackupJob: "not supported for … Amazon Aurora … Amazon RDS" (API reference); of others it is absent."""
        kind = type_of(self.get(job_id).resource_arn)
        if kind in (DYNAMODB, EBS, EFS, S3):
            raise NotImplementedError(f"StopBackupJob of the resource type {kind} is absent from this sandbox.")
        raise InvalidRequestException(f"Stopping a backup job is not supported for the resource type {kind}.")

    def _require_resource(self, arn: str) -> None:
        """Raise AWS's error for an ARN that is not one of an existing resource of a type that is known here."""
        if not type_of(arn):
            raise InvalidParameterValueException(
                "This sandbox backs up RDS instances, Aurora clusters, DynamoDB tables, EBS volumes, EFS file systems and "
                f"S3 buckets only, not {arn}."
            )
        if self._region.resources.find(arn) is None:
            raise ResourceNotFoundException(f"The resource {arn} does not exist.")

    # -- the start of a job --------------------------------------------------------------------------------------

    def begin(self, job: BackupJob, at: datetime) -> None:
        """Start a job at an instant, or let it wait when its instance is in a status that permits no backup.

        Now, the data are copied and the instance is `backing-up` for a while. While the clock is moved forward over
        the instant, the point refers to its instance, and `Scheduler.copy_data` copies the data afterwards.
        """
        vault, db = self._vaults.find(job.vault), self._region.resources.find(job.resource_arn)
        problem = vault.lock_violation(job.lifecycle) if vault else f"Backup vault {job.vault} not found"
        job.vault_lock = "" if vault is None else "LOCKED" if vault.locked else "UNLOCKED"
        if problem or db is None:
            self._fail(job, at, JobEnd("FAILED", 0.0, problem or f"The resource {job.resource_name} does not exist."))
            return
        forwarding = self._region.forwarding_until is not None
        if db.status not in (_RUNNING if forwarding else ("available",)):
            return
        if end := self._injected_end(job):
            self._fail(job, at, end)
            return
        job.tags = {tag["Key"]: tag["Value"] for tag in db.tags} | job.tags
        if forwarding:
            job.progress.started_at, job.kms_key_id = at, self._key(job, db.kms_key_id)
            job.point_arn = self._region.point_arn(job.resource_arn, f"awsbackup:job-{uuid.uuid4()}")
        elif not self._copy_now(job, db, at):
            return
        self._add_point(job, at, db if forwarding else None)
        self._due_copies += [(job.completed_at, job, action) for action in job.copy_actions]

    def _injected_end(self, job: BackupJob) -> JobEnd | None:
        """Return how a fault or the completion window ends the job, None when neither does."""
        if self._region.plane.faults.take(
            "job-fails", service="backup", operation="StartBackupJob", name=job.resource_name
        ):
            return JobEnd("FAILED", FAILURE_SHARE, FAILURE_MESSAGE)
        window, seconds = job.complete_minutes * 60, job.progress.seconds
        if window and seconds > window:
            return JobEnd("EXPIRED", window / seconds, "Backup job expired before completion.")
        return None

    def _copy_now(self, job: BackupJob, resource: Protected, at: datetime) -> bool:
        """Copy the data of the job's resource; False when its service refused, which has failed the job."""
        wanted = NewPoint(f"awsbackup:job-{uuid.uuid4()!s}", as_tag_list(job.tags), job.progress.seconds)
        try:
            taken = self._region.resources.take(resource, wanted)
        except ServiceException as error:
            self._fail(job, at, JobEnd("FAILED", 0.0, str(error.message)))
            return False
        job.progress.started_at = at
        # a copy that takes longer than the configured time makes the job as long as it took
        job.progress.seconds = max(job.progress.seconds, (self._region.now() - at).total_seconds())
        job.point_arn, job.size_bytes = taken.arn, self._region.resources.size_of(taken.arn)
        job.kms_key_id = self._key(job, taken.kms_key_id)
        return True

    def _key(self, job: BackupJob, own: str | None) -> str | None:
        """Return the key of the job's point: its service's own, or the vault's where AWS Backup manages the resource fully."""
        return self._vaults.get(job.vault).encryption_key_arn if type_of(job.resource_arn) in FULLY_MANAGED else own

    def _add_point(self, job: BackupJob, at: datetime, database: Protected | None) -> None:
        self._points.add(
            RecoveryPoint(
                job.point_arn,
                job.vault,
                job.resource_arn,
                job.resource_name,
                job.role_arn,
                at,
                job.completed_at,
                job.lifecycle,
                job.kms_key_id,
                job.size_bytes,
                job.created_by,
                database=database,
                tags=job.tags,
            )
        )

    def _fail(self, job: BackupJob, at: datetime, end: JobEnd) -> None:
        job.progress.started_at, job.progress.end = at, end

    # -- what follows later --------------------------------------------------------------------------------------

    def retry_waiting(self) -> None:
        """Start the jobs whose instance permits a backup again; a job past its start window is EXPIRED by itself."""
        now = self._region.now()
        for job in self:
            if job.progress.started_at is None and job.progress.end is None and job.state(now) == "CREATED":
                self.begin(job, now)

    def take_due_copies(self, until: datetime) -> list[DueCopy]:
        """Return the copies of rules whose backup completes up to `until`, in order, and forget them."""
        due = [each for each in self._due_copies if each[0] <= until]
        self._due_copies = [each for each in self._due_copies if each[0] > until]
        return sorted(due, key=lambda each: each[0])
