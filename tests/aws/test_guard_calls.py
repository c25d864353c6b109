"""Each call of the guard as it goes out, the proof that it gives back, and the whole sentence of each refusal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pydantic import SecretStr

from drills.aws.guarded.guard import FRESH, Gone, Guard, Mine, NotOwn, Protected
from drills.aws.guarded.names import RESTORE_TEST_TAG, LockName, ScratchName
from drills.aws.guarded.rules import CHANGES, MAKES
from drills.clock import SystemClock
from drills.model.instance import ResourceKind
from tests.support.clock import HandClock
from tests.support.guard_calls import (
    ACCOUNT,
    NAME,
    REGION,
    RUN,
    TAG,
    Service,
    clients_of,
    guard_of,
    raw_of,
    scratch,
    sentence,
)

LOCK = "drill-lock-0123456789abcdef-1"
DELETE = "rds:DeleteDBInstance"


def group_aws(kind: str = "db-parameter-group", tags: Any = (TAG,), name: str = LOCK) -> Service:
    """RDS with one group, whose tags must be asked for."""
    key = "DBParameterGroup" if kind == "db-parameter-group" else "DBSubnetGroup"
    arn = f"arn:aws:rds:{REGION}:{ACCOUNT}:pg:{name}"
    described = {f"{key}s": [{f"{key}Name": name, f"{key}Arn": arn}]}
    operation = "describe_db_parameter_groups" if kind == "db-parameter-group" else "describe_db_subnet_groups"
    return Service(**{operation: described}, list_tags_for_resource={"TagList": list(tags)})


# -- making -----------------------------------------------------------------------------------------------------------

INSTANCE = {"DBInstanceIdentifier": NAME, "DbiResourceId": "db-NEW"}
CLUSTER = {"DBClusterIdentifier": NAME, "DbClusterResourceId": "cluster-NEW"}
MADE: Mapping[str, tuple[str, dict[str, Any], ResourceKind, dict[str, Any], str]] = {
    # operation: the member with the name, AWS's answer, and of the proof: its kind, what it holds, its identity
    "rds:RestoreDBInstanceFromDBSnapshot": (
        *("DBInstanceIdentifier", {"DBInstance": INSTANCE}, "db-instance", INSTANCE, "db-NEW"),
    ),
    "rds:RestoreDBInstanceToPointInTime": (
        *("TargetDBInstanceIdentifier", {"DBInstance": INSTANCE}, "db-instance", INSTANCE, "db-NEW"),
    ),
    "rds:CopyDBSnapshot": (
        *("TargetDBSnapshotIdentifier", {"DBSnapshot": {"DbiResourceId": "db-SOURCE"}}, "db-snapshot"),
        {"DBSnapshotIdentifier": NAME, "DbiResourceId": "db-SOURCE"},
        "",
    ),
    "rds:CreateDBParameterGroup": (
        *("DBParameterGroupName", {"DBParameterGroup": None}, "db-parameter-group", {"DBParameterGroupName": NAME}, ""),
    ),
    "rds:CreateDBSubnetGroup": (*("DBSubnetGroupName", {}, "db-subnet-group", {"DBSubnetGroupName": NAME}, ""),),
    "ec2:CreateSecurityGroup": (
        *("GroupName", {"GroupId": "sg-1"}, "security-group", {"GroupName": NAME, "GroupId": "sg-1"}, "sg-1"),
    ),
    "rds:RestoreDBClusterFromSnapshot": (
        *("DBClusterIdentifier", {"DBCluster": CLUSTER}, "db-cluster", CLUSTER, "cluster-NEW"),
    ),
    "rds:RestoreDBClusterToPointInTime": (
        *("DBClusterIdentifier", {"DBCluster": CLUSTER}, "db-cluster", CLUSTER, "cluster-NEW"),
    ),
    "rds:CopyDBClusterSnapshot": (
        *("TargetDBClusterSnapshotIdentifier", {"DBClusterSnapshot": {"DbClusterResourceId": "cluster-SOURCE"}}),
        *("db-cluster-snapshot", {"DBClusterSnapshotIdentifier": NAME, "DbClusterResourceId": "cluster-SOURCE"}, ""),
    ),
    "rds:CreateDBClusterParameterGroup": (
        *("DBClusterParameterGroupName", {"DBClusterParameterGroup": None}, "db-cluster-parameter-group"),
        *({"DBClusterParameterGroupName": NAME}, ""),
    ),
    "rds:CreateDBInstance": ("DBInstanceIdentifier", {"DBInstance": INSTANCE}, "db-instance", INSTANCE, "db-NEW"),
    "s3:CreateBucket": ("Bucket", {"Location": "/b"}, "s3-bucket", {"Name": NAME, "Location": "/b"}, ""),
    "secretsmanager:CreateSecret": (*("Name", {"ARN": "arn-1"}, "secret", {"Name": NAME, "ARN": "arn-1"}, ""),),
}


def test_every_operation_that_makes_is_held_here() -> None:
    """One that is added wants its row above."""
    assert set(MADE) == set(MAKES)


@pytest.mark.parametrize("operation", MADE)
def test_what_is_made_is_named_by_the_guard_and_proved_by_the_answer(operation: str) -> None:
    """One call under a permit for itself; the proof holds the name, what AWS said of it, and when."""
    member, answer, kind, raw, identity = MADE[operation]
    called = {
        "rds:CopyDBSnapshot": "copy_db_snapshot",
        "ec2:CreateSecurityGroup": "create_security_group",
        "secretsmanager:CreateSecret": "create_secret",
        "s3:CreateBucket": "create_bucket",
        "rds:RestoreDBInstanceFromDBSnapshot": "restore_db_instance_from_db_snapshot",
        "rds:RestoreDBInstanceToPointInTime": "restore_db_instance_to_point_in_time",
        "rds:CreateDBParameterGroup": "create_db_parameter_group",
        "rds:CreateDBSubnetGroup": "create_db_subnet_group",
        "rds:RestoreDBClusterFromSnapshot": "restore_db_cluster_from_snapshot",
        "rds:RestoreDBClusterToPointInTime": "restore_db_cluster_to_point_in_time",
        "rds:CopyDBClusterSnapshot": "copy_db_cluster_snapshot",
        "rds:CreateDBClusterParameterGroup": "create_db_cluster_parameter_group",
        "rds:CreateDBInstance": "create_db_instance",
    }[operation]
    service, clock = Service(**{called: answer}), HandClock()
    clock.sleep(7)
    given: dict[str, Any] = (
        {"TagSpecifications": [{"ResourceType": "x"}, {"Tags": [TAG]}]} if operation[:3] == "ec2" else {"Tags": [TAG]}
    )

    given |= {"DBClusterIdentifier": NAME} if operation == "rds:CreateDBInstance" else {}
    mine = guard_of(clock=clock, rds=service, ec2=service, secretsmanager=service, s3=service).make(
        operation, scratch(), Other=1, **given
    )

    assert service.sent == [(called, {"Other": 1, **given, member: NAME})]
    assert type(service.sent[0][1][member]) is str
    assert (mine.kind, mine.name, mine.raw, mine.proved_at, mine.resource_id) == (kind, NAME, raw, 1007.0, identity)


@pytest.mark.parametrize(
    "cluster", [{}, {"DBClusterIdentifier": "orders"}, {"DBClusterIdentifier": f"{NAME[:-1]}"[:20]}]
)
def test_an_instance_is_made_in_a_cluster_of_the_run_alone(cluster: dict[str, str]) -> None:
    """An instance of production's cluster would serve production, and one of none holds nothing to check."""
    rds = Service()
    refused = sentence(lambda: guard_of(rds=rds).make("rds:CreateDBInstance", scratch(), Tags=[TAG], **cluster))

    assert refused.startswith(
        f'expected an instance of a cluster of the run {RUN}, found "{cluster.get("DBClusterIdentifier", "")}": '
    )
    assert refused.endswith("; rds:CreateDBInstance was not sent")
    assert rds.sent == []


