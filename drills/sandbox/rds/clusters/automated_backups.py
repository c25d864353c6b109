"""Automated backups of clusters: those of the existing ones, and those that RDS retains after a cluster's deletion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from moto.rds.exceptions import InvalidDBClusterStateFault, InvalidParameterValue, RDSClientError
from moto.rds.models import RDSBackend

from drills.sandbox.rds.clusters.lookups import ClusterLookups
from drills.sandbox.rds.clusters.models import SandboxCluster
from drills.sandbox.rds.clusters.snapshots import ClusterSnapshots
from drills.sandbox.rds.operations.recovery import Moment, Recovery, Source, plan_recovery
from drills.sandbox.rds.restore_window import base_backups, restore_window
from drills.sandbox.state import DataPlane

_FILTERS = ("status", "db-cluster-id", "db-cluster-resource-id")


@dataclass(frozen=True, slots=True)
class ClusterBackup:
    """The automated backup of one cluster; `deleted_at` is None while the cluster exists."""

    cluster: SandboxCluster
    deleted_at: datetime | None
    window: tuple[datetime, datetime] | None

    @property
    def status(self) -> str:
        """`creating` before the first backup, `active`, or `retained` after the cluster's deletion."""
        return "retained" if self.deleted_at else "active" if self.window else "creating"

    @property
    def arn(self) -> str:
        """DBClusterAutomatedBackupsArn; it stays the same after the cluster's deletion."""
        prefix = str(self.cluster.arn).split(":cluster:")[0]
        return (
            f"{prefix}:cluster-auto-backup:cab-{self.cluster.db_cluster_resource_id.removeprefix('cluster-').lower()}"
        )

    def answer(self) -> dict[str, Any]:
        """Return the members of DBClusterAutomatedBackup."""
        cluster = self.cluster
        described = {
            "Engine": cluster.engine,
            "EngineMode": cluster.engine_mode,
            "EngineVersion": cluster.engine_version,
            "VpcId": cluster.vpc_id,
            "DBClusterAutomatedBackupsArn": self.arn,
            "DBClusterIdentifier": cluster.resource_id,
            "DBClusterArn": cluster.arn,
            "DbClusterResourceId": cluster.db_cluster_resource_id,
            "RestoreWindow": dict(zip(("EarliestTime", "LatestTime"), self.window, strict=True)) if self.window else {},
            "MasterUsername": cluster.master_username,
            "Region": cluster.region,
            "LicenseModel": cluster.license_model,
            "Status": self.status,
            "IAMDatabaseAuthenticationEnabled": cluster.iam_database_authentication_enabled,
            "ClusterCreateTime": cluster.cluster_create_time,
            "StorageEncrypted": cluster.storage_encrypted,
            "AllocatedStorage": cluster.allocated_storage,
            "BackupRetentionPeriod": cluster.backup_retention_period,
            "PreferredBackupWindow": cluster.preferred_backup_window,
            "AvailabilityZones": cluster.availability_zones,
            "Port": cluster.port,
            "KmsKeyId": cluster.kms_key_id,
            "StorageType": cluster.storage_type,
            "TagList": cluster.tags,
        }
        return {key: value for key, value in described.items() if value is not None}


class ClusterBackups:
    """The automated backups of the clusters of one region."""

    def __init__(
        self, backend: RDSBackend, plane: DataPlane, lookups: ClusterLookups, snapshots: ClusterSnapshots
    ) -> None:
        self._backend = backend
        self._plane = plane
        self._lookups = lookups
        self._snapshots = snapshots
        self._retained: dict[str, tuple[SandboxCluster, datetime]] = {}

    def all(self) -> list[ClusterBackup]:
        """Return every automated backup; a retained one ends its retention period after the cluster's deletion."""
        for cluster, deleted_at in list(self._retained.values()):
            if deleted_at + timedelta(days=cluster.backup_retention_period) <= self._plane.instant():
                self._forget(cluster)
        existing = [(each, None) for each in self._lookups.all()]
        return [
            ClusterBackup(cluster, gone, restore_window(self._plane, self._backend, cluster.db_cluster_resource_id))
            for cluster, gone in (*existing, *self._retained.values())
        ]

    def get(self, resource_id: str) -> ClusterBackup:
        """Return the backup of the cluster with that DbClusterResourceId, or raise DBClusterAutomatedBackupNotFoundFault."""
        for backup in self.all():
            if backup.cluster.db_cluster_resource_id.lower() == resource_id.lower():
                return backup
        raise RDSClientError(
            "DBClusterAutomatedBackupNotFoundFault", f"The automated backup {resource_id} does not exist."
        )

    def find(self, parameters: Mapping[str, str | None], filters: Mapping[str, Iterable[str]]) -> list[ClusterBackup]:
        """Return the backups that match every parameter and filter of DescribeDBClusterAutomatedBackups."""
        if unknown := set(filters) - set(_FILTERS):
            raise InvalidParameterValue(f"Unrecognized filter name: {', '.join(sorted(unknown))}")
        wanted = {name: {each.lower() for each in values} for name, values in filters.items()}
        for name, value in parameters.items():
            if value:
                wanted.setdefault(name, set()).add(value.lower())
        return [each for each in self.all() if all(values & _values(each)[name] for name, values in wanted.items())]

    def plan(self, cluster: SandboxCluster, moment: Moment) -> Recovery:
        """Return how to recover a cluster to a moment; raise the error of AWS when it cannot be restored to it."""
        source = Source(
            "cluster",
            cluster.resource_id,
            cluster.db_cluster_resource_id,
            cluster.backup_retention_period,
            InvalidDBClusterStateFault,
        )
        return plan_recovery(self._plane, self._backend, source, moment)

    def retain(self, cluster: SandboxCluster) -> bool:
        """Retain the backup of a deleted cluster; return False when there is none that can be restored."""
        if not base_backups(self._plane, self._backend, cluster.db_cluster_resource_id):
            return False
        self._retained[cluster.db_cluster_resource_id] = (cluster, self._plane.instant())
        return True

    def delete(self, resource_id: str) -> ClusterBackup:
        """Remove a retained backup; the backup of an existing cluster ends with its retention period."""
        backup = self.get(resource_id)
        if backup.deleted_at is None:
            raise RDSClientError(
                "InvalidDBClusterAutomatedBackupStateFault",
                f"The automated backup of {backup.cluster.resource_id} is {backup.status}, not retained.",
            )
        self._forget(backup.cluster)
        return backup

    def _forget(self, cluster: SandboxCluster) -> None:
        self._retained.pop(cluster.db_cluster_resource_id, None)
        self._snapshots.drop_automated(cluster)


def _values(backup: ClusterBackup) -> dict[str, set[str]]:
    cluster = backup.cluster
    return {
        "status": {backup.status},
        "db-cluster-id": {cluster.resource_id, cluster.arn.lower()},
        "db-cluster-resource-id": {cluster.db_cluster_resource_id.lower()},
    }
