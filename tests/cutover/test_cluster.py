"""The whole recovery quickstart of an Aurora cluster, there and back: the cluster and its instances get each other's names."""

from __future__ import annotations

import json
from typing import Any

import pytest
from moto.iam.access_control import IAMPolicy, PermissionResult

from drills.aws.databases.kinds import CLUSTER
from drills.cutover import configuration, plan
from drills.cutover.databases.cluster import under
from drills.cutover.journal import FolderStore
from drills.cutover.model import Member, NewMember, Opening, Position, RestoreChoice, replay_journal
from drills.cutover.show import plan_lines
from drills.sandbox.backup.kinds.protected import AURORA
from drills.sandbox.backup.metadata import restore_parameters
from drills.sandbox.door.calls import AwsRequest
from tests.support import policies
from tests.support.clock import NOON
from tests.support.cutover import accepted
from tests.support.cutover_cluster import ClusterScene, make_cluster_scene
from tests.support.enforcing import questions
from tests.support.sandbox import RunningSandbox
from tests.support.service import get, own_sandbox

__all__ = ["own_sandbox"]
NAME, ASIDE = "harbour", "harbourdel"


@pytest.fixture(scope="module")
def scene(own_sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> ClusterScene:
    """A cluster with a writer and a reader, whose data are wrong since the backup."""
    return make_cluster_scene(own_sandbox, NAME, tmp_path_factory.mktemp("harbour"))


@pytest.mark.postgres
@pytest.mark.sandbox
def test_a_cluster_is_cut_over_and_led_back(scene: ClusterScene) -> None:
    """The restored cluster and its writer have the old names, the old ones the others; back again nothing is deleted."""
    before, called = scene.identities(), len(scene.sandbox.control.calls())
    plan = scene.drills("plan", "--point", scene.snapshot)
    assert plan.returncode == 0, plan.stderr
    for each in (
        f"rds ModifyDBCluster DBClusterIdentifier={NAME} NewDBClusterIdentifier={ASIDE}",
        f"rds ModifyDBInstance DBInstanceIdentifier={NAME}-1 NewDBInstanceIdentifier={ASIDE}-1",
        f"rds RestoreDBClusterFromSnapshot DBClusterIdentifier={NAME}",
        f"rds CreateDBInstance DBInstanceIdentifier={NAME}-1 DBClusterIdentifier={NAME}",
        f"rds CreateDBInstance DBInstanceIdentifier={NAME}-2 DBClusterIdentifier={NAME}",
    ):
        assert each in plan.stdout

    ran = scene.drills("run", "--point", scene.snapshot, "--json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    facts = json.loads(ran.stdout)["facts"]
    there = scene.identities()
    assert there[f"cluster {ASIDE}"] == before[f"cluster {NAME}"]
    assert (there[f"{ASIDE}-1"], there[f"{ASIDE}-2"]) == (before[f"{NAME}-1"], before[f"{NAME}-2"])
    assert there[f"cluster {NAME}"] not in before.values()
    assert there[f"{NAME}-1"] not in before.values()
    assert there[f"{NAME}-2"] not in before.values()
    assert any(f"aws_rds_cluster_instance.NAME {NAME}-2" in each for each in facts["left_to_do"])
    assert (scene.orders(), scene.orders(ASIDE)) == (3, 1)
    assert get(scene.url).json["orders"] == 3
    restored = scene.source.described()
    assert restored["DeletionProtection"] is True
    assert [each["VpcSecurityGroupId"] for each in restored["VpcSecurityGroups"]] == [scene.group]
    assert facts["differences"] == [] or all(each.startswith("information") for each in facts["differences"])

    back = scene.drills("rollback", "--discard-writes-since", "2020-01-01T00:00:00Z", "--json")
    assert back.returncode == 0, back.stdout + back.stderr
    again = scene.identities()
    assert {name: again.get(name) for name in before} == before
    aside = next(name for name in again if name.startswith(f"cluster {NAME}-aside"))
    assert again[aside] == there[f"cluster {NAME}"]
    assert again[f"{aside.removeprefix('cluster ')}-1"] == there[f"{NAME}-1"]
    assert get(scene.url).json["orders"] == 1
    (journal,) = scene.journals()
    store = FolderStore(journal.parent)
    state = replay_journal(store.read(journal.stem))
    assert (state.mode, state.ended, state.opening.kind.name) == ("back", True, "cluster")
    assert any("CreateDBInstance" in line for line in plan_lines(state.opening))
    _held_by_its_policies(scene.sandbox.control.calls()[called:])


@pytest.mark.postgres
@pytest.mark.sandbox
def test_a_cluster_that_is_half_renamed_or_has_no_instance_yet_is_led_back(scene: ClusterScene) -> None:
    """Stopped between two renames it goes on; stopped before the restored cluster has an instance it is undone all the same."""
    before, control = scene.identities(), scene.sandbox.control
    control.arm("access-denied", operation="ModifyDBInstance", times=1)
    stopped = scene.drills("run", "--point", scene.snapshot)
    assert stopped.returncode == 12, stopped.stderr
    half = scene.identities()
    assert half[f"cluster {ASIDE}"] == before[f"cluster {NAME}"]
    assert half[f"{NAME}-1"] == before[f"{NAME}-1"]

    control.arm("access-denied", operation="CreateDBInstance", times=1)
    again = scene.drills("resume")
    assert again.returncode == 12, again.stderr
    bare = scene.identities()
    assert (bare[f"{ASIDE}-1"], bare[f"{ASIDE}-2"]) == (before[f"{NAME}-1"], before[f"{NAME}-2"])
    assert f"{NAME}-1" not in bare

    back = scene.drills("rollback")
    assert back.returncode == 0, back.stderr
    after = scene.identities()
    assert {name: after.get(name) for name in before} == before
    assert bare[f"cluster {NAME}"] in {after[name] for name in after if name.startswith(f"cluster {NAME}-aside")}
    assert get(scene.url).json["orders"] == 1


def _held_by_its_policies(calls: list[dict[str, Any]]) -> None:
    """Each call about RDS is allowed by cutover.json or aurora-cutover.json on what it names; of the latter nothing is idle."""
    names = ("cutover", "aurora-cutover")
    documents = [policies.policy(name, source=NAME, renamed=ASIDE) for name in names]
    asked = set()
    for call in calls:
        if call["service"] != "rds":
            continue
        given = {name: str(value) for name, value in call["parameters"].items()}
        request = AwsRequest("rds", policies.REGION, call["operation"], "query", given)
        asked |= {(action, resource) for action, resource, _ in questions(request, lambda _: {}, lambda _: "")}
    allows = [
        IAMPolicy(json.dumps({**each, "Statement": [one for one in each["Statement"] if one["Effect"] == "Allow"]}))
        for each in documents
    ]
    refused = [
        each
        for each in sorted(asked)
        if all(policy.is_action_permitted(*each) is not PermissionResult.PERMITTED for policy in allows)
    ]
    assert refused == []
    known = policies.actions_of(policies.calls()["aurora-cutover"]["calls"])
    assert known - {action for action, _ in asked} == policies.RARELY["aurora-cutover"]


CHOSEN = (
    RestoreChoice("snapshot", "arn", "awsbackup:job-1", engine_version="16.9"),
    RestoreChoice("moment", moment=NOON, source_resource_id="cluster-A"),
    RestoreChoice("moment", latest=True, source_resource_id="cluster-A"),
    RestoreChoice("job", "arn:aws:rds:eu-central-1:123456789012:cluster-snapshot:awsbackup:job-1"),
)
SETTINGS = {
    "instance_class": "db.serverless",
    "parameter_group": "orders-values",
    "subnet_group": "orders-subnets",
    "security_groups": ["sg-1"],
    "backup_retention_days": 7,
    "backup_window": "02:00-03:00",
    "maintenance_window": "sun:04:00-sun:05:00",
    "log_exports": ["postgresql"],
    "deletion_protection": True,
    "iam_authentication": True,
    "storage_type": "aurora-iopt1",
    "tag.owner": "us",
}


@pytest.mark.parametrize("position", ["healthy", "stuck", "gone"])
def test_each_call_about_a_cluster_is_one_that_aws_takes(position: Position) -> None:
    """By botocore's model, whatever is restored, there, back and at the removal; a job's metadata by the sandbox's readers."""
    wanted = configuration.configuration_from(SETTINGS, CLUSTER) | {
        "ServerlessV2ScalingConfiguration": {"MinCapacity": 0.5, "MaxCapacity": 4.0}
    }
    members = tuple(
        NewMember(f"orders-{each}", f"orders-aside-{each}", configuration.member_configuration(SETTINGS))
        for each in "12"
    )
    for chosen in CHOSEN:
        opening = Opening(
            *("20261128-030000-abcd", "orders", "live", "orders", "orders-old", "orders", "orders-aside", position),
            *("" if position == "gone" else "cluster-A", chosen, wanted, "the old cluster", {}, (), "http://localhost"),
            members=(Member("db-A", "orders-1", "orders-old-1"),),
            new_members=members,
        )
        keys = [each.key for mode in ("forward", "back") for each in plan.steps(opening, mode)]
        calls = [call for key in (*keys, "remove-old") for call in plan.calls(opening, key, "sg-9")]
        assert [str(call) for call in calls if accepted(call)] == []
        named = {call.operation for call in calls if call.service == "rds"}
        assert {"ModifyDBCluster", "CreateDBInstance", "DeleteDBCluster"} <= named
        if chosen.way == "job":
            (job,) = (call for call in calls if call.service == "backup")
            assert restore_parameters(AURORA, job.parameters["Metadata"])["db_cluster_identifier"] == "orders"


@pytest.mark.parametrize(
    ("cluster", "new", "member", "called"),
    [
        ("orders", "orders-old", "orders-1", "orders-old-1"),
        ("orders", "orders-old", "orders", "orders-old"),
        ("orders", "orders-old", "writer", "orders-old-writer"),
        ("a" * 60, "b" * 60, "a" * 60 + "-1", "b" * 60 + "-1"),
        ("orders", "o" * 63, "orders-instance-1", "o" * 52 + "-instance-1"),
    ],
)
def test_an_instance_follows_the_name_of_its_cluster(cluster: str, new: str, member: str, called: str) -> None:
    """With the same end where it begins with it, and never longer than RDS takes."""
    assert under(cluster, new, member) == called
    assert len(called) <= 63
