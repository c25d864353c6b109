"""Settings read from a sandbox: each one changed alone is found, an exact restore differs in nothing, a copy is kept."""

from __future__ import annotations

import dataclasses
import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drills.aws import session, settings
from drills.aws.databases.kinds import CLUSTER, INSTANCE, Kind
from drills.aws.session import Clients
from drills.aws.settings import StoredSettings, load, read_settings, save, server_settings, settings_from
from drills.config.profiles import SandboxProfile
from drills.errors import DrillError
from drills.model.parity import IDENTITY, NotVerified, compare, not_verified
from drills.model.settings.rules import SETTING_RULES
from tests.support.rds import Instance, create, eventually
from tests.support.sandbox import end_sandbox, start_sandbox

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]
ROLE = "arn:aws:iam::123456789012:role/monitoring"


@dataclass(frozen=True)
class Configured:
    """A sandbox with the instance `orders`, configured away from every default, and groups to change to."""

    instance: Instance
    clients: Clients
    other_group: str
    description: dict[str, Any]

    def read(self) -> dict[str, object]:
        """The settings of the instance, once nothing is pending."""
        self.instance.available()
        return read_settings(self.clients, "orders")


def window_in_days(days: int) -> str:
    """A maintenance window that is closed now, whenever the test runs: what is pending waits."""
    day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[(datetime.now(UTC).weekday() + days) % 7]
    return f"{day}:05:00-{day}:05:30"


def make_groups(clients: Clients, version: str) -> tuple[str, str]:
    """A parameter group with a value, a subnet group, and two security groups."""
    vpc = clients.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    subnets = [each["SubnetId"] for each in clients.ec2.describe_subnets()["Subnets"]]
    for name, some in (("inner", subnets[:2]), ("outer", subnets)):
        clients.rds.create_db_subnet_group(
            DBSubnetGroupName=name, DBSubnetGroupDescription="of the test", SubnetIds=some
        )
    for name in ("tuned", "plain"):
        clients.rds.create_db_parameter_group(
            DBParameterGroupName=name,
            DBParameterGroupFamily=f"postgres{version.split('.')[0]}",
            Description="of a test",
        )
    value = {"ParameterName": "work_mem", "ParameterValue": "8192", "ApplyMethod": "immediate"}
    clients.rds.modify_db_parameter_group(DBParameterGroupName="tuned", Parameters=[value])
    first, second = (
        clients.ec2.create_security_group(GroupName=name, Description="of a test", VpcId=vpc)["GroupId"]
        for name in ("first", "second")
    )
    return first, second


@pytest.fixture(scope="module")
def configured() -> Iterator[Configured]:
    """One instance for the module; each test that changes it lets the next one begin from there."""
    sandbox = start_sandbox()
    clients = session.identify(
        session.open_clients(
            SandboxProfile(region=sandbox.region), environment={}, endpoint_url=sandbox.endpoint, role="stage"
        )
    )
    group, other = make_groups(
        clients, clients.rds.describe_db_engine_versions()["DBEngineVersions"][0]["EngineVersion"]
    )
    version = clients.rds.describe_db_parameter_groups(DBParameterGroupName="tuned")["DBParameterGroups"][0]
    instance = create(
        sandbox,
        "orders",
        EngineVersion=version["DBParameterGroupFamily"].removeprefix("postgres"),
        DBParameterGroupName="tuned",
        DBSubnetGroupName="inner",
        VpcSecurityGroupIds=[group],
        StorageEncrypted=True,
        KmsKeyId=clients.kms.create_key()["KeyMetadata"]["Arn"],
        BackupRetentionPeriod=7,
        PreferredBackupWindow="03:00-03:30",
        PreferredMaintenanceWindow=window_in_days(4),
        EnableCloudwatchLogsExports=["postgresql", "upgrade"],
        EnableIAMDatabaseAuthentication=True,
        CopyTagsToSnapshot=True,
        AutoMinorVersionUpgrade=False,
        MultiAZ=True,
        DeletionProtection=True,
        MonitoringInterval=60,
        MonitoringRoleArn=ROLE,
        MaxAllocatedStorage=100,
        Tags=[{"Key": "backup", "Value": "daily"}, {"Key": "drills:run", "Value": "some"}],
    )
    instance.available()
    yield Configured(instance, clients, other, instance.described())
    end_sandbox(sandbox)


