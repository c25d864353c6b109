"""Cluster snapshots with real data: how they are taken, by whom, and removed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from moto.core.exceptions import ServiceException
from moto.rds.exceptions import (
    DBClusterSnapshotAlreadyExistsError,
    InvalidDBClusterSnapshotStateFault,
    InvalidDBClusterStateFault,
    InvalidParameterCombination,
    InvalidParameterValue,
)
from moto.rds.models import RDSBackend

from drills.sandbox.base.errors import SERVER_ERRORS, first_line
from drills.sandbox.rds import limits
from drills.sandbox.rds.clusters.lookups import ClusterLookups
from drills.sandbox.rds.clusters.models import SandboxCluster, SandboxClusterSnapshot
from drills.sandbox.rds.keys import Keys
from drills.sandbox.rds.quotas import Quotas
from drills.sandbox.state import DataPlane


class ClusterSnapshots:
    """The cluster snapshots of one region. A request copies the data; the status follows later."""

    def __init__(
        self, backend: RDSBackend, plane: DataPlane, lookups: ClusterLookups, keys: Keys, quotas: Quotas
    ) -> None:
        self._backend = backend
        self._plane = plane
        self._lookups = lookups
        self._keys = keys
        self._quotas = quotas

    # -- taking --------------------------------------------------------------------------------------------------

    def create(
        self, cluster_name: str, snapshot_name: str, snapshot_type: str = "manual", **options: Any
    ) -> SandboxClusterSnapshot:
        """Copy the cluster's data now; the snapshot becomes `available` when its time has passed.

        The first automated one is taken whatever else is done to the cluster, which has no restorable time without it.
        """
        statuses = () if snapshot_type == "automated" else ("available",)
        cluster = self._lookups.cluster(cluster_name, *statuses)
        if snapshot_name in self._backend.cluster_snapshots:
            raise DBClusterSnapshotAlreadyExistsError(snapshot_name)
        if snapshot_type == "manual":
            self._quotas.check_cluster_snapshots()
        snapshot = SandboxClusterSnapshot(
            self._backend, self._plane, cluster, snapshot_name, snapshot_type=snapshot_type, **options
        )
        try:
            with self._running(cluster):
                snapshot.set_data(self._plane.snapshots.take(snapshot.arn, cluster.db_cluster_resource_id))
        except SERVER_ERRORS as error:
            cluster.record_event(f"The snapshot {snapshot_name} failed: {first_line(error)}", "backup")
            raise InvalidDBClusterStateFault(f"The data could not be copied: {first_line(error)}") from error
        self._backend.cluster_snapshots[snapshot_name] = snapshot
        if cluster.status == "available":
            cluster.status = "backing-up"
        cluster.record_event("Creating cluster snapshot" if snapshot_type == "manual" else "Backing up", "backup")
        self._plane.work(f"back up {cluster.resource_id}", lambda: self._finish(cluster))
        return snapshot

    @contextmanager
    def _running(self, cluster: SandboxCluster) -> Iterator[None]:
        """Run the server of a cluster without instances for as long as its data are copied.

        Whoever ends the server with the last instance holds `busy` too, so that it does not end while it is read.
        """
        server = self._plane.servers[cluster.db_cluster_resource_id]
        with server.busy:
            ran = server.cluster.running()
            if not ran:
                server.cluster.start(server.settings)
            try:
                yield
            finally:
                if not ran:
                    server.cluster.stop()

    def _finish(self, cluster: SandboxCluster) -> None:
        self._plane.at_least(self._plane.asked_at(), self._plane.delays.backing_up)
        with self._plane.lock:
            if cluster.status == "backing-up":
                cluster.status = "available"
                cluster.record_event("Cluster backup finished", "backup")

    def take_automated(self, cluster: SandboxCluster) -> None:
        """Take the automated snapshot that point-in-time restores begin from. A failure becomes an event of the cluster."""
        prefix = f"rds:{cluster.resource_id}-{self._plane.instant():%Y-%m-%d-%H-%M}"
        name, number = prefix, 1
        while name in self._backend.cluster_snapshots:
            number += 1
            name = f"{prefix}-{number}"
        try:
            self.create(cluster.resource_id, name, snapshot_type="automated")
        except ServiceException as error:
            cluster.record_event(f"The automated backup failed: {error.message}", "backup")

    # -- copying -------------------------------------------------------------------------------------------------

    def copy(
        self, source_name: str, target_name: str, source_region: ClusterSnapshots, **options: Any
    ) -> SandboxClusterSnapshot:
        """CopyDBClusterSnapshot, of this or another region: a manual snapshot with a copy of the data.

        A key belongs to one region, so an encrypted snapshot needs another key in another region.
        """
        source = source_region._lookups.snapshot(source_name)
        if source_region is not self and source.kms_key_id and not options.get("kms_key_id"):
            raise InvalidParameterCombination(
                "KmsKeyId is required to copy an encrypted snapshot to another region: its key is not there."
            )
        self._quotas.check_cluster_snapshots()
        if target_name in self._backend.cluster_snapshots:
            raise DBClusterSnapshotAlreadyExistsError(target_name)
        if source.status != "available":
            raise InvalidDBClusterSnapshotStateFault(f"The snapshot {source.resource_id} is not available yet.")
        source_region._keys.check(source.kms_key_id)
        copy = self._new_copy(source, target_name, options)
        try:
            copy.set_data(self._plane.snapshots.copy(source.arn, copy.arn))
        except SERVER_ERRORS as error:
            raise InvalidDBClusterSnapshotStateFault(f"The data could not be copied: {first_line(error)}") from error
        self._backend.cluster_snapshots[target_name] = copy
        return copy

    def _new_copy(self, source: SandboxClusterSnapshot, name: str, options: dict[str, Any]) -> SandboxClusterSnapshot:
        tags = options.get("tags") or (source.tags if options.get("copy_tags") else [])
        key = self._keys.check(options.get("kms_key_id")) or source.kms_key_id
        assert isinstance(source.cluster, SandboxCluster)
        copy = SandboxClusterSnapshot(self._backend, self._plane, source.cluster, name, tags=tags, kms_key_id=key)
        copy.source_db_cluster_snapshot_arn = source.arn
        return copy

    def check_sharing(self, name: str, values_to_add: Iterable[str]) -> None:
        """Raise the error of AWS unless the snapshot is manual, and unencrypted where it is to be public (`all`)."""
        snapshot = self._manual(name, "shared")
        limits.check_accounts(values_to_add)
        if "all" in values_to_add and snapshot.kms_key_id:
            raise InvalidParameterValue("Encrypted snapshots cannot be made public.")

    # -- removing ------------------------------------------------------------------------------------------------

    def delete(self, name: str) -> SandboxClusterSnapshot:
        """Remove a manual snapshot; the others belong to their services."""
        return self.remove(self._manual(name, "deleted"))

    def _manual(self, name: str, action: str) -> SandboxClusterSnapshot:
        snapshot = self._lookups.snapshot(name)
        if snapshot.snapshot_type != "manual":
            raise InvalidDBClusterSnapshotStateFault(
                f"Only manual snapshots may be {action}; {snapshot.resource_id} is of type {snapshot.snapshot_type}."
            )
        return snapshot

    def remove(self, snapshot: SandboxClusterSnapshot) -> SandboxClusterSnapshot:
        """Remove a snapshot of any type together with its data."""
        self._backend.cluster_snapshots.pop(snapshot.resource_id, None)
        self._plane.snapshots.drop(snapshot.arn)
        return snapshot

    def drop_automated(self, cluster: SandboxCluster) -> None:
        """Remove the automated backups of a cluster: its snapshots and its archived WAL."""
        for snapshot in list(self._backend.cluster_snapshots.values()):
            if not isinstance(snapshot, SandboxClusterSnapshot) or snapshot.snapshot_type != "automated":
                continue
            if snapshot.db_cluster_resource_id == cluster.db_cluster_resource_id:
                self.remove(snapshot)
        self._plane.archives.drop(cluster.db_cluster_resource_id)


def check_restorable(snapshot: SandboxClusterSnapshot) -> None:
    """Raise InvalidDBClusterSnapshotStateFault for a snapshot that is still being made."""
    if snapshot.status != "available":
        raise InvalidDBClusterSnapshotStateFault(f"The snapshot {snapshot.resource_id} is not available yet.")
