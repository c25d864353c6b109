"""The guard: nothing is changed but what this run made, in an account that is allowed, whatever a record or a name says."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import secrets
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.config
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from drills.aws.guarded import guard as guarded
from drills.aws.guarded import permits
from drills.aws.guarded.guard import FRESH, Guard, Mine, NotOwn, Protected
from drills.aws.guarded.names import PREFIX, ScratchName, ScratchNames, check_name
from drills.aws.session import Clients, open_clients
from drills.config.load import AwsProfile, EndpointProfile, SandboxProfile
from drills.errors import Refused
from drills.model.instance import Instance
from tests.support.clock import HandClock
from tests.support.shown import shown

RUN, REGION, ACCOUNT = "20261123-120000-abcd", "eu-central-1", "123456789012"
NAME = ScratchNames.of(RUN, "recovery").instance
SOURCE = Protected(frozenset({"orders"}), frozenset({"db-SOURCE"}))
TAGS = [{"Key": "drills:run", "Value": RUN}]


class Rds:
    """Answers DescribeDBInstances with one instance, and notes what else is asked for."""

    def __init__(self, **raw: Any) -> None:
        self.raw = {
            "DBInstanceIdentifier": str(NAME),
            "DBInstanceArn": f"arn:aws:rds:{REGION}:{ACCOUNT}:db:{NAME}",
            "DbiResourceId": "db-MADE",
            "TagList": TAGS,
            **raw,
        }
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.answered: list[dict[str, Any]] | None = None

    def describe_db_instances(self, DBInstanceIdentifier: str) -> dict[str, Any]:
        """The instance, under whatever name it is asked for, or what the test says."""
        assert DBInstanceIdentifier
        return {"DBInstances": [self.raw] if self.answered is None else self.answered}

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
        """Note a call."""

        def note(**parameters: Any) -> dict[str, Any]:
            self.sent.append((operation, parameters))
            return {"DBInstance": self.raw}

        return note


def clients_of(rds: Any, **changes: Any) -> Clients:
    """Clients of which RDS alone is there."""
    nothing: Any = SimpleNamespace()
    made = Clients(rds, nothing, nothing, nothing, nothing, nothing, nothing, REGION, ACCOUNT)
    return dataclasses.replace(made, **changes)


def guard_of(rds: Any, **changes: Any) -> Guard:
    """The guard of the run."""
    return Guard(clients_of(rds, **changes), RUN, SOURCE, HandClock())


# -- names ------------------------------------------------------------------------------------------------------------


@given(st.text(), st.text())
def test_a_name_is_the_runs_or_is_none(run_id: str, rest: str) -> None:
    """Whatever text is given: a name begins with the prefix and the run's id and is a name of RDS, or it is refused."""
    try:
        name = ScratchName(run_id, rest)
    except Refused:
        return
    assert name == f"{PREFIX}{run_id}-{rest}"
    assert len(name) <= 63
    assert "--" not in name
    assert not name.endswith("-")
    assert ScratchName.read(str(name), run_id) == name


@pytest.mark.parametrize(
    "text",
    ["orders", "drill-", f"drill-{RUN}", f"drill-{RUN}-", f"drill-{RUN}x-a", "drill-20261123-120000-beef-recovery"],
)
def test_no_other_name_is_read_as_the_runs(text: str) -> None:
    """A record is a file that can be edited: names of others, and those that only look alike."""
    with pytest.raises(Refused):
        ScratchName.read(text, RUN)


@pytest.mark.parametrize(
    "text", ["/aws/rds/instance/orders/postgresql", f"/other/{NAME}", f"/aws/rds/instance/x-{NAME}/a"]
)
def test_no_other_log_group_is_read_as_the_runs(text: str) -> None:
    """RDS names log groups after the instance: the whole name of it counts, and not that it occurs."""
    with pytest.raises(Refused):
        check_name("log-group", text, RUN)
    check_name("log-group", f"/aws/rds/instance/{NAME}/postgresql", RUN)


def test_a_copy_of_a_name_is_plain_text() -> None:
    """What is copied, unpickled or read from JSON has lost its proof; a record holds text."""
    for made in (copy.deepcopy(NAME), pickle.loads(pickle.dumps(NAME)), json.loads(json.dumps(NAME))):
        assert made == NAME
        assert type(made) is str


def test_a_proof_cannot_be_made_by_hand() -> None:
    """Only the guard, which has asked AWS, says that something is this run's."""
    with pytest.raises(TypeError, match="made by Guard"):
        Mine("db-instance", "orders", {}, 0.0, object())


# -- the guard --------------------------------------------------------------------------------------------------------

