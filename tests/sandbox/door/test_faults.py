"""The faults that strike at the door and at the ports, as a client sees them: through boto3 and psycopg alone."""

from __future__ import annotations

import email.utils
import http.client
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError
from pydantic import SecretStr

from drills.clock import SystemClock
from drills.recovery.connect import Endpoint, connector, wait_for_connection
from drills.run.context import late_name_resolver
from tests.support import signing
from tests.support.rds import MASTER, Instance, code, create, eventually
from tests.support.sandbox import RunningSandbox, end_sandbox, start_sandbox

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]


@pytest.fixture(scope="module")
def faulty() -> Iterator[RunningSandbox]:
    """A sandbox of the module's own, whose faults strike nobody else."""
    running = start_sandbox()
    yield running
    end_sandbox(running)


@pytest.fixture
def box(faulty: RunningSandbox) -> Iterator[RunningSandbox]:
    """The same, with nothing armed before and after."""
    faulty.control.clear_faults()
    yield faulty
    faulty.control.clear_faults()


@pytest.fixture(scope="module")
def database(faulty: RunningSandbox) -> Instance:
    """An available instance, `calm`."""
    made = create(faulty, "calm")
    made.available()
    return made


def struck(box: RunningSandbox) -> int:
    """How often the one armed fault has struck."""
    (fault,) = box.control.faults()
    return int(fault["struck"])


def patient(box: RunningSandbox, service: str, attempts: int = 5, **more: Any) -> Any:
    """A boto3 client that tries again, as a user's does."""
    retries: Any = {"mode": "standard", "total_max_attempts": attempts}
    return box.client(service, config=Config(retries=retries, **more))


# -- refused calls -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "status", "said"),
    [
        ("rds", "describe_db_instances", {}, 400, "Throttling"),
        ("backup", "list_backup_vaults", {}, 400, "ThrottlingException"),
        ("ec2", "describe_vpcs", {}, 503, "RequestLimitExceeded"),
        ("kms", "list_keys", {}, 400, "ThrottlingException"),
        ("s3", "list_buckets", {}, 503, "SlowDown"),
    ],
)
def test_a_throttled_call_is_tried_again_and_goes_well(
    box: RunningSandbox, service: str, operation: str, parameters: dict[str, Any], status: int, said: str
) -> None:
    """Each service says it in its own words ("Common Errors" of its API reference), and botocore repeats such a call."""
    box.control.arm("throttling", service=service)
    with pytest.raises(ClientError) as refused:
        getattr(box.client(service), operation)(**parameters)
    assert code(refused) == said
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert struck(box) == 1

    box.control.clear_faults()
    box.control.arm("throttling", service=service, times=2)
    answer = getattr(patient(box, service), operation)(**parameters)
    assert answer["ResponseMetadata"]["RetryAttempts"] == 2
    assert struck(box) == 2


def test_a_throttled_create_makes_one_instance(box: RunningSandbox, database: Instance) -> None:
    """What was refused was not carried out: the repeated call is the first."""
    box.control.arm("throttling", operation="CreateDBSnapshot", name="calm", times=1)
    rds = patient(box, "rds")
    rds.create_db_snapshot(DBInstanceIdentifier="calm", DBSnapshotIdentifier="calm-throttled")

    assert struck(box) == 1
    assert len(rds.describe_db_snapshots(DBInstanceIdentifier="calm")["DBSnapshots"]) == 1
    (refused, done) = box.control.calls(service="rds", operation="CreateDBSnapshot")[-2:]
    assert (refused["fault"], refused["error"]) == ("throttling", "Throttling")
    assert (done["fault"], done["error"]) == ("", "")
    database.available()


@pytest.mark.parametrize(
    ("service", "operation", "status", "said"),
    [
        ("rds", "describe_db_instances", 403, "AccessDenied"),
        ("backup", "list_backup_vaults", 403, "AccessDeniedException"),
        ("kms", "list_keys", 400, "AccessDeniedException"),
        ("ec2", "describe_vpcs", 403, "UnauthorizedOperation"),
        ("s3", "list_buckets", 403, "AccessDenied"),
    ],
)
def test_a_denied_call_is_not_tried_again(
    box: RunningSandbox, service: str, operation: str, status: int, said: str
) -> None:
    """As IAM says it in each service's protocol ("Common Errors" of its API reference), naming the action."""
    box.control.arm("access-denied", service=service, times=None)
    with pytest.raises(ClientError) as refused:
        getattr(patient(box, service), operation)()

    assert code(refused) == said
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert service + ":" in refused.value.response["Error"]["Message"]
    assert struck(box) == 1


