"""AWS cron expressions: what they mean, checked against the reference's examples and against a plain calendar."""

from __future__ import annotations

import calendar
import contextlib
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.schedule.cron import next_firings, parse

UTC_ZONE = ZoneInfo("Etc/UTC")
BERLIN = ZoneInfo("Europe/Berlin")
MONTHS = st.tuples(st.integers(1990, 2120), st.integers(1, 12))


def fires(expression: str, after: str, count: int = 1, zone: ZoneInfo = UTC_ZONE) -> list[str]:
    """The next firings as text in UTC, to the minute."""
    found = next_firings(parse(f"cron({expression})"), zone, datetime.fromisoformat(after), count)
    return [each.strftime("%Y-%m-%d %H:%M") for each in found]


def days(expression: str, year: int, month: int) -> list[int]:
    """The days of a month that the two day fields name."""
    day, weekday = expression.split()
    return parse(f"cron(0 0 {day} * {weekday} *)").days_of(year, month)


# EventBridge user guide, "Cron expressions reference": the examples' expressions and meanings
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 10 * * ? *", ["2026-05-01 10:00", "2026-05-02 10:00"]),
        ("15 12 * * ? *", ["2026-05-01 12:15", "2026-05-02 12:15"]),
        ("0 18 ? * MON-FRI *", ["2026-05-01 18:00", "2026-05-04 18:00"]),
        ("0 8 1 * ? *", ["2026-05-01 08:00", "2026-06-01 08:00"]),
        ("0/15 * * * ? *", ["2026-05-01 00:15", "2026-05-01 00:30"]),
        ("0/10 * ? * MON-FRI *", ["2026-05-01 00:10", "2026-05-01 00:20"]),
        ("0/5 8-17 ? * MON-FRI *", ["2026-05-01 08:00", "2026-05-01 08:05"]),
        ("0 9 ? * 2#1 *", ["2026-05-04 09:00", "2026-06-01 09:00"]),
        ("0 5 ? * * *", ["2026-05-01 05:00", "2026-05-02 05:00"]),
        ("0 12 3W * ? *", ["2026-05-04 12:00", "2026-06-03 12:00"]),
        ("0 12 L * ? *", ["2026-05-31 12:00", "2026-06-30 12:00"]),
        ("0 12 ? * L *", ["2026-05-02 12:00", "2026-05-09 12:00"]),
        ("0 12 ? * 6L *", ["2026-05-29 12:00", "2026-06-26 12:00"]),
        ("0 12 29 FEB ? *", ["2028-02-29 12:00", "2032-02-29 12:00"]),
        ("0 12 1 1 ? 2025,2030", ["2030-01-01 12:00"]),
        ("0 12 LW * ? *", ["2026-05-29 12:00", "2026-06-30 12:00"]),
    ],
)
def test_examples_of_the_reference_fire_as_it_says(expression: str, expected: list[str]) -> None:
    """Each wildcard means what the EventBridge user guide says; SUN is day 1."""
    assert fires(expression, "2026-05-01T00:00:00Z", 2) == expected


@given(MONTHS, st.integers(1, 31))
def test_w_is_the_nearest_weekday_of_the_same_month(month: tuple[int, int], day: int) -> None:
    """No weekday of the month is nearer, and a month without that day has none."""
    last = calendar.monthrange(*month)[1]
    found = days(f"{day}W ?", *month)

    if day > last:
        assert found == []
        return
    weekdays = [each for each in range(1, last + 1) if calendar.weekday(*month, each) < 5]
    assert found[0] in weekdays
    assert abs(found[0] - day) == min(abs(each - day) for each in weekdays)


@given(MONTHS, st.integers(1, 7), st.integers(1, 5))
def test_the_nth_and_the_last_weekday_are_those_of_the_calendar(month: tuple[int, int], day: int, nth: int) -> None:
    """`n#k` and `nL` pick from all such days of the month."""
    last = calendar.monthrange(*month)[1]
    such = [each for each in range(1, last + 1) if calendar.weekday(*month, each) == (day - 2) % 7]

    assert days(f"? {day}", *month) == such
    assert days(f"? {day}#{nth}", *month) == such[nth - 1 : nth]
    assert days(f"? {day}L", *month) == such[-1:]


