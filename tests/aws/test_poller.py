"""When a scratch instance counts as available, and when waiting for it times out; on a clock wound by hand."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.aws.wait import NEVER_AVAILABLE, OPERATIONAL, SLOWEST, pause_after, wait_available
from drills.errors import RestoreFailed
from drills.model.instance import Instance, StatusChange
from tests.support.clock import NOON, HandClock

THERE = Instance(
    id="copy",
    arn="arn:aws:rds:eu-central-1:123456789012:db:copy",
    dbi_resource_id="db-A",
    status="available",
    engine="postgres",
    engine_version="16.4",
    instance_class="db.t4g.medium",
    master_username="owner",
    host="localhost",
    port=5432,
)
KEY = "targets.orders.timeout"
Seen = str | Instance | None


def answers(*seen: Seen) -> Callable[[], Instance | None]:
    """A describe call that gives these answers, the last of them for ever; a text is a status."""
    left = list(seen)

    def describe() -> Instance | None:
        answer = left.pop(0) if len(left) > 1 else left[0]
        return replace(THERE, status=answer) if isinstance(answer, str) else answer

    return describe


def wait(*seen: Seen, timeout: float = 600.0) -> tuple[Instance, float, list[StatusChange]]:
    """Poll these answers every 10 s: the instance, how long that took, and the changes that were noted."""
    clock, changes = HandClock(), list[StatusChange]()
    found = wait_available(answers(*seen), clock, every=10.0, timeout=timeout, key=KEY, on_change=changes.append)
    return found, clock.slept, changes


def statuses(changes: Sequence[StatusChange]) -> list[str]:
    """The statuses in the order in which they were seen."""
    return [change.status for change in changes]


def test_two_answers_in_a_row_are_needed() -> None:
    """One `available` between two others is a flapping instance, no settled one."""
    found, took, changes = wait("creating", "available", "modifying", "available", "available")

    assert found.status == "available"
    assert took == 40
    assert statuses(changes) == ["creating", "available", "modifying", "available"]


def test_an_instance_may_be_unknown_right_after_the_request() -> None:
    """DescribeDBInstances is eventually consistent; the record shows that the instance was not known yet."""
    _, took, changes = wait(None, None, "creating", "available")

    assert took == 40
    assert changes[0] == StatusChange(NOON, "unknown", ())
    assert changes[1] == StatusChange(NOON + timedelta(seconds=20), "creating", ())


def test_an_instance_that_stays_unknown_is_given_up() -> None:
    """After a minute without a break, with the sentence that says so."""
    with pytest.raises(RestoreFailed, match=r"unknown for 1 m: see whether somebody removed it"):
        wait(None)


def test_one_answer_without_the_instance_long_after_the_request_is_borne() -> None:
    """What counts is how long it has been unknown, and not how long ago it was asked for."""
    _, took, _ = wait(*["creating"] * 12, None, "creating", "available")

    assert took == 150


def test_an_instance_that_is_removed_while_it_is_waited_for_is_given_up() -> None:
    """A minute after it was last known, counted from then."""
    with pytest.raises(RestoreFailed, match=r"unknown for 1 m: "):
        wait(*["creating"] * 12, None)


@pytest.mark.parametrize("status", sorted(NEVER_AVAILABLE))
def test_a_status_that_never_ends_is_raised_at_once(status: str) -> None:
    """boto3's waiters sit through several of these for 30 minutes."""
    clock, changes = HandClock(), list[StatusChange]()

    with pytest.raises(RestoreFailed, match=f"'copy' is '{status}' and never becomes available.*describe-events"):
        wait_available(answers("creating", status), clock, every=10.0, timeout=600.0, key=KEY, on_change=changes.append)

    assert clock.slept == 10
    assert statuses(changes) == ["creating", status]


def test_a_cluster_that_fails_is_called_one() -> None:
    """By its ARN, which each description has."""
    failed = replace(THERE, status="failed", arn="arn:aws:rds:eu-central-1:123456789012:cluster:copy")

    with pytest.raises(RestoreFailed, match="cluster 'copy' is 'failed'"):
        wait(failed)


@pytest.mark.parametrize("status", sorted(OPERATIONAL))
def test_an_instance_that_still_reads_its_volume_is_settled(status: str) -> None:
    """RDS calls a restored instance so for hours, and "it remains available for operations" (Viewing DB instance status)."""
    found, took, changes = wait("creating", status, status)

    assert (found.status, took, statuses(changes)) == (status, 20, ["creating", status])


@given(st.floats(0, 7 * 86400), st.floats(0.1, 300))
def test_a_long_wait_asks_less_often_and_never_faster_than_allowed(waited: float, every: float) -> None:
    """Never below the profile's interval, within 1 % of the time waited where that is longer, and within a minute."""
    pause = pause_after(waited, every)

    assert pause >= every
    assert pause <= max(every, SLOWEST)
    assert pause <= max(every, waited / 100) * (1 + 1e-9)  # but for the rounding of a float


def test_a_day_of_waiting_costs_few_calls() -> None:
    """A day at the interval of the aws profile took 5,760 calls of one instance; RDS counts those of the whole account."""
    asked = []
    clock = HandClock()

    def creating() -> Instance:
        asked.append(clock.slept)
        return replace(THERE, status="creating")

    with pytest.raises(RestoreFailed):
        wait_available(creating, clock, every=15.0, timeout=86400.0, key=KEY, on_change=lambda change: None)

    assert 1000 < len(asked) < 1700
    assert min(later - earlier for earlier, later in itertools.pairwise(asked)) >= 15.0


def test_what_is_pending_is_waited_for_and_recorded() -> None:
    """Right after a modify the instance is still `available` and not changed yet."""
    pending = replace(THERE, pending=("MasterUserPassword",))

    _, took, changes = wait(pending, pending, "available")

    assert took == 30
    assert [change.pending for change in changes] == [("MasterUserPassword",), ()]


def test_an_address_is_waited_for() -> None:
    """`available` without an endpoint cannot be connected to."""
    found, took, _ = wait(replace(THERE, host="", port=0), THERE)

    assert (found.host, took) == ("localhost", 20)


@pytest.mark.parametrize(
    ("last", "found"),
    [
        ("creating", "found 'creating': "),
        (replace(THERE, pending=("EngineVersion",)), "found 'available', pending: EngineVersion: "),
    ],
)
def test_time_that_is_up_says_what_was_seen_last(last: Seen, found: str) -> None:
    """The timeout is that of the target, and the sentence says what to do."""
    with pytest.raises(RestoreFailed) as raised:
        wait(last, timeout=120.0)

    said = str(raised.value)
    assert said.startswith("expected 'available' with nothing pending within 2 m, ")
    assert found in said
    assert said.endswith("read its events, or raise targets.orders.timeout")


@given(
    st.lists(st.sampled_from(["creating", "backing-up", "modifying", "available"]), max_size=20),
    st.integers(min_value=1, max_value=5),
)
def test_the_wait_ends_with_the_first_unbroken_row(seen: list[str], consecutive: int) -> None:
    """For every history: as many answers as the shortest prefix that ends in `consecutive` times `available`."""
    history = [*seen, *["available"] * consecutive]
    wanted = next(n for n in range(1, len(history) + 1) if history[:n][-consecutive:] == ["available"] * consecutive)
    clock, changes = HandClock(), list[StatusChange]()

    wait_available(
        answers(*history), clock, every=1.0, timeout=60.0, key=KEY, on_change=changes.append, consecutive=consecutive
    )

    assert clock.slept == wanted - 1
    assert all(one.status != after.status for one, after in itertools.pairwise(changes))