@pytest.mark.parametrize(
    ("tags", "protected", "made"),
    [
        ([{"Key": RESTORE_TEST_TAG, "Value": ""}], (), True),
        ([], (), False),
        ([{"Key": RESTORE_TEST_TAG, "Value": ""}], ("awsbackup-restore-test-1",), False),
    ],
)
def test_an_instance_may_be_made_in_a_cluster_that_a_restore_test_made(
    tags: list[dict[str, str]], protected: tuple[str, ...], *, made: bool
) -> None:
    """AWS Backup leaves it without one; its own tag says that it is nobody's, and a source is none whatever it carries."""
    cluster = "awsbackup-restore-test-1"
    described = {"DBClusterIdentifier": cluster, "DbClusterResourceId": "cluster-TEST", "TagList": tags}
    rds = Service(describe_db_clusters={"DBClusters": [described]}, create_db_instance={"DBInstance": INSTANCE})
    guard = guard_of(Protected(frozenset(protected)), rds=rds)

    def make() -> object:
        return guard.make("rds:CreateDBInstance", scratch(), Tags=[TAG], DBClusterIdentifier=cluster)

    if made:
        make()
        assert [operation for operation, _ in rds.sent] == ["create_db_instance"]
    else:
        assert f'found "{cluster}": ' in sentence(make)
        assert rds.sent == []


