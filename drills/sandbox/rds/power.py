"""StopDBInstance and StartDBInstance: the server is ended in order and started again; data and port stay."""

from __future__ import annotations

from datetime import timedelta

from drills.sandbox.rds.changes import RDSChanges
from drills.sandbox.rds.instances import SandboxInstance

# "The instance restarts automatically after 7 days" (RDS API reference, StopDBInstance)
STOPPED_AT_MOST = timedelta(days=7)


class RDSPower(RDSChanges):
    """Stops and starts the instances of one region."""

    def stop_db_instance(
        self, db_instance_identifier: str, db_snapshot_identifier: str | None = None
    ) -> SandboxInstance:
        """StopDBInstance, perhaps with a snapshot before; the port refuses from now on and stays the name's."""
        db = self.instance(db_instance_identifier, "available")
        if db_snapshot_identifier:
            self.create_db_snapshot(db.resource_id, db_snapshot_identifier)
        db.status = "stopping"
        self.plane.work(f"stop {db.resource_id}", lambda: self._stop(db))
        return db

    def _stop(self, db: SandboxInstance) -> None:
        began = self.plane.clock.monotonic()
        with self.plane.lock:
            server = self.plane.servers[db.dbi_resource_id]
            self.plane.refuse_port(db.resource_id)
        with server.busy:
            server.cluster.stop()
        self.plane.at_least(began, self.plane.delays.stopping)
        with self.plane.lock:
            if db.status != "stopping":
                return
            db.status, db.stops = "stopped", db.stops + 1
            mine = db.stops
            db.say("DB instance stopped", "notification")
        self.plane.at_least(began, STOPPED_AT_MOST.total_seconds())
        with self.plane.lock:
            if db.status == "stopped" and db.stops == mine:
                db.say("The DB instance is being started because it was stopped for 7 days", "notification")
                self.start_db_instance(db.resource_id)

    def start_db_instance(self, db_instance_identifier: str) -> SandboxInstance:
        """StartDBInstance: the server starts with all the values of its parameter group, as after a reboot."""
        db = self.instance(db_instance_identifier, "stopped")
        self._check_key(db.kms_key_id)
        db.status = "starting"
        self.plane.work(
            f"start {db.resource_id}",
            lambda: self._come_up(
                db,
                lambda server, settings: server.cluster.start(settings),
                self.plane.delays.starting,
                ("DB instance started", "notification"),
            ),
        )
        return db
