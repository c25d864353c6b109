"""What a run's evidence keeps of requests and answers about clusters; drills/aws/recorded_fields.py says it of all others."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_TAGS = "TagList(Key Value~)"
_GIVEN = "Tags(Key Value~)"
_CAPACITY = "ServerlessV2ScalingConfiguration(MinCapacity MaxCapacity SecondsUntilAutoPause)"
_CLUSTER = (
    "DBClusterIdentifier DBClusterArn DbClusterResourceId Status Engine EngineVersion EngineMode MasterUsername DatabaseName "
    "Endpoint ReaderEndpoint Port HostedZoneId DBSubnetGroup VpcSecurityGroups(VpcSecurityGroupId Status) DBClusterParameterGroup "
    "DBClusterMembers(DBInstanceIdentifier IsClusterWriter DBClusterParameterGroupStatus PromotionTier) PendingModifiedValues("
    "MasterUserPassword! DBClusterIdentifier EngineVersion BackupRetentionPeriod StorageType IAMDatabaseAuthenticationEnabled) "
    "DeletionProtection BackupRetentionPeriod PreferredBackupWindow EnabledCloudwatchLogsExports ClusterCreateTime "
    "EarliestRestorableTime LatestRestorableTime MultiAZ AvailabilityZones StorageType AllocatedStorage StorageEncrypted "
    f"StorageEncryptionType KmsKeyId IAMDatabaseAuthenticationEnabled CopyTagsToSnapshot NetworkType {_CAPACITY} {_TAGS}"
)
_SNAPSHOT = (
    "DBClusterSnapshotIdentifier DBClusterSnapshotArn DBClusterIdentifier DbClusterResourceId SnapshotType Status "
    "SnapshotCreateTime ClusterCreateTime Engine EngineVersion AllocatedStorage StorageEncrypted StorageEncryptionType KmsKeyId "
    f"SourceDBClusterSnapshotArn PercentProgress StorageType {_TAGS}"
)
_RESTORED = (
    "DBClusterIdentifier DBSubnetGroupName DBClusterParameterGroupName VpcSecurityGroupIds DeletionProtection "
    "BackupRetentionPeriod CopyTagsToSnapshot EnableCloudwatchLogsExports EngineLifecycleSupport EnableIAMDatabaseAuthentication "
    f"{_CAPACITY} TagSpecifications(ResourceType) {_GIVEN}"
)
_GROUP = "DBClusterParameterGroupName DBParameterGroupFamily"

CLUSTER_FIELDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "rds.DescribeDBClusters": ("DBClusterIdentifier", f"DBClusters({_CLUSTER}) Marker"),
        "rds.DescribeDBClusterSnapshots": (
            "DBClusterIdentifier DBClusterSnapshotIdentifier SnapshotType",
            f"DBClusterSnapshots({_SNAPSHOT}) Marker",
        ),
        "rds.DescribeDBClusterAutomatedBackups": (
            "DbClusterResourceId DBClusterIdentifier",
            "DBClusterAutomatedBackups(DBClusterArn DbClusterResourceId Region DBClusterIdentifier RestoreWindow(EarliestTime "
            "LatestTime) AllocatedStorage Status ClusterCreateTime Engine EngineVersion StorageEncrypted KmsKeyId "
            "BackupRetentionPeriod DBClusterAutomatedBackupsArn) Marker",
        ),
        "rds.DescribeDBClusterParameterGroups": (
            "DBClusterParameterGroupName",
            f"DBClusterParameterGroups({_GROUP} DBClusterParameterGroupArn) Marker",
        ),
        "rds.DescribeDBClusterParameters": (
            "DBClusterParameterGroupName Source",
            "Parameters(ParameterName ParameterValue~ Source ApplyType ApplyMethod) Marker",
        ),
        "rds.RestoreDBClusterFromSnapshot": (
            f"SnapshotIdentifier Engine EngineVersion {_RESTORED}",
            f"DBCluster({_CLUSTER})",
        ),
        "rds.RestoreDBClusterToPointInTime": (
            f"SourceDBClusterIdentifier SourceDbClusterResourceId RestoreToTime UseLatestRestorableTime {_RESTORED}",
            f"DBCluster({_CLUSTER})",
        ),
        "rds.CopyDBClusterSnapshot": (
            f"SourceDBClusterSnapshotIdentifier TargetDBClusterSnapshotIdentifier KmsKeyId CopyTags SourceRegion {_GIVEN}",
            f"DBClusterSnapshot({_SNAPSHOT})",
        ),
        "rds.CreateDBCluster": (
            "DBClusterIdentifier Engine EngineVersion MasterUsername DBSubnetGroupName VpcSecurityGroupIds BackupRetentionPeriod "
            f"StorageEncrypted KmsKeyId {_CAPACITY}",
            f"DBCluster({_CLUSTER})",
        ),
        "rds.CreateDBClusterParameterGroup": (
            f"{_GROUP} {_GIVEN}",
            f"DBClusterParameterGroup({_GROUP} DBClusterParameterGroupArn)",
        ),
        "rds.ModifyDBClusterParameterGroup": (
            "DBClusterParameterGroupName Parameters(ParameterName ParameterValue~ ApplyMethod)",
            "DBClusterParameterGroupName",
        ),
        "rds.ModifyDBCluster": (
            "DBClusterIdentifier NewDBClusterIdentifier ApplyImmediately VpcSecurityGroupIds DBClusterParameterGroupName "
            "BackupRetentionPeriod DeletionProtection CloudwatchLogsExportConfiguration(EnableLogTypes DisableLogTypes)",
            f"DBCluster({_CLUSTER})",
        ),
        "rds.DeleteDBCluster": (
            "DBClusterIdentifier SkipFinalSnapshot DeleteAutomatedBackups FinalDBSnapshotIdentifier",
            f"DBCluster({_CLUSTER})",
        ),
        "rds.DeleteDBClusterSnapshot": ("DBClusterSnapshotIdentifier", f"DBClusterSnapshot({_SNAPSHOT})"),
        "rds.DeleteDBClusterParameterGroup": ("DBClusterParameterGroupName", ""),
    }
)
