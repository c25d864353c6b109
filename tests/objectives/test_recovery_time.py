"""Times between moments, RTA against a feature's own objective, and numbers that are taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills import errors
from drills.model.finding import CheckResult, Outcome
from drills.model.record import Restoration, RunRecord
from drills.model.timing import Measurement, Moment, Objectives, Phase
from drills.objectives import recovery_time
from tests.objectives.test_objectives import NOON, RECORD

RTA = Measurement("RTA", 60.0, NOON, NOON, "own clock", "usable after 1 m", "restore")
SECONDS = st.integers(min_value=0, max_value=100_000)


def seen(**seconds: float | None) -> RunRecord:
    """A run with moments by name, in seconds from its start."""
    return replace(RECORD, moments=tuple(Moment(name, NOON, "own clock", at) for name, at in seconds.items()))


@given(SECONDS, SECONDS, SECONDS)
def test_a_time_between_moments_is_met_up_to_its_limit(begin: int, took: int, objective: int) -> None:
    """The difference counts, and neither moment's own distance from the start."""
    verdict = recovery_time.judge_between(seen(a=begin, b=begin + took), "a", "b", objective)

    assert verdict.outcome == ("met" if took <= objective else "missed")
    assert verdict.exit_code == errors.OBJECTIVE_MISSED
    assert verdict.requirement == "required"


def test_the_time_between_moments_is_told() -> None:
    """Both moments, how long it took, and how long it was allowed to take."""
    run = seen(a=1.0, b=31.0)

    met, missed = (recovery_time.judge_between(run, "a", "b", limit) for limit in (30.0, 29.0))

    assert (met.name, met.sentence) == ("b within 30.0 s", "from 'a' to 'b' it took 30.0 s: within 30.0 s")
    assert missed.sentence == "from 'a' to 'b' it took 30.0 s: beyond 29.0 s"


@pytest.mark.parametrize(
    ("moments", "missing"), [({"b": 1.0}, "a"), ({"a": 1.0}, "b"), ({}, "a"), ({"a": None, "b": 1.0}, "a")]
)
def test_a_moment_that_was_not_seen_is_named(moments: dict[str, float | None], missing: str) -> None:
    """No number is made up for it: the verdict is "not verified"."""
    verdict = recovery_time.judge_between(seen(**moments), "a", "b", 30.0)

    assert (verdict.name, verdict.outcome, verdict.exit_code) == ("b within 30.0 s", "not verified", 10)
    assert verdict.sentence == f"{missing!r} was not seen in this run"


@pytest.mark.parametrize(
    ("measured", "outcome"),
    [
        ((), "not verified"),
        ((RTA,), "met"),
        ((replace(RTA, seconds=61.0),), "missed"),
        ((replace(RTA, name="RPA"),), "not verified"),
    ],
)
def test_a_feature_may_ask_for_a_shorter_time(measured: tuple[Measurement, ...], outcome: str) -> None:
    """RTA is held against it, and no other number; without RTA nothing is verified."""
    verdict = recovery_time.judge_usable(replace(RECORD, measurements=measured), 60.0)

    assert (verdict.name, verdict.outcome) == ("usable within 1 m", outcome)
    assert verdict.exit_code == errors.OBJECTIVE_MISSED
    assert measured[:1] == (RTA,) or outcome != "met"
    assert verdict.sentence.startswith("RTA was not measured" if outcome == "not verified" else "usable after 1 m: ")


def test_a_copy_that_was_never_usable_has_no_number() -> None:
    """Neither the seconds nor the instant at which it would have been usable; the checks are named."""
    taken = recovery_time.not_usable(RTA, [check("catalog", "missed"), check("content", "missed")])

    assert (taken.seconds, taken.to_at, taken.from_at) == (None, None, NOON)
    assert taken.sentence == "RTA was not measured: the copy was never usable, it did not pass catalog, content"


def check(name: str, outcome: Outcome) -> CheckResult:
    """What a blocking check came to."""
    return CheckResult(name, outcome, f"{name} {outcome}", blocking=True)


def test_a_copy_of_which_something_was_not_verified_is_not_said_to_have_been_unusable() -> None:
    """Nothing was found wrong with it: it has no number, and nobody knows whether it was usable; what failed is said too."""
    unread, wrong = check("settings", "not verified"), check("catalog", "missed")

    alone = recovery_time.not_usable(RTA, [unread])
    assert (alone.seconds, alone.to_at) == (None, None)
    assert (
        alone.sentence == "RTA was not measured: it is not known whether the copy was usable, settings was not verified"
    )
    both = recovery_time.not_usable(RTA, [unread, wrong]).sentence
    assert both.endswith("the copy was never usable, it did not pass catalog; settings was not verified")
    two = recovery_time.not_usable(RTA, [unread, check("lineage", "not verified")]).sentence
    assert two.endswith("settings, lineage were not verified")


