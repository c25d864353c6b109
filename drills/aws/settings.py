"""Reads the whole configuration of an instance or a cluster, as flat settings for drills/model/parity.py, and keeps a copy of it.

What DescribeDBInstances does not tell is asked for beside it: the values of the parameter groups, the RDS Proxies that lead
to the instance, the IAM policies that name its resource id ("Creating and using an IAM policy for IAM database access",
Amazon RDS User Guide). What the caller may not read, or an emulator does not have, becomes a `NotVerified`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws.calls.answers import IncompleteAnswer
from drills.aws.databases.clusters import settings_of_cluster
from drills.aws.databases.described import as_instance, pending_values
from drills.aws.databases.kinds import CLUSTER, INSTANCE, Kind
from drills.aws.read import error_code, parameter_pages, raw_instance
from drills.aws.session import Clients
from drills.checks.base.session import Connection
from drills.errors import ConfigError, DrillError
from drills.files import write_privately
from drills.model.instance import DatabaseKind
from drills.model.parity import IDENTITY, NotVerified
from drills.model.settings.clusters import CLUSTER_RULES

T = TypeVar("T")

FOLDER = Path("posture")
# tags that AWS and the drill set by themselves
_OWN_TAGS = ("aws:", "drills:")
# by the name of the setting, the member of DescribeDBInstances that holds it as it is
_PLAIN_MEMBERS: Mapping[str, str] = {
    "multi_az": "MultiAZ",
    "instance_class": "DBInstanceClass",
    "engine": "Engine",
    "engine_version": "EngineVersion",
    "engine_lifecycle_support": "EngineLifecycleSupport",
    "license_model": "LicenseModel",
    "storage_type": "StorageType",
    "iops": "Iops",
    "storage_throughput": "StorageThroughput",
    "allocated_storage": "AllocatedStorage",
    "max_allocated_storage": "MaxAllocatedStorage",
    "backup_retention_days": "BackupRetentionPeriod",
    "backup_window": "PreferredBackupWindow",
    "backup_target": "BackupTarget",
    "network_type": "NetworkType",
    "ca_certificate": "CACertificateIdentifier",
    "availability_zone": "AvailabilityZone",
    "kms_key": "KmsKeyId",
    "performance_insights_key": "PerformanceInsightsKMSKeyId",
    "performance_insights_days": "PerformanceInsightsRetentionPeriod",
    "database_insights": "DatabaseInsightsMode",
    "monitoring_seconds": "MonitoringInterval",
    "monitoring_role": "MonitoringRoleArn",
    "maintenance_window": "PreferredMaintenanceWindow",
    "master_username": "MasterUsername",
    "replica_of": "ReadReplicaSourceDBInstanceIdentifier",
}
_SWITCH_MEMBERS: Mapping[str, str] = {
    "dedicated_log_volume": "DedicatedLogVolume",
    "deletion_protection": "DeletionProtection",
    "iam_authentication": "IAMDatabaseAuthenticationEnabled",
    "copy_tags_to_snapshot": "CopyTagsToSnapshot",
    "auto_minor_version_upgrade": "AutoMinorVersionUpgrade",
    "publicly_accessible": "PubliclyAccessible",
    "encrypted": "StorageEncrypted",
    "performance_insights": "PerformanceInsightsEnabled",
}
# settings of a server that name its location and not its behaviour
_LOCATION_SETTINGS = frozenset(
    {
        "archive_command", "cluster_name", "config_file", "data_directory", "external_pid_file", "hba_file",
        "ident_file", "listen_addresses", "log_directory", "log_filename", "port", "primary_conninfo",
        "restore_command", "ssl_ca_file", "ssl_cert_file", "ssl_key_file", "unix_socket_directories",
    }
)  # fmt: skip


# -- reading ----------------------------------------------------------------------------------------------------------


def read_settings(clients: Clients, instance_id: str, kind: Kind = INSTANCE) -> dict[str, object]:
    """Return every setting of the instance or cluster, with its identity. DrillError where there is nothing of that name."""
    raw = raw_instance(clients, instance_id, kind)
    if raw is None:
        what = f'{"a cluster" if kind is CLUSTER else "an instance"} "{instance_id}"'
        raise DrillError(f"expected {what} in {clients.region}, found none: see aws rds describe-db-{kind.name}s")
    if kind is CLUSTER:
        names = [each["DBInstanceIdentifier"] for each in raw.get("DBClusterMembers") or ()]
        members = [found for name in names if (found := raw_instance(clients, name)) is not None]
        settings = cluster_settings_from(raw, members)
        settings |= _parameters(clients, INSTANCE, "writer_parameter", settings["writer_parameter_group"])
    else:
        settings = settings_from(raw)
    settings |= _parameters(clients, kind, "parameter", settings["parameter_group"])
    settings["proxies"] = read_or_not_verified("rds:DescribeDBProxies", lambda: _proxies(clients, instance_id, kind))
    settings["iam_policies"] = read_or_not_verified(
        "iam:GetAccountAuthorizationDetails", lambda: _policies(clients, kind.resource_of(raw))
    )
    return settings


def cluster_settings_from(raw: Mapping[str, Any], members: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """Return the settings that a member of DescribeDBClusters' answer holds, with those about its instances.

    Those that Aurora has not, such as the size of the storage, are left out.
    """
    own = settings_of_cluster(raw, members)
    writer = next((each for each in members if each["DBInstanceIdentifier"] == own["writer_id"]), {})
    as_one = as_instance(raw, writer)
    shared = settings_from(as_one)
    shared["parameters_applied"] = _unapplied([*as_one["DBParameterGroups"], *(writer.get("DBParameterGroups") or [])])
    known = (*IDENTITY, *CLUSTER_RULES)
    settings = {name: value for name, value in shared.items() if name in known or name.startswith("tag.")}
    return settings | own | _tags("writer_tag", writer)


def settings_from(raw: Mapping[str, Any]) -> dict[str, object]:
    """Return the settings that a member of DescribeDBInstances' answer holds."""
    network, secret = raw.get("DBSubnetGroup") or {}, raw.get("MasterUserSecret")
    groups = raw.get("DBParameterGroups") or []
    settings: dict[str, object] = {
        "instance_id": raw["DBInstanceIdentifier"],
        "dbi_resource_id": raw.get("DbiResourceId"),
        "arn": raw.get("DBInstanceArn"),
        "kind": "instance",
        "writer_id": raw["DBInstanceIdentifier"],
        "security_groups": sorted(each["VpcSecurityGroupId"] for each in raw.get("VpcSecurityGroups") or []),
        "parameter_group": groups[0]["DBParameterGroupName"] if groups else None,
        "parameters_applied": _unapplied(groups),
        "pending": sorted(pending_values(raw)),
        "option_group": ", ".join(sorted(each["OptionGroupName"] for each in raw.get("OptionGroupMemberships") or [])),
        "subnet_group": network.get("DBSubnetGroupName"),
        "subnets": sorted(each["SubnetIdentifier"] for each in network.get("Subnets") or []),
        "vpc": network.get("VpcId"),
        "port": (raw.get("Endpoint") or {}).get("Port"),
        "log_exports": sorted(raw.get("EnabledCloudwatchLogsExports") or []),
        "master_secret": f"managed, under {secret.get('KmsKeyId') or 'the default key'}" if secret else None,
        "domains": sorted(str(each.get("Domain")) for each in raw.get("DomainMemberships") or []),
        "associated_roles": sorted(
            f"{each.get('FeatureName') or 'no feature'}: {each.get('RoleArn')}"
            for each in raw.get("AssociatedRoles") or []
        ),
        "read_replicas": sorted(raw.get("ReadReplicaDBInstanceIdentifiers") or []),
        "activity_stream": None if raw.get("ActivityStreamStatus") in (None, "stopped") else "on",
    }
    settings |= {name: raw.get(member) for name, member in _PLAIN_MEMBERS.items()}
    settings |= {name: bool(raw.get(member)) for name, member in _SWITCH_MEMBERS.items()}
    return settings | _tags("tag", raw)


