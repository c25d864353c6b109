"""The order of moments, and how long each status lasted, from values alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.model.instance import StatusChange
from drills.model.record import Restoration
from drills.model.timing import Disaster, Moment, Phase
from drills.objectives import timeline
from tests.objectives.test_objectives import NOON, RECORD

COPY = Restoration("recovery", None, "drill-x")


def at(seconds: float) -> StatusChange:
    """A status first seen so many seconds after noon."""
    return StatusChange(NOON + timedelta(seconds=seconds), f"s{seconds}", seconds=seconds)


def phase(start: float, end: float | None) -> Phase:
    """A phase by its seconds."""
    return Phase("p", NOON, start, None if end is None else NOON + timedelta(seconds=end), end)


@pytest.mark.parametrize(
    ("mode", "how"), [("now", "now"), ("random", "at random"), ("before-next-point", "before the next point")]
)
def test_a_disruption_says_how_its_instant_was_chosen(mode: str, how: str) -> None:
    """It was simulated, and nobody may take it for one that happened."""
    run = replace(RECORD, disaster=Disaster(NOON, mode))  # type: ignore[arg-type]

    assert timeline.moments(run) == (Moment("disruption", NOON, f"simulated, {how}"),)


@given(st.lists(st.integers(0, 3), max_size=6), st.lists(st.integers(0, 3), max_size=6))
def test_moments_are_in_order(marked: list[int], statuses: list[int]) -> None:
    """By the instant, then what has no seconds, then by the seconds; statuses keep theirs, and no moment is lost."""
    run = replace(
        RECORD,
        moments=tuple(Moment("m", NOON, "own clock", float(each) or None) for each in marked),
        restorations=(replace(COPY, statuses=tuple(replace(at(each), at=NOON) for each in statuses)),),
    )

    told = timeline.moments(run)

    assert [(each.seconds is not None, each.seconds or 0.0) for each in told] == sorted(
        [(each != 0, float(each)) for each in marked] + [(True, float(each)) for each in statuses]
    )


def test_the_statuses_of_a_rehearsal_are_no_moments_of_the_recovery() -> None:
    """They belong to another copy."""
    rehearsed = replace(COPY, purpose="rehearsal", statuses=(at(1.0),))

    assert timeline.moments(replace(RECORD, restorations=(rehearsed,))) == ()


def test_the_last_status_lasts_to_the_end_of_the_phase_that_it_began_in() -> None:
    """The first phase that is over at or after it; an open phase has no end, and before its start none counts."""
    change = at(5.0)
    for phases, end in [
        ((phase(0, 4), phase(4, 9), phase(9, 12)), 9),
        ((phase(0, 5), phase(5, 9)), 5),
        ((phase(0, 4), phase(4, None)), None),
        ((), None),
    ]:
        (lasted,) = timeline.statuses(replace(COPY, statuses=(change,)), phases)

        assert (lasted.started_at, lasted.start_seconds, lasted.end_seconds) == (change.at, 5.0, end)
        assert lasted.ended_at == (None if end is None else NOON + timedelta(seconds=end))


def test_a_status_ends_when_the_next_one_is_seen_and_names_what_is_pending() -> None:
    """Its instants are those at which the changes were seen; one without seconds cannot be placed."""
    pending = replace(at(1.0), status="available", pending=("password", "class"))
    unplaced = replace(at(2.0), seconds=None)

    first, last = timeline.statuses(replace(COPY, statuses=(pending, unplaced, at(3.0))), (phase(0, 7),))

    assert (first.name, first.started_at, first.ended_at) == (
        "available, pending password, class",
        pending.at,
        at(3.0).at,
    )
    assert (first.end_seconds, last.name, last.end_seconds) == (3.0, "s3.0", 7)


def test_a_status_of_the_very_start_ends_with_the_first_phase() -> None:
    """Zero seconds are an instant like any other."""
    (lasted,) = timeline.statuses(replace(COPY, statuses=(at(0.0),)), (phase(0, 0.5), phase(0.5, 9)))

    assert lasted.end_seconds == 0.5