def restored_exactly(configured: Configured) -> dict[str, object]:
    """The settings of a restore under the old name that was given all that a restore can take, and then the rest."""
    rds, before = configured.clients.rds, configured.read()
    rds.create_db_snapshot(DBInstanceIdentifier="orders", DBSnapshotIdentifier="kept")
    snapshot = {"DBSnapshotIdentifier": "kept"}
    eventually(lambda: rds.describe_db_snapshots(**snapshot)["DBSnapshots"][0]["Status"] == "available", "the snapshot")
    configured.instance.available()
    rds.modify_db_instance(DBInstanceIdentifier="orders", NewDBInstanceIdentifier="old", ApplyImmediately=True)
    eventually(configured.instance.gone, "the rename")
    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="orders",
        DBSnapshotIdentifier="kept",
        DBParameterGroupName=before["parameter_group"],
        DBSubnetGroupName=before["subnet_group"],
        VpcSecurityGroupIds=before["security_groups"],
        MultiAZ=before["multi_az"],
        DeletionProtection=before["deletion_protection"],
        EnableCloudwatchLogsExports=before["log_exports"],
        EnableIAMDatabaseAuthentication=before["iam_authentication"],
        CopyTagsToSnapshot=before["copy_tags_to_snapshot"],
        AutoMinorVersionUpgrade=before["auto_minor_version_upgrade"],
        PreferredBackupWindow=before["backup_window"],
        StorageType=before["storage_type"],
    )
    configured.instance.available()
    rds.modify_db_instance(
        DBInstanceIdentifier="orders",
        PreferredMaintenanceWindow=before["maintenance_window"],
        MonitoringInterval=before["monitoring_seconds"],
        MonitoringRoleArn=before["monitoring_role"],
        MaxAllocatedStorage=before["max_allocated_storage"],
        ApplyImmediately=True,
    )
    return before


def test_an_exact_restore_differs_in_nothing(configured: Configured) -> None:
    """Given all that RestoreDBInstanceFromDBSnapshot takes, and modified for the rest, nothing is found."""
    before = restored_exactly(configured)
    after = configured.read()

    assert before["dbi_resource_id"] != after["dbi_resource_id"]
    assert compare(before, after, {}) == ()
    assert [each.what for each in not_verified(before, after)] == ["proxies"]  # the sandbox has no RDS Proxy


CHANGES: list[tuple[dict[str, Any], set[str]]] = [
    ({"DBInstanceClass": "db.m6g.large"}, {"instance_class"}),
    ({"MultiAZ": False}, {"multi_az"}),
    ({"OptionGroupName": "other"}, {"option_group"}),
    ({"DBSubnetGroupName": "outer"}, {"subnet_group", "subnets"}),
    ({"StorageType": "gp2"}, {"storage_type"}),
    ({"Iops": 3000}, {"iops"}),
    ({"AllocatedStorage": 30}, {"allocated_storage"}),
    ({"MaxAllocatedStorage": 200}, {"max_allocated_storage"}),
    ({"BackupRetentionPeriod": 3}, {"backup_retention_days"}),
    ({"PreferredBackupWindow": "01:00-01:30"}, {"backup_window"}),
    ({"PreferredMaintenanceWindow": window_in_days(3)}, {"maintenance_window"}),
    ({"DeletionProtection": False}, {"deletion_protection"}),
    ({"CloudwatchLogsExportConfiguration": {"DisableLogTypes": ["upgrade"]}}, {"log_exports"}),
    ({"EnableIAMDatabaseAuthentication": False}, {"iam_authentication"}),
    ({"CopyTagsToSnapshot": False}, {"copy_tags_to_snapshot"}),
    ({"AutoMinorVersionUpgrade": True}, {"auto_minor_version_upgrade"}),
    ({"PubliclyAccessible": True}, {"publicly_accessible"}),
    ({"CACertificateIdentifier": "rds-ca-ecc384-g1"}, {"ca_certificate"}),
    ({"PerformanceInsightsRetentionPeriod": 31}, {"performance_insights_days"}),
    ({"PerformanceInsightsKMSKeyId": "alias/insights"}, {"performance_insights_key"}),
    ({"DatabaseInsightsMode": "advanced"}, {"database_insights"}),
    ({"MonitoringInterval": 30}, {"monitoring_seconds"}),
    ({"MonitoringRoleArn": f"{ROLE}-2"}, {"monitoring_role"}),
    ({"NetworkType": "DUAL"}, {"network_type"}),
    ({"DedicatedLogVolume": True}, {"dedicated_log_volume"}),
    ({"LicenseModel": "bring-your-own-license"}, {"license_model"}),
    ({"DBParameterGroupName": "plain"}, {"parameter_group", "parameters_applied", "parameter.work_mem"}),
]  # fmt: skip


@pytest.mark.parametrize(("change", "named"), CHANGES, ids=lambda value: "+".join(sorted(value)))
def test_each_setting_that_is_changed_alone_is_found(
    configured: Configured, change: dict[str, Any], named: set[str]
) -> None:
    """ModifyDBInstance's settings (Amazon RDS API reference): the changed one is found, and no other."""
    rds = configured.clients.rds
    before = configured.read()
    rds.modify_db_instance(DBInstanceIdentifier="orders", ApplyImmediately=True, **change)
    after = configured.read()

    assert {each.object for each in compare(before, after, {})} == named
    assert compare(after, configured.read(), {}) == ()


