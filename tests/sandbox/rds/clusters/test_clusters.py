"""Aurora clusters, their instances and endpoints, with a real server behind each: RDS API reference, CreateDBCluster."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from drills.errors import SandboxError
from tests.support.aurora import ENGINE, Cluster, create_cluster
from tests.support.rds import code, eventually, window
from tests.support.sandbox import RunningSandbox

NEW = {"Engine": ENGINE, "MasterUsername": "owner", "MasterUserPassword": "right!#$"}
TAKEN = {"DBClusterSnapshotIdentifier": "s"}
BACK = {"DBClusterIdentifier": "n", "SnapshotIdentifier": "no", "Engine": ENGINE}

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]


@pytest.fixture(scope="module")
def ledger(beating: RunningSandbox) -> Iterator[Cluster]:
    """A cluster with one instance and a table."""
    made = create_cluster(beating, "ledger", BackupRetentionPeriod=3, Tags=[{"Key": "team", "Value": "books"}])
    made.writer()
    made.run("CREATE TABLE item AS SELECT 7 AS id")
    yield made
    made.remove()


def test_a_cluster_without_instances_has_data_and_no_server(beating: RunningSandbox) -> None:
    """It is available, its endpoint refuses, and it can be deleted; a cluster of another engine is refused."""
    made = create_cluster(beating, "bare")
    seen = made.available()
    assert (seen["DBClusterMembers"], seen["Engine"], seen["BackupRetentionPeriod"]) == ([], ENGINE, 1)
    assert seen["DBClusterArn"].endswith(":cluster:bare")
    assert "EarliestRestorableTime" not in seen
    with pytest.raises(psycopg.OperationalError):
        made.connect()
    with pytest.raises(ClientError) as refused:
        create_cluster(beating, "never", Engine="aurora-mysql")
    assert code(refused) == "InvalidParameterValue"
    made.remove()


def test_a_seed_is_loaded_into_a_cluster_by_its_name(ledger: Cluster) -> None:
    """The sandbox's own API takes a cluster for an instance: its server gets the sample, and its state is told."""
    control = ledger.sandbox.control
    loaded = control.load_seed("ledger", "sample")
    with ledger.connect(dbname=loaded["database"]) as session:
        found = session.execute("SELECT count(*) FROM shop.orders").fetchone()
    assert found is not None
    assert found[0] > 0
    told = control.instance("ledger")
    assert (told["id"], told["status"], told["endpoint"]["Port"]) == ("ledger", "available", ledger.described()["Port"])
    assert told["pid"]
    with pytest.raises(SandboxError, match="no instance nobody"):
        control.instance("nobody")


def test_the_engine_and_its_quotas_are_described(beating: RunningSandbox) -> None:
    """Every server at hand is a version of Aurora PostgreSQL too, can be ordered, and clusters have quotas of their own."""
    rds = beating.client("rds")
    versions = rds.describe_db_engine_versions(Engine=ENGINE)["DBEngineVersions"]
    assert {each["EngineVersion"] for each in versions} == {each["version"] for each in beating.postgres}
    assert all(each["DBParameterGroupFamily"].startswith(ENGINE) for each in versions)
    majors = rds.describe_db_major_engine_versions(Engine=ENGINE)["DBMajorEngineVersions"]
    assert {each["MajorEngineVersion"] for each in majors} == {each["MajorEngineVersion"] for each in versions}
    asked = {"Engine": ENGINE, "DBInstanceClass": "db.serverless"}
    options = rds.describe_orderable_db_instance_options(**asked)["OrderableDBInstanceOptions"]
    assert {each["EngineVersion"] for each in options} == {each["EngineVersion"] for each in versions}
    quotas = {each["AccountQuotaName"]: each["Max"] for each in rds.describe_account_attributes()["AccountQuotas"]}
    assert (quotas["DBClusters"], quotas["ManualClusterSnapshots"]) == (40, 100)


def test_the_first_instance_starts_the_server(ledger: Cluster) -> None:
    """The writer's own endpoint and the writer endpoint lead to one server; the instance shows what its cluster decides."""
    ledger.restorable_past(ledger.described()["ClusterCreateTime"])
    seen, (member,) = ledger.described(), ledger.described()["DBClusterMembers"]
    assert (member["IsClusterWriter"], member["DBClusterParameterGroupStatus"]) == (True, "in-sync")
    assert seen["EarliestRestorableTime"] <= seen["LatestRestorableTime"]
    by = [{"Name": "db-cluster-id", "Values": ["ledger"]}]
    (db,) = ledger.rds.describe_db_instances(Filters=by)["DBInstances"]
    assert (db["DBClusterIdentifier"], db["Engine"], db["StorageType"]) == ("ledger", ENGINE, "aurora")
    assert (db["BackupRetentionPeriod"], db["PromotionTier"], db["MasterUsername"]) == (3, 1, seen["MasterUsername"])
    assert "LatestRestorableTime" not in db
    assert db["Endpoint"]["Port"] != seen["Port"]
    with ledger.connect(port=db["Endpoint"]["Port"]) as session:
        assert session.execute("SELECT id FROM item").fetchone() == (7,)
    assert ledger.value("SHOW archive_mode") == "on"


