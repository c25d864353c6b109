"""The resources of AWS Backup: vaults, backup and copy jobs, recovery points, restore jobs. States follow from the time."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from drills.sandbox.backup.kinds.protected import Protected, type_of

AIR_GAPPED, RESTORE_ACCESS = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT", "RESTORE_ACCESS_BACKUP_VAULT"
POINT_STATUSES = ("COMPLETED", "PARTIAL", "DELETING", "EXPIRED", "AVAILABLE", "STOPPED", "CREATING")
VALIDATIONS = ("SUCCESSFUL", "FAILED", "TIMED_OUT", "VALIDATING")
FAILURE_SHARE = 0.6  # the share of its time after which a job fails for which the fault `job-fails` is armed
FAILURE_MESSAGE = "The job failed at 60 %: the fault job-fails was armed in this sandbox."
_CREATED_UNTIL, _PENDING_UNTIL = 0.2, 0.3  # the shares of a job's time in which it is still CREATED or PENDING


@dataclass
class Vault:
    """A backup vault; attributes have the names of moto's own vault, which moto's tagging API reads.

    An empty `encryption_key_arn` is a key that AWS owns. A vault for access gives access to that of `source_arn`, once the team
    has approved.
    """

    backup_vault_name: str
    backup_vault_arn: str
    encryption_key_arn: str
    creation_date: datetime
    creator_request_id: str | None = None
    locked: bool = False
    min_retention_days: int | None = None
    max_retention_days: int | None = None
    lock_date: datetime | None = None
    policy: str | None = None
    notifications: dict[str, Any] = field(default_factory=dict)
    vault_type: str = "BACKUP_VAULT"
    state: str = "AVAILABLE"
    source_arn: str = ""
    team_arn: str = ""
    session_arn: str = ""

    def lock_violation(self, lifecycle: Mapping[str, int]) -> str:
        """Return why the lock refuses this lifecycle, empty when it does not (PutBackupVaultLockConfiguration)."""
        days = lifecycle.get("DeleteAfterDays", -1)
        low, high = self.min_retention_days, self.max_retention_days
        if self.locked and low is not None and 0 < days < low:
            return f"The retention of {days} days is shorter than the {low} days that the vault's lock requires."
        if self.locked and high is not None and not 0 < days <= high:
            retention = f"of {days} days" if days > 0 else "without end"
            return f"The retention {retention} is longer than the {high} days that the vault's lock allows."
        return ""


@dataclass(frozen=True, slots=True)
class JobEnd:
    """The end of a job that does not complete: its state, the share of its time after which it ends, and the message."""

    state: str
    share: float
    message: str


@dataclass
class Progress:
    """How far a job is: it follows from when the job began and how many seconds it takes."""

    created_at: datetime
    seconds: float
    started_at: datetime | None = None
    end: JobEnd | None = None

    def share(self, now: datetime) -> float:
        """Return how much of the job's time has passed: 0 to 1, or up to the share at which it fails."""
        if self.started_at is None:
            return 0.0
        done = 1.0 if self.seconds <= 0 else (now - self.started_at).total_seconds() / self.seconds
        return max(0.0, min(self.end.share if self.end else 1.0, done))

    def state(self, now: datetime) -> str:
        """Return CREATED, PENDING, RUNNING, COMPLETED, or the state of `end`."""
        if self.started_at is None:
            return "CREATED"
        share = self.share(now)
        if self.end is not None and share >= self.end.share:
            return self.end.state
        if share >= 1:
            return "COMPLETED"
        return "CREATED" if share < _CREATED_UNTIL else "PENDING" if share < _PENDING_UNTIL else "RUNNING"

    @property
    def completed_at(self) -> datetime:
        """When the job ended or will end."""
        share = self.end.share if self.end else 1.0
        return (self.started_at or self.created_at) + timedelta(seconds=max(0.0, self.seconds) * share)

    def message(self, now: datetime) -> str:
        """Return why the job did not complete; empty while it runs and when it completed."""
        return self.end.message if self.end is not None and self.state(now) == self.end.state else ""


