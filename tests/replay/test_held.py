"""The record held against itself: what it says of beginning, end and abortion is what its phases say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from drills.model.record import RunRecord
from drills.model.timing import Moment
from drills.replay import held
from tests.support.example_record import green_drill


def of_ends(record: RunRecord) -> list[tuple[str, str]]:
    """What differs in the ends, and what would be right."""
    return [(each.what, each.derived) for each in held.ends(record)]


def test_a_run_was_interrupted_in_a_phase_that_it_has() -> None:
    """A phase that is invented, or named in a run that nobody interrupted, is found."""
    green = green_drill()
    last = green.phases[-1].name

    assert of_ends(green) == []
    assert of_ends(replace(green, interrupted_by="SIGINT", aborted_in=last)) == []
    ((what, derived),) = of_ends(replace(green, interrupted_by="SIGINT", aborted_in="invented"))
    assert (what, derived.split(" ")[:4], last in derived) == ("aborted_in", ["one", "of", "the", "phases"], True)
    assert of_ends(replace(green, aborted_in=last)) == [("aborted_in", "nothing: the run was not interrupted")]


def test_a_run_that_took_time_has_phases() -> None:
    """Unless it was interrupted before the first, or came to no end: a record whose phases were taken out is found."""
    empty = replace(green_drill(), phases=(), wall_seconds=90.0)

    assert of_ends(empty) == [("phases", "those of 1 m 30 s")]
    assert of_ends(replace(empty, interrupted_by="SIGINT")) == []
    assert of_ends(replace(empty, wall_seconds=None)) == []


def test_a_moment_of_the_own_clock_has_its_seconds_and_lies_within_the_run() -> None:
    """Both of its times are there and agree, and none is later than the end of the run."""
    green = replace(green_drill(), clock_offset=None, wall_seconds=600.0)
    at = green.started_at + timedelta(seconds=60)

    def found(moment: Moment) -> list[str]:
        return [each.derived for each in held.moments(replace(green, moments=(moment,)))]

    assert found(Moment("reached", at, held.OWN_CLOCK, 60.0)) == []
    assert found(Moment("reached", at, held.OWN_CLOCK, None)) == ["1 m by the wall clock"]
    assert found(Moment("reached", at, held.OWN_CLOCK, 300.0)) == ["5 m after the run began"]
    late = green.started_at + timedelta(seconds=700)
    assert found(Moment("reached", late, held.OWN_CLOCK, 700.0)) == ["an instant within the run"]
