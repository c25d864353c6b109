"""The period that an auditor asks about, the drills that were due in it, and the matrix of its runs."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.history.trend import grace_seconds
from drills.model.record import RunRecord
from reports.audit.matrix import Expected, matrix_of, missed_in
from reports.audit.model import ControlInPeriod, Found, PeriodRun, Standing
from reports.audit.runs import of_record
from reports.audit.span import Period, parse_period
from tests.support.controls_record import judged, real_drill
from tests.support.example_record import green_drill
from tests.support.ledger import at_time

DAY = timedelta(days=1)
NOW = datetime(2027, 3, 1, tzinfo=UTC)
QUARTER = parse_period("2026-Q4")
NOTHING_DECLARED = Expected({})


def on(month: int, day: int, year: int = 2026) -> datetime:
    """An instant in the night of that day."""
    return datetime(year, month, day, 3, tzinfo=UTC)


def a_run(at: datetime, standing: Standing = "done", *, simulated: bool = False, target: str = "orders") -> PeriodRun:
    """A run without a bundle."""
    profile = "sandbox" if simulated else "aws"
    return PeriodRun(f"{at:%Y%m%d}", target, profile, simulated, at, standing, standing)


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("2026-Q1", (2026, 1, 1), (2026, 4, 1)),
        ("2026-q4", (2026, 10, 1), (2027, 1, 1)),
        ("2026-11", (2026, 11, 1), (2026, 12, 1)),
        ("2026-12", (2026, 12, 1), (2027, 1, 1)),
        (" 2026 ", (2026, 1, 1), (2027, 1, 1)),
        ("2026-02-28..2026-02-28", (2026, 2, 28), (2026, 3, 1)),
        ("2026-10-01..2026-12-31", (2026, 10, 1), (2027, 1, 1)),
    ],
)
def test_a_period_is_whole_days(text: str, begin: tuple[int, int, int], end: tuple[int, int, int]) -> None:
    """Its last day belongs to it, in UTC."""
    found = parse_period(text)

    assert (found.begin, found.end) == (datetime(*begin, tzinfo=UTC), datetime(*end, tzinfo=UTC))


@pytest.mark.parametrize(
    "text",
    ["", "2026-Q5", "2026-13", "26", "2026-11-01", "2026-11-01..", "..2026-11-01", "2026-12-01..2026-11-01",
     "2026-02-30..2026-03-01", "9999", "0000", "Q4", "2026-Q4..2027-Q1", "9999-12-31..9999-12-31"],
)  # fmt: skip
def test_what_is_no_period_is_refused(text: str) -> None:
    """The sentence says what is allowed, or which two days are the wrong way round."""
    with pytest.raises(ValueError, match=r"a quarter|a first day"):
        parse_period(text)


@given(st.text(max_size=25))
def test_no_text_breaks_the_reading_of_a_period(text: str) -> None:
    """Any text is a period or refused."""
    try:
        found = parse_period(text)
    except ValueError:
        return
    assert found.begin < found.end


@given(st.lists(st.integers(-40, 120), max_size=12), st.integers(1, 50), st.integers(0, 100))
def test_missed_drills_are_counted_as_one_by_one(days: list[int], every: int, length: int) -> None:
    """The arithmetic agrees with going from due instant to due instant."""
    begin = datetime(2026, 10, 1, tzinfo=UTC)
    until, interval = begin + length * DAY, every * DAY
    judged_at = sorted(begin + day * DAY for day in days)

    grace = timedelta(seconds=grace_seconds(interval.total_seconds()))
    expected = []
    last = max((each for each in judged_at if each < begin), default=begin)
    for following in [*(each for each in judged_at if begin <= each < until), until]:
        at = last + interval
        while at + grace < following:  # a drill that begins within the grace has come
            expected += [at] if at >= begin else []
            at += interval
        last = following

    found = missed_in(judged_at, interval, begin, until)
    counted = [gap.first + step * interval for gap in found for step in range(gap.count)]
    assert counted == expected
    assert all(gap.last == gap.first + (gap.count - 1) * interval for gap in found)


def test_the_population_counts_every_run_and_what_was_missed() -> None:
    """Done, failed, could not run, aborted, no drill: each run stands in one of them; only what ran to a verdict fills a gap."""
    runs = (
        a_run(on(9, 20)),
        a_run(on(10, 15), "failed"),
        a_run(on(11, 16), "aborted"),
        a_run(on(11, 17), "could not run"),
        a_run(on(11, 18), "no drill"),
        a_run(on(12, 1)),
        a_run(on(1, 2, 2027)),
    )
    found = matrix_of(Found(runs), QUARTER, Expected({"orders": 31 * 86400.0}), NOW).populations[0]

    assert len(found.runs) == 5
    assert [found.count(each) for each in ("done", "failed", "could not run", "aborted", "no drill")] == [1] * 5
    assert found.expected == 2
    assert [(gap.first, gap.count) for gap in found.missed] == [(on(11, 15), 1)]


def test_a_target_that_was_never_drilled_stands_in_the_population() -> None:
    """What drill.toml expects and no run ever did is missed, and not left out."""
    found = matrix_of(Found(()), QUARTER, Expected({"billing": 31 * 86400.0, "other": None}), NOW).populations

    assert [(each.target, each.expected, each.missed[0].count) for each in found] == [("billing", 2, 2)]


def test_a_simulated_run_meets_no_expectation() -> None:
    """A target that was drilled in a sandbox alone was not drilled; its simulated runs stand apart."""
    runs = (a_run(on(10, 15), simulated=True), a_run(on(11, 15), simulated=True))
    real, simulated = matrix_of(Found(runs), QUARTER, Expected({"orders": 31 * 86400.0}), NOW).populations

    assert (real.simulated, real.expected, real.runs) == (False, 2, ())
    assert sum(gap.count for gap in real.missed) == 2
    assert (simulated.simulated, simulated.expected, len(simulated.runs)) == (True, None, 2)


def test_what_lies_ahead_is_not_missed() -> None:
    """Of a period that has not ended, only what is past counts; of one that has not begun, nothing."""
    expected = Expected({"orders": 31 * 86400.0})
    runs = Found((a_run(on(10, 15)),))

    now = matrix_of(runs, QUARTER, expected, on(11, 10)).populations[0]
    assert (now.expected, now.missed) == (1, ())
    assert matrix_of(runs, QUARTER, expected, on(9, 1)).until == QUARTER.begin


def test_the_interval_that_a_run_knew_counts_where_the_configuration_has_none() -> None:
    """A target that stands in drill.toml no more is judged by what was declared at the time."""
    runs = (PeriodRun("r", "gone", "aws", False, on(10, 15), "done", "", drill_every_seconds=31 * 86400.0),)

    assert matrix_of(Found(runs), QUARTER, NOTHING_DECLARED, NOW).populations[0].expected == 2


def test_only_the_target_that_was_asked_for() -> None:
    """Other targets are left out, their missed drills too."""
    runs = (a_run(on(10, 15)), a_run(on(10, 15), target="billing"))
    found = matrix_of(Found(runs), QUARTER, Expected({"third": 86400.0}), NOW, "billing")

    assert [each.target for each in found.populations] == ["billing"]


def matrix_of_records(*records: RunRecord) -> dict[str, ControlInPeriod]:
    """The controls of a period by framework and control."""
    runs = tuple(of_record(each) for each in records)
    found = matrix_of(Found(runs), QUARTER, NOTHING_DECLARED, NOW)
    return {f"{each.row.framework_id} {each.row.control}": each for each in found.controls}


def test_a_control_names_every_drill_that_supports_it() -> None:
    """Failed tests stand among them, marked; results that a failed drill speaks against are no support."""
    good, bad = at_time(real_drill(), on(10, 15)), at_time(judged(real_drill(), 11, content="missed"), on(11, 15))
    found = matrix_of_records(good, bad)

    tested, result = found["nist80053 CP-9(1)"], found["nist80053 CP-10"]
    assert [each.run_id for each in tested.supported_by] == [good.run_id, bad.run_id]
    assert [each.run_id for each in tested.failed] == [bad.run_id]
    assert [each.run_id for each in result.supported_by] == [good.run_id]
    assert [each.run_id for each in result.against] == [bad.run_id]


def test_what_did_not_run_in_any_drill_ticks_no_box() -> None:
    """A control without a drill says why, in the words of the newest real run."""
    partial = at_time(real_drill(), on(10, 15))
    without = tuple(each for each in partial.verdicts if each.name != "content")
    found = matrix_of_records(dataclasses.replace(partial, verdicts=without), at_time(green_drill(), on(11, 15)))

    row = found["nist80053 CP-9(1)"]
    assert row.supported_by == ()
    assert row.why_not == "not supported by this run: content: no part of this run"


def test_runs_without_a_bundle_support_nothing() -> None:
    """Of a history alone no control is shown."""
    period = Period("x", on(10, 1), on(12, 1))
    assert matrix_of(Found((a_run(on(10, 15)),)), period, NOTHING_DECLARED, NOW).controls == ()
