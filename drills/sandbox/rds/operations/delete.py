"""DeleteDBInstance: an instance goes, with a final snapshot and with or without its automated backups."""

from __future__ import annotations

from moto.rds.exceptions import InvalidParameterCombination, RDSClientError
from moto.rds.models import RDSBackend

from drills.sandbox.rds import limits
from drills.sandbox.rds.automated_backups import AutomatedBackups
from drills.sandbox.rds.instances import SandboxInstance
from drills.sandbox.rds.lookups import Lookups
from drills.sandbox.rds.snapshots import Snapshots
from drills.sandbox.state import DataPlane


class Deletion:
    """Deletes instances of one region."""

    def __init__(
        self,
        backend: RDSBackend,
        plane: DataPlane,
        lookups: Lookups,
        snapshots: Snapshots,
        automated_backups: AutomatedBackups,
    ) -> None:
        self._backend = backend
        self._plane = plane
        self._lookups = lookups
        self._snapshots = snapshots
        self._automated_backups = automated_backups

    def delete(
        self, name: str, final_snapshot: str | None, skip_final_snapshot: bool | None, keep_backups: bool
    ) -> SandboxInstance:
        """Make the instance `deleting`; a thread then removes it with its server, data and port."""
        db = self._lookups.instance(name)
        if db.status == "deleting":
            raise RDSClientError("InvalidDBInstanceState", f"Instance {db.resource_id} is already being deleted.")
        if db.deletion_protection:
            raise InvalidParameterCombination(
                "Cannot delete protected DB Instance, please disable deletion protection and try again."
            )
        limits.check_final_snapshot(final_snapshot, skipped=bool(skip_final_snapshot))
        if final_snapshot:
            self._snapshots.create(db.resource_id, final_snapshot)
        db.status = "deleting"
        self._plane.work(f"delete {db.resource_id}", lambda: self._remove(db, keep_backups))
        return db

    def _remove(self, db: SandboxInstance, keep_backups: bool) -> None:
        began = self._plane.asked_at()
        with self._plane.lock:
            self._plane.ports.release(db.resource_id)
        if keep_backups:
            self._automated_backups.archive_last_wal(db)
        self._plane.servers.remove(db.dbi_resource_id)
        self._plane.at_least(began, self._plane.delays.deleting)
        with self._plane.lock:
            self._backend.databases.pop(db.resource_id, None)
            if not (keep_backups and self._automated_backups.retain(db)):
                self._automated_backups.drop(db.dbi_resource_id)
            db.record_event("DB instance deleted", "deletion")