def _unapplied(groups: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the parameter groups whose values the running server does not have."""
    return [
        f"{each['DBParameterGroupName']}: {each['ParameterApplyStatus']}"
        for each in groups
        if each.get("ParameterApplyStatus") not in (None, "in-sync")
    ]


def _tags(family: str, raw: Mapping[str, Any]) -> dict[str, object]:
    return {
        f"{family}.{each['Key']}": each.get("Value", "")
        for each in raw.get("TagList") or []
        if not each["Key"].startswith(_OWN_TAGS)
    }


def server_settings(connection: Connection) -> dict[str, object]:
    """Return the settings of a running server that differ from the default: `server.NAME`, by pg_settings.

    Without those that name its location, and those that the session itself has set.
    """
    rows = connection.execute(
        "select name, setting from pg_catalog.pg_settings "
        "where source not in ('default', 'override', 'session', 'client', 'interactive', 'test', 'database user')"
    ).fetchall()
    return {f"server.{name}": value for name, value in rows if name not in _LOCATION_SETTINGS}


def replication_slots(connection: Connection) -> dict[str, object]:
    """Return the logical slots of a running server: `replication_slot.NAME`, its plugin and database.

    Physical ones are those of replicas, which are compared as such; temporary ones end with their session.
    """
    rows = connection.execute(
        "select slot_name, plugin, database from pg_catalog.pg_replication_slots where slot_type = 'logical' and not temporary"
    ).fetchall()
    return {f"replication_slot.{name}": f"{plugin} in {database}" for name, plugin, database in rows}


def read_or_not_verified(right: str, read: Callable[[], T]) -> T | NotVerified:
    """Return what `read` returns, or NotVerified with the right that it needs, or with the operation that the sandbox lacks."""
    try:
        return read()
    except ClientError as error:
        if error_code(error) == "NotImplemented":  # AWS answers so for none of these: no right would help
            return NotVerified(f"the sandbox does not have {error.operation_name}")
        return NotVerified(f"{error_code(error)}: needs {right}")
    except (IncompleteAnswer, ConfigError) as error:  # neither of which a right would mend
        return NotVerified(str(error))
    except (BotoCoreError, DrillError) as error:
        return NotVerified(f"{' '.join(str(error).split())}: needs {right}")


def _parameters(clients: Clients, kind: Kind, family: str, group: object) -> dict[str, object]:
    """Return the values that a parameter group sets (`Source` user), each as `FAMILY.NAME`."""

    def read() -> dict[str, object]:
        return {
            f"{family}.{each['ParameterName']}": each.get("ParameterValue")
            for page in parameter_pages(clients, str(group), kind, Source="user")
            for each in page["Parameters"]
        }

    found = read_or_not_verified(f"rds:{kind.parameters}", read) if group else {}
    return found if isinstance(found, dict) else {family: found}


def _proxies(clients: Clients, name: str, kind: Kind) -> list[str]:
    """Return the RDS Proxies with a target that is this instance or cluster, or an instance of this cluster."""
    names = [
        proxy["DBProxyName"]
        for page in clients.rds.get_paginator("describe_db_proxies").paginate()
        for proxy in page["DBProxies"]
    ]
    targets = clients.rds.get_paginator("describe_db_proxy_targets")
    return sorted(
        proxy
        for proxy in names
        if any(
            _leads_to(target, name, kind) for page in targets.paginate(DBProxyName=proxy) for target in page["Targets"]
        )
    )


def _leads_to(target: Mapping[str, Any], name: str, kind: Kind) -> bool:
    """Return whether a target of a proxy is the instance or the cluster, which may have one name (API reference, DBProxyTarget)."""
    tracked = target.get("Type") == "TRACKED_CLUSTER"
    if kind is CLUSTER:
        return name in (target.get("TrackedClusterId"), target.get("RdsResourceId") if tracked else None)
    return not tracked and bool(target.get("RdsResourceId") == name)


def _policies(clients: Clients, resource_id: str) -> list[str]:
    """Return the IAM policies that name the resource id of the instance, as who may connect is written in them."""
    kinds = ["User", "Role", "Group", "LocalManagedPolicy"]
    pages = clients.client("iam").get_paginator("get_account_authorization_details").paginate(Filter=kinds)
    return sorted(name for page in pages for name, document in _documents(page) if f":{resource_id}/" in document)


def _documents(page: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield every policy document of a page, as text, with the name of what holds it."""
    for policy in page.get("Policies") or []:
        for version in policy.get("PolicyVersionList") or []:
            if version.get("IsDefaultVersion"):
                yield str(policy.get("Arn")), json.dumps(version.get("Document"))
    for members, inline in (
        ("UserDetailList", "UserPolicyList"),
        ("RoleDetailList", "RolePolicyList"),
        ("GroupDetailList", "GroupPolicyList"),
    ):
        for holder in page.get(members) or []:
            for policy in holder.get(inline) or []:
                yield f"{holder.get('Arn')}: {policy['PolicyName']}", json.dumps(policy.get("PolicyDocument"))


# -- the stored copy --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredSettings:
    """The configuration of a database as it was at an instant (aware), for the day on which it can no longer be read."""

    account: str
    region: str
    instance_id: str
    dbi_resource_id: str
    taken_at: datetime
    settings: Mapping[str, object]
    kind: DatabaseKind


def stored_path(folder: Path, account: str, region: str, instance_id: str, kind: DatabaseKind) -> Path:
    """Return where the copy lies: one file a database, so that accounts and regions are kept apart.

    A cluster may have the name of an instance; no name of either has a dot.
    """
    name = f"cluster.{instance_id}" if kind == "cluster" else instance_id
    return folder / f"{account}.{region}.{name}.json"


def save(folder: Path, stored: StoredSettings) -> Path:
    """Keep a copy, in place of the one before, readable by its owner only. DrillError where it cannot be written."""
    path = stored_path(folder, stored.account, stored.region, stored.instance_id, stored.kind)
    whole = {
        "account": stored.account,
        "region": stored.region,
        "instance_id": stored.instance_id,
        "dbi_resource_id": stored.dbi_resource_id,
        "taken_at": stored.taken_at.isoformat(),
        "settings": {
            key: {"not verified": value.reason} if isinstance(value, NotVerified) else value
            for key, value in sorted(stored.settings.items())
        },
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_privately(path, json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        raise DrillError(
            f"expected to keep the configuration in {path}, found: {error.strerror}; name another folder with --store"
        ) from error
    return path


def load(folder: Path, account: str, region: str, instance_id: str, kind: DatabaseKind) -> StoredSettings | None:
    """Return the copy that was kept last, None where none was. DrillError where the file is no such copy."""
    path = stored_path(folder, account, region, instance_id, kind)
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        settings = {
            key: NotVerified(value["not verified"]) if isinstance(value, dict) and "not verified" in value else value
            for key, value in raw["settings"].items()
        }
        return StoredSettings(
            raw["account"],
            raw["region"],
            raw["instance_id"],
            raw["dbi_resource_id"],
            datetime.fromisoformat(raw["taken_at"]),
            settings,
            kind,
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DrillError(
            f"expected a stored configuration in {path}, found something else ({type(error).__name__}): "
            "remove the file and run drills posture again"
        ) from error