def test_the_same_name_may_be_given_and_no_other() -> None:
    """A request that names something itself cannot name another thing than the guard was told."""
    rds = Service()
    guard = guard_of(rds=rds)

    guard.make("rds:CreateDBSubnetGroup", scratch(), Tags=[TAG], DBSubnetGroupName=NAME)
    refused = sentence(lambda: guard.make("rds:CreateDBSubnetGroup", scratch(), Tags=[TAG], DBSubnetGroupName="orders"))

    assert refused == f'expected a name of the run {RUN}, found "{NAME}": rds:CreateDBSubnetGroup was not sent'
    assert len(rds.sent) == 1


def test_a_lock_is_made_as_a_parameter_group_alone() -> None:
    """Its name does not say whose it is, so nothing else is made under it, and it carries the run's tag too."""
    rds = Service()
    guard, lock = guard_of(rds=rds), LockName(LOCK)

    mine = guard.make("rds:CreateDBParameterGroup", lock, Tags=[TAG])

    assert rds.sent == [("create_db_parameter_group", {"Tags": [TAG], "DBParameterGroupName": LOCK})]
    assert (mine.kind, mine.name, mine.raw) == ("db-parameter-group", LOCK, {"DBParameterGroupName": LOCK})
    for operation in sorted(set(MAKES) - {"rds:CreateDBParameterGroup"}):
        assert sentence(lambda operation=operation: guard.make(operation, lock, Tags=[TAG])) == (  # type: ignore[misc]
            f'expected a name of the run {RUN}, found "{LOCK}": {operation} was not sent'
        )
    assert "to carry the tag" in sentence(lambda: guard.make("rds:CreateDBParameterGroup", lock, Tags=[]))
    assert len(rds.sent) == 1


@pytest.mark.parametrize("name", ["orders", NAME, ScratchName("another", "recovery")])
@pytest.mark.parametrize("operation", MADE)
def test_nothing_is_made_under_a_name_that_is_not_the_runs(operation: str, name: Any) -> None:
    """Text that looks like a name of the run is none, a parameter group's neither."""
    refused = sentence(lambda: guard_of().make(operation, name, Tags=[TAG]))

    assert refused == f'expected a name of the run {RUN}, found "{name}": {operation} was not sent'


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"Tags": []},
        {"Tags": [{"Key": "drills:run", "Value": "another"}]},
        {"Tags": [{"Key": "run", "Value": RUN}]},
        {"Tags": [{"Key": RUN, "Value": "drills:run"}]},
        {"TagSpecifications": []},
        {"TagSpecifications": [{"ResourceType": "x"}]},
        {"TagSpecifications": [{"Tags": [{"Key": "drills:run", "Value": "another"}]}]},
        {"Tagging": [TAG]},
    ],
)
def test_nothing_is_made_without_the_runs_tag(given: dict[str, Any]) -> None:
    """Neither among the tags nor in what EC2 calls their specifications: the clean-up could not tell whose it is."""
    refused = sentence(lambda: guard_of().make("ec2:CreateSecurityGroup", scratch(), **given))

    assert refused == (
        f"expected ec2:CreateSecurityGroup to carry the tag drills:run={RUN}, found none: it was not sent"
    )


@pytest.mark.parametrize(
    "given",
    [
        {"Tags": [{"Key": "team", "Value": "a"}, TAG]},
        {"TagSpecifications": [{"Tags": [{"Key": "team", "Value": "a"}]}, {"Tags": [TAG]}]},
        {"Tags": [{"Key": "team", "Value": "a"}], "TagSpecifications": [{"Tags": [TAG]}]},
    ],
)
def test_the_runs_tag_may_be_one_of_many(given: dict[str, Any]) -> None:
    """The owner's tags stand beside it, wherever it stands."""
    ec2 = Service()
    guard_of(ec2=ec2).make("ec2:CreateSecurityGroup", scratch(), **given)
    assert ec2.sent == [("create_security_group", {**given, "GroupName": NAME})]


