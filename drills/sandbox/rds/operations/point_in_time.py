"""RestoreDBInstanceToPointInTime: an instance with the data of an automated backup and of the WAL after it.

What a restore inherits follows the API reference
(https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBInstanceToPointInTime.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.rds.exceptions import DBInstanceNotFoundError, InvalidParameterCombination, RDSClientError
from moto.rds.models import RDSBackend

from drills.sandbox.postgres.servers import Server
from drills.sandbox.rds.automated_backups import AutomatedBackups
from drills.sandbox.rds.instances import SandboxInstance
from drills.sandbox.rds.keys import Keys
from drills.sandbox.rds.lifecycle import Lifecycle
from drills.sandbox.rds.operations.recovery import Moment, Recovery, Source, plan_recovery
from drills.sandbox.rds.registration import Registration, check_request, check_storage
from drills.sandbox.state import DataPlane

_SOURCES = ("source_db_instance_identifier", "source_dbi_resource_id", "source_db_instance_automated_backups_arn")


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
        moment = Moment(members.pop("restore_time", None), bool(members.pop("use_latest_restorable_time", False)))
        sources = {key: members.pop(key, None) for key in _SOURCES}
        members.pop("target_db_instance_identifier", None)
        check_request(members)
        source = self._source(sources)
        if not source.backup_retention_period:
            raise RDSClientError(
                "PointInTimeRestoreNotEnabled",
                f"Point in time restore is not enabled for {source.resource_id}: its backup retention period is 0.",
            )
        recovery = plan_recovery(self._plane, self._backend, _recovered(source), moment)
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

    def _recover(self, db: SandboxInstance, server: Server, recovery: Recovery) -> None:
        def build(settings: dict[str, str]) -> None:
            recovery.run(server.cluster, settings, self._plane.clock)

        self._lifecycle.bring_up(db, server, build, failure="incompatible-restore")


def _recovered(source: SandboxInstance) -> Source:
    return Source(
        "instance",
        source.resource_id,
        source.dbi_resource_id,
        source.backup_retention_period,
        lambda message: RDSClientError("InvalidDBInstanceState", message),
    )


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
