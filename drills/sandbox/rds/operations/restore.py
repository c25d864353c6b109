"""RestoreDBInstanceFromDBSnapshot: an instance with the data of a snapshot.

What a restore inherits and what it resets follows the API reference
(https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBInstanceFromDBSnapshot.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.rds.exceptions import InvalidParameterValue, RDSClientError

from drills.sandbox.postgres.servers import Server, StoredSnapshot
from drills.sandbox.rds.instances import SandboxInstance, SandboxSnapshot
from drills.sandbox.rds.keys import Keys
from drills.sandbox.rds.lifecycle import Lifecycle
from drills.sandbox.rds.lookups import Lookups
from drills.sandbox.rds.registration import Registration, check_request, check_storage
from drills.sandbox.state import DataPlane


class SnapshotRestore:
    """Restores instances of one region from snapshots."""

    def __init__(
        self, plane: DataPlane, lookups: Lookups, keys: Keys, registration: Registration, lifecycle: Lifecycle
    ) -> None:
        self._plane = plane
        self._lookups = lookups
        self._keys = keys
        self._registration = registration
        self._lifecycle = lifecycle

    def restore(self, snapshot_name: str, request: Mapping[str, Any]) -> SandboxInstance:
        """Enter the instance and restore its server in a thread; the members of the request precede the inherited."""
        members = dict(request)
        members.pop("db_snapshot_identifier", None)
        check_request(members)
        if members.get("db_name"):
            raise InvalidParameterValue("DBName must be null when Restoring for this Engine.")
        snapshot = self._lookups.snapshot(snapshot_name)
        if snapshot.status != "available":
            raise RDSClientError("InvalidDBSnapshotState", f"The snapshot {snapshot_name} is not available yet.")
        if self._lookups.is_foreign(snapshot.arn) and snapshot.encrypted:
            raise InvalidParameterValue(
                f"The snapshot {snapshot.arn} is shared and encrypted: copy it into this account, and restore the copy."
            )
        self._keys.check(snapshot.kms_key_id)
        check_storage(members, snapshot.allocated_storage)
        stored = self._plane.snapshots[snapshot.arn]
        db = self._registration.add("RestoreDBInstanceFromDBSnapshot", inherited_members(snapshot) | members)
        db.restored, db.creation_message = True, f"Restored from snapshot {snapshot.resource_id}"
        server = self._plane.servers.add(db.dbi_resource_id, stored.binaries)
        self._plane.work(f"restore {db.resource_id}", lambda: self._restore(db, server, stored))
        return db

    def _restore(self, db: SandboxInstance, server: Server, stored: StoredSnapshot) -> None:
        def build(settings: dict[str, str]) -> None:
            with stored.busy:
                server.cluster.restore_from(stored.folder)
            server.cluster.start(settings)

        custom = not db.is_default_parameter_group(db.db_parameter_group_name or "default.postgres")
        failure = "incompatible-parameters" if custom else "incompatible-restore"
        self._lifecycle.bring_up(db, server, build, failure)


def inherited_members(snapshot: SandboxSnapshot) -> dict[str, Any]:
    """Return what a restore takes from the snapshot and its source where the request names nothing.

    A restore resets the rest: security groups, subnet group and parameter group (defaults), Multi-AZ, deletion
    protection, IAM authentication, log exports, monitoring, public access, backup window, tags to snapshots.
    """
    source = snapshot.database
    return {
        "allocated_storage": snapshot.allocated_storage,
        "backup_retention_period": source.backup_retention_period,
        "db_instance_class": source.db_instance_class,
        "engine": "postgres",
        "engine_version": snapshot.engine_version,
        "iops": source.iops,
        "kms_key_id": snapshot.kms_key_id,
        "license_model": "postgresql-license",
        "master_username": snapshot.master_username,
        "storage_encrypted": snapshot.encrypted,
        "storage_type": "io1" if source.iops else "gp3",
        "tags": [dict(tag) for tag in source.tags],
        "db_name": source.db_name,
    }