# -- proving ----------------------------------------------------------------------------------------------------------


def test_a_proof_is_what_aws_said_and_when() -> None:
    """Of two of one name, as EC2 allows in two VPCs, the run's own; its identity is that of its kind."""
    ours = {"GroupName": NAME, "GroupId": "sg-1", "Tags": [TAG]}
    theirs = {"GroupName": NAME, "GroupId": "sg-2", "Tags": []}
    ec2 = Service(describe_security_groups={"SecurityGroups": [theirs, ours]})

    (mine,) = guard_of(ec2=ec2).prove("security-group", NAME, "sg-1")

    assert (mine.kind, mine.name, mine.raw, mine.proved_at) == ("security-group", NAME, ours, 1000.0)
    assert mine.resource_id == "sg-1"


def test_the_first_reason_is_told_where_all_is_somebody_elses() -> None:
    """A name can be another's: the sentence says of the first why it is not this run's."""
    answer = {
        "SecurityGroups": [
            {"GroupName": NAME, "GroupId": "sg-2", "Tags": []},
            {"GroupName": NAME, "GroupId": "sg-3", "Tags": [TAG]},
        ]
    }
    guard = guard_of(ec2=Service(describe_security_groups=answer))

    refused = sentence(lambda: guard.prove("security-group", NAME, "sg-2"), NotOwn)

    assert refused == "it does not carry this run's tag"


def test_what_is_not_there_is_no_proof_and_no_refusal() -> None:
    """The clean-up asks for what may never have been made."""
    gone = ClientError({"Error": {"Code": "DBInstanceNotFound"}}, "DescribeDBInstances")
    assert guard_of(rds=Service(describe_db_instances=gone)).prove("db-instance", NAME) == ()
    assert guard_of(rds=Service(describe_db_instances={"DBInstances": []})).prove("db-instance", NAME) == ()


def test_a_name_of_another_is_not_asked_for() -> None:
    """It is not this run's, with the reason of its name, and AWS gets no call."""
    rds = Service()
    guard = guard_of(rds=rds)

    assert sentence(lambda: guard.prove("db-instance", "orders"), NotOwn) == "its name does not begin with 'drill-'"
    assert sentence(lambda: guard.prove("db-instance", LOCK), NotOwn) == (
        f"its name does not begin with 'drill-{RUN}-', as the names of this run do"
    )
    assert rds.reads == 0


@pytest.mark.parametrize("kind", ["db-parameter-group", "db-subnet-group"])
def test_the_tags_of_a_group_are_asked_for(kind: ResourceKind) -> None:
    """RDS does not describe them with the group: a lock of another run is told by its tag alone."""
    name = LOCK if kind == "db-parameter-group" else NAME
    (mine,) = guard_of(rds=group_aws(kind, name=name)).prove(kind, name)
    assert (mine.kind, mine.name, mine.resource_id) == (kind, name, "")

    other = group_aws(kind, [{"Key": "drills:run", "Value": "another"}], name)
    assert sentence(lambda: guard_of(rds=other).prove(kind, name), NotOwn) == "it does not carry this run's tag"


def test_a_log_group_is_the_runs_by_its_name() -> None:
    """RDS makes it and gives it no tag of the run."""
    name = f"/aws/rds/instance/{NAME}/postgresql"
    raw = {"logGroupName": name, "arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*"}
    logs = Service(describe_log_groups={"logGroups": [raw, raw | {"logGroupName": f"{name}x"}]})

    (mine,) = guard_of(logs=logs).prove("log-group", name)
    guard_of(logs=logs).change("logs:DeleteLogGroup", mine)

    assert (mine.raw, mine.resource_id) == (raw, "")
    assert logs.sent == [("delete_log_group", {"logGroupName": name})]


