"""The worst case of a backup schedule: a table and random schedules against brute force, and the arithmetic's own rules."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drills.schedule import worst_case
from drills.schedule.firings import Rate
from drills.schedule.worst_case import ScheduleResult, ScheduleRule, work_out
from tests.schedule import brute_force
from tests.schedule.brute_force import HOUR, STEP, Asked

START = datetime(2026, 1, 1, tzinfo=UTC)
UTC_NAME, BERLIN, NEW_YORK, SYDNEY = "Etc/UTC", "Europe/Berlin", "America/New_York", "Australia/Sydney"
LORD_HOWE, SANTIAGO, KATHMANDU, AUCKLAND = (
    "Australia/Lord_Howe",
    "America/Santiago",
    "Asia/Kathmandu",
    "Pacific/Auckland",
)


def hours(seconds: float | None) -> float | None:
    """Seconds in hours."""
    return None if seconds is None else seconds / HOUR


def cron(fields: str, zone: str = UTC_NAME, late: float = 0) -> Asked:
    """A rule by its fields; `late` in hours."""
    return Asked(fields, zone, round(late * HOUR))


def rate(every: int) -> Asked:
    """A rule that runs at a distance of hours."""
    return Asked("", every=every * HOUR)


def rule(asked: Asked, name: str = "rule") -> ScheduleRule:
    """The same for the engine, with all that it may be late in its start window."""
    expression = f"rate({asked.every // HOUR} hours)" if asked.every else f"cron({asked.fields})"
    return ScheduleRule(name, expression, asked.zone, timedelta(seconds=asked.late))


def found_of(worst: ScheduleResult) -> tuple[float, ...]:
    """Gap, worst case, and worst case with one missed run, in seconds."""
    assert worst.gap
    assert worst.worst
    assert worst.one_missed
    return worst.gap.seconds, worst.worst.seconds, worst.one_missed.seconds


def by_brute_force(rules: Sequence[Asked], worst: ScheduleResult) -> tuple[float, ...]:
    """The same over the same stretch, the worst of all readings."""
    assert worst.from_at
    assert worst.until
    begin, end = int(worst.from_at.timestamp()), int(worst.until.timestamp())
    return tuple(float(max(each)) for each in zip(*brute_force.losses(rules, begin, end), strict=True))


# hours of the largest gap, where they are known without any enumeration
TABLE: list[tuple[str, float | None, list[Asked]]] = [
    ("daily", 24, [cron("0 5 ? * * *")]),
    ("daily with windows", 24, [cron("0 3 ? * * *", late=9.25)]),
    ("daily, Berlin, day of 25 hours", 25, [cron("0 5 ? * * *", BERLIN, 1)]),
    ("daily, Berlin, in the skipped hour", 47, [cron("30 2 ? * * *", BERLIN)]),
    ("daily, Berlin, at the skipped hour's end", 25, [cron("0 3 ? * * *", BERLIN)]),
    ("daily, New York, in the skipped hour", 47, [cron("15 2 ? * * *", NEW_YORK, 8)]),
    ("daily, New York, in the repeated hour", 25, [cron("30 1 ? * * *", NEW_YORK)]),
    ("daily, Sydney, in the skipped hour", 47, [cron("30 2 ? * * *", SYDNEY, 0.5)]),
    ("daily, Sydney", 25, [cron("0 12 * * ? *", SYDNEY)]),
    ("daily, Auckland, in the repeated hour", None, [cron("45 2 ? * * *", AUCKLAND)]),
    ("daily, Lord Howe, clocks move half an hour", None, [cron("15 2 ? * * *", LORD_HOWE)]),
    ("daily, Lord Howe, elsewhere", 24.5, [cron("0 9 ? * * *", LORD_HOWE)]),
    ("daily, Santiago, midnight is skipped", 47, [cron("0 0 ? * * *", SANTIAGO)]),
    ("daily, Kathmandu, an odd offset", 24, [cron("15 3 ? * * *", KATHMANDU)]),
    ("twice a day", 12, [cron("0 0,12 * * ? *", late=1)]),
    ("twice a day, uneven", 21, [cron("0 5,8 * * ? *")]),
    ("every six hours, Berlin", 7, [cron("0 0/6 * * ? *", BERLIN)]),
    ("hourly", 1, [cron("15 * ? * * *", late=1)]),
    ("hourly, Berlin", 2, [cron("0 * ? * * *", BERLIN)]),
    ("every quarter of an hour", 0.25, [cron("0/15 * * * ? *")]),
    ("in working hours", 14, [cron("0 8-18 * * ? *")]),
    ("in working hours of weekdays", 62, [cron("0 8-18 ? * MON-FRI *")]),
    ("weekdays", 72, [cron("0 3 ? * MON-FRI *", late=9.25)]),
    ("weekdays, Berlin", 73, [cron("0 3 ? * MON-FRI *", BERLIN, 9.25)]),
    ("weekends", 6 * 24, [cron("0 3 ? * SAT,SUN *")]),
    ("weekly", 7 * 24, [cron("0 3 ? * SUN *")]),
    ("weekly, by L", 7 * 24, [cron("0 3 ? * L *")]),
    ("weekly, Berlin, in the skipped hour", 335, [cron("30 2 ? * 1 *", BERLIN)]),
    ("monthly", 31 * 24, [cron("0 5 1 * ? *", late=8)]),
    ("monthly, the 29th", 59 * 24, [cron("0 5 29 * ? *")]),
    ("monthly, the 30th", 60 * 24, [cron("0 5 30 * ? *")]),
    ("monthly, the 31st", 61 * 24, [cron("0 2 31 * ? *")]),
    ("monthly, the last day", 31 * 24, [cron("0 5 L * ? *")]),
    ("monthly, three days before the last", 31 * 24, [cron("0 5 L-3 * ? *")]),
    ("last weekday of the month", None, [cron("0 5 LW * ? *")]),
    ("weekday nearest to the 15th", None, [cron("0 5 15W * ? *", NEW_YORK)]),
    ("weekday nearest to the first", None, [cron("0 5 1W * ? *")]),
    ("second Tuesday", 35 * 24, [cron("0 5 ? * 3#2 *")]),
    ("fifth Friday", None, [cron("0 5 ? * FRI#5 *")]),
    ("last Friday", 35 * 24 + 1, [cron("0 5 ? * 6L *", SYDNEY)]),
    ("first and fifteenth", 17 * 24, [cron("0 5 1,15 * ? *")]),
    ("quarterly", 92 * 24, [cron("0 5 1 1/3 ? *")]),
    ("yearly", 366 * 24, [cron("0 5 1 JAN ? *")]),
    ("29 February", 1461 * 24, [cron("0 5 29 2 ? *")]),
    ("rate of an hour", 1, [rate(1)]),
    ("rate of a day", 24, [rate(24)]),
    ("daily and hourly with other windows", 1, [cron("0 5 ? * * *", late=8), cron("0 * ? * * *", late=1)]),
    ("monthly and weekly", 7 * 24, [cron("0 5 1 * ? *", late=8), cron("0 5 ? * SUN *", late=2)]),
    ("two zones", None, [cron("0 5 ? * * *", BERLIN, 1), cron("0 5 ? * * *", NEW_YORK, 3)]),
    ("two alike", 24, [cron("0 5 ? * * *", late=1), cron("0 5 ? * * *", late=1)]),
    ("two at once, one far later", 24, [cron("0 5 ? * * *", late=1), cron("0 5 ? * * *", late=30)]),
    ("weekdays and Saturday", 48, [cron("0 5 ? * MON-FRI *"), cron("0 5 ? * SAT *")]),
    ("three rules", None, [cron("0 1 ? * 2 *", late=8), cron("0 9 15 * ? *"), cron("30 2 ? * * *", SYDNEY, 5)]),
]


@pytest.mark.slow
@pytest.mark.parametrize(("gap", "rules"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_worst_case_is_what_brute_force_finds(gap: float | None, rules: list[Asked]) -> None:
    """Gap and both worst cases, over the stretch that was looked at; the gap where it is plain what it must be."""
    worst = work_out([rule(asked, str(number)) for number, asked in enumerate(rules)], START)

    assert found_of(worst) == by_brute_force(rules, worst)
    assert gap is None or hours(found_of(worst)[0]) == gap


CLOCK = st.sampled_from(["0", "15", "30", "45", "0,30"])
HOURS = st.sampled_from(["*", "0/6", "8-18", "23"]) | st.sets(st.integers(0, 23), min_size=1, max_size=3).map(
    lambda found: ",".join(map(str, sorted(found)))
)
DAYS = st.sampled_from(["* ?", "L ?", "LW ?", "L-2 ?", "1W ?", "15W,31 ?", "? *", "? MON-FRI", "? L", "? 6L", "? 1#3"])
MORE_DAYS = st.integers(1, 31).map(lambda day: f"{day} ?") | st.integers(1, 7).map(lambda day: f"? {day}")
MONTHS = st.sampled_from(["*", "*", "*", "1/2", "3,10", "FEB", "MAR-MAY"])
ZONES = st.sampled_from([UTC_NAME, BERLIN, NEW_YORK, SYDNEY, LORD_HOWE, SANTIAGO])


@st.composite
def schedules(draw: st.DrawFn) -> Asked:
    """A rule with any kind of day field, in a zone of either hemisphere."""
    day, weekday = draw(DAYS | MORE_DAYS).split()
    fields = f"{draw(CLOCK)} {draw(HOURS)} {day} {draw(MONTHS)} {weekday} *"
    return Asked(fields, draw(ZONES), draw(st.integers(0, 60)) * STEP)


@pytest.mark.slow
@settings(max_examples=25)
@given(st.lists(schedules(), min_size=1, max_size=2), st.integers(0, 365))
def test_no_schedule_differs_from_brute_force(rules: list[Asked], day: int) -> None:
    """Whatever the fields, the zones, the windows and the beginning, one rule or two together."""
    worst = work_out(
        [rule(asked, str(number)) for number, asked in enumerate(rules)], START + timedelta(days=day, minutes=7)
    )

    if worst.worst is None:
        assert all("never fires" in note for note in worst.notes)
        return
    firing = [asked for number, asked in enumerate(rules) if f"{number} never fires again" not in worst.notes]
    assert found_of(worst) == by_brute_force(firing, worst)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 1), st.integers(0, 3)), min_size=1, max_size=5))
def test_no_delay_and_no_missed_run_does_worse(runs: list[tuple[int, int, int]]) -> None:
    """Of all ways in which runs are early, late or missed, none loses more than the walk over the latest instants says."""
    rules, fired = _as_rules(runs)
    far = 40 * HOUR
    for missed, expected in zip((0, 1), _walked(rules, fired, far), strict=True):
        assert expected == _worst_of_all(runs, missed)


def _as_rules(runs: list[tuple[int, int, int]]) -> tuple[list[ScheduleRule], list[list[int]]]:
    """Runs as (hour, hours of start window, hours until usable), each as a rule that fires once."""
    rules = [
        ScheduleRule(str(n), "", start_window=timedelta(hours=w), backup=timedelta(hours=d))
        for n, (_, w, d) in enumerate(runs)
    ]
    return rules, [[at * HOUR] for at, _, _ in runs]


def _walked(rules: list[ScheduleRule], fired: list[list[int]], end: int) -> tuple[int, int]:
    used = [worst_case._ParsedRule(each, Rate("", 1), ZoneInfo("UTC")) for each in rules]
    worst, one_missed = worst_case._walk(used, fired, end)
    return worst[0], one_missed[0]


def _worst_of_all(runs: list[tuple[int, int, int]], missed: int) -> int:
    """The largest loss over every choice of delays and of missed runs, while something can still be restored later on.

    Instants after the last run has become usable are left out, as no schedule ends.
    """
    worst = -1
    instants = sorted({at + window + took for at, window, took in runs})
    for delays in itertools.product(*([0, window] if window else [0] for _, window, _ in runs)):
        done = [(at + delay, at + delay + took) for (at, _, took), delay in zip(runs, delays, strict=True)]
        for left in itertools.combinations(done, len(done) - missed):
            for instant in instants:
                usable = [data for data, from_at in left if from_at < instant]
                certain = [1 for at, window, took in runs if at + window + took < instant]
                if usable and len(certain) > missed:
                    worst = max(worst, instant - max(usable))
    return worst * HOUR if worst >= 0 else worst


def test_worst_case_adds_windows_and_durations_to_the_gap() -> None:
    """Start window, backup and copy are added once, whether or not a run is missed."""
    window, backup, copy = (timedelta(minutes=each) for each in (480, 40, 30))
    worst = work_out([ScheduleRule("daily", "cron(0 3 ? * MON-FRI *)", BERLIN, window, backup, copy)], START)

    assert [each / 60 for each in found_of(worst)] == [73 * 60, 82 * 60 + 10, 106 * 60 + 10]
    assert worst.gap
    assert worst.gap.from_at == datetime(2026, 10, 23, 1, tzinfo=UTC)
    assert worst.gap.to_at == datetime(2026, 10, 26, 2, tzinfo=UTC)


def test_both_readings_of_a_skipped_run_are_kept_and_the_worse_is_named() -> None:
    """A run at 02:30 in Berlin: left out in spring it makes a gap of 47 hours, run later one of 25."""
    worst = work_out([ScheduleRule("daily", "cron(30 2 ? * * *)", BERLIN)], START)

    assert worst.worst
    assert worst.worst.reading.startswith("a run at a time that the clocks skip is left out")
    assert {hours(each.worst_seconds) for each in worst.readings} == {47, 25, 24}
    assert len(worst.readings) == 6


def test_readings_are_not_named_where_they_agree() -> None:
    """A schedule that no change of clocks touches has no reading."""
    worst = work_out([ScheduleRule("daily", "cron(0 12 ? * * *)", BERLIN)], START)

    assert (worst.readings, worst.worst and worst.worst.reading) == ((), "")


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("cron(0 5 * * ? 2026-2030)", "ends with the year 2030"),
        ("cron(0 5 1 1 ? 2040)", "ends with the year 2040"),
        ("cron(0 5 31 2 ? *)", "never fires again"),
        ("cron(0 5 * * ? 1999)", "never fires again"),
        ("cron(0 5 * * ? 2031-2199)", "does not begin before the year 2031"),
    ],
)
def test_a_schedule_that_ends_or_has_not_begun_bounds_nothing(expression: str, words: str) -> None:
    """Alone it is unbounded; beside an endless one it counts for nothing and is named."""
    alone = work_out([ScheduleRule("odd", expression)], START)
    beside = work_out([ScheduleRule("odd", expression), ScheduleRule("weekly", "cron(0 5 ? * 1 *)")], START)

    assert (alone.worst, alone.one_missed) == (None, None)
    assert words in alone.unbounded
    assert hours(found_of(beside)[1]) == 7 * 24
    assert any(words in note for note in beside.notes)


def test_a_year_field_with_steps_is_looked_at_over_three_of_its_years() -> None:
    """A plan for every tenth year is not taken for a yearly one."""
    worst = work_out([ScheduleRule("rare", "cron(0 5 * * ? 1970/10)")], START)

    assert found_of(worst)[0] == (datetime(2040, 1, 1) - datetime(2030, 12, 31)).total_seconds()


def test_no_rule_at_all_is_unbounded() -> None:
    """What nothing backs up can be lost whole."""
    assert work_out([], START).unbounded == "no rule backs it up"


def test_continuous_backup_bounds_the_loss_by_its_lag() -> None:
    """Five minutes whatever the schedule, ten with one missed upload (RDS user guide, "Restoring to a specified time")."""
    monthly = ScheduleRule("monthly", "cron(0 5 1 * ? *)", continuous=True)

    for rules in (
        [monthly],
        [ScheduleRule("RDS", "", continuous=True)],
        [ScheduleRule("odd", "cron(0 5 31 2 ? *)"), monthly],
    ):
        worst = work_out(rules, START)
        assert worst.worst
        assert worst.one_missed
        assert (worst.worst.seconds, worst.one_missed.seconds, worst.unbounded) == (300, 600, "")


def test_a_backup_that_outlasts_its_completion_window_counts_for_nothing() -> None:
    """It is cancelled at the window's end (API reference, BackupRuleInput, CompletionWindowMinutes)."""
    slow = ScheduleRule("slow", "cron(0 5 ? * * *)", backup=timedelta(hours=3), completion_window=timedelta(hours=2))

    assert "completion window" in work_out([slow], START).unbounded


