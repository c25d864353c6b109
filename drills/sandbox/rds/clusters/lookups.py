"""How a cluster and the cluster snapshots of a region are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from moto.rds.exceptions import DBClusterNotFoundError, DBClusterSnapshotNotFoundError, InvalidDBClusterStateFault
from moto.rds.models import DBClusterSnapshot, RDSBackend

from drills.sandbox.rds.clusters.models import SandboxCluster, SandboxClusterSnapshot


class ClusterLookups:
    """Finds clusters and cluster snapshots of one region, or raises the error that AWS gives."""

    def __init__(self, backend: RDSBackend) -> None:
        self._backend = backend

    def all(self) -> list[SandboxCluster]:
        """Return the clusters of the region."""
        return [each for each in self._backend.clusters.values() if isinstance(each, SandboxCluster)]

    def cluster(self, name: str, *statuses: str) -> SandboxCluster:
        """Return the cluster of that name or ARN; raise InvalidDBClusterStateFault when it has none of the given statuses."""
        name = name.split(":cluster:", 1)[-1].lower()
        if name not in self._backend.clusters:
            raise DBClusterNotFoundError(name)
        cluster = self._backend.clusters[name]
        assert isinstance(cluster, SandboxCluster)
        if statuses and cluster.status not in statuses:
            raise InvalidDBClusterStateFault(
                f"DbCluster {name} is in {cluster.status} state but expected it to be one of {','.join(statuses)}."
            )
        return cluster

    def exists(self, cluster: SandboxCluster) -> bool:
        """Return whether this very cluster still exists under its name."""
        return self._backend.clusters.get(cluster.resource_id) is cluster

    def snapshot(self, name: str) -> SandboxClusterSnapshot:
        """Return the snapshot of that name or ARN, of any type, or raise DBClusterSnapshotNotFoundFault."""
        short = name.split(":cluster-snapshot:", 1)[-1] if name.startswith("arn:") else name
        found = self._backend.cluster_snapshots.get(short)
        if not isinstance(found, SandboxClusterSnapshot):
            raise DBClusterSnapshotNotFoundError(name)
        return found

    def snapshots(
        self, cluster: str | None, name: str | None, kind: str | None, filters: Mapping[str, Sequence[str]]
    ) -> list[DBClusterSnapshot]:
        """Return the snapshots that DescribeDBClusterSnapshots lists.

        Without a type it lists every type, `awsbackup` too, as for DB snapshots. The API reference says automated and manual
        and names no type `awsbackup` at all, Terraform's of the data source aws_db_cluster_snapshot does.
        """
        conditions = {key: list(values) for key, values in filters.items()}
        if name:
            conditions["db-cluster-snapshot-id"] = [name.split(":cluster-snapshot:", 1)[-1]]
        if cluster:
            conditions.setdefault("db-cluster-id", []).append(cluster)
        if kind:
            conditions.setdefault("snapshot-type", []).append(kind)
        found = self._backend.cluster_snapshots
        if conditions:
            found = self._backend._filter_resources(found, conditions, DBClusterSnapshot)
        if name and not found:
            raise DBClusterSnapshotNotFoundError(name)
        return list(found.values())
