"""What no AWS client sends: requests that cannot be parsed, bodies that never come, many requests at once."""

from __future__ import annotations

import json
import re
import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support import signing
from tests.support.rds import ROLE, Instance, create, eventually
from tests.support.sandbox import RunningSandbox, end_sandbox, start_sandbox

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]

WITHIN = 30.0  # seconds in which whatever is sent must be answered
_UNSIGNED = b"Sign-For: "
FORM = "application/x-www-form-urlencoded"
SERVICES = ("rds", "backup", "ec2", "kms", "ecs", "s3", "sts", "iam", "monitoring", "logs", "dynamodb", "none", "ö")


@pytest.fixture(scope="module")
def target() -> Iterator[RunningSandbox]:
    """A sandbox of the module's own."""
    running = start_sandbox()
    yield running
    end_sandbox(running, requests_are_noise=True)


@pytest.fixture(scope="module", autouse=True)
def silent(target: RunningSandbox) -> Iterator[list[socket.socket]]:
    """Clients that fall silent in the middle of a line, of the headers and of a body, while the other tests are made."""
    head = request("rds", b"", "Content-Length: 10")
    connections = [open_to(target) for _ in range(3)]
    for connection, sent in zip(connections, (b"POS", head[:40], head + b"Act"), strict=True):
        connection.sendall(sent)
    assert target.client("rds").describe_db_instances()["DBInstances"] == []
    yield connections
    for connection in connections:
        connection.close()


def open_to(box: RunningSandbox) -> socket.socket:
    """A connection to the sandbox."""
    host, port = box.endpoint.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=WITHIN)


def ask(box: RunningSandbox, sent: bytes) -> tuple[int | None, bytes]:
    """Send bytes and then nothing more; status and all that came. No status where nothing came, as without a request."""
    with open_to(box) as connection:
        try:
            connection.sendall(signed(box, sent))
            connection.shutdown(socket.SHUT_WR)
            got = b"".join(iter(lambda: connection.recv(65536), b""))
        except TimeoutError:
            raise
        except OSError:  # it was refused before all of it was sent
            got = b""
    status = re.match(rb"HTTP/1\.[01] (\d{3}) ", got)
    return (int(status[1]) if status else None), got


def signed(box: RunningSandbox, sent: bytes) -> bytes:
    """The bytes of a request with the signature of its first line and its host; other bytes as they are."""
    head, found, rest = sent.partition(_UNSIGNED)
    if not found:
        return sent
    service, _, rest = rest.partition(b"\r\n")
    line = head.partition(b"\r\n")[0].decode()
    return head + signing.headers(box.keys, service.decode(), line, "localhost").encode() + rest


def request(service: str, body: bytes, *headers: str, line: str = "POST / HTTP/1.1") -> bytes:
    """A well-formed HTTP request; `signed` puts the signature in."""
    head = "".join(f"{each}\r\n" for each in headers).encode()
    length = b"" if any(each.lower().startswith(("content-length", "transfer-")) for each in headers) else None
    size = f"Content-Length: {len(body)}\r\n".encode() if length is None else b""
    return (
        f"{line}\r\nHost: localhost\r\n".encode()
        + _UNSIGNED
        + service.encode()
        + b"\r\n"
        + head
        + size
        + b"\r\n"
        + body
    )


