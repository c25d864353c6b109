"""Reads instances and recovery points from the RDS and AWS Backup APIs, as plain values of drills/model/.

Facts used: a recovery point of an RDS instance *is* a DB snapshot whose ARN ends in `snapshot:awsbackup:job-<uuid>`;
its kind is known from API fields and never from the ARN's shape. `SnapshotDatabaseTime` is the time of the most recent
transaction in the snapshot; `SnapshotCreateTime` changes when a snapshot is copied, `OriginalSnapshotCreateTime` does
not (botocore's RDS service model). DescribeDBSnapshots without a type leaves out `awsbackup`, so each type is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws.clock_offset import skew_of
from drills.aws.session import Clients
from drills.model.instance import Instance
from drills.model.point import RecoveryPoint, Window

RUN_TAG = "drills:run"
# on points that were made on demand: like a drill's own they are no part of the schedule
ON_DEMAND_TAG = "drills:on-demand"
SNAPSHOT_TYPES = ("awsbackup", "manual", "automated")
_NEVER = datetime.fromtimestamp(0, UTC)
_NOT_FOUND = frozenset(
    {
        "DBInstanceNotFound",
        "DBInstanceNotFoundFault",
        "DBSnapshotNotFound",
        "DBSnapshotNotFoundFault",
        "DBParameterGroupNotFound",
        "DBParameterGroupNotFoundFault",
        "DBSubnetGroupNotFoundFault",
        "DBSubnetGroupNotFound",
        "InvalidGroup.NotFound",
        "InvalidGroupId.NotFound",
        "ResourceNotFoundException",
    }
)


def error_code(error: ClientError) -> str:
    """Return the code on the wire, which is not the name of boto3's exception class."""
    return str(error.response.get("Error", {}).get("Code", ""))


def error_text(error: ClientError | BotoCoreError) -> str:
    """Return the error's message in one line."""
    return " ".join(str(error).split())


def refusal(error: ClientError | BotoCoreError, request: str = "the request") -> str:
    """Return the sentence about a failed request: refused by AWS, or not answered at all."""
    how = "refused" if isinstance(error, ClientError) else "could not be reached for"
    return f"AWS {how} {request}: {error_text(error)}; {skew_of(error) or 'check permissions and endpoint'}"


def is_not_found(error: ClientError) -> bool:
    """Return whether AWS says that the thing asked for does not exist."""
    return error_code(error) in _NOT_FOUND


def describe_instance(clients: Clients, instance_id: str) -> Instance | None:
    """Return the instance of that name, or None when there is none."""
    try:
        answer = clients.rds.describe_db_instances(DBInstanceIdentifier=instance_id)
    except ClientError as error:
        if is_not_found(error):
            return None
        raise
    found = answer["DBInstances"]
    return read_instance(found[0]) if found else None


def read_instance(raw: dict[str, Any]) -> Instance:
    """Return a member of DescribeDBInstances' answer as a value."""
    endpoint = raw.get("Endpoint") or {}
    subnets = raw.get("DBSubnetGroup") or {}
    groups = raw.get("DBParameterGroups") or []
    return Instance(
        id=raw["DBInstanceIdentifier"],
        arn=raw.get("DBInstanceArn", ""),
        dbi_resource_id=raw.get("DbiResourceId", ""),
        status=raw.get("DBInstanceStatus", ""),
        engine=raw.get("Engine", ""),
        engine_version=raw.get("EngineVersion", ""),
        instance_class=raw.get("DBInstanceClass", ""),
        master_username=raw.get("MasterUsername", ""),
        host=endpoint.get("Address", ""),
        port=int(endpoint.get("Port") or 0),
        pending=_pending(raw, groups),
        subnet_group=subnets.get("DBSubnetGroupName", ""),
        vpc_id=subnets.get("VpcId", ""),
        subnet_ids=tuple(subnet["SubnetIdentifier"] for subnet in subnets.get("Subnets") or []),
        security_groups=tuple(group["VpcSecurityGroupId"] for group in raw.get("VpcSecurityGroups") or []),
        parameter_group=groups[0]["DBParameterGroupName"] if groups else "",
        publicly_accessible=bool(raw.get("PubliclyAccessible")),
        deletion_protection=bool(raw.get("DeletionProtection")),
        backup_retention_days=int(raw.get("BackupRetentionPeriod") or 0),
        log_exports=tuple(raw.get("EnabledCloudwatchLogsExports") or ()),
        cluster_id=raw.get("DBClusterIdentifier") or "",
        created_at=raw.get("InstanceCreateTime"),
        tags=tuple(sorted((tag["Key"], tag.get("Value", "")) for tag in raw.get("TagList") or [])),
    )


