"""The configuration that the restored instance must have, and the requests that give it. Pure.

`wanted` is a mapping by the names of RestoreDBInstanceFromDBSnapshot's parameters, together with those that only a later
ModifyDBInstance takes (RDS API reference; KmsKeyId is that of the snapshot and cannot be changed by either). Of a cluster they are
those of RestoreDBClusterFromSnapshot and ModifyDBCluster; its instance has the rest, by those of CreateDBInstance.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from drills.aws.databases.clusters import scaling_from, scaling_text
from drills.aws.databases.kinds import CLUSTER, INSTANCE, Kind
from drills.aws.settings import settings_from
from drills.model.parity import NotVerified

CUTOVER_TAG = "drills:cutover"
OPT_IN_TAG = "drills:cutover-allowed"
# setting (drills/aws/settings.py) → parameter of the restore
_RESTORE_PARAMETERS = {
    "instance_class": "DBInstanceClass",
    "allocated_storage": "AllocatedStorage",
    "storage_type": "StorageType",
    "iops": "Iops",
    "storage_throughput": "StorageThroughput",
    "multi_az": "MultiAZ",
    "publicly_accessible": "PubliclyAccessible",
    "auto_minor_version_upgrade": "AutoMinorVersionUpgrade",
    "iam_authentication": "EnableIAMDatabaseAuthentication",
    "deletion_protection": "DeletionProtection",
    "copy_tags_to_snapshot": "CopyTagsToSnapshot",
    "backup_retention_days": "BackupRetentionPeriod",
    "backup_window": "PreferredBackupWindow",
    "ca_certificate": "CACertificateIdentifier",
    "network_type": "NetworkType",
    "engine_lifecycle_support": "EngineLifecycleSupport",
    "dedicated_log_volume": "DedicatedLogVolume",
    "security_groups": "VpcSecurityGroupIds",
    "log_exports": "EnableCloudwatchLogsExports",
    "parameter_group": "DBParameterGroupName",
    "subnet_group": "DBSubnetGroupName",
    "option_group": "OptionGroupName",
    "port": "Port",
}
# setting → parameter of ModifyDBInstance, for what no restore takes (RDS API reference, the two restore operations)
_MODIFY_PARAMETERS = {
    "maintenance_window": "PreferredMaintenanceWindow",
    "max_allocated_storage": "MaxAllocatedStorage",
    "monitoring_seconds": "MonitoringInterval",
    "monitoring_role": "MonitoringRoleArn",
    "performance_insights": "EnablePerformanceInsights",
    "performance_insights_key": "PerformanceInsightsKMSKeyId",
    "performance_insights_days": "PerformanceInsightsRetentionPeriod",
    "database_insights": "DatabaseInsightsMode",
}
# setting → parameter of RestoreDBClusterFromSnapshot and RestoreDBClusterToPointInTime, and of ModifyDBCluster alone
_CLUSTER_PARAMETERS = {
    "storage_type": "StorageType",
    "iam_authentication": "EnableIAMDatabaseAuthentication",
    "deletion_protection": "DeletionProtection",
    "copy_tags_to_snapshot": "CopyTagsToSnapshot",
    "backup_retention_days": "BackupRetentionPeriod",
    "backup_window": "PreferredBackupWindow",
    "network_type": "NetworkType",
    "engine_lifecycle_support": "EngineLifecycleSupport",
    "security_groups": "VpcSecurityGroupIds",
    "log_exports": "EnableCloudwatchLogsExports",
    "parameter_group": "DBClusterParameterGroupName",
    "subnet_group": "DBSubnetGroupName",
    "port": "Port",
}
_MODIFY_CLUSTER_PARAMETERS = {"maintenance_window": "PreferredMaintenanceWindow"}
# setting → parameter of CreateDBInstance, for an instance of a cluster
_MEMBER_PARAMETERS = {
    "instance_class": "DBInstanceClass",
    "publicly_accessible": "PubliclyAccessible",
    "auto_minor_version_upgrade": "AutoMinorVersionUpgrade",
    "ca_certificate": "CACertificateIdentifier",
    "parameter_group": "DBParameterGroupName",
    **{name: each for name, each in _MODIFY_PARAMETERS.items() if name != "max_allocated_storage"},
}
_SCALING = "ServerlessV2ScalingConfiguration"
_RESTORED_BY: Mapping[str, Mapping[str, str]] = {"instance": _RESTORE_PARAMETERS, "cluster": _CLUSTER_PARAMETERS}
_MODIFIED_BY: Mapping[str, Mapping[str, str]] = {"instance": _MODIFY_PARAMETERS, "cluster": _MODIFY_CLUSTER_PARAMETERS}
# what a follow-up leaves alone: groups are opened later, and the rest cannot be or need not be modified
_NOT_MODIFIED = frozenset({"VpcSecurityGroupIds", "Port", "Tags", "EngineLifecycleSupport", "DBSubnetGroupName"})
_DEFAULT_OPTIONS = "default:"
_TAG = "tag."


def modify_only(kind: Kind) -> frozenset[str]:
    """Return what no restore of this kind takes, and a later modification does."""
    return frozenset(_MODIFIED_BY[kind.name].values())


def configuration_from(settings: Mapping[str, object], kind: Kind = INSTANCE) -> dict[str, Any]:
    """Return the configuration that settings tell; what is absent, or could not be read, is left out."""
    found = _configuration(settings, {**_RESTORED_BY[kind.name], **_MODIFIED_BY[kind.name]})
    scaling = settings.get("scaling")  # of a cluster alone
    return found | ({_SCALING: scaling_from(scaling)} if isinstance(scaling, str) else {})


def cluster_configuration(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of a cluster that is there, with the capacity of Serverless v2."""
    return configuration_from({**settings_from(raw), "scaling": scaling_text(raw)}, CLUSTER)


