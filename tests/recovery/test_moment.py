"""A restored moment: which of the marked changes it must hold."""

from __future__ import annotations

import itertools
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from drills.errors import CheckUnavailable
from drills.model.point import Window
from drills.recovery import point_in_time
from drills.recovery.point_in_time import AFTER, BEFORE, UNDER_WAY
from drills.recovery.setup import Setup
from tests.support.clock import HandClock

MARKS = (BEFORE, AFTER, UNDER_WAY)


@pytest.mark.parametrize(
    "found",
    [each for size in range(4) for each in itertools.combinations(MARKS, size)],
    ids=lambda found: " and ".join(found) or "nothing",
)
def test_only_what_was_committed_before_the_moment_may_be_there(found: tuple[str, ...]) -> None:
    """Each wrong one of the eight outcomes names the very changes that are wrong."""
    result = point_in_time.judge(found)
    wrong = ({BEFORE} - set(found)) | ({AFTER, UNDER_WAY} & set(found))

    assert result.outcome == ("missed" if wrong else "met")
    assert {finding.object.removeprefix("the change ") for finding in result.findings} == wrong
    assert {finding.severity for finding in result.findings} <= {"error"}
    assert result.compared == 3


def test_a_moment_that_aws_s_clock_does_not_reach_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS's clock is two hours behind: the wait ends with the target's timeout, and names both instants and its key."""
    clock = HandClock()
    moment = clock.now()

    def window(_: object) -> Window:
        return Window(moment - timedelta(days=1), clock.now() - timedelta(hours=2))

    monkeypatch.setattr("drills.recovery.choose.restore_window", window)
    setup = SimpleNamespace(
        target=SimpleNamespace(timeout=timedelta(minutes=10)),
        clock=clock,
        poll_seconds=15.0,
        timeout_key="targets.orders.timeout",
    )
    with pytest.raises(CheckUnavailable) as error:
        point_in_time._wait_until_restorable(cast("Setup", setup), moment, moment)

    assert clock.slept == 600
    said = str(error.value)
    assert moment.isoformat() in said
    assert (clock.now() - timedelta(hours=2)).isoformat() in said
    assert "see whether the clocks of AWS and of the source differ, or raise targets.orders.timeout" in said