SMALL = st.binary(max_size=60)
BODIES = st.one_of(
    SMALL,
    SMALL.map(lambda noise: b"Action=DescribeDBInstances&Version=2014-10-31&DBInstanceIdentifier=" + noise),
    SMALL.map(lambda noise: b"Action=" + noise),
    SMALL.map(lambda noise: b'{"KeyId": "' + noise),
    st.sampled_from((b"<deep list>", b"<deep object>")),
    st.just(b"Action=DescribeDBInstances&Filters.Filter.99999999999.Name=a"),
    st.just(b"Action=CreateDBInstance&AllocatedStorage=many&MultiAZ=perhaps&DBInstanceIdentifier=a"),
    st.recursive(
        st.none() | st.integers() | st.just("x"),
        lambda x: (
            st.lists(x, max_size=2)
            | st.dictionaries(st.sampled_from(("KeyId", "BackupVaultName", "Filters", "")), x, max_size=2)
        ),
        max_leaves=4,
    ).map(lambda value: json.dumps(value).encode()),
)
HEADERS = st.lists(
    st.sampled_from(
        (
            f"Content-Type: {FORM}",
            "Content-Type: application/x-amz-json-1.1",
            "Content-Type: application/json",
            "Content-Type: application/cbor",
            "Content-Type: multipart/form-data; boundary=",
            "Content-Type: \xff\xfe",
            "X-Amz-Target: TrentService.ListKeys",
            "X-Amz-Target: TrentService.Nonsense",
            "X-Amz-Target: .",
            "X-Amz-Target: AmazonEC2ContainerServiceV20141113.DescribeServices",
            "Smithy-Protocol: rpc-v2-cbor",
            "Content-Length: 99999999999999999999",
            "Content-Length: -1",
            "Content-Length: ten",
            "Content-Length: 7",
            "Transfer-Encoding: chunked",
            "Transfer-Encoding: gzip",
            "Content-Encoding: gzip",
            "Expect: 100-continue",
            "X-Huge: <huge>",
            "no colon",
            "Host: ",
        )
    ),
    max_size=3,
)  # fmt: skip
HUGE = {b"<deep list>": b"[" * 50_000, b"<deep object>": b'{"a":' * 50_000}
LINES = st.sampled_from(
    (
        "POST / HTTP/1.1", "GET / HTTP/1.1", "PUT /backup-vaults/%ff%00 HTTP/1.1", "GET /backup-jobs/%zz HTTP/1.1",
        "DELETE /backup-vaults/none HTTP/1.1", "GET /?Action=DescribeDBInstances HTTP/1.1", "BREW / HTTP/1.1",
        "GET //// HTTP/1.1", "POST /service/GraniteServiceVersion20100801/operation/DescribeAlarms HTTP/1.1",
        "GET http://[::1/ HTTP/1.1", "GET /_sandbox/calls?service=%ff HTTP/1.1", "POST /_sandbox/faults HTTP/1.1",
        "GET /_sandbox/names/x HTTP/1.1", "GET /moto-api/reset HTTP/1.1", "POST /moto-api/reset HTTP/1.1",
        "GET / HTTP/9.9", "GET / SPDY/1", "\x00 / HTTP/1.1", "GET /<huge> HTTP/1.1", "GET * HTTP/1.1",
        "PUT /bucket/key?acl HTTP/1.1", "GET /bucket?list-type=2&max-keys=x HTTP/1.1", "HEAD / HTTP/1.1",
    )
)  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(SERVICES), BODIES, HEADERS, LINES)
@example("rds", b"", ["X-Many: h"] * 200, "POST / HTTP/1.1")
@example("rds", b"", [], "GET http://[::1/ HTTP/1.1")
@example("rds", b"Action=DescribeDBInstances", [f"Content-Type: {FORM}"], "HEAD / HTTP/1.1")
@example("kms", b"<deep list>", ["X-Amz-Target: TrentService.ListKeys"], "POST / HTTP/1.1")
def test_whatever_is_sent_is_answered_and_never_with_a_500(
    target: RunningSandbox, service: str, body: bytes, headers: list[str], line: str
) -> None:
    """A client repeats what is answered with a 5xx; what cannot be read is its own fault, in AWS's words."""
    sent = request(service, HUGE.get(body, body), *headers, line=line).replace(b"<huge>", b"h" * 70_000)
    status, got = ask(target, sent)

    assert status is None or status < 500, got[:500]
    if status is not None and status >= 400 and not line.startswith("HEAD"):
        text = got.partition(b"\r\n\r\n")[2]
        assert re.search(rb"<Code>\w[\w.]*</Code>|\"__type\"|\"error\"", text), got[:500]


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=200))
def test_bytes_that_are_no_http_are_answered_and_never_with_a_500(target: RunningSandbox, sent: bytes) -> None:
    """Or the connection is closed; it never hangs."""
    status, got = ask(target, sent)

    assert status is None or 400 <= status < 500, got[:300]


CHUNKED = "Transfer-Encoding: chunked"
JSON_TYPE = "Content-Type: application/x-amz-json-1.1"
TARGET = "X-Amz-Target: TrentService.ListKeys"


