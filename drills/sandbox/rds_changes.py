"""Changes to an instance that is there: ModifyDBInstance, renaming, rebooting, parameter values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.rds.exceptions import (
    DBInstanceAlreadyExists,
    DBParameterGroupNotFoundError,
    InvalidParameterCombination,
    InvalidParameterValue,
)
from moto.rds.models import DBInstance

from drills.sandbox import parameters, roles
from drills.sandbox.instances import PENDABLE, SandboxInstance
from drills.sandbox.rds_snapshots import RDSSnapshots
from drills.sandbox.state import FAULTS, Server, sentence

_MODIFIABLE = ("available", "storage-full", "incompatible-parameters")


class RDSChanges(RDSSnapshots):
    """Requests that change instances and parameter groups of one region."""

    def modify_db_instance(self, db_instance_identifier: str, db_kwargs: Any) -> SandboxInstance:
        """ModifyDBInstance: what is not done at once is pending until it has been carried out."""
        given = dict(db_kwargs)
        db = self.instance(db_instance_identifier, *_MODIFIABLE)
        given.pop("db_instance_identifier", None)
        now = bool(given.pop("apply_immediately", False))
        password = given.pop("master_user_password", None)
        self._check_changes(db, given)
        later = {key: given.pop(key) for key in PENDABLE if given.get(key) is not None}
        super().modify_db_instance(db.resource_id, given)
        db.pending |= {PENDABLE[key]: value for key, value in later.items()}
        if password is not None:
            db.pending["MasterUserPassword"] = "****"
        if (later and now) or password is not None:
            self.plane.work(f"modify {db.resource_id}", lambda: self._modify(db, later if now else {}, password))
        return db

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
            if new_name in self.databases:
                raise DBInstanceAlreadyExists()

    def _modify(self, db: SandboxInstance, changes: dict[str, Any], password: str | None) -> None:
        began = self.plane.clock.monotonic()
        new_name = changes.pop("new_db_instance_identifier", None)
        with self.plane.lock:
            server = self.plane.servers[db.dbi_resource_id]
            db.status = "resetting-master-credentials" if password else "renaming" if new_name else "modifying"
        try:
            with server.busy:
                if password is not None:
                    roles.set_password(server.cluster, str(db.master_username), password)
        except FAULTS as error:
            self._fail(db, server, "failed", error)
            return
        self.plane.at_least(began, self.plane.delays.modifying)
        with self.plane.lock:
            if db.status == "deleting":
                return
            if new_name:
                self._rename(db, new_name, server)
            for key, value in changes.items():
                setattr(db, key, value)
                db.pending.pop(PENDABLE[key], None)
            if password is not None:
                db.pending.pop("MasterUserPassword", None)
                db.say("Reset master credentials", "configuration change")
            db.status = "available"

    def _rename(self, db: SandboxInstance, new_name: str, server: Server) -> None:
        """The old name's port refuses from now on; the new name has a port of its own."""
        self.plane.refuse_port(db.resource_id)
        del self.databases[db.resource_id]
        db.db_instance_identifier = new_name
        self.databases[db.resource_id] = db
        db.port = self.plane.open_port(db.resource_id, server.cluster)
        db.pending.pop("DBInstanceIdentifier", None)
        db.say(f"Renamed instance to {new_name}", "configuration change")

    def reboot_db_instance(self, db_instance_identifier: str) -> SandboxInstance:
        """RebootDBInstance: restarts the server with all the values of its parameter group."""
        db = self.instance(db_instance_identifier, *_MODIFIABLE)
        db.status = "rebooting"
        self.plane.work(f"reboot {db.resource_id}", lambda: self._reboot(db))
        return db

    def _reboot(self, db: SandboxInstance) -> None:
        began = self.plane.clock.monotonic()
        with self.plane.lock:
            server = self.plane.servers[db.dbi_resource_id]
            group = db.db_parameter_groups()[0]
            settings = parameters.effective(server.binaries.folder, group.parameters)
        try:
            with server.busy:
                server.cluster.restart(settings)
        except FAULTS as error:
            self._fail(db, server, "incompatible-parameters", error)
            return
        self.plane.at_least(began, self.plane.delays.rebooting)
        with self.plane.lock:
            server.settings, server.parameter_group = settings, group.name
            if db.status == "rebooting":
                self.plane.open_port(db.resource_id, server.cluster)
                db.status = "available"
                db.say("DB instance restarted", "availability")

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
