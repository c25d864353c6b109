"""What the runs of a group say together."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Sequence
from datetime import timedelta
from fractions import Fraction
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drills.history import trend, wording
from drills.model.history import HistoryLine, RunOutcome
from tests.support.example_history import FIRST, KEY, MONTH, line, monthly

SECONDS = st.floats(0, 1e6, allow_nan=False)
OUTCOMES: list[RunOutcome] = [each for each in get_args(RunOutcome) if each not in ("not ended", "not sealed")]


def binomial_at_least(count: int, runs: int, rate: Fraction) -> Fraction:
    """The chance of `count` passes or more, in exact fractions."""
    return sum(
        (math.comb(runs, each) * rate**each * (1 - rate) ** (runs - each) for each in range(count, runs + 1)),
        Fraction(0),
    )


def lines_of(values: Sequence[float | None], **changes: object) -> list[HistoryLine]:
    """A run a month with these recovery times."""
    made = [line(index, FIRST + index * MONTH, rta=value) for index, value in enumerate(values)]
    return [dataclasses.replace(each, **changes) for each in made]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("passed", "judged", "proven"),
    [(12, 12, 0.779), (59, 59, 0.950), (1, 1, 0.05), (11, 12, 0.661), (0, 5, 0.0), (13, 14, 0.703)],
)
def test_pass_rate_is_bounded_by_what_so_few_runs_prove(passed: int, judged: int, proven: float) -> None:
    """The exact one-sided bound (Clopper and Pearson, "The use of confidence or fiducial limits"): 12 of 12 prove 77.9 %."""
    assert trend.pass_rate_at_least(passed, judged) == pytest.approx(proven, abs=5e-4)


@given(st.integers(1, 40), st.data())
@settings(deadline=None)
def test_the_bound_is_where_chance_alone_becomes_unlikely(judged: int, data: st.DataObject) -> None:
    """At the bound as many passes or more have a chance of 5 %: computed a second time, in fractions."""
    passed = data.draw(st.integers(1, judged))
    bound = trend.pass_rate_at_least(passed, judged)

    assert bound is not None
    assert bound < passed / judged
    assert float(binomial_at_least(passed, judged, Fraction(bound))) == pytest.approx(0.05, abs=1e-9)


def test_no_run_has_no_pass_rate() -> None:
    """Nothing is said about runs that were not."""
    assert trend.pass_rate_at_least(0, 0) is None


@given(st.lists(SECONDS, max_size=58))
@settings(deadline=None)
def test_fewer_than_59_runs_have_no_p95(values: list[float]) -> None:
    """With 58 runs the longest lies below the 95th percentile more often than one time in twenty."""
    assert trend.p95_at_most(values) is None
    assert 1 - 0.95**58 < 0.95 <= 1 - 0.95**59


@given(st.lists(SECONDS, min_size=59, max_size=200))
@settings(deadline=None)
def test_p95_is_the_smallest_value_that_bounds_it(values: list[float]) -> None:
    """Its rank is the first that at most so many of the runs lie below with 95 % confidence; at 59 it is the longest."""
    bound = trend.p95_at_most(values)
    count, ordered = len(values), sorted(values)
    rate = Fraction(95, 100)
    below = Fraction(0)
    rank = 0
    while below < rate:
        below += math.comb(count, rank) * rate**rank * (1 - rate) ** (count - rank)
        rank += 1

    assert bound == ordered[rank - 1]
    assert count > 59 or bound == max(values)
    assert sum(value <= bound for value in values) >= 0.95 * count


@given(st.floats(-50, 50), st.floats(0, 5000), st.integers(5, 12))
@settings(deadline=None)
def test_a_straight_line_has_its_slope(slope: float, start: float, count: int) -> None:
    """The fit finds the line that the runs lie on, and where it stands at the last."""
    found = trend.slope_of([start + slope * index for index in range(count)])

    assert found is not None
    assert found[0] == pytest.approx(slope, abs=1e-6)
    assert found[1] == pytest.approx(start + slope * (count - 1), abs=1e-4)


@given(st.integers(0, 11), st.floats(0, 1e9))
@settings(deadline=None)
def test_one_odd_run_does_not_tilt_the_slope(odd: int, value: float) -> None:
    """One run among twelve, however long it took, leaves a level line nearly level (Sen, "Estimates of the regression")."""
    values = [100.0 + (index % 3) for index in range(12)]
    values[odd] = value
    found = trend.slope_of(values)

    assert found is not None
    assert abs(found[0]) <= 1


@given(st.lists(SECONDS, max_size=4))
@settings(deadline=None)
def test_few_runs_have_no_slope(values: list[float]) -> None:
    """Four runs or fewer rise and fall by chance."""
    assert trend.slope_of(values) is None


@given(st.lists(st.none() | SECONDS, max_size=70))
@settings(deadline=None)
def test_series_holds_median_maximum_and_margin(values: list[float | None]) -> None:
    """They are those of the numbers that were measured, against the newest objective."""
    found = trend.series_of("RTA", lines_of(values))
    measured = sorted(value for value in values if value is not None)

    assert found.n == len(measured)
    if measured:
        middle = len(measured) // 2
        assert found.maximum == measured[-1]
        assert found.margin == 1800 - measured[-1]
        assert found.median == pytest.approx((measured[middle] + measured[~middle]) / 2)
        assert found.last == [value for value in values if value is not None][-1]


def test_a_copy_with_wrong_data_was_no_recovery() -> None:
    """The time to a copy that failed its verification is shown as a point and counts in no number."""
    lines = [*lines_of([100.0]), line(1, FIRST + MONTH, "verification failed", 5.0)]
    found = trend.trend_of(lines, KEY, FIRST + MONTH)

    assert [point.rta_seconds for point in found.points] == [100.0, 5.0]
    assert (found.series[0].n, found.series[0].median) == (1, 100.0)
    assert (found.passed, found.judged) == (1, 2)


@pytest.mark.parametrize(
    ("values", "warned"),
    [
        ([], 0),
        ([1500.0], 1),
        ([1500.0, 1.0, 1.0, 1.0], 0),
        ([1.0, 1500.0, 1.0, 1.0], 1),
        ([1440.0], 0),
        ([1440.1], 1),
        ([600.0, 700.0, 800.0, 900.0, 1000.0], 0),
        ([800.0, 920.0, 1040.0, 1160.0, 1280.0], 1),
        ([1280.0, 1160.0, 1040.0, 920.0, 800.0], 0),
        ([800.0, 920.0, 1040.0, 1160.0], 0),
        ([1100.0, 1200.0, 1300.0, 1400.0, 1500.0], 2),
    ],
)
def test_warnings_come_before_the_objective_is_missed(values: list[float], warned: int) -> None:
    """One of the last three above 80 % of 30 minutes, or a rise over five runs and more that reaches it within six."""
    assert len(trend.warnings_of("RTA", values, 1800.0)) == warned


def test_a_rise_is_said_with_the_runs_that_are_left() -> None:
    """120 s a run from 1280 s reach 1800 s in 4.33 runs, so in the fifth."""
    (said,) = trend.warnings_of("RTA", [800.0, 920.0, 1040.0, 1160.0, 1280.0], 1800.0)
    assert "rises by 2 m a run" in said
    assert said.endswith("reaches the RTO of 30 m in 5 runs")


@given(st.lists(st.floats(0, 5000), max_size=30), st.floats(1, 5000))
@settings(deadline=None)
def test_no_warning_is_given_without_its_reason(values: list[float], objective: float) -> None:
    """Runs far below the objective that do not rise are not warned about, and without an objective nothing is."""
    assert trend.warnings_of("RTA", values, None) == ()
    found = trend.slope_of(values[-12:])
    if max(values[-3:], default=0.0) <= 0.8 * objective and (found is None or found[0] <= 0):
        assert trend.warnings_of("RTA", values, objective) == ()


@given(st.lists(st.integers(1, 400), max_size=20), st.integers(0, 400), st.integers(1, 60))
@settings(deadline=None)
def test_missed_drills_are_those_that_would_have_been_due(days: list[int], since: int, every: int) -> None:
    """With every gap filled up by its missed drills, none is longer than interval and grace, and one fewer is too few."""
    at, lines = FIRST, [line(0, FIRST)]
    for index, step in enumerate(days, start=1):
        at += timedelta(days=step)
        lines.append(line(index, at))
    as_of = at + timedelta(days=since)
    interval = timedelta(days=every).total_seconds()
    grace = trend.grace_seconds(interval)
    found = trend.gaps_of(lines, interval, as_of)

    assert len(found) == sum(step * 86400 > interval + grace for step in (*days, since))
    for gap in found:
        length = (gap.to_at - gap.from_at).total_seconds()
        assert length - grace <= interval * (gap.missed + 1)
        assert length - grace > interval * gap.missed


@given(st.floats(1, 1e9))
def test_the_grace_is_a_tenth_and_at_most_a_day(every: float) -> None:
    """A drill of each month may be a day late, one of each hour six minutes."""
    assert trend.grace_seconds(every) == min(every / 10, 86400)


def test_a_run_that_could_not_run_fills_no_gap() -> None:
    """It is no drill that took place; one that failed is."""
    lines = [
        line(0, FIRST),
        line(1, FIRST + MONTH, "could not run", None),
        line(2, FIRST + 2 * MONTH, "objective missed"),
    ]
    (gap,) = trend.gaps_of(lines, MONTH.total_seconds() * 1.01, FIRST + 2 * MONTH)

    assert (gap.from_at, gap.to_at, gap.missed) == (FIRST, FIRST + 2 * MONTH, 1)


def test_without_a_declared_interval_nothing_is_missed() -> None:
    """Nobody said how often drills are due."""
    assert trend.gaps_of(lines_of([1.0, 2.0]), None, FIRST + 100 * MONTH) == ()


def test_a_drill_of_another_kind_of_point_is_no_missed_drill() -> None:
    """Two groups of one target that take turns leave no gap in either."""
    other = dataclasses.replace(KEY, point_kind="copy")
    lines = [
        dataclasses.replace(line(index, FIRST + index * MONTH), key=other if index % 2 else KEY) for index in range(6)
    ]
    for key in (KEY, other):
        found = trend.trend_of(lines, key, FIRST + 5 * MONTH)
        assert (found.gaps, len(found.points), found.elsewhere) == ((), 3, 3)


@given(st.lists(st.tuples(st.sampled_from(OUTCOMES), st.booleans(), st.booleans(), st.booleans()), max_size=40))
@settings(deadline=None)
def test_only_runs_of_the_group_that_count_are_counted(runs: list[tuple[RunOutcome, bool, bool, bool]]) -> None:
    """Partial and simulated runs and those of another class never enter, and every other one is passed, judged or apart."""
    lines = []
    for index, (outcome, partial, simulated, smaller) in enumerate(runs):
        key = dataclasses.replace(
            KEY, simulated=simulated, instance_class="db.t4g.micro" if smaller else "db.t4g.medium"
        )
        made = line(index, FIRST + index * MONTH, outcome)
        lines.append(dataclasses.replace(made, key=key, not_counted="partial" if partial else ""))
    found = trend.trend_of(lines, KEY, FIRST + 41 * MONTH)
    ours = [outcome for outcome, *other in runs if not any(other)]

    assert [point.outcome for point in found.points] == ours
    assert found.passed == ours.count("passed")
    assert found.could_not_run == ours.count("could not run")
    assert found.judged + found.could_not_run == len(ours)


def test_a_run_that_never_knew_its_point_counts_as_an_attempt() -> None:
    """No recovery point at all is a missed objective of the group that it would have been in."""
    blank = dataclasses.replace(KEY, point_kind="", instance_class="")
    none = dataclasses.replace(line(2, FIRST + 2 * MONTH, "objective missed", None), key=blank)
    lines = [line(0, FIRST), line(1, FIRST + MONTH), none]

    assert trend.group_for(none, lines) == KEY
    found = trend.trend_of(lines, KEY, FIRST + 2 * MONTH)
    assert (found.passed, found.judged, found.series[0].n) == (2, 3, 2)


def test_a_first_run_that_knew_nothing_stands_alone() -> None:
    """Where no earlier run says which group it is of, its own blank one is shown."""
    blank = dataclasses.replace(KEY, point_kind="", instance_class="")
    none = dataclasses.replace(line(2, FIRST, "could not run", None), key=blank)

    assert trend.group_for(none, [none]) == blank
    assert wording.one_line(trend.trend_of([none], blank, FIRST)) == (
        "no run could be judged yet; 1 run could not run or could not verify"
    )


def test_sizes_of_two_kinds_are_never_on_one_line() -> None:
    """Where the newest run knows its data's size, a run that knows its storage alone has no size."""
    old = line(0, FIRST)
    new = dataclasses.replace(line(1, FIRST + MONTH), size_bytes=7)

    assert [p.size_bytes for p in trend.trend_of([old, new], KEY, FIRST).points] == [None, 7]
    assert [p.size_bytes for p in trend.trend_of([old], KEY, FIRST).points] == [40 * 2**30]


