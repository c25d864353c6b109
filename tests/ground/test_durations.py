"""Durations: what is written is read back, and what is no duration is refused in a sentence."""

from __future__ import annotations

import contextlib
import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.durations import ALLOWED, days_after, parse_duration, show_duration, write_duration

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
WORDS = {"ms": "millisecond", "s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week"}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30m", 1800),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("90 s", 90),
        ("15 minutes", 900),
        ("1 hour 1 second", 3601),
        ("0.5h", 1800),
        ("200ms", 0.2),
        ("1s500ms", 1.5),
        ("2W", 1209600),
        (" 5m ", 300),
        ("0s", 0),
    ],
)
def test_people_s_spellings_are_read(text: str, seconds: float) -> None:
    """A number with a unit, several of them, with or without blanks and words, is a duration."""
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", " ", "30", "m", "-5m", "1h30", "5 parsecs", "5mm", "5 mins", "1..5h", "1,5h", "PT30M", "1e3s", "nan s"]
)
def test_what_is_no_duration_is_refused_with_what_is_allowed(text: str) -> None:
    """Whatever is not numbers with units, whole, is refused, and the sentence says what is allowed."""
    with pytest.raises(ValueError, match="is no duration") as caught:
        parse_duration(text)
    assert ALLOWED in str(caught.value)


@pytest.mark.parametrize("text", ["99999999999w", "9" * 400 + "s", "999999999d 999999999d"])
def test_a_length_beyond_all_measure_is_refused_and_not_an_overflow(text: str) -> None:
    """A number that Python's durations cannot hold is bad input like any other."""
    with pytest.raises(ValueError, match="too long"):
        parse_duration(text)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes the reader fail in another way than ValueError, and no duration read is negative."""
    with contextlib.suppress(ValueError):
        assert parse_duration(text) >= timedelta()


PARTS = st.tuples(st.integers(0, 10_000), st.sampled_from(sorted(UNITS)), st.booleans())


@given(st.lists(PARTS, min_size=1, max_size=5))
def test_the_parts_of_a_duration_add_up(parts: list[tuple[int, str, bool]]) -> None:
    """The duration of several parts is the sum of theirs, spelled as a letter or as a word."""
    text = " ".join(f"{number} {WORDS[unit] + 's' if word else unit}" for number, unit, word in parts)
    assert parse_duration(text) == sum((timedelta(seconds=n * UNITS[unit]) for n, unit, _ in parts), timedelta())


@given(st.timedeltas(min_value=timedelta(), max_value=timedelta(days=100_000)))
def test_what_is_written_is_read_back(duration: timedelta) -> None:
    """Writing a duration and reading it gives the same duration, to the microsecond."""
    assert parse_duration(write_duration(duration)) == duration


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.2, "200ms"), (0.0015, "1.500ms"), (5400, "1h30m"), (90061, "1d1h1m1s")]
)
def test_a_duration_is_written_shortly(seconds: float, text: str) -> None:
    """The largest units go first and empty ones are left out."""
    assert write_duration(timedelta(seconds=seconds)) == text


def test_a_negative_duration_cannot_be_written() -> None:
    """There is no spelling of a negative duration that could be read back, so none is made."""
    with pytest.raises(ValueError, match="zero or more"):
        write_duration(timedelta(seconds=-1))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 s"),
        (-0.0, "0.0 s"),
        (-0.01, "0.0 s"),
        (0.42, "0.4 s"),
        (42, "42.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 m"),
        (200, "3 m 20 s"),
        (3599.6, "1 h"),
        (3900, "1 h 5 m"),
        (2_692_800, "31 d 4 h"),
        (-200, "-3 m 20 s"),
    ],
)
def test_seconds_are_said_shortly(seconds: float, text: str) -> None:
    """A number of seconds is said in its two largest units; nothing is never "minus nothing"."""
    assert show_duration(seconds) == text


@given(st.floats(min_value=-1e12, max_value=1e12))
def test_what_is_said_is_near_what_was_measured(seconds: float) -> None:
    """Reading what was said is off by less than the smallest unit that was said."""
    text = show_duration(seconds)
    sign = -1 if text.startswith("-") else 1
    said = sign * parse_duration(text.removeprefix("-")).total_seconds()
    smallest = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    units = [part for part in text.split() if part in smallest]
    below = {"s": 1, "m": 1, "h": 60, "d": 3600} if len(units) == 1 else smallest
    assert abs(said - seconds) <= below[units[-1]] + 0.5


@pytest.mark.parametrize("seconds", [math.inf, -math.inf, math.nan])
def test_what_is_no_length_of_time_is_not_said(seconds: float) -> None:
    """Infinity and not-a-number are mistakes of the caller and say so."""
    with pytest.raises(ValueError, match="finite"):
        show_duration(seconds)


@given(st.datetimes(timezones=st.just(UTC)), st.integers(-(2**63), 2**63))
def test_any_number_of_days_leads_to_an_instant(instant: datetime, days: int) -> None:
    """What AWS answers as a number of days has no limit: the first and the last instant that there is bound it."""
    later = days_after(instant, days)

    assert later.tzinfo is UTC
    assert (later - instant).days == days or later.replace(tzinfo=None) in (datetime.min, datetime.max)
