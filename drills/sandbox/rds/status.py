"""How an instance becomes available or fails, in due course or because a fault is armed."""

from __future__ import annotations

from collections.abc import Callable

from drills.errors import SandboxError
from drills.sandbox.base.errors import first_line
from drills.sandbox.postgres.servers import Server
from drills.sandbox.rds.instances import SandboxInstance
from drills.sandbox.state import DataPlane

# faults that leave a restored instance in the status of the same name, with the message of its event
_RESTORE_FAULTS = {
    "incompatible-restore": "The restored data cannot be used.",
    "incompatible-network": "The resources of its network are not there.",
}


class Status:
    """Changes the statuses of instances. It takes the armed faults of RDS by the name of the instance."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane

    def fail(self, db: SandboxInstance, server: Server, status: str, error: Exception) -> None:
        """Give an instance a failure status, with an event that says why, unless it is being deleted."""
        with self._plane.lock:
            server.reason = first_line(error)
            if db.status == "deleting":
                return
            db.status = status
            self._plane.ports.refuse(db.resource_id)
            db.record_event(f"The DB instance is {status}: {server.reason}", "failure")

    def prevented(self, db: SandboxInstance, server: Server) -> bool:
        """Return whether an armed fault keeps a new instance from becoming available, after giving it its status."""
        for status, message in _RESTORE_FAULTS.items():
            if db.restored and self._take(status, db):
                server.cluster.kill()
                self.fail(db, server, status, SandboxError(message))
                return True
        if self._take("stuck-creating", db):
            db.record_event("The DB instance is still being created", "notification")
            return True
        return False

    def make_available(self, db: SandboxInstance) -> None:
        """Make an instance available, or storage-full by an armed fault. The caller holds the lock."""
        if self._take("storage-full", db):
            db.status = "storage-full"
            self._plane.ports.refuse(db.resource_id)
            db.record_event("The DB instance has exhausted its allocated storage", "low storage")
            return
        db.status = "available"
        fault = self._plane.faults.take("flapping", service="rds", name=db.resource_id)
        if fault is not None:
            self._plane.work(f"flap {db.resource_id}", self._flap(db, fault.seconds))

    def _take(self, kind: str, db: SandboxInstance) -> bool:
        return self._plane.faults.take(kind, service="rds", operation="", name=db.resource_id) is not None

    def _flap(self, db: SandboxInstance, seconds: float) -> Callable[[], None]:
        """Return the work that makes an available instance `modifying` for these seconds."""

        def work() -> None:
            self._plane.at_least(self._plane.asked_at(), self._plane.delays.modifying)
            with self._plane.lock:
                if db.status != "available":
                    return
                began, db.status = self._plane.clock.monotonic(), "modifying"
            self._plane.at_least(began, seconds)
            with self._plane.lock:
                if db.status == "modifying":
                    db.status = "available"

        return work