def _pending(raw: dict[str, Any], groups: list[dict[str, Any]]) -> tuple[str, ...]:
    values = [key for key, value in (raw.get("PendingModifiedValues") or {}).items() if value not in (None, {}, [])]
    unsynced = [
        f"parameter group {group['DBParameterGroupName']} {group['ParameterApplyStatus']}"
        for group in groups
        if group.get("ParameterApplyStatus") not in (None, "in-sync")
    ]
    return tuple(sorted(values) + unsynced)


def snapshot_status(clients: Clients, snapshot_id: str) -> str:
    """Return the status of a snapshot, "" when there is none of that name."""
    try:
        found = clients.rds.describe_db_snapshots(DBSnapshotIdentifier=snapshot_id)["DBSnapshots"]
    except ClientError as error:
        if is_not_found(error):
            return ""
        raise
    return str(found[0]["Status"]) if found else ""


def recovery_points(clients: Clients, instance_id: str, vault: str | None) -> tuple[RecoveryPoint, ...]:
    """Return every recovery point of the instances that were ever called `instance_id`, by both APIs, each once.

    What the vault knows (status, lifecycle, completion) is laid over what RDS knows of the same snapshot.
    """
    in_vault = {raw["RecoveryPointArn"]: raw for raw in _vault_points(clients, vault)} if vault else {}
    points = []
    for snapshot in _snapshots(clients, instance_id):
        points.append(_read_point(snapshot, in_vault.pop(snapshot["DBSnapshotArn"], None), vault))
    for raw in in_vault.values():
        if str(raw.get("ResourceArn", "")).endswith(f":db:{instance_id}"):
            points.append(_read_unlisted(raw, instance_id, vault))
    return tuple(points)


def automated_backup(clients: Clients, instance_id: str, dbi_resource_id: str | None) -> dict[str, Any] | None:
    """Return the automated backup of an instance, also of one that is gone and whose backup was retained; None without one."""
    by = {"DbiResourceId": dbi_resource_id} if dbi_resource_id else {"DBInstanceIdentifier": instance_id}
    try:
        found = clients.rds.describe_db_instance_automated_backups(**by)["DBInstanceAutomatedBackups"]
    except ClientError as error:
        if error_code(error) in ("DBInstanceAutomatedBackupNotFound", "DBInstanceAutomatedBackupNotFoundFault"):
            return None
        raise
    return max(found, key=lambda raw: (raw.get("RestoreWindow") or {}).get("LatestTime") or _NEVER, default=None)


def window_of(raw: dict[str, Any] | None) -> Window | None:
    """Return the period that an automated backup can be restored to; None while there is nothing to restore."""
    between = (raw or {}).get("RestoreWindow") or {}
    if not between.get("EarliestTime") or not between.get("LatestTime"):
        return None
    return Window(between["EarliestTime"], between["LatestTime"])


def read_continuous(raw: dict[str, Any]) -> RecoveryPoint:
    """Return an automated backup as a recovery point whose moment is still to be chosen."""
    return RecoveryPoint(
        arn=raw.get("DBInstanceAutomatedBackupsArn") or raw.get("DBInstanceArn", ""),
        kind="continuous",
        snapshot_id="",
        vault=None,
        status=str(raw.get("Status", "")),
        instance_id=raw.get("DBInstanceIdentifier", ""),
        dbi_resource_id=raw.get("DbiResourceId"),
        created_at=raw.get("InstanceCreateTime"),
        completed_at=None,
        data_time=None,
        data_time_source="",
        engine_version=raw.get("EngineVersion", ""),
        allocated_gib=raw.get("AllocatedStorage"),
        encrypted=bool(raw.get("Encrypted")),
        kms_key_id=raw.get("KmsKeyId"),
    )


def version_status(clients: Clients, version: str) -> str:
    """Return the status of a PostgreSQL version in RDS ("available", "deprecated"); "" when it is no longer offered."""
    answer = clients.rds.describe_db_engine_versions(Engine="postgres", EngineVersion=version, IncludeAll=True)
    found = answer["DBEngineVersions"]
    return str(found[0].get("Status") or "available") if found else ""