@given(
    st.sets(st.integers(0, 59), min_size=1, max_size=3),
    st.sets(st.integers(0, 23), min_size=1, max_size=3),
    st.sets(st.integers(1, 31), min_size=1, max_size=4),
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
)
def test_firings_are_all_the_matching_minutes_and_no_other(
    minutes: set[int], hours: set[int], of_month: set[int], start: datetime
) -> None:
    """In UTC the firings of forty days are the minutes that a plain search finds."""
    text = " ".join(",".join(map(str, sorted(each))) for each in (minutes, hours, of_month))
    after = start.replace(tzinfo=UTC)
    until = after + timedelta(days=40)
    found = list(parse(f"cron({text} * ? *)").firings(UTC_ZONE, after, until))

    day, wanted = after.replace(hour=0, minute=0, second=0, microsecond=0), []
    while day <= until:
        if day.day in of_month:
            times = [day.replace(hour=hour, minute=minute) for hour in sorted(hours) for minute in sorted(minutes)]
            wanted += [each for each in times if after < each <= until]
        day += timedelta(days=1)
    assert found == wanted


@given(st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]), st.data())
def test_firings_rise_and_show_the_hour_that_was_asked_for(zone: str, data: st.DataObject) -> None:
    """In any zone, whatever its clocks do, every firing is later than the one before and is at that local time."""
    hour, minute = data.draw(st.integers(0, 23)), data.draw(st.integers(0, 59))
    local = ZoneInfo(zone)
    found = list(
        parse(f"cron({minute} {hour} * * ? *)").firings(
            local, datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
        )
    )

    assert found == sorted(set(found))
    assert {(at.astimezone(local).hour, at.astimezone(local).minute) for at in found} == {(hour, minute)}
    assert 364 <= len(found) <= 366


def test_a_skipped_local_time_does_not_fire() -> None:
    """On the last Sunday of March there is no 02:30 in Berlin (EventBridge Scheduler user guide, "Schedule types")."""
    assert fires("30 2 * * ? *", "2026-03-28T00:00:00Z", 2, BERLIN) == ["2026-03-28 01:30", "2026-03-30 00:30"]


def test_a_repeated_local_time_fires_once() -> None:
    """02:30 comes twice on the last Sunday of October; the first one counts."""
    assert fires("30 2 * * ? *", "2026-10-24T12:00:00Z", 2, BERLIN) == ["2026-10-25 00:30", "2026-10-26 01:30"]


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("rate(1 day)", "Expected cron"),
        ("cron(0 5 * * *)", "six fields"),
        ("cron(0 5 * * * *)", r"Expected \?"),
        ("cron(0 5 ? * ? *)", r"Expected \?"),
        ("cron(60 5 * * ? *)", "minute of 0 to 59"),
        ("cron(0 24 * * ? *)", "hour of 0 to 23"),
        ("cron(0 5 0 * ? *)", "day-of-month of 1 to 31"),
        ("cron(0 5 32W * ? *)", "day-of-month of 1 to 31"),
        ("cron(0 5 ? * 0 *)", "day-of-week of 1 to 7"),
        ("cron(0 5 ? * 2#6 *)", "week of the month"),
        ("cron(0 5 ? * 2#1,3#1 *)", "week of the month"),
        ("cron(0 5 ? * 2/2 *)", "no steps"),
        ("cron(0 5 ? FOO * *)", "month of 1 to 12"),
        ("cron(0/0 5 * * ? *)", "at least 1"),
        ("cron(0 22-2 * * ? *)", "backwards"),
        ("cron(0 5 * * ? 1969)", "year of 1970 to 2199"),
        ("cron(٣ 5 * * ? *)", "minute of 0 to 59"),
    ],
)
def test_what_is_no_expression_is_refused_in_a_sentence(expression: str, words: str) -> None:
    """The sentence names the field and what it may be."""
    with pytest.raises(ValueError, match=words):
        parse(expression)


@given(st.text("0123456789*?/-,LW#MONJA() ", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text raises anything but ValueError."""
    with contextlib.suppress(ValueError):
        parse(f"cron({text})")
