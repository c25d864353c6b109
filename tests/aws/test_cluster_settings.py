"""The settings of a cluster and its writer, read from a sandbox: each one that is changed alone is found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import botocore.session
import pytest

from drills.aws.databases.kinds import CLUSTER
from drills.aws.session import Clients
from drills.aws.settings import cluster_settings_from, read_settings
from drills.model.parity import compare
from drills.model.settings.clusters import CLUSTER_FAMILIES, CLUSTER_RULES, RESTORED
from drills.model.settings.rules import FAMILIES
from tests.support.aurora import ENGINE, Cluster, create_cluster, restore_cluster
from tests.support.rds import Instance
from tests.support.sandbox import RunningSandbox

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]
ROLE = "arn:aws:iam::123456789012:role/monitoring"
NAME, WRITER, READER = "compared", "compared-writer", "compared-reader"
GROUPS = {"cluster": "create_db_cluster_parameter_group", "writer": "create_db_parameter_group"}


@dataclass(frozen=True)
class Configured:
    """A cluster that is configured away from every default, with a writer and a reader, and groups to change to."""

    cluster: Cluster
    writer: Instance
    clients: Clients
    other_group: str
    described: dict[str, Any]
    members: tuple[dict[str, Any], ...]

    def read(self) -> dict[str, object]:
        """The settings of the cluster, once nothing is pending."""
        self.cluster.available()
        self.writer.available()
        return read_settings(self.clients, NAME, CLUSTER)

    def settings(
        self, cluster: dict[str, Any] | None = None, writer: dict[str, Any] | None = None
    ) -> dict[str, object]:
        """The settings of its descriptions, with members of the cluster's or the writer's as AWS would show them."""
        changed = [each | (writer or {}) if each["DBInstanceIdentifier"] == WRITER else each for each in self.members]
        return cluster_settings_from(self.described | (cluster or {}), changed)


def make_groups(clients: Clients, major: str) -> tuple[str, str]:
    """Groups of parameters of a cluster and of an instance, two of each, the first with a value; two security groups."""
    rds = clients.rds
    family = {"DBParameterGroupFamily": f"{ENGINE}{major}", "Description": "of a test"}
    value = {"ParameterName": "work_mem", "ParameterValue": "8192", "ApplyMethod": "immediate"}
    for name in ("shared", "shared-plain"):
        rds.create_db_cluster_parameter_group(DBClusterParameterGroupName=name, **family)
    for name in ("own", "own-plain"):
        rds.create_db_parameter_group(DBParameterGroupName=name, **family)
    rds.modify_db_cluster_parameter_group(DBClusterParameterGroupName="shared", Parameters=[value])
    value |= {"ParameterName": "random_page_cost", "ParameterValue": "1.1"}
    rds.modify_db_parameter_group(DBParameterGroupName="own", Parameters=[value])
    vpc = clients.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    first, second = (
        clients.ec2.create_security_group(GroupName=name, Description="of a test", VpcId=vpc)["GroupId"]
        for name in ("compared-first", "compared-second")
    )
    return first, second


@pytest.fixture(scope="module")
def configured(beating: RunningSandbox) -> Iterator[Configured]:
    """One cluster for the module; each test that changes it lets the next one begin from there."""
    names = ("rds", "backup", "ec2", "sts", "logs", "secretsmanager", "kms")
    opened = {name: beating.client(name) for name in names}

    def more(service: str, _: str) -> Any:
        return beating.client(service)

    clients = Clients(**opened, region=beating.region, account="123456789012", open_client=more)
    group, other = make_groups(clients, beating.postgres[0]["major"])
    cluster = create_cluster(
        beating,
        NAME,
        EngineVersion=str(beating.postgres[0]["major"]),
        DBClusterParameterGroupName="shared",
        VpcSecurityGroupIds=[group],
        StorageEncrypted=True,
        StorageType="aurora-iopt1",
        BackupRetentionPeriod=7,
        PreferredBackupWindow="03:00-03:30",
        PreferredMaintenanceWindow="sun:05:00-sun:05:30",
        EnableCloudwatchLogsExports=["postgresql"],
        EnableIAMDatabaseAuthentication=True,
        CopyTagsToSnapshot=True,
        DeletionProtection=True,
        ServerlessV2ScalingConfiguration={"MinCapacity": 1, "MaxCapacity": 2},
        Tags=[{"Key": "backup", "Value": "daily"}],
    )
    writer = cluster.add(
        WRITER,
        DBParameterGroupName="own",
        AutoMinorVersionUpgrade=False,
        MonitoringInterval=60,
        MonitoringRoleArn=ROLE,
        PreferredMaintenanceWindow="mon:05:00-mon:05:30",
        Tags=[{"Key": "team", "Value": "books"}],
    )
    writer.available()
    cluster.add(READER, PromotionTier=3).available()
    members = tuple(
        dict(clients.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0])
        for name in (WRITER, READER)
    )
    yield Configured(cluster, writer, clients, other, cluster.available(), members)
    cluster.rds.modify_db_cluster(DBClusterIdentifier=NAME, DeletionProtection=False)
    cluster.available()
    cluster.remove()


# what ModifyDBCluster and ModifyDBInstance of the writer change here (Amazon RDS API reference)
OF_CLUSTER: list[tuple[dict[str, Any], set[str]]] = [
    ({"BackupRetentionPeriod": 3}, {"backup_retention_days"}),
    ({"PreferredBackupWindow": "01:00-01:30"}, {"backup_window"}),
    ({"PreferredMaintenanceWindow": "sat:05:00-sat:05:30"}, {"maintenance_window"}),
    ({"DeletionProtection": False}, {"deletion_protection"}),
    ({"CloudwatchLogsExportConfiguration": {"DisableLogTypes": ["postgresql"]}}, {"log_exports"}),
    ({"EnableIAMDatabaseAuthentication": False}, {"iam_authentication"}),
    ({"CopyTagsToSnapshot": False}, {"copy_tags_to_snapshot"}),
    ({"StorageType": "aurora"}, {"storage_type"}),
    ({"EngineLifecycleSupport": "open-source-rds-extended-support-disabled"}, {"engine_lifecycle_support"}),
    ({"ServerlessV2ScalingConfiguration": {"MinCapacity": 1, "MaxCapacity": 4}}, {"scaling"}),
    ({"DBClusterParameterGroupName": "shared-plain"}, {"parameter_group", "parameters_applied", "parameter.work_mem"}),
]  # fmt: skip
OF_WRITER: list[tuple[dict[str, Any], set[str]]] = [
    ({"DBInstanceClass": "db.r6g.xlarge"}, {"instance_class"}),
    ({"AutoMinorVersionUpgrade": True}, {"auto_minor_version_upgrade"}),
    ({"PubliclyAccessible": True}, {"publicly_accessible"}),
    ({"CACertificateIdentifier": "rds-ca-ecc384-g1"}, {"ca_certificate"}),
    ({"PerformanceInsightsRetentionPeriod": 31}, {"performance_insights_days"}),
    ({"PerformanceInsightsKMSKeyId": "alias/insights"}, {"performance_insights_key"}),
    ({"MonitoringInterval": 30}, {"monitoring_seconds"}),
    ({"MonitoringRoleArn": f"{ROLE}-2"}, {"monitoring_role"}),
    ({"PreferredMaintenanceWindow": "tue:05:00-tue:05:30"}, {"writer_maintenance_window"}),
    ({"PromotionTier": 5}, {"promotion_tier"}),
    ({"DBParameterGroupName": "own-plain"}, {"writer_parameter_group", "parameters_applied", "writer_parameter.random_page_cost"}),
]  # fmt: skip
# what nobody can change here, as DescribeDBClusters and DescribeDBInstances show it on AWS
DESCRIBED: list[tuple[str, str, Any]] = [
    ("multi_az", "MultiAZ", True),
    ("availability_zones", "AvailabilityZones", ["eu-central-1a"]),
    ("port", "Port", 1),
    ("engine", "Engine", "aurora-mysql"),
    ("engine_version", "EngineVersion", "14.1"),
    ("subnet_group", "DBSubnetGroup", "elsewhere"),
    ("network_type", "NetworkType", "DUAL"),
    ("encrypted", "StorageEncrypted", False),
    ("encryption_type", "StorageEncryptionType", "sse-rds"),
    ("kms_key", "KmsKeyId", "arn:aws:kms:eu-central-1:1:key/other"),
    ("database_insights", "DatabaseInsightsMode", "advanced"),
    ("serverless_platform", "ServerlessV2PlatformVersion", "4"),
    ("scalability", "ClusterScalabilityType", "limitless"),
    ("http_endpoint", "HttpEndpointEnabled", True),
    ("internet_gateway", "InternetAccessGatewayEnabled", True),
    ("local_write_forwarding", "LocalWriteForwardingStatus", "enabled"),
    ("global_write_forwarding", "GlobalWriteForwardingRequested", True),
    ("global_cluster", "GlobalClusterIdentifier", "world"),
    ("custom_endpoints", "CustomEndpoints", ["reports.cluster-custom-x.eu-central-1.rds.amazonaws.com"]),
    ("master_username", "MasterUsername", "somebody"),
    ("master_secret", "MasterUserSecret", {"SecretArn": "arn:x", "KmsKeyId": "arn:key"}),
    ("domains", "DomainMemberships", [{"Domain": "d-1", "Status": "joined"}]),
    ("associated_roles", "AssociatedRoles", [{"RoleArn": "arn:role", "FeatureName": "s3Import"}]),
    ("read_replicas", "ReadReplicaIdentifiers", ["arn:aws:rds:eu-west-1:1:cluster:replica"]),
    ("replica_of", "ReplicationSourceIdentifier", "arn:aws:rds:eu-west-1:1:db:main"),
    ("activity_stream", "ActivityStreamStatus", "started"),
    ("pending", "PendingModifiedValues", {"EngineVersion": "16.9"}),
]  # fmt: skip
DESCRIBED_OF_WRITER: list[tuple[str, str, Any]] = [
    ("availability_zone", "AvailabilityZone", "eu-central-1c"),
    ("performance_insights", "PerformanceInsightsEnabled", True),
    ("pending", "PendingModifiedValues", {"DBInstanceClass": "db.r6g.4xlarge"}),
]
# in tests of their own, below; proxies in tests/aws/test_settings.py
ELSEWHERE = {"security_groups", "readers", "iam_policies", "proxies", "subnets", "vpc"}


@pytest.mark.parametrize("change", OF_CLUSTER, ids=lambda change: "+".join(change[0]))
def test_each_setting_of_a_cluster_that_is_changed_alone_is_found(
    configured: Configured, change: tuple[dict[str, Any], set[str]]
) -> None:
    """The changed one is found, and no other; where its remedy is an option, the command is one for clusters."""
    asked, named = change
    before = configured.read()
    configured.clients.rds.modify_db_cluster(DBClusterIdentifier=NAME, ApplyImmediately=True, **asked)
    found = {each.object: each.message for each in compare(before, configured.read(), {})}

    assert set(found) == named
    for name in named & CLUSTER_RULES.keys():
        if CLUSTER_RULES[name].option:
            assert f"modify-db-cluster --db-cluster-identifier {NAME} " in found[name]


@pytest.mark.parametrize("change", OF_WRITER, ids=lambda change: "+".join(change[0]))
def test_each_setting_of_its_writer_that_is_changed_alone_is_found(
    configured: Configured, change: tuple[dict[str, Any], set[str]]
) -> None:
    """The changed one is found, and no other; where its remedy is an option, the command names the writer."""
    asked, named = change
    before = configured.read()
    configured.clients.rds.modify_db_instance(DBInstanceIdentifier=WRITER, ApplyImmediately=True, **asked)
    found = {each.object: each.message for each in compare(before, configured.read(), {})}

    assert set(found) == named
    for name in named & CLUSTER_RULES.keys():
        if CLUSTER_RULES[name].option:
            assert f"modify-db-instance --db-instance-identifier {WRITER} " in found[name]


@pytest.mark.parametrize("row", DESCRIBED, ids=lambda row: row[0])
def test_what_the_sandbox_cannot_change_of_a_cluster_is_found_in_its_description(
    configured: Configured, row: tuple[str, str, Any]
) -> None:
    """The cluster's own description with one member as AWS would show it; its writer's is as it was."""
    name, member, value = row
    bare: dict[str, Any] = {"DBSubnetGroup": {}}  # which the writer shows otherwise
    found = compare(configured.settings(writer=bare), configured.settings({member: value}, bare), {})

    assert [each.object for each in found] == [name]


@pytest.mark.parametrize("row", DESCRIBED_OF_WRITER, ids=lambda row: row[0])
def test_what_the_sandbox_cannot_change_of_a_writer_is_found_in_its_description(
    configured: Configured, row: tuple[str, str, Any]
) -> None:
    """The writer's own description with one member as AWS would show it."""
    name, member, value = row

    assert [
        each.object for each in compare(configured.settings(), configured.settings(writer={member: value}), {})
    ] == [name]