def test_rate_is_understood_and_named_as_invalid_for_aws_backup() -> None:
    """A day by `rate` has no day of 25 hours."""
    worst = work_out([ScheduleRule("other", "rate(1 day)", BERLIN)], START)

    assert hours(found_of(worst)[1]) == 24
    assert "no schedule of AWS Backup" in worst.notes[0]


def test_rules_of_one_plan_make_room_for_the_one_that_keeps_longer() -> None:
    """An hourly rule does not run in the start window of a twelve-hourly one that keeps its backups longer.

    AWS Backup developer guide, "Backup plan options and configuration": of 24 hourly backups eight are left.
    """
    hourly = ScheduleRule("hourly", "cron(0 * ? * * *)", start_window=timedelta(hours=1), plan="p", retention_days=1)
    half_daily = ScheduleRule(
        "half", "cron(0 0/12 ? * * *)", start_window=timedelta(hours=8), plan="p", retention_days=7
    )
    apart = work_out(
        [hourly, ScheduleRule("half", half_daily.expression, start_window=timedelta(hours=8), plan="q")], START
    )
    together = work_out([hourly, half_daily], START)
    days = (together.until - together.from_at) / timedelta(days=1) if together.until and together.from_at else 0

    assert [hours(each) for each in found_of(apart)] == [1, 2, 3]
    # the last hourly run before the window, at 11, must do until the one at 20 is usable at 21, the half-daily being late
    assert [hours(each) for each in found_of(together)] == [8, 9, 10]
    (note,) = together.notes
    left, of = (int(each) for each in note.split(": ")[1].split(" runs")[0].split(" of "))
    assert (of - left) / days == pytest.approx(8, abs=0.1)


@pytest.mark.parametrize(
    "expression", ["cron(0 5 * * *)", "rate(5 fortnights)", "rate(0 minutes)", "rate(99999 days)", ""]
)
def test_what_cannot_be_read_is_refused(expression: str) -> None:
    """ValueError with a sentence."""
    with pytest.raises(ValueError, match="Expected"):
        work_out([ScheduleRule("odd", expression)], START)


def test_an_unknown_zone_is_refused() -> None:
    """ValueError with a sentence that names it."""
    with pytest.raises(ValueError, match="found 'Europe/Atlantis'"):
        work_out([ScheduleRule("odd", "cron(0 5 * * ? *)", "Europe/Atlantis")], START)
