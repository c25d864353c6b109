"""The quotas of a region. They are the defaults of AWS (Amazon RDS User Guide, "Quotas and constraints for Amazon RDS")."""

from __future__ import annotations

from moto.rds.exceptions import RDSClientError
from moto.rds.models import RDSBackend

from drills.sandbox.state import DataPlane

MAX_INSTANCES = 40
MAX_MANUAL_SNAPSHOTS = 100
MAX_STORAGE = 100_000  # GiB
MAX_GROUPS = 50  # of parameters of instances, of clusters, and of subnets
MAX_CLUSTERS = 40


class Quotas:
    """Counts the instances and snapshots of one region against its quotas."""

    def __init__(self, backend: RDSBackend, plane: DataPlane) -> None:
        self._backend = backend
        self._plane = plane

    def check_instances(self, operation: str, name: str) -> None:
        """Raise InstanceQuotaExceeded when the quota is used up, or when that fault is armed for this instance."""
        fault = self._plane.faults.take("quota-exceeded", service="rds", operation=operation, name=name)
        if fault or len(self._backend.databases) >= MAX_INSTANCES:
            raise RDSClientError(
                "InstanceQuotaExceeded",
                "Request would result in user exceeding the allotted number of DB instances.",
            )

    def check_storage(self, more: int) -> None:
        """Raise StorageQuotaExceeded when an instance of `more` GiB would exceed the quota of storage."""
        if self._storage() + more > MAX_STORAGE:
            raise RDSClientError(
                "StorageQuotaExceeded",
                "Request would result in user exceeding the allowed amount of storage available across all DB instances.",
            )

    def check_parameter_groups(self) -> None:
        """Raise DBParameterGroupQuotaExceeded when the quota of parameter groups is used up."""
        if self._parameter_groups() >= MAX_GROUPS:
            raise RDSClientError(
                "DBParameterGroupQuotaExceeded",
                "Request would result in user exceeding the allowed number of DB parameter groups.",
            )

    def check_subnet_groups(self) -> None:
        """Raise DBSubnetGroupQuotaExceeded when the quota of subnet groups is used up."""
        if len(self._backend.subnet_groups) >= MAX_GROUPS:
            raise RDSClientError(
                "DBSubnetGroupQuotaExceeded",
                "Request would result in user exceeding the allowed number of DB subnet groups.",
            )

    def check_clusters(self, operation: str, name: str) -> None:
        """Raise DBClusterQuotaExceededFault when the quota is used up, or when `quota-exceeded` is armed for this cluster."""
        fault = self._plane.faults.take("quota-exceeded", service="rds", operation=operation, name=name)
        if fault or len(self._backend.clusters) >= MAX_CLUSTERS:
            raise RDSClientError(
                "DBClusterQuotaExceededFault",
                "You cannot create another DB cluster because you have reached your quota.",
            )

    def check_cluster_parameter_groups(self) -> None:
        """Raise DBParameterGroupQuotaExceeded when the quota of cluster parameter groups is used up."""
        if self._cluster_parameter_groups() >= MAX_GROUPS:
            raise RDSClientError(
                "DBParameterGroupQuotaExceeded",
                "Request would result in user exceeding the allowed number of DB cluster parameter groups.",
            )

    def check_cluster_snapshots(self) -> None:
        """Raise SnapshotQuotaExceeded when the quota of manual cluster snapshots is used up."""
        manual = self._manual_cluster_snapshots()
        if manual >= MAX_MANUAL_SNAPSHOTS:
            raise RDSClientError("SnapshotQuotaExceeded", f"Cannot create more than {manual} manual snapshots")

    def check_snapshots(self) -> None:
        """Raise SnapshotQuotaExceeded when the quota of manual snapshots is used up."""
        manual = self._manual_snapshots()
        if manual >= MAX_MANUAL_SNAPSHOTS:
            raise RDSClientError("SnapshotQuotaExceeded", f"Cannot create more than {manual} manual snapshots")

    def usage(self) -> dict[str, tuple[int, int]]:
        """Return the used and the largest allowed number, by AWS's name of the quota."""
        return {
            "DBInstances": (len(self._backend.databases), MAX_INSTANCES),
            "ManualSnapshots": (self._manual_snapshots(), MAX_MANUAL_SNAPSHOTS),
            "AllocatedStorage": (self._storage(), MAX_STORAGE),
            "DBParameterGroups": (self._parameter_groups(), MAX_GROUPS),
            "DBSubnetGroups": (len(self._backend.subnet_groups), MAX_GROUPS),
            "DBClusters": (len(self._backend.clusters), MAX_CLUSTERS),
            "DBClusterParameterGroups": (self._cluster_parameter_groups(), MAX_GROUPS),
            "ManualClusterSnapshots": (self._manual_cluster_snapshots(), MAX_MANUAL_SNAPSHOTS),
        }

    def _storage(self) -> int:
        return sum(int(each.allocated_storage or 0) for each in self._backend.databases.values())

    def _parameter_groups(self) -> int:
        """Return the number of groups that are no default ones (AccountQuota, RDS API reference)."""
        return sum(not name.startswith("default.") for name in self._backend.db_parameter_groups)

    def _manual_snapshots(self) -> int:
        return sum(each.snapshot_type == "manual" for each in self._backend.database_snapshots.values())

    def _cluster_parameter_groups(self) -> int:
        return sum(not name.startswith("default.") for name in self._backend.db_cluster_parameter_groups)

    def _manual_cluster_snapshots(self) -> int:
        return sum(each.snapshot_type == "manual" for each in self._backend.cluster_snapshots.values())
