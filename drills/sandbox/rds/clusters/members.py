"""The instances of clusters: CreateDBInstance into a cluster, and DeleteDBInstance out of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.rds.exceptions import (
    DBInstanceAlreadyExists,
    InvalidDBClusterStateFault,
    InvalidParameterCombination,
    InvalidParameterValue,
    RDSClientError,
)
from moto.rds.models import RDSBackend

from drills.sandbox.rds import limits
from drills.sandbox.rds.clusters.lifecycle import ClusterLifecycle
from drills.sandbox.rds.clusters.lookups import ClusterLookups
from drills.sandbox.rds.clusters.models import ENGINE, SandboxCluster
from drills.sandbox.rds.clusters.snapshots import ClusterSnapshots
from drills.sandbox.rds.instances import SandboxInstance
from drills.sandbox.rds.lifecycle import Lifecycle
from drills.sandbox.rds.maintenance_window import windows_not_named
from drills.sandbox.rds.parameter_groups import ParameterGroups
from drills.sandbox.rds.quotas import Quotas
from drills.sandbox.state import DataPlane

# what the cluster decides, by the name in moto's request: as RDS calls it when it refuses it
_CLUSTERS_OWN = {
    "master_username": "master user name",
    "master_user_password": "master user password",
    "db_name": "database name",
    "backup_retention_period": "backup retention period",
    "preferred_backup_window": "backup window",
    "port": "database endpoint port",
    "vpc_security_group_ids": "vpc security group",
    "allocated_storage": "allocated storage",
    "storage_encrypted": "storage encryption",
    "kms_key_id": "storage encryption key",
    "deletion_protection": "deletion protection",
    "enable_iam_database_authentication": "IAM database authentication",
    "enable_cloudwatch_logs_exports": "log exports",
}
_TIERS = range(16)  # "Valid Values: 0 - 15" (RDS API reference, PromotionTier)
_SERVERLESS = "db.serverless"
_WAIT = 0.05  # seconds between two looks at a cluster that is being created


class ClusterMembers:
    """Creates and deletes the instances of the clusters of one region."""

    def __init__(
        self,
        backend: RDSBackend,
        plane: DataPlane,
        lookups: ClusterLookups,
        snapshots: ClusterSnapshots,
        groups: ParameterGroups,
        quotas: Quotas,
    ) -> None:
        self._backend = backend
        self._plane = plane
        self._lookups = lookups
        self._snapshots = snapshots
        self._groups = groups
        self._quotas = quotas

    def create(self, request: Mapping[str, Any], instances: Lifecycle, clusters: ClusterLifecycle) -> SandboxInstance:
        """Enter an instance of a cluster; a thread starts the cluster's server with the first one, and opens its port."""
        cluster = self._lookups.cluster(str(request.get("db_cluster_identifier") or ""))
        self._check(cluster, request)
        db = self._register(cluster, dict(request))
        server = self._plane.servers[cluster.db_cluster_resource_id]

        def work() -> None:
            self._await_cluster(cluster)
            if cluster.status in ("failed", "deleting"):
                return
            instances.bring_up(
                db,
                server,
                lambda settings: clusters.start_server(cluster, server, settings),
                failure="incompatible-parameters",
                joined=lambda: self._joined(cluster, db, clusters),
            )

        self._plane.work(f"create {db.resource_id}", work)
        return db

    def _await_cluster(self, cluster: SandboxCluster) -> None:
        """Wait until a cluster that is being created has its data."""
        while cluster.status == "creating":
            self._plane.at_least(self._plane.clock.monotonic(), _WAIT)

    def _joined(self, cluster: SandboxCluster, db: SandboxInstance, lifecycle: ClusterLifecycle) -> None:
        """Open the endpoint with the writer, and begin the backups with the first instance. The caller holds the lock."""
        if db.status != "available":
            return
        lifecycle.open_endpoint(cluster, db)
        if not cluster.instances_before:
            cluster.instances_before = True
            self._snapshots.take_automated(cluster)

    # -- what is refused -----------------------------------------------------------------------------------------

    def _check(self, cluster: SandboxCluster, request: Mapping[str, Any]) -> None:
        """Raise the error of AWS for an instance that the cluster cannot have."""
        if cluster.status not in ("available", "backing-up") and (cluster.restored or cluster.status != "creating"):
            raise InvalidDBClusterStateFault(
                f"DbCluster {cluster.resource_id} is in {cluster.status} state but expected it to be available."
            )
        if request.get("engine") != ENGINE:
            raise InvalidParameterCombination(
                f"The engine name requested for your DB instance ({request.get('engine')}) doesn't match the engine name "
                f"of your DB cluster ({ENGINE})."
            )
        for key, what in _CLUSTERS_OWN.items():
            if request.get(key):
                raise InvalidParameterCombination(
                    f"The requested DB Instance will be a member of a DB Cluster. Set {what} for the DB Cluster."
                )
        limits.check_common(request)
        if int(request.get("promotion_tier") or 0) not in _TIERS:
            raise InvalidParameterValue(f"Invalid promotion tier: {request['promotion_tier']}. It is from 0 to 15.")
        if request["db_instance_class"] == _SERVERLESS and not cluster.serverless_v2_scaling_configuration:
            raise InvalidDBClusterStateFault(
                "Set the Serverless v2 scaling configuration on the parent DB cluster before creating a Serverless v2 DB "
                "instance."
            )

    def _register(self, cluster: SandboxCluster, members: dict[str, Any]) -> SandboxInstance:
        name = members["db_instance_identifier"].lower()
        self._backend._validate_db_identifier(name)
        if name in self._backend.databases:
            raise DBInstanceAlreadyExists()
        self._quotas.check_instances("CreateDBInstance", name)
        self._groups.check(members.get("db_parameter_group_name"), cluster.engine_version, ENGINE)
        if members.get("engine_version") not in (None, cluster.engine_version):
            raise InvalidParameterCombination(
                f"The engine version that you requested for your DB instance ({members['engine_version']}) doesn't match the "
                f"engine version of your DB cluster ({cluster.engine_version})."
            )
        tier = members.pop("promotion_tier", None)
        for key in ("db_cluster_identifier", *_CLUSTERS_OWN):
            members.pop(key, None)
        members.setdefault("ca_certificate_identifier", limits.CERTIFICATE)
        members |= shared_members(cluster)
        members |= windows_not_named(members)
        db = SandboxInstance(self._backend, self._plane, **members)  # type: ignore[abstract]
        db.restored = cluster.restored
        alone = all(each.status == "deleting" for each in cluster.instances())
        db.join(cluster, writer=alone, promotion_tier=1 if tier is None else int(tier))
        db.db_parameter_groups()
        self._backend.databases[name] = db
        return db

    # -- deletion ------------------------------------------------------------------------------------------------

    def delete(self, db: SandboxInstance, final_snapshot: str | None, lifecycle: ClusterLifecycle) -> SandboxInstance:
        """DeleteDBInstance of an instance of a cluster: the data stay with the cluster, so that no snapshot is taken."""
        cluster = db.cluster
        assert isinstance(cluster, SandboxCluster)
        if db.status == "deleting":
            raise RDSClientError("InvalidDBInstanceState", f"Instance {db.resource_id} is already being deleted.")
        if final_snapshot:
            raise InvalidParameterCombination(
                "FinalDBSnapshotIdentifier can't be specified for an instance of a DB cluster: its data are the cluster's."
            )
        db.status = "deleting"
        self._plane.work(f"delete {db.resource_id}", lambda: self._remove(cluster, db, lifecycle))
        return db

    def _remove(self, cluster: SandboxCluster, db: SandboxInstance, lifecycle: ClusterLifecycle) -> None:
        began = self._plane.asked_at()
        with self._plane.lock:
            self._plane.ports.release(db.resource_id)
        lifecycle.instance_left(cluster, db)
        self._plane.at_least(began, self._plane.delays.deleting)
        with self._plane.lock:
            self._backend.databases.pop(db.resource_id, None)
            db.record_event("DB instance deleted", "deletion")


def shared_members(cluster: SandboxCluster) -> dict[str, Any]:
    """Return what an instance has from its cluster, as moto's model of an instance takes it."""
    return {
        "engine": ENGINE,
        "engine_version": cluster.engine_version,
        "allocated_storage": cluster.allocated_storage,
        "storage_type": "aurora",
        "master_username": cluster.master_username,
        "db_name": cluster.database_name,
        "license_model": cluster.license_model,
        "backup_retention_period": cluster.backup_retention_period,
        "preferred_backup_window": cluster.preferred_backup_window,
        "db_subnet_group_name": cluster.db_subnet_group_name,
        "vpc_security_group_ids": list(cluster.vpc_security_group_ids),
        "storage_encrypted": cluster.storage_encrypted,
        "kms_key_id": cluster.kms_key_id,
        "enable_iam_database_authentication": cluster.iam_auth,
    }
