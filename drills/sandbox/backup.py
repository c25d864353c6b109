"""AWS Backup: jobs, recovery points and restore jobs of RDS instances, which moto does not have.

A recovery point of an RDS instance is a DB snapshot of type `awsbackup`, named `awsbackup:job-<uuid>`; its data is
copied when the job is started, and the job's states follow over the configured time. Every operation that is not here
or in moto answers with an error that says so.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from moto.backup.exceptions import (
    BackupClientError,
    InvalidParameterValueException,
    InvalidRequestException,
    ResourceNotFoundException,
)
from moto.backup.models import BackupBackend, Vault, backup_backends
from moto.core.exceptions import ServiceException
from moto.rds.models import rds_backends

from drills.sandbox.instances import SandboxSnapshot
from drills.sandbox.rds import SandboxRDS
from drills.sandbox.state import DataPlane

POINT_STATUSES = ("COMPLETED", "PARTIAL", "DELETING", "EXPIRED", "AVAILABLE", "STOPPED", "CREATING")
_CREATED_UNTIL = 0.2  # the share of a job's time in which it is still CREATED


class MissingParameterValueException(BackupClientError):
    """A required member is not there."""

    def __init__(self, name: str) -> None:
        super().__init__("MissingParameterValueException", f"{name} is required.")


@dataclass
class BackupJob:
    """An on-demand backup. Its state is a function of time, except for one that failed at once."""

    id: str
    vault: str
    resource_arn: str
    resource_name: str
    role_arn: str
    created_at: datetime
    seconds: float
    lifecycle: dict[str, int]
    point_arn: str = ""
    size_bytes: int = 0
    failure: str = ""
    kms_key_id: str | None = None
    point_status: str = ""
    expires_at: datetime | None = None
    tags: dict[str, str] = field(default_factory=dict)

    def share(self, now: datetime) -> float:
        """How much of the job's time has passed, 0 to 1."""
        return 1.0 if self.seconds <= 0 else min(1.0, (now - self.created_at).total_seconds() / self.seconds)

    def state(self, now: datetime) -> str:
        """CREATED, RUNNING, COMPLETED or FAILED."""
        if self.failure:
            return "FAILED"
        share = self.share(now)
        return "CREATED" if share < _CREATED_UNTIL else "RUNNING" if share < 1 else "COMPLETED"

    @property
    def completed_at(self) -> datetime:
        """When the job ended or will end."""
        return self.created_at + timedelta(seconds=0 if self.failure else self.seconds)

    def status(self, now: datetime) -> str:
        """The recovery point's status; one past its lifecycle is EXPIRED until AWS Backup has removed it."""
        if self.point_status:
            return self.point_status
        if self.delete_at and self.delete_at <= now:
            return "EXPIRED"
        return "COMPLETED" if self.state(now) == "COMPLETED" else "CREATING"

    @property
    def delete_at(self) -> datetime | None:
        """When the lifecycle ends, None when it is kept for ever."""
        days = self.lifecycle.get("DeleteAfterDays", -1)
        return self.expires_at or (self.created_at + timedelta(days=days) if days > 0 else None)


@dataclass
class RestoreJob:
    """A restore that AWS Backup asked RDS for; its status is the instance's."""

    id: str
    job: BackupJob
    instance_arn: str
    instance: str
    role_arn: str
    created_at: datetime
    ended_at: datetime | None = None
    outcome: str = ""
    message: str = ""


