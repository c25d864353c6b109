"""The time of what a run has made is set on nothing else: by the one tag that a sweep reads, after the proof was made again."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from drills.aws.guarded.guard import Gone, Guard, NotOwn
from drills.aws.guarded.rules import EXTENDS
from drills.errors import Refused
from drills.model.instance import ResourceKind
from tests.support.clock import HandClock
from tests.support.guard_calls import ACCOUNT, NAME, REGION, RUN, TAG, Service, clients_of, guard_of, sentence

UNTIL = datetime(2026, 11, 30, 12, 0, 5, 900, tzinfo=UTC)
TAGS = [{"Key": "drills:expires", "Value": "2026-11-30T12:00:05+00:00"}]
ARN = f"arn:aws:rds:{REGION}:{ACCOUNT}:pg:{NAME}"
PARAMETERS, SUBNETS = "describe_db_parameter_groups", "describe_db_subnet_groups"
# kind: the client, what AWS describes, and the call that sets its time
HELD: dict[ResourceKind, tuple[str, dict[str, Any], str, dict[str, Any]]] = {
    "db-instance": (
        "rds",
        {"describe_db_instances": {"DBInstances": [
            {"DBInstanceIdentifier": NAME, "DBInstanceArn": ARN, "DbiResourceId": "db-1", "TagList": [TAG]}
        ]}},
        "add_tags_to_resource", {"ResourceName": ARN, "Tags": TAGS},
    ),
    "db-snapshot": (
        "rds",
        {"describe_db_snapshots": {"DBSnapshots": [
            {"DBSnapshotIdentifier": NAME, "DBSnapshotArn": ARN, "TagList": [TAG]}
        ]}},
        "add_tags_to_resource", {"ResourceName": ARN, "Tags": TAGS},
    ),
    "db-cluster": (
        "rds",
        {"describe_db_clusters": {"DBClusters": [
            {"DBClusterIdentifier": NAME, "DBClusterArn": ARN, "DbClusterResourceId": "cluster-1", "TagList": [TAG]}
        ]}},
        "add_tags_to_resource", {"ResourceName": ARN, "Tags": TAGS},
    ),
    "db-cluster-snapshot": (
        "rds",
        {"describe_db_cluster_snapshots": {"DBClusterSnapshots": [
            {"DBClusterSnapshotIdentifier": NAME, "DBClusterSnapshotArn": ARN, "TagList": [TAG]}
        ]}},
        "add_tags_to_resource", {"ResourceName": ARN, "Tags": TAGS},
    ),
    "db-cluster-parameter-group": (
        "rds",
        {"describe_db_cluster_parameter_groups": {"DBClusterParameterGroups": [
            {"DBClusterParameterGroupName": NAME, "DBClusterParameterGroupArn": ARN}
        ]}, "list_tags_for_resource": {"TagList": [TAG]}},
        "add_tags_to_resource", {"ResourceName": ARN, "Tags": TAGS},
    ),
    "db-parameter-group": (
        "rds",
        {PARAMETERS: {"DBParameterGroups": [{"DBParameterGroupName": NAME, "DBParameterGroupArn": ARN}]},
         "list_tags_for_resource": {"TagList": [TAG]}},
        "add_tags_to_resource", {"ResourceName": ARN, "Tags": TAGS},
    ),
    "db-subnet-group": (
        "rds",
        {SUBNETS: {"DBSubnetGroups": [{"DBSubnetGroupName": NAME, "DBSubnetGroupArn": ARN}]},
         "list_tags_for_resource": {"TagList": [TAG]}},
        "add_tags_to_resource", {"ResourceName": ARN, "Tags": TAGS},
    ),
    "security-group": (
        "ec2",
        {"describe_security_groups": {"SecurityGroups": [{"GroupName": NAME, "GroupId": "sg-1", "Tags": [TAG]}]}},
        "create_tags", {"Resources": ["sg-1"], "Tags": TAGS},
    ),
    "secret": (
        "secretsmanager",
        {"describe_secret": {"Name": NAME, "ARN": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{NAME}-x", "Tags": [TAG]}},
        "tag_resource", {"SecretId": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{NAME}-x", "Tags": TAGS},
    ),
}  # fmt: skip
IDS: dict[ResourceKind, str] = {"db-instance": "db-1", "db-cluster": "cluster-1", "security-group": "sg-1"}


def held(kind: ResourceKind) -> tuple[Guard, Service, Any]:
    """The guard, the service that it asks, and the proof that the thing is the run's."""
    client, answers, _, _ = HELD[kind]
    service = Service(**copy.deepcopy(answers))
    guard = Guard(clients_of(**{client: service}), RUN, None, HandClock())
    (mine,) = guard.prove(kind, NAME, IDS.get(kind, ""))
    return guard, service, mine


def test_every_kind_that_has_a_time_is_held_here() -> None:
    """One that is added wants its row above."""
    assert set(HELD) == set(EXTENDS)


@pytest.mark.parametrize("kind", HELD)
def test_the_time_of_a_thing_is_one_tag(kind: ResourceKind) -> None:
    """To the second, with its zone, on what was proved; the proof was made again, however young it was."""
    guard, service, mine = held(kind)
    before = service.reads

    guard.extend(mine, UNTIL)
    assert service.sent == [HELD[kind][2:]]
    assert service.reads > before


@pytest.mark.parametrize("kind", HELD)
def test_no_time_is_set_on_what_is_gone_or_is_another_s_now(kind: ResourceKind) -> None:
    """A name can be taken again: nothing is sent then."""
    guard, service, mine = held(kind)
    (operation,) = (each for each in service.answers if each.startswith("describe"))
    if kind == "secret":
        service.answers[operation] = {**service.answers[operation], "DeletedDate": UNTIL}
    else:
        service.answers[operation] = {key: [] for key in service.answers[operation]}
    with pytest.raises(Gone, match=f"expected {kind} {NAME} of this run, found that it is gone: nothing was changed"):
        guard.extend(mine, UNTIL)

    guard, service, mine = held(kind)
    service.answers["list_tags_for_resource"] = {"TagList": []}
    for answer in service.answers[operation].values() if kind != "secret" else ():
        answer[0] = {key: value for key, value in answer[0].items() if key not in ("TagList", "Tags")}
    if kind == "secret":
        service.answers[operation].pop("Tags")
    with pytest.raises(NotOwn, match="does not carry this run's tag"):
        guard.extend(mine, UNTIL)
    assert service.sent == []


def test_the_logs_of_an_instance_have_its_time() -> None:
    """A log group has none of its own, which is a fault of the caller."""
    logs = Service(
        describe_log_groups={"logGroups": [{"logGroupName": f"/aws/rds/instance/{NAME}/postgresql", "arn": ARN}]}
    )
    guard = guard_of(logs=logs)
    (mine,) = guard.prove("log-group", f"/aws/rds/instance/{NAME}/postgresql")
    with pytest.raises(ValueError, match=r"^a log-group has no time of its own$"):
        guard.extend(mine, UNTIL)
    assert logs.sent == []


def test_no_time_is_set_in_a_place_that_the_profile_does_not_allow() -> None:
    """Before anything is asked."""
    _, service, mine = held("db-instance")
    elsewhere = Guard(clients_of(rds=service, allowed_regions=("us-east-1",)), RUN)
    before = service.reads

    assert "expected an allowed region (us-east-1)" in sentence(lambda: elsewhere.extend(mine, UNTIL), Refused)
    assert (service.sent, service.reads) == ([], before)