def test_a_long_history_is_cut_at_what_is_kept() -> None:
    """The newest runs are kept, and numbers are said of these."""
    found = trend.trend_of(monthly(trend.MAX_RUNS + 30), KEY, FIRST + 400 * MONTH)
    assert len(found.points) == trend.MAX_RUNS
    assert found.points[-1].run_id == monthly(trend.MAX_RUNS + 30)[-1].run_id


def test_sentences_say_how_many_runs_stand_behind_them() -> None:
    """Numbers come with n, the margin with its objective, the rate with its bound, and p95 with why there is none."""
    found = trend.trend_of(lines_of([600.0] * 11 + [1200.0]), KEY, FIRST + 11 * MONTH)

    assert wording.series(found.series[0]) == (
        "RTA over 12 runs: median 10 m, longest 20 m, 10 m within the RTO of 30 m"
    )
    assert wording.pass_rate(found) == (
        "12 of 12 runs passed, which proves a pass rate of at least 77.9 % (95 % confidence)"
    )
    assert wording.percentile(found.series[0]) == "no 95th percentile from 12 runs: it takes 59"


@given(st.integers(0, 70), st.booleans())
@settings(deadline=None)
def test_every_trend_can_be_said(count: int, promised: bool) -> None:
    """No history is without words, and none of them is empty."""
    lines = monthly(count)
    if not promised:
        lines = [dataclasses.replace(each, rto_seconds=None, rpo_seconds=None) for each in lines]
    found = trend.trend_of(lines, KEY, FIRST + 100 * MONTH)
    said = [wording.one_line(found), wording.pass_rate(found), *wording.warnings(found)]
    said += [wording.series(each) for each in found.series]

    assert all(said)
    assert ("no RTO is set" in wording.series(found.series[0])) == (count > 0 and not promised)


