"""As slow as AWS: a restore that takes minutes, on a clock that is wound; the suite's phases, timeouts and polls at that scale."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import psycopg
import pytest
from pydantic import SecretStr

from drills.aws import read
from drills.aws.cleanup import remove_all
from drills.aws.guarded.names import ScratchNames, scratch_tags
from drills.aws.scratch import Scratch
from drills.aws.session import Clients, identify, open_clients
from drills.aws.wait import wait_available
from drills.clock import wait_until
from drills.config.limits import Limit
from drills.config.load import EndpointProfile, RestoreConfig
from drills.errors import ConfigError, RestoreFailed, SandboxError
from drills.model.instance import Instance, StatusChange
from drills.model.record import SCHEMA_VERSION, RunRecord
from drills.record import Journal, new_run_id
from drills.recovery.connect import Endpoint, NotResolved, Resolver, wait_for_name
from drills.sandbox.base.delays import AWS_DELAYS, Delays
from tests.support.clock import NOON
from tests.support.paths import CHECKOUT
from tests.support.rds import MASTER, create, eventually
from tests.support.sandbox import RunningSandbox, end_sandbox, start_sandbox
from tests.support.winding import WindingClock

KEY = "targets.orders.timeout"
EVERY = 15.0  # the aws profile's poll_every
CLEAN_UP = Limit("the clean-up", 3600.0, "targets.orders.limits.clean_up", "default")


@pytest.fixture(scope="module")
def slow() -> Iterator[RunningSandbox]:
    """A sandbox with the delays of AWS."""
    running = start_sandbox(delays="aws")
    yield running
    end_sandbox(running)


def test_the_delays_of_aws_are_known_for_every_status() -> None:
    """Each has a number and says where it is from; what is changed beside them is changed alone."""
    like = Delays.parse("aws")

    assert set(AWS_DELAYS) == set(Delays.__dataclass_fields__)
    assert all(seconds > 0 and source for seconds, source in AWS_DELAYS.values())
    assert Delays.parse('{"as": "aws"}') == like
    changed = Delays.parse('{"as": "aws", "backing-up": 7200}')
    assert (changed.backing_up, changed.creating) == (7200.0, like.creating)
    with pytest.raises(ConfigError, match='"as" takes "aws", found \'azure\''):
        Delays.parse('{"as": "azure"}')


def test_the_page_says_each_delay_and_where_it_is_from() -> None:
    """docs/sandbox.md has the table."""
    page = (CHECKOUT / "docs/sandbox.md").read_text(encoding="utf-8")
    for name, (seconds, source) in AWS_DELAYS.items():
        assert f"| `{name.replace('_', '-')}` | {seconds:g} | {source} |" in page


@pytest.mark.matrix
@pytest.mark.postgres
@pytest.mark.sandbox
def test_a_restore_at_the_speed_of_aws(slow: RunningSandbox, tmp_path: Path) -> None:
    """Given up too early, then waited for; its name, its new password and its removal each take the minutes that they take."""
    clock = WorkingClock(slow.control)
    clients = source_of(slow, clock)
    record = RunRecord(SCHEMA_VERSION, new_run_id(NOON), "endpoint", True, NOON, "0")
    journal = Journal.create(tmp_path, record, origin=0, clock=clock)
    names = ScratchNames.of(record.run_id, "recovery")
    scratch = Scratch(
        clients, RestoreConfig(), journal, scratch_tags(record.run_id, "o", "2026-11-23T16:00:00+00:00", {})
    )
    (point,) = read.recovery_points(clients, "slow-orders", None)
    groups = scratch.make_groups(names, point, read.describe_instance(clients, "slow-orders"))
    changes: list[StatusChange] = []

    def wait(timeout: float) -> tuple[Instance, float]:
        began = clock.monotonic()
        found = wait_available(
            lambda: read.describe_instance(clients, names.instance),
            clock,
            every=EVERY,
            timeout=timeout,
            key=KEY,
            on_change=changes.append,
        )
        return found, clock.monotonic() - began

    asked = clock.monotonic()
    scratch.restore(names, groups, point)
    has_server(slow, names.instance)
    with pytest.raises(RestoreFailed, match="within 2 m, found 'creating'"):
        wait(120.0)
    instance, _ = wait(3600.0)
    assert 300 <= clock.monotonic() - asked <= 300 + 4 * EVERY
    assert [change.status for change in changes if change.status != "unknown"] == ["creating", "creating", "available"]

    began = clock.monotonic()
    wait_for_name(
        Endpoint(instance.host, instance.port, "o", SecretStr("p"), None),
        [resolver(slow)],
        clock,
        timeout=600,
        key=KEY,
        every=1,
    )
    assert 60 <= clock.monotonic() - began < 75

    scratch.set_password(names.instance, SecretStr("a-new-password"))
    clock.work = lambda: logs_in(instance, "a-new-password")
    _, took = wait(3600.0)
    assert 60 <= took <= 60 + 4 * EVERY

    began, clock.work = clock.monotonic(), lambda: not server_of(slow, names.instance)
    assert remove_all(clients, journal, clock, every=EVERY, limit=CLEAN_UP) == ()
    assert 285 <= clock.monotonic() - began <= 285 + 4 * EVERY
    polls = slow.control.calls(operation="DescribeDBInstances")
    assert len(polls) < 120  # an hour at the pace of the aws profile


class WorkingClock(WindingClock):
    """Winds once the work is done that really takes its time, however busy the machine is."""

    work: Callable[[], bool] | None = None

    def sleep(self, seconds: float) -> None:
        """Wait for the work, then wind the clock."""
        if self.work is not None:
            eventually(self.work, "the work")
            self.work = None
        super().sleep(seconds)


def logs_in(instance: Instance, password: str) -> bool:
    """Whether an instance takes this password of its master user."""
    try:
        psycopg.connect(host=instance.host, port=instance.port, user=MASTER, password=password, dbname="app").close()
    except psycopg.OperationalError:
        return False
    return True


def server_of(box: RunningSandbox, name: str) -> int | None:
    """The process of an instance's server, None where it has none."""
    try:
        return cast("int | None", box.control.instance(name)["pid"])
    except SandboxError:
        return None


def source_of(box: RunningSandbox, clock: WindingClock) -> Clients:
    """A source with a snapshot, made at the same pace."""
    profile = EndpointProfile(endpoint_url=box.endpoint, region=box.region)
    clients = identify(open_clients(profile, environment=box.variables, role="scratch"))
    create(box, "slow-orders")
    has_server(box, "slow-orders")

    def settled() -> bool:
        found = read.describe_instance(clients, "slow-orders")
        return found is not None and found.status == "available"

    wait_until(settled, 3600.0, clock, every=60.0, what="the source")
    box.client("rds").create_db_snapshot(DBInstanceIdentifier="slow-orders", DBSnapshotIdentifier="slow-snapshot")

    def taken() -> bool:
        return read.snapshot_status(clients, "slow-snapshot") == "available"

    wait_until(taken, 36000.0, clock, every=60.0, what="the snapshot")
    return clients


def has_server(box: RunningSandbox, name: str) -> None:
    """Wait, really, until the server of an instance is ready: that part of a restore is work, which no clock speeds up."""

    def ready() -> bool:
        told = box.control.instance(name)
        return told["pid"] is not None and not told["busy"]

    eventually(ready, f"the server of {name}")


def resolver(box: RunningSandbox) -> Resolver:
    """A resolver that knows a name when the sandbox says so."""

    def resolve(host: str, port: int) -> None:
        if not box.control.resolves(port):
            raise NotResolved(f"failed to resolve host {host!r}")

    return resolve
