"""Reads instances and recovery points from the RDS and AWS Backup APIs, as plain values of drills/model/.

Facts used: a recovery point of an RDS instance *is* a DB snapshot whose ARN ends in `snapshot:awsbackup:job-<uuid>`;
its kind is known from API fields and never from the ARN's shape. `SnapshotDatabaseTime` is the time of the most recent
transaction in the snapshot; `SnapshotCreateTime` changes when a snapshot is copied, `OriginalSnapshotCreateTime` does
not (botocore's RDS service model). DescribeDBSnapshots without a type leaves out `awsbackup`, so each type is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws.calls.answers import first
from drills.aws.databases.described import as_instance, read_cluster, read_instance
from drills.aws.databases.kinds import CLUSTER, INSTANCE, Kind
from drills.aws.remedies import explain
from drills.aws.session import Clients
from drills.model.instance import Instance
from drills.model.lineage import VAULTS_APART
from drills.model.point import RecoveryPoint, Window

RUN_TAG = "drills:run"
TARGET_TAG = "drills:target"
# the end of the time to live of what a run made, ISO 8601 in UTC
EXPIRES_TAG = "drills:expires"
# of a lock: the run that holds it, which may work with what carries the tag of another that it resumes
HOLDER_TAG = "drills:held-by"
# of a copy, by which another machine can go on with it: two instants in ISO 8601, and the ARN of the recovery point
DECLARED_TAG, DISASTER_TAG, POINT_TAG = "drills:declared", "drills:disaster", "drills:point"
# of what an incident has made: what it asked for
INCIDENT_TAG = "drills:incident"
# on points that were made on demand: like a drill's own they are no part of the schedule
ON_DEMAND_TAG = "drills:on-demand"
SNAPSHOT_TYPES = ("awsbackup", "manual", "automated")
_NEVER = datetime.fromtimestamp(0, UTC)
T = TypeVar("T")
_NOT_FOUND = frozenset(
    {
        "DBClusterNotFoundFault",
        "DBClusterParameterGroupNotFound",
        "DBClusterSnapshotNotFoundFault",
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
        "InvalidSnapshot.NotFound",
        "InvalidVolume.NotFound",
        "FileSystemNotFound",
        "NoSuchBucket",
        "ResourceNotFoundException",
    }
)
# and of roles (IAM API reference, GetRole) and of keys (KMS API reference, DescribeKey)
_MISSING = _NOT_FOUND | {"NoSuchEntity", "NotFoundException"}


def parse_expiry(text: str) -> datetime | None:
    """Return the instant of EXPIRES_TAG in UTC; None for what is no ISO 8601, or names no time zone. Pure."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None


def error_code(error: ClientError) -> str:
    """Return the code on the wire, which is not the name of boto3's exception class."""
    return str(error.response.get("Error", {}).get("Code", ""))


def refusal(error: ClientError | BotoCoreError, request: str = "the request") -> str:
    """Return the sentence about a failed request: refused by AWS or not answered at all, what that means, what to type next."""
    how = "refused" if isinstance(error, ClientError) else "could not be reached for"
    return f"AWS {how} {request}: {explain(error, 'check permissions and endpoint')}"


def is_not_found(error: ClientError) -> bool:
    """Return whether AWS says that the thing asked for does not exist."""
    return error_code(error) in _NOT_FOUND