def test_security_groups_tags_and_values_of_parameters_are_found(configured: Configured) -> None:
    """What is not a setting of the instance alone: its groups, its tags, a value in its parameter group."""
    clients, before = configured.clients, configured.read()
    clients.rds.modify_db_instance(DBInstanceIdentifier="orders", VpcSecurityGroupIds=[configured.other_group])
    arn = str(before["arn"])
    clients.rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "backup", "Value": "never"}])
    value = {"ParameterName": "work_mem", "ParameterValue": "16384", "ApplyMethod": "immediate"}
    clients.rds.modify_db_parameter_group(DBParameterGroupName=before["parameter_group"], Parameters=[value])

    found = {each.object for each in compare(before, configured.read(), {})} - {"parameters_applied"}
    assert found == {"security_groups", "tag.backup", "parameter.work_mem"}


def test_a_change_that_waits_for_its_window_is_found(configured: Configured) -> None:
    """Without ApplyImmediately it is pending ("Using the schedule modifications setting", Amazon RDS User Guide)."""
    before = configured.read()
    configured.clients.rds.modify_db_instance(DBInstanceIdentifier="orders", AllocatedStorage=40)
    found = compare(before, read_settings(configured.clients, "orders"), {})

    assert [(each.object, each.found) for each in found] == [("pending", "AllocatedStorage")]
    configured.clients.rds.modify_db_instance(DBInstanceIdentifier="orders", AllocatedStorage=40, ApplyImmediately=True)


# what the sandbox shows and nobody can change in it, as DescribeDBInstances shows it on AWS
RECORDED: list[tuple[dict[str, Any], str]] = [
    ({"Endpoint": {"Address": "localhost", "Port": 1}}, "port"),
    ({"Engine": "aurora-postgresql"}, "engine"),
    ({"EngineVersion": "14.1"}, "engine_version"),
    ({"EngineLifecycleSupport": "open-source-rds-extended-support-disabled"}, "engine_lifecycle_support"),
    ({"StorageThroughput": 500}, "storage_throughput"),
    ({"BackupTarget": "outposts"}, "backup_target"),
    ({"AvailabilityZone": "eu-central-1c"}, "availability_zone"),
    ({"StorageEncrypted": False}, "encrypted"),
    ({"KmsKeyId": "arn:aws:kms:eu-central-1:1:key/other"}, "kms_key"),
    ({"PerformanceInsightsEnabled": True}, "performance_insights"),
    ({"MasterUsername": "somebody"}, "master_username"),
    ({"MasterUserSecret": {"SecretArn": "arn:x", "KmsKeyId": "arn:key"}}, "master_secret"),
    ({"DomainMemberships": [{"Domain": "d-1", "Status": "joined"}]}, "domains"),
    ({"AssociatedRoles": [{"RoleArn": "arn:role", "FeatureName": "s3Import"}]}, "associated_roles"),
    ({"ReadReplicaDBInstanceIdentifiers": ["reader"]}, "read_replicas"),
    ({"ReadReplicaSourceDBInstanceIdentifier": "writer"}, "replica_of"),
    ({"ActivityStreamStatus": "started"}, "activity_stream"),
]


@pytest.mark.parametrize(("change", "named"), RECORDED, ids=[named for _, named in RECORDED])
def test_what_the_sandbox_cannot_change_is_found_in_a_description(
    configured: Configured, change: dict[str, Any], named: str
) -> None:
    """The instance's own description with one member as AWS would show it."""
    found = compare(settings_from(configured.description), settings_from({**configured.description, **change}), {})

    assert [each.object for each in found] == [named]


def test_every_setting_of_the_table_is_changed_by_a_test() -> None:
    """A row that no test changes could be read from nowhere."""
    changed = {name for _, names in CHANGES for name in names} | {name for _, name in RECORDED}
    elsewhere = {"security_groups", "pending", "vpc", "proxies", "iam_policies"}

    assert set(SETTING_RULES) - changed == elsewhere


def test_another_network_is_found(configured: Configured) -> None:
    """A subnet group of another VPC is another network."""
    network = {**configured.description["DBSubnetGroup"], "VpcId": "vpc-other"}
    found = compare(
        settings_from(configured.description), settings_from({**configured.description, "DBSubnetGroup": network}), {}
    )

    assert [each.object for each in found] == ["vpc"]