def test_the_network_is_that_of_the_writers_subnet_group(configured: Configured) -> None:
    """A cluster names its subnet group alone: subnets and VPC are told by its writer, and each is found when it is another."""
    (writer,) = (each for each in configured.members if each["DBInstanceIdentifier"] == WRITER)
    network = writer["DBSubnetGroup"]

    for changed, named in (
        ({"VpcId": "vpc-other"}, "vpc"),
        ({"Subnets": network["Subnets"][:1]}, "subnets"),
    ):
        other = configured.settings(writer={"DBSubnetGroup": network | changed})
        assert [each.object for each in compare(configured.settings(), other, {})] == [named]


def test_a_reader_that_is_missing_or_another_is_found(configured: Configured) -> None:
    """Class and promotion tier of each reader are compared, and how many there are, whatever they are called."""
    whole = configured.settings()
    members = {each["DBInstanceIdentifier"]: each for each in configured.members}
    for others in (
        [members[WRITER]],
        [members[WRITER], members[READER] | {"DBInstanceClass": "db.t4g.medium"}],
        [members[WRITER], members[READER] | {"PromotionTier": 0}],
        [members[WRITER], members[READER], members[READER]],
    ):
        found = compare(whole, cluster_settings_from(configured.described, others), {})
        assert [each.object for each in found] == ["readers"]
    renamed = [members[WRITER], members[READER] | {"DBInstanceIdentifier": "another"}]
    assert compare(whole, cluster_settings_from(configured.described, renamed), {}) == ()