def _vault_points(clients: Clients, vault: str) -> Iterator[dict[str, Any]]:
    token: dict[str, str] = {}
    while True:
        answer = clients.backup.list_recovery_points_by_backup_vault(
            BackupVaultName=vault, ByResourceType="RDS", **token
        )
        yield from answer.get("RecoveryPoints", [])
        if not answer.get("NextToken"):
            return
        token = {"NextToken": answer["NextToken"]}


def _snapshots(clients: Clients, instance_id: str) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    for kind in SNAPSHOT_TYPES:
        marker: dict[str, str] = {}
        while True:
            answer = clients.rds.describe_db_snapshots(DBInstanceIdentifier=instance_id, SnapshotType=kind, **marker)
            for snapshot in answer.get("DBSnapshots", []):
                if snapshot["DBSnapshotArn"] not in seen:
                    seen.add(snapshot["DBSnapshotArn"])
                    yield snapshot
            if not answer.get("Marker"):
                break
            marker = {"Marker": answer["Marker"]}


def _read_point(snapshot: dict[str, Any], backup: dict[str, Any] | None, vault: str | None) -> RecoveryPoint:
    data_time, source = _data_time(snapshot, backup)
    tags = {tag["Key"] for tag in snapshot.get("TagList") or []}
    extra = backup or {}
    status = str(snapshot.get("Status", ""))
    return RecoveryPoint(
        arn=snapshot["DBSnapshotArn"],
        kind="copy" if _is_copy(extra) else snapshot.get("SnapshotType", "manual"),
        snapshot_id=snapshot["DBSnapshotIdentifier"],
        vault=extra.get("BackupVaultName") or (vault if backup else None),
        # A point that the vault calls EXPIRED or PARTIAL is not usable although RDS still calls it available.
        status=str(extra.get("Status", status)) if status == "available" else status,
        instance_id=snapshot.get("DBInstanceIdentifier", ""),
        dbi_resource_id=snapshot.get("DbiResourceId"),
        created_at=extra.get("CreationDate") or snapshot.get("SnapshotCreateTime"),
        completed_at=extra.get("CompletionDate") or snapshot.get("SnapshotCreateTime"),
        data_time=data_time,
        data_time_source=source,
        expires_at=(extra.get("CalculatedLifecycle") or {}).get("DeleteAt"),
        engine_version=snapshot.get("EngineVersion", ""),
        allocated_gib=snapshot.get("AllocatedStorage"),
        encrypted=bool(snapshot.get("Encrypted")),
        kms_key_id=snapshot.get("KmsKeyId"),
        made_by_drill=bool(tags & {RUN_TAG, ON_DEMAND_TAG}),
    )


def _is_copy(backup: dict[str, Any]) -> bool:
    """Return a point that a copy job made names the vault that it came from (botocore's Backup model, SourceBackupVaultArn)."""
    origin = backup.get("SourceBackupVaultArn")
    return bool(origin) and origin != backup.get("BackupVaultArn")


def _data_time(snapshot: dict[str, Any], backup: dict[str, Any] | None) -> tuple[datetime | None, str]:
    for field in ("SnapshotDatabaseTime", "OriginalSnapshotCreateTime"):
        if snapshot.get(field):
            return snapshot[field], field
    if backup and backup.get("CreationDate"):
        return backup["CreationDate"], "backup job's CreationDate"
    return snapshot.get("SnapshotCreateTime"), "SnapshotCreateTime"


def _read_unlisted(raw: dict[str, Any], instance_id: str, vault: str | None) -> RecoveryPoint:
    """Return a point that the vault holds and RDS does not list as a snapshot; it is shown, and not eligible."""
    return RecoveryPoint(
        arn=raw["RecoveryPointArn"],
        kind="awsbackup",
        snapshot_id="",
        vault=vault,
        status=f"{raw.get('Status', '')} in the vault, but no snapshot that RDS lists",
        instance_id=instance_id,
        dbi_resource_id=None,
        created_at=raw.get("CreationDate"),
        completed_at=raw.get("CompletionDate"),
        data_time=raw.get("CreationDate"),
        data_time_source="backup job's CreationDate",
        expires_at=(raw.get("CalculatedLifecycle") or {}).get("DeleteAt"),
        encrypted=bool(raw.get("IsEncrypted")),
        kms_key_id=raw.get("EncryptionKeyArn"),
    )


def pages(client: Any, operation: str, key: str, **asked: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows of every page of an operation's answer."""
    for page in client.get_paginator(operation).paginate(**asked):
        yield from page.get(key) or ()
