"""The requests that restore a point to a scratch instance or cluster, and the parameters that make a copy harmless. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from drills.aws.databases.kinds import CLUSTER
from drills.model.engine import LifecycleSupport
from drills.model.point import RecoveryPoint

SNAPSHOT, MOMENT = "RestoreDBInstanceFromDBSnapshot", "RestoreDBInstanceToPointInTime"
CLUSTER_SNAPSHOT, CLUSTER_MOMENT = "RestoreDBClusterFromSnapshot", "RestoreDBClusterToPointInTime"
WRITER = "CreateDBInstance"
DEFAULT_CLASS = "db.r6g.large"  # of the instance of a cluster whose source is gone
# What could act on other systems from inside a copy; source: PostgreSQL documentation, "Subscribers" and the
# documentation of pg_cron and TimescaleDB. A preloaded library that runs jobs is left out of the preload list instead.
HARMLESS = {"max_logical_replication_workers": "0"}
JOB_RUNNERS = frozenset({"pg_cron", "timescaledb", "pg_partman_bgw", "citus", "pglogical", "pgactive"})


@dataclass(frozen=True, slots=True)
class ScratchGroups:
    """The groups that the scratch instance is restored into, made for it or named by the configuration.

    Those of a scratch cluster too, whose `parameter_group` is a cluster parameter group.
    """

    parameter_group: str
    subnet_group: str
    security_group: str
    tags: Mapping[str, str] = field(default_factory=dict)  # that the instance is given, in place of the source's


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """The call that restores a point: its operation and its parameters."""

    operation: str
    parameters: dict[str, Any]


def restore_request(
    instance: str,
    groups: ScratchGroups,
    point: RecoveryPoint,
    lifecycle: LifecycleSupport,
    instance_class: str | None,
    tags: list[dict[str, str]],
) -> RestoreRequest:
    """Return the request for a scratch instance of that name. Pure.

    Tags are always passed: without them RDS copies production's (Amazon RDS API reference, RestoreDBInstanceFromDBSnapshot). What
    RDS has a default for is passed too, so that no default of an account or of tomorrow decides. "auto-backup" tags the automated
    backup, if there ever is one (the same, TagSpecification).
    A moment is restored by resource id, as the name may be another instance's by now.
    """
    if point.kind == "continuous":
        operation = MOMENT
        what: dict[str, Any] = {
            "TargetDBInstanceIdentifier": instance,
            "SourceDbiResourceId": point.dbi_resource_id,
            "RestoreTime": point.data_time,
        }
    else:
        operation = SNAPSHOT
        what = {"DBInstanceIdentifier": instance, "DBSnapshotIdentifier": point.snapshot_id}
    parameters = what | {
        "DBSubnetGroupName": groups.subnet_group,
        "DBParameterGroupName": groups.parameter_group,
        "VpcSecurityGroupIds": [groups.security_group],
        "PubliclyAccessible": False,
        "MultiAZ": False,
        "DeletionProtection": False,
        "BackupRetentionPeriod": 0,
        "EnableCloudwatchLogsExports": [],
        "EnableIAMDatabaseAuthentication": False,
        "CopyTagsToSnapshot": False,
        "AutoMinorVersionUpgrade": False,
        "EngineLifecycleSupport": lifecycle,
        "Tags": tags,
        "TagSpecifications": [{"ResourceType": "auto-backup", "Tags": tags}],
    }
    if instance_class:
        parameters["DBInstanceClass"] = instance_class
    return RestoreRequest(operation, parameters)


def cluster_request(
    cluster: str,
    groups: ScratchGroups,
    point: RecoveryPoint,
    lifecycle: LifecycleSupport,
    scaling: tuple[float, float] | None,
    tags: list[dict[str, str]],
) -> RestoreRequest:
    """Return the request for a scratch cluster of that name, which has no instances. Pure.

    `scaling` is the least and the most capacity of Aurora Serverless v2, without which RDS refuses an instance of the class
    db.serverless (Aurora User Guide, "Requirements and limitations for Aurora Serverless v2").
    What RDS has a default for is passed too. A cluster keeps automated backups for a day at least (Amazon RDS API reference,
    RestoreDBClusterFromSnapshot, BackupRetentionPeriod). The version is the point's: RDS takes the region's default else.
    """
    parameters: dict[str, Any] = {
        "DBClusterIdentifier": cluster,
        "DBSubnetGroupName": groups.subnet_group,
        "DBClusterParameterGroupName": groups.parameter_group,
        "VpcSecurityGroupIds": [groups.security_group],
        "DeletionProtection": False,
        "BackupRetentionPeriod": 1,
        "EnableCloudwatchLogsExports": [],
        "EnableIAMDatabaseAuthentication": False,
        "CopyTagsToSnapshot": False,
        "EngineLifecycleSupport": lifecycle,
        "Tags": tags,
        "TagSpecifications": [{"ResourceType": "cluster-auto-backup", "Tags": tags}],
    }
    if scaling:
        parameters["ServerlessV2ScalingConfiguration"] = {"MinCapacity": scaling[0], "MaxCapacity": scaling[1]}
    if point.kind == "continuous":
        what = {"SourceDbClusterResourceId": point.dbi_resource_id, "RestoreToTime": point.data_time}
        return RestoreRequest(CLUSTER_MOMENT, parameters | what)
    what = {"SnapshotIdentifier": point.snapshot_id, "Engine": CLUSTER.engine, "EngineVersion": point.engine_version}
    return RestoreRequest(CLUSTER_SNAPSHOT, parameters | what)


def writer_request(cluster: str, writer: str, instance_class: str, tags: list[dict[str, str]]) -> RestoreRequest:
    """Return the request for the one instance of a restored cluster. Pure."""
    parameters: dict[str, Any] = {
        "DBInstanceIdentifier": str(writer),
        "DBClusterIdentifier": str(cluster),
        "DBInstanceClass": instance_class,
        "Engine": CLUSTER.engine,
        "PubliclyAccessible": False,
        "AutoMinorVersionUpgrade": False,
        "Tags": tags,
    }
    return RestoreRequest(WRITER, parameters)


def harmless(values: dict[str, str]) -> dict[str, str]:
    """Return the source's parameter values with everything off that could act on other systems from inside a copy."""
    defused = dict(values) | HARMLESS
    preload = defused.get("shared_preload_libraries")
    if preload is not None:
        kept = [name.strip() for name in preload.split(",") if name.strip() not in JOB_RUNNERS]
        defused["shared_preload_libraries"] = ",".join(name for name in kept if name)
    return defused


def family_of(version: str, engine: str = "postgres") -> str:
    """Return the parameter group family of a PostgreSQL version: "postgres16" for "16.9", "aurora-postgresql16" of Aurora."""
    return f"{engine}{version.split('.')[0]}"