def test_a_reader_has_an_endpoint_and_takes_over(beating: RunningSandbox) -> None:
    """A second instance has a port of its own, and becomes the writer when the first is deleted (Aurora User Guide, failover)."""
    made = create_cluster(beating, "pair")
    first = made.writer()
    second = made.add("pair-reader", PromotionTier=0)
    reader = second.available()
    assert [each["IsClusterWriter"] for each in made.described()["DBClusterMembers"]] == [True, False]
    with made.connect(port=reader["Endpoint"]["Port"]) as session:
        assert session.execute("SELECT 1").fetchone() == (1,)
    made.rds.delete_db_instance(DBInstanceIdentifier=first.name)
    eventually(first.gone, "the writer to go")
    (left,) = made.described()["DBClusterMembers"]
    assert (left["DBInstanceIdentifier"], left["IsClusterWriter"]) == ("pair-reader", True)
    assert made.value("SELECT 1") == 1
    made.remove()


def test_the_data_stay_when_the_last_instance_goes(beating: RunningSandbox) -> None:
    """A cluster outlives its instances, its endpoint refuses meanwhile, and a new instance finds the data."""
    made = create_cluster(beating, "patient")
    first = made.writer()
    made.run("CREATE TABLE item AS SELECT 5 AS id")
    first.rds.delete_db_instance(DBInstanceIdentifier=first.name)
    eventually(first.gone, "the instance to go")
    with pytest.raises(psycopg.OperationalError):
        made.connect()
    made.writer("patient-again")
    assert made.value("SELECT id FROM item") == 5
    made.remove()


@pytest.mark.parametrize(
    ("operation", "asked", "expected"),
    [
        ("delete_db_cluster", {"SkipFinalSnapshot": True}, "InvalidDBClusterStateFault"),
        ("delete_db_cluster", {"DBClusterIdentifier": "nobody", "SkipFinalSnapshot": True}, "DBClusterNotFoundFault"),
        ("create_db_cluster", NEW, "DBClusterAlreadyExistsFault"),
        ("modify_db_cluster", {"BackupRetentionPeriod": 0}, "InvalidParameterValue"),
        ("modify_db_cluster", {"ServerlessV2ScalingConfiguration": {"MinCapacity": 8, "MaxCapacity": 2}}, "InvalidParameterValue"),
        ("modify_db_cluster", {"DBClusterParameterGroupName": "nothing"}, "DBClusterParameterGroupNotFound"),
        ("create_db_cluster_snapshot", TAKEN | {"DBClusterIdentifier": "nobody"}, "DBClusterNotFoundFault"),
        ("describe_db_clusters", {"DBClusterIdentifier": "nobody"}, "DBClusterNotFoundFault"),
        ("restore_db_cluster_from_snapshot", BACK, "DBClusterSnapshotNotFoundFault"),
    ],
    ids=str,
)  # fmt: skip
def test_what_a_cluster_cannot_do_is_refused(
    ledger: Cluster, operation: str, asked: dict[str, Any], expected: str
) -> None:
    """Deleting a cluster with instances, names that are taken or unknown, and impossible values have AWS's codes."""
    with pytest.raises(ClientError) as refused:
        getattr(ledger.rds, operation)(**({"DBClusterIdentifier": "ledger"} | asked))
    assert code(refused) == expected


@pytest.mark.parametrize(
    ("operation", "asked", "expected"),
    [
        ("create_db_instance", {"DBInstanceIdentifier": "n", "AllocatedStorage": 20}, "InvalidParameterCombination"),
        ("create_db_instance", {"DBInstanceIdentifier": "n", "Engine": "postgres"}, "InvalidParameterCombination"),
        ("create_db_instance", {"DBInstanceIdentifier": "n", "DBClusterIdentifier": "no"}, "DBClusterNotFoundFault"),
        ("create_db_instance", {"DBInstanceIdentifier": "n", "DBInstanceClass": "db.serverless"}, "InvalidDBClusterStateFault"),
        ("create_db_instance", {"DBInstanceIdentifier": "n", "PromotionTier": 16}, "InvalidParameterValue"),
        ("create_db_instance", {"DBInstanceIdentifier": "ledger-writer"}, "DBInstanceAlreadyExists"),
        ("modify_db_instance", {"BackupRetentionPeriod": 2}, "InvalidParameterCombination"),
        ("create_db_snapshot", {"DBSnapshotIdentifier": "s"}, "InvalidParameterValue"),
        ("stop_db_instance", {}, "InvalidDBClusterStateFault"),
        ("delete_db_instance", {"FinalDBSnapshotIdentifier": "last"}, "InvalidParameterCombination"),
    ],
    ids=str,
)  # fmt: skip
def test_what_an_instance_of_a_cluster_cannot_do_is_refused(
    ledger: Cluster, operation: str, asked: dict[str, Any], expected: str
) -> None:
    """What the cluster decides, and what only a cluster can do, is refused of its instances with AWS's codes."""
    new = {"DBInstanceClass": "db.r6g.large", "Engine": ENGINE, "DBClusterIdentifier": "ledger"}
    named = new if operation == "create_db_instance" else {}
    with pytest.raises(ClientError) as refused:
        getattr(ledger.rds, operation)(**({"DBInstanceIdentifier": "ledger-writer"} | named | asked))
    assert code(refused) == expected