JSON_HEADERS = (JSON_TYPE, TARGET)
QUERY = f"Content-Type: {FORM}"
UNREADABLE = {
    "half a JSON": (request("kms", b"{", *JSON_HEADERS), 400, b"SerializationException"),
    "a JSON list": (request("kms", b"[]", *JSON_HEADERS), 400, b"SerializationException"),
    "no UTF-8": (request("kms", b"\xff\xfe", *JSON_HEADERS), 400, b"SerializationException"),
    "a deep JSON": (request("kms", b"[" * 100_000, *JSON_HEADERS), 400, b"SerializationException"),
    "half a REST JSON": (
        request("backup", b"{", line="PUT /backup-vaults/v HTTP/1.1"), 400, b"SerializationException"
    ),
    "no REST path": (request("backup", b"{}", line="PUT /nothing HTTP/1.1"), 404, b"UnknownOperationException"),
    "an unknown target": (
        request("kms", b"{}", JSON_TYPE, "X-Amz-Target: TrentService.Nonsense"), 400, b"UnknownOperationException"
    ),
    "an unknown action": (request("rds", b"Action=Nonsense&Version=2014-10-31", QUERY), 400, b"InvalidAction"),
    "an unknown EC2 action": (request("ec2", b"Action=Nonsense&Version=2016-11-15", QUERY), 400, b"InvalidAction"),
    "a query that is a PUT": (
        request("rds", b"Action=DescribeDBInstances", QUERY, line="PUT / HTTP/1.1"), 400, b"MalformedHttpRequest"
    ),
    "no action": (request("rds", b"Version=2014-10-31", QUERY), 400, b"MissingAction"),
    "a number that is none": (
        request("rds", b"Action=DescribeDBInstances&MaxRecords=many", QUERY), 400, b"MalformedInput"
    ),
    "a length of 20 digits": (request("rds", b"", "Content-Length: 99999999999999999999"), 400, b"IncompleteBody"),
    "a length below 0": (request("rds", b"", "Content-Length: -5"), 400, b"IncompleteBody"),
    "half a body": (request("rds", b"short", "Content-Length: 50"), 400, b"IncompleteBody"),
    "no chunk": (request("rds", b"zz\r\nwhat", CHUNKED), 400, b"IncompleteBody"),
    "half a chunk": (request("rds", b"5\r\nab", CHUNKED), 400, b"IncompleteBody"),
    "no signature": (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx", 403, b"MissingAuthenticationToken"),
    "another HTTP": (b"GET / HTTP/9.9\r\n\r\n", 400, b"MalformedHttpRequest"),
    "no HTTP": (b"nonsense\r\n\r\n", 400, b"MalformedHttpRequest"),
}  # fmt: skip


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_cannot_be_read_is_named(target: RunningSandbox, what: str) -> None:
    """The code says what is wrong ("Common Errors" of the RDS and AWS Backup API references)."""
    sent, status, said = UNREADABLE[what]
    got_status, got = ask(target, sent)

    assert (got_status, said in got) == (status, True), got[:500]


def test_it_listens_on_loopback_only(target: RunningSandbox) -> None:
    """No other machine reaches the AWS or a database: every listening socket is on 127.0.0.1 or ::1."""
    create(target, "loop").available()
    listening = [
        each.laddr.ip
        for each in psutil.Process(target.process.pid).net_connections("inet")
        if each.status == psutil.CONN_LISTEN
    ]

    assert len(listening) >= 2
    assert set(listening) <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("rds", "describe_reserved_db_instances", {}),
        ("ec2", "describe_fpga_images", {}),
        ("ecs", "list_daemons", {}),
        ("backup", "list_frameworks", {}),
        ("s3", "list_bucket_analytics_configurations", {"Bucket": "there"}),
    ],
)
def test_an_absent_operation_is_refused_in_its_protocol_and_not_tried_again(
    target: RunningSandbox, service: str, operation: str, parameters: dict[str, Any]
) -> None:
    """Query, ec2, json, rest-json and rest-xml: botocore reads NotImplemented and gives up at once."""
    if service == "s3":
        target.client("s3").create_bucket(
            Bucket="there", CreateBucketConfiguration={"LocationConstraint": target.region}
        )
    patient = target.client(service, config=None)
    before = len(target.control.calls())
    with pytest.raises(ClientError) as refused:
        getattr(patient, operation)(**parameters)

    said = refused.value.response
    assert said["Error"]["Code"] == "NotImplemented"
    assert said["ResponseMetadata"]["HTTPStatusCode"] < 500
    assert said["ResponseMetadata"]["RetryAttempts"] == 0
    assert len(target.control.calls()) == before + 1


# -- many at once ------------------------------------------------------------------------------------------------------