def by_method(values: list[tuple[str, float]]) -> list[HistoryLine]:
    """A run for each RPA, with what said so."""
    made = lines_of([900.0] * len(values))
    return [
        dataclasses.replace(line, rpa_seconds=seconds, rpa_source=source)
        for line, (source, seconds) in zip(made, values, strict=True)
    ]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["canary", "freshness query 'orders'", "freshness query 'items'", ""]),
            st.floats(0, 86_000),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_each_way_to_measure_an_rpa_has_numbers_of_its_own(values: list[tuple[str, float]]) -> None:
    """They are those that the runs of that way would have alone; the newest way is first, and all runs are in one of them."""
    lines = by_method(values)
    found = trend.rpa_series(lines)

    kind = {"freshness query 'orders'": "freshness query", "freshness query 'items'": "freshness query"}
    assert next(each.method for each in found) == kind.get(values[-1][0], values[-1][0])
    assert len({each.method for each in found}) == len(found)
    assert sum(each.n for each in found) == len(values)
    for each in found:
        alone = [seconds for source, seconds in values if kind.get(source, source) == each.method]
        assert (each.n, each.last, each.median, each.maximum) == (
            len(alone),
            alone[-1],
            statistics.median(alone),
            max(alone),
        )


def test_a_change_of_the_method_is_no_trend() -> None:
    """Six runs by freshness queries that were nearly idle, six by the canary: neither rises, and what was then warns of nothing."""
    change = [("canary", 60.0)] * 6 + [("freshness query 'orders'", 80_000.0)] * 6
    (queried, beaten) = trend.rpa_series(by_method(change))
    assert (queried.slope, beaten.slope, beaten.warnings) == (0.0, 0.0, ())
    assert len(queried.warnings) == 1
    assert wording.series(beaten).startswith("RPA by canary over 6 runs: median 1 m")

    back = trend.rpa_series(by_method(change[::-1]))
    assert [each.method for each in back] == ["canary", "freshness query"]
    assert [each.warnings for each in back] == [(), ()]