def test_a_cluster_is_modified_and_renamed(beating: RunningSandbox) -> None:
    """Capacity, protection and password change at once; a new name has another port, and waits without ApplyImmediately."""
    day = timedelta(hours=24)
    windows = {
        "PreferredMaintenanceWindow": window(beating.control.now() + 2 * day),
        "PreferredBackupWindow": window(beating.control.now() + day / 2, "%H:%M"),
    }
    made = create_cluster(beating, "former", DeletionProtection=True, **windows)
    member, change = made.writer(), {"DBClusterIdentifier": "former"}
    with pytest.raises(ClientError) as refused:
        made.rds.delete_db_cluster(**change, SkipFinalSnapshot=True)
    assert code(refused) == "InvalidParameterCombination"
    made.password = "another-" + made.password
    made.rds.modify_db_cluster(
        **change,
        DeletionProtection=False,
        MasterUserPassword=made.password,
        BackupRetentionPeriod=5,
        ServerlessV2ScalingConfiguration={"MinCapacity": 0.5, "MaxCapacity": 4},
    )
    seen = made.available()
    assert seen["ServerlessV2ScalingConfiguration"] == {"MinCapacity": 0.5, "MaxCapacity": 4.0}
    assert member.described()["BackupRetentionPeriod"] == seen["BackupRetentionPeriod"] == 5
    assert made.value("SELECT 1") == 1
    made.rds.modify_db_cluster(**change, NewDBClusterIdentifier="latter")
    assert made.available()["PendingModifiedValues"] == {"DBClusterIdentifier": "latter"}
    made.rds.modify_db_cluster(**change, NewDBClusterIdentifier="latter", ApplyImmediately=True)
    eventually(made.gone, "the old name to go")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(host=seen["Endpoint"], port=seen["Port"], user="owner", dbname="app")
    made.name = "latter"
    renamed = made.available()
    assert "PendingModifiedValues" not in renamed
    assert renamed["DbClusterResourceId"] == seen["DbClusterResourceId"]
    assert (member.described()["DBClusterIdentifier"], made.value("SELECT 1")) == ("latter", 1)
    made.remove()


def test_parameters_of_a_cluster_reach_its_server(beating: RunningSandbox) -> None:
    """A cluster group's values are in force from the first start; a group in use, of another family or unknown is refused."""
    rds, major = beating.client("rds"), beating.postgres[0]["major"]
    group = {"DBClusterParameterGroupName": "tuned"}
    rds.create_db_cluster_parameter_group(**group, DBParameterGroupFamily=f"{ENGINE}{major}", Description="for a test")

    def set_to(value: str) -> None:
        row = {"ParameterName": "work_mem", "ParameterValue": value, "ApplyMethod": "immediate"}
        rds.modify_db_cluster_parameter_group(**group, Parameters=[row])

    set_to("5120")
    made = create_cluster(beating, "tuned-cluster", **group)
    made.writer()
    assert made.value("SHOW work_mem") == "5MB"
    set_to("6144")
    eventually(lambda: made.value("SHOW work_mem") == "6MB", "the new value")
    assert made.described()["DBClusterMembers"][0]["DBClusterParameterGroupStatus"] == "in-sync"
    user = {each["ParameterName"] for each in rds.describe_db_cluster_parameters(**group, Source="user")["Parameters"]}
    assert user == {"work_mem"}
    with pytest.raises(ClientError) as refused:
        rds.delete_db_cluster_parameter_group(**group)
    assert code(refused) == "InvalidDBParameterGroupState"
    made.remove()
    rds.delete_db_cluster_parameter_group(**group)
    with pytest.raises(ClientError) as refused:
        rds.describe_db_cluster_parameters(**group)
    assert code(refused) == "DBParameterGroupNotFound"