def taken(*phases: tuple[str, float], ahead: float = 0.0) -> tuple[Measurement, Measurement]:
    """What phases of these lengths, in seconds, come to, where the wall clock was set ahead during the last of them."""
    made, at = [], 0.0
    for name, seconds in phases:
        start, at = at, at + seconds
        jump = ahead if name == phases[-1][0] else 0.0
        began, ended = NOON + timedelta(seconds=start), NOON + timedelta(seconds=at + jump)
        made.append(Phase(name, began, start, ended, at, "rta"))
    restoration = Restoration("recovery", None, "scratch", instance_class="db.t3.micro", source_class="db.m6g.large")
    declared = recovery_time.DeclaredTime("disruption", detection=60.0)
    return recovery_time.measure(made, declared, restoration)


def test_both_numbers_name_the_slowest_phase_and_what_they_are_counted_from() -> None:
    """With and without declared times: the same slowest phase, and the class that neither is a claim about."""
    whole, alone = taken(("restore", 5.0), ("connect", 9.0), ("checks", 1.0))

    assert (whole.seconds, alone.seconds) == (75.0, 15.0)
    assert whole.sentence.endswith("; slowest phase 'connect', 9.0 s")
    assert "; slowest phase 'connect', 9.0 s; " in alone.sentence
    other_class = "measured on db.t3.micro, the source has db.m6g.large: no claim about the RTO on that class"
    assert whole.notes == ("counted from the disruption of the service", other_class)
    assert alone.notes == ("counted from the declaration of the disaster", other_class)


def test_no_number_survives_a_clock_that_was_set_meanwhile() -> None:
    """Neither seconds nor the instant of the end; both sentences say which phase it happened in."""
    for each in taken(("restore", 5.0), ("connect", 9.0), ahead=3600.0):
        assert (each.seconds, each.to_at) == (None, None)
        assert "jumped 1 h forward during 'connect'" in each.sentence


@pytest.mark.parametrize(
    ("seconds", "ahead", "said"),
    [
        (1000.0, 3.0, None),
        (1000.0, -3.0, None),
        (1000.0, 3.001, "jumped 3.0 s forward during 'restore': it was set, or the machine slept"),
        (0.0, 2.5, "jumped 2.5 s forward during 'restore': it was set, or the machine slept"),
        (0.0, -2.5, "jumped 2.5 s back during 'restore': it was set, or the machine slept"),
        (-0.5, 0.5, "jumped 0.5 s forward during 'restore': it was set, or the machine slept"),
        (-0.5, 0.0, "jumped 0.0 s back during 'restore': it was set, or the machine slept"),
    ],
)
def test_two_clocks_may_differ_by_two_seconds_and_a_thousandth(seconds: float, ahead: float, said: str | None) -> None:
    """Beyond that, or where the monotonic one went back, the wall clock was changed; the way it went is said."""
    phase = Phase("restore", NOON, 10.0, NOON + timedelta(seconds=seconds + ahead), 10.0 + seconds, "rta")

    found = recovery_time.jumps([phase])

    assert found == (() if said is None else (f"the wall clock of this machine {said}",))


@pytest.mark.parametrize("open_phase", [Phase("a", NOON, 1.0, NOON, None), Phase("a", NOON, 1.0, None, 99.0)])
def test_a_phase_that_has_not_ended_shows_no_jump(open_phase: Phase) -> None:
    """Without both of its ends there is nothing to compare."""
    assert recovery_time.jumps([open_phase]) == ()


@pytest.mark.parametrize(("copy", "source"), [("", ""), ("", "a"), ("a", ""), ("a", "a")])
def test_a_class_that_is_the_same_or_not_known_needs_no_note(copy: str, source: str) -> None:
    """A note says that the classes differ, and only that."""
    assert recovery_time.class_notes(Restoration("recovery", None, "c", instance_class=copy, source_class=source)) == ()


def test_a_verdict_has_the_notes_that_its_number_does_not_say() -> None:
    """Each once; what the number is counted from is said by the number itself."""
    other = "measured on a, the source has b: no claim about the RTO on that class"
    clock = "counted from the declaration of the disaster"

    verdict = recovery_time.judge(replace(RTA, notes=(clock, other, "usable after 1 m")), Objectives(60.0, None))

    assert verdict.sentence == f"{recovery_time.judge(RTA, Objectives(60.0, None)).sentence}; {other}"
