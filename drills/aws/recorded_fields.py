"""The fields of AWS's requests and answers that a run's evidence keeps: an allow-list, by operation, as data.

What is not named here is left out and counted. Never here: passwords, the values of secrets, tokens, the environment of
tasks, user data, addresses that are signed for download, free descriptions.

`A B(C D)` keeps the members A and B, and of B, or of each member of the list B, C and D. A name without parentheses keeps
a scalar or a list of scalars; `A(*)` all that is below it, for policy documents; `A~` a digest in the place of the value,
so that equal ones can still be told, for values of tags, which may hold names of people; `A!` only that it is set.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from drills.aws.databases.recorded_fields import CLUSTER_FIELDS

_TAGS = "(Key Value~)"
_INSTANCE = (
    "DBInstanceIdentifier DBInstanceArn DbiResourceId DBInstanceStatus DBInstanceClass Engine EngineVersion MasterUsername "
    "Endpoint(Address Port HostedZoneId) DBSubnetGroup(DBSubnetGroupName VpcId Subnets(SubnetIdentifier SubnetStatus "
    "SubnetAvailabilityZone(Name))) VpcSecurityGroups(VpcSecurityGroupId Status) DBParameterGroups(DBParameterGroupName "
    "ParameterApplyStatus) OptionGroupMemberships(OptionGroupName Status) PendingModifiedValues(DBInstanceClass "
    "AllocatedStorage MasterUserPassword! Port BackupRetentionPeriod MultiAZ EngineVersion StorageType "
    "DBInstanceIdentifier) PubliclyAccessible DeletionProtection BackupRetentionPeriod PreferredBackupWindow "
    "EnabledCloudwatchLogsExports DBClusterIdentifier InstanceCreateTime LatestRestorableTime MultiAZ AvailabilityZone "
    f"StorageType AllocatedStorage StorageEncrypted StorageEncryptionType KmsKeyId StorageOperationStatus TagList{_TAGS} "
    "IAMDatabaseAuthenticationEnabled CACertificateIdentifier BackupTarget NetworkType "
    "ReadReplicaSourceDBInstanceIdentifier ReadReplicaDBInstanceIdentifiers StatusInfos(StatusType Normal Status)"
)
_SNAPSHOT = (
    "DBSnapshotIdentifier DBSnapshotArn DBInstanceIdentifier DbiResourceId SnapshotType Status SnapshotCreateTime "
    "OriginalSnapshotCreateTime SnapshotDatabaseTime InstanceCreateTime Engine EngineVersion AllocatedStorage Encrypted "
    "StorageEncryptionType KmsKeyId SourceRegion SourceDBSnapshotIdentifier PercentProgress SnapshotTarget StorageType "
    "FullSnapshotSizeInBytes "
    f"TagList{_TAGS}"
)
_POINT = (
    "RecoveryPointArn BackupVaultName BackupVaultArn SourceBackupVaultArn ResourceArn ResourceType Status CreationDate "
    "InitiationDate CompletionDate CalculatedLifecycle(DeleteAt MoveToColdStorageAt) Lifecycle(DeleteAfterDays "
    "MoveToColdStorageAfterDays) IsEncrypted EncryptionKeyArn EncryptionKeyType BackupSizeInBytes IsParent "
    "ParentRecoveryPointArn CompositeMemberIdentifier VaultType IamRoleArn CreatedBy(BackupPlanId BackupPlanArn "
    "BackupPlanName BackupPlanVersion BackupRuleId BackupRuleName BackupRuleCron BackupRuleTimezone) LastRestoreTime "
    "IndexStatus"
)
_JOB = (
    "AccountId BackupJobId BackupVaultName BackupVaultArn RecoveryPointArn ResourceArn ResourceType State StatusMessage "
    "CreationDate CompletionDate InitiationDate StartBy ExpectedCompletionDate PercentDone BackupSizeInBytes IamRoleArn "
    "ParentJobId IsParent MessageCategory IsEncrypted EncryptionKeyArn VaultType VaultLockState "
    "CreatedBy(BackupPlanId BackupPlanArn "
    "BackupPlanName BackupPlanVersion BackupRuleId BackupRuleName BackupRuleCron BackupRuleTimezone) RecoveryPointLifecycle("
    "DeleteAfterDays MoveToColdStorageAfterDays)"
)
_COPY_JOB = (
    "AccountId CopyJobId SourceBackupVaultArn SourceRecoveryPointArn DestinationBackupVaultArn "
    "DestinationRecoveryPointArn ResourceArn ResourceType State StatusMessage CreationDate CompletionDate "
    "BackupSizeInBytes IamRoleArn ParentJobId IsParent CreatedBy(BackupPlanId BackupPlanArn BackupPlanVersion "
    "BackupRuleId BackupRuleName)"
)
_RESTORE_JOB = (
    "AccountId RestoreJobId RecoveryPointArn SourceResourceArn BackupVaultArn CreationDate CompletionDate Status "
    "StatusMessage PercentDone BackupSizeInBytes IamRoleArn ResourceType CreatedResourceArn RecoveryPointCreationDate "
    "CreatedBy(RestoreTestingPlanArn) ValidationStatus ValidationStatusMessage DeletionStatus DeletionStatusMessage "
    "IsParent ParentJobId"
)
_LIFECYCLE = "Lifecycle(DeleteAfterDays MoveToColdStorageAfterDays OptInToArchiveForSupportedResources)"
_RULE_OF_PLAN = (
    "RuleName TargetBackupVaultName TargetLogicallyAirGappedBackupVaultArn ScheduleExpression "
    f"ScheduleExpressionTimezone StartWindowMinutes CompletionWindowMinutes {_LIFECYCLE} EnableContinuousBackup "
    f"CopyActions(DestinationBackupVaultArn {_LIFECYCLE}) ScanActions(*)"
)
_CONDITION = "(ConditionKey ConditionValue~)"
_SELECTION = (
    "SelectionName IamRoleArn Resources NotResources ListOfTags(ConditionType ConditionKey ConditionValue~) "
    f"Conditions(StringEquals{_CONDITION} StringNotEquals{_CONDITION} StringLike{_CONDITION} StringNotLike{_CONDITION})"
)
_RULE = (
    "(IpProtocol FromPort ToPort IpRanges(CidrIp) Ipv6Ranges(CidrIpv6) UserIdGroupPairs(GroupId UserId) "
    "PrefixListIds(PrefixListId))"
)
_GROUP = f"GroupId GroupName VpcId OwnerId IpPermissions{_RULE} IpPermissionsEgress{_RULE} Tags{_TAGS}"
_SUBNETS = (
    "DBSubnetGroupName DBSubnetGroupArn VpcId SubnetGroupStatus Subnets(SubnetIdentifier SubnetStatus "
    "SubnetAvailabilityZone(Name))"
)
_SERVICE = (
    "serviceArn serviceName clusterArn status desiredCount runningCount pendingCount taskDefinition deployments(id status "
    "taskDefinition desiredCount runningCount pendingCount failedTasks rolloutState createdAt updatedAt)"
)
_RESTORED = (
    "DBInstanceClass DBSubnetGroupName VpcSecurityGroupIds DBParameterGroupName PubliclyAccessible "
    "DeletionProtection MultiAZ BackupRetentionPeriod CopyTagsToSnapshot EnableCloudwatchLogsExports "
    f"EngineLifecycleSupport EnableIAMDatabaseAuthentication AutoMinorVersionUpgrade TagSpecifications(ResourceType) Tags{_TAGS}"
)
_TABLE = (
    "TableName TableArn TableId TableStatus CreationDateTime ItemCount TableSizeBytes "
    "RestoreSummary(SourceBackupArn SourceTableArn RestoreDateTime RestoreInProgress)"
)
_VOLUME = (
    "VolumeId SnapshotId Size VolumeType Iops Throughput Encrypted KmsKeyId AvailabilityZone State CreateTime MultiAttachEnabled "
    f"Tags{_TAGS}"
)
_FILE_SYSTEM = (
    "FileSystemId FileSystemArn CreationToken CreationTime LifeCycleState NumberOfMountTargets SizeInBytes(Value Timestamp) "
    f"PerformanceMode ThroughputMode ProvisionedThroughputInMibps Encrypted KmsKeyId AvailabilityZoneName Tags{_TAGS}"
)
_NEXT = "NextToken Marker nextToken"

# by service and operation: the members of the request, and those of the answer
FIELDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "sts.GetCallerIdentity": ("", "Account Arn UserId"),
        # what is there
        "rds.DescribeDBInstances": ("DBInstanceIdentifier", f"DBInstances({_INSTANCE}) {_NEXT}"),
        "rds.DescribeDBSnapshots": (
            "DBInstanceIdentifier DBSnapshotIdentifier SnapshotType",
            f"DBSnapshots({_SNAPSHOT}) {_NEXT}",
        ),
        "rds.DescribeDBInstanceAutomatedBackups": (
            "DbiResourceId DBInstanceIdentifier",
            "DBInstanceAutomatedBackups(DBInstanceArn DbiResourceId Region DBInstanceIdentifier RestoreWindow("
            "EarliestTime LatestTime) AllocatedStorage Status InstanceCreateTime Engine EngineVersion Encrypted KmsKeyId "
            f"BackupRetentionPeriod DBInstanceAutomatedBackupsArn BackupTarget) {_NEXT}",
        ),
        "rds.DescribeDBEngineVersions": (
            "Engine EngineVersion IncludeAll",
            f"DBEngineVersions(Engine EngineVersion Status DBParameterGroupFamily) {_NEXT}",
        ),
        "rds.DescribeDBMajorEngineVersions": (
            "Engine MajorEngineVersion",
            "DBMajorEngineVersions(Engine MajorEngineVersion SupportedEngineLifecycles(LifecycleSupportName "
            f"LifecycleSupportStartDate LifecycleSupportEndDate)) {_NEXT}",
        ),
        "rds.DescribeDBSubnetGroups": ("DBSubnetGroupName", f"DBSubnetGroups({_SUBNETS}) {_NEXT}"),
        "rds.DescribeDBParameterGroups": (
            "DBParameterGroupName",
            f"DBParameterGroups(DBParameterGroupName DBParameterGroupFamily DBParameterGroupArn) {_NEXT}",
        ),
        "rds.DescribeDBParameters": (
            "DBParameterGroupName Source",
            f"Parameters(ParameterName ParameterValue~ Source ApplyType ApplyMethod) {_NEXT}",
        ),
        "rds.DescribeAccountAttributes": ("", "AccountQuotas(AccountQuotaName Used Max)"),
        "rds.DescribeDBProxies": ("", f"DBProxies(DBProxyName DBProxyArn Status) {_NEXT}"),
        "rds.DescribeDBProxyTargets": ("DBProxyName", f"Targets(RdsResourceId Type) {_NEXT}"),
        "rds.ListTagsForResource": ("ResourceName", f"TagList{_TAGS}"),
        "backup.ListRecoveryPointsByBackupVault": (
            "BackupVaultName ByResourceType ByResourceArn ByCreatedAfter ByCreatedBefore",
            f"RecoveryPoints({_POINT} AggregatedScanResult(*)) {_NEXT}",
        ),
        "backup.DescribeRecoveryPoint": ("BackupVaultName RecoveryPointArn", f"{_POINT} ScanResults(*)"),
        "backup.GetRecoveryPointRestoreMetadata": ("BackupVaultName RecoveryPointArn", "RecoveryPointArn ResourceType"),
        "backup.ListBackupPlans": (
            "",
            "BackupPlansList(BackupPlanId BackupPlanArn BackupPlanName VersionId CreationDate LastExecutionDate) "
            + _NEXT,
        ),
        "backup.GetBackupPlan": (
            "BackupPlanId",
            f"BackupPlan(BackupPlanName Rules(RuleId {_RULE_OF_PLAN})) BackupPlanId BackupPlanArn VersionId CreationDate "
            "LastExecutionDate",
        ),
        "backup.ListBackupSelections": (
            "BackupPlanId",
            f"BackupSelectionsList(SelectionId SelectionName BackupPlanId CreationDate IamRoleArn) {_NEXT}",
        ),
        "backup.GetBackupSelection": (
            "BackupPlanId SelectionId",
            f"BackupSelection({_SELECTION}) SelectionId BackupPlanId CreationDate",
        ),
        "backup.ListBackupJobs": (
            "ByResourceArn ByBackupVaultName ByCreatedAfter ByCreatedBefore ByState",
            f"BackupJobs({_JOB}) {_NEXT}",
        ),
        "backup.ListCopyJobs": ("ByResourceArn ByCreatedAfter ByState", f"CopyJobs({_COPY_JOB}) {_NEXT}"),
        "backup.DescribeBackupJob": ("BackupJobId", _JOB),
        "backup.DescribeCopyJob": ("CopyJobId", f"CopyJob({_COPY_JOB})"),
        "backup.DescribeRestoreJob": ("RestoreJobId", _RESTORE_JOB),
        "backup.StartRestoreJob": (
            "RecoveryPointArn IamRoleArn IdempotencyToken Metadata(targetTableName encryptionType availabilityZone volumeType "
            "volumeSize iops throughput encrypted file-system-id Encrypted PerformanceMode CreationToken newFileSystem "
            "DestinationBucketName EncryptionType RestoreACLs)",
            "RestoreJobId",
        ),
        "ec2.DescribeVolumes": ("VolumeIds", f"Volumes({_VOLUME}) {_NEXT}"),
        "ec2.DescribeSnapshots": (
            "SnapshotIds",
            f"Snapshots(SnapshotId VolumeId VolumeSize State StartTime Encrypted) {_NEXT}",
        ),
        "ec2.DeleteVolume": ("VolumeId", ""),
        "efs.DescribeFileSystems": ("CreationToken FileSystemId", f"FileSystems({_FILE_SYSTEM}) Marker NextMarker"),
        "efs.DescribeFileSystemPolicy": ("FileSystemId", "FileSystemId"),  # a policy names accounts and roles
        "efs.DescribeLifecycleConfiguration": (
            "FileSystemId",
            "LifecyclePolicies(TransitionToIA TransitionToPrimaryStorageClass TransitionToArchive)",
        ),
        "efs.DescribeBackupPolicy": ("FileSystemId", "BackupPolicy(Status)"),
        "efs.DescribeAccessPoints": ("FileSystemId", "AccessPoints(AccessPointId Name RootDirectory(Path)) NextToken"),
        "efs.DescribeMountTargets": (
            "FileSystemId",
            "MountTargets(MountTargetId SubnetId AvailabilityZoneName LifeCycleState) Marker NextMarker",
        ),
        "efs.DeleteFileSystem": ("FileSystemId", ""),
        # of a bucket what it is: no key of an object, and no policy, which names accounts and roles
        "s3.CreateBucket": (
            f"Bucket ObjectOwnership CreateBucketConfiguration(LocationConstraint Tags{_TAGS})",
            "Location BucketArn",
        ),
        "s3.GetBucketTagging": ("Bucket", f"TagSet{_TAGS}"),
        "s3.GetBucketVersioning": ("Bucket", "Status MFADelete"),
        "s3.GetPublicAccessBlock": (
            "Bucket",
            "PublicAccessBlockConfiguration(BlockPublicAcls IgnorePublicAcls BlockPublicPolicy RestrictPublicBuckets)",
        ),
        "s3.GetBucketOwnershipControls": ("Bucket", "OwnershipControls(Rules(ObjectOwnership))"),
        "s3.PutBucketVersioning": ("Bucket VersioningConfiguration(Status)", ""),
        "s3.ListObjectsV2": ("Bucket MaxKeys", "KeyCount IsTruncated"),
        "s3.ListObjectVersions": ("Bucket", "IsTruncated"),
        "s3.DeleteObjects": ("Bucket", ""),
        "s3.DeleteBucket": ("Bucket", ""),
        # of a table what it is, and how much was read: no key and no value of an item, in no page's token either
        "dynamodb.DescribeTable": ("TableName", f"Table({_TABLE})"),
        "dynamodb.DeleteTable": ("TableName", f"TableDescription({_TABLE})"),
        "dynamodb.TagResource": (f"ResourceArn Tags{_TAGS}", ""),
        "dynamodb.ListTagsOfResource": ("ResourceArn", f"Tags{_TAGS} {_NEXT}"),
        "dynamodb.Scan": (
            "TableName Segment TotalSegments ConsistentRead Limit",
            "Count ScannedCount ConsumedCapacity(TableName CapacityUnits)",
        ),
        "backup.ListRestoreJobs": (
            "ByRestoreTestingPlanArn ByStatus ByCreatedAfter",
            f"RestoreJobs({_RESTORE_JOB}) {_NEXT}",
        ),
        "backup.DescribeBackupVault": (
            "BackupVaultName",
            "BackupVaultName BackupVaultArn VaultType VaultState EncryptionKeyArn EncryptionKeyType CreationDate "
            "NumberOfRecoveryPoints Locked MinRetentionDays MaxRetentionDays LockDate SourceBackupVaultArn",
        ),
        "backup.GetBackupVaultAccessPolicy": ("BackupVaultName", "BackupVaultName BackupVaultArn Policy"),
        "kms.DescribeKey": (
            "KeyId",
            "KeyMetadata(AWSAccountId KeyId Arn CreationDate Enabled KeyUsage KeyState DeletionDate Origin KeyManager "
            "KeySpec MultiRegion ValidTo)",
        ),
        "kms.GetKeyPolicy": ("KeyId PolicyName", "Policy PolicyName"),
        "iam.GetRole": ("RoleName", "Role(RoleName RoleId Arn CreateDate AssumeRolePolicyDocument(*))"),
        "ec2.DescribeSecurityGroups": ("GroupIds", f"SecurityGroups({_GROUP}) {_NEXT}"),
        "ec2.DescribeVpcs": ("VpcIds", f"Vpcs(VpcId CidrBlock IsDefault State) {_NEXT}"),
        "ec2.DescribeSubnets": ("SubnetIds", f"Subnets(SubnetId VpcId CidrBlock AvailabilityZone State) {_NEXT}"),
        "pricing.GetProducts": (
            "ServiceCode FormatVersion Filters(Type Field Value) NextToken",
            f"FormatVersion PriceList {_NEXT}",
        ),
        "logs.DescribeLogGroups": (
            "logGroupNamePrefix",
            f"logGroups(logGroupName arn creationTime retentionInDays) {_NEXT}",
        ),
        "secretsmanager.DescribeSecret": ("SecretId", "ARN Name KmsKeyId RotationEnabled LastChangedDate"),
        "secretsmanager.GetSecretValue": ("SecretId", "ARN Name VersionId CreatedDate"),
        # what a drill does
        "rds.RestoreDBInstanceFromDBSnapshot": (
            f"DBInstanceIdentifier DBSnapshotIdentifier {_RESTORED}",
            f"DBInstance({_INSTANCE})",
        ),
        "rds.RestoreDBInstanceToPointInTime": (
            "SourceDBInstanceIdentifier SourceDbiResourceId SourceDBInstanceAutomatedBackupsArn RestoreTime "
            f"UseLatestRestorableTime TargetDBInstanceIdentifier {_RESTORED}",
            f"DBInstance({_INSTANCE})",
        ),
        "rds.CopyDBSnapshot": (
            f"SourceDBSnapshotIdentifier TargetDBSnapshotIdentifier KmsKeyId CopyTags SourceRegion Tags{_TAGS}",
            f"DBSnapshot({_SNAPSHOT})",
        ),
        "rds.CreateDBParameterGroup": (
            f"DBParameterGroupName DBParameterGroupFamily Tags{_TAGS}",
            "DBParameterGroup(DBParameterGroupName DBParameterGroupFamily DBParameterGroupArn)",
        ),
        "rds.ModifyDBParameterGroup": (
            "DBParameterGroupName Parameters(ParameterName ParameterValue~ ApplyMethod)",
            "DBParameterGroupName",
        ),
        "rds.CreateDBSubnetGroup": (f"DBSubnetGroupName SubnetIds Tags{_TAGS}", f"DBSubnetGroup({_SUBNETS})"),
        "rds.ModifyDBInstance": (
            "DBInstanceIdentifier NewDBInstanceIdentifier ApplyImmediately VpcSecurityGroupIds DBParameterGroupName "
            "BackupRetentionPeriod DeletionProtection DBInstanceClass CloudwatchLogsExportConfiguration(EnableLogTypes "
            "DisableLogTypes) ManageMasterUserPassword MultiAZ",
            f"DBInstance({_INSTANCE})",
        ),
        "rds.DeleteDBInstance": (
            "DBInstanceIdentifier SkipFinalSnapshot DeleteAutomatedBackups FinalDBSnapshotIdentifier",
            f"DBInstance({_INSTANCE})",
        ),
        "rds.DeleteDBSnapshot": ("DBSnapshotIdentifier", f"DBSnapshot({_SNAPSHOT})"),
        "rds.DeleteDBParameterGroup": ("DBParameterGroupName", ""),
        "rds.DeleteDBSubnetGroup": ("DBSubnetGroupName", ""),
        "rds.AddTagsToResource": (f"ResourceName Tags{_TAGS}", ""),
        "rds.RemoveTagsFromResource": ("ResourceName TagKeys", ""),
        "rds.CreateDBInstance": (
            "DBInstanceIdentifier DBClusterIdentifier DBInstanceClass Engine EngineVersion AllocatedStorage MasterUsername "
            "DBSubnetGroupName VpcSecurityGroupIds BackupRetentionPeriod PubliclyAccessible StorageEncrypted KmsKeyId "
            f"AutoMinorVersionUpgrade Tags{_TAGS}",
            f"DBInstance({_INSTANCE})",
        ),
        "ec2.CreateSecurityGroup": ("GroupName VpcId", "GroupId"),
        "ec2.DeleteSecurityGroup": ("GroupId", "Return GroupId"),
        "ec2.AuthorizeSecurityGroupIngress": (f"GroupId IpPermissions{_RULE}", "Return"),
        "ec2.RevokeSecurityGroupEgress": (f"GroupId IpPermissions{_RULE}", "Return"),
        "ec2.CreateTags": (f"Resources Tags{_TAGS}", ""),
        "secretsmanager.CreateSecret": ("Name", "ARN Name VersionId"),
        "secretsmanager.DeleteSecret": ("SecretId ForceDeleteWithoutRecovery", "ARN Name DeletionDate"),
        "secretsmanager.TagResource": (f"SecretId Tags{_TAGS}", ""),
        "logs.DeleteLogGroup": ("logGroupName", ""),
        "backup.StartBackupJob": (
            f"BackupVaultName ResourceArn IamRoleArn {_LIFECYCLE} StartWindowMinutes CompleteWindowMinutes",
            "BackupJobId RecoveryPointArn CreationDate IsParent",
        ),
        "backup.StartCopyJob": (
            "RecoveryPointArn SourceBackupVaultName DestinationBackupVaultArn IamRoleArn",
            "CopyJobId CreationDate IsParent",
        ),
        "backup.PutRestoreValidationResult": ("RestoreJobId ValidationStatus", ""),
        "backup.CreateBackupVault": ("BackupVaultName EncryptionKeyArn", "BackupVaultName BackupVaultArn CreationDate"),
        "backup.PutBackupVaultAccessPolicy": ("BackupVaultName Policy", ""),
        "backup.CreateBackupPlan": (
            f"BackupPlan(BackupPlanName Rules({_RULE_OF_PLAN}))",
            "BackupPlanId BackupPlanArn VersionId CreationDate",
        ),
        "backup.CreateBackupSelection": (
            f"BackupPlanId BackupSelection({_SELECTION})",
            "SelectionId BackupPlanId CreationDate",
        ),
        "ecs.DescribeServices": ("cluster services", f"services({_SERVICE})"),
        "ecs.UpdateService": ("cluster service desiredCount taskDefinition forceNewDeployment", f"service({_SERVICE})"),
        "ecs.ListTasks": ("cluster serviceName desiredStatus", f"taskArns {_NEXT}"),
        "ecs.DescribeTasks": (
            "cluster tasks",
            "tasks(taskArn taskDefinitionArn lastStatus desiredStatus healthStatus startedAt stoppedAt stopCode)",
        ),
        "application-autoscaling.DescribeScalableTargets": (
            "ServiceNamespace ResourceIds ScalableDimension",
            f"ScalableTargets(ResourceId MinCapacity MaxCapacity SuspendedState(*)) {_NEXT}",
        ),
        "application-autoscaling.RegisterScalableTarget": (
            "ServiceNamespace ResourceId ScalableDimension MinCapacity MaxCapacity SuspendedState(*)",
            "",
        ),
    }
    | dict(CLUSTER_FIELDS)
)