def test_a_denial_strikes_the_named_resource_only(box: RunningSandbox, database: Instance) -> None:
    """A name is found in the parameters, and at the end of an ARN."""
    box.control.arm("access-denied", service="rds", name="calm", times=None)
    rds = box.client("rds")
    arn = f"arn:aws:rds:{box.region}:123456789012:db:calm"
    for operation, parameters in (
        ("describe_db_instances", {"DBInstanceIdentifier": "calm"}),
        ("list_tags_for_resource", {"ResourceName": arn}),
    ):
        with pytest.raises(ClientError) as refused:
            getattr(rds, operation)(**parameters)
        assert code(refused) == "AccessDenied"
    assert rds.describe_db_instances()["DBInstances"]
    assert struck(box) == 2


# -- eventual consistency ----------------------------------------------------------------------------------------------


def test_what_was_just_made_may_not_be_found_yet(box: RunningSandbox, database: Instance) -> None:
    """DescribeDBInstances and DescribeDBSnapshots answer their NotFound for the new resource, and for no other."""
    rds = box.client("rds")
    box.control.forward(120)  # what the other tests have made is not new any more
    box.control.arm("not-found-after-create", service="rds", times=3)
    create(box, "fresh")
    for _ in range(2):
        with pytest.raises(ClientError) as refused:
            rds.describe_db_instances(DBInstanceIdentifier="fresh")
        assert code(refused) == "DBInstanceNotFound"
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert rds.describe_db_instances(DBInstanceIdentifier="calm")["DBInstances"]

    rds.create_db_snapshot(DBInstanceIdentifier="calm", DBSnapshotIdentifier="calm-fresh")
    with pytest.raises(ClientError) as refused:
        rds.describe_db_snapshots(DBSnapshotIdentifier="calm-fresh")
    assert code(refused) == "DBSnapshotNotFound"
    assert struck(box) == 3
    assert rds.describe_db_snapshots(DBSnapshotIdentifier="calm-fresh")["DBSnapshots"]
    database.available()


def test_a_job_may_not_be_found_yet(box: RunningSandbox, database: Instance) -> None:
    """DescribeBackupJob right after StartBackupJob, whose answer is where the job's id comes from."""
    backup = box.client("backup")
    backup.create_backup_vault(BackupVaultName="fresh")
    box.control.arm("not-found-after-create", service="backup", operation="DescribeBackupJob")
    arn = database.described()["DBInstanceArn"]
    role = "arn:aws:iam::123456789012:role/backup"
    job = backup.start_backup_job(BackupVaultName="fresh", ResourceArn=arn, IamRoleArn=role)["BackupJobId"]

    with pytest.raises(ClientError) as refused:
        backup.describe_backup_job(BackupJobId=job)
    assert code(refused) == "ResourceNotFoundException"
    assert backup.describe_backup_job(BackupJobId=job)["BackupJobId"] == job
    assert struck(box) == 1
    database.available()


def test_what_was_made_long_ago_is_found(box: RunningSandbox, database: Instance) -> None:
    """After a minute, or the fault's seconds, nothing is new any more."""
    create(box, "aged")
    box.control.arm("not-found-after-create", service="rds", times=None, seconds=600)
    with pytest.raises(ClientError):
        box.client("rds").describe_db_instances(DBInstanceIdentifier="aged")
    box.control.forward(601)

    assert box.client("rds").describe_db_instances(DBInstanceIdentifier="aged")["DBInstances"]
    assert struck(box) == 1


# -- no answer, another clock ------------------------------------------------------------------------------------------


