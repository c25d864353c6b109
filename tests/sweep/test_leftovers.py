"""What of a drill's things may be removed: name, run and an instant that has passed, all three."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.aws.read import parse_expiry
from drills.config.limits import CLEAN_UP_MARGIN, LimitsTable, expiry_of, limits_of
from drills.model.instance import ResourceKind
from drills.model.timing import ClockOffset
from drills.sweep.leftovers import Leftover, earliest_now, explain, standing_of
from tests.support.clock import NOON

OVER = "2026-11-23T11:59:59+00:00"
KINDS: tuple[ResourceKind, ...] = (
    "db-instance",
    "db-snapshot",
    "db-parameter-group",
    "db-subnet-group",
    "security-group",
    "log-group",
    "secret",
)


def leftover(**changes: object) -> Leftover:
    """An instance of a run whose time is over at noon."""
    usual = Leftover("db-instance", "drill-x", "123456789012", "eu-central-1", "run", "orders", OVER)
    return dataclasses.replace(usual, **changes)  # type: ignore[arg-type]


@given(
    st.sampled_from(KINDS),
    st.booleans(),
    st.sampled_from(["", "run"]),
    st.one_of(st.text(), st.datetimes().map(lambda at: at.isoformat()), st.just(OVER)),
)
def test_nothing_is_past_but_what_name_run_and_instant_say(
    kind: ResourceKind, named: bool, run_id: str, expires: str
) -> None:
    """Whatever stands in a tag: an instant without a time zone, other text or none removes nothing."""
    each = leftover(kind=kind, named=named, run_id=run_id, expires=expires)
    instant = parse_expiry(expires)

    may_go = named and bool(run_id) and instant is not None and instant <= NOON

    assert (standing_of(each, NOON) == "past") == may_go
    assert explain(each, NOON)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.integers(-720, 720))
def test_an_instant_of_any_time_zone_is_read(at: datetime, minutes: int) -> None:
    """The same instant, however it is written."""
    instant = at.replace(tzinfo=UTC)
    written = instant.astimezone(timezone(timedelta(minutes=minutes))).isoformat()

    assert parse_expiry(written) == instant
    assert parse_expiry(at.isoformat()) is None


@pytest.mark.parametrize(
    ("changes", "standing", "words"),
    [
        ({}, "past", "1.0 s over"),
        ({"expires": "2026-11-23T14:13:00Z"}, "in time", "2 h 13 m left"),
        ({"expires": "2026-11-23T12:00:00+01:00"}, "past", "1 h over"),
        ({"expires": ""}, "no time", "no time to live"),
        ({"expires": "tomorrow"}, "no time", "unreadable time"),
        ({"run_id": ""}, "no run", "no tag of a run"),
        ({"named": False}, "another name", "another name"),
        ({"kind": "secret"}, "past", "1.0 s over"),
    ],
)
def test_the_standing_in_a_few_words(changes: dict[str, object], standing: str, words: str) -> None:
    """Each is told apart, and short enough for a column."""
    assert standing_of(leftover(**changes), NOON) == standing
    assert explain(leftover(**changes), NOON) == words


@pytest.mark.parametrize(("low", "seconds"), [(-300.0, -300.0), (-0.5, -0.5), (0.0, 0.0), (250.0, 0.0)])
def test_a_clock_that_is_ahead_removes_nothing_too_early(low: float, seconds: float) -> None:
    """The earlier of the two clocks counts."""
    assert earliest_now(NOON, ClockOffset(low, low + 1, 3)) == NOON + timedelta(seconds=seconds)
    assert earliest_now(NOON, None) == NOON


@given(st.timedeltas(timedelta(minutes=1), timedelta(days=2)), st.timedeltas(timedelta(seconds=1), timedelta(days=9)))
def test_the_time_begins_when_the_run_must_have_ended(timeout: timedelta, time_to_live: timedelta) -> None:
    """A sweep can never come before the last step of the run has had all of its time."""
    limits = limits_of("orders", LimitsTable(), (timeout, True), sandboxed=False)

    expires = expiry_of(NOON, limits, time_to_live)

    assert expires - NOON == timedelta(seconds=limits.total_seconds + CLEAN_UP_MARGIN) + time_to_live
    assert expires.tzinfo == UTC