def test_groups_tags_and_values_of_parameters_are_found(configured: Configured) -> None:
    """What is no setting of the cluster alone: its security groups, tags of both, a value in the group of each."""
    clients, before = configured.clients, configured.read()
    rds = clients.rds
    rds.modify_db_cluster(DBClusterIdentifier=NAME, VpcSecurityGroupIds=[configured.other_group])
    rds.add_tags_to_resource(ResourceName=str(before["arn"]), Tags=[{"Key": "backup", "Value": "never"}])
    own = configured.writer.described()["DBInstanceArn"]
    rds.add_tags_to_resource(ResourceName=own, Tags=[{"Key": "team", "Value": "films"}])
    value = {"ParameterName": "work_mem", "ParameterValue": "16384", "ApplyMethod": "immediate"}
    rds.modify_db_cluster_parameter_group(DBClusterParameterGroupName=before["parameter_group"], Parameters=[value])
    value |= {"ParameterName": "random_page_cost", "ParameterValue": "2"}
    rds.modify_db_parameter_group(DBParameterGroupName=before["writer_parameter_group"], Parameters=[value])
    found = {each.object: each.message for each in compare(before, configured.read(), {})}

    assert found.keys() - {"parameters_applied"} == {
        *(
            "security_groups",
            "tag.backup",
            "writer_tag.team",
            "parameter.work_mem",
            "writer_parameter.random_page_cost",
        ),
    }
    assert "db-cluster-parameter-group" in found["parameter.work_mem"]
    assert "db-parameter-group" in found["writer_parameter.random_page_cost"]


