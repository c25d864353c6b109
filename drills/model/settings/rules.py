"""What a difference in a setting of an instance leads to, and what puts it right. Pure.

What a restore resets and what it cannot even be given follows RestoreDBInstanceFromDBSnapshot and ModifyDBInstance in the
Amazon RDS API reference; the settings of clusters are in drills/model/settings/clusters.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from drills.model.finding import Severity


@dataclass(frozen=True, slots=True)
class SettingRule:
    """The rule for one setting: severity and consequence of a difference, and the option of `modify-db-…` that fixes it.

    `option` holds {} in place of the value; `off` is the option for False. Where `option` is "", `remedy` is the
    command. `unset` is the remedy where the setting had no value before. `of` says what is modified: an instance, a cluster, or
    the instance that is a cluster's writer.
    """

    severity: Severity
    consequence: str
    option: str = ""
    off: str = ""
    remedy: str = ""
    unset: str = ""
    of: Literal["instance", "cluster", "writer"] = "instance"


def switch(severity: Severity, consequence: str, option: str) -> SettingRule:
    """Return the rule for a setting that is on or off."""
    return SettingRule(severity, consequence, f"--{option}", f"--no-{option}")


NEW_COPY = "it cannot be changed afterwards: copy the snapshot under that key, and restore the copy"
RESTORE_ANEW = "it cannot be changed afterwards: restore again with it"
SETTING_RULES: Mapping[str, SettingRule] = {
    # a restore resets these unless they are given
    "security_groups": SettingRule(
        "error", "applications cannot connect, or others can", "--vpc-security-group-ids {}"
    ),
    "parameter_group": SettingRule("error", "the server runs with other settings", "--db-parameter-group-name {}"),
    "parameters_applied": SettingRule(
        "error", "the running server does not have its group's values", remedy="aws rds reboot-db-instance"
    ),
    "pending": SettingRule("error", "changes that were asked for are not carried out", "", remedy="wait, or --apply-immediately"),
    "option_group": SettingRule("error", "options of the engine are missing", "--option-group-name {}"),
    "multi_az": switch("error", "no standby takes over when the zone fails", "multi-az"),
    "subnet_group": SettingRule("error", "it lies in other subnets", "--db-subnet-group-name {}"),
    "subnets": SettingRule("error", "it lies in other subnets", remedy="aws rds modify-db-subnet-group"),
    "vpc": SettingRule("error", "it lies in another network", remedy=RESTORE_ANEW),
    "instance_class": SettingRule("error", "it has another size, and no time measured on it counts", "--db-instance-class {}"),
    "port": SettingRule("error", "clients look for it elsewhere", "--db-port-number {}"),
    "engine": SettingRule("error", "it is another engine", remedy=RESTORE_ANEW),
    "engine_version": SettingRule("error", "it is another version", "--engine-version {}"),
    "engine_lifecycle_support": SettingRule("warning", "extended support is charged for, or refused", remedy=RESTORE_ANEW),
    "license_model": SettingRule("warning", "it is licensed otherwise", "--license-model {}"),
    "storage_type": SettingRule("error", "reads and writes are slower or dearer", "--storage-type {}"),
    "iops": SettingRule("error", "reads and writes are slower or dearer", "--iops {}"),
    "storage_throughput": SettingRule("error", "reads and writes are slower or dearer", "--storage-throughput {}"),
    "allocated_storage": SettingRule("warning", "it has another amount of storage", "--allocated-storage {}"),
    "dedicated_log_volume": switch("warning", "the write-ahead log shares its volume", "dedicated-log-volume"),
    "backup_retention_days": SettingRule(
        "error", "point-in-time recovery reaches less far or not at all", "--backup-retention-period {}"
    ),
    "backup_window": SettingRule("warning", "backups run at another hour", "--preferred-backup-window {}"),
    "backup_target": SettingRule("warning", "automated backups lie elsewhere", remedy=RESTORE_ANEW),
    "deletion_protection": switch("error", "anybody with the right can delete it", "deletion-protection"),
    "log_exports": SettingRule(
        "error", "the logs are not kept", "--cloudwatch-logs-export-configuration {}"
    ),
    "iam_authentication": switch(
        "error", "who logs in by IAM is refused", "enable-iam-database-authentication"
    ),
    "copy_tags_to_snapshot": switch("warning", "its snapshots lack the tags", "copy-tags-to-snapshot"),
    "auto_minor_version_upgrade": switch(
        "warning", "minor versions come by themselves, or no longer", "auto-minor-version-upgrade"
    ),
    "publicly_accessible": switch("error", "it is reached from other networks than before", "publicly-accessible"),
    "network_type": SettingRule("error", "clients of the other address family cannot connect", "--network-type {}"),
    "ca_certificate": SettingRule("error", "clients that verify its certificate refuse it", "--ca-certificate-identifier {}"),
    "availability_zone": SettingRule("information", "it lies in another zone", remedy="none is needed"),
    # a restore cannot be given these
    "encrypted": SettingRule("error", "its data lie on the disk in another way", remedy=NEW_COPY),
    "kms_key": SettingRule("error", "another key decides who can restore it", remedy=NEW_COPY),
    "performance_insights": switch("warning", "nobody sees what the server waits for", "enable-performance-insights"),
    "performance_insights_key": SettingRule(
        "warning", "others can read its performance data", "--performance-insights-kms-key-id {}"
    ),
    "performance_insights_days": SettingRule(
        "warning", "its performance data is kept for another time", "--performance-insights-retention-period {}"
    ),
    "database_insights": SettingRule("warning", "its performance data is another", "--database-insights-mode {}"),
    "monitoring_seconds": SettingRule("warning", "enhanced monitoring is off or coarser", "--monitoring-interval {}"),
    "monitoring_role": SettingRule("warning", "enhanced monitoring cannot write", "--monitoring-role-arn {}"),
    "maintenance_window": SettingRule("warning", "maintenance comes at another hour", "--preferred-maintenance-window {}"),
    "max_allocated_storage": SettingRule("warning", "storage no longer grows by itself", "--max-allocated-storage {}"),
    "master_username": SettingRule("error", "the owner of the database is another role", remedy=RESTORE_ANEW),
    "master_secret": switch(
        "error", "the password that applications fetch is not this instance's", "manage-master-user-password"
    ),
    "domains": SettingRule("error", "who logs in by Kerberos is refused", "--domain {}"),
    # what hangs on the identity of the old one
    "associated_roles": SettingRule(
        "error", "imports and exports through the role fail", remedy="aws rds add-role-to-db-instance"
    ),
    "read_replicas": SettingRule("error", "replicas follow the old instance", remedy="aws rds create-db-instance-read-replica"),
    "replica_of": SettingRule("error", "one is a replica, the other is not", remedy=RESTORE_ANEW),
    "proxies": SettingRule("error", "RDS Proxy leads to the old instance", remedy="aws rds register-db-proxy-targets"),
    "iam_policies": SettingRule(
        "error",
        "policies name the resource id of the old instance, so who logs in by IAM is refused",
        remedy="aws iam create-policy-version with the new resource id",
    ),
    "activity_stream": SettingRule("warning", "the audit stream stands still", remedy="aws rds start-activity-stream"),
}  # fmt: skip
# {name} and {value} stand in the remedies of families
FAMILIES: Mapping[str, SettingRule] = {
    "parameter": SettingRule(
        "error",
        "the server runs with another value",
        remedy="aws rds modify-db-parameter-group --db-parameter-group-name GROUP "
        "--parameters ParameterName={name},ParameterValue={value},ApplyMethod=pending-reboot",
        unset="aws rds reset-db-parameter-group --db-parameter-group-name GROUP "
        "--parameters ParameterName={name},ApplyMethod=pending-reboot",
    ),
    "tag": SettingRule(
        "warning",
        "backup plans and bills that go by the tag miss it",
        remedy="aws rds add-tags-to-resource --resource-name ARN --tags Key={name},Value={value}",
        unset="aws rds remove-tags-from-resource --resource-name ARN --tag-keys {name}",
    ),
    "replication_slot": SettingRule(
        "error",
        "no restore brings a logical slot along, so its subscriber gets no more changes, and those since its position "
        "are lost to it",
        remedy="select pg_create_logical_replication_slot('{name}', PLUGIN) in its database before writes are opened, and "
        "let its subscriber copy its tables anew; or give the reason why it is no longer wanted",
        unset="select pg_drop_replication_slot('{name}'): it keeps the write-ahead log, which fills the storage",
    ),
    "server": SettingRule(
        "warning",
        "the running server has another value",
        remedy="see {name} in its parameter group, and in ALTER SYSTEM, ALTER DATABASE and ALTER ROLE",
    ),
}  # fmt: skip
UNKNOWN = SettingRule(
    "warning", "it is configured otherwise", remedy="see the Amazon RDS API reference, ModifyDBInstance"
)