def member_configuration(settings: Mapping[str, object]) -> dict[str, Any]:
    """Return the parameters of CreateDBInstance that make an instance of a cluster as these settings tell."""
    found = _configuration(settings, _MEMBER_PARAMETERS)
    tags = tags_for(found, "")
    del tags[CUTOVER_TAG]
    return found | {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _configuration(settings: Mapping[str, object], parameters: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        parameter: settings[name]
        for name, parameter in parameters.items()
        if settings.get(name) not in (None, "") and not isinstance(settings[name], NotVerified)
    }
    found["Tags"] = {name.removeprefix(_TAG): str(value) for name, value in settings.items() if name.startswith(_TAG)}
    if str(found.get("OptionGroupName", "")).startswith(_DEFAULT_OPTIONS):
        del found["OptionGroupName"]
    if not found.get("MonitoringInterval"):
        found.pop("MonitoringRoleArn", None)
    return found


def configuration_from_metadata(metadata: Mapping[str, str], kind: Kind = INSTANCE) -> dict[str, Any]:
    """Return the configuration that GetRecoveryPointRestoreMetadata tells: strings, and JSON for lists."""
    known = {parameter.lower(): parameter for parameter in _RESTORED_BY[kind.name].values()}
    found: dict[str, Any] = {}
    for key, text in metadata.items():
        name = known.get(key.lower())
        if name is None or text in ("", "null"):
            continue
        found[name] = _value(text)
    if str(found.get("OptionGroupName", "")).startswith(_DEFAULT_OPTIONS):
        del found["OptionGroupName"]
    return found


def _value(text: str) -> Any:
    """Return a list, a truth value or a number that was written as JSON; anything else is the text itself."""
    if not (text[:1] in "[{" or text in ("true", "false") or text.isdecimal()):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def tags_for(wanted: Mapping[str, Any], cutover_id: str) -> dict[str, str]:
    """Return the tags to restore with: the source's, without AWS's own and the opt-in, and the cut-over's own."""
    kept = {key: str(value) for key, value in dict(wanted.get("Tags") or {}).items()}
    for key in list(kept):
        if key.startswith("aws:") or key in (OPT_IN_TAG, CUTOVER_TAG):
            del kept[key]
    return kept | {CUTOVER_TAG: cutover_id}


def restore_parameters(wanted: Mapping[str, Any], cutover_id: str, group: str, kind: Kind = INSTANCE) -> dict[str, Any]:
    """Return the parameters of a restore, without its name and source; `group` is its only security group."""
    later = modify_only(kind)
    given = {key: value for key, value in wanted.items() if key not in later}
    if given.get("StorageType") not in ("io1", "io2", "gp3"):
        given.pop("Iops", None)
    if given.get("StorageType") != "gp3" or int(given.get("AllocatedStorage") or 0) < 400:
        # below 400 GiB a gp3 volume has its baseline, which cannot be asked for ("gp3 storage", RDS User Guide)
        given.pop("StorageThroughput", None)
        if given.get("StorageType") == "gp3":
            given.pop("Iops", None)
    given["Tags"] = [{"Key": key, "Value": value} for key, value in tags_for(wanted, cutover_id).items()]
    given["VpcSecurityGroupIds"] = [group]
    # one that ends in a state that it never leaves could not be deleted, for it could not be modified either
    given["DeletionProtection"] = False
    return given


def metadata_parameters(wanted: Mapping[str, Any], group: str, kind: Kind = INSTANCE) -> dict[str, str]:
    """Return the same as the metadata of StartRestoreJob, which are strings."""
    given = restore_parameters(wanted, "", group, kind)
    given.pop("Tags")
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in given.items()}


def follow_up(wanted: Mapping[str, Any], raw: Mapping[str, Any], kind: Kind = INSTANCE) -> dict[str, Any]:
    """Return the parameters of ModifyDBInstance or -Cluster that make what was restored (DescribeDBInstances) what is wanted."""
    found = configuration_from(settings_from(raw)) if kind is INSTANCE else cluster_configuration(raw)
    later = modify_only(kind)
    given: dict[str, Any] = {}
    for name, value in wanted.items():
        if name in _NOT_MODIFIED or found.get(name) == value:
            continue
        if name in ("Iops", "StorageThroughput") and name not in restore_parameters(wanted, "", ""):
            continue
        if name in later and not value and not found.get(name):
            continue
        if name == "EnableCloudwatchLogsExports":
            given["CloudwatchLogsExportConfiguration"] = {
                "EnableLogTypes": sorted(set(value) - set(found.get(name, ()))),
                "DisableLogTypes": sorted(set(found.get(name, ())) - set(value)),
            }
        else:
            given[name] = value
    return given