def test_an_answer_that_never_comes_holds_up_nobody_else(box: RunningSandbox) -> None:
    """The call is carried out, its client gives up, and while another waits for ever others are answered."""
    box.control.arm("no-response", service="rds")
    held = held_up(box)
    eventually(lambda: struck(box) == 1, "the fault to strike")
    assert box.client("rds").describe_db_instances()["ResponseMetadata"]["HTTPStatusCode"] == 200
    held.close()

    box.control.arm("no-response", service="backup", operation="CreateBackupVault", name="silent")
    with pytest.raises(ReadTimeoutError):
        patient(box, "backup", 1, read_timeout=1).create_backup_vault(BackupVaultName="silent")

    def logged() -> list[tuple[int, str]]:
        calls = box.control.calls(operation="CreateBackupVault")
        return [
            (call["status"], call["fault"]) for call in calls if call["parameters"].get("backupVaultName") == "silent"
        ]

    assert eventually(logged, "the call to be in the log") == [(200, "no-response")]
    seen = box.client("backup").list_backup_vaults()["BackupVaultList"]
    assert "silent" in [each["BackupVaultName"] for each in seen]


def held_up(box: RunningSandbox) -> http.client.HTTPConnection:
    """A connection on which DescribeDBInstances was asked for, whose client waits for ever."""
    host, port = box.endpoint.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=90)
    signed = signing.headers(box.keys, "rds", "POST / HTTP/1.1", f"{host}:{port}", box.region).splitlines()
    headers = dict(line.split(": ", 1) for line in (*signed, "Content-Type: application/x-www-form-urlencoded"))
    connection.request("POST", "/", b"Action=DescribeDBInstances&Version=2014-10-31", headers)
    return connection


@pytest.mark.parametrize("kind", ["lost-answer", "server-error"])
def test_a_call_whose_answer_is_lost_is_carried_out(box: RunningSandbox, kind: str) -> None:
    """boto3 repeats it at once and is refused by what the first has made; the log has both, the first with the fault."""
    name, began = f"lost-{kind}", time.monotonic()
    box.control.arm(kind, service="backup", operation="CreateBackupVault", name=name)

    with pytest.raises(ClientError) as refused:
        patient(box, "backup", 2, read_timeout=600).create_backup_vault(BackupVaultName=name)

    assert time.monotonic() - began < 300
    assert refused.value.response["Error"]["Code"] == "AlreadyExistsException"
    first, second = box.control.calls(operation="CreateBackupVault")[-2:]
    assert (first["status"], first["fault"], second["fault"]) == (200, kind, "")
    assert name in [each["BackupVaultName"] for each in box.client("backup").list_backup_vaults()["BackupVaultList"]]


def test_a_client_that_waits_for_ever_does_not_hold_up_the_end() -> None:
    """The sandbox ends while a connection is held."""
    running = start_sandbox()
    running.control.arm("no-response", service="rds")
    connection = held_up(running)
    eventually(lambda: running.control.faults()[0]["struck"] == 1, "the fault to strike")
    began = time.monotonic()

    assert end_sandbox(running, timeout=90) == 0
    assert time.monotonic() - began < 90
    with pytest.raises((http.client.BadStatusLine, OSError)):
        connection.getresponse()
    connection.close()


def test_a_skewed_clock_is_ahead_in_header_and_answers(box: RunningSandbox, database: Instance) -> None:
    """The Date header and the instants that AWS makes are ahead of this machine by as much; durations are not."""
    rds = box.client("rds")
    box.control.arm("clock-skew", seconds=3600, times=None)
    answer = rds.create_db_snapshot(DBInstanceIdentifier="calm", DBSnapshotIdentifier="calm-skewed")
    date = email.utils.parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    database.available()
    (snapshot,) = rds.describe_db_snapshots(DBSnapshotIdentifier="calm-skewed")["DBSnapshots"]

    wound = box.control.now() - timedelta(hours=1) - datetime.now(UTC)  # what other tests have wound the clock forward
    for instant in (date, snapshot["SnapshotDatabaseTime"]):
        ahead = instant - datetime.now(UTC) - wound
        assert timedelta(minutes=59) < ahead < timedelta(minutes=61)
    assert struck(box) >= 2
    box.control.clear_faults()
    date = rds.describe_db_instances()["ResponseMetadata"]["HTTPHeaders"]["date"]
    assert email.utils.parsedate_to_datetime(date) - datetime.now(UTC) - wound < timedelta(minutes=1)


# -- ports and names ---------------------------------------------------------------------------------------------------


