"""What AWS Backup protects in one region: RDS instances and Aurora clusters, with the snapshots that hold their data.

A recovery point of an Aurora cluster is a DB cluster snapshot named `awsbackup:job-<uuid>`, as one of an instance is a DB
snapshot (AWS Backup developer guide, "Working with backups"). RDS gives the cluster snapshot the type `awsbackup`: the API
reference of DescribeDBClusterSnapshots does not name it, Terraform's of the data source aws_db_cluster_snapshot does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from drills.sandbox.rds.backend import SandboxRDS
from drills.sandbox.rds.clusters.models import ENGINE, SandboxCluster, SandboxClusterSnapshot
from drills.sandbox.rds.instances import SandboxInstance, SandboxSnapshot
from drills.sandbox.state import DataPlane

Protected: TypeAlias = SandboxInstance | SandboxCluster
PointSnapshot: TypeAlias = SandboxSnapshot | SandboxClusterSnapshot

AURORA = "Aurora"
RDS = "RDS"
_TYPES = {"db": RDS, "cluster": AURORA}  # by the kind of resource in an ARN


def type_of(resource_arn: str) -> str:
    """Return AWS Backup's type of a resource: `RDS` or `Aurora`; empty for one of another service."""
    parts = resource_arn.split(":", 6)
    return _TYPES.get(parts[5], "") if len(parts) == 7 and parts[2] == "rds" else ""


def name_of(resource_arn: str) -> str:
    """Return the name in the ARN of an instance or a cluster."""
    return resource_arn.split(":", 6)[6]


@dataclass(frozen=True, slots=True)
class NewSnapshot:
    """A snapshot that AWS Backup makes: its name, its tags as RDS has them, and the seconds until it is available."""

    name: str
    tags: list[dict[str, str]]
    delay: float


class Resources:
    """The instances and clusters of one region, as AWS Backup sees them. An instance of a cluster is none of them."""

    def __init__(self, rds: SandboxRDS, plane: DataPlane) -> None:
        self._rds = rds
        self._plane = plane

    def all(self) -> list[Protected]:
        """Return everything that can be backed up."""
        instances = [each for each in self._rds.databases.values() if isinstance(each, SandboxInstance)]
        return [*(each for each in instances if each.cluster is None), *self._rds.aurora.lookups.all()]

    def find(self, arn: str) -> Protected | None:
        """Return the resource with that ARN, None where there is none."""
        return next((each for each in self.all() if each.arn == arn), None)

    # -- snapshots -----------------------------------------------------------------------------------------------

    def point_arn(self, resource_arn: str, name: str, region: str, account: str) -> str:
        """Return the ARN of the snapshot of that name that holds a recovery point of a resource."""
        kind = "cluster-snapshot" if type_of(resource_arn) == AURORA else "snapshot"
        return f"arn:aws:rds:{region}:{account}:{kind}:{name}"

    def take(self, resource: Protected, wanted: NewSnapshot) -> PointSnapshot:
        """Copy the data of a resource now; whatever prevents it is RDS's error."""
        options: dict[str, Any] = {"snapshot_type": "awsbackup", "tags": wanted.tags, "delay": wanted.delay}
        if isinstance(resource, SandboxCluster):
            return self._rds.aurora.snapshots.create(resource.resource_id, wanted.name, **options)
        return self._rds.create_db_snapshot(resource.resource_id, wanted.name, **options)

    def register(
        self, arn: str, resource: Protected, wanted: NewSnapshot, key: str | None, times: tuple[datetime, datetime]
    ) -> None:
        """Enter the snapshot of a recovery point whose data the data plane has.

        `times`: when it was created, and when the data that it holds were copied first.
        """
        options: dict[str, Any] = {
            "snapshot_type": "awsbackup", "tags": wanted.tags, "delay": wanted.delay, "kms_key_id": key,
        }  # fmt: skip
        snapshot: PointSnapshot
        if isinstance(resource, SandboxCluster):
            snapshot = SandboxClusterSnapshot(self._rds, self._plane, resource, wanted.name, **options)
            self._rds.cluster_snapshots[wanted.name] = snapshot
        else:
            snapshot = SandboxSnapshot(self._rds, self._plane, resource, wanted.name, **options)
            snapshot.original_snapshot_create_time = times[1]
            self._rds.database_snapshots[wanted.name] = snapshot
        snapshot.created = times[0]
        snapshot.set_data(self._plane.snapshots[arn])

    def snapshot(self, arn: str) -> PointSnapshot:
        """Return the snapshot that holds the data of a recovery point."""
        if ":cluster-snapshot:" in arn:
            return self._rds.aurora.lookups.snapshot(arn)
        return self._rds.lookups.snapshot(arn)

    def source_of(self, arn: str) -> Protected:
        """Return the resource of a recovery point as it was when its snapshot was made."""
        snapshot = self.snapshot(arn)
        source: Any = snapshot.cluster if isinstance(snapshot, SandboxClusterSnapshot) else snapshot.database
        assert isinstance(source, SandboxInstance | SandboxCluster)
        return source

    def remove_snapshot(self, arn: str) -> None:
        """Remove the snapshot of a recovery point with its data; do nothing where it is gone."""
        for cluster_snapshot in list(self._rds.cluster_snapshots.values()):
            if cluster_snapshot.arn == arn and isinstance(cluster_snapshot, SandboxClusterSnapshot):
                self._rds.aurora.snapshots.remove(cluster_snapshot)
        for snapshot in list(self._rds.database_snapshots.values()):
            if snapshot.arn == arn:
                self._rds.remove_snapshot(snapshot)

    # -- restores ------------------------------------------------------------------------------------------------

    def restore_metadata(self, arn: str) -> dict[str, Any]:
        """Return the settings of a recovery point's source at the time of the backup."""
        snapshot = self.snapshot(arn)
        return _of_cluster(snapshot) if isinstance(snapshot, SandboxClusterSnapshot) else _of_instance(snapshot)

    def restore(self, arn: str, parameters: Mapping[str, Any]) -> Protected:
        """Restore a recovery point by RDS; whatever prevents it is RDS's error."""
        if ":cluster-snapshot:" in arn:
            request = {"engine": ENGINE, **parameters, "snapshot_identifier": arn}
            return self._rds.aurora.creation.restore_snapshot(request)
        return self._rds.restore_db_instance_from_db_snapshot(arn, dict(parameters))

    def restored(self, kind: str, name: str) -> Protected | None:
        """Return the instance, or for `Aurora` the cluster, of that name; None where there is none."""
        table: Mapping[str, Any] = self._rds.clusters if kind == AURORA else self._rds.databases
        found = table.get(name)
        return found if isinstance(found, SandboxInstance | SandboxCluster) else None


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
        "KmsKeyId": snapshot.kms_key_id,
        "Port": source.port,
        "VpcSecurityGroupIds": json.dumps(source.vpc_security_group_ids),
    }
