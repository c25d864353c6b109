"""Compares the configuration of two instances: the original, and the one restored in its place. Pure.

What a restore resets and what it cannot even be given follows RestoreDBInstanceFromDBSnapshot and ModifyDBInstance in the
Amazon RDS API reference. Settings have flat names; `parameter.NAME`, `tag.KEY` and `server.NAME` are families. A setting
that could not be read is a `NotVerified`, which equals nothing and differs from nothing.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from drills.model.finding import Finding, NotChecked, Severity

CHECK = "parity"
IDENTITY = ("instance_id", "dbi_resource_id", "arn")  # differs by design; stored with the settings and never compared
ABSENT = "not there"


@dataclass(frozen=True, slots=True)
class NotVerified:
    """A setting that could not be read, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class SettingRule:
    """The rule for one setting: severity and consequence of a difference, and the `modify-db-instance` option that fixes it.

    `option` holds {} in place of the value; `off` is the option for False. Where `option` is "", `remedy` is the
    command. `unset` is the remedy where the setting had no value before.
    """

    severity: Severity
    consequence: str
    option: str = ""
    off: str = ""
    remedy: str = ""
    unset: str = ""


def _switch(severity: Severity, consequence: str, option: str) -> SettingRule:
    return SettingRule(severity, consequence, f"--{option}", f"--no-{option}")


_NEW_COPY = "it cannot be changed afterwards: copy the snapshot under that key, and restore the copy"
_RESTORE_ANEW = "it cannot be changed afterwards: restore again with it"
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
    "multi_az": _switch("error", "no standby takes over when the zone fails", "multi-az"),
    "subnet_group": SettingRule("error", "it lies in other subnets", "--db-subnet-group-name {}"),
    "subnets": SettingRule("error", "it lies in other subnets", remedy="aws rds modify-db-subnet-group"),
    "vpc": SettingRule("error", "it lies in another network", remedy=_RESTORE_ANEW),
    "instance_class": SettingRule("error", "it has another size, and no time measured on it counts", "--db-instance-class {}"),
    "port": SettingRule("error", "clients look for it elsewhere", "--db-port-number {}"),
    "engine": SettingRule("error", "it is another engine", remedy=_RESTORE_ANEW),
    "engine_version": SettingRule("error", "it is another version", "--engine-version {}"),
    "engine_lifecycle_support": SettingRule("warning", "extended support is charged for, or refused", remedy=_RESTORE_ANEW),
    "license_model": SettingRule("warning", "it is licensed otherwise", "--license-model {}"),
    "storage_type": SettingRule("error", "reads and writes are slower or dearer", "--storage-type {}"),
    "iops": SettingRule("error", "reads and writes are slower or dearer", "--iops {}"),
    "storage_throughput": SettingRule("error", "reads and writes are slower or dearer", "--storage-throughput {}"),
    "allocated_storage": SettingRule("warning", "it has another amount of storage", "--allocated-storage {}"),
    "dedicated_log_volume": _switch("warning", "the write-ahead log shares its volume", "dedicated-log-volume"),
    "backup_retention_days": SettingRule(
        "error", "point-in-time recovery reaches less far or not at all", "--backup-retention-period {}"
    ),
    "backup_window": SettingRule("warning", "backups run at another hour", "--preferred-backup-window {}"),
    "backup_target": SettingRule("warning", "automated backups lie elsewhere", remedy=_RESTORE_ANEW),
    "deletion_protection": _switch("error", "anybody with the right can delete it", "deletion-protection"),
    "log_exports": SettingRule(
        "error", "the logs are not kept", "--cloudwatch-logs-export-configuration {}"
    ),
    "iam_authentication": _switch(
        "error", "who logs in by IAM is refused", "enable-iam-database-authentication"
    ),
    "copy_tags_to_snapshot": _switch("warning", "its snapshots lack the tags", "copy-tags-to-snapshot"),
    "auto_minor_version_upgrade": _switch(
        "warning", "minor versions come by themselves, or no longer", "auto-minor-version-upgrade"
    ),
    "publicly_accessible": _switch("error", "it is reached from other networks than before", "publicly-accessible"),
    "network_type": SettingRule("error", "clients of the other address family cannot connect", "--network-type {}"),
    "ca_certificate": SettingRule("error", "clients that verify its certificate refuse it", "--ca-certificate-identifier {}"),
    "availability_zone": SettingRule("information", "it lies in another zone", remedy="none is needed"),
    # a restore cannot be given these
    "encrypted": SettingRule("error", "its data lie on the disk in another way", remedy=_NEW_COPY),
    "kms_key": SettingRule("error", "another key decides who can restore it", remedy=_NEW_COPY),
    "performance_insights": _switch("warning", "nobody sees what the server waits for", "enable-performance-insights"),
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
    "master_username": SettingRule("error", "the owner of the database is another role", remedy=_RESTORE_ANEW),
    "master_secret": _switch(
        "error", "the password that applications fetch is not this instance's", "manage-master-user-password"
    ),
    "domains": SettingRule("error", "who logs in by Kerberos is refused", "--domain {}"),
    # what hangs on the identity of the old one
    "associated_roles": SettingRule(
        "error", "imports and exports through the role fail", remedy="aws rds add-role-to-db-instance"
    ),
    "read_replicas": SettingRule("error", "replicas follow the old instance", remedy="aws rds create-db-instance-read-replica"),
    "replica_of": SettingRule("error", "one is a replica, the other is not", remedy=_RESTORE_ANEW),
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


