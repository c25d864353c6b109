"""DB parameter groups: which one an instance may use, and how changed values reach the running servers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from moto.rds.exceptions import (
    DBParameterGroupNotFoundError,
    InvalidParameterCombination,
    InvalidParameterValue,
    RDSClientError,
)
from moto.rds.models import DBParameterGroup, RDSBackend

from drills.sandbox.base.errors import SERVER_ERRORS, first_line
from drills.sandbox.postgres import parameters
from drills.sandbox.postgres.binaries import Binaries
from drills.sandbox.postgres.servers import Server
from drills.sandbox.rds.instances import SandboxInstance
from drills.sandbox.state import DataPlane

_FAMILY = re.compile(r"(?:postgres|aurora-postgresql)(\d+)")


class ParameterGroups:
    """The parameter groups of one region."""

    def __init__(self, backend: RDSBackend, plane: DataPlane) -> None:
        self._backend = backend
        self._plane = plane

    def check(self, name: str | None, version: str, engine: str = "postgres") -> None:
        """Raise the error of AWS when a server of that version cannot use the group; make its default group."""
        family = family_of(engine, version)
        if not name:
            return
        groups = self._backend.db_parameter_groups
        if name == f"default.{family}" and name not in groups:
            members = {"db_parameter_group_name": name, "db_parameter_group_family": family}
            self._backend.create_db_parameter_group({**members, "description": f"Default parameter group for {family}"})
        if name not in groups:
            raise DBParameterGroupNotFoundError(name)
        actual = groups[name].family
        if actual != family:
            raise InvalidParameterCombination(
                f"The parameter group {name} with DBParameterGroupFamily {actual} can't be used for this instance. "
                f"Please use a parameter group with DBParameterGroupFamily {family}"
            )

    def check_unused(self, name: str) -> None:
        """Raise InvalidDBParameterGroupState while an instance uses the group."""
        name = name.lower()
        for db in self._backend.databases.values():
            if any(group.name == name for group in db.db_parameter_groups()):
                raise RDSClientError(
                    "InvalidDBParameterGroupState",
                    f"One or more database instances are still members of this parameter group {name}, "
                    "so the group cannot be deleted",
                )

    def find(self, name: str) -> DBParameterGroup:
        """Return the group, or raise DBParameterGroupNotFound."""
        if name not in self._backend.db_parameter_groups:
            raise DBParameterGroupNotFoundError(name)
        return self._backend.db_parameter_groups[name]

    def described(self, name: str, source: str | None) -> list[dict[str, Any]]:
        """Return the rows of DescribeDBParameters: the user's values and, unless `source` excludes them, the defaults."""
        group = self.find(name)
        binaries = self._plane.servers.find_binaries(major_of(group.family or ""))
        return parameters.describe_parameters(binaries.folder if binaries else None, group.parameters, source)

    def modify(self, name: str, changes: Iterable[dict[str, Any]]) -> DBParameterGroup:
        """Carry out ModifyDBParameterGroup: dynamic values with `immediate` reach the running servers at once."""
        group = self.find(name)
        changes = list(changes)
        check_changes(self._plane.servers.find_binaries(major_of(group.family or "")), changes)
        group.update_parameters(changes)
        self._apply(group, immediate(changes))
        return group

    def _apply(self, group: DBParameterGroup, names: set[str]) -> None:
        """Reload the available servers of a group with its values of these parameters."""
        for db in self._backend.databases.values():
            if not isinstance(db, SandboxInstance):
                continue
            server = self._plane.servers.get(db.server_id)
            if server and server.parameter_group == group.name and db.status == "available":
                self.reload(db, server, names)

    def reload(self, db: SandboxInstance, server: Server, names: set[str]) -> None:
        """Reload the running server of an instance with its groups' values of these parameters."""
        values = parameters.effective_settings(server.binaries.folder, db.parameters_in_force())
        settings = server.settings | {name: values[name] for name in names & values.keys()}
        try:
            server.cluster.reload(settings)
        except SERVER_ERRORS as error:
            db.record_event(
                f"The parameter group's values could not be applied: {first_line(error)}", "configuration change"
            )
            return
        server.settings = settings


def family_of(engine: str, version: str) -> str:
    """Return the parameter group family of an engine's version: `postgres16`, `aurora-postgresql16`."""
    return f"{engine}{version.split('.')[0]}"


def major_of(family: str) -> str:
    """Return the major version that a parameter group family is for; `none` for a family of another engine."""
    found = _FAMILY.fullmatch(family)
    return found[1] if found else "none"


def check_changes(binaries: Binaries | None, changes: Iterable[Mapping[str, Any]]) -> None:
    """Raise the error of AWS for a parameter that nobody can modify, or a static one with ApplyMethod `immediate`."""
    for change in changes:
        parameter = change["ParameterName"]
        if parameter in parameters.RESERVED:
            raise InvalidParameterValue(f"The parameter {parameter} cannot be modified.")
        at_once = change.get("ApplyMethod") == "immediate"
        if binaries and at_once and parameters.is_static(binaries.folder, parameter):
            raise InvalidParameterCombination("cannot use immediate apply method for static parameter")


def immediate(changes: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the names of the parameters that are to be changed at once."""
    return {each["ParameterName"] for each in changes if each.get("ApplyMethod") == "immediate"}
