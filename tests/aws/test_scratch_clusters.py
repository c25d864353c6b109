"""What a cluster is restored into: a scratch cluster with one instance, harmless before its first start, and its removal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from drills.aws import read
from drills.aws.cleanup import remove_all, uses
from drills.aws.databases.kinds import CLUSTER
from drills.aws.databases.requests import ScratchGroups, cluster_request
from drills.aws.guarded.guard import Guard, NotOwn, Protected
from drills.aws.guarded.names import ScratchName, ScratchNames, scratch_tags
from drills.aws.scratch import Scratch
from drills.aws.session import Clients
from drills.clock import SystemClock
from drills.config.limits import Limit
from drills.config.target import RestoreConfig
from drills.errors import RestoreFailed
from drills.model.engine import ENROLLED
from drills.model.instance import Resource, in_order_of_removal
from drills.model.point import RecoveryPoint
from drills.model.record import RunRecord
from drills.record import Journal, new_run_id
from drills.sweep.find import find
from tests.support.aurora import Cluster, create_cluster
from tests.support.rds import Instance, eventually
from tests.support.sandbox import RunningSandbox

POINT = RecoveryPoint(
    "arn:aws:rds:eu-central-1:123456789012:cluster-snapshot:awsbackup:job-1", "awsbackup", "awsbackup:job-1", None, "COMPLETED",
    "orders", "cluster-SOURCE", None, None, None, "", engine_version="16.9",
)  # fmt: skip
GROUPS = ScratchGroups("cluster-parameters", "subnets", "sg-1")


# -- pure --------------------------------------------------------------------------------------------------------------


def test_a_cluster_is_restored_closed_and_unprotected() -> None:
    """From the point's snapshot in its version, or to a moment by resource id; nothing is left to a default of the account."""
    request = cluster_request("drill-x-recovery", GROUPS, POINT, ENROLLED, (0.5, 4.0), [{"Key": "k", "Value": "v"}])
    asked = request.parameters
    assert request.operation == "RestoreDBClusterFromSnapshot"
    assert (asked["SnapshotIdentifier"], asked["EngineVersion"]) == ("awsbackup:job-1", "16.9")
    assert (asked["DeletionProtection"], asked["BackupRetentionPeriod"], asked["EnableCloudwatchLogsExports"]) == (
        False,
        1,
        [],
    )
    assert asked["DBClusterParameterGroupName"] == "cluster-parameters"
    assert asked["ServerlessV2ScalingConfiguration"] == {"MinCapacity": 0.5, "MaxCapacity": 4.0}
    moment = datetime(2026, 11, 1, tzinfo=UTC)
    there = RecoveryPoint("arn", "continuous", "", None, "active", "orders", "cluster-SOURCE", None, None, moment, "")
    request = cluster_request("drill-x-recovery", GROUPS, there, ENROLLED, None, [])
    assert request.operation == "RestoreDBClusterToPointInTime"
    assert (request.parameters["SourceDbClusterResourceId"], request.parameters["RestoreToTime"]) == (
        "cluster-SOURCE",
        moment,
    )
    assert not {"SnapshotIdentifier", "ServerlessV2ScalingConfiguration"} & set(request.parameters)


def test_an_instance_goes_before_its_cluster_and_both_before_their_groups() -> None:
    """AWS refuses a cluster with instances and a group in use, so that the order of removal follows the names."""
    names = ScratchNames.of("20261101T000000Z-abcdef", "recovery")
    writer, cluster = Resource("db-instance", names.writer, "made"), Resource("db-cluster", names.instance, "made")
    group = Resource("db-cluster-parameter-group", names.cluster_parameters, "made")
    rehearsed = Resource("db-instance", ScratchNames.of("20261101T000000Z-abcdef", "rehearsal").writer, "made")
    assert [each.kind for each in in_order_of_removal((group, cluster, writer))] == [
        writer.kind,
        cluster.kind,
        group.kind,
    ]
    assert uses(writer, cluster)
    assert uses(cluster, group)
    assert not uses(rehearsed, cluster)
    assert not uses(cluster, writer)


# -- in the sandbox ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clients(beating: RunningSandbox) -> Clients:
    """Clients of the sandbox."""
    names = ("rds", "backup", "ec2", "sts", "logs", "secretsmanager", "kms")
    return Clients(**{name: beating.client(name) for name in names}, region=beating.region, account="123456789012")


