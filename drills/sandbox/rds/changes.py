"""Changes to an instance that is there: ModifyDBInstance, renaming, rebooting, parameter values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from moto.rds.exceptions import (
    DBInstanceAlreadyExists,
    DBParameterGroupNotFoundError,
    InvalidParameterCombination,
    InvalidParameterValue,
)
from moto.rds.models import DBInstance

from drills.sandbox.postgres import parameters, roles
from drills.sandbox.rds import windows
from drills.sandbox.rds.instances import PENDABLE, SandboxInstance
from drills.sandbox.rds.snapshots import RDSSnapshots
from drills.sandbox.state import FAULTS, Server, sentence

_MODIFIABLE = ("available", "storage-full", "incompatible-parameters")
# settings that are changed at once and show a status of their own meanwhile (RDS User Guide, "Viewing DB instance status")
_CONFIGURING = {
    "cloudwatch_logs_export_configuration": "configuring-log-exports",
    "monitoring_interval": "configuring-enhanced-monitoring",
    "backup_retention_period": "modifying",
}


def _status(changes: Mapping[str, Any], password: str | None) -> str:
    if password:
        return "resetting-master-credentials"
    if "new_db_instance_identifier" in changes:
        return "renaming"
    if set(changes) == {"enable_iam_database_authentication"}:
        return "configuring-iam-database-auth"
    return "modifying" if changes else ""


class RDSChanges(RDSSnapshots):
    """Requests that change instances and parameter groups of one region."""

    def modify_db_instance(self, db_instance_identifier: str, db_kwargs: Any) -> SandboxInstance:
        """ModifyDBInstance: what is not done at once is pending until it has been carried out.

        With ApplyImmediately everything that is pending is carried out, without it at the next maintenance window (RDS
        User Guide, "Using the schedule modifications setting"). Settings that cause no outage never wait.
        """
        given = dict(db_kwargs)
        db = self.instance(db_instance_identifier, *_MODIFIABLE)
        given.pop("db_instance_identifier", None)
        now = bool(given.pop("apply_immediately", False))
        password = given.pop("master_user_password", None)
        self._check_changes(db, given)
        given.pop("engine_version", None)
        later = {key: given.pop(key) for key in PENDABLE if given.get(key) is not None}
        days = later.get("backup_retention_period")
        if days and db.backup_retention_period:  # "asynchronously applied as soon as possible"
            given["backup_retention_period"] = later.pop("backup_retention_period")
        super().modify_db_instance(db.resource_id, given)
        self._queue(db, later)
        if password is not None:
            db.pending["MasterUserPassword"] = "****"
        status = _CONFIGURING.get(next((key for key in given if key in _CONFIGURING), ""), "")
        if (db.queued and now) or password is not None or status:
            changes = dict(db.queued) if now else {}
            self.plane.work(f"modify {db.resource_id}", lambda: self._modify(db, changes, password, status))
        if db.queued and not now:
            self._defer(db)
        return db

    def _queue(self, db: SandboxInstance, later: Mapping[str, Any]) -> None:
        """Note what is to be changed; asking for what an instance already has takes an earlier request back."""
        for key, value in later.items():
            if key != "new_db_instance_identifier" and getattr(db, key) == value:
                db.queued.pop(key, None)
                db.pending.pop(PENDABLE[key], None)
            else:
                db.queued[key] = db.pending[PENDABLE[key]] = value

    def _defer(self, db: SandboxInstance) -> None:
        if not db.awaits_window:
            db.awaits_window = True
            self.plane.work(f"maintain {db.resource_id}", lambda: self._maintain(db))

    def _maintain(self, db: SandboxInstance) -> None:
        """Carry out what is pending in the next maintenance window in which the instance can be modified."""
        while True:
            with self.plane.lock:
                seconds = windows.seconds_until(db.preferred_maintenance_window, self.plane.instant())
            self.plane.at_least(self.plane.clock.monotonic(), seconds)
            with self.plane.lock:
                if not db.queued or self.databases.get(db.resource_id) is not db:
                    db.awaits_window = False
                    return
                changes = dict(db.queued) if db.status in _MODIFIABLE else {}
            if changes:
                self._modify(db, changes, None)
            else:
                self.plane.at_least(self.plane.clock.monotonic(), 1.0)

    def _check_changes(self, db: SandboxInstance, given: Mapping[str, Any]) -> None:
        version = given.get("engine_version")
        if version and not (db.engine_version + ".").startswith(version + "."):
            raise InvalidParameterCombination(f"This sandbox cannot upgrade from {db.engine_version} to {version}.")
        if given.get("manage_master_user_password") or given.get("rotate_master_user_password"):
            raise InvalidParameterCombination("Managed master passwords are absent from this sandbox.")
        self._check_parameter_group(given.get("db_parameter_group_name"), db.engine_version)
        if given.get("vpc_security_group_ids") is not None:
            self._security_groups(given["vpc_security_group_ids"], db.db_subnet_group.vpc_id)
        new_name = given.get("new_db_instance_identifier")
        if new_name:
            self._validate_db_identifier(new_name)
            if new_name.lower() in self.databases:
                raise DBInstanceAlreadyExists()
        if int(given.get("allocated_storage") or db.allocated_storage) < db.allocated_storage:
            raise InvalidParameterCombination("Invalid storage size: an instance's storage can't be reduced.")

    def _modify(self, db: SandboxInstance, changes: dict[str, Any], password: str | None, status: str = "") -> None:
        began = self.plane.clock.monotonic()
        new_name = changes.get("new_db_instance_identifier")
        with self.plane.lock:
            server, before = self.plane.servers[db.dbi_resource_id], db.status
            db.status = _status(changes, password) or status or "modifying"
        try:
            with server.busy:
                if password is not None:
                    roles.set_password(server.cluster, str(db.master_username), password)
                self._archive(db, server, changes.get("backup_retention_period"))
        except FAULTS as error:
            self._fail(db, server, "failed", error)
            return
        self.plane.at_least(began, self.plane.delays.modifying)
        with self.plane.lock:
            if db.status == "deleting":
                return
            if new_name:
                self._rename(db, new_name, server)
            self._carry_out(db, changes)
            if password is not None:
                db.pending.pop("MasterUserPassword", None)
                db.say("Reset master credentials", "configuration change")
            self._after_change(db, server, before, changes)

    def _carry_out(self, db: SandboxInstance, changes: Mapping[str, Any]) -> None:
        for key, value in changes.items():
            if key != "new_db_instance_identifier":
                setattr(db, key, value)
            if db.queued.get(key) == value:  # and not asked for otherwise meanwhile
                del db.queued[key]
                db.pending.pop(PENDABLE[key], None)

    def _after_change(self, db: SandboxInstance, server: Server, before: str, changes: Mapping[str, Any]) -> None:
        """The status that follows a change: backups that were enabled begin, and only more storage ends its lack."""
        days = changes.get("backup_retention_period")
        if before == "storage-full" and "allocated_storage" not in changes:
            db.status = before
            return
        if before == "storage-full":
            self.plane.open_port(db.resource_id, server.cluster)
        db.status = "available"
        if days == 0:
            self._drop_automated(db.dbi_resource_id)
        elif days:
            self._take_automated(db)

    def _archive(self, db: SandboxInstance, server: Server, days: int | None) -> None:
        """Turn archiving on or off, which takes a restart ("an outage occurs if you change from 0 to nonzero")."""
        if days is None or bool(days) == bool(db.backup_retention_period):
            return
        if days:
            self.plane.archives.open(db.dbi_resource_id, server.cluster)
        else:
            server.cluster.owned = {}
        server.cluster.restart(server.settings)

    def _rename(self, db: SandboxInstance, new_name: str, server: Server) -> None:
        """The old name's port refuses from now on; the new name has a port of its own."""
        self.plane.refuse_port(db.resource_id)
        del self.databases[db.resource_id]
        db.db_instance_identifier = new_name
        self.databases[db.resource_id] = db
        db.port = self.plane.open_port(db.resource_id, server.cluster)
        db.say(f"Renamed instance to {new_name}", "configuration change")

    def reboot_db_instance(self, db_instance_identifier: str) -> SandboxInstance:
        """RebootDBInstance: restarts the server with all the values of its parameter group."""
        db = self.instance(db_instance_identifier, *_MODIFIABLE)
        db.status = "rebooting"
        self.plane.work(
            f"reboot {db.resource_id}",
            lambda: self._come_up(
                db,
                lambda server, settings: server.cluster.restart(settings),
                self.plane.delays.rebooting,
                ("DB instance restarted", "availability"),
            ),
        )
        return db

    def _come_up(
        self, db: SandboxInstance, bring: Callable[[Server, dict[str, str]], None], least: float, said: tuple[str, str]
    ) -> None:
        """Bring the server up with all the values of its group, unless the status has changed meanwhile.

        `least` is how long the present status lasts at least, in seconds; `said` the event of its end and its category.
        """
        began, status = self.plane.clock.monotonic(), db.status
        with self.plane.lock:
            server = self.plane.servers[db.dbi_resource_id]
            group = db.db_parameter_groups()[0]
            settings = parameters.effective(server.binaries.folder, group.parameters)
        try:
            with server.busy:
                bring(server, settings)
        except FAULTS as error:
            self._fail(db, server, "incompatible-parameters", error)
            return
        self.plane.at_least(began, least)
        with self.plane.lock:
            server.settings, server.parameter_group = settings, group.name
            if db.status == status:
                self.plane.open_port(db.resource_id, server.cluster)
                db.say(*said)
                self._ready(db)

    def modify_db_parameter_group(self, db_parameter_group_name: str, db_parameter_group_parameters: Any) -> Any:
        """ModifyDBParameterGroup: dynamic values asked for `immediate` reach the running servers at once."""
        if db_parameter_group_name not in self.db_parameter_groups:
            raise DBParameterGroupNotFoundError(db_parameter_group_name)
        group = self.db_parameter_groups[db_parameter_group_name]
        binaries = self.plane.pick((group.family or "").removeprefix("postgres"))
        changes = list(db_parameter_group_parameters)
        for change in changes:
            name = change["ParameterName"]
            if name in parameters.OWNED:
                raise InvalidParameterValue(f"The parameter {name} cannot be modified.")
            if binaries and change.get("ApplyMethod") == "immediate" and parameters.is_static(binaries.folder, name):
                raise InvalidParameterCombination("cannot use immediate apply method for static parameter")
        group.update_parameters(changes)
        now = {each["ParameterName"] for each in changes if each.get("ApplyMethod") == "immediate"}
        for db in self.databases.values():
            server = self.plane.servers.get(getattr(db, "dbi_resource_id", ""))
            if server and server.parameter_group == group.name and db.status == "available":
                self._reload(db, server, group, now)
        return group

    def _reload(self, db: DBInstance, server: Server, group: Any, names: set[str]) -> None:
        wanted = parameters.effective(server.binaries.folder, group.parameters)
        settings = server.settings | {name: wanted[name] for name in names & wanted.keys()}
        try:
            server.cluster.reload(settings)
        except FAULTS as error:
            assert isinstance(db, SandboxInstance)
            db.say(f"The parameter group's values could not be applied: {sentence(error)}", "configuration change")
            return
        server.settings = settings
