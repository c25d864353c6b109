"""Cluster snapshots and restores with real data: RestoreDBClusterFromSnapshot and RestoreDBClusterToPointInTime."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.aurora import ENGINE, Cluster, create_cluster, restore_cluster
from tests.support.rds import code, eventually
from tests.support.sandbox import RunningSandbox

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]

ELSEWHERE = "eu-west-1"


@pytest.fixture(scope="module")
def saga(beating: RunningSandbox) -> Iterator[tuple[Cluster, datetime]]:
    """An encrypted cluster with row A in a snapshot, a moment, and row B after it."""
    made = create_cluster(
        beating, "saga", StorageEncrypted=True, BackupRetentionPeriod=4, Tags=[{"Key": "team", "Value": "books"}],
        ServerlessV2ScalingConfiguration={"MinCapacity": 1, "MaxCapacity": 2}, CopyTagsToSnapshot=True,
    )  # fmt: skip
    made.available()
    made.add("saga-writer", DBInstanceClass="db.serverless").available()
    made.available()
    made.run("CREATE TABLE item (name text)")
    made.run("INSERT INTO item VALUES ('A')")
    made.snapshot("saga-a")
    moment = beating.control.now()
    made.run("INSERT INTO item VALUES ('B')")
    made.restorable_past(beating.control.now())
    yield made, moment
    made.remove()
    made.rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier="saga-a")


def items(cluster: Cluster) -> str:
    """The rows of the table, sorted."""
    return str(cluster.value("SELECT string_agg(name, '' ORDER BY name) FROM item"))


def test_a_snapshot_shows_what_it_was_taken_of(saga: tuple[Cluster, datetime]) -> None:
    """Name, type, key, tags and the cluster's resource id; automated ones are made by RDS and cannot be deleted or shared."""
    source, _ = saga
    seen, rds = source.described(), source.rds
    (taken,) = rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier="saga-a")["DBClusterSnapshots"]
    assert (taken["SnapshotType"], taken["Engine"], taken["PercentProgress"]) == ("manual", ENGINE, 100)
    assert (taken["KmsKeyId"], taken["DbClusterResourceId"]) == (seen["KmsKeyId"], seen["DbClusterResourceId"])
    assert taken["TagList"] == [{"Key": "team", "Value": "books"}]
    assert taken["DBClusterSnapshotArn"].endswith(":cluster-snapshot:saga-a")
    listed = rds.describe_db_cluster_snapshots(DBClusterIdentifier="saga", SnapshotType="automated")
    (automated,) = listed["DBClusterSnapshots"]
    assert automated["DBClusterSnapshotIdentifier"].startswith("rds:saga-")
    name = {"DBClusterSnapshotIdentifier": automated["DBClusterSnapshotIdentifier"]}
    with pytest.raises(ClientError) as refused:
        rds.delete_db_cluster_snapshot(**name)
    assert code(refused) == "InvalidDBClusterSnapshotStateFault"
    with pytest.raises(ClientError) as refused:
        rds.modify_db_cluster_snapshot_attribute(**name, AttributeName="restore", ValuesToAdd=["111122223333"])
    assert code(refused) == "InvalidDBClusterSnapshotStateFault"


def test_a_restored_cluster_has_the_snapshots_data_and_no_instances(saga: tuple[Cluster, datetime]) -> None:
    """The key, the retention and the owner come along; groups, protection and capacity are reset, and no tag is copied."""
    source, _ = saga
    before = source.described()
    copy = restore_cluster(
        source, "saga-a", "saga-copy", EngineLifecycleSupport="open-source-rds-extended-support-disabled"
    )
    seen = copy.available()
    assert seen["DBClusterMembers"] == []
    for same in (
        "KmsKeyId",
        "BackupRetentionPeriod",
        "MasterUsername",
        "DatabaseName",
        "EngineVersion",
        "StorageEncrypted",
    ):
        assert seen[same] == before[same], same
    assert seen["DbClusterResourceId"] != before["DbClusterResourceId"]
    assert (seen["TagList"], seen["DeletionProtection"], seen["CopyTagsToSnapshot"]) == ([], False, False)
    assert "ServerlessV2ScalingConfiguration" not in seen
    assert seen["EngineLifecycleSupport"] == "open-source-rds-extended-support-disabled"
    copy.writer()
    assert (items(copy), items(source)) == ("A", "AB")
    copy.run("INSERT INTO item VALUES ('C')")
    assert items(source) == "AB"
    assert "Restored from snapshot saga-a" in copy.events()
    copy.remove()


