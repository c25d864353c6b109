"""RDS instances and Aurora clusters as AWS Backup sees them, with the snapshots that hold their data.

A recovery point of an Aurora cluster is a DB cluster snapshot named `awsbackup:job-<uuid>`, as one of an instance is a DB
snapshot (AWS Backup developer guide, "Working with backups"). RDS gives the cluster snapshot the type `awsbackup`: the API
reference of DescribeDBClusterSnapshots does not name it, Terraform's of the data source aws_db_cluster_snapshot does. In a
logically air-gapped vault a point of a cluster is no snapshot of RDS.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from drills.sandbox.backup.kinds.protected import (
    AURORA,
    Late,
    NewPoint,
    Protected,
    RestoreState,
    Taken,
    is_apart,
    type_of,
)
from drills.sandbox.rds.backend import SandboxRDS
from drills.sandbox.rds.clusters.models import ENGINE, SandboxCluster, SandboxClusterSnapshot
from drills.sandbox.rds.instances import SandboxInstance, SandboxSnapshot
from drills.sandbox.state import DataPlane

Database: TypeAlias = SandboxInstance | SandboxCluster
PointSnapshot: TypeAlias = SandboxSnapshot | SandboxClusterSnapshot


class Databases:
    """The instances and clusters of one region. An instance of a cluster is none of them."""

    def __init__(self, rds: SandboxRDS, plane: DataPlane) -> None:
        self._rds = rds
        self._plane = plane

    def all(self) -> Sequence[Protected]:
        """Return every instance and every cluster."""
        instances = [each for each in self._rds.databases.values() if isinstance(each, SandboxInstance)]
        return [*(each for each in instances if each.cluster is None), *self._rds.aurora.lookups.all()]

    # -- snapshots -----------------------------------------------------------------------------------------------

    def point_arn(self, resource_arn: str, name: str) -> str:
        """Return the ARN of the snapshot of that name that holds a recovery point of a resource."""
        kind = "cluster-snapshot" if type_of(resource_arn) == AURORA else "snapshot"
        return f"arn:aws:rds:{self._rds.region_name}:{self._rds.account_id}:{kind}:{name}"

    def take(self, resource: Protected, wanted: NewPoint) -> Taken:
        """Copy the data of a resource now; whatever prevents it is RDS's error."""
        options: dict[str, Any] = {"snapshot_type": "awsbackup", "tags": wanted.tags, "delay": wanted.delay}
        made: PointSnapshot
        if isinstance(resource, SandboxCluster):
            made = self._rds.aurora.snapshots.create(resource.resource_id, wanted.name, **options)
        else:
            made = self._rds.create_db_snapshot(resource.resource_id, wanted.name, **options)
        return Taken(made.arn, made.kms_key_id)

    def take_late(self, point_arn: str, resource: Protected, taken_at: datetime) -> None:
        """Copy the data of a resource now, as if it had been at `taken_at`."""
        self._plane.snapshots.take(point_arn, resource.server_id, taken_at)

    def share(self, from_arn: str, point_arn: str, taken_at: datetime | None = None) -> None:
        """Give a point the data of another."""
        self._plane.snapshots.share(from_arn, point_arn, taken_at)

    def register(self, point_arn: str, resource: Protected, wanted: NewPoint, late: Late) -> None:
        """Enter the snapshot of a recovery point whose data the data plane has."""
        options: dict[str, Any] = {
            "snapshot_type": "awsbackup", "tags": wanted.tags, "delay": wanted.delay, "kms_key_id": late.kms_key_id,
        }  # fmt: skip
        snapshot: PointSnapshot
        if isinstance(resource, SandboxCluster):
            snapshot = SandboxClusterSnapshot(self._rds, self._plane, resource, wanted.name, **options)
            if is_apart(point_arn):
                self._rds.clusters_apart[point_arn] = snapshot
            else:
                self._rds.cluster_snapshots[wanted.name] = snapshot
        else:
            assert isinstance(resource, SandboxInstance)
            snapshot = SandboxSnapshot(self._rds, self._plane, resource, wanted.name, **options)
            snapshot.original_snapshot_create_time = late.taken_at
            self._rds.database_snapshots[wanted.name] = snapshot
        snapshot.created = late.created_at
        snapshot.set_data(self._plane.snapshots[point_arn])

    def size_of(self, point_arn: str) -> int:
        """Return the bytes that the data of a snapshot take."""
        return self._plane.snapshots[point_arn].size_bytes

    def set_tags(self, point_arn: str, tags: list[dict[str, str]]) -> None:
        """Give the snapshot of a recovery point its tags."""
        self._snapshot(point_arn).tags = tags

    def _snapshot(self, arn: str) -> PointSnapshot:
        if is_apart(arn):
            return self._rds.clusters_apart[arn]
        if ":cluster-snapshot:" in arn:
            return self._rds.aurora.lookups.snapshot(arn)
        return self._rds.lookups.snapshot(arn)

    def source_of(self, point_arn: str) -> Protected:
        """Return the resource of a recovery point as it was when its snapshot was made."""
        snapshot = self._snapshot(point_arn)
        source: Any = snapshot.cluster if isinstance(snapshot, SandboxClusterSnapshot) else snapshot.database
        assert isinstance(source, SandboxInstance | SandboxCluster)
        return source

    def remove(self, point_arn: str) -> None:
        """Remove the snapshot of a recovery point with its data; do nothing where it is gone."""
        if self._rds.clusters_apart.pop(point_arn, None) is not None:
            self._plane.snapshots.drop(point_arn)
        for cluster_snapshot in list(self._rds.cluster_snapshots.values()):
            if cluster_snapshot.arn == point_arn and isinstance(cluster_snapshot, SandboxClusterSnapshot):
                self._rds.aurora.snapshots.remove(cluster_snapshot)
        for snapshot in list(self._rds.database_snapshots.values()):
            if snapshot.arn == point_arn:
                self._rds.remove_snapshot(snapshot)

    # -- restores ------------------------------------------------------------------------------------------------

    def restore_metadata(self, point_arn: str) -> dict[str, Any]:
        """Return the settings of a recovery point's source at the time of the backup."""
        snapshot = self._snapshot(point_arn)
        return _of_cluster(snapshot) if isinstance(snapshot, SandboxClusterSnapshot) else _of_instance(snapshot)

    def restore(self, point_arn: str, parameters: Mapping[str, Any]) -> str:
        """Restore a recovery point by RDS; whatever prevents it is RDS's error."""
        made: Any
        request, creation = {"engine": ENGINE, **parameters}, self._rds.aurora.creation
        if is_apart(point_arn):
            made = creation.restore_apart(self._rds.clusters_apart[point_arn], point_arn, request)
        elif ":cluster-snapshot:" in point_arn:
            made = creation.restore_snapshot(request | {"snapshot_identifier": point_arn})
        else:
            made = self._rds.restore_db_instance_from_db_snapshot(point_arn, dict(parameters))
        return str(made.arn)

    def state(self, name: str, created_arn: str) -> RestoreState:
        """Return how far the restore to an instance or to a cluster is."""
        table: Mapping[str, Any] = self._rds.clusters if ":cluster:" in created_arn else self._rds.databases
        found = table.get(name)
        if not isinstance(found, SandboxInstance | SandboxCluster):
            return "failed"
        if found.status.startswith(("failed", "incompatible", "deleting")):
            return "failed"
        return "available" if found.status == "available" else "running"