def test_a_policy_that_names_the_resource_id_of_the_cluster_is_found(configured: Configured) -> None:
    """Policies for database access name the resource id of a cluster, and not those of its instances (Aurora User Guide)."""
    iam, before = configured.clients.client("iam"), configured.read()
    iam.create_role(RoleName="cluster-reader", AssumeRolePolicyDocument="{}")
    resource = f"arn:aws:rds-db:eu-central-1:123456789012:dbuser:{before['dbi_resource_id']}/app"
    statement = {"Effect": "Allow", "Action": "rds-db:connect", "Resource": resource}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName="cluster-reader", PolicyName="connect", PolicyDocument=document)

    assert [each.object for each in compare(before, configured.read(), {})] == ["iam_policies"]


def test_a_restore_that_names_nothing_differs_in_what_is_not_kept(configured: Configured) -> None:
    """What the table calls kept is as it was, but for the port, which belongs to a name here; the rest is found row by row."""
    configured.cluster.snapshot("compared-kept")
    before = configured.read()
    copy = restore_cluster(configured.cluster, "compared-kept", "compared-copy")
    copy.available()
    copy.writer()
    found = {each.object for each in compare(before, read_settings(configured.clients, "compared-copy", CLUSTER), {})}
    copy.remove()
    configured.clients.rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier="compared-kept")

    assert found & {name for name, row in RESTORED.items() if row.snapshot == "kept"} == {"port"}
    assert found >= {
        *(
            "security_groups",
            "parameter_group",
            "scaling",
            "readers",
            "writer_parameter_group",
            "tag.backup",
            "writer_tag.team",
        ),
    }