@pytest.mark.parametrize(
    ("raw", "known", "reason"),
    [
        (raw_of(), "", ""),
        (raw_of(), "db-MADE", ""),
        (raw_of(), "db-OTHER", "it is db-MADE, and what this run made is db-OTHER"),
        (raw_of(DbiResourceId=None), "", ""),
        (raw_of(DbiResourceId=None), "db-MADE", "it is without an identity, and what this run made is db-MADE"),
        (raw_of(TagList=None), "", "it does not carry this run's tag"),
        (raw_of(TagList=[{"Key": "drills:run"}]), "", "it does not carry this run's tag"),
        (raw_of(DBInstanceArn=None), "db-MADE", ""),
        (raw_of(DbiResourceId="db-SOURCE"), "db-SOURCE", "it is the source, db-SOURCE, under whatever name"),
        (
            raw_of(DBInstanceArn=f"arn:aws:rds:us-east-1:{ACCOUNT}:db:x", TagList=None),
            "db-OTHER",
            f"it is in region us-east-1, and this run acts in {REGION}",
        ),
    ],
)
def test_each_member_that_decides_is_compared(raw: dict[str, Any], known: str, reason: str) -> None:
    """The source's identity, the place, the identity that is known, the tag: in this order, and absent ones too."""
    rds = Service(describe_db_instances={"DBInstances": [raw]})
    guard = guard_of(Protected(frozenset({"orders"}), frozenset({"db-SOURCE"})), rds=rds)

    if reason:
        assert sentence(lambda: guard.prove("db-instance", NAME, known), NotOwn) == reason
    else:
        assert [each.raw for each in guard.prove("db-instance", NAME, known)] == [raw]


def test_the_identity_of_a_snapshot_is_its_sources_and_not_compared() -> None:
    """A copy of a snapshot has the DbiResourceId of the instance that the first one was made of."""
    raw = {"DBSnapshotIdentifier": NAME, "DbiResourceId": "db-SOURCE", "TagList": [TAG]}
    rds = Service(describe_db_snapshots={"DBSnapshots": [raw]})
    guard = guard_of(Protected(frozenset(), frozenset({"db-SOURCE"})), rds=rds)

    (mine,) = guard.prove("db-snapshot", NAME, "db-OTHER")
    guard.change("rds:DeleteDBSnapshot", mine)

    assert mine.resource_id == ""
    assert rds.sent == [("delete_db_snapshot", {"DBSnapshotIdentifier": NAME})]


def test_a_proof_of_nobody_is_refused() -> None:
    """Only a guard has the seal."""
    assert sentence(lambda: Mine("db-instance", NAME, {}, 0.0, None), TypeError) == (
        "a proof of ownership is made by Guard.prove or Guard.make alone"
    )


# -- changing ---------------------------------------------------------------------------------------------------------

CALLED = {
    "ec2:AuthorizeSecurityGroupIngress": ("authorize_security_group_ingress", {"GroupId": "sg-1"}),
    "ec2:DeleteSecurityGroup": ("delete_security_group", {"GroupId": "sg-1"}),
    "ec2:RevokeSecurityGroupEgress": ("revoke_security_group_egress", {"GroupId": "sg-1"}),
    "rds:DeleteDBInstance": ("delete_db_instance", {"DBInstanceIdentifier": NAME}),
    "rds:ModifyDBInstance": ("modify_db_instance", {"DBInstanceIdentifier": NAME}),
}


@pytest.mark.parametrize("operation", CALLED)
def test_a_change_is_about_what_was_proved(operation: str) -> None:
    """By the member that the operation names it with; AWS's answer is returned."""
    called, named = CALLED[operation]
    service = Service(
        describe_db_instances={"DBInstances": [raw_of()]},
        describe_security_groups={"SecurityGroups": [{"GroupName": NAME, "GroupId": "sg-1", "Tags": [TAG]}]},
        **{called: {"answered": operation}},
    )
    guard = guard_of(rds=service, ec2=service)
    (mine,) = guard.prove(CHANGES[operation].kind, NAME)

    assert guard.change(operation, mine, Other=1) == {"answered": operation}
    assert service.sent == [(called, {**named, "Other": 1})]