def _of_instance(snapshot: SandboxSnapshot) -> dict[str, Any]:
    source = snapshot.database
    return {
        "AllocatedStorage": snapshot.allocated_storage,
        "AutoMinorVersionUpgrade": source.auto_minor_version_upgrade,
        "AvailabilityZone": source.availability_zone,
        "CopyTagsToSnapshot": source.copy_tags_to_snapshot,
        "DBInstanceClass": source.db_instance_class,
        "DBInstanceIdentifier": snapshot.db_instance_identifier,
        "DBName": source.db_name,
        "DBParameterGroupName": source.db_parameter_groups()[0].name,
        "DBSubnetGroupName": source.db_subnet_group.name,
        "DeletionProtection": source.deletion_protection,
        "EnableIAMDatabaseAuthentication": source.enable_iam_database_authentication,
        "Engine": "postgres",
        "EngineVersion": snapshot.engine_version,
        "Iops": source.iops,
        "KmsKeyId": snapshot.kms_key_id,
        "LicenseModel": source.license_model,
        "MultiAZ": source.multi_az,
        "OptionGroupName": source.option_group_name,
        "Port": source.port,
        "PubliclyAccessible": source.publicly_accessible,
        "StorageType": source.storage_type,
        "VpcSecurityGroupIds": json.dumps(source.vpc_security_group_ids),
    }


def _of_cluster(snapshot: SandboxClusterSnapshot) -> dict[str, Any]:
    """Return the members of RestoreDBClusterFromSnapshot; AWS publishes no list of what it returns for a cluster."""
    source = snapshot.cluster
    return {
        "AvailabilityZones": json.dumps(source.availability_zones),
        "CopyTagsToSnapshot": source.copy_tags_to_snapshot,
        "DatabaseName": source.database_name,
        "DBClusterIdentifier": snapshot.db_cluster_identifier,
        "DBClusterParameterGroupName": source.parameter_group,
        "DBSubnetGroupName": source.db_subnet_group_name,
        "DeletionProtection": bool(source.deletion_protection),
        "EnableIAMDatabaseAuthentication": source.iam_database_authentication_enabled,
        "Engine": ENGINE,
        "EngineMode": source.engine_mode,
        "EngineVersion": snapshot.engine_version,
        "KmsKeyId": snapshot.kms_key_id or None,
        "Port": source.port,
        "VpcSecurityGroupIds": json.dumps(source.vpc_security_group_ids),
    }
