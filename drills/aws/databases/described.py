"""What AWS says of a database, as a plain value: of an instance, and of an Aurora cluster with its writer. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drills.model.instance import Instance


def read_instance(raw: Mapping[str, Any]) -> Instance:
    """Return a member of DescribeDBInstances' answer as a value."""
    endpoint = raw.get("Endpoint") or {}
    subnets = raw.get("DBSubnetGroup") or {}
    groups = raw.get("DBParameterGroups") or []
    return Instance(
        id=raw["DBInstanceIdentifier"],
        arn=raw.get("DBInstanceArn", ""),
        dbi_resource_id=raw.get("DbiResourceId", ""),
        status=raw.get("DBInstanceStatus", ""),
        instance_class=raw.get("DBInstanceClass", ""),
        host=endpoint.get("Address", ""),
        port=int(endpoint.get("Port") or 0),
        pending=_pending(raw, groups),
        subnet_group=subnets.get("DBSubnetGroupName", ""),
        vpc_id=subnets.get("VpcId", ""),
        subnet_ids=tuple(subnet["SubnetIdentifier"] for subnet in subnets.get("Subnets") or []),
        parameter_group=groups[0]["DBParameterGroupName"] if groups else "",
        publicly_accessible=raw.get("PubliclyAccessible"),
        cluster_id=raw.get("DBClusterIdentifier") or "",
        created_at=raw.get("InstanceCreateTime"),
        storage_type=raw.get("StorageType") or "",
        storage_gib=raw.get("AllocatedStorage"),
        **_of_both(raw),
    )


def read_cluster(raw: Mapping[str, Any], writer: Mapping[str, Any] | None) -> Instance:
    """Return a member of DescribeDBClusters' answer, with its writer's of DescribeDBInstances, as a value.

    Without a writer nobody answers at the endpoint, which a cluster shows from the beginning: host and port are empty then.
    While the cluster is available its status is that of the writer, without which it does not answer either.
    Subnets, class and public access are those of the writer, since a cluster does not tell them. AllocatedStorage is always 1
    (Amazon RDS API reference, DBCluster), and says nothing.
    """
    of_writer = read_instance(writer) if writer else None
    group = raw.get("DBClusterParameterGroup") or ""
    unsynced = [
        f"cluster parameter group {group} {each['DBClusterParameterGroupStatus']}"
        for each in raw.get("DBClusterMembers") or ()
        if each.get("DBClusterParameterGroupStatus") not in (None, "in-sync")
    ]
    return Instance(
        id=raw["DBClusterIdentifier"],
        arn=raw.get("DBClusterArn", ""),
        dbi_resource_id=raw.get("DbClusterResourceId", ""),
        status=of_writer.status if of_writer and raw.get("Status") == "available" else raw.get("Status", ""),
        instance_class=of_writer.instance_class if of_writer else "",
        host=raw.get("Endpoint", "") if of_writer and of_writer.host else "",
        port=int(raw.get("Port") or 0) if of_writer and of_writer.host else 0,
        pending=tuple(sorted(pending_values(raw)) + sorted(set(unsynced))),
        subnet_group=raw.get("DBSubnetGroup", ""),
        vpc_id=of_writer.vpc_id if of_writer else "",
        subnet_ids=of_writer.subnet_ids if of_writer else (),
        parameter_group=group,
        publicly_accessible=of_writer.publicly_accessible if of_writer else None,
        created_at=raw.get("ClusterCreateTime"),
        storage_type=raw.get("StorageType") or "aurora",
        scaling=_scaling(raw.get("ServerlessV2ScalingConfiguration") or {}),
        **_of_both(raw),
    )


def _of_both(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the descriptions of an instance and of a cluster have under one name."""
    return {
        "engine": raw.get("Engine", ""),
        "engine_version": raw.get("EngineVersion", ""),
        "master_username": raw.get("MasterUsername", ""),
        "security_groups": tuple(group["VpcSecurityGroupId"] for group in raw.get("VpcSecurityGroups") or []),
        "deletion_protection": bool(raw.get("DeletionProtection")),
        "backup_retention_days": int(raw.get("BackupRetentionPeriod") or 0),
        "log_exports": tuple(raw.get("EnabledCloudwatchLogsExports") or ()),
        "tags": tuple(sorted((tag["Key"], tag.get("Value", "")) for tag in raw.get("TagList") or [])),
    }


# what a cluster and each of its instances have a setting of, where the instance's is in force (API reference, ModifyDBInstance)
_INSTANCES_OWN = (
    "AutoMinorVersionUpgrade", "MonitoringInterval", "MonitoringRoleArn", "PerformanceInsightsEnabled",
    "PerformanceInsightsKMSKeyId", "PerformanceInsightsRetentionPeriod", "PubliclyAccessible",
)  # fmt: skip


def as_instance(cluster: Mapping[str, Any], writer: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a cluster as DescribeDBInstances would describe it: by its own members, else by its writer's."""
    of_writer = dict(writer or {})
    member: Mapping[str, Any] = next(
        (each for each in cluster.get("DBClusterMembers") or () if each.get("IsClusterWriter")), {}
    )
    group = {
        "DBParameterGroupName": cluster.get("DBClusterParameterGroup"),
        "ParameterApplyStatus": member.get("DBClusterParameterGroupStatus"),
    }
    renamed = {
        "DBInstanceIdentifier": cluster["DBClusterIdentifier"],
        "DBInstanceArn": cluster.get("DBClusterArn"),
        "DbiResourceId": cluster.get("DbClusterResourceId"),
        "DBInstanceStatus": read_cluster(cluster, writer).status,
        "DBSubnetGroup": of_writer.get("DBSubnetGroup") or {"DBSubnetGroupName": cluster.get("DBSubnetGroup")},
        "DBParameterGroups": [group],
        "Endpoint": {"Address": cluster.get("Endpoint"), "Port": cluster.get("Port")},
        "AllocatedStorage": None,
        # "isn't returned when you set it to aurora" (Amazon RDS API reference, CreateDBCluster)
        "StorageType": cluster.get("StorageType") or "aurora",
        "ReadReplicaDBInstanceIdentifiers": cluster.get("ReadReplicaIdentifiers"),
        "ReadReplicaSourceDBInstanceIdentifier": cluster.get("ReplicationSourceIdentifier"),
        "PendingModifiedValues": {
            **(of_writer.get("PendingModifiedValues") or {}), **(cluster.get("PendingModifiedValues") or {})
        },
        **{name: of_writer.get(name) for name in _INSTANCES_OWN},
    }  # fmt: skip
    return {**of_writer, **cluster, **renamed}


def _scaling(raw: Mapping[str, Any]) -> tuple[float, float] | None:
    if raw.get("MinCapacity") is None or raw.get("MaxCapacity") is None:
        return None
    return float(raw["MinCapacity"]), float(raw["MaxCapacity"])


def pending_values(raw: Mapping[str, Any]) -> list[str]:
    """Return what of an instance is to be changed; False and 0 are values too: a standby or backups that are given up."""
    return [key for key, value in (raw.get("PendingModifiedValues") or {}).items() if value not in (None, {}, [])]


def _pending(raw: Mapping[str, Any], groups: list[dict[str, Any]]) -> tuple[str, ...]:
    values = pending_values(raw)
    unsynced = [
        f"parameter group {group['DBParameterGroupName']} {group['ParameterApplyStatus']}"
        for group in groups
        if group.get("ParameterApplyStatus") not in (None, "in-sync")
    ]
    return tuple(sorted(values) + unsynced)
