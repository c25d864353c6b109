"""What a difference in a setting of an Aurora cluster or of its writer leads to, and what a restore gives in its place. Pure.

Of a setting that an instance has too this says what puts it right for a cluster, and nothing else. A restored cluster has no
instance: what belongs to its writer is given by CreateDBInstance, or is that operation's default. Each row of RESTORED names the
parameter, or the page of the Amazon RDS API reference, that says it; "unknown" is what none of them says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from drills.model.settings.rules import FAMILIES, RESTORE_ANEW, SETTING_RULES, SettingRule, switch

# what a setting is after a restore that names nothing: as it was, AWS's default, absent, or not said by AWS's documents
After = Literal["kept", "default", "none", "unknown"]
FROM_SNAPSHOT, TO_MOMENT, CREATE = "RestoreDBClusterFromSnapshot", "RestoreDBClusterToPointInTime", "CreateDBInstance"

# a snapshot of a cluster that is not encrypted cannot be copied under a key (API reference, CopyDBClusterSnapshot)
_WITH_KEY = "it cannot be changed afterwards: restore the snapshot again with --kms-key-id"


@dataclass(frozen=True, slots=True)
class Restored:
    """What a setting is after a restore from a snapshot, and after one to a moment; of the writer both times CreateDBInstance.

    `parameter` is that of the restore, or of CreateDBInstance, which gives it; "" where none does, and `source` says why.
    """

    snapshot: After
    moment: After
    parameter: str = ""
    source: str = ""


def _as_an_instance(of: Literal["cluster", "writer"], *names: str) -> dict[str, SettingRule]:
    return {name: dataclasses.replace(SETTING_RULES[name], of=of) for name in names}


def _with(name: str, **changes: str) -> SettingRule:
    """Return the rule of an instance's setting with what differs for a cluster."""
    return dataclasses.replace(SETTING_RULES[name], **{"of": "cluster", **changes})  # type: ignore[arg-type]


