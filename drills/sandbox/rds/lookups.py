"""How an instance, its server and the snapshots of a region are found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.rds.exceptions import (
    DBClusterNotFoundError,
    DBClusterSnapshotNotFoundError,
    DBInstanceNotFoundError,
    DBSnapshotNotFoundFault,
    InvalidParameterValue,
    RDSClientError,
)
from moto.rds.models import DBSnapshot, RDSBackend, rds_backends

from drills.errors import SandboxError
from drills.sandbox.base.moto_backends import all_backends
from drills.sandbox.postgres.servers import Server
from drills.sandbox.rds.instances import SandboxInstance, SandboxSnapshot
from drills.sandbox.state import DataPlane

# by the sixth part of the ARN; the service model declares no error of its own for the groups
_NOT_FOUND: dict[str, Callable[[str], RDSClientError]] = {
    "db": DBInstanceNotFoundError,
    "snapshot": DBSnapshotNotFoundFault,
    "cluster": DBClusterNotFoundError,
    "cluster-snapshot": DBClusterSnapshotNotFoundError,
}


class Lookups:
    """Finds instances and snapshots of one region, or raises the error that AWS gives."""

    def __init__(self, backend: RDSBackend, plane: DataPlane) -> None:
        self._backend = backend
        self._plane = plane

    def instance(self, name: str, *statuses: str) -> SandboxInstance:
        """Return the instance of that name; raise InvalidDBInstanceState when it has none of the given statuses."""
        name = name.lower()
        if name not in self._backend.databases:
            raise DBInstanceNotFoundError(name)
        db = self._backend.databases[name]
        assert isinstance(db, SandboxInstance)
        if statuses and db.status not in statuses:
            raise RDSClientError(
                "InvalidDBInstanceState", f"Instance {name} is in state {db.status}, not in {' or '.join(statuses)}."
            )
        return db

    def exists(self, db: SandboxInstance) -> bool:
        """Return whether this very instance still exists under its name."""
        return self._backend.databases.get(db.resource_id) is db

    def server(self, name: str, *statuses: str) -> Server:
        """Return the server of an instance or a cluster; raise SandboxError without one, or in another status."""
        found: Any = self._backend.databases.get(name) or self._backend.clusters.get(name)
        if found is None:
            raise SandboxError(f"The sandbox has no instance {name}; create it first.")
        if statuses and found.status not in statuses:
            raise SandboxError(f"The instance {name} is {found.status}, expected {' or '.join(statuses)}; wait for it.")
        return self._plane.servers[found.server_id]

    def snapshot(self, name: str) -> SandboxSnapshot:
        """Return the snapshot of that name or ARN, another account's by its ARN, or raise DBSnapshotNotFound."""
        if self.is_foreign(name):
            return self.shared(name)
        snapshot = self.snapshots(None, name)[0]
        assert isinstance(snapshot, SandboxSnapshot)
        return snapshot

    def shared(self, arn: str) -> SandboxSnapshot:
        """Return the manual snapshot that another account shares, by its ARN; raise DBSnapshotNotFound where none does."""
        for snapshot in self.all_shared():
            if snapshot.arn == arn:
                return snapshot
        raise DBSnapshotNotFoundFault(arn)

    def all_shared(self) -> list[SandboxSnapshot]:
        """Return the manual snapshots that other accounts share with this one, in any region."""
        us = {self._backend.account_id, "all"}
        return [
            snapshot
            for backend in all_backends(rds_backends)
            if backend.account_id != self._backend.account_id
            for snapshot in list(backend.database_snapshots.values())
            if isinstance(snapshot, SandboxSnapshot) and us & set(snapshot.attributes.get("restore", ()))
        ]

    def shared_here(self, arn: str | None) -> list[SandboxSnapshot]:
        """Return what DescribeDBSnapshots lists as `shared`: snapshots of this region, or the one with that ARN."""
        region = self._backend.region_name
        return [each for each in self.all_shared() if each.region == region and arn in (None, each.arn)]

    def is_foreign(self, name: str) -> bool:
        """Return whether a name is the ARN of something in another account."""
        return name.startswith("arn:") and name.split(":")[4] != self._backend.account_id

    def tagged(self, arn: str, found: Any) -> Any:
        """Return what moto found under an ARN; raise the error of AWS where that is nothing, or is in another region."""
        _, _, _, region, account, kind, name = arn.split(":", 6)
        here = (region, account) == (self._backend.region_name, self._backend.account_id)
        if here and found is not None:
            return found
        if here and kind in _NOT_FOUND:
            raise _NOT_FOUND[kind](name)
        raise InvalidParameterValue("The specified resource name does not match an RDS resource in this region.")

    def snapshots(
        self,
        instance_name: str | None,
        snapshot_name: str | None = None,
        snapshot_type: str | None = None,
        filters: dict[str, Any] | None = None,
    ) -> list[DBSnapshot]:
        """Return the snapshots that DescribeDBSnapshots lists, by name or ARN.

        Without a type it lists every type, `awsbackup` too: the API reference says automated and manual, but real
        accounts answer with awsbackup ones as well.
        """
        conditions = {key: list(value) for key, value in (filters or {}).items()}
        if snapshot_name:
            name = snapshot_name.split(":snapshot:", 1)[-1] if snapshot_name.startswith("arn:") else snapshot_name
            conditions["db-snapshot-id"] = [name]
        if instance_name:
            conditions.setdefault("db-instance-id", []).append(instance_name)
        if snapshot_type:
            conditions.setdefault("snapshot-type", []).append(snapshot_type)
        found: Any = self._backend.database_snapshots
        if conditions:
            found = self._backend._filter_resources(found, conditions, DBSnapshot)
        if snapshot_name and not found:
            raise DBSnapshotNotFoundFault(snapshot_name)
        return list(found.values())
