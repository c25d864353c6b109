"""Fixtures of the modules whose runs drill at an endpoint: where they take place, the AWS that is there, and the way into it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.enforcing import Door, enforced
from tests.support.evaluating import Simulator
from tests.support.runs import Place, made_place
from tests.support.sandbox import RunningSandbox, end_sandbox, start_sandbox


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """Where the runs of a module take place."""
    with made_place() as made:
        yield made


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[RunningSandbox]:
    """An AWS that belongs to the test and not to a run."""
    running = start_sandbox()
    yield running
    assert end_sandbox(running) == 0


@pytest.fixture(scope="module")
def door(elsewhere: RunningSandbox, simulator: Simulator) -> Iterator[Door]:
    """The only way into that AWS for a role, by whose policies each request is judged."""
    with enforced(elsewhere, simulator.decide) as opened:
        yield opened
