"""How an instance becomes available: at once, or as an armed fault of the switchboard has it."""

from __future__ import annotations

from collections.abc import Callable

from moto.rds.exceptions import RDSClientError

from drills.errors import SandboxError
from drills.sandbox.rds.base import RDSBase
from drills.sandbox.rds.instances import SandboxInstance
from drills.sandbox.state import Server

# AWS's defaults for a region (RDS User Guide, "Quotas and constraints for Amazon RDS")
INSTANCES_AT_MOST = 40
MANUAL_SNAPSHOTS_AT_MOST = 100
CERTIFICATE = "rds-ca-rsa2048-g1"  # the authority that new instances get

# faults that leave a restored instance in the status of the same name, and what its event says
_SPOILT = {
    "incompatible-restore": "The restored data cannot be used.",
    "incompatible-network": "The resources of its network are not there.",
}


class RDSSettling(RDSBase):
    """The faults of RDS, asked for where they strike; `name` is the instance's."""

    def _strikes(self, kind: str, db: SandboxInstance, operation: str = "") -> bool:
        return self.plane.faults.take(kind, service="rds", operation=operation, name=db.resource_id) is not None

    def _check_quota(self, operation: str, name: str) -> None:
        """InstanceQuotaExceeded where there are as many as may be, or where the fault is armed."""
        armed = self.plane.faults.take("quota-exceeded", service="rds", operation=operation, name=name)
        if armed or len(self.databases) >= INSTANCES_AT_MOST:
            raise RDSClientError(
                "InstanceQuotaExceeded",
                "Request would result in user exceeding the allotted number of DB instances.",
            )

    def _check_snapshot_quota(self) -> None:
        manual = sum(each.snapshot_type == "manual" for each in self.database_snapshots.values())
        if manual >= MANUAL_SNAPSHOTS_AT_MOST:
            raise RDSClientError("SnapshotQuotaExceeded", f"Cannot create more than {manual} manual snapshots")

    def _spoiled(self, db: SandboxInstance, server: Server) -> bool:
        """Whether a fault keeps a new instance from ever being available; it has its status then."""
        for status, why in _SPOILT.items():
            if db.restored and self._strikes(status, db):
                server.cluster.kill()
                self._fail(db, server, status, SandboxError(why))
                return True
        if self._strikes("stuck-creating", db):
            db.say("The DB instance is still being created", "notification")
            return True
        return False

    def _ready(self, db: SandboxInstance) -> None:
        """Let an instance be available, unless its storage is full; it may leave that status again. Holds the lock."""
        if self._strikes("storage-full", db):
            db.status = "storage-full"
            self.plane.refuse_port(db.resource_id)
            db.say("The DB instance has exhausted its allocated storage", "low storage")
            return
        db.status = "available"
        fault = self.plane.faults.take("flapping", service="rds", name=db.resource_id)
        if fault is not None:
            self.plane.work(f"flap {db.resource_id}", self._flap(db, fault.seconds))

    def _flap(self, db: SandboxInstance, seconds: float) -> Callable[[], None]:
        def job() -> None:
            self.plane.at_least(self.plane.clock.monotonic(), self.plane.delays.modifying)
            with self.plane.lock:
                if db.status != "available":
                    return
                db.status = "modifying"
            self.plane.at_least(self.plane.clock.monotonic(), seconds)
            with self.plane.lock:
                if db.status == "modifying":
                    db.status = "available"

        return job