def test_a_port_refuses_for_a_while_after_available(box: RunningSandbox) -> None:
    """An instance that is `available` may still refuse its first clients."""
    box.control.arm("connection-refused", name="shy", seconds=600)
    shy = create(box, "shy")
    shy.available()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        shy.connect()
    assert struck(box) == 1
    box.control.forward(600)

    eventually(lambda: _answers(shy), "shy to answer")


def test_an_open_port_begins_to_refuse_when_the_fault_is_armed(box: RunningSandbox, database: Instance) -> None:
    """Sessions are cut, new ones refused, and after its seconds it answers again without anybody's doing."""
    with database.connect() as session:
        box.control.arm("connection-refused", name="calm", seconds=600)
        assert struck(box) == 1
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="refused"):
        database.connect()
    box.control.forward(600)

    eventually(lambda: _answers(database), "calm to answer again")


def _answers(database: Instance) -> bool:
    try:
        return bool(database.value("SELECT 1") == 1)
    except psycopg.OperationalError:
        return False


def test_first_reads_are_slow_and_right(box: RunningSandbox, database: Instance) -> None:
    """Connecting is as quick as ever, the first answers come late and whole, the next as quick as ever (lazy loading)."""
    box.control.arm("slow-reads", name="calm", seconds=0.8, times=2)

    def took(session: psycopg.Connection[Any]) -> float:
        began = time.monotonic()
        rows = session.execute("SELECT n FROM generate_series(1, 20000) n").fetchall()
        assert len(rows) == 20_000
        return time.monotonic() - began

    with database.connect() as session:
        assert min(took(session), took(session)) >= 0.8
        assert struck(box) == 2
        assert any(took(session) < 0.8 for _ in range(60))  # a machine that is busy is slow now and then
    assert struck(box) == 2


def test_a_late_name_is_waited_for(box: RunningSandbox, database: Instance) -> None:
    """The engine's resolver is told that the name is late, `wait_for_connection` tries again, and then it connects."""
    seen = database.described()["Endpoint"]
    endpoint = Endpoint(seen["Address"], seen["Port"], MASTER, SecretStr(database.password), Path(box.ca))
    connect = connector(endpoint, late_name_resolver(box.control))
    box.control.arm("late-name", name="calm", seconds=600)
    with pytest.raises(psycopg.OperationalError, match="failed to resolve host 'localhost'"):
        connect("app")
    with pytest.raises(psycopg.OperationalError, match="late"):
        connect("app")
    assert struck(box) == 1
    box.control.forward(600)

    wait_for_connection(connect, "app", SystemClock(), timeout=60.0, key="targets.orders.timeout", every=0.1)
    assert struck(box) == 1


def test_a_name_that_is_not_late_resolves_at_once(box: RunningSandbox, database: Instance) -> None:
    """Also that of a port which nobody has, as the system would find `localhost`."""
    assert box.control.resolves(database.described()["Endpoint"]["Port"])
    assert box.control.resolves(1)


def test_a_secret_is_in_no_recorded_answer(box: RunningSandbox) -> None:
    """What Secrets Manager answers is recorded with stars in place of the secret."""
    manager, word = box.client("secretsmanager"), secrets.token_urlsafe(16)
    manager.create_secret(Name="drill-secret", SecretString=word)
    assert manager.get_secret_value(SecretId="drill-secret")["SecretString"] == word

    (call,) = box.control.calls(operation="GetSecretValue")
    assert call["answer"]["Name"] == "drill-secret"
    assert call["answer"]["SecretString"] == "****"
    assert word not in str(box.control.calls())


def test_the_answer_of_a_call_is_in_the_record(box: RunningSandbox, database: Instance) -> None:
    """As botocore reads it: a success with its members, an error with its code."""
    rds = box.client("rds")
    rds.describe_db_instances(DBInstanceIdentifier="calm")
    with pytest.raises(ClientError):
        rds.describe_db_instances(DBInstanceIdentifier="ghost")

    good, bad = box.control.calls(service="rds", operation="DescribeDBInstances")[-2:]
    assert good["answer"]["DBInstances"][0]["DBInstanceIdentifier"] == "calm"
    assert good["answer"]["DBInstances"][0]["Endpoint"]["Address"] == "localhost"
    assert bad["answer"]["Error"]["Code"] == bad["error"] == "DBInstanceNotFound"