FOREIGN: dict[str, tuple[dict[str, Any], str]] = {
    "no tag": ({"TagList": []}, "does not carry this run's tag"),
    "another's tag": ({"TagList": [{"Key": "drills:run", "Value": "x"}]}, "does not carry this run's tag"),
    "the source, renamed": ({"DbiResourceId": "db-SOURCE"}, "it is the source, db-SOURCE, under whatever name"),
    "another identity": ({"DbiResourceId": "db-OTHER"}, "it is db-OTHER, and what this run made is db-MADE"),
    "another region": ({"DBInstanceArn": f"arn:aws:rds:us-east-1:{ACCOUNT}:db:x"}, "it is in region us-east-1"),
    "another account": ({"DBInstanceArn": f"arn:aws:rds:{REGION}:999:db:x"}, "it is in account 999"),
}


@pytest.mark.parametrize("how", FOREIGN)
def test_what_is_not_the_runs_is_refused(how: str) -> None:
    """By its tag, identity, account or region; the source under a scratch name and with the run's tag too."""
    raw, reason = FOREIGN[how]
    rds = Rds(**raw)

    with pytest.raises(NotOwn, match=reason):
        guard_of(rds).prove("db-instance", NAME, "db-MADE")

    assert rds.sent == []


def test_what_is_the_runs_is_removed_by_the_name_that_aws_says() -> None:
    """The guard puts in the name; who asks for a change cannot give another."""
    rds = Rds()
    guard = guard_of(rds)
    (mine,) = guard.prove("db-instance", NAME, "db-MADE")

    guard.change("rds:DeleteDBInstance", mine, SkipFinalSnapshot=True)

    assert rds.sent == [("delete_db_instance", {"DBInstanceIdentifier": NAME, "SkipFinalSnapshot": True})]
    for given_name in ({"DBInstanceIdentifier": "orders"}, {"NewDBInstanceIdentifier": "orders"}):
        with pytest.raises(Refused, match="leave the name to the guard"):
            guard.change("rds:ModifyDBInstance", mine, **given_name)
    assert len(rds.sent) == 1


@pytest.mark.parametrize("seconds", [FRESH, FRESH + 1])
def test_an_old_proof_is_made_again(seconds: float) -> None:
    """Meanwhile something else may have come into the place of what was proved: it is not touched."""
    rds, clock = Rds(), HandClock()
    guard = Guard(clients_of(rds), RUN, SOURCE, clock)
    (mine,) = guard.prove("db-instance", NAME)
    rds.raw = rds.raw | {"DbiResourceId": "db-OTHER"}
    clock.sleep(seconds)

    if seconds > FRESH:
        with pytest.raises(NotOwn, match="it is db-OTHER"):
            guard.change("rds:DeleteDBInstance", mine)
    else:
        guard.change("rds:DeleteDBInstance", mine)

    assert len(rds.sent) == (0 if seconds > FRESH else 1)


def test_a_proof_that_is_made_again_holds_for_the_same_thing() -> None:
    """What is still there is changed after a long wait as well; what has gone meanwhile is said to be gone."""
    rds, clock = Rds(), HandClock()
    guard = Guard(clients_of(rds), RUN, SOURCE, clock)
    (mine,) = guard.prove("db-instance", NAME)
    clock.sleep(FRESH + 1)

    guard.change("rds:DeleteDBInstance", mine)

    assert rds.sent == [("delete_db_instance", {"DBInstanceIdentifier": NAME})]
    rds.answered = []
    with pytest.raises(NotOwn, match=f"expected db-instance {NAME} of this run, found that it is gone"):
        guard.change("rds:DeleteDBInstance", mine)
    assert len(rds.sent) == 1


@pytest.mark.parametrize(
    "changes",
    [{"allowed_accounts": ("999",)}, {"allowed_accounts": ()}, {"allowed_regions": ("us-east-1",)}],
    ids=["another account", "no account", "another region"],
)
def test_nothing_is_sent_to_a_place_that_is_not_allowed(changes: dict[str, Any]) -> None:
    """Checked for each call, as a role may have been assumed since the run began."""
    rds = Rds()
    (mine,) = guard_of(rds).prove("db-instance", NAME)
    guard = guard_of(rds, **changes)

    for attempt in (
        lambda: guard.prove("db-instance", NAME),
        lambda: guard.change("rds:DeleteDBInstance", mine),
        lambda: guard.make("rds:RestoreDBInstanceFromDBSnapshot", NAME, Tags=TAGS),
    ):
        with pytest.raises(Refused, match="expected an allowed"):
            attempt()
    assert rds.sent == []


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("orders", TAGS),
        (str(NAME), TAGS),
        (ScratchNames.of("another", "recovery").instance, TAGS),
        (NAME, []),
        (NAME, [{"Key": "drills:run", "Value": "another"}]),
    ],
    ids=["the source's name", "text", "another run's name", "no tag", "another run's tag"],
)
def test_nothing_is_made_that_could_not_be_told_as_the_runs(name: Any, tags: Any) -> None:
    """The type of the name and the run's tag are asked for before the call that makes something."""
    rds = Rds()

    with pytest.raises(Refused, match="not sent"):
        guard_of(rds).make("rds:RestoreDBInstanceFromDBSnapshot", name, Tags=tags)

    assert rds.sent == []


