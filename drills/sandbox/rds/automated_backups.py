"""Automated backups: those of the existing instances, and those that RDS retains after an instance's deletion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from moto.core.exceptions import ServiceException
from moto.rds.exceptions import InvalidParameterValue, RDSClientError
from moto.rds.models import RDSBackend

from drills.sandbox.rds.instances import SandboxInstance
from drills.sandbox.rds.restore_window import base_backups, restore_window
from drills.sandbox.rds.snapshots import Snapshots
from drills.sandbox.rds.status import Status
from drills.sandbox.state import DataPlane

_FILTERS = ("status", "db-instance-id", "dbi-resource-id")


@dataclass(frozen=True, slots=True)
class AutomatedBackup:
    """The automated backup of one instance; `deleted_at` is None while the instance exists."""

    instance: SandboxInstance
    deleted_at: datetime | None
    window: tuple[datetime, datetime] | None

    @property
    def status(self) -> str:
        """`creating` before the first backup, `active`, or `retained` after the instance's deletion."""
        return "retained" if self.deleted_at else "active" if self.window else "creating"

    @property
    def arn(self) -> str:
        """DBInstanceAutomatedBackupsArn; it stays the same after the instance's deletion."""
        prefix = str(self.instance.arn).split(":db:")[0]
        return f"{prefix}:auto-backup:ab-{self.instance.dbi_resource_id.removeprefix('db-').lower()}"

    def answer(self) -> dict[str, Any]:
        """Return the members of DBInstanceAutomatedBackup."""
        db = self.instance
        described = {
            "DBInstanceArn": db.arn,
            "DbiResourceId": db.dbi_resource_id,
            "Region": db.region,
            "DBInstanceIdentifier": db.resource_id,
            "RestoreWindow": dict(zip(("EarliestTime", "LatestTime"), self.window, strict=True)) if self.window else {},
            "AllocatedStorage": db.allocated_storage,
            "Status": self.status,
            "Port": db.port,
            "AvailabilityZone": db.availability_zone,
            "VpcId": db.db_subnet_group.vpc_id,
            "InstanceCreateTime": db.instance_create_time,
            "MasterUsername": db.master_username,
            "Engine": db.engine,
            "EngineVersion": db.engine_version,
            "LicenseModel": db.license_model,
            "Iops": db.iops,
            "OptionGroupName": db.option_group_name,
            "Encrypted": db.storage_encrypted,
            "StorageType": db.storage_type,
            "KmsKeyId": db.kms_key_id,
            "IAMDatabaseAuthenticationEnabled": db.enable_iam_database_authentication,
            "BackupRetentionPeriod": db.backup_retention_period,
            "PreferredBackupWindow": db.preferred_backup_window,
            "DBInstanceAutomatedBackupsArn": self.arn,
            "BackupTarget": "region",
            "TagList": db.tags,
        }
        return {key: value for key, value in described.items() if value is not None}


