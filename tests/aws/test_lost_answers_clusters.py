"""The same of an Aurora cluster: a call whose outcome is not known leaves nothing behind, and its removal keeps AWS's order."""

from __future__ import annotations

import dataclasses
import re

import pytest
from pydantic import SecretStr

from drills.aws import owned
from drills.aws.cleanup import removal_command
from drills.aws.databases.kinds import CLUSTER
from drills.aws.guarded.names import ScratchNames, scratch_tags
from drills.aws.scratch import Scratch
from drills.config.load import RestoreConfig
from drills.errors import RestoreFailed
from drills.model.instance import Resource, ResourceKind
from drills.model.point import RecoveryPoint
from drills.record import Journal
from tests.aws.test_lost_answers import LOST, RUN, asked_point, aws, clean, journal, there
from tests.support.aurora import ENGINE, OF_CLUSTERS
from tests.support.lossy import LossyAws

__all__ = ["aws", "journal"]
NAMES = ScratchNames.of(RUN, "recovery")
MAKING: dict[str, tuple[ResourceKind, str]] = {
    "CreateDBClusterParameterGroup": ("db-cluster-parameter-group", NAMES.cluster_parameters),
    "RestoreDBClusterFromSnapshot": ("db-cluster", NAMES.instance),
    "CreateDBInstance": ("db-instance", NAMES.writer),
    "CopyDBClusterSnapshot": ("db-cluster-snapshot", NAMES.snapshot),
}
CHANGING = {"ModifyDBCluster", "ModifyDBClusterParameterGroup"}
REMOVING: dict[str, ResourceKind] = {
    "DeleteDBCluster": "db-cluster",
    "DeleteDBClusterSnapshot": "db-cluster-snapshot",
    "DeleteDBClusterParameterGroup": "db-cluster-parameter-group",
}


@pytest.fixture
def cluster_aws(aws: LossyAws) -> LossyAws:
    """The same AWS with a cluster and a snapshot of it."""
    asked = {"MasterUsername": "owner", "MasterUserPassword": "of-the-source"}
    aws.clients.rds.create_db_cluster(DBClusterIdentifier="ledger", Engine=ENGINE, EngineVersion="16.4", **asked)
    aws.clients.rds.create_db_cluster_snapshot(
        DBClusterIdentifier="ledger", DBClusterSnapshotIdentifier="nightly-cluster"
    )
    return aws


def scratch_of(aws: LossyAws, journal: Journal) -> Scratch:
    """What makes the run's cluster."""
    tags = scratch_tags(RUN, "ledger", "2026-11-23T16:00:00+00:00", {})
    return Scratch(aws.clients, RestoreConfig(), journal, tags, kind=CLUSTER)


def make_all(aws: LossyAws, journal: Journal, operation: str) -> None:
    """Make what the operation makes, and what that needs before."""
    scratch, point = scratch_of(aws, journal), point_of_cluster(aws)
    if operation == "CopyDBClusterSnapshot":
        scratch.copy_snapshot(point, NAMES.snapshot, source_region="eu-central-1")
        return
    groups = scratch.make_groups(NAMES, point, None)
    scratch.restore(NAMES, groups, point)
    scratch.add_writer(NAMES, None)


def point_of_cluster(aws: LossyAws) -> RecoveryPoint:
    """The cluster snapshot."""
    (raw,) = owned.find(aws.clients, "db-cluster", "ledger")
    identity = {"snapshot_id": "nightly-cluster", "dbi_resource_id": raw["DbClusterResourceId"]}
    return dataclasses.replace(asked_point(), **identity)


@pytest.mark.parametrize("how", LOST)
def test_what_a_repeated_request_finds_is_taken(cluster_aws: LossyAws, journal: Journal, how: str) -> None:
    """Each first answer is lost and the repetition is refused, for the thing exists: it is the run's, which goes on with it."""
    for call in MAKING:
        cluster_aws.lose("rds", call, how, times=1)

    make_all(cluster_aws, journal, "RestoreDBClusterFromSnapshot")
    make_all(cluster_aws, journal, "CopyDBClusterSnapshot")

    assert cluster_aws.struck == dict.fromkeys(MAKING, 1)
    assert {(each.state, each.id) for each in journal.record.resources} >= {
        ("made", MAKING[call][1]) for call in MAKING
    }
    assert clean(cluster_aws, journal) == ()
    assert not any(there(cluster_aws, *MAKING[call]) for call in MAKING)
    assert there(cluster_aws, "db-cluster", "ledger")