def test_each_refusal_of_a_change_is_a_sentence() -> None:
    """An operation that no drill sends, another kind of thing, a name that is given, a thing that is gone."""
    rds, clock = Service(describe_db_instances={"DBInstances": [raw_of()]}), HandClock()
    guard = guard_of(clock=clock, rds=rds)
    (mine,) = guard.prove("db-instance", NAME)
    named = f"expected {DELETE} to leave the name to the guard, found one given: it was not sent"

    assert sentence(lambda: guard.change("rds:FailoverDBCluster", mine)) == (
        "expected an operation that a drill sends (dynamodb:DeleteTable, dynamodb:TagResource, "
        "ec2:AuthorizeSecurityGroupIngress, ec2:CreateTags, ec2:DeleteSecurityGroup, ec2:DeleteVolume, "
        "ec2:RevokeSecurityGroupEgress, efs:DeleteFileSystem, efs:TagResource, logs:DeleteLogGroup, "
        "rds:DeleteDBCluster, rds:DeleteDBClusterParameterGroup, "
        "rds:DeleteDBClusterSnapshot, rds:DeleteDBInstance, rds:DeleteDBParameterGroup, rds:DeleteDBSnapshot, "
        "rds:DeleteDBSubnetGroup, rds:ModifyDBCluster, rds:ModifyDBClusterParameterGroup, rds:ModifyDBInstance, "
        "rds:ModifyDBParameterGroup, s3:DeleteBucket, s3:DeleteObjects, s3:PutBucketVersioning, "
        "secretsmanager:DeleteSecret), "
        "found rds:FailoverDBCluster"
    )
    assert sentence(lambda: guard.change("rds:DeleteDBSnapshot", mine)) == (
        "expected rds:DeleteDBSnapshot to be about a db-snapshot, found a db-instance: it was not sent"
    )
    assert sentence(lambda: guard.change(DELETE, mine, DBInstanceIdentifier=NAME)) == named
    assert sentence(lambda: guard.change(DELETE, mine, NewDBInstanceIdentifier="x")) == named
    rds.answers["describe_db_instances"] = {"DBInstances": []}
    clock.sleep(FRESH + 1)
    assert sentence(lambda: guard.change(DELETE, mine), Gone) == (
        f"expected db-instance {NAME} of this run, found that it is gone: nothing was changed"
    )
    assert rds.sent == []


def test_of_two_of_one_name_the_one_that_was_proved_is_changed_later_too() -> None:
    """A proof that is made again picks by the identity, not by the order of AWS's answer."""
    groups = [{"GroupName": NAME, "GroupId": each, "Tags": [TAG]} for each in ("sg-1", "sg-2")]
    ec2, clock = Service(describe_security_groups={"SecurityGroups": groups}), HandClock()
    guard = guard_of(clock=clock, ec2=ec2)
    _, second = guard.prove("security-group", NAME)
    clock.sleep(FRESH + 1)

    guard.change("ec2:DeleteSecurityGroup", second)

    assert ec2.sent == [("delete_security_group", {"GroupId": "sg-2"})]


def test_a_proof_that_was_made_again_counts_from_then() -> None:
    """What is asked of AWS again is what is changed: its description of now, not the one of before."""
    rds, clock = Service(describe_db_instances={"DBInstances": [raw_of()]}), HandClock()
    guard = guard_of(clock=clock, rds=rds)
    (mine,) = guard.prove("db-instance", NAME)
    reads = rds.reads
    clock.sleep(FRESH)
    guard.change(DELETE, mine)
    assert rds.reads == reads
    clock.sleep(1)
    guard.change(DELETE, mine)
    assert rds.reads == reads + 1


@pytest.mark.parametrize("secret", [True, False])
def test_an_error_of_a_call_with_a_secret_comes_bare(secret: bool) -> None:
    """The error is AWS's own; only where a secret was sent the frames of its request are left out."""
    refused = ClientError({"Error": {"Code": "AccessDenied"}}, "ModifyDBInstance")
    rds = Service(describe_db_instances={"DBInstances": [raw_of()]}, modify_db_instance=refused)
    guard = guard_of(rds=rds)
    (mine,) = guard.prove("db-instance", NAME)

    with pytest.raises(ClientError) as caught:
        guard.change("rds:ModifyDBInstance", mine, MasterUserPassword=SecretStr("word") if secret else "word", Other=1)

    assert caught.value is refused
    assert rds.sent == [
        ("modify_db_instance", {"DBInstanceIdentifier": NAME, "MasterUserPassword": "word", "Other": 1})
    ]
    frames = [each.name for each in caught.traceback]
    assert ("call" in frames) is not secret
    assert caught.value.__suppress_context__ is secret


def test_a_guard_without_a_clock_takes_the_machines() -> None:
    """A proof is then as old as it really is."""
    rds = Service(describe_db_instances={"DBInstances": [raw_of()]})
    before = SystemClock().monotonic()
    (mine,) = Guard(clients_of(rds=rds), RUN).prove("db-instance", NAME)
    assert before <= mine.proved_at <= SystemClock().monotonic()
