"""What a guard knows of each operation that makes, changes or removes: the thing that it is about, and how AWS names it. Data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from drills.model.instance import ResourceKind


@dataclass(frozen=True, slots=True)
class Rule:
    """How an operation names what it is about: the member of the request, and that of AWS's description of the thing."""

    kind: ResourceKind
    parameter: str
    key: str
    answer: str = ""  # the member of the answer that describes what was made


_INSTANCE = Rule("db-instance", "DBInstanceIdentifier", "DBInstanceIdentifier", "DBInstance")
_MOMENT = Rule("db-instance", "TargetDBInstanceIdentifier", "DBInstanceIdentifier", "DBInstance")
_SNAPSHOT = Rule("db-snapshot", "DBSnapshotIdentifier", "DBSnapshotIdentifier")
_COPY = Rule("db-snapshot", "TargetDBSnapshotIdentifier", "DBSnapshotIdentifier", "DBSnapshot")
_CLUSTER = Rule("db-cluster", "DBClusterIdentifier", "DBClusterIdentifier", "DBCluster")
_CLUSTER_SNAPSHOT = Rule("db-cluster-snapshot", "DBClusterSnapshotIdentifier", "DBClusterSnapshotIdentifier")
_CLUSTER_COPY = Rule(
    "db-cluster-snapshot", "TargetDBClusterSnapshotIdentifier", "DBClusterSnapshotIdentifier", "DBClusterSnapshot"
)
_CLUSTER_PARAMETERS = Rule(
    "db-cluster-parameter-group",
    "DBClusterParameterGroupName",
    "DBClusterParameterGroupName",
    "DBClusterParameterGroup",
)
_PARAMETERS = Rule("db-parameter-group", "DBParameterGroupName", "DBParameterGroupName", "DBParameterGroup")
_SUBNETS = Rule("db-subnet-group", "DBSubnetGroupName", "DBSubnetGroupName", "DBSubnetGroup")
_GROUP = Rule("security-group", "GroupId", "GroupId")
_LOGS = Rule("log-group", "logGroupName", "logGroupName")
_SECRET = Rule("secret", "SecretId", "ARN")
_TABLE = Rule("dynamodb-table", "TableName", "TableName")
_VOLUME: ResourceKind = "ebs-volume"
_FILE_SYSTEM: ResourceKind = "efs-file-system"
_BUCKET = Rule("s3-bucket", "Bucket", "Name")
MAKES: Mapping[str, Rule] = {
    "ec2:CreateSecurityGroup": Rule("security-group", "GroupName", "GroupName"),
    "rds:CopyDBClusterSnapshot": _CLUSTER_COPY,
    "rds:CopyDBSnapshot": _COPY,
    "rds:CreateDBClusterParameterGroup": _CLUSTER_PARAMETERS,
    "rds:CreateDBInstance": _INSTANCE,
    "rds:CreateDBParameterGroup": _PARAMETERS,
    "rds:CreateDBSubnetGroup": _SUBNETS,
    "rds:RestoreDBClusterFromSnapshot": _CLUSTER,
    "rds:RestoreDBClusterToPointInTime": _CLUSTER,
    "rds:RestoreDBInstanceFromDBSnapshot": _INSTANCE,
    "rds:RestoreDBInstanceToPointInTime": _MOMENT,
    "s3:CreateBucket": _BUCKET,
    "secretsmanager:CreateSecret": Rule("secret", "Name", "Name"),
}
CHANGES: Mapping[str, Rule] = {
    "dynamodb:DeleteTable": _TABLE,
    "dynamodb:TagResource": Rule("dynamodb-table", "ResourceArn", "TableArn"),
    "ec2:AuthorizeSecurityGroupIngress": _GROUP,
    "ec2:CreateTags": Rule(_VOLUME, "Resources", "Resources"),
    "ec2:DeleteSecurityGroup": _GROUP,
    "ec2:DeleteVolume": Rule(_VOLUME, "VolumeId", "VolumeId"),
    "ec2:RevokeSecurityGroupEgress": _GROUP,
    "efs:DeleteFileSystem": Rule(_FILE_SYSTEM, "FileSystemId", "FileSystemId"),
    "efs:TagResource": Rule(_FILE_SYSTEM, "ResourceId", "FileSystemId"),
    "logs:DeleteLogGroup": _LOGS,
    "rds:DeleteDBCluster": _CLUSTER,
    "rds:DeleteDBClusterParameterGroup": _CLUSTER_PARAMETERS,
    "rds:DeleteDBClusterSnapshot": _CLUSTER_SNAPSHOT,
    "rds:DeleteDBInstance": _INSTANCE,
    "rds:DeleteDBParameterGroup": _PARAMETERS,
    "rds:DeleteDBSnapshot": _SNAPSHOT,
    "rds:DeleteDBSubnetGroup": _SUBNETS,
    "rds:ModifyDBCluster": _CLUSTER,
    "rds:ModifyDBClusterParameterGroup": _CLUSTER_PARAMETERS,
    "rds:ModifyDBInstance": _INSTANCE,
    "rds:ModifyDBParameterGroup": _PARAMETERS,
    "s3:DeleteBucket": _BUCKET,
    "s3:DeleteObjects": _BUCKET,
    "s3:PutBucketVersioning": _BUCKET,
    "secretsmanager:DeleteSecret": _SECRET,
}
# by which the time of a thing is set: the operation, the member that names the thing, and what of its description does
EXTENDS: Mapping[ResourceKind, tuple[str, str, str]] = {
    "db-instance": ("rds:AddTagsToResource", "ResourceName", "DBInstanceArn"),
    "db-cluster": ("rds:AddTagsToResource", "ResourceName", "DBClusterArn"),
    "db-snapshot": ("rds:AddTagsToResource", "ResourceName", "DBSnapshotArn"),
    "db-cluster-snapshot": ("rds:AddTagsToResource", "ResourceName", "DBClusterSnapshotArn"),
    "db-cluster-parameter-group": ("rds:AddTagsToResource", "ResourceName", "DBClusterParameterGroupArn"),
    "db-parameter-group": ("rds:AddTagsToResource", "ResourceName", "DBParameterGroupArn"),
    "db-subnet-group": ("rds:AddTagsToResource", "ResourceName", "DBSubnetGroupArn"),
    "security-group": ("ec2:CreateTags", "Resources", "GroupId"),
    "secret": ("secretsmanager:TagResource", "SecretId", "ARN"),
}
# by which the tags of a thing are taken off, for each operation above
RELEASES: Mapping[str, str] = {
    "rds:AddTagsToResource": "rds:RemoveTagsFromResource",
    "ec2:CreateTags": "ec2:DeleteTags",
    "secretsmanager:TagResource": "secretsmanager:UntagResource",
}
TAGS_OF_DRILLS = "drills:"  # how the keys of all tags begin that a run sets of its own accord
# the identity that AWS gives and no other thing ever has; that of a snapshot is its source's
IDENTITY: Mapping[ResourceKind, str] = {
    "db-instance": "DbiResourceId",
    "db-cluster": "DbClusterResourceId",
    "security-group": "GroupId",
    "dynamodb-table": "TableId",
    "ebs-volume": "VolumeId",
    "efs-file-system": "FileSystemId",
}
ARNS = (
    *("DBInstanceArn", "DBClusterArn", "DBSnapshotArn", "DBClusterSnapshotArn", "DBParameterGroupArn"),
    *("DBClusterParameterGroupArn", "DBSubnetGroupArn", "SecurityGroupArn", "ARN", "arn", "TableArn", "FileSystemArn"),
)
# what a source is named by, and what its identity is, in AWS's description of it
SOURCES: Mapping[ResourceKind, str] = {
    "db-instance": "DBInstanceIdentifier",
    "db-cluster": "DBClusterIdentifier",
    "dynamodb-table": "TableName",
    "ebs-volume": "VolumeId",
    "efs-file-system": "FileSystemId",
    "s3-bucket": "Name",
}
RENAMES = frozenset({"NewDBInstanceIdentifier", "NewDBClusterIdentifier"})
