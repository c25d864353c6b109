"""Aurora clusters, their recovery points and their backups, read from the sandbox as those of instances are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from drills.aws import read, settings
from drills.aws.databases.described import read_cluster
from drills.aws.databases.kinds import CLUSTER
from drills.aws.session import Clients
from drills.cli.init import look
from drills.errors import DrillError
from drills.posture import protected
from tests.support.aurora import ENGINE, Cluster, create_cluster
from tests.support.rds import ROLE, eventually
from tests.support.sandbox import RunningSandbox

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]
VAULT = "read-vault"


@pytest.fixture(scope="module")
def clients(beating: RunningSandbox) -> Clients:
    """Clients of the sandbox, which may send anything."""
    names = ("rds", "backup", "ec2", "sts", "logs", "secretsmanager", "kms")
    opened = {name: beating.client(name) for name in names}
    return Clients(**opened, region=beating.region, account="123456789012")


@pytest.fixture(scope="module")
def cluster(beating: RunningSandbox) -> Iterator[Cluster]:
    """A cluster with an instance, a snapshot of each kind, and a window to restore within."""
    made = create_cluster(beating, "read-me", StorageEncrypted=True)
    made.writer()
    made.snapshot("read-me-by-hand")
    backup = beating.client("backup")
    backup.create_backup_vault(BackupVaultName=VAULT)
    asked = {"BackupVaultName": VAULT, "ResourceArn": made.described()["DBClusterArn"], "IamRoleArn": ROLE}
    job = backup.start_backup_job(**asked)["BackupJobId"]
    eventually(lambda: backup.describe_backup_job(BackupJobId=job)["State"] == "COMPLETED", "the backup job")
    made.available()
    made.restorable_past(beating.control.now())
    yield made
    arn = backup.describe_backup_job(BackupJobId=job)["RecoveryPointArn"]
    backup.delete_recovery_point(BackupVaultName=VAULT, RecoveryPointArn=arn)
    made.remove()
    made.rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier="read-me-by-hand")


def test_a_cluster_is_read_with_its_writer(clients: Clients, cluster: Cluster) -> None:
    """Identity, status and endpoint are the cluster's; class, subnets and public access its writer's, as it does not tell them."""
    found = read.describe_instance(clients, "read-me", CLUSTER)
    assert found is not None
    shown = cluster.described()
    assert (found.id, found.arn, found.dbi_resource_id) == (
        "read-me",
        shown["DBClusterArn"],
        shown["DbClusterResourceId"],
    )
    assert (found.engine, found.status, found.pending) == (ENGINE, "available", ())
    assert (found.host, found.port, found.master_username) == (
        shown["Endpoint"],
        shown["Port"],
        shown["MasterUsername"],
    )
    assert (found.instance_class, found.publicly_accessible) == ("db.r6g.large", False)
    assert found.parameter_group == shown["DBClusterParameterGroup"]
    assert found.subnet_ids
    assert read.describe_instance(clients, "nobody", CLUSTER) is None


def test_a_cluster_without_a_writer_has_no_endpoint_yet() -> None:
    """AWS shows the endpoint from the beginning; where nobody answers, host and port are not known."""
    raw = {"DBClusterIdentifier": "bare", "Endpoint": "bare.cluster-x.eu-central-1.rds.amazonaws.com", "Port": 5432}
    found = read_cluster(raw, None)
    assert (found.host, found.port, found.instance_class) == ("", 0, "")


def test_its_configuration_is_read_with_its_writers(clients: Clients, cluster: Cluster) -> None:
    """Backups, groups, port and key are the cluster's, class and subnets the writer's; no such cluster is a sentence."""
    shown, found = cluster.described(), settings.read_settings(clients, "read-me", CLUSTER)
    assert (found["instance_id"], found["arn"], found["dbi_resource_id"]) == (
        *("read-me", shown["DBClusterArn"], shown["DbClusterResourceId"]),
    )
    assert (found["parameter_group"], found["port"], found["kms_key"]) == (
        *(shown["DBClusterParameterGroup"], shown["Port"], shown["KmsKeyId"]),
    )
    assert (found["backup_retention_days"], found["engine"]) == (shown["BackupRetentionPeriod"], ENGINE)
    assert (found["instance_class"], bool(found["subnets"])) == ("db.r6g.large", True)
    assert "allocated_storage" not in found  # Aurora has none to choose
    with pytest.raises(DrillError, match='expected a cluster "nobody"'):
        settings.read_settings(clients, "nobody", CLUSTER)


def test_points_of_each_kind_are_found_once(clients: Clients, cluster: Cluster) -> None:
    """A manual snapshot, an automated one and AWS Backup's, by RDS and by the vault; each says whose it is."""
    points = {each.kind: each for each in read.recovery_points(clients, "read-me", VAULT, CLUSTER)}
    assert set(points) == {"manual", "automated", "awsbackup"}
    shown = cluster.described()
    for point in points.values():
        assert (point.instance_id, point.dbi_resource_id) == ("read-me", shown["DbClusterResourceId"])
        assert (point.encrypted, point.kms_key_id) == (True, shown["KmsKeyId"])
        assert point.data_time is not None
    backed_up = points["awsbackup"]
    assert (backed_up.vault, backed_up.status) == (VAULT, "COMPLETED")
    assert backed_up.snapshot_id.startswith("awsbackup:job-")
    assert read.snapshot_status(clients, "read-me-by-hand", CLUSTER) == "available"
    assert read.snapshot_status(clients, "nothing", CLUSTER) == ""
    assert read.recovery_points(clients, "read-me", VAULT) == ()