@pytest.mark.parametrize("operation", ["rds:FailoverDBCluster", "rds:RebootDBInstance", "rds:DescribeDBInstances"])
def test_an_operation_without_a_rule_is_refused(operation: str) -> None:
    """What a drill never does cannot be asked of its guard."""
    rds = Rds()
    (mine,) = guard_of(rds).prove("db-instance", NAME)

    with pytest.raises(Refused, match="expected an operation that a drill sends"):
        guard_of(rds).change(operation, mine)
    assert rds.sent == []


def test_a_change_of_another_kind_of_thing_is_refused() -> None:
    """The proof of an instance permits nothing about a snapshot."""
    rds = Rds()
    (mine,) = guard_of(rds).prove("db-instance", NAME)

    with pytest.raises(Refused, match="about a db-snapshot, found a db-instance"):
        guard_of(rds).change("rds:DeleteDBSnapshot", mine)


TESTED = Instance(
    "awsbackup-restore-test-1",
    f"arn:aws:rds:{REGION}:{ACCOUNT}:db:awsbackup-restore-test-1",
    "db-TEST",
    *("available", "postgres", "16.4", "db.t4g.medium", "owner"),
)
TESTED_RAW = {
    "DBInstanceIdentifier": TESTED.id,
    "DBInstanceArn": TESTED.arn,
    "DbiResourceId": "db-TEST",
    "TagList": [{"Key": "awsbackup-restore-test", "Value": ""}],
}


@pytest.mark.parametrize(
    ("raw", "protected", "reason"),
    [
        ({"TagList": TAGS}, SOURCE, "no tag awsbackup-restore-test"),
        ({"DbiResourceId": "db-NEW"}, SOURCE, "it is db-NEW, and what the restore test made is db-TEST"),
        ({"DBInstanceArn": f"arn:aws:rds:{REGION}:{ACCOUNT}:db:x"}, SOURCE, "it is db-TEST, and what"),
        ({"DbiResourceId": "db-SOURCE"}, SOURCE, "it is the source, db-SOURCE"),
        ({}, Protected(frozenset(), frozenset({"db-TEST"})), "it is the source, db-TEST"),
        ({}, Protected(frozenset({TESTED.id}), frozenset()), f"{TESTED.id} is the name of the source"),
        ({"DBInstanceArn": f"arn:aws:rds:{REGION}:999:db:x"}, SOURCE, "it is in account 999"),
    ],
)
def test_no_password_is_set_of_what_no_restore_test_made(
    raw: dict[str, Any], protected: Protected, reason: str
) -> None:
    """By its tag and its identity; the source is named as the source, whatever tag it carries."""
    rds = Rds(**TESTED_RAW | raw)

    with pytest.raises(NotOwn, match=f"expected {TESTED.id} to be what a restore test made, found {reason}"):
        guarded.set_password_of_restore_test(clients_of(rds), TESTED, protected, SecretStr("secret"))

    assert rds.sent == []


def test_the_password_of_what_a_restore_test_made_is_set_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One instance, one value, no maintenance window to wait for, and a permit for this one operation."""
    rds, permitted = Rds(**TESTED_RAW), []

    def modify(**parameters: Any) -> None:
        permits.check("rds:ModifyDBInstance", "validator")
        permitted.append(parameters)

    monkeypatch.setattr(rds, "modify_db_instance", modify, raising=False)

    guarded.set_password_of_restore_test(clients_of(rds), TESTED, SOURCE, SecretStr("secret"))

    assert permitted == [{"DBInstanceIdentifier": TESTED.id, "MasterUserPassword": "secret", "ApplyImmediately": True}]
    rds.answered = []
    with pytest.raises(NotOwn, match=f"expected the instance {TESTED.id} of the restore test, found none"):
        guarded.set_password_of_restore_test(clients_of(rds), TESTED, SOURCE, SecretStr("secret"))


# -- what a client may send -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reading() -> Clients:
    """The clients of a source's side, as every command opens them; nothing answers where they would send."""
    return open_clients(SandboxProfile(), environment={}, endpoint_url="http://127.0.0.1:9")