CLUSTER_RULES: Mapping[str, SettingRule] = MappingProxyType(
    {
        # of the cluster
        **_as_an_instance(
            "cluster", "security_groups", "pending", "subnet_group", "subnets", "vpc", "engine", "engine_version",
            "storage_type", "backup_retention_days", "backup_window", "maintenance_window", "deletion_protection", "log_exports",
            "iam_authentication", "copy_tags_to_snapshot", "network_type", "database_insights",
            "master_username", "domains", "replica_of", "activity_stream",
        ),
        "parameter_group": _with("parameter_group", option="--db-cluster-parameter-group-name {}"),
        "parameters_applied": _with("parameters_applied", remedy="aws rds reboot-db-instance, of the writer"),
        "port": _with("port", option="--port {}"),
        "engine_lifecycle_support": _with("engine_lifecycle_support", option="--engine-lifecycle-support {}", remedy=""),
        "multi_az": _with(
            "multi_az", option="", off="", remedy="aws rds create-db-instance, of a reader in another availability zone"
        ),
        "encrypted": _with("encrypted", remedy=_WITH_KEY),
        "kms_key": _with("kms_key", remedy=_WITH_KEY),
        "encryption_type": SettingRule("warning", "another kind of key encrypts it, or none", remedy=_WITH_KEY, of="cluster"),
        "availability_zones": SettingRule(
            "information", "its instances can be in other zones", remedy=RESTORE_ANEW, of="cluster"
        ),
        "scaling": SettingRule(
            "error", "it has another capacity, and no instance db.serverless without one",
            "--serverless-v2-scaling-configuration {}", of="cluster",
        ),
        "serverless_platform": SettingRule(
            "information", "it scales on another version of the platform", remedy="none is needed", of="cluster"
        ),
        "scalability": SettingRule("error", "it is a cluster of another kind", remedy=RESTORE_ANEW, of="cluster"),
        "http_endpoint": SettingRule(
            "error", "clients of the RDS Data API are refused, or let in",
            remedy="aws rds enable-http-endpoint --resource-arn ARN, or disable-http-endpoint", of="cluster",
        ),
        "internet_gateway": SettingRule(
            "error", "it is reached from other networks than before",
            remedy="aws rds modify-db-cluster with EnableInternetAccessGateway and EnableVPCNetworking as they were", of="cluster",
        ),
        "local_write_forwarding": dataclasses.replace(
            switch("error", "readers refuse what is written through them", "enable-local-write-forwarding"), of="cluster"
        ),
        "global_write_forwarding": dataclasses.replace(
            switch("error", "a secondary cluster refuses what is written through it", "enable-global-write-forwarding"),
            of="cluster",
        ),
        "global_cluster": SettingRule(
            "error", "it is not part of its global database, whose other regions follow the old cluster",
            remedy="aws rds create-global-cluster --source-db-cluster-identifier ARN, and add the other regions again",
            of="cluster",
        ),
        "custom_endpoints": SettingRule(
            "error", "clients of a custom endpoint are led to the old cluster", remedy="aws rds create-db-cluster-endpoint",
            of="cluster",
        ),
        "readers": SettingRule(
            "error", "queries of the reader endpoint and a failover find other instances",
            remedy="aws rds create-db-instance with --db-cluster-identifier, for each reader", of="cluster",
        ),
        "master_secret": _with(
            "master_secret", consequence="the password that applications fetch is not this cluster's"
        ),
        "proxies": _with("proxies", consequence="RDS Proxy leads to the old cluster"),
        "iam_policies": _with(
            "iam_policies",
            consequence="policies name the resource id of the old cluster, so who logs in by IAM is refused",
        ),
        "associated_roles": _with("associated_roles", remedy="aws rds add-role-to-db-cluster"),
        "read_replicas": _with(
            "read_replicas", consequence="replicas follow the old cluster",
            remedy="aws rds create-db-cluster with --replication-source-identifier",
        ),
        # of its writer
        **_as_an_instance(
            "writer", "instance_class", "auto_minor_version_upgrade", "publicly_accessible", "ca_certificate",
            "availability_zone", "performance_insights", "performance_insights_key", "performance_insights_days",
            "monitoring_seconds", "monitoring_role",
        ),
        "promotion_tier": SettingRule("warning", "another instance becomes the writer when it fails", "--promotion-tier {}",
            of="writer"),
        "writer_parameter_group": _with("parameter_group", of="writer"),
        "writer_maintenance_window": _with("maintenance_window", of="writer"),
    }
)  # fmt: skip
CLUSTER_FAMILIES: Mapping[str, SettingRule] = MappingProxyType(
    {
        **FAMILIES,
        "parameter": dataclasses.replace(
            FAMILIES["parameter"],
            remedy="aws rds modify-db-cluster-parameter-group --db-cluster-parameter-group-name GROUP "
            "--parameters ParameterName={name},ParameterValue={value},ApplyMethod=pending-reboot",
            unset="aws rds reset-db-cluster-parameter-group --db-cluster-parameter-group-name GROUP "
            "--parameters ParameterName={name},ApplyMethod=pending-reboot",
        ),
        "writer_parameter": FAMILIES["parameter"],
        "writer_tag": dataclasses.replace(FAMILIES["tag"], consequence="bills that go by the tag miss its writer"),
    }
)
_NO_PARAMETER = "no restore has a parameter for it"
_NO_INSTANCE = f'{FROM_SNAPSHOT}, "not the DB instances"'
_WHOLE = f'{FROM_SNAPSHOT}, "a default configuration"'
_IDENTITY = "it names the old cluster, and a restored one has another identity"
# a value that is there is a state of the server and not a setting
STATES = frozenset({"pending", "parameters_applied"})
RESTORED: Mapping[str, Restored] = MappingProxyType(
    {
        "security_groups": Restored("default", "default", "VpcSecurityGroupIds"),
        "subnet_group": Restored("unknown", "unknown", "DBSubnetGroupName"),
        "subnets": Restored("unknown", "unknown", "DBSubnetGroupName"),
        "vpc": Restored("unknown", "unknown", "DBSubnetGroupName"),
        "engine": Restored("kept", "kept", "", f"{FROM_SNAPSHOT}, Engine"),
        "engine_version": Restored("default", "kept", "", f"{FROM_SNAPSHOT}, EngineVersion; {TO_MOMENT} has no parameter for it"),
        "storage_type": Restored("default", "default", "StorageType"),
        "backup_retention_days": Restored("kept", "kept", "BackupRetentionPeriod"),
        "backup_window": Restored("default", "default", "PreferredBackupWindow"),
        "maintenance_window": Restored("default", "unknown", "", _WHOLE),
        "deletion_protection": Restored("default", "default", "DeletionProtection"),
        "log_exports": Restored("default", "unknown", "EnableCloudwatchLogsExports", _WHOLE),
        "iam_authentication": Restored("default", "default", "EnableIAMDatabaseAuthentication"),
        "copy_tags_to_snapshot": Restored("default", "default", "CopyTagsToSnapshot"),
        "network_type": Restored("unknown", "unknown", "NetworkType"),
        "encrypted": Restored("kept", "kept", "KmsKeyId"),
        "kms_key": Restored("kept", "kept", "KmsKeyId"),
        "encryption_type": Restored("unknown", "unknown", "KmsKeyId"),
        "database_insights": Restored("default", "unknown", "", _WHOLE),
        "master_username": Restored("kept", "kept", "", _NO_PARAMETER),
        "master_secret": Restored("unknown", "unknown", "", _NO_PARAMETER),
        "domains": Restored("default", "unknown", "Domain", _WHOLE),
        "replica_of": Restored("none", "none", "", _NO_PARAMETER),
        "proxies": Restored("none", "none", "", f"DBProxyTarget: {_IDENTITY}"),
        "iam_policies": Restored("none", "none", "", f'Aurora User Guide, "IAM database authentication": {_IDENTITY}'),
        "activity_stream": Restored("none", "none", "", "StartActivityStream: it is started for the ARN of a cluster"),
        "parameter_group": Restored("default", "default", "DBClusterParameterGroupName"),
        "port": Restored("kept", "default", "Port"),
        "engine_lifecycle_support": Restored("default", "default", "EngineLifecycleSupport"),
        "multi_az": Restored("none", "none", "", _NO_INSTANCE),
        "availability_zones": Restored("unknown", "unknown", "", f"{FROM_SNAPSHOT}, AvailabilityZones"),
        "scaling": Restored("default", "unknown", "ServerlessV2ScalingConfiguration", _WHOLE),
        "serverless_platform": Restored("unknown", "unknown", "", _NO_PARAMETER),
        "scalability": Restored("unknown", "unknown", "", _NO_PARAMETER),
        "http_endpoint": Restored("default", "unknown", "", "EnableHttpEndpoint"),
        "internet_gateway": Restored("unknown", "unknown", "EnableInternetAccessGateway"),
        "local_write_forwarding": Restored("default", "unknown", "", "ModifyDBCluster, EnableLocalWriteForwarding"),
        "global_write_forwarding": Restored("none", "none", "", "ModifyDBCluster, EnableGlobalWriteForwarding"),
        "global_cluster": Restored("none", "none", "", _NO_PARAMETER),
        "custom_endpoints": Restored("none", "none", "", "CreateDBClusterEndpoint: it is made for one cluster"),
        "readers": Restored("none", "none", "", _NO_INSTANCE),
        "associated_roles": Restored("default", "unknown", "AssociatedRoles", _WHOLE),
        "read_replicas": Restored("none", "none", "", f"CreateDBCluster, ReplicationSourceIdentifier: {_IDENTITY}"),
        "instance_class": Restored("none", "none", "DBInstanceClass", f"{CREATE} demands it"),
        "auto_minor_version_upgrade": Restored("default", "default", "AutoMinorVersionUpgrade"),
        "publicly_accessible": Restored("default", "default", "PubliclyAccessible"),
        "ca_certificate": Restored(
            "default", "default", "CACertificateIdentifier",
            'Aurora User Guide, "Using SSL/TLS to encrypt a connection to a DB cluster"',
        ),
        "availability_zone": Restored("default", "default", "AvailabilityZone"),
        "performance_insights": Restored("unknown", "unknown", "EnablePerformanceInsights"),
        "performance_insights_key": Restored("default", "default", "PerformanceInsightsKMSKeyId"),
        "performance_insights_days": Restored("default", "default", "PerformanceInsightsRetentionPeriod"),
        "monitoring_seconds": Restored("default", "default", "MonitoringInterval"),
        "monitoring_role": Restored("default", "default", "MonitoringRoleArn"),
        "promotion_tier": Restored("default", "default", "PromotionTier"),
        "writer_parameter_group": Restored("default", "default", "DBParameterGroupName"),
        "writer_maintenance_window": Restored("default", "default", "PreferredMaintenanceWindow"),
        "parameter": Restored("default", "default", "DBClusterParameterGroupName"),
        "writer_parameter": Restored("default", "default", "DBParameterGroupName"),
        "tag": Restored("unknown", "unknown", "Tags"),
        "writer_tag": Restored("none", "none", "Tags"),
    }
)  # fmt: skip
