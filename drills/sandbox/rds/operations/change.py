"""How the changes to an instance are carried out: password, archiving, name, and the members that AWS shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.rds.models import RDSBackend

from drills.sandbox.base.errors import SERVER_ERRORS
from drills.sandbox.postgres import roles
from drills.sandbox.postgres.servers import Server
from drills.sandbox.rds.automated_backups import AutomatedBackups
from drills.sandbox.rds.instances import DEFERRABLE, SandboxInstance
from drills.sandbox.rds.status import Status
from drills.sandbox.state import DataPlane


@dataclass(frozen=True, slots=True)
class _Begun:
    """A change that is under way: since when, from which status, with which new password."""

    server: Server
    before: str
    began: float
    changes: dict[str, Any]
    password: str | None


class InstanceChange:
    """Carries out changes to the instances of one region."""

    def __init__(
        self, backend: RDSBackend, plane: DataPlane, automated_backups: AutomatedBackups, status: Status
    ) -> None:
        self._backend = backend
        self._plane = plane
        self._automated_backups = automated_backups
        self._status = status

    def begin(
        self, db: SandboxInstance, changes: dict[str, Any], password: str | None, status: str = ""
    ) -> Callable[[], None]:
        """Return the work that changes the members, and the master password unless it is None.

        The instance has `status` from now on, or the status that AWS gives such a change: however late a thread does the
        work, nobody who looks after the request finds the instance as if nothing had been asked for. The caller holds the
        lock; the work is done without it.
        """
        began, server = self._plane.clock.monotonic(), self._plane.servers[db.server_id]
        begun = _Begun(server, db.status, began, changes, password)
        db.status = _status_during(changes, password) or status or "modifying"
        return lambda: self._carry_out(db, begun)

    def _carry_out(self, db: SandboxInstance, begun: _Begun) -> None:
        plane, server, changes, password = self._plane, begun.server, begun.changes, begun.password
        try:
            with server.busy:
                if db.status == "deleting":
                    return
                if password is not None:
                    roles.set_password(server.cluster, str(db.master_username), password)
                self._set_archiving(db, server, changes.get("backup_retention_period"))
        except SERVER_ERRORS as error:
            self._status.fail(db, server, "failed", error)
            return
        plane.at_least(begun.began, plane.delays.modifying)
        with plane.lock:
            if db.status == "deleting":
                return
            if new_name := changes.get("new_db_instance_identifier"):
                self._rename(db, new_name, server)
            _set_members(db, changes)
            if password is not None:
                db.pending.pop("MasterUserPassword", None)
                db.record_event("Reset master credentials", "configuration change")
            self._set_status_after(db, server, begun.before, changes)

    def _set_archiving(self, db: SandboxInstance, server: Server, days: int | None) -> None:
        """Turn archiving on or off, which takes a restart ("an outage occurs if you change from 0 to nonzero")."""
        if days is None or bool(days) == bool(db.backup_retention_period):
            return
        if days:
            self._plane.archives.open(db.dbi_resource_id, server.cluster)
        else:
            server.cluster.owned = {}
        server.cluster.restart(server.settings)

    def _rename(self, db: SandboxInstance, new_name: str, server: Server) -> None:
        """Rename an instance: the old name's port refuses from now on, and the new name has a port of its own.

        A name that another instance has got since the request stays with that one.
        """
        if new_name in self._backend.databases:
            db.record_event(f"Unable to rename instance to {new_name}: the name is in use", "configuration change")
            return
        self._plane.ports.refuse(db.resource_id)
        del self._backend.databases[db.resource_id]
        db.db_instance_identifier = new_name
        self._backend.databases[db.resource_id] = db
        db.port = self._plane.ports.open(db.resource_id, server.cluster)
        db.record_event(f"Renamed instance to {new_name}", "configuration change")

    def _set_status_after(self, db: SandboxInstance, server: Server, before: str, changes: Mapping[str, Any]) -> None:
        """Set the status that follows a change: newly enabled backups begin, and only more storage ends storage-full."""
        days = changes.get("backup_retention_period")
        if before == "storage-full" and "allocated_storage" not in changes:
            db.status = before
            return
        if before == "storage-full":
            self._plane.ports.open(db.resource_id, server.cluster)
        db.status = "available"
        if days == 0:
            self._automated_backups.drop(db.dbi_resource_id)
        elif days:
            self._automated_backups.take(db)


def _status_during(changes: Mapping[str, Any], password: str | None) -> str:
    if password:
        return "resetting-master-credentials"
    if "new_db_instance_identifier" in changes:
        return "renaming"
    if set(changes) == {"enable_iam_database_authentication"}:
        return "configuring-iam-database-auth"
    return "modifying" if changes else ""


def _set_members(db: SandboxInstance, changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        if key != "new_db_instance_identifier":
            setattr(db, key, value)
        if db.queued.get(key) == value:  # unless another value was requested meanwhile
            del db.queued[key]
            db.pending.pop(DEFERRABLE[key], None)