def test_the_sources_side_sends_no_write(reading: Clients) -> None:
    """Refused before anything leaves the machine, with every permit of the guard too."""
    writes: list[tuple[str, Callable[[], Any]]] = [
        ("rds:DeleteDBInstance", lambda: reading.rds.delete_db_instance(DBInstanceIdentifier="orders")),
        ("rds:ModifyDBInstance", lambda: reading.rds.modify_db_instance(DBInstanceIdentifier="orders")),
        ("rds:DeleteDBSnapshot", lambda: reading.rds.delete_db_snapshot(DBSnapshotIdentifier="nightly")),
        (
            "backup:DeleteRecoveryPoint",
            lambda: reading.backup.delete_recovery_point(BackupVaultName="v", RecoveryPointArn="a"),
        ),
        ("kms:ScheduleKeyDeletion", lambda: reading.kms.schedule_key_deletion(KeyId="k")),
        ("iam:DeleteRole", lambda: reading.client("iam").delete_role(RoleName="r")),
    ]
    for operation, call in writes:
        with pytest.raises(Refused, match=f"expected {operation} to be sent by what may change things"):
            call()
        with permits.permit(operation), pytest.raises(Refused):
            call()


@pytest.mark.parametrize("role", ["reads", "scratch", "cutover", "backup", "validator", "evidence"])
def test_a_guarded_operation_needs_a_permit_for_itself(role: permits.Role) -> None:
    """Each write of AWS's RDS, Backup, EC2 and logs: sent where it is listed, with a permit of its own name, and not else."""
    for operation in OPERATIONS:
        free = operation in permits.FREE.get(role, ())
        guarded_one = operation in permits.GUARDED.get(role, ())
        with permits.permit("rds:Another"):
            assert allowed(operation, role) == free
        with permits.permit(operation):
            assert allowed(operation, role) == (free or guarded_one)


def allowed(operation: str, role: permits.Role) -> bool:
    """Whether a client of that role may send it now."""
    try:
        permits.check(operation, role)
    except Refused:
        return False
    return True


def operations() -> list[str]:
    """Every operation of the services that is no read, as botocore's models name them."""
    session = boto3.Session(region_name=REGION)
    found = []
    for service in ("rds", "backup", "ec2", "logs", "kms", "s3", "ecs", "application-autoscaling", "secretsmanager"):
        model = session._session.get_service_model(service)
        found += [f"{service}:{name}" for name in model.operation_names]
    return [each for each in found if not permits.is_read(each)]


OPERATIONS = operations()


def test_a_scene_is_set_on_this_machine_alone() -> None:
    """The role that may send everything is refused in an account, and at an endpoint of another host."""
    for elsewhere in (
        AwsProfile(accounts=(ACCOUNT,), regions=(REGION,)),
        EndpointProfile(endpoint_url="http://emulator.example:4566"),
    ):
        with pytest.raises(Refused, match="nothing is staged in an AWS account"):
            open_clients(elsewhere, environment={}, role="stage")
    open_clients(EndpointProfile(endpoint_url="http://localhost:4566"), environment={}, role="stage")


def test_a_permit_ends_with_its_call() -> None:
    """Also when the call fails, so that nothing else is sent under it."""
    client = boto3.client("rds", region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")
    permits.hold(client, "scratch")
    stub = Stubber(client)
    stub.add_client_error("delete_db_instance", "AccessDenied")

    with stub, pytest.raises(client.exceptions.ClientError), permits.permit("rds:DeleteDBInstance"):
        client.delete_db_instance(DBInstanceIdentifier="x")

    with pytest.raises(Refused, match="no permit of the guard"):
        client.delete_db_instance(DBInstanceIdentifier="x")


@pytest.mark.parametrize("of_restore_test", [False, True])
def test_no_traceback_with_its_variables_shows_the_password(of_restore_test: bool) -> None:
    """Of a request that got no answer: the frames of botocore and urllib3, which hold it, are not in the error."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": REGION}
    config = botocore.config.Config(retries={"total_max_attempts": 1}, proxies={})
    closed = boto3.client("rds", endpoint_url="http://127.0.0.1:1", config=config, **keys)  # type: ignore[call-overload]
    rds = Rds(TagList=[*TAGS, {"Key": "awsbackup-restore-test", "Value": ""}])
    rds.modify_db_instance = closed.modify_db_instance  # type: ignore[attr-defined]
    password, guard = SecretStr(secrets.token_urlsafe()), guard_of(rds)
    made = Instance(NAME, rds.raw["DBInstanceArn"], "db-MADE", "available", "postgres", "16.4", "c", "owner")
    (mine,) = guard.prove("db-instance", NAME)

    def set_password() -> None:
        if of_restore_test:
            guarded.set_password_of_restore_test(clients_of(rds), made, SOURCE, password)
        else:
            guard.change("rds:ModifyDBInstance", mine, MasterUserPassword=password)

    with pytest.raises(EndpointConnectionError) as raised:
        set_password()

    text = shown(raised.value)
    assert "SecretStr('**********')" in text
    assert password.get_secret_value() not in text