class AutomatedBackups:
    """The automated backups of one region: snapshots of type `automated`, and the archived WAL after them."""

    def __init__(self, backend: RDSBackend, plane: DataPlane, snapshots: Snapshots, status: Status) -> None:
        self._backend = backend
        self._plane = plane
        self._snapshots = snapshots
        self._status = status
        self._retained: dict[str, tuple[SandboxInstance, datetime]] = {}

    # -- finding -------------------------------------------------------------------------------------------------

    def all(self) -> list[AutomatedBackup]:
        """Return every automated backup; a retained one ends its retention period after the instance's deletion."""
        for resource_id, (db, deleted_at) in list(self._retained.items()):
            if deleted_at + timedelta(days=db.backup_retention_period) <= self._plane.instant():
                self._forget(resource_id)
        existing = [
            (db, None)
            for db in self._backend.databases.values()
            if isinstance(db, SandboxInstance) and self._is_backed_up(db)
        ]
        return [
            AutomatedBackup(db, deleted_at, restore_window(self._plane, self._backend, db.dbi_resource_id))
            for db, deleted_at in (*existing, *self._retained.values())
        ]

    def _is_backed_up(self, db: SandboxInstance) -> bool:
        return bool(db.backup_retention_period) and self._plane.archives.of(db.dbi_resource_id) is not None

    def get(self, name: str) -> AutomatedBackup:
        """Return the backup of that DbiResourceId or ARN, or raise DBInstanceAutomatedBackupNotFound."""
        for backup in self.all():
            if name.lower() in (backup.instance.dbi_resource_id.lower(), backup.arn.lower()):
                return backup
        raise RDSClientError("DBInstanceAutomatedBackupNotFound", f"The automated backup {name} does not exist.")

    def find(self, parameters: Mapping[str, str | None], filters: Mapping[str, Iterable[str]]) -> list[AutomatedBackup]:
        """Return the backups that match every parameter and filter of DescribeDBInstanceAutomatedBackups."""
        if unknown := set(filters) - set(_FILTERS):
            raise InvalidParameterValue(f"Unrecognized filter name: {', '.join(sorted(unknown))}")
        conditions = {name: {each.lower() for each in values} for name, values in filters.items()}
        for name, value in parameters.items():
            if value:
                conditions.setdefault(name, set()).add(value.lower())
        return [
            backup
            for backup in self.all()
            if all(values & _filter_values(backup)[name] for name, values in conditions.items())
        ]

    # -- making --------------------------------------------------------------------------------------------------

    def take(self, db: SandboxInstance) -> None:
        """Back up an instance; its status is `backing-up` meanwhile. A failure becomes an event of the instance."""
        prefix = f"rds:{db.resource_id}-{self._plane.instant():%Y-%m-%d-%H-%M}"
        name, number = prefix, 1
        while name in self._backend.database_snapshots:
            number += 1
            name = f"{prefix}-{number}"
        try:
            self._snapshots.create(db.resource_id, name, snapshot_type="automated")
        except ServiceException as error:
            db.record_event(f"The automated backup failed: {error.message}", "backup")
            self._status.make_available(db)

    # -- removing ------------------------------------------------------------------------------------------------

    def delete(self, name: str) -> AutomatedBackup:
        """Remove a retained backup; the backup of an existing instance ends with its retention period."""
        backup = self.get(name)
        if backup.deleted_at is None:
            raise RDSClientError(
                "InvalidDBInstanceAutomatedBackupState",
                f"The automated backup of {backup.instance.resource_id} is {backup.status}, not retained.",
            )
        self._forget(backup.instance.dbi_resource_id)
        return backup

    def _forget(self, resource_id: str) -> None:
        self._retained.pop(resource_id, None)
        self.drop(resource_id)

    def drop(self, resource_id: str) -> None:
        """Remove the automated backup of an instance: its snapshots and its archived WAL."""
        for snapshot in list(self._backend.database_snapshots.values()):
            if snapshot.dbi_resource_id == resource_id and snapshot.snapshot_type == "automated":
                self._snapshots.remove(snapshot)
        self._plane.archives.drop(resource_id)

    def archive_last_wal(self, db: SandboxInstance) -> None:
        """Archive what an instance has written, so that it can be restored to its end. The caller holds no lock."""
        if server := self._plane.servers.get(db.dbi_resource_id):
            self._plane.archives.finish(db.dbi_resource_id, server)

    def retain(self, db: SandboxInstance) -> bool:
        """Retain the backup of a deleted instance; return False when there is none that can be restored."""
        if not db.backup_retention_period or not base_backups(self._plane, self._backend, db.dbi_resource_id):
            return False
        self._retained[db.dbi_resource_id] = (db, self._plane.instant())
        return True


def _filter_values(backup: AutomatedBackup) -> dict[str, set[str]]:
    db = backup.instance
    return {
        "status": {backup.status},
        "db-instance-id": {db.resource_id, db.arn.lower()},
        "dbi-resource-id": {db.dbi_resource_id.lower()},
        "arn": {backup.arn.lower()},
    }