class SandboxBackup(BackupBackend):
    """The AWS Backup of one region."""

    plane: DataPlane

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.jobs: dict[str, BackupJob] = {}
        self.points: dict[str, BackupJob] = {}
        self.restore_jobs: dict[str, RestoreJob] = {}

    @property
    def _url_module(self) -> Any:
        from drills.sandbox.backup_responses import URLS

        return URLS

    @property
    def rds(self) -> SandboxRDS:
        """The RDS of the same account and region."""
        backend = rds_backends[self.account_id][self.region_name]
        assert isinstance(backend, SandboxRDS)
        return backend

    # -- vaults --------------------------------------------------------------------------------------------------

    def vault(self, name: str) -> Vault:
        """The vault, or the error that AWS gives for an unknown one."""
        if name not in self.vaults:
            raise ResourceNotFoundException(f"Backup vault {name} not found")
        return self.vaults[name]

    def delete_backup_vault(self, backup_vault_name: str) -> None:
        """DeleteBackupVault: refused while the vault holds recovery points."""
        self.vault(backup_vault_name)
        if any(job.vault == backup_vault_name for job in self.points.values()):
            raise InvalidRequestException(
                f"Backup vault cannot be deleted because it contains recovery points: {backup_vault_name}"
            )
        super().delete_backup_vault(backup_vault_name)

    # -- backup --------------------------------------------------------------------------------------------------

    def start_backup_job(self, given: Mapping[str, Any]) -> BackupJob:
        """StartBackupJob for an RDS instance: the data is copied now."""
        for name in ("BackupVaultName", "ResourceArn", "IamRoleArn"):
            if not given.get(name):
                raise MissingParameterValueException(name)
        self.vault(given["BackupVaultName"])
        name = self._instance_of(given["ResourceArn"])
        lifecycle = _lifecycle(given.get("Lifecycle") or {})
        job = BackupJob(
            id=str(uuid.uuid4()).upper(),
            vault=given["BackupVaultName"],
            resource_arn=given["ResourceArn"],
            resource_name=name,
            role_arn=given["IamRoleArn"],
            created_at=self.plane.instant(),
            seconds=self.plane.delays.backup_job,
            lifecycle=lifecycle,
            tags=dict(given.get("RecoveryPointTags") or {}),
        )
        self.jobs[job.id] = job
        self._back_up(job)
        return job

    def _instance_of(self, arn: str) -> str:
        prefix, _, name = arn.partition(":db:")
        if not prefix.startswith("arn:aws:rds:") or not name:
            raise InvalidParameterValueException(f"This sandbox backs up RDS instances only, not {arn}.")
        if name not in self.rds.databases:
            raise ResourceNotFoundException(f"The resource {arn} does not exist.")
        return name

    def _back_up(self, job: BackupJob) -> None:
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
            job.failure = error.message
            return
        # a copy that takes longer than the configured time makes the job as long as it took
        job.seconds = max(job.seconds, (self.plane.instant() - job.created_at).total_seconds())
        job.point_arn, job.size_bytes = snapshot.arn, snapshot.full_snapshot_size_in_bytes
        job.kms_key_id = snapshot.kms_key_id
        self.points[snapshot.arn] = job

    def job(self, job_id: str) -> BackupJob:
        """The backup job, or the error that AWS gives for an unknown one."""
        if job_id not in self.jobs:
            raise ResourceNotFoundException(f"Backup job {job_id} does not exist.")
        return self.jobs[job_id]

    # -- recovery points -----------------------------------------------------------------------------------------

    def point(self, arn: str, vault: str | None = None) -> BackupJob:
        """The recovery point of that ARN, in that vault, or the error that AWS gives."""
        found = self.points.get(arn)
        if found is None or vault not in (None, found.vault):
            raise ResourceNotFoundException(f"Cannot find recovery point {arn}.")
        return found

    def delete_recovery_point(self, vault: str, arn: str) -> None:
        """DeleteRecoveryPoint: the snapshot and its data go as well."""
        job = self.point(arn, vault)
        if job.state(self.plane.instant()) != "COMPLETED":
            raise InvalidRequestException(f"The recovery point {arn} is still being made.")
        for snapshot in list(self.rds.database_snapshots.values()):
            if snapshot.arn == arn:
                self.rds.remove_snapshot(snapshot)
        del self.points[arn]

    def restore_metadata(self, arn: str, vault: str) -> dict[str, str]:
        """GetRecoveryPointRestoreMetadata: the source's settings at the time of the backup, as strings."""
        self.point(arn, vault)
        snapshot = self.rds.describe_db_snapshots(None, arn)[0]
        assert isinstance(snapshot, SandboxSnapshot)
        source = snapshot.database
        values: dict[str, Any] = {
            "AllocatedStorage": snapshot.allocated_storage,
            "AutoMinorVersionUpgrade": source.auto_minor_version_upgrade,
            "AvailabilityZone": source.availability_zone,
            "CopyTagsToSnapshot": source.copy_tags_to_snapshot,
            "DBInstanceClass": source.db_instance_class,
            "DBInstanceIdentifier": snapshot.db_instance_identifier,
            "DBName": source.db_name,
            "DBParameterGroupName": source.db_parameter_groups()[0].name,
            "DBSubnetGroupName": source.db_subnet_group.name,
            "DeletionProtection": source.deletion_protection,
            "EnableIAMDatabaseAuthentication": source.enable_iam_database_authentication,
            "Engine": "postgres",
            "EngineVersion": snapshot.engine_version,
            "Iops": source.iops,
            "KmsKeyId": snapshot.kms_key_id,
            "LicenseModel": source.license_model,
            "MultiAZ": source.multi_az,
            "OptionGroupName": source.option_group_name,
            "Port": source.port,
            "PubliclyAccessible": source.publicly_accessible,
            "StorageType": source.storage_type,
            "VpcSecurityGroupIds": json.dumps(source.vpc_security_group_ids),
        }
        return {
            key: str(value).lower() if isinstance(value, bool) else str(value)
            for key, value in values.items()
            if value is not None
        }

    # -- restore -------------------------------------------------------------------------------------------------

    def start_restore_job(self, given: Mapping[str, Any]) -> RestoreJob:
        """StartRestoreJob: a RestoreDBInstanceFromDBSnapshot with the metadata as its parameters."""
        for name in ("RecoveryPointArn", "Metadata", "IamRoleArn"):
            if not given.get(name):
                raise MissingParameterValueException(name)
        job = self.point(given["RecoveryPointArn"])
        wanted = _restore_parameters(given["Metadata"])
        try:
            db = self.rds.restore_db_instance_from_db_snapshot(job.point_arn, wanted)
        except ServiceException as error:
            raise InvalidParameterValueException(error.message) from error
        restore = RestoreJob(
            str(uuid.uuid4()).upper(), job, db.arn, db.resource_id, given["IamRoleArn"], self.plane.instant()
        )
        self.restore_jobs[restore.id] = restore
        return restore

    def restore_job(self, job_id: str) -> RestoreJob:
        """The restore job, brought up to date with its instance."""
        if job_id not in self.restore_jobs:
            raise ResourceNotFoundException(f"Restore job {job_id} does not exist.")
        restore = self.restore_jobs[job_id]
        if not restore.outcome:
            db = self.rds.databases.get(restore.instance)
            if db is None or db.status.startswith(("failed", "incompatible", "deleting")):
                restore.outcome, restore.message = (
                    "FAILED",
                    f"The instance {restore.instance} did not become available.",
                )
            elif db.status == "available":
                restore.outcome = "COMPLETED"
            restore.ended_at = self.plane.instant() if restore.outcome else None
        return restore


