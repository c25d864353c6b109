"""ModifyDBCluster: which changes are carried out at once, and the new name, which may wait for the maintenance window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.rds.exceptions import InvalidParameterCombination, RDSClientError
from moto.rds.models import RDSBackend

from drills.sandbox.base.errors import SERVER_ERRORS, first_line
from drills.sandbox.postgres import roles
from drills.sandbox.postgres.servers import Server
from drills.sandbox.rds import limits
from drills.sandbox.rds.clusters.lookups import ClusterLookups
from drills.sandbox.rds.clusters.models import SandboxCluster, read_scaling, shown_storage
from drills.sandbox.rds.clusters.parameter_groups import ClusterParameterGroups
from drills.sandbox.rds.clusters.registration import check_cluster_request, check_windows
from drills.sandbox.rds.maintenance_window import seconds_until
from drills.sandbox.rds.network import Network
from drills.sandbox.state import DataPlane

# what is changed at once whatever ApplyImmediately says, and needs no work on the server
_MEMBERS = (
    "auto_minor_version_upgrade", "backup_retention_period", "copy_tags_to_snapshot", "deletion_protection",
    "engine_lifecycle_support", "preferred_backup_window", "preferred_maintenance_window", "vpc_security_group_ids",
)  # fmt: skip
_SHARED = ("backup_retention_period", "preferred_backup_window", "vpc_security_group_ids")  # with the instances


class ClusterModification:
    """Modifies the clusters of one region."""

    def __init__(
        self,
        backend: RDSBackend,
        plane: DataPlane,
        lookups: ClusterLookups,
        network: Network,
        groups: ClusterParameterGroups,
    ) -> None:
        self._backend = backend
        self._plane = plane
        self._lookups = lookups
        self._network = network
        self._groups = groups

    def modify(self, request: Mapping[str, Any]) -> SandboxCluster:
        """Change what changes at once; a new name waits unless ApplyImmediately is set."""
        cluster = self._lookups.cluster(str(request["db_cluster_identifier"]), "available")
        members = {key: value for key, value in request.items() if value is not None}
        self._check(cluster, members)
        for key in _MEMBERS:
            if key in members:
                self._set(cluster, key, members[key])
        if members.get("serverless_v2_scaling_configuration"):
            cluster.serverless_v2_scaling_configuration = read_scaling(members["serverless_v2_scaling_configuration"])
        if members.get("db_cluster_parameter_group_name"):
            cluster.parameter_group = self._groups.usable(
                members["db_cluster_parameter_group_name"], cluster.engine_version
            )
        if "storage_type" in members:
            cluster.storage_type = shown_storage(members["storage_type"])
        if "cloudwatch_logs_export_configuration" in members:
            _export_logs(cluster, members["cloudwatch_logs_export_configuration"])
        if "enable_iam_database_authentication" in members:
            cluster.iam_auth = bool(members["enable_iam_database_authentication"])
        password, new_name = members.get("master_user_password"), members.get("new_db_cluster_identifier")
        if new_name and not members.get("apply_immediately"):
            later = cluster.pending_modified_values = {"DBClusterIdentifier": str(new_name).lower()}
            seconds = seconds_until(cluster.preferred_maintenance_window, self._plane.instant())
            self._plane.work(f"maintain {cluster.resource_id}", lambda: self._rename_later(cluster, later, seconds))
            new_name = None
        at_once = new_name.lower() if new_name else None
        self._plane.work(f"modify {cluster.resource_id}", lambda: self._carry_out(cluster, password, at_once))
        cluster.status = "resetting-master-credentials" if password else "renaming" if new_name else "modifying"
        return cluster

    def _check(self, cluster: SandboxCluster, members: Mapping[str, Any]) -> None:
        """Raise the error of AWS for the first member of a request that cannot be changed so."""
        check_cluster_request({key: value for key, value in members.items() if key != "engine_version"})
        version = members.get("engine_version")
        if version and not (cluster.engine_version + ".").startswith(f"{version}."):
            raise InvalidParameterCombination(
                f"This sandbox cannot upgrade from {cluster.engine_version} to {version}."
            )
        if members.get("port"):
            raise InvalidParameterCombination("The port of a cluster's endpoint cannot be chosen in this sandbox.")
        check_windows(
            {
                key: members.get(key) or getattr(cluster, key)
                for key in ("preferred_backup_window", "preferred_maintenance_window")
            }
        )
        if members.get("master_user_password") is not None:
            limits.check_password(str(members["master_user_password"]))
        if members.get("vpc_security_group_ids"):
            self._network.security_groups(members["vpc_security_group_ids"], cluster.vpc_id)
        new_name = members.get("new_db_cluster_identifier")
        if new_name:
            self._backend._validate_db_identifier(new_name)
            if new_name.lower() in self._backend.clusters:
                raise RDSClientError("DBClusterAlreadyExistsFault", "DB Cluster already exists")

    def _set(self, cluster: SandboxCluster, key: str, value: Any) -> None:
        setattr(cluster, key, value)
        for db in cluster.instances() if key in _SHARED else ():
            setattr(db, key, value)

    def _carry_out(self, cluster: SandboxCluster, password: str | None, new_name: str | None) -> None:
        plane, began = self._plane, self._plane.asked_at()
        event = self._reset_password(cluster, password) if password is not None else None
        plane.at_least(began, plane.delays.modifying)
        with plane.lock:
            if cluster.status == "deleting":
                return
            if event:
                cluster.record_event(*event)
            if new_name:
                self._rename(cluster, new_name)
            cluster.status = "available"

    def _reset_password(self, cluster: SandboxCluster, password: str) -> tuple[str, str] | None:
        """Set the master's password; return the event that says so or why not, None for a cluster that goes meanwhile."""
        server = self._plane.servers.get(cluster.db_cluster_resource_id)
        if server is None:
            return None
        try:
            with server.busy:
                self._set_password(cluster, server, password)
        except SERVER_ERRORS as error:
            return f"The master credentials were not reset: {first_line(error)}", "failure"
        return "Reset master credentials", "configuration change"

    def _set_password(self, cluster: SandboxCluster, server: Server, password: str) -> None:
        """Change the password in the server, which is started for it where the cluster has no instance."""
        ran = server.cluster.running()
        if not ran:
            server.cluster.start(server.settings)
        try:
            roles.set_password(server.cluster, str(cluster.master_username), password)
        finally:
            if not ran:
                server.cluster.stop()

    def _rename_later(self, cluster: SandboxCluster, wanted: dict[str, str], seconds: float) -> None:
        """Rename a cluster `seconds` from the call, unless another change of its name has come meanwhile."""
        plane, new_name = self._plane, wanted["DBClusterIdentifier"]
        plane.at_least(plane.asked_at(), seconds)
        with plane.lock:
            if cluster.pending_modified_values is wanted and self._lookups.exists(cluster):
                self._rename(cluster, new_name)

    def _rename(self, cluster: SandboxCluster, new_name: str) -> None:
        """Rename a cluster: the old name's port refuses from now on, and the new name has a port of its own.

        The endpoints have the cluster's name and change with it (RDS User Guide, "Renaming a Multi-AZ DB cluster"; of Aurora AWS
        documents NewDBClusterIdentifier of ModifyDBCluster alone). The names of its instances stay.
        """
        cluster.pending_modified_values = None
        if new_name in self._backend.clusters:
            cluster.record_event(f"Unable to rename cluster to {new_name}: the name is in use", "configuration change")
            return
        server = self._plane.servers[cluster.db_cluster_resource_id]
        self._plane.ports.refuse(cluster.port_name)
        del self._backend.clusters[cluster.resource_id]
        cluster.db_cluster_identifier = new_name
        self._backend.clusters[new_name] = cluster
        cluster.port = self._plane.ports.open(cluster.port_name, server.cluster)
        if not cluster.instances():
            self._plane.ports.refuse(cluster.port_name)
        for db in cluster.instances():
            db.db_cluster_identifier = new_name
        cluster.record_event(f"Renamed cluster to {new_name}", "configuration change")


def _export_logs(cluster: SandboxCluster, wanted: Mapping[str, Any]) -> None:
    """Turn the export of types of logs on and off, as CloudwatchLogsExportConfiguration says."""
    kept = set(cluster.enabled_cloudwatch_logs_exports) | set(wanted.get("EnableLogTypes") or ())
    cluster.enabled_cloudwatch_logs_exports = sorted(kept - set(wanted.get("DisableLogTypes") or ()))
