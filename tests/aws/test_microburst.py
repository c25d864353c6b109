"""The AWS part of a drill goes through faults that nobody here wrote: microburst, a fault proxy, stands before the sandbox.

microburst (MIT, https://github.com/pingedbrain/microburst) reads botocore's models and answers with errors as AWS words them,
resets connections, cuts answers off, and delays them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

from drills.aws import read
from drills.aws.calls.outcome import passes, was_not_carried_out
from drills.aws.cleanup import remove_all
from drills.aws.guarded.names import ScratchNames, scratch_tags
from drills.aws.scratch import Scratch
from drills.aws.session import Clients, identify, open_clients
from drills.aws.wait import wait_available
from drills.clock import SystemClock, wait_until
from drills.config.limits import Limit
from drills.config.load import EndpointProfile, RestoreConfig
from drills.errors import DrillError, RestoreFailed
from drills.model.record import SCHEMA_VERSION, RunRecord
from drills.record import Journal, new_run_id
from tests.support.clock import NOON
from tests.support.ports import free_port
from tests.support.rds import create, names_there
from tests.support.sandbox import RunningSandbox

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]
pytest.importorskip("microburst", reason="a dependency of the tests, which this environment does not have")

Rule = dict[str, Any]
CALL = Limit("one call of AWS with its repetitions", 180.0, "targets.orders.limits.call", "configured", "wait")
CLEAN_UP = Limit("the clean-up", 180.0, "targets.orders.limits.clean_up", "configured")


class Proxy:
    """A running microburst, and its control API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, method: str = "GET", body: object = None) -> Any:
        """Ask the control API."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_microburst/{path}", data, {"Content-Type": "application/json"})
        request.method = method
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")

    @contextmanager
    def faults(self, rules: Sequence[Rule]) -> Iterator[None]:
        """Let these rules hold for a block."""
        self.ask("fired", "DELETE")
        self.ask("rules", "POST", list(rules))
        try:
            yield
        finally:
            self.ask("rules", "POST", [])

    def fired(self) -> Counter[str]:
        """How often each kind of fault has struck since the rules were set."""
        return Counter(str(each["action"]).partition(":")[0] for each in self.ask("fired"))


@pytest.fixture(scope="module")
def proxy(sandbox: RunningSandbox) -> Iterator[Proxy]:
    """A microburst before the session's sandbox, whose keys it signs with; it listens on loopback."""
    port = free_port()
    command = [sys.executable, "-m", "microburst", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--upstream", sandbox.endpoint, "--resign"],
        env={**sandbox.variables, "PATH": "/usr/bin:/bin"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    made = Proxy(f"http://127.0.0.1:{port}")

    def answers() -> bool:
        try:
            return bool(made.ask("health"))
        except OSError:
            return False

    try:
        wait_until(answers, 90.0, SystemClock(), every=0.1, what="microburst to answer")
        yield made
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.fixture(scope="module")
def source(sandbox: RunningSandbox) -> str:
    """A snapshot of an instance in the sandbox."""
    instance = create(sandbox, "behind-microburst")
    instance.available()
    instance.rds.create_db_snapshot(DBInstanceIdentifier=instance.name, DBSnapshotIdentifier="before-faults")

    def done() -> bool:
        found = instance.rds.describe_db_snapshots(DBSnapshotIdentifier="before-faults")["DBSnapshots"]
        return bool(found[0]["Status"] == "available")

    wait_until(done, 60.0, SystemClock(), every=0.1, what="the snapshot")
    return instance.name


def clients_of(proxy: Proxy, sandbox: RunningSandbox, call: Limit = CALL) -> Clients:
    """The clients of a run, with the retries and timeouts of a run, through the proxy."""
    profile = EndpointProfile(endpoint_url=proxy.url, region=sandbox.region)
    return open_clients(profile, environment=sandbox.variables, call=call, role="scratch")


def restore_and_remove(proxy: Proxy, sandbox: RunningSandbox, source: str, folder: Path) -> Journal:
    """Choose, restore, wait, set a password, remove: the AWS calls of a drill, in its order."""
    clients = identify(clients_of(proxy, sandbox))
    clock = SystemClock()
    record = RunRecord(SCHEMA_VERSION, new_run_id(NOON), "endpoint", True, NOON, "0")
    journal = Journal.create(folder, record, origin=0, clock=clock)
    (point,) = (each for each in read.recovery_points(clients, source, None) if each.snapshot_id == "before-faults")
    names = ScratchNames.of(record.run_id, "recovery")
    tags = scratch_tags(record.run_id, "orders", "2026-11-23T16:00:00+00:00", {})
    scratch = Scratch(clients, RestoreConfig(), journal, tags)
    try:
        groups = scratch.make_groups(names, point, read.describe_instance(clients, source))
        scratch.restore(names, groups, point)
        instance = wait_available(
            lambda: read.describe_instance(clients, names.instance),
            clock,
            every=0.1,
            timeout=60.0,
            key="targets.orders.timeout",
            on_change=lambda change: None,
        )
        assert instance.id == names.instance
        scratch.set_password(names.instance, SecretStr("a-new-password"))
    finally:
        remove_all(clients, journal, clock, every=0.2, limit=CLEAN_UP)
    return journal


def left(sandbox: RunningSandbox) -> list[str]:
    """The instances and groups of drills that the sandbox has."""
    there = names_there(sandbox.client("rds"), sandbox.client("ec2"))
    return [name for names in there.values() for name in names if name.startswith("drill-")]


ANY = {"service": "*"}
PASSING: dict[str, list[Rule]] = {
    "throttled, refused by AWS, reset, cut off and late, in turn": [
        {**ANY, "sequence": {"fail": 1, "pass": 11}, "error": {"code": "Throttling", "status": 400}},
        {**ANY, "sequence": {"fail": 1, "pass": 13}, "error": {"code": "InternalFailure", "status": 500}},
        {**ANY, "sequence": {"fail": 1, "pass": 16}, "error": {"code": "ServiceUnavailable", "status": 503}},
        {**ANY, "sequence": {"fail": 1, "pass": 12}, "reset": True},
        {"service": "rds", "sequence": {"fail": 1, "pass": 9}, "response": {"abort_frac": 0.5}},
        {**ANY, "sequence": {"fail": 1, "pass": 6}, "latency": {"min": 20, "max": 60}},
    ],
    "every call is throttled twice": [
        {
            "service": "rds",
            "sequence": {"fail": 2, "pass": 1},
            "error": {"code": "Throttling", "message": "Rate exceeded"},
        },
    ],
}


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.matrix] if number else []) for number, kind in enumerate(PASSING)]
)
def test_a_restore_goes_through_faults_that_pass(
    proxy: Proxy, sandbox: RunningSandbox, source: str, tmp_path: Path, kind: str
) -> None:
    """It is carried out once, nothing of it is left, and the faults did strike."""
    before = len(sandbox.control.calls(operation="RestoreDBInstanceFromDBSnapshot"))
    with proxy.faults(PASSING[kind]):
        journal = restore_and_remove(proxy, sandbox, source, tmp_path)
        fired = proxy.fired()

    assert sum(fired.values()) >= 5, fired
    assert {resource.state for resource in journal.record.resources} == {"gone"}
    assert left(sandbox) == []
    made = [
        each
        for each in sandbox.control.calls(operation="RestoreDBInstanceFromDBSnapshot")[before:]
        if not each["error"]
    ]
    assert len(made) == 1


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        pytest.param(
            {"error": {"code": "Throttling", "message": "Rate exceeded", "status": 400}},
            "12 a second",
            marks=pytest.mark.matrix,
        ),
        ({"error": {"code": "AccessDenied", "message": "no", "status": 403}}, "role's policy"),
        ({"error": {"code": "InsufficientDBInstanceCapacity", "status": 400}}, "no machine of this class"),
        pytest.param({"reset": True}, "no answer came", marks=pytest.mark.matrix),
        ({"timeout_ms": 3000}, "no answer came"),
        pytest.param({"response": {"abort_frac": 0.3}}, "no answer came", marks=pytest.mark.matrix),
        ({"response": {"truncate_frac": 0.5}}, "answered in its place"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_a_fault_that_stays_ends_with_one_sentence(
    proxy: Proxy, sandbox: RunningSandbox, source: str, rule: Rule, words: str
) -> None:
    """Within the limit of the call, with what it means and what to do; never with a traceback."""
    refused = "error" in rule and rule["error"]["code"] != "Throttling"  # at once: no limit is what ends the call
    seconds = 60.0 if refused else 1.5
    clients = clients_of(proxy, sandbox, Limit("one call", seconds, "targets.orders.limits.call", "configured", "wait"))
    with proxy.faults([{"service": "rds", **rule}]):
        with pytest.raises((ClientError, BotoCoreError)) as error:
            read.describe_instance(clients, source)
        fired = proxy.fired()

    assert isinstance(error.value, ClientError | BotoCoreError)
    sentence = read.refusal(error.value, "the instance")
    assert words in sentence
    assert "\n" not in sentence
    assert fired
    if "response" in rule:  # what was asked for may have been carried out
        assert passes(error.value)
        assert not was_not_carried_out(error.value)


def test_what_was_made_behind_a_lost_answer_is_removed(
    proxy: Proxy, sandbox: RunningSandbox, source: str, tmp_path: Path
) -> None:
    """Each answer to the restore is cut off, whatever is tried: the run fails, and the instance that was made is gone."""
    rules: list[Rule] = [
        {"service": "rds", "operation": "RestoreDBInstanceFromDBSnapshot", "response": {"abort_frac": 0.2}, "times": 1},
        {
            "service": "rds",
            "operation": "RestoreDBInstanceFromDBSnapshot",
            "error": {"code": "AccessDenied", "status": 403},
        },
    ]
    with proxy.faults(rules), pytest.raises((RestoreFailed, DrillError)):
        restore_and_remove(proxy, sandbox, source, tmp_path)

    assert left(sandbox) == []
