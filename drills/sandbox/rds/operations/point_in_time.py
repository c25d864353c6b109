"""RestoreDBInstanceToPointInTime: an instance with the data of an automated backup and of the WAL after it.

What a restore inherits follows the API reference
(https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBInstanceToPointInTime.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.rds.exceptions import (
    DBInstanceNotFoundError,
    InvalidParameterCombination,
    InvalidParameterValue,
    RDSClientError,
)
from moto.rds.models import RDSBackend

from drills.sandbox.postgres.servers import Server, StoredSnapshot
from drills.sandbox.postgres.wal import RECOVERY_SIGNAL, Archive
from drills.sandbox.rds.automated_backups import AutomatedBackups
from drills.sandbox.rds.instances import SandboxInstance
from drills.sandbox.rds.keys import Keys
from drills.sandbox.rds.lifecycle import Lifecycle
from drills.sandbox.rds.registration import Registration, check_request, check_storage
from drills.sandbox.rds.restore_window import base_backups, restore_window
from drills.sandbox.state import DataPlane

_SOURCES = ("source_db_instance_identifier", "source_dbi_resource_id", "source_db_instance_automated_backups_arn")
_RECOVERY_TIMEOUT = 3600.0  # seconds for PostgreSQL to apply the archived WAL


@dataclass(frozen=True, slots=True)
class _Recovery:
    """From which base backup and archive a server recovers, up to which instant."""

    base: StoredSnapshot
    archive: Archive
    target: datetime


class PointInTimeRestore:
    """Restores instances of one region to an instant, also deleted ones whose automated backups are retained."""

    def __init__(
        self,
        backend: RDSBackend,
        plane: DataPlane,
        keys: Keys,
        registration: Registration,
        automated_backups: AutomatedBackups,
        lifecycle: Lifecycle,
    ) -> None:
        self._backend = backend
        self._plane = plane
        self._keys = keys
        self._registration = registration
        self._automated_backups = automated_backups
        self._lifecycle = lifecycle

    def restore(self, target_name: str, request: Mapping[str, Any]) -> SandboxInstance:
        """Enter the instance and recover its server in a thread; the members of the request precede the inherited."""
        members = dict(request)
        restore_time = members.pop("restore_time", None)
        use_latest = bool(members.pop("use_latest_restorable_time", False))
        sources = {key: members.pop(key, None) for key in _SOURCES}
        members.pop("target_db_instance_identifier", None)
        check_request(members)
        source = self._source(sources)
        if not source.backup_retention_period:
            raise RDSClientError(
                "PointInTimeRestoreNotEnabled",
                f"Point in time restore is not enabled for {source.resource_id}: its backup retention period is 0.",
            )
        recovery = self._plan(source, self._target(source, restore_time, use_latest))
        self._keys.check(source.kms_key_id)
        check_storage(members, source.allocated_storage)
        members["db_instance_identifier"] = target_name
        db = self._registration.add("RestoreDBInstanceToPointInTime", inherited_members(source) | members)
        db.restored = True
        db.creation_message = f"Restored from DB instance {source.resource_id} to {recovery.target.isoformat()}"
        server = self._plane.servers.add(db.dbi_resource_id, recovery.base.binaries)
        self._plane.work(f"restore {db.resource_id}", lambda: self._recover(db, server, recovery))
        return db

    def _source(self, sources: Mapping[str, str | None]) -> SandboxInstance:
        given = {key: value for key, value in sources.items() if value}
        if len(given) != 1:
            raise InvalidParameterCombination(
                "Exactly one of SourceDBInstanceIdentifier, SourceDbiResourceId and "
                "SourceDBInstanceAutomatedBackupsArn must be specified."
            )
        ((key, value),) = given.items()
        if key != _SOURCES[0]:
            return self._automated_backups.get(value).instance
        if value.lower() not in self._backend.databases:
            raise DBInstanceNotFoundError(value)
        db = self._backend.databases[value.lower()]
        assert isinstance(db, SandboxInstance)
        return db

    def _target(self, source: SandboxInstance, restore_time: datetime | None, use_latest: bool) -> datetime:
        """Return the instant to restore to; raise the error of AWS when the source cannot be restored to it."""
        if (restore_time is not None) == use_latest:
            raise InvalidParameterCombination(
                "Exactly one of RestoreTime and UseLatestRestorableTime must be specified."
            )
        window = restore_window(self._plane, self._backend, source.dbi_resource_id)
        if window is None:
            raise RDSClientError(
                "InvalidDBInstanceState", f"The instance {source.resource_id} has no restorable time yet."
            )
        earliest, latest = window
        if restore_time is None:
            return latest
        target = restore_time if restore_time.tzinfo else restore_time.replace(tzinfo=UTC)
        if target > latest:
            raise InvalidParameterValue(
                f"The specified instance cannot be restored to a time later than {latest.isoformat()}"
            )
        if target < earliest:
            raise InvalidParameterValue(
                f"The specified instance cannot be restored to a time earlier than {earliest.isoformat()} because its "
                f"backup retention period is set to {source.backup_retention_period} days"
            )
        return target

    def _plan(self, source: SandboxInstance, target: datetime) -> _Recovery:
        bases = base_backups(self._plane, self._backend, source.dbi_resource_id)
        archive = self._plane.archives.of(source.dbi_resource_id)
        assert archive is not None  # an instance with a restore window has an archive
        return _Recovery([each for each in bases if each.taken_at <= target][-1], archive, target)

    def _recover(self, db: SandboxInstance, server: Server, recovery: _Recovery) -> None:
        def build(settings: dict[str, str]) -> None:
            with recovery.base.busy:
                server.cluster.restore_from(recovery.base.folder)
            (server.cluster.data / RECOVERY_SIGNAL).touch()
            until = recovery.archive.recovery_settings(self._plane.clock.to_machine_time(recovery.target))
            server.cluster.start(settings | until, timeout=_RECOVERY_TIMEOUT)

        self._lifecycle.bring_up(db, server, build, failure="incompatible-restore")


def inherited_members(source: SandboxInstance) -> dict[str, Any]:
    """Return what a point-in-time restore takes from its source where the request names nothing.

    Unlike a restore from a snapshot it takes no tags. It resets the same members: security groups, subnet group,
    parameter group, Multi-AZ, deletion protection, IAM authentication, log exports, monitoring, public access, backup
    window.
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
