"""What is in an AWS of every kind that a drill can make, and how each of it is removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from tests.chaos.kinds.kind import LocalAws
from tests.support.buckets import remove_bucket

Removal = Callable[[], object]


def there(aws: LocalAws) -> Mapping[str, Removal]:
    """Return what is there by its kind and name, each with the call that removes it."""
    return dict((*_of_rds(aws), *_beside(aws)))


def _of_rds(aws: LocalAws) -> Iterator[tuple[str, Removal]]:
    """Yield databases, their snapshots and their groups."""
    rds = aws.client("rds")
    # kind, operation without its verb, member of the answer, member and parameter with the name, what the removal needs beside it
    final = {"SkipFinalSnapshot": True}
    kinds: tuple[tuple[str, str, str, str, dict[str, Any]], ...] = (
        ("db-instance", "db_instance", "DBInstances", "DBInstanceIdentifier", final),
        ("db-cluster", "db_cluster", "DBClusters", "DBClusterIdentifier", final),
        ("db-snapshot", "db_snapshot", "DBSnapshots", "DBSnapshotIdentifier", {}),
        ("db-cluster-snapshot", "db_cluster_snapshot", "DBClusterSnapshots", "DBClusterSnapshotIdentifier", {}),
        ("db-parameter-group", "db_parameter_group", "DBParameterGroups", "DBParameterGroupName", {}),
        (
            "db-cluster-parameter-group",
            "db_cluster_parameter_group",
            "DBClusterParameterGroups",
            "DBClusterParameterGroupName",
            {},
        ),
        ("db-subnet-group", "db_subnet_group", "DBSubnetGroups", "DBSubnetGroupName", {}),
    )
    for kind, noun, members, key, more in kinds:
        for raw in getattr(rds, f"describe_{noun}s")()[members]:
            named = {key: raw[key]} | more
            yield f"{kind} {raw[key]}", _call(getattr(rds, f"delete_{noun}"), named)


def _beside(aws: LocalAws) -> Iterator[tuple[str, Removal]]:
    """Yield groups of EC2, secrets, tables, file systems, buckets and volumes.

    A volume without a name has that of the restore job that has made it, a file system that of its creation token.
    """
    ec2, secrets, dynamodb = aws.client("ec2"), aws.client("secretsmanager"), aws.client("dynamodb")
    for raw in ec2.describe_security_groups()["SecurityGroups"]:
        yield f"security-group {raw['GroupName']}", _call(ec2.delete_security_group, {"GroupId": raw["GroupId"]})
    for raw in secrets.list_secrets()["SecretList"]:
        named = {"SecretId": raw["Name"], "ForceDeleteWithoutRecovery": True}
        yield f"secret {raw['Name']}", _call(secrets.delete_secret, named)
    for name in dynamodb.list_tables()["TableNames"]:
        yield f"dynamodb-table {name}", _call(dynamodb.delete_table, {"TableName": name})
    efs = aws.client("efs")
    for raw in efs.describe_file_systems()["FileSystems"]:
        named = {"FileSystemId": raw["FileSystemId"]}
        yield f"efs-file-system {raw['CreationToken']}", _call(efs.delete_file_system, named)
    s3 = aws.client("s3")
    for raw in s3.list_buckets()["Buckets"]:
        yield f"s3-bucket {raw['Name']}", partial(remove_bucket, s3, raw["Name"])
    volumes = ec2.describe_volumes()["Volumes"]
    jobs = aws.client("backup").list_restore_jobs()["RestoreJobs"] if volumes else []
    by_volume = {str(job.get("CreatedResourceArn")).rpartition("/")[2]: str(job["RestoreJobId"]) for job in jobs}
    for raw in volumes:
        tags = {each["Key"]: each["Value"] for each in raw.get("Tags", ())}
        name = tags.get("Name") or by_volume.get(raw["VolumeId"], raw["VolumeId"])
        yield f"ebs-volume {name}", _call(ec2.delete_volume, {"VolumeId": raw["VolumeId"]})


def _call(operation: Callable[..., object], named: Mapping[str, Any]) -> Removal:
    return lambda: operation(**named)
