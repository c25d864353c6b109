"""The checks of a request for a new cluster, and how the cluster is registered, whatever its data comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.rds.exceptions import InvalidParameterCombination, InvalidParameterValue, RDSClientError
from moto.rds.models import RDSBackend
from moto.rds.utils import valid_preferred_maintenance_window

from drills.sandbox.postgres.binaries import Binaries
from drills.sandbox.postgres.servers import Server
from drills.sandbox.rds import limits
from drills.sandbox.rds.clusters.models import ENGINE, SandboxCluster
from drills.sandbox.rds.clusters.parameter_groups import ClusterParameterGroups
from drills.sandbox.rds.network import Network
from drills.sandbox.rds.quotas import Quotas
from drills.sandbox.state import DataPlane

_RETENTION = range(1, 36)  # days: "must be a value from 1 to 35" (RDS API reference, CreateDBCluster)
_CAPACITY = (0.0, 256.0)  # Aurora capacity units (Aurora User Guide, "Aurora Serverless v2 capacity")
# what a request may ask for that the sandbox does not have, by the name in moto's request
_ABSENT = {
    "manage_master_user_password": "ManageMasterUserPassword",
    "global_cluster_identifier": "GlobalClusterIdentifier",
    "replication_source_identifier": "ReplicationSourceIdentifier",
    "db_cluster_instance_class": "DBClusterInstanceClass (a Multi-AZ DB cluster)",
}
_BACKUP, _MAINTENANCE = "01:37-02:07", "wed:02:40-wed:03:10"  # what moto gives a cluster


class ClusterRegistration:
    """Enters new clusters of one region, in status `creating`, with a server that has no data yet."""

    def __init__(
        self, backend: RDSBackend, plane: DataPlane, network: Network, groups: ClusterParameterGroups, quotas: Quotas
    ) -> None:
        self._backend = backend
        self._plane = plane
        self._network = network
        self._groups = groups
        self._quotas = quotas

    def add(self, operation: str, request: Mapping[str, Any], binaries: Binaries) -> tuple[SandboxCluster, Server]:
        """Check the members of a request, fill in the defaults, and enter the cluster and its server."""
        members = dict(request)
        name = members["db_cluster_identifier"].lower()
        self._backend._validate_db_identifier(name)
        if name in self._backend.clusters:
            raise RDSClientError("DBClusterAlreadyExistsFault", "DB Cluster already exists")
        self._quotas.check_clusters(operation, name)
        members["engine"], members["engine_version"] = ENGINE, binaries.version
        members["db_subnet_group_name"] = (
            members.get("db_subnet_group_name") or self._network.default_subnet_group().name
        )
        vpc = self._backend.describe_db_subnet_groups(members["db_subnet_group_name"])[0].vpc_id
        members["vpc_security_group_ids"] = self._network.security_groups(members.get("vpc_security_group_ids"), vpc)
        members["db_cluster_parameter_group_name"] = self._groups.usable(
            members.get("db_cluster_parameter_group_name"), binaries.version
        )
        members.pop("port", None)
        cluster = SandboxCluster(self._backend, self._plane, **members)
        server = self._plane.servers.add(cluster.db_cluster_resource_id, binaries)
        self._backend.clusters[name] = cluster
        cluster.port = self._plane.ports.open(cluster.port_name, server.cluster)
        self._plane.ports.refuse(cluster.port_name)  # no instance is there yet
        return cluster, server


def check_cluster_request(request: Mapping[str, Any]) -> None:
    """Raise an error for what RDS refuses by the request alone, and for engines and features that the sandbox does not have."""
    engine = request.get("engine", ENGINE)
    if engine != ENGINE:
        raise InvalidParameterValue(f"Invalid DB engine: {engine} (clusters of this sandbox are {ENGINE} only)")
    if request.get("engine_mode") not in (None, "provisioned"):
        raise InvalidParameterCombination(f"The engine mode {request['engine_mode']} is absent from this sandbox.")
    for key, name in _ABSENT.items():
        if request.get(key):
            raise InvalidParameterCombination(f"{name} is absent from this sandbox.")
    limits.check_common(request)
    days = request.get("backup_retention_period")
    if days is not None and int(days) not in _RETENTION:
        raise InvalidParameterValue(f"Invalid backup retention period: {days}. It must be from 1 to 35 for a cluster.")
    if request.get("storage_type") not in (None, "aurora", "aurora-iopt1"):
        raise InvalidParameterCombination(f"Invalid storage type for {ENGINE}: {request['storage_type']}")
    check_windows(request)
    check_capacity(request.get("serverless_v2_scaling_configuration"))


def check_windows(members: Mapping[str, Any]) -> None:
    """Raise InvalidParameterValue for a window that is none, or two that overlap."""
    problem = valid_preferred_maintenance_window(
        str(members.get("preferred_maintenance_window") or _MAINTENANCE).lower(),
        members.get("preferred_backup_window") or _BACKUP,
    )
    if problem:
        raise InvalidParameterValue(problem)


def check_capacity(wanted: Mapping[str, Any] | None) -> None:
    """Raise InvalidParameterValue for a capacity of Aurora Serverless v2 that is out of range or not in half steps."""
    if not wanted:
        return
    least, most = (float(wanted.get(key) or 0) for key in ("min_capacity", "max_capacity"))
    low, high = _CAPACITY
    if not low <= least <= most <= high or most < 1 or (least * 2) % 1 or (most * 2) % 1:
        raise InvalidParameterValue(
            f"The Serverless v2 capacity from {least:g} to {most:g} is not possible: it goes from {low:g} to {high:g} in half "
            "steps, its maximum is at least 1, and its minimum is not above it."
        )