def test_the_automated_backup_says_until_when(clients: Clients, cluster: Cluster) -> None:
    """Its window is what DescribeDBClusters says too, and it becomes a point whose moment is still to be chosen."""
    shown = cluster.described()
    raw = read.automated_backup(clients, "read-me", shown["DbClusterResourceId"], CLUSTER)
    window = read.window_of(raw)
    assert raw is not None
    assert window is not None
    assert window.earliest == shown["EarliestRestorableTime"]
    assert window.latest >= shown["LatestRestorableTime"]
    point = read.read_continuous(raw, CLUSTER)
    assert (point.kind, point.dbi_resource_id) == ("continuous", shown["DbClusterResourceId"])
    assert ":cluster-auto-backup:" in point.arn
    assert [each["DBClusterIdentifier"] for each in read.automated_backups(clients, "read-me", CLUSTER)] == ["read-me"]
    assert read.automated_backup(clients, "gone", "cluster-NONE", CLUSTER) is None
    assert read.version_status(clients, shown["EngineVersion"], CLUSTER) == "available"


def test_a_fleet_finds_it_by_its_tag_and_none_of_its_instances(clients: Clients, cluster: Cluster) -> None:
    """What AWS Backup protects is the cluster: the tag of its writer makes no target of that, and is not missed."""
    tags, member = (
        [{"Key": "fleet", "Value": "weekly"}],
        cluster.described()["DBClusterMembers"][0]["DBInstanceIdentifier"],
    )
    writer = clients.rds.describe_db_instances(DBInstanceIdentifier=member)["DBInstances"][0]["DBInstanceArn"]
    clients.rds.add_tags_to_resource(ResourceName=writer, Tags=tags)
    (sentence,) = protected.find(clients, "fleet", "weekly").left_out
    clients.rds.add_tags_to_resource(ResourceName=cluster.described()["DBClusterArn"], Tags=tags)

    assert sentence == f'{member}: expected the tag at its cluster, found it at an instance of it alone: tag "read-me"'
    assert protected.find(clients, "fleet", "weekly") == protected.Protected((("cluster", "read-me"),))


def test_drills_init_finds_it_as_a_source_with_its_points(clients: Clients, cluster: Cluster) -> None:
    """With its writer's class and the points of its vault; its instance is no source, and leads to the cluster."""
    there = look.sources(clients)
    (source,) = (each for each in there.all if each.instance.id == "read-me")
    member = cluster.described()["DBClusterMembers"][0]["DBInstanceIdentifier"]

    assert (source.kind, source.label, source.copy_of) == ("cluster", "cluster read-me", "")
    assert (source.instance.instance_class, source.key) == ("db.r6g.large", cluster.described()["KmsKeyId"])
    assert (there.members[member], there.unread) == ("read-me", "")
    assert member not in {each.instance.id for each in there.all}
    points = look.look_around(clients, source, VAULT).points
    assert {each.kind for each in points} == {"manual", "automated", "awsbackup"}