@pytest.fixture(scope="module")
def source(beating: RunningSandbox) -> Iterator[Cluster]:
    """A cluster with a row and a snapshot of it, whose group preloads nothing and sets work_mem."""
    rds, major = beating.client("rds"), beating.postgres[0]["major"]
    group = {"DBClusterParameterGroupName": "source-values"}
    rds.create_db_cluster_parameter_group(
        **group, DBParameterGroupFamily=f"aurora-postgresql{major}", Description="a source's"
    )
    row = {"ParameterName": "work_mem", "ParameterValue": "5120", "ApplyMethod": "immediate"}
    rds.modify_db_cluster_parameter_group(**group, Parameters=[row])
    made = create_cluster(beating, "source-cluster", **group)
    made.writer()
    made.run("CREATE TABLE item AS SELECT 7 AS id")
    made.snapshot("source-cluster-snapshot")
    yield made
    made.remove()
    rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier="source-cluster-snapshot")
    rds.delete_db_cluster_parameter_group(**group)


@pytest.mark.postgres
@pytest.mark.sandbox
def test_a_scratch_cluster_answers_and_is_removed(clients: Clients, source: Cluster, tmp_path: Path) -> None:
    """It has the data and the source's values made harmless, its instance only once it is available, and goes in AWS's order."""
    clock = SystemClock()
    run_id = new_run_id(clock.now())
    journal = Journal.create(
        tmp_path, RunRecord(1, run_id, "sandbox", True, clock.now(), "0"), origin=clock.monotonic()
    )
    names = ScratchNames.of(run_id, "recovery")
    expires = (clock.now() + timedelta(hours=1)).isoformat(timespec="seconds")
    tags = scratch_tags(run_id, "aurora", expires, {})
    scratch = Scratch(clients, RestoreConfig(), journal, tags, kind=CLUSTER)
    living = read.describe_instance(clients, source.name, CLUSTER)
    assert living is not None
    (point,) = [each for each in read.recovery_points(clients, source.name, None, CLUSTER) if each.kind == "manual"]

    groups = scratch.make_groups(names, point, living)
    scratch.restore(names, groups, point)
    unfinished = ScratchNames.of(run_id, "rehearsal")
    source.sandbox.control.arm("stuck-creating", service="rds", name=str(unfinished.instance))
    scratch.restore(unfinished, groups, point)
    with pytest.raises(RestoreFailed, match="creating"):
        scratch.add_writer(unfinished, living)
    eventually(lambda: _status(clients, names.instance) == "available", "the scratch cluster")
    scratch.add_writer(names, living)
    copy = Cluster(source.sandbox, str(names.instance), source.password)
    Instance(source.sandbox, str(names.writer), source.password).available()
    copy.available()
    scratch.set_password(str(names.instance), SecretStr("a-new-password"))
    copy.available()
    with pytest.raises(psycopg.OperationalError):
        copy.connect()
    copy.password = "a-new-password"
    assert copy.value("SELECT id FROM item") == 7
    assert (copy.value("SHOW work_mem"), copy.value("SHOW max_logical_replication_workers")) == ("5MB", "0")

    kinds = {each.kind for each in journal.record.resources}
    assert kinds == {"db-cluster", "db-instance", "db-cluster-parameter-group", "db-subnet-group", "security-group"}
    found = {(each.kind, each.id) for each in find(clients).leftovers if each.run_id == run_id}
    assert {("db-cluster", names.instance), ("db-instance", names.writer)} <= found
    limit = Limit("the clean-up", 180.0, "limits.clean_up", "configured")
    assert remove_all(clients, journal, clock, every=0.2, limit=limit) == ()
    assert [each for each in find(clients).leftovers if each.run_id == run_id] == []
    assert source.value("SELECT id FROM item") == 7


def _status(clients: Clients, name: str) -> str:
    found = read.describe_instance(clients, name, CLUSTER)
    return found.status if found else ""


@pytest.mark.postgres
@pytest.mark.sandbox
def test_no_guard_touches_the_source_or_another_runs_cluster(clients: Clients, source: Cluster) -> None:
    """The source's cluster and its instances are protected by name and identity, and what lacks the run's tag is not its own."""
    shown = source.described()
    protected = Protected(frozenset({source.name}), frozenset({shown["DbClusterResourceId"]}))
    guard = Guard(clients, new_run_id(datetime.now(UTC)), protected)
    for kind, name in (("db-cluster", source.name), ("db-instance", f"{source.name}-writer")):
        with pytest.raises(NotOwn):
            guard.prove(kind, name)  # type: ignore[arg-type]
    run_id = new_run_id(datetime.now(UTC))
    stranger = Guard(clients, run_id, protected)
    assert stranger.prove("db-cluster", ScratchName(run_id, "recovery")) == ()
