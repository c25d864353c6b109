"""The quotas of a region. They are the defaults of AWS (Amazon RDS User Guide, "Quotas and constraints for Amazon RDS")."""

from __future__ import annotations

from moto.rds.exceptions import RDSClientError
from moto.rds.models import RDSBackend

from drills.sandbox.state import DataPlane

MAX_INSTANCES = 40
MAX_MANUAL_SNAPSHOTS = 100


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
        }

    def _manual_snapshots(self) -> int:
        return sum(each.snapshot_type == "manual" for each in self._backend.database_snapshots.values())
