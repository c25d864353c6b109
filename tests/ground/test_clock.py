"""What the engine's clock tells."""

from __future__ import annotations

import pytest

from drills.clock import Stopwatch
from tests.support.clock import HandClock


def test_a_stopwatch_tells_the_parts_apart() -> None:
    """A part that comes again is added to, and one that raises is not noted."""
    clock = HandClock()
    watch = Stopwatch(clock)
    assert watch.part("first", lambda: clock.sleep(2)) is None
    assert watch.part("second", lambda: "done") == "done"
    watch.part("first", lambda: clock.sleep(0.5))
    with pytest.raises(ZeroDivisionError):
        watch.part("third", lambda: 1 / 0)
    assert watch.seconds == {"first": 2.5, "second": 0.0}