def tags_by_key(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return the values of tags as AWS lists them, by key; "" for one without a value."""
    return {tag["Key"]: tag.get("Value", "") for tag in tags}


def none_if_missing(read: Callable[[], T]) -> T | None:
    """Return what `read` returns, None where AWS says that it does not exist."""
    try:
        return read()
    except ClientError as error:
        if error_code(error) in _MISSING:
            return None
        raise


def _describe(clients: Clients, kind: Kind) -> Any:
    return clients.rds.describe_db_clusters if kind is CLUSTER else clients.rds.describe_db_instances


def snapshots_method(clients: Clients, kind: Kind) -> Any:
    """Return the method that describes the snapshots of a kind."""
    return clients.rds.describe_db_cluster_snapshots if kind is CLUSTER else clients.rds.describe_db_snapshots


def _describe_backups(clients: Clients, kind: Kind) -> Any:
    rds = clients.rds
    return rds.describe_db_cluster_automated_backups if kind is CLUSTER else rds.describe_db_instance_automated_backups


def raw_instance(clients: Clients, name: str, kind: Kind = INSTANCE) -> dict[str, Any] | None:
    """Return the member of DescribeDBInstances' answer, or of DescribeDBClusters', None where there is none of that name."""
    asked = {kind.identifier: name}
    found = none_if_missing(lambda: _describe(clients, kind)(**asked)[kind.described])
    return first(found)


def describe_instance(clients: Clients, name: str, kind: Kind = INSTANCE) -> Instance | None:
    """Return the instance or cluster of that name, or None when there is none; a cluster with what its writer knows."""
    found = described(clients, name, kind)
    return found[1] if found else None


def described(clients: Clients, name: str, kind: Kind = INSTANCE) -> tuple[dict[str, Any], Instance] | None:
    """Return an instance as DescribeDBInstances does and as a value, a cluster as if it were one; None where there is none."""
    raw = raw_instance(clients, name, kind)
    if raw is None or kind is INSTANCE:
        return None if raw is None else (raw, read_instance(raw))
    writer = _writer_of(clients, raw)
    return as_instance(raw, writer), read_cluster(raw, writer)


def _writer_of(clients: Clients, cluster: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the member of DescribeDBInstances' answer about the writer of a cluster, None where it has none."""
    writer = next((each for each in cluster.get("DBClusterMembers") or () if each.get("IsClusterWriter")), None)
    return raw_instance(clients, writer["DBInstanceIdentifier"]) if writer else None


def snapshot_status(clients: Clients, snapshot_id: str, kind: Kind = INSTANCE) -> str:
    """Return the status of a snapshot, "" when there is none of that name."""
    try:
        found = snapshots_method(clients, kind)(**{kind.snapshot_id: snapshot_id})[kind.snapshots_key]
    except ClientError as error:
        if is_not_found(error):
            return ""
        raise
    return str(found[0]["Status"]) if found else ""


def recovery_points(clients: Clients, name: str, vault: str | None, kind: Kind = INSTANCE) -> tuple[RecoveryPoint, ...]:
    """Return every recovery point of the databases of a kind that were ever called `name`, by both APIs, each once.

    What the vault knows (status, lifecycle, completion) is laid over what RDS knows of the same snapshot.
    """
    in_vault = {raw["RecoveryPointArn"]: raw for raw in _vault_points(clients, vault, kind)} if vault else {}
    points = []
    for snapshot in _snapshots(clients, name, kind):
        points.append(_read_point(snapshot, in_vault.pop(snapshot[kind.snapshot_arn], None), vault, kind))
    for raw in in_vault.values():
        if str(raw.get("ResourceArn", "")).endswith(f":{kind.arn}:{name}"):
            points.append(_read_unlisted(raw, name, vault))
    return tuple(points)


def automated_backup(
    clients: Clients, name: str, resource_id: str | None, kind: Kind = INSTANCE
) -> dict[str, Any] | None:
    """Return the automated backup of a database, also of one that is gone and whose backup was retained; None without one."""
    by = {kind.resource_id: resource_id} if resource_id else {kind.identifier: name}
    try:
        found = _describe_backups(clients, kind)(**by)[kind.backups_key]
    except ClientError as error:
        if error_code(error) in (kind.backups_gone, f"{kind.backups_gone}Fault"):
            return None
        raise
    return max(found, key=lambda raw: (raw.get("RestoreWindow") or {}).get("LatestTime") or _NEVER, default=None)


def automated_backups(clients: Clients, name: str, kind: Kind = INSTANCE) -> tuple[dict[str, Any], ...]:
    """Return the automated backups of every database that has or had the name, those that were retained at its deletion too.

    All are asked for: the parameter DBInstanceIdentifier is for an instance that exists
    (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBInstanceAutomatedBackups.html).
    """
    rows = pages(clients.rds, kind.backups, kind.backups_key)
    return tuple(raw for raw in rows if raw.get(kind.identifier) == name)


def window_of(raw: dict[str, Any] | None) -> Window | None:
    """Return the period that an automated backup can be restored to; None while there is nothing to restore."""
    between = (raw or {}).get("RestoreWindow") or {}
    if not between.get("EarliestTime") or not between.get("LatestTime"):
        return None
    return Window(between["EarliestTime"], between["LatestTime"])


def read_continuous(raw: dict[str, Any], kind: Kind = INSTANCE) -> RecoveryPoint:
    """Return an automated backup as a recovery point whose moment is still to be chosen."""
    return RecoveryPoint(
        arn=raw.get(kind.backups_arn) or raw.get("DBInstanceArn") or raw.get("DBClusterArn") or "",
        kind="continuous",
        snapshot_id="",
        vault=None,
        status=str(raw.get("Status", "")),
        instance_id=raw.get(kind.identifier, ""),
        dbi_resource_id=raw.get(kind.resource_id),
        created_at=raw.get("InstanceCreateTime") or raw.get("ClusterCreateTime"),
        completed_at=None,
        data_time=None,
        data_time_source="",
        engine_version=raw.get("EngineVersion", ""),
        allocated_gib=raw.get("AllocatedStorage"),
        encrypted=bool(raw.get(kind.encrypted)),
        kms_key_id=raw.get("KmsKeyId"),
    )


def version_status(clients: Clients, version: str, kind: Kind = INSTANCE) -> str:
    """Return the status of a PostgreSQL version in RDS ("available", "deprecated"); "" when it is no longer offered."""
    answer = clients.rds.describe_db_engine_versions(Engine=kind.engine, EngineVersion=version, IncludeAll=True)
    found = answer["DBEngineVersions"]
    return str(found[0].get("Status") or "available") if found else ""


def _vault_points(clients: Clients, vault: str, kind: Kind) -> Iterator[dict[str, Any]]:
    token: dict[str, str] = {}
    while True:
        answer = clients.backup.list_recovery_points_by_backup_vault(
            BackupVaultName=vault, ByResourceType=kind.protected, **token
        )
        yield from answer.get("RecoveryPoints", [])
        if not answer.get("NextToken"):
            return
        token = {"NextToken": answer["NextToken"]}


def _snapshots(clients: Clients, name: str, kind: Kind) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    describe = snapshots_method(clients, kind)
    for snapshot_type in SNAPSHOT_TYPES:
        marker: dict[str, str] = {}
        while True:
            answer = describe(**{kind.identifier: name, "SnapshotType": snapshot_type}, **marker)
            for snapshot in answer.get(kind.snapshots_key, []):
                if snapshot[kind.snapshot_arn] not in seen:
                    seen.add(snapshot[kind.snapshot_arn])
                    yield snapshot
            if not answer.get("Marker"):
                break
            marker = {"Marker": answer["Marker"]}


def _read_point(
    snapshot: dict[str, Any], backup: dict[str, Any] | None, vault: str | None, kind: Kind
) -> RecoveryPoint:
    data_time, source = _data_time(snapshot, backup)
    tags = {tag["Key"] for tag in snapshot.get("TagList") or []}
    extra = backup or {}
    status = str(snapshot.get("Status", ""))
    return RecoveryPoint(
        arn=snapshot[kind.snapshot_arn],
        kind="copy" if _is_copy(extra) else snapshot.get("SnapshotType", "manual"),
        snapshot_id=snapshot[kind.snapshot_id],
        vault=extra.get("BackupVaultName") or (vault if backup else None),
        # A point that the vault calls EXPIRED or PARTIAL is not usable although RDS still calls it available.
        status=str(extra.get("Status", status)) if status == "available" else status,
        instance_id=snapshot.get(kind.identifier, ""),
        dbi_resource_id=snapshot.get(kind.resource_id),
        created_at=extra.get("CreationDate") or snapshot.get("SnapshotCreateTime"),
        completed_at=extra.get("CompletionDate") or snapshot.get("SnapshotCreateTime"),
        data_time=data_time,
        data_time_source=source,
        expires_at=(extra.get("CalculatedLifecycle") or {}).get("DeleteAt"),
        engine_version=snapshot.get("EngineVersion", ""),
        allocated_gib=snapshot.get("AllocatedStorage"),
        encrypted=bool(snapshot.get(kind.encrypted)),
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
    apart = VAULTS_APART.get(str(raw.get("VaultType", "")))
    why = (
        f"in {apart}, which no drill of a database restores from"
        if apart
        else "in the vault, but no snapshot that RDS lists"
    )
    return RecoveryPoint(
        arn=raw["RecoveryPointArn"],
        kind="awsbackup",
        snapshot_id="",
        vault=vault,
        status=f"{raw.get('Status', '')} {why}",
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


def subnet_group(clients: Clients, name: str) -> dict[str, Any] | None:
    """Return the member of DescribeDBSubnetGroups' answer, None where there is no group of that name."""
    found = none_if_missing(lambda: clients.rds.describe_db_subnet_groups(DBSubnetGroupName=name)["DBSubnetGroups"])
    return first(found)


def parameter_group(clients: Clients, name: str, kind: Kind = INSTANCE) -> dict[str, Any] | None:
    """Return the member of DescribeDBParameterGroups' answer, or of that about clusters, None where there is no such group."""
    rds, asked = clients.rds, {f"{kind.group}Name": name}
    describe: Any = rds.describe_db_cluster_parameter_groups if kind is CLUSTER else rds.describe_db_parameter_groups
    return first(none_if_missing(lambda: describe(**asked)[f"{kind.group}s"]))


def parameter_pages(clients: Clients, group: str, kind: Kind = INSTANCE, **asked: str) -> Iterable[Mapping[str, Any]]:
    """Return the pages of the parameters of a group, of an instance or of a cluster."""
    operation = "describe_db_cluster_parameters" if kind is CLUSTER else "describe_db_parameters"
    named = {f"{kind.group}Name": group}
    found: Iterable[Mapping[str, Any]] = clients.rds.get_paginator(operation).paginate(**named, **asked)
    return found


def has_security_group(clients: Clients, group_id: str) -> bool:
    """Return whether there is a security group of that id."""
    return bool(none_if_missing(lambda: clients.ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"]))


def quotas(clients: Clients) -> dict[str, tuple[int, int]]:
    """Return how much of each quota of RDS is used, and how much it allows at most (DescribeAccountAttributes)."""
    rows = clients.rds.describe_account_attributes()["AccountQuotas"]
    return {row["AccountQuotaName"]: (int(row["Used"]), int(row["Max"])) for row in rows}


def key_metadata(kms: Any, key_id: str) -> dict[str, Any] | None:
    """Return the KeyMetadata of a key, None where there is none; `kms` is a client of the key's region."""
    found: dict[str, Any] | None = none_if_missing(lambda: kms.describe_key(KeyId=key_id)["KeyMetadata"])
    return found


def pages(client: Any, operation: str, key: str, **asked: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows of every page of an operation's answer."""
    for page in client.get_paginator(operation).paginate(**asked):
        yield from page.get(key) or ()
