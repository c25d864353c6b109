"""The sandbox's clock and its switchboard of faults, without a server."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from drills.errors import ConfigError
from drills.sandbox.base.faults import FaultRegistry
from drills.sandbox.base.time import SandboxClock
from drills.sandbox.base.workers import Workers
from tests.support.clock import HandClock


def test_moving_the_clock_forward_is_time_that_has_passed() -> None:
    """Both readings move by the same number of seconds."""
    clock = SandboxClock(HandClock())
    now, monotonic = clock.now(), clock.monotonic()

    clock.forward(90.0)

    assert clock.now() - now == timedelta(seconds=90)
    assert clock.monotonic() - monotonic == 90.0


def test_a_clock_does_not_move_back() -> None:
    """What has happened stays in the past."""
    with pytest.raises(ValueError, match="forward"):
        SandboxClock().forward(-1.0)


def test_moving_the_clock_wakes_whoever_waits() -> None:
    """A status that lasts an hour ends as soon as the clock is moved by an hour."""
    clock = SandboxClock()
    began = clock.monotonic()
    waited: list[bool] = []
    waiter = threading.Thread(target=lambda: waited.append(clock.wait_until(began + 3600)))
    waiter.start()

    clock.forward(3600)
    waiter.join(60)

    assert waited == [True]


def test_work_counts_from_the_call_and_not_from_when_its_thread_runs() -> None:
    """A status that a call has set lasts from the call: a thread that is late counts a clock that was moved before it ran."""
    clock = SandboxClock(HandClock())
    workers = Workers(clock)
    runs, over = threading.Event(), threading.Event()

    def work() -> None:
        runs.wait(60)
        workers.at_least(workers.asked_at(), 3600)
        over.set()

    workers.start("late", work)
    clock.forward(3600)
    runs.set()
    there = over.wait(60)
    workers.close()

    assert there


def test_an_instant_of_one_clock_is_converted_to_the_other() -> None:
    """Before a move the clocks agreed; a skipped instant is, by the machine's clock, the moment of the move."""
    machine = HandClock()
    clock = SandboxClock(machine)
    began = machine.now()
    machine.sleep(10)
    clock.forward(100)
    machine.sleep(10)
    clock.forward(1000)

    def at(seconds: float) -> timedelta:
        return clock.to_machine_time(began + timedelta(seconds=seconds)) - began

    assert clock.from_machine_time(machine.now()) == clock.now()
    assert clock.to_machine_time(clock.now()) == machine.now()
    assert [at(seconds).total_seconds() for seconds in (5, 10, 60, 110, 115, 120, 900, 1120, 1125)] == [
        5, 10, 10, 10, 15, 20, 20, 20, 25,
    ]  # fmt: skip
    assert clock.from_machine_time(began + timedelta(seconds=15)) - began == timedelta(seconds=115)
    assert clock.from_machine_time(began + timedelta(seconds=5)) - began == timedelta(seconds=5)


def test_the_end_of_the_sandbox_wakes_whoever_waits() -> None:
    """Nothing holds up the end, and whoever waited is told that its time has not come."""
    clock = SandboxClock()
    clock.end()

    assert clock.wait_until(clock.monotonic() + 3600) is False


def test_a_fault_strikes_as_often_as_it_was_armed_for() -> None:
    """Twice and not a third time."""
    board = FaultRegistry()
    board.arm({"kind": "throttling", "service": "rds", "times": 2})

    strikes = [board.take("throttling", service="rds", operation="DescribeDBInstances") for _ in range(3)]

    assert [bool(each) for each in strikes] == [True, True, False]
    assert board.armed()[0]["struck"] == 2


def test_a_fault_strikes_only_where_it_is_meant_to() -> None:
    """Another service, operation, name or kind goes well."""
    board = FaultRegistry()
    board.arm({"kind": "throttling", "service": "rds", "operation": "CreateDBInstance", "name": "a", "times": None})

    assert board.take("throttling", service="backup", operation="CreateDBInstance", name="a") is None
    assert board.take("throttling", service="rds", operation="DeleteDBInstance", name="a") is None
    assert board.take("throttling", service="rds", operation="CreateDBInstance", name="b") is None
    assert board.take("access-denied", service="rds", operation="CreateDBInstance", name="a") is None
    assert board.take("throttling", service="rds", operation="CreateDBInstance", name="a")


def test_a_cleared_board_strikes_no_more() -> None:
    """A test leaves nothing armed for the next."""
    board = FaultRegistry()
    board.arm({"kind": "throttling", "times": None})
    board.clear()

    assert board.take("throttling", service="rds") is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": "gremlins"}, "kind is one of"),
        ({}, "kind is one of"),
        ({"kind": "throttling", "when": "now"}, "found 'when'"),
        ({"kind": "throttling", "times": "2"}, "times cannot be '2'"),
        ({"kind": "throttling", "times": True}, "times cannot be True"),
        ({"kind": "throttling", "times": 0}, "at least 1"),
        ({"kind": "throttling", "seconds": -1}, "at least 0"),
    ],
    ids=str,
)
def test_a_fault_that_cannot_be_is_refused_in_a_sentence(given: dict[str, object], words: str) -> None:
    """The sentence says what is allowed."""
    with pytest.raises(ConfigError, match=words):
        FaultRegistry().arm(given)
