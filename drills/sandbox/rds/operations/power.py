"""StopDBInstance, StartDBInstance and RebootDBInstance: the server ends and starts; its data and its port stay."""

from __future__ import annotations

from datetime import timedelta

from moto.rds.exceptions import InvalidDBClusterStateFault

from drills.sandbox.rds.instances import MODIFIABLE, SandboxInstance
from drills.sandbox.rds.key_access import RECOVERABLE, KeyAccess
from drills.sandbox.rds.keys import Keys
from drills.sandbox.rds.lifecycle import Lifecycle
from drills.sandbox.rds.lookups import Lookups
from drills.sandbox.rds.snapshots import Snapshots
from drills.sandbox.state import DataPlane

# "The instance restarts automatically after 7 days" (RDS API reference, StopDBInstance)
MAX_STOPPED = timedelta(days=7)


class Power:
    """Stops, starts and reboots the instances of one region."""

    def __init__(
        self,
        plane: DataPlane,
        lookups: Lookups,
        keys: Keys,
        snapshots: Snapshots,
        lifecycle: Lifecycle,
        key_access: KeyAccess,
    ) -> None:
        self._plane = plane
        self._lookups = lookups
        self._keys = keys
        self._snapshots = snapshots
        self._lifecycle = lifecycle
        self._key_access = key_access

    def stop(self, name: str, snapshot_name: str | None = None) -> SandboxInstance:
        """Stop an instance, after a snapshot where one is named; its port refuses and stays with the name."""
        db = self._alone(name, "available")
        if snapshot_name:
            self._snapshots.create(db.resource_id, snapshot_name)
        db.status = "stopping"
        self._plane.work(f"stop {db.resource_id}", lambda: self._stop(db))
        return db

    def _alone(self, name: str, *statuses: str) -> SandboxInstance:
        """Return an instance that can be stopped by itself; InvalidDBClusterStateFault for one of a cluster."""
        db = self._lookups.instance(name, *statuses)
        if db.cluster is not None:
            raise InvalidDBClusterStateFault(
                f"The instance {db.resource_id} is a member of a DB cluster, which alone can be stopped and started."
            )
        return db

    def _stop(self, db: SandboxInstance) -> None:
        plane, began = self._plane, self._plane.asked_at()
        with plane.lock:
            if db.status != "stopping":
                return
            server = plane.servers[db.dbi_resource_id]
            plane.ports.refuse(db.resource_id)
        with server.busy:
            server.cluster.stop()
        plane.at_least(began, plane.delays.stopping)
        with plane.lock:
            if db.status != "stopping":
                return
            db.status, db.stop_count = "stopped", db.stop_count + 1
            this_stop = db.stop_count
            db.record_event("DB instance stopped", "notification")
        plane.at_least(began, MAX_STOPPED.total_seconds())
        with plane.lock:
            if db.status == "stopped" and db.stop_count == this_stop:
                db.record_event("The DB instance is being started because it was stopped for 7 days", "notification")
                self.start(db.resource_id)

    def start(self, name: str) -> SandboxInstance:
        """Start a stopped instance with all the values of its parameter group, or one whose key is enabled again."""
        if self._alone(name).status == RECOVERABLE:
            return self._key_access.recover(name)
        db = self._lookups.instance(name, "stopped")
        self._keys.check(db.kms_key_id)
        db.status = "starting"
        self._plane.work(
            f"start {db.resource_id}",
            lambda: self._lifecycle.restart(
                db,
                lambda server, settings: server.cluster.start(settings),
                ("starting", self._plane.delays.starting),
                ("DB instance started", "notification"),
            ),
        )
        return db

    def reboot(self, name: str) -> SandboxInstance:
        """Restart the server with all the values of its parameter group."""
        db = self._lookups.instance(name, *MODIFIABLE)
        db.status = "rebooting"
        self._plane.work(
            f"reboot {db.resource_id}",
            lambda: self._lifecycle.restart(
                db,
                lambda server, settings: server.cluster.restart(settings),
                ("rebooting", self._plane.delays.rebooting),
                ("DB instance restarted", "availability"),
            ),
        )
        return db