_TEXT = {
    "DBInstanceIdentifier": "db_instance_identifier",
    "DBInstanceClass": "db_instance_class",
    "DBSubnetGroupName": "db_subnet_group_name",
    "DBParameterGroupName": "db_parameter_group_name",
    "OptionGroupName": "option_group_name",
    "AvailabilityZone": "availability_zone",
    "StorageType": "storage_type",
}
_NUMBER = {"AllocatedStorage": "allocated_storage", "Iops": "iops"}
_FLAG = {
    "MultiAZ": "multi_az",
    "PubliclyAccessible": "publicly_accessible",
    "AutoMinorVersionUpgrade": "auto_minor_version_upgrade",
    "CopyTagsToSnapshot": "copy_tags_to_snapshot",
    "DeletionProtection": "deletion_protection",
    "EnableIAMDatabaseAuthentication": "enable_iam_database_authentication",
}
_LIST = {
    "VpcSecurityGroupIds": "vpc_security_group_ids",
    "EnableCloudwatchLogsExports": "enable_cloudwatch_logs_exports",
}


def _restore_parameters(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Restore metadata (strings; lists are JSON arrays; keys in any case) as the parameters of RDS's restore."""
    given = {key.lower(): value for key, value in metadata.items()}
    if not given.get("dbinstanceidentifier"):
        raise InvalidParameterValueException("Metadata must name the new instance with DBInstanceIdentifier.")
    wanted: dict[str, Any] = {}
    try:
        for names, read in (
            (_TEXT, str),
            (_NUMBER, int),
            (_FLAG, lambda text: text.lower() == "true"),
            (_LIST, json.loads),
        ):
            for name, parameter in names.items():
                if name.lower() in given:
                    wanted[parameter] = read(given[name.lower()])
    except ValueError as error:
        raise InvalidParameterValueException(f"Metadata cannot be read: {error}.") from error
    return wanted


def _lifecycle(given: Mapping[str, Any]) -> dict[str, int]:
    lifecycle = {name: int(given[name]) for name in ("MoveToColdStorageAfterDays", "DeleteAfterDays") if name in given}
    cold, delete = lifecycle.get("MoveToColdStorageAfterDays"), lifecycle.get("DeleteAfterDays")
    if cold is not None and delete is not None and 0 < delete < cold + 90:
        raise InvalidParameterValueException(
            "DeleteAfterDays must be at least 90 days after MoveToColdStorageAfterDays."
        )
    return lifecycle


def install(plane: DataPlane) -> None:
    """Make this the AWS Backup of moto; before its first request."""
    SandboxBackup.plane = plane
    backup_backends.backend = SandboxBackup
    backup_backends.clear()
