"""Point-in-time restore: an automated backup and the WAL after it, up to a moment (RestoreDBInstanceToPointInTime)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from moto.rds.exceptions import (
    DBInstanceNotFoundError,
    InvalidParameterCombination,
    InvalidParameterValue,
    RDSClientError,
)

from drills.sandbox.postgres.wal import RECOVERY_SIGNAL, Archive
from drills.sandbox.rds.automated import RDSAutomated
from drills.sandbox.rds.instances import SandboxInstance, bases, restore_window
from drills.sandbox.state import Server, StoredSnapshot

_SOURCES = ("source_db_instance_identifier", "source_dbi_resource_id", "source_db_instance_automated_backups_arn")
_RECOVERY_WITHIN = 3600.0  # seconds for PostgreSQL to apply the archived WAL


class RDSRecovery(RDSAutomated):
    """Restores instances to a moment, also deleted ones whose automated backups are retained."""

    def restore_db_instance_to_point_in_time(
        self, source_db_identifier: str | None, target_db_identifier: str, overrides: Any
    ) -> SandboxInstance:
        """RestoreDBInstanceToPointInTime: most of the source's configuration, and the defaults that a restore has."""
        given = dict(overrides)
        wanted, use_latest = given.pop("restore_time", None), bool(given.pop("use_latest_restorable_time", False))
        named = {key: given.pop(key, None) for key in _SOURCES}
        given.pop("target_db_instance_identifier", None)
        self._refuse_unsupported(given)
        source = self._source(named)
        if not source.backup_retention_period:
            raise RDSClientError(
                "PointInTimeRestoreNotEnabled",
                f"Point in time restore is not enabled for {source.resource_id}: its backup retention period is 0.",
            )
        target = self._moment(source, wanted, use_latest)
        base, archive = self._base(source, target), self.plane.archives.of(source.dbi_resource_id)
        assert archive is not None  # what has a window has an archive
        self._check_key(source.kms_key_id)
        self._check_storage(given, source.allocated_storage)
        given["db_instance_identifier"] = target_db_identifier
        db = self._new_instance("RestoreDBInstanceToPointInTime", inherited_in_time(source) | given)
        db.restored, db.birth = True, f"Restored from DB instance {source.resource_id} to {target.isoformat()}"
        server = self.plane.add_server(db.dbi_resource_id, base.binaries)
        self.plane.work(f"restore {db.resource_id}", lambda: self._recover(db, server, base, (archive, target)))
        return db

    def _source(self, named: Mapping[str, str | None]) -> SandboxInstance:
        given = {key: value for key, value in named.items() if value}
        if len(given) != 1:
            raise InvalidParameterCombination(
                "Exactly one of SourceDBInstanceIdentifier, SourceDbiResourceId and "
                "SourceDBInstanceAutomatedBackupsArn must be specified."
            )
        ((key, value),) = given.items()
        if key == _SOURCES[0]:
            if value.lower() not in self.databases:
                raise DBInstanceNotFoundError(value)
            return self.instance(value)
        return self.automated_backup(value).instance

    def _moment(self, source: SandboxInstance, wanted: datetime | None, use_latest: bool) -> datetime:
        """The moment to restore to, within the window of the source."""
        if (wanted is not None) == use_latest:
            raise InvalidParameterCombination(
                "Exactly one of RestoreTime and UseLatestRestorableTime must be specified."
            )
        window = restore_window(self.plane, self, source.dbi_resource_id)
        if window is None:
            raise RDSClientError(
                "InvalidDBInstanceState", f"The instance {source.resource_id} has no restorable time yet."
            )
        earliest, latest = window
        if wanted is None:
            return latest
        moment = wanted if wanted.tzinfo else wanted.replace(tzinfo=UTC)
        if moment > latest:
            raise InvalidParameterValue(
                f"The specified instance cannot be restored to a time later than {latest.isoformat()}"
            )
        if moment < earliest:
            raise InvalidParameterValue(
                f"The specified instance cannot be restored to a time earlier than {earliest.isoformat()} because its "
                f"backup retention period is set to {source.backup_retention_period} days"
            )
        return moment

    def _base(self, source: SandboxInstance, target: datetime) -> StoredSnapshot:
        before = [each for each in bases(self.plane, self, source.dbi_resource_id) if each.taken_at <= target]
        return before[-1]

    def _recover(
        self, db: SandboxInstance, server: Server, base: StoredSnapshot, until: tuple[Archive, datetime]
    ) -> None:
        archive, target = until

        def build(settings: dict[str, str]) -> None:
            with base.busy:
                server.cluster.restore_from(base.folder)
            (server.cluster.data / RECOVERY_SIGNAL).touch()
            recovery = archive.recovery(self.plane.clock.to_machine_time(target))
            server.cluster.start(settings | recovery, timeout=_RECOVERY_WITHIN)

        self._bring_up(db, server, build, "incompatible-restore")


def inherited_in_time(source: SandboxInstance) -> dict[str, Any]:
    """What a point-in-time restore takes from its source where the request says nothing (RDS API reference).

    Other than a restore from a snapshot it takes no tags. Reset as there: security groups, subnet group, parameter
    group, Multi-AZ, deletion protection, IAM authentication, log exports, monitoring, public access, backup window.
    """
    return {
        "allocated_storage": source.allocated_storage,
        "backup_retention_period": source.backup_retention_period,
        "db_instance_class": source.db_instance_class,
        "engine": "postgres",
        "engine_version": source.engine_version,
        "iops": source.iops,
        "kms_key_id": source.kms_key_id,
        "license_model": "postgresql-license",
        "master_username": source.master_username,
        "storage_encrypted": source.storage_encrypted,
        "storage_type": "io1" if source.iops else "gp3",
        "db_name": source.db_name,
    }
