"""Automated backups as things of their own: those of living instances and those retained after a deletion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from moto.rds.exceptions import InvalidParameterValue, RDSClientError

from drills.sandbox.rds.instances import SandboxInstance, bases, restore_window
from drills.sandbox.rds.making import RDSMaking

_ARCHIVED_WITHIN = 10.0  # seconds for the last WAL of an instance that is being deleted
_FILTERS = ("status", "db-instance-id", "dbi-resource-id")


@dataclass(frozen=True, slots=True)
class AutomatedBackup:
    """The automated backup of one instance; `deleted_at` is None while the instance is there."""

    instance: SandboxInstance
    deleted_at: datetime | None
    window: tuple[datetime, datetime] | None

    @property
    def status(self) -> str:
        """`creating` until the first backup is there, `active`, or `retained` after the instance's deletion."""
        return "retained" if self.deleted_at else "active" if self.window else "creating"

    @property
    def arn(self) -> str:
        """DBInstanceAutomatedBackupsArn."""
        return automated_arn(self.instance)

    def answer(self) -> dict[str, Any]:
        """The members of DBInstanceAutomatedBackup."""
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


def automated_arn(db: SandboxInstance) -> str:
    """The ARN of an instance's automated backup; it stays the same after the deletion."""
    return str(db.arn).split(":db:")[0] + f":auto-backup:ab-{db.dbi_resource_id.removeprefix('db-').lower()}"


class RDSAutomated(RDSMaking):
    """DescribeDBInstanceAutomatedBackups, DeleteDBInstanceAutomatedBackup, and what a deletion leaves."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.retained: dict[str, tuple[SandboxInstance, datetime]] = {}

    def automated_backups(self) -> list[AutomatedBackup]:
        """All of this region; a retained one goes when its retention period has passed since the deletion."""
        for resource_id, (db, deleted_at) in list(self.retained.items()):
            if deleted_at + timedelta(days=db.backup_retention_period) <= self.plane.instant():
                self._forget(resource_id)
        living = [
            (db, None) for db in self.databases.values() if isinstance(db, SandboxInstance) and self._backed_up(db)
        ]
        return [
            AutomatedBackup(db, deleted_at, restore_window(self.plane, self, db.dbi_resource_id))
            for db, deleted_at in (*living, *self.retained.values())
        ]

    def _backed_up(self, db: SandboxInstance) -> bool:
        return bool(db.backup_retention_period) and self.plane.archives.of(db.dbi_resource_id) is not None

    def automated_backup(self, name: str) -> AutomatedBackup:
        """The one of that DbiResourceId or ARN, or DBInstanceAutomatedBackupNotFound."""
        for backup in self.automated_backups():
            if name.lower() in (backup.instance.dbi_resource_id.lower(), backup.arn.lower()):
                return backup
        raise RDSClientError("DBInstanceAutomatedBackupNotFound", f"The automated backup {name} does not exist.")

    def find_automated_backups(
        self, given: Mapping[str, str | None], filters: Mapping[str, Iterable[str]]
    ) -> list[AutomatedBackup]:
        """Those that match every given name (DescribeDBInstanceAutomatedBackups' parameters) and every filter."""
        if unknown := set(filters) - set(_FILTERS):
            raise InvalidParameterValue(f"Unrecognized filter name: {', '.join(sorted(unknown))}")
        wanted = {name: {each.lower() for each in values} for name, values in filters.items()}
        for name, value in given.items():
            if value:
                wanted.setdefault(name, set()).add(value.lower())
        found = []
        for backup in self.automated_backups():
            db = backup.instance
            has = {
                "status": {backup.status},
                "db-instance-id": {db.resource_id, db.arn.lower()},
                "dbi-resource-id": {db.dbi_resource_id.lower()},
                "arn": {backup.arn.lower()},
            }
            if all(values & has[name] for name, values in wanted.items()):
                found.append(backup)
        return found

    def delete_db_instance_automated_backup(self, name: str) -> AutomatedBackup:
        """DeleteDBInstanceAutomatedBackup, for a retained one; that of a living instance goes with its retention."""
        backup = self.automated_backup(name)
        if backup.deleted_at is None:
            raise RDSClientError(
                "InvalidDBInstanceAutomatedBackupState",
                f"The automated backup of {backup.instance.resource_id} is {backup.status}, not retained.",
            )
        self._forget(backup.instance.dbi_resource_id)
        return backup

    def _forget(self, resource_id: str) -> None:
        self.retained.pop(resource_id, None)
        self._drop_automated(resource_id)

    def _last_beat(self, db: SandboxInstance) -> None:
        """Archive what an instance has written, so that it can be restored to its last moment. The lock is not held."""
        archive, server = self.plane.archives.of(db.dbi_resource_id), self.plane.servers.get(db.dbi_resource_id)
        if archive is not None and server is not None:
            self.plane.archives.beat(db.dbi_resource_id, server.cluster, server.busy)
            archive.settle(_ARCHIVED_WITHIN)

    def _retain(self, db: SandboxInstance) -> bool:
        """Keep the automated backup of an instance that is gone, where there is one that can be restored."""
        if not db.backup_retention_period or not bases(self.plane, self, db.dbi_resource_id):
            return False
        self.retained[db.dbi_resource_id] = (db, self.plane.instant())
        return True