def rule_for(setting: str) -> SettingRule:
    """Return the rule for a setting, or the one of its family."""
    return SETTING_RULES.get(setting) or FAMILIES.get(setting.partition(".")[0], UNKNOWN)


def compare(left: Mapping[str, object], right: Mapping[str, object], allowed: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return the differences, errors first, then by name. `left` is the original (expected), `right` the restored one.

    `allowed` maps a setting, or a whole family as `tag.*`, to the reason for which it may differ: a difference there is
    information, and its message is the reason.
    """
    found = []
    for setting in _compared(left, right):
        before, now = left.get(setting), right.get(setting)
        if _unread(setting, left, right) or _same(before, now):
            continue
        found.append(_finding(setting, before, now, str(right.get("instance_id") or "INSTANCE"), allowed))
    order = {"error": 0, "warning": 1, "information": 2}
    return tuple(sorted(found, key=lambda finding: (order[finding.severity], finding.object)))


def not_verified(left: Mapping[str, object], right: Mapping[str, object]) -> tuple[NotChecked, ...]:
    """Return the settings, or whole families, that could not be compared because one side could not be read."""
    reasons = {
        setting: value.reason
        for side in (right, left)
        for setting, value in side.items()
        if isinstance(value, NotVerified) and setting not in IDENTITY
    }
    return tuple(NotChecked(setting, reasons[setting]) for setting in sorted(reasons))


def unused_allowances(
    left: Mapping[str, object], right: Mapping[str, object], allowed: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the allowed settings that did not differ: what nobody needs any more hides the next difference."""
    names = {finding.object for finding in compare(left, right, {})}
    return tuple(each for each in allowed if not any(_allows(each, name) for name in names))


def show_value(value: object) -> str:
    """Return a value as text for people."""
    if value is None or value == [] or value == {}:
        return ABSENT
    if isinstance(value, NotVerified):
        return f"not verified: {value.reason}"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        return ", ".join(map(show_value, value))
    return json.dumps(value, sort_keys=True) if isinstance(value, Mapping) else str(value)


def _compared(left: Mapping[str, object], right: Mapping[str, object]) -> Iterator[str]:
    return (setting for setting in sorted(left.keys() | right.keys()) if setting not in IDENTITY)


def _unread(setting: str, left: Mapping[str, object], right: Mapping[str, object]) -> bool:
    """Return whether one side could not read the setting, or the family that it belongs to."""
    names = (setting, setting.partition(".")[0])
    return any(isinstance(side.get(name), NotVerified) for side in (left, right) for name in names)


def _same(before: object, now: object) -> bool:
    """Return whether two values are equal or both absent; True is not 1."""
    if show_value(before) == ABSENT or show_value(now) == ABSENT:
        return show_value(before) == show_value(now)
    return before == now and isinstance(before, bool) == isinstance(now, bool)


def _allows(pattern: str, setting: str) -> bool:
    return setting == pattern or (pattern.endswith(".*") and setting.startswith(pattern[:-1]))


def _finding(setting: str, before: object, now: object, instance: str, allowed: Mapping[str, str]) -> Finding:
    reason = next((why for pattern, why in allowed.items() if _allows(pattern, setting)), None)
    row = rule_for(setting)
    remedy = _remedy(row, before, now, instance).replace("{name}", setting.partition(".")[2])
    remedy = remedy.replace("{value}", shlex.quote(show_value(before)))
    return Finding(
        check=CHECK,
        severity="information" if reason is not None else row.severity,
        object=setting,
        expected=show_value(before),
        found=show_value(now),
        message=f"allowed: {reason}" if reason is not None else f"{row.consequence}: {remedy}",
    )


def _remedy(row: SettingRule, before: object, now: object, instance: str) -> str:
    """Return the command that gives the right side the value of the left one."""
    option = row.off if row.off and not before else row.option
    if before is None and row.unset:
        return row.unset
    if not option or (before is None and "{}" in option):
        return row.remedy or "set it as it was: aws rds modify-db-instance"
    whole = f"aws rds modify-db-instance --db-instance-identifier {instance} --apply-immediately {option}"
    return whole.replace("{}", _argument(option, before, now))


def _argument(option: str, before: object, now: object) -> str:
    if option.startswith("--cloudwatch-logs-export-configuration"):
        wanted, there = _names(before), _names(now)
        types = {"EnableLogTypes": wanted, "DisableLogTypes": [each for each in there if each not in wanted]}
        return shlex.quote(json.dumps({key: value for key, value in types.items() if value}))
    if isinstance(before, list | tuple):
        return " ".join(shlex.quote(str(each)) for each in before)
    return shlex.quote(str(before))


def _names(value: object) -> Sequence[str]:
    return [str(each) for each in value] if isinstance(value, list | tuple) else []
