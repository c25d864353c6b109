"""What AWS Backup keeps: vaults, backup and copy jobs, recovery points, restore jobs. States are functions of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from drills.sandbox.rds.instances import SandboxInstance

POINT_STATUSES = ("COMPLETED", "PARTIAL", "DELETING", "EXPIRED", "AVAILABLE", "STOPPED", "CREATING")
VALIDATIONS = ("SUCCESSFUL", "FAILED", "TIMED_OUT", "VALIDATING")
ENDED = ("COMPLETED", "FAILED", "EXPIRED", "ABORTED")
FAILS_AT = 0.6  # the share of a job's time after which an armed `job-fails` strikes
FAULT = "The job failed at 60 %: the fault job-fails was armed in this sandbox."
_CREATED_UNTIL, _PENDING_UNTIL = 0.2, 0.3  # the shares of a job's time in which it is still CREATED or PENDING


@dataclass
class Vault:
    """A backup vault; the attribute names are those that moto's own vault has."""

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

    def breach(self, lifecycle: Mapping[str, int]) -> str:
        """Why the lock refuses this lifecycle; empty when it does not (PutBackupVaultLockConfiguration)."""
        days = lifecycle.get("DeleteAfterDays", -1)
        low, high = self.min_retention_days, self.max_retention_days
        if self.locked and low is not None and 0 < days < low:
            return f"The retention of {days} days is shorter than the {low} days that the vault's lock requires."
        if self.locked and high is not None and not 0 < days <= high:
            kept = f"of {days} days" if days > 0 else "without end"
            return f"The retention {kept} is longer than the {high} days that the vault's lock allows."
        return ""


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How a job ends that does not complete: its state, after which share of its time, and the message."""

    state: str
    share: float
    message: str


@dataclass
class TimedJob:
    """A job whose state follows from when it began and how long it takes."""

    id: str
    role_arn: str
    resource_arn: str
    resource_name: str
    created_at: datetime
    seconds: float
    lifecycle: dict[str, int]
    started_at: datetime | None = None
    end: JobEnd | None = None
    point_arn: str = ""
    size_bytes: int = 0
    kms_key_id: str | None = None
    created_by: dict[str, str] = field(default_factory=dict)

    def share(self, now: datetime) -> float:
        """How much of the job's time has passed, 0 to 1, or to the share at which it fails."""
        if self.started_at is None:
            return 0.0
        done = 1.0 if self.seconds <= 0 else (now - self.started_at).total_seconds() / self.seconds
        return max(0.0, min(self.end.share if self.end else 1.0, done))

    def state(self, now: datetime) -> str:
        """CREATED, PENDING, RUNNING, COMPLETED, or how it ended otherwise."""
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
        """Why the job ended as it did; empty while it runs or when it completed."""
        return self.end.message if self.end is not None and self.state(now) == self.end.state else ""


@dataclass
class BackupJob(TimedJob):
    """A backup, on demand or by a plan. It waits for its instance until `start_by`."""

    vault: str = ""
    start_by: datetime | None = None
    complete_minutes: int = 0
    tags: dict[str, str] = field(default_factory=dict)
    copies: list[dict[str, Any]] = field(default_factory=list)

    def state(self, now: datetime) -> str:
        """As any job's; EXPIRED when it could not start within its window."""
        if self.started_at is None and self.end is None and self.start_by is not None and now >= self.start_by:
            return "EXPIRED"
        return super().state(now)

    @property
    def completed_at(self) -> datetime:
        """When the job ended or will end."""
        if self.started_at is None and self.end is None and self.start_by is not None:
            return self.start_by
        return super().completed_at

    def message(self, now: datetime) -> str:
        """Why the job ended as it did."""
        if self.started_at is None and self.state(now) == "EXPIRED":
            return "Backup job failed to start within the start window."
        return super().message(now)


@dataclass
class CopyJob(TimedJob):
    """A copy of a recovery point to another vault, of this region or another."""

    source_arn: str = ""
    source_vault_arn: str = ""
    destination_vault_arn: str = ""
    backup_job_id: str = ""

    def state(self, now: datetime) -> str:
        """A copy job has no PENDING."""
        state = super().state(now)
        return "CREATED" if state == "PENDING" else state


@dataclass
class RecoveryPoint:
    """A backup in a vault, which is a DB snapshot of type `awsbackup` in RDS.

    `taken_at` is a copy's: when its source was made. `database` is set while the data are still to be copied from it.
    `stuck` says why the lifecycle could not delete it.
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
    point_status: str = ""
    expires_at: datetime | None = None
    stuck: str = ""
    database: SandboxInstance | None = None
    tags: dict[str, str] = field(default_factory=dict)

    def status(self, now: datetime) -> str:
        """The status; a point past its lifecycle is EXPIRED until AWS Backup has removed it."""
        if self.point_status:
            return self.point_status
        if self.stuck or (self.delete_at and self.delete_at <= now):
            return "EXPIRED"
        return "COMPLETED" if self.completed_at <= now else "CREATING"

    @property
    def delete_at(self) -> datetime | None:
        """When the lifecycle ends, None when it is kept for ever. `expires_at` is a test's, and deletes nothing."""
        days = self.lifecycle.get("DeleteAfterDays", -1)
        return self.expires_at or (self.created_at + timedelta(days=days) if days > 0 else None)


@dataclass
class RestoreJob:
    """A restore that AWS Backup asked RDS for; its status is the instance's."""

    id: str
    point: RecoveryPoint
    instance: str
    role_arn: str
    created_at: datetime
    metadata: dict[str, str]
    instance_arn: str = ""
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
