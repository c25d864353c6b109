"""When the next maintenance window of an instance begins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from drills.sandbox.rds.maintenance_window import seconds_until

WEDNESDAY = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        (WEDNESDAY, 1.0),
        (WEDNESDAY + timedelta(hours=1), 0.0),
        (WEDNESDAY + timedelta(hours=1, minutes=29), 0.0),
        (WEDNESDAY + timedelta(hours=1, minutes=30), 7 * 24 - 0.5),
        (WEDNESDAY - timedelta(days=2), 2 * 24 + 1.0),
    ],
    ids=str,
)
def test_the_next_window_is_waited_for(now: datetime, hours: float) -> None:
    """Before it, in it, at its end and after it; the next one is a week later."""
    assert seconds_until("wed:07:00-wed:07:30", now) == hours * 3600


def test_a_window_may_reach_into_the_next_week() -> None:
    """From Sunday night to Monday morning: on both days the window is open."""
    monday = datetime(2026, 11, 30, 0, 10, tzinfo=UTC)
    assert seconds_until("sun:23:45-mon:00:15", monday) == 0.0
    assert seconds_until("Sun:23:45-Mon:00:15", monday - timedelta(minutes=20)) == 0.0
    assert seconds_until("sun:23:45-mon:00:15", monday - timedelta(minutes=30)) == 300.0