def test_a_policy_that_names_the_resource_id_is_found(configured: Configured) -> None:
    """IAM policies for database access name it, so they do not hold for a restored instance (Amazon RDS User Guide)."""
    iam, before = configured.clients.client("iam"), configured.read()
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument="{}")
    resource = f"arn:aws:rds-db:eu-central-1:123456789012:dbuser:{before['dbi_resource_id']}/app"
    statement = {"Effect": "Allow", "Action": "rds-db:connect", "Resource": resource}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName="reader", PolicyName="connect", PolicyDocument=document)

    (finding,) = compare(before, configured.read(), {})
    assert (finding.object, finding.found) == (
        "iam_policies",
        "arn:aws:iam::123456789012:role/reader: connect",
    )
    iam.delete_role_policy(RoleName="reader", PolicyName="connect")
    assert compare(before, configured.read(), {}) == ()


@pytest.mark.parametrize(
    ("kind", "named"), [(INSTANCE, ["pool"]), (CLUSTER, ["clusters", "members"])], ids=["instance", "cluster"]
)
def test_proxies_are_read_where_the_api_has_them(kind: Kind, named: list[str]) -> None:
    """The target of a proxy names the instance, or the cluster, which may be called alike (API reference, DBProxyTarget)."""
    targets = {
        "pool": {"Type": "RDS_INSTANCE", "RdsResourceId": "orders"},
        "clusters": {"Type": "TRACKED_CLUSTER", "RdsResourceId": "orders"},
        "members": {"Type": "RDS_INSTANCE", "RdsResourceId": "orders-1", "TrackedClusterId": "orders"},
        "other": {"Type": "RDS_INSTANCE", "RdsResourceId": "x"},
    }

    class Pages:
        def __init__(self, rows: dict[str, Any]) -> None:
            self.rows = rows

        def paginate(self, **wanted: str) -> list[dict[str, Any]]:
            return [self.rows[wanted.get("DBProxyName", "")]]

    class Proxied:
        def get_paginator(self, operation: str) -> Pages:
            if operation == "describe_db_proxies":
                return Pages({"": {"DBProxies": [{"DBProxyName": name} for name in targets]}})
            return Pages({name: {"Targets": [each]} for name, each in targets.items()})

    clients: Any = type("Clients", (), {"rds": Proxied()})()

    assert settings._proxies(clients, "orders", kind) == named


def test_what_cannot_be_read_is_not_verified(configured: Configured) -> None:
    """The sandbox has no RDS Proxy: the setting says so, and names the right that it needs."""
    found = configured.read()["proxies"]

    assert found == NotVerified("the sandbox does not have DescribeDBProxies")


def test_an_instance_that_is_not_there_is_said(configured: Configured) -> None:
    """One sentence, with what to look at."""
    with pytest.raises(DrillError, match='expected an instance "nobody" in eu-central-1, found none'):
        read_settings(configured.clients, "nobody")


def test_settings_of_the_running_server_are_read(configured: Configured) -> None:
    """What is not the default, and not where the server lies."""
    configured.instance.available()
    with configured.instance.connect() as connection:
        before = server_settings(connection)
        connection.execute("alter database app set work_mem = '3MB'")
    with configured.instance.connect() as connection:
        after = server_settings(connection)

    assert not {"server.port", "server.data_directory"} & before.keys()
    assert [(each.object, each.found) for each in compare(before, after, {})] == [("server.work_mem", "3072")]


def test_a_kept_copy_is_what_was_read(configured: Configured, tmp_path: Path) -> None:
    """It compares as equal, with what was not verified in it, and only its owner can read the file."""
    found = configured.read()
    stored = StoredSettings(
        "123456789012",
        "eu-central-1",
        "orders",
        str(found["dbi_resource_id"]),
        datetime(2026, 1, 2, tzinfo=UTC),
        found,
        "instance",
    )
    path = save(tmp_path / "posture", stored)

    assert load(tmp_path / "posture", "123456789012", "eu-central-1", "orders", "instance") == stored
    assert load(tmp_path / "posture", "123456789012", "eu-west-1", "orders", "instance") is None
    cluster = dataclasses.replace(stored, kind="cluster", settings={"port": 5432})
    assert save(tmp_path / "posture", cluster) != path  # of the same name, as where one was moved into the other
    assert load(tmp_path / "posture", "123456789012", "eu-central-1", "orders", "instance") == stored
    assert load(tmp_path / "posture", "123456789012", "eu-central-1", "orders", "cluster") == cluster
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text('{"settings": 1}')
    with pytest.raises(DrillError, match="remove the file and run drills posture again"):
        load(tmp_path / "posture", "123456789012", "eu-central-1", "orders", "instance")
    (tmp_path / "file").write_text("")
    with pytest.raises(DrillError, match="name another folder"):
        save(tmp_path / "file", stored)


def test_the_identity_is_beside_the_settings(configured: Configured) -> None:
    """Who the instance is stands in the copy too, since it names nothing that must be equal."""
    assert all(configured.read()[name] for name in IDENTITY)