@dataclass
class BackupJob:
    """A backup, on demand or by a plan. It waits for its instance until `start_by`. `vault_lock`: LOCKED or UNLOCKED then."""

    id: str
    role_arn: str
    resource_arn: str
    resource_name: str
    vault: str
    progress: Progress
    lifecycle: dict[str, int] = field(default_factory=dict)
    start_by: datetime | None = None
    complete_minutes: int = 0
    tags: dict[str, str] = field(default_factory=dict)
    copy_actions: list[dict[str, Any]] = field(default_factory=list)
    created_by: dict[str, str] = field(default_factory=dict)
    point_arn: str = ""
    size_bytes: int = 0
    kms_key_id: str | None = None
    vault_lock: str = ""

    @property
    def created_at(self) -> datetime:
        """When the job was created."""
        return self.progress.created_at

    def state(self, now: datetime) -> str:
        """Return the state of its progress, or EXPIRED when it could not start within its window."""
        if self._waits and self.start_by is not None and now >= self.start_by:
            return "EXPIRED"
        return self.progress.state(now)

    @property
    def completed_at(self) -> datetime:
        """When the job ended or will end."""
        return self.start_by if self._waits and self.start_by is not None else self.progress.completed_at

    def message(self, now: datetime) -> str:
        """Return why the job did not complete."""
        if self.progress.started_at is None and self.state(now) == "EXPIRED":
            return "Backup job failed to start within the start window."
        return self.progress.message(now)

    @property
    def _waits(self) -> bool:
        return self.progress.started_at is None and self.progress.end is None


@dataclass
class CopyJob:
    """A copy of a recovery point to another vault, of this region or another."""

    id: str
    role_arn: str
    resource_arn: str
    resource_name: str
    progress: Progress
    lifecycle: dict[str, int]
    source_arn: str
    source_vault_arn: str
    destination_vault_arn: str
    backup_job_id: str = ""
    created_by: dict[str, str] = field(default_factory=dict)
    point_arn: str = ""
    size_bytes: int = 0
    kms_key_id: str | None = None

    @property
    def created_at(self) -> datetime:
        """When the job was created."""
        return self.progress.created_at

    @property
    def completed_at(self) -> datetime:
        """When the job ended or will end."""
        return self.progress.completed_at

    def state(self, now: datetime) -> str:
        """Return the state of its progress; a copy job has no PENDING (API reference, CopyJob)."""
        state = self.progress.state(now)
        return "CREATED" if state == "PENDING" else state

    def message(self, now: datetime) -> str:
        """Return why the job did not complete."""
        return self.progress.message(now)


@dataclass
class RecoveryPoint:
    """A backup in a vault: of a database a snapshot of type `awsbackup` in RDS, of a table a resource of AWS Backup itself.

    `taken_at` is set on a copy: when its source was made. `database` is set while the data are still to be copied
    from it. `forced_status` and `expires_at` are set by the control API for tests. `deletion_problem` says why the
    lifecycle could not delete the point.
    """

    arn: str
    vault: str
    resource_arn: str
    resource_name: str
    role_arn: str
    created_at: datetime
    completed_at: datetime
    lifecycle: dict[str, int]
    kms_key_id: str | None = None
    size_bytes: int = 0
    created_by: dict[str, str] = field(default_factory=dict)
    source_vault_arn: str = ""
    taken_at: datetime | None = None
    last_restore: datetime | None = None
    forced_status: str = ""
    expires_at: datetime | None = None
    deletion_problem: str = ""
    database: Protected | None = None
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def resource_type(self) -> str:
        """`RDS`, `Aurora` or `DynamoDB`."""
        return type_of(self.resource_arn)

    def status(self, now: datetime) -> str:
        """Return the status; a point past its lifecycle is EXPIRED until AWS Backup has removed it."""
        if self.forced_status:
            return self.forced_status
        if self.deletion_problem or (self.delete_at and self.delete_at <= now):
            return "EXPIRED"
        return "COMPLETED" if self.completed_at <= now else "CREATING"

    @property
    def delete_at(self) -> datetime | None:
        """When the lifecycle ends, None when the point is kept without end. `expires_at` replaces it and deletes nothing."""
        days = self.lifecycle.get("DeleteAfterDays", -1)
        return self.expires_at or (self.created_at + timedelta(days=days) if days > 0 else None)


@dataclass
class RestoreJob:
    """A restore that AWS Backup requested; its status follows the status of what is made, `name`."""

    id: str
    point: RecoveryPoint
    name: str
    role_arn: str
    created_at: datetime
    metadata: dict[str, str]
    created_arn: str = ""
    ended_at: datetime | None = None
    outcome: str = ""
    message: str = ""
    fails_at: datetime | None = None
    testing_plan_arn: str = ""
    delete_by: datetime | None = None
    validation: str = ""
    validation_message: str = ""
    deletion: str = ""
    deletion_message: str = ""
    vault_arn: str = ""


def new_job_id() -> str:
    """Return an id for a job, written as AWS Backup writes them."""
    return str(uuid.uuid4()).upper()
