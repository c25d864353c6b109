"""How often a process asks AWS."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drills.aws.calls.rate import CallRate
from tests.support.clock import HandClock


@given(st.floats(0.05, 50), st.lists(st.floats(0, 30), min_size=1, max_size=60))
def test_no_more_calls_than_the_rate_allows(per_second: float, pauses: list[float]) -> None:
    """In any stretch of time: a second's worth at once, and the rate from then on."""
    clock = HandClock()
    rate, sent = CallRate(per_second, clock), []
    for pause in pauses:
        clock.sleep(pause)
        clock.sleep(rate.claim())
        sent.append(clock.monotonic())

    for first in range(len(sent)):
        for last in range(first, len(sent)):
            most = max(1.0, per_second) + per_second * (sent[last] - sent[first])
            assert last - first + 1 <= most + 1 + 1e-6


def test_calls_that_are_rare_enough_do_not_wait() -> None:
    """A call a second at two a second."""
    clock = HandClock()
    rate = CallRate(2, clock)
    waits = []
    for _ in range(10):
        waits.append(rate.claim())
        clock.sleep(1)

    assert waits == [0.0] * 10
