"""DeleteDBCluster: a cluster goes once it has no instances, with a final snapshot and with or without its automated backups."""

from __future__ import annotations

from moto.rds.exceptions import (
    DBClusterToBeDeletedHasActiveMembers,
    InvalidDBClusterStateFault,
    InvalidParameterCombination,
)
from moto.rds.models import RDSBackend

from drills.sandbox.rds import limits
from drills.sandbox.rds.clusters.automated_backups import ClusterBackups
from drills.sandbox.rds.clusters.lookups import ClusterLookups
from drills.sandbox.rds.clusters.models import SandboxCluster
from drills.sandbox.rds.clusters.snapshots import ClusterSnapshots
from drills.sandbox.state import DataPlane

_WAIT = 0.05  # seconds between two looks at instances that are being deleted


class ClusterDeletion:
    """Deletes clusters of one region."""

    def __init__(
        self,
        backend: RDSBackend,
        plane: DataPlane,
        lookups: ClusterLookups,
        snapshots: ClusterSnapshots,
        backups: ClusterBackups,
    ) -> None:
        self._backend = backend
        self._plane = plane
        self._lookups = lookups
        self._snapshots = snapshots
        self._backups = backups

    def delete(
        self, name: str, final_snapshot: str | None, *, skip_final_snapshot: bool, delete_backups: bool
    ) -> SandboxCluster:
        """Make the cluster `deleting`; a thread then removes it with its server, data and port."""
        cluster = self._lookups.cluster(name)
        if cluster.status == "deleting":
            raise InvalidDBClusterStateFault(f"Cluster {cluster.resource_id} is already being deleted.")
        if cluster.deletion_protection:
            raise InvalidParameterCombination(
                "Cannot delete protected Cluster, please disable deletion protection and try again."
            )
        if any(each.status != "deleting" for each in cluster.instances()):
            raise DBClusterToBeDeletedHasActiveMembers()
        limits.check_final_snapshot(final_snapshot, skipped=skip_final_snapshot)
        if final_snapshot:
            self._snapshots.create(cluster.resource_id, final_snapshot)
        cluster.status = "deleting"
        self._plane.work(f"delete {cluster.resource_id}", lambda: self._remove(cluster, delete_backups))
        return cluster

    def _remove(self, cluster: SandboxCluster, delete_backups: bool) -> None:
        began = self._plane.asked_at()
        while cluster.instances():
            self._plane.at_least(self._plane.clock.monotonic(), _WAIT)
        with self._plane.lock:
            self._plane.ports.release(cluster.port_name)
        self._plane.servers.remove(cluster.db_cluster_resource_id)
        self._plane.at_least(began, self._plane.delays.deleting)
        with self._plane.lock:
            self._backend.clusters.pop(cluster.resource_id, None)
            if delete_backups or not self._backups.retain(cluster):
                self._snapshots.drop_automated(cluster)
            cluster.record_event("DB cluster deleted", "deletion")
