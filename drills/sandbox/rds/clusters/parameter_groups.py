"""DB cluster parameter groups: which one a cluster may use, and how changed values reach the running servers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from moto.rds.exceptions import DBClusterParameterGroupNotFoundError, InvalidParameterCombination, RDSClientError
from moto.rds.models import DBClusterParameterGroup, RDSBackend

from drills.sandbox.postgres import parameters
from drills.sandbox.rds.clusters.lookups import ClusterLookups
from drills.sandbox.rds.clusters.models import ENGINE
from drills.sandbox.rds.parameter_groups import ParameterGroups, check_changes, family_of, immediate, major_of
from drills.sandbox.rds.quotas import Quotas
from drills.sandbox.state import DataPlane


class ClusterParameterGroups:
    """The cluster parameter groups of one region. A value of an instance's own group precedes one of its cluster's."""

    def __init__(
        self, backend: RDSBackend, plane: DataPlane, lookups: ClusterLookups, groups: ParameterGroups, quotas: Quotas
    ) -> None:
        self._backend = backend
        self._plane = plane
        self._lookups = lookups
        self._groups = groups
        self._quotas = quotas

    def usable(self, name: str | None, version: str) -> str:
        """Return the name of the group that a cluster of that version uses, the default one for None, which is then made.

        Raises the error of AWS for a group that is not there or of another family.
        """
        family = family_of(ENGINE, version)
        name = (name or f"default.{family}").lower()
        groups = self._backend.db_cluster_parameter_groups
        if name == f"default.{family}" and name not in groups:
            self._backend.create_db_cluster_parameter_group(
                name, family, f"Default cluster parameter group for {family}", []
            )
        if name not in groups:
            raise RDSClientError("DBClusterParameterGroupNotFound", f"DBClusterParameterGroup not found: {name}")
        actual = groups[name].db_parameter_group_family
        if actual != family:
            raise InvalidParameterCombination(
                f"The parameter group {name} with DBParameterGroupFamily {actual} can't be used for this cluster. "
                f"Please use a parameter group with DBParameterGroupFamily {family}"
            )
        return name

    def find(self, name: str) -> DBClusterParameterGroup:
        """Return the group, or raise DBParameterGroupNotFound."""
        if name not in self._backend.db_cluster_parameter_groups:
            raise DBClusterParameterGroupNotFoundError(name)
        return self._backend.db_cluster_parameter_groups[name]

    def create(self, name: str, family: str, description: str, tags: list[dict[str, str]]) -> DBClusterParameterGroup:
        """CreateDBClusterParameterGroup, within the quota."""
        self._quotas.check_cluster_parameter_groups()
        if major_of(family) == "none":
            raise InvalidParameterCombination(f"ParameterGroupFamily {family} is not a valid parameter group family")
        return self._backend.create_db_cluster_parameter_group(name, family, description, tags)

    def delete(self, name: str) -> None:
        """DeleteDBClusterParameterGroup: refused while a cluster uses the group, and for a default one."""
        group = self.find(name)
        users = [each.resource_id for each in self._lookups.all() if each.parameter_group == group.name]
        if users or group.name.startswith("default."):
            reason = f"the cluster {users[0]} is a member of it" if users else "it is a default group"
            raise RDSClientError("InvalidDBParameterGroupState", f"The group {name} cannot be deleted: {reason}.")
        self._backend.delete_db_cluster_parameter_group(name)

    def described(self, name: str, source: str | None) -> list[dict[str, Any]]:
        """Return the rows of DescribeDBClusterParameters: the user's values and, unless `source` excludes them, the defaults."""
        group = self.find(name)
        binaries = self._plane.servers.find_binaries(major_of(group.db_parameter_group_family))
        return parameters.describe_parameters(binaries.folder if binaries else None, group.parameters, source)

    def modify(self, name: str, changes: Iterable[dict[str, Any]]) -> DBClusterParameterGroup:
        """ModifyDBClusterParameterGroup: dynamic values with `immediate` reach the running servers at once."""
        group, changes = self.find(name), list(changes)
        check_changes(self._plane.servers.find_binaries(major_of(group.db_parameter_group_family)), changes)
        group.update_cluster_parameters(changes)
        for cluster in self._lookups.all():
            server = self._plane.servers.get(cluster.db_cluster_resource_id)
            writer = next((each for each in cluster.instances() if each.is_cluster_writer), None)
            if cluster.parameter_group == group.name and server and writer and server.cluster.running():
                self._groups.reload(writer, server, immediate(changes))
        return group
