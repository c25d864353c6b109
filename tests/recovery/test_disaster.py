"""When a drill says that the source was lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from drills.model.point import RecoveryPoint
from drills.recovery.disaster import Mode, declare
from drills.recovery.selection import choose_newest
from tests.support.clock import NOON
from tests.support.points import point_of

MODES: tuple[Mode, ...] = get_args(Mode)


def point(number: int, completed_at: datetime) -> RecoveryPoint:
    """A usable point of the one instance, complete at that instant, whose data are ten minutes older."""
    began = completed_at - timedelta(minutes=10)
    return point_of(f"awsbackup:job-{number}", created_at=began, completed_at=completed_at, data_time=began)


def history(minutes: list[int]) -> list[RecoveryPoint]:
    """Points that were complete so many minutes before noon."""
    return [point(number, NOON - timedelta(minutes=ago)) for number, ago in enumerate(minutes)]


MINUTES = st.lists(st.integers(min_value=0, max_value=10_000), unique=True, max_size=8)


@given(st.sampled_from(MODES), MINUTES)
def test_a_disaster_is_never_in_the_future(mode: Mode, minutes: list[int]) -> None:
    """Whatever the mode and the points: at or before the declaration, which is on record with the mode."""
    disaster = declare(mode, history(minutes), NOON)

    assert disaster.at <= NOON
    assert (disaster.declared_at, disaster.mode) == (NOON, mode)


@given(MINUTES.filter(lambda minutes: len(minutes) > 1))
def test_before_the_next_point_is_the_worst_moment_of_the_last_interval(minutes: list[int]) -> None:
    """A microsecond before the newest was complete; the second newest is restored, and one interval more is lost."""
    points = history(minutes)
    last, before = sorted(minutes)[:2]
    disaster = declare("before-next-point", points, NOON)
    chosen = choose_newest(points, dbi_resource_id="db-A", usable_at=disaster.at).point

    assert disaster.at == NOON - timedelta(minutes=last, microseconds=1)
    assert chosen is not None
    assert chosen.completed_at == NOON - timedelta(minutes=before)


@given(MINUTES, st.integers(min_value=0, max_value=2**31 - 1))
def test_a_random_disaster_leaves_the_newest_point_to_restore(minutes: list[int], seed: int) -> None:
    """It lies after the newest point was complete, and its seed gives it again; without points it is now."""
    points = history(minutes)
    disaster = declare("random", points, NOON, seed)

    newest = max((one.completed_at for one in points if one.completed_at), default=NOON)
    assert newest <= disaster.at <= NOON
    assert declare("random", points, NOON, disaster.seed) == disaster
    assert choose_newest(points, dbi_resource_id="db-A", usable_at=disaster.at).point == max(
        points, key=lambda one: one.completed_at or NOON, default=None
    )


@given(MINUTES.filter(bool), st.sampled_from(["random", "before-next-point"]), st.booleans())
def test_what_is_no_part_of_the_schedule_moves_no_disaster(minutes: list[int], mode: Mode, ours: bool) -> None:
    """Neither a copy that a drill made a minute ago nor a point that never completed."""
    latest = point(99, NOON - timedelta(seconds=30))
    odd = replace(latest, made_by_drill=True) if ours else replace(latest, status="PARTIAL")

    assert declare(mode, [*history(minutes), odd], NOON, 7) == declare(mode, history(minutes), NOON, 7)