def test_a_cluster_that_is_being_restored_takes_no_instance(saga: tuple[Cluster, datetime]) -> None:
    """It has to be available first; it can be deleted all the same."""
    source, _ = saga
    source.sandbox.control.arm("stuck-creating", service="rds", name="saga-stuck")
    stuck = restore_cluster(source, "saga-a", "saga-stuck")
    with pytest.raises(ClientError) as refused:
        stuck.add("too-early")
    assert code(refused) == "InvalidDBClusterStateFault"
    stuck.remove()
    source.sandbox.control.clear_faults()


def test_damage_to_a_cluster_snapshot_is_restored(saga: tuple[Cluster, datetime]) -> None:
    """What is damaged in the stored snapshot is missing in the restored cluster, and nothing of it in the source."""
    source, _ = saga
    source.snapshot("saga-harmed")
    source.sandbox.control.damage("saga-harmed", ["row"])
    copy = restore_cluster(source, "saga-harmed", "saga-poor")
    copy.available()
    copy.writer()
    assert (len(items(copy)), len(items(source))) == (1, 2)
    copy.remove()
    source.rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier="saga-harmed")


def test_a_cluster_is_restored_to_a_moment(saga: tuple[Cluster, datetime]) -> None:
    """What was committed before RestoreToTime is there and nothing after it; the latest time has all."""
    source, moment = saga
    for name, asked, expected in (
        ("saga-then", {"RestoreToTime": moment}, "A"),
        ("saga-now", {"UseLatestRestorableTime": True}, "AB"),
    ):
        source.rds.restore_db_cluster_to_point_in_time(
            DBClusterIdentifier=name, SourceDBClusterIdentifier="saga", **asked
        )
        copy = Cluster(source.sandbox, name, source.password)
        assert copy.available()["DBClusterMembers"] == []
        copy.writer()
        assert items(copy) == expected
        assert copy.value("SELECT pg_is_in_recovery()") is False
        copy.remove()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"RestoreToTime": "late"}, "InvalidParameterValue"),
        ({"RestoreToTime": "early"}, "InvalidParameterValue"),
        ({}, "InvalidParameterCombination"),
        ({"UseLatestRestorableTime": True, "RestoreType": "copy-on-write"}, "InvalidParameterCombination"),
        ({"UseLatestRestorableTime": True, "SourceDBClusterIdentifier": "nobody"}, "DBClusterNotFoundFault"),
        ({"UseLatestRestorableTime": True, "DBClusterIdentifier": "saga"}, "DBClusterAlreadyExistsFault"),
    ],
    ids=str,
)
def test_what_cannot_be_restored_is_refused(
    saga: tuple[Cluster, datetime], asked: dict[str, Any], expected: str
) -> None:
    """A moment outside of the window, none, a clone, and names that are taken or unknown are refused with AWS's codes."""
    source, _ = saga
    moments = {"late": timedelta(hours=1), "early": timedelta(days=-2)}
    if "RestoreToTime" in asked:
        asked = asked | {"RestoreToTime": source.described()["LatestRestorableTime"] + moments[asked["RestoreToTime"]]}
    with pytest.raises(ClientError) as refused:
        source.rds.restore_db_cluster_to_point_in_time(
            **({"DBClusterIdentifier": "never", "SourceDBClusterIdentifier": "saga"} | asked)
        )
    assert code(refused) == expected


def test_a_snapshot_is_copied_to_another_region(saga: tuple[Cluster, datetime]) -> None:
    """An encrypted one needs a key of that region, and its copy names its source (RDS API, CopyDBClusterSnapshot)."""
    source, _ = saga
    there = source.sandbox.client("rds", region_name=ELSEWHERE, config=None)
    (home,) = source.rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier="saga-a")["DBClusterSnapshots"]
    wanted = {
        "SourceDBClusterSnapshotIdentifier": home["DBClusterSnapshotArn"],
        "TargetDBClusterSnapshotIdentifier": "saga-abroad",
    }
    with pytest.raises(ClientError) as refused:
        there.copy_db_cluster_snapshot(**wanted, SourceRegion=source.sandbox.region)
    assert code(refused) == "InvalidParameterCombination"
    kms = source.sandbox.client("kms", region_name=ELSEWHERE, config=None)
    key = kms.create_key()["KeyMetadata"]["Arn"]
    copied = there.copy_db_cluster_snapshot(**wanted, SourceRegion=source.sandbox.region, KmsKeyId=key)
    shown = copied["DBClusterSnapshot"]
    assert (shown["KmsKeyId"], shown["SourceDBClusterSnapshotArn"]) == (key, home["DBClusterSnapshotArn"])
    assert f":{ELSEWHERE}:" in shown["DBClusterSnapshotArn"]
    there.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier="saga-abroad")


