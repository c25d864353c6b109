"""CreateDBCluster and the two restores: a cluster with data and without instances.

What a restore inherits and what it resets follows the API reference
(https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBClusterFromSnapshot.html,
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBClusterToPointInTime.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.rds.exceptions import InvalidParameterCombination

from drills.sandbox.postgres import roles
from drills.sandbox.postgres.servers import StoredSnapshot
from drills.sandbox.rds import limits
from drills.sandbox.rds.clusters.automated_backups import ClusterBackups
from drills.sandbox.rds.clusters.lifecycle import ClusterLifecycle
from drills.sandbox.rds.clusters.lookups import ClusterLookups
from drills.sandbox.rds.clusters.models import ENGINE, SandboxCluster, SandboxClusterSnapshot
from drills.sandbox.rds.clusters.registration import ClusterRegistration, check_cluster_request
from drills.sandbox.rds.clusters.snapshots import check_restorable
from drills.sandbox.rds.keys import Keys
from drills.sandbox.rds.operations.recovery import Moment
from drills.sandbox.state import DataPlane


class ClusterCreation:
    """Creates clusters of one region: empty ones, and restored ones."""

    def __init__(
        self,
        plane: DataPlane,
        keys: Keys,
        lookups: ClusterLookups,
        backups: ClusterBackups,
        registration: ClusterRegistration,
        lifecycle: ClusterLifecycle,
    ) -> None:
        self._plane = plane
        self._keys = keys
        self._lookups = lookups
        self._backups = backups
        self._registration = registration
        self._lifecycle = lifecycle

    def create(self, request: Mapping[str, Any]) -> SandboxCluster:
        """CreateDBCluster: enter the cluster and create its data in a thread."""
        members = dict(request)
        check_cluster_request(members)
        limits.check_owner(members, "database_name")
        binaries = self._plane.servers.find_binaries(members.get("engine_version"))
        if binaries is None:
            raise InvalidParameterCombination(f"Cannot find version {members['engine_version']} for {ENGINE}")
        password, database = str(members.pop("master_user_password")), members.get("database_name")
        if members.get("storage_encrypted"):
            members["kms_key_id"] = self._keys.check(members.get("kms_key_id")) or self._keys.managed()
        cluster, server = self._registration.add("CreateDBCluster", members, binaries)

        def build() -> None:
            self._plane.servers.create(server)
            server.cluster.start()
            roles.prepare_roles(server.cluster, str(cluster.master_username), password, database)
            server.cluster.stop()

        self._plane.work(
            f"create {cluster.resource_id}",
            lambda: self._lifecycle.bring_up(cluster, server, build, ("DB cluster created", "creation")),
        )
        return cluster

    def restore_snapshot(self, request: Mapping[str, Any]) -> SandboxCluster:
        """RestoreDBClusterFromSnapshot: enter the cluster and copy the snapshot's data in a thread."""
        members = dict(request)
        check_cluster_request(members)
        snapshot = self._lookups.snapshot(members.pop("snapshot_identifier"))
        check_restorable(snapshot)
        return self._restore(snapshot, self._plane.snapshots[snapshot.arn], members)

    def restore_apart(
        self, snapshot: SandboxClusterSnapshot, point_arn: str, request: Mapping[str, Any]
    ) -> SandboxCluster:
        """Restore what AWS Backup has in an air-gapped vault; under aws/rds where no key is asked for and the vault's is AWS's own.

        AWS documents no key of a restore from a vault under a key that AWS owns.
        """
        members = dict(request)
        check_cluster_request(members)
        key = members.get("kms_key_id") or snapshot.kms_key_id or self._keys.managed()
        return self._restore(snapshot, self._plane.snapshots[point_arn], members | {"kms_key_id": key})

    def _restore(
        self, snapshot: SandboxClusterSnapshot, stored: StoredSnapshot, members: dict[str, Any]
    ) -> SandboxCluster:
        self._keys.check(snapshot.kms_key_id)
        source = snapshot.cluster
        _check_version(members.pop("engine_version", None), source.engine_version)
        wanted = self._encrypted(_inherited(source) | {"kms_key_id": snapshot.kms_key_id} | members)
        cluster, server = self._registration.add("RestoreDBClusterFromSnapshot", wanted, stored.binaries)
        cluster.restored = True

        def build() -> None:
            with stored.busy:
                server.cluster.restore_from(stored.folder)

        event = (f"Restored from snapshot {snapshot.resource_id}", "creation")
        self._plane.work(
            f"restore {cluster.resource_id}", lambda: self._lifecycle.bring_up(cluster, server, build, event)
        )
        return cluster

    def restore_to_point_in_time(self, request: Mapping[str, Any]) -> SandboxCluster:
        """RestoreDBClusterToPointInTime: enter the cluster and recover its data in a thread."""
        members = dict(request)
        check_cluster_request(members)
        moment = Moment(members.pop("restore_to_time", None), bool(members.pop("use_latest_restorable_time", False)))
        if members.pop("restore_type", None) not in (None, "full-copy"):
            raise InvalidParameterCombination("RestoreType copy-on-write (a clone) is absent from this sandbox.")
        source = self._source(members)
        recovery = self._backups.plan(source, moment)
        self._keys.check(source.kms_key_id)
        wanted = self._encrypted(_inherited(source) | {"kms_key_id": source.kms_key_id} | members)
        cluster, server = self._registration.add("RestoreDBClusterToPointInTime", wanted, recovery.base.binaries)
        cluster.restored = True

        def build() -> None:
            recovery.run(server.cluster, {}, self._plane.clock)
            server.cluster.stop()

        event = (f"Restored from DB cluster {source.resource_id} to {recovery.target.isoformat()}", "creation")
        self._plane.work(
            f"restore {cluster.resource_id}", lambda: self._lifecycle.bring_up(cluster, server, build, event)
        )
        return cluster

    def _source(self, members: dict[str, Any]) -> SandboxCluster:
        """Return the cluster that a point-in-time restore names; by its resource id also one whose backup is retained."""
        name, resource_id = (
            members.pop(key, None) for key in ("source_db_cluster_identifier", "source_db_cluster_resource_id")
        )
        if bool(name) == bool(resource_id):
            raise InvalidParameterCombination(
                "Exactly one of SourceDBClusterIdentifier and SourceDbClusterResourceId must be specified."
            )
        return self._lookups.cluster(name) if name else self._backups.get(str(resource_id)).cluster

    def _encrypted(self, members: dict[str, Any]) -> dict[str, Any]:
        """Return the members of a restored cluster, which is encrypted where it has a key."""
        members["kms_key_id"] = self._keys.check(members.get("kms_key_id"))
        return members | {"storage_encrypted": bool(members["kms_key_id"])}


def _check_version(wanted: str | None, actual: str) -> None:
    if wanted and wanted.split(".")[0] != actual.split(".")[0]:
        raise InvalidParameterCombination(f"This sandbox cannot upgrade from {actual} to {wanted}.")


def _inherited(source: Any) -> dict[str, Any]:
    """Return what a restore takes from its source where the request names nothing.

    A restore resets the rest, "with a default configuration": security groups, subnet group, cluster parameter group,
    deletion protection, IAM authentication, log exports, Serverless v2 capacity, windows, storage type. Whether AWS copies
    tags is not documented for clusters; none are copied here.
    """
    return {
        "backup_retention_period": source.backup_retention_period,
        "database_name": source.database_name,
        "master_username": source.master_username,
    }
