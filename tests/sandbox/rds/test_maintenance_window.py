"""When the next maintenance window of an instance begins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.rds.utils import valid_preferred_maintenance_window

from drills.sandbox.rds.maintenance_window import seconds_until, windows_not_named

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


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@given(minute=st.integers(0, 7 * 1440 - 301), length=st.integers(30, 300))
def test_rds_assigns_a_window_beside_the_one_that_is_named(minute: int, length: int) -> None:
    """At whatever hour a window is named, the other, which RDS assigns, does not overlap it."""

    def at(moment: int) -> str:
        return f"{moment % 1440 // 60:02}:{moment % 60:02}"

    last = minute + length  # not into the next week: moto refuses such a window by itself
    maintenance = f"{DAYS[minute // 1440]}:{at(minute)}-{DAYS[last // 1440]}:{at(last)}"
    assigned = windows_not_named({"preferred_maintenance_window": maintenance})
    assert not valid_preferred_maintenance_window(maintenance, assigned["preferred_backup_window"])
    backup = f"{at(minute)}-{at(last)}"
    assigned = windows_not_named({"preferred_backup_window": backup})
    assert not valid_preferred_maintenance_window(assigned["preferred_maintenance_window"], backup)


def test_what_a_request_names_is_left_as_it_is() -> None:
    """Two windows that are named stay, also where they overlap and RDS refuses; without one both are RDS's."""
    assert windows_not_named({}) == {}
    both = {"preferred_maintenance_window": "wed:06:00-wed:06:30", "preferred_backup_window": "06:00-06:30"}
    assert windows_not_named(both) == {}