def test_every_setting_of_a_cluster_is_changed_by_a_test() -> None:
    """A row that no test changes could be read from nowhere; so could a family."""
    changed = {name for _, names in (*OF_CLUSTER, *OF_WRITER) for name in names}
    described = {name for name, _, _ in (*DESCRIBED, *DESCRIBED_OF_WRITER)}

    assert CLUSTER_RULES.keys() - changed - described == ELSEWHERE
    assert not (described | changed) & ELSEWHERE
    assert CLUSTER_FAMILIES.keys() - FAMILIES.keys() == {"writer_parameter", "writer_tag"}


# what a member of DBCluster is not compared for; every other one is read
NOT_COMPARED = {
    "its identity, or the name of a way to it": {
        *("DBClusterIdentifier", "DBClusterArn", "DbClusterResourceId", "Endpoint", "ReaderEndpoint", "HostedZoneId"),
    },
    "what it does at the moment, and since when": {
        *(
            "Status",
            "StatusInfos",
            "PercentProgress",
            "ClusterCreateTime",
            "EarliestRestorableTime",
            "LatestRestorableTime",
        ),
        *(
            "AutomaticRestartTime",
            "IOOptimizedNextAllowedModificationTime",
            "GlobalWriteForwardingStatus",
            "AllocatedStorage",
        ),
    },
    "of Aurora MySQL": {"BacktrackWindow", "BacktrackConsumedChangeRecords", "EarliestBacktrackTime"},
    "of Aurora Serverless v1": {"Capacity", "ScalingConfigurationInfo", "EngineMode"},
    "of Multi-AZ DB clusters": {"Iops", "StorageThroughput", "DBClusterInstanceClass", "CertificateDetails"},
    "told by its writer, which it is in force at": {
        *("AutoMinorVersionUpgrade", "MonitoringInterval", "MonitoringRoleArn", "PubliclyAccessible"),
        *("PerformanceInsightsEnabled", "PerformanceInsightsKMSKeyId", "PerformanceInsightsRetentionPeriod"),
    },
    "a part of what is compared": {
        *("ActivityStreamMode", "ActivityStreamKmsKeyId", "ActivityStreamKinesisStreamName"),
        *("VPCNetworkingEnabled", "LimitlessDatabase"),
    },
    "told of the data, which are compared": {"DatabaseName", "CharacterSetName", "DBSystemId"},
    "where it comes from": {"CloneGroupId", "CrossAccountClone", "AwsBackupRecoveryPointArn"},
    "decided outside of it, or reserved by AWS": {
        *("UpgradeRolloutOrder", "RdsCustomClusterConfiguration", "DBClusterOptionGroupMemberships"),
    },
}


# members that the tests above change by ModifyDBCluster, with another value
FURTHER: dict[str, Any] = {
    "BackupRetentionPeriod": 30,
    "CopyTagsToSnapshot": False,
    "DBClusterMembers": [],
    "DBClusterParameterGroup": "another",
    "DeletionProtection": None,
    "EnabledCloudwatchLogsExports": [],
    "EngineLifecycleSupport": "another",
    "IAMDatabaseAuthenticationEnabled": False,
    "PreferredBackupWindow": "00:00-00:30",
    "PreferredMaintenanceWindow": "fri:00:00-fri:00:30",
    "ServerlessV2ScalingConfiguration": None,
    "StorageType": None,
    "TagList": [],
    "VpcSecurityGroups": [],
}


def test_every_member_that_aws_describes_is_compared_or_left_out_for_a_reason(configured: Configured) -> None:
    """What is new in DescribeDBClusters must not stay unseen: each member of botocore's model is found, or has a reason above."""
    shape: Any = botocore.session.get_session().get_service_model("rds").shape_for("DBCluster")
    left_out = set().union(*NOT_COMPARED.values())
    whole = configured.settings()
    unseen = [name for name, value in FURTHER.items() if not compare(whole, configured.settings({name: value}), {})]

    assert unseen == []
    assert left_out | FURTHER.keys() | {member for _, member, _ in DESCRIBED} == set(shape.members)
    assert not left_out & FURTHER.keys()