def test_a_final_snapshot_outlives_its_cluster(beating: RunningSandbox) -> None:
    """DeleteDBCluster wants a final snapshot or SkipFinalSnapshot; the snapshot restores, and automated ones are gone."""
    made = create_cluster(beating, "mortal")
    member = made.writer()
    made.run("CREATE TABLE item (name text)")
    made.run("INSERT INTO item VALUES ('last')")
    rds, name = made.rds, {"DBClusterIdentifier": "mortal"}
    rds.delete_db_instance(DBInstanceIdentifier=member.name)
    for asked in ({}, {"FinalDBSnapshotIdentifier": "mortal-last", "SkipFinalSnapshot": True}):
        with pytest.raises(ClientError) as refused:
            rds.delete_db_cluster(**name, **asked)
        assert code(refused) == "InvalidParameterCombination"
    answer = rds.delete_db_cluster(**name, FinalDBSnapshotIdentifier="mortal-last")
    assert answer["DBCluster"]["Status"] == "deleting"
    eventually(made.gone, "the cluster to go")
    kinds = [each["SnapshotType"] for each in rds.describe_db_cluster_snapshots(**name)["DBClusterSnapshots"]]
    assert kinds == ["manual"]
    assert rds.describe_db_cluster_automated_backups(**name)["DBClusterAutomatedBackups"] == []
    back = restore_cluster(made, "mortal-last", "risen")
    back.available()
    back.writer()
    assert items(back) == "last"
    back.remove()
    rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier="mortal-last")


def test_retained_backups_restore_a_deleted_cluster(beating: RunningSandbox) -> None:
    """DeleteAutomatedBackups=False leaves a `retained` backup, from which the last moment comes back, until deleted."""
    made = create_cluster(beating, "lamented", BackupRetentionPeriod=2)
    member = made.writer()
    made.run("CREATE TABLE item (name text)")
    made.run("INSERT INTO item VALUES ('end')")
    made.restorable_past(made.described()["ClusterCreateTime"])
    rds, resource_id = made.rds, made.described()["DbClusterResourceId"]
    by = {"DbClusterResourceId": resource_id}
    (alive,) = rds.describe_db_cluster_automated_backups(DBClusterIdentifier="lamented")["DBClusterAutomatedBackups"]
    assert (alive["Status"], alive["DbClusterResourceId"]) == ("active", resource_id)
    with pytest.raises(ClientError) as refused:
        rds.delete_db_cluster_automated_backup(**by)
    assert code(refused) == "InvalidDBClusterAutomatedBackupStateFault"
    rds.delete_db_instance(DBInstanceIdentifier=member.name)
    rds.delete_db_cluster(DBClusterIdentifier="lamented", SkipFinalSnapshot=True, DeleteAutomatedBackups=False)
    eventually(made.gone, "the cluster to go")
    wanted = [{"Name": "status", "Values": ["retained"]}]
    (kept,) = rds.describe_db_cluster_automated_backups(Filters=wanted)["DBClusterAutomatedBackups"]
    assert (kept["DBClusterIdentifier"], kept["DBClusterAutomatedBackupsArn"]) == (
        "lamented",
        alive["DBClusterAutomatedBackupsArn"],
    )
    assert kept["RestoreWindow"]["EarliestTime"] < kept["RestoreWindow"]["LatestTime"]
    again = {
        "DBClusterIdentifier": "mourned",
        "SourceDbClusterResourceId": resource_id,
        "UseLatestRestorableTime": True,
    }
    rds.restore_db_cluster_to_point_in_time(**again)
    back = Cluster(beating, "mourned", made.password)
    back.available()
    back.writer()
    assert items(back) == "end"
    back.remove()
    rds.delete_db_cluster_automated_backup(**by)
    assert rds.describe_db_cluster_automated_backups(**by)["DBClusterAutomatedBackups"] == []
    with pytest.raises(ClientError) as refused:
        rds.restore_db_cluster_to_point_in_time(**again)
    assert code(refused) == "DBClusterAutomatedBackupNotFoundFault"
