"""How the server of an instance comes up: a new one on its data, and an existing one after a restart or a stop."""

from __future__ import annotations

from collections.abc import Callable

from drills.sandbox.base.errors import SERVER_ERRORS, Ending
from drills.sandbox.postgres import parameters
from drills.sandbox.postgres.servers import Server
from drills.sandbox.rds.automated_backups import AutomatedBackups
from drills.sandbox.rds.instances import SandboxInstance
from drills.sandbox.rds.status import Status
from drills.sandbox.state import DataPlane


class Lifecycle:
    """Brings servers up. Each call is the work of a thread; no caller holds the lock."""

    def __init__(self, plane: DataPlane, automated_backups: AutomatedBackups, status: Status) -> None:
        self._plane = plane
        self._automated_backups = automated_backups
        self._status = status

    def bring_up(
        self,
        db: SandboxInstance,
        server: Server,
        build: Callable[[dict[str, str]], None],
        failure: str,
        joined: Callable[[], None] = lambda: None,
    ) -> None:
        """Build the data of a new instance and make it available; an error gives it the status `failure`.

        `build` gets the settings of the parameter group, makes the data directory and starts the server. For an instance that is
        being deleted already nothing is built: whoever removed its server would not come again. `joined` is called with the lock
        held that is released once the instance is available, so that nobody sees the one without the other.
        """
        plane, began = self._plane, self._plane.asked_at()
        try:
            with plane.lock:
                if db.status != "creating":
                    return
                group = db.db_parameter_groups()[0]
                settings = parameters.effective_settings(server.binaries.folder, db.parameters_in_force())
                backed_up = bool(db.backup_retention_period) and db.cluster is None
                if backed_up:
                    plane.archives.open(db.dbi_resource_id, server.cluster)
            with server.busy:
                if db.status != "creating":
                    return
                build(settings)
        except SERVER_ERRORS as error:
            if isinstance(error, Ending):
                raise
            self._status.fail(db, server, failure, error)
            return
        plane.at_least(began, plane.delays.creating)
        with plane.lock:
            if db.status != "creating" or self._status.prevented(db, server):
                return
            if db.governs_server:
                server.settings, server.parameter_group = settings, group.name
            db.port = plane.ports.open(db.resource_id, server.cluster)
            db.endpoint_known = True
            db.record_event(db.creation_message, "creation")
            if backed_up:
                self._automated_backups.take(db)
            else:
                self._status.make_available(db)
            joined()

    def restart(
        self,
        db: SandboxInstance,
        start: Callable[[Server, dict[str, str]], None],
        during: tuple[str, float],
        event: tuple[str, str],
    ) -> None:
        """Start the server of an instance with all the values of its parameter group.

        The call has given it the status of `during`, which lasts at least so many seconds. When it has that status still, the
        instance becomes available, with the `event` (message, category).
        """
        plane, began, (status, seconds) = self._plane, self._plane.asked_at(), during
        with plane.lock:
            if db.status != status:
                return
            server = plane.servers[db.server_id]
            group = db.db_parameter_groups()[0]
            settings = parameters.effective_settings(server.binaries.folder, db.parameters_in_force())
        try:
            with server.busy:
                start(server, settings)
        except SERVER_ERRORS as error:
            self._status.fail(db, server, "incompatible-parameters", error)
            return
        plane.at_least(began, seconds)
        with plane.lock:
            server.settings, server.parameter_group = settings, group.name
            if db.status == status:
                plane.ports.open(db.resource_id, server.cluster)
                db.record_event(*event)
                self._status.make_available(db)