def test_requests_at_once_never_corrupt_the_state(target: RunningSandbox) -> None:
    """Creates, changes, renames, snapshots, backups and deletes of the same names from many threads: what is left is whole."""
    target.client("backup").create_backup_vault(BackupVaultName="race")
    names = ("race-a", "race-b", "race-c")
    outcomes: Counter[str] = Counter()

    def do(job: tuple[int, str]) -> None:
        number, name = job
        rds = target.client("rds")
        arn = f"arn:aws:rds:{target.region}:123456789012:db:{name}"
        steps = (
            lambda: create(target, name),
            lambda: rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=f"{name}-s{number % 3}"),
            lambda: rds.modify_db_instance(
                DBInstanceIdentifier=name, AllocatedStorage=21 + number, ApplyImmediately=True
            ),
            lambda: rds.reboot_db_instance(DBInstanceIdentifier=name),
            lambda: rds.modify_db_instance(
                DBInstanceIdentifier=name, NewDBInstanceIdentifier=names[number % 3], ApplyImmediately=True
            ),
            lambda: target.client("backup").start_backup_job(BackupVaultName="race", ResourceArn=arn, IamRoleArn=ROLE),
            lambda: rds.describe_db_instances(),
            lambda: rds.restore_db_instance_from_db_snapshot(
                DBInstanceIdentifier=names[(number + 1) % 3], DBSnapshotIdentifier=f"{name}-s0"
            ),
            lambda: rds.delete_db_snapshot(DBSnapshotIdentifier=f"{name}-s{number % 3}"),
            lambda: rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True),
        )
        try:
            steps[number % len(steps)]()
            outcomes["done"] += 1
        except ClientError as error:
            outcomes[error.response["Error"]["Code"]] += 1

    for name in names:
        create(target, name)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(do, [(number, names[(number // 2) % 3]) for number in range(120)]))

    assert outcomes["InternalFailure"] == 0, outcomes
    assert outcomes["done"] > 20
    _settled(target)
    _whole(target)


def test_of_many_creates_of_one_name_one_is_carried_out(target: RunningSandbox) -> None:
    """The others are told DBInstanceAlreadyExists; there is one server, with the password of the one that won."""
    results: list[Instance | str] = []

    def make(_: int) -> None:
        try:
            results.append(create(target, "only"))
        except ClientError as error:
            results.append(error.response["Error"]["Code"])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(make, range(16)))

    (won,) = [each for each in results if isinstance(each, Instance)]
    assert Counter(each for each in results if isinstance(each, str)) == {"DBInstanceAlreadyExists": 15}
    won.available()
    assert won.value("SELECT 1") == 1
    _whole(target)


def _settled(target: RunningSandbox) -> None:
    """Wait until nothing is under way."""
    passing = ("creating", "modifying", "renaming", "rebooting", "backing-up", "deleting", "resetting")

    def quiet() -> bool:
        jobs = target.client("backup").list_backup_jobs()["BackupJobs"]  # one that waits has no instance backing up yet
        if any(job["State"] in ("CREATED", "PENDING", "RUNNING") for job in jobs):
            return False
        seen = target.client("rds").describe_db_instances()["DBInstances"]
        if any(each["PendingModifiedValues"] for each in seen):  # a change whose thread has not begun yet
            return False
        return not any(each["DBInstanceStatus"].startswith(passing) for each in seen)

    eventually(quiet, "everything to settle", timeout=120.0)


def _whole(target: RunningSandbox) -> None:
    """No instance twice, each with a server that runs and a port of its own, and no server without an instance."""
    seen = target.client("rds").describe_db_instances()["DBInstances"]
    names = [each["DBInstanceIdentifier"] for each in seen]
    assert len(set(names)) == len(names)
    assert len({each["DbiResourceId"] for each in seen}) == len(seen)
    ports = [each["Endpoint"]["Port"] for each in seen]
    assert len(set(ports)) == len(ports)
    pids = []
    for each in seen:
        told = target.control.instance(each["DBInstanceIdentifier"])
        assert each["DBInstanceStatus"] == told["status"] == "available", told
        pids.append(told["pid"])
    assert all(psutil.pid_exists(pid) for pid in pids)
    running = {
        process.pid
        for process in psutil.process_iter(["cmdline", "ppid"])
        if any(part.startswith(f"{target.state}/d") for part in process.info["cmdline"] or ())
        and "postgres" in (process.info["cmdline"] or [""])[0]
    }
    assert running <= set(pids)
    snapshots = target.client("rds").describe_db_snapshots()["DBSnapshots"]
    arns = [each["DBSnapshotArn"] for each in snapshots]
    assert len(set(arns)) == len(arns)
    points = target.client("backup").list_recovery_points_by_backup_vault(BackupVaultName="race")["RecoveryPoints"]
    assert {each["RecoveryPointArn"] for each in points} <= set(arns)


def test_a_client_that_falls_silent_is_let_go(silent: list[socket.socket]) -> None:
    """In the middle of a line, of the headers or of a body; others are answered meanwhile, as in the tests before."""
    ends = [b"".join(iter(lambda c=connection: c.recv(65536), b"")) for connection in silent]  # type: ignore[misc]

    assert ends[:2] == [b"", b""]
    assert b" 400 " in ends[2]
    assert b"RequestTimeout" in ends[2]