@pytest.mark.parametrize("call", MAKING)
def test_what_may_have_been_made_is_looked_for(cluster_aws: LossyAws, journal: Journal, call: str) -> None:
    """No answer ever comes although AWS has carried the call out: it stays planned, the sentence says so, it is removed."""
    kind, name = MAKING[call]
    cluster_aws.lose("rds", call, "no answer", times=None)

    with pytest.raises(RestoreFailed, match=f"whether {name} was made is not known, the clean-up asks for it"):
        make_all(cluster_aws, journal, call)

    assert there(cluster_aws, kind, name)
    assert ("planned", name) in {(each.state, each.id) for each in journal.record.resources}
    cluster_aws.recover()
    assert clean(cluster_aws, journal) == ()
    assert not there(cluster_aws, kind, name)


@pytest.mark.parametrize("call", sorted(CHANGING))
def test_a_change_may_be_made_twice(cluster_aws: LossyAws, journal: Journal, call: str) -> None:
    """A change that was carried out and whose answer was lost is repeated without harm."""
    cluster_aws.lose("rds", call, "connection reset", times=1)

    make_all(cluster_aws, journal, "RestoreDBClusterFromSnapshot")
    scratch_of(cluster_aws, journal).set_password(NAMES.instance, SecretStr("a-new-one-1234"))

    assert cluster_aws.struck == {call: 1}


def fill(aws: LossyAws, journal: Journal) -> None:
    """Everything that a run of a cluster can make."""
    make_all(aws, journal, "RestoreDBClusterFromSnapshot")
    make_all(aws, journal, "CopyDBClusterSnapshot")


@pytest.mark.parametrize("times", [1, 25])
@pytest.mark.parametrize("how", LOST)
def test_a_removal_whose_answer_is_lost(cluster_aws: LossyAws, journal: Journal, how: str, times: int) -> None:
    """What has been removed is seen to be gone, also when more answers are lost than botocore repeats a call."""
    fill(cluster_aws, journal)
    for call in REMOVING:
        cluster_aws.lose("rds", call, how, times=times)

    assert clean(cluster_aws, journal) == ()

    assert set(cluster_aws.struck) == set(REMOVING)
    assert {resource.state for resource in journal.record.resources} == {"gone"}
    assert not any(there(cluster_aws, resource.kind, resource.id) for resource in journal.record.resources)


def test_nobody_waits_for_what_hangs_on_an_instance(cluster_aws: LossyAws, journal: Journal) -> None:
    """The instance may not be removed, so that its cluster stays, and the cluster's groups: each says by whom it is used."""
    fill(cluster_aws, journal)
    cluster_aws.lose("rds", "DeleteDBInstance", "denied", times=None, carried_out=False)
    for call in ("DeleteDBCluster", "DeleteDBClusterParameterGroup"):
        cluster_aws.lose("rds", call, "in use", times=None, carried_out=False)

    left = {resource.kind: resource.note for resource in clean(cluster_aws, journal)}

    assert {"db-instance", "db-cluster", "db-cluster-parameter-group"} <= set(left)
    assert left["db-cluster"].startswith(f"not removed: {NAMES.writer} uses it, and is left too: aws ")
    assert left["db-cluster-parameter-group"].startswith("not removed: ")
    assert "db-cluster-snapshot" not in left


def test_every_call_about_clusters_is_tried_here() -> None:
    """A new one must come into the tables above, but for a moment: moto does not take SourceDbClusterResourceId."""
    tried = {f"rds:{call}" for call in (*MAKING, *CHANGING, *REMOVING)}
    assert tried | {"rds:RestoreDBClusterToPointInTime"} == OF_CLUSTERS


@pytest.mark.parametrize("kind", REMOVING.values())
def test_the_command_for_what_is_left_names_it(kind: ResourceKind) -> None:
    """A person gets a command for each kind, with the name and the region."""
    command = removal_command(Resource(kind, NAMES.instance, "left", region="eu-central-1"))
    assert re.search(rf"aws rds delete-{kind} .*{NAMES.instance}.* --region eu-central-1", command)
