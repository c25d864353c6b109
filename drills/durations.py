"""Parse durations, and format them for people."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_WORDS = {"millisecond": "ms", "second": "s", "minute": "m", "hour": "h", "day": "d", "week": "w"}
_PART = re.compile(
    r"([0-9]+(?:\.[0-9]+)?)\s*(milliseconds?|seconds?|minutes?|hours?|days?|weeks?|ms|[smhdw])", re.IGNORECASE
)
ALLOWED = 'a number with a unit: ms, s, m, h, d or w, such as "30m", "1h30m" or "15 minutes"'


def parse_duration(text: str) -> timedelta:
    """Read "30m", "1h30m", "90 s", "200ms" or "15 minutes". Raises ValueError saying what is allowed."""
    cleaned = text.strip()
    parts = list(_PART.finditer(cleaned))
    rest = _PART.sub(" ", cleaned).strip()
    if not parts or rest:
        raise ValueError(f"{text!r} is no duration; allowed is {ALLOWED}")
    try:
        return sum((timedelta(seconds=float(part[1]) * _unit_seconds(part[2])) for part in parts), timedelta())
    except OverflowError as error:
        raise ValueError(f"{text!r} is too long; the longest that counts is {timedelta.max.days} days") from error


def days_after(instant: datetime, days: int) -> datetime:
    """Return the instant so many days later, or earlier where negative; the last or first that there is where they lead beyond it.

    A number of days that AWS answers has no limit in its models.
    """
    try:
        return instant + timedelta(days=days)
    except OverflowError:
        return (datetime.max if days > 0 else datetime.min).replace(tzinfo=instant.tzinfo)


def _unit_seconds(unit: str) -> float:
    lower = unit.lower()
    return _UNITS[lower] if lower in _UNITS else _UNITS[_WORDS[lower.rstrip("s")]]


def write_duration(duration: timedelta) -> str:
    """Write a duration of zero or more so that `parse_duration` reads the same back: "1h30m", "200ms"."""
    if duration < timedelta():
        raise ValueError(f"expected a duration of zero or more, found {duration!r}")
    rest, micros = divmod(duration, timedelta(seconds=1))
    written = ""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        written += f"{count}{unit}" if count else ""
    if micros:
        whole, part = divmod(micros // timedelta(microseconds=1), 1000)
        written += f"{whole}.{part:03d}ms" if part else f"{whole}ms"
    return written or "0s"


def show_duration(seconds: float) -> str:
    """Return a number of seconds as short text: "0.4 s", "42.0 s", "3 m 20 s", "1 h 5 m", "31 d 4 h".

    Raises ValueError for what is no length of time (infinity, not a number).
    """
    if not math.isfinite(seconds):
        raise ValueError(f"expected a finite number of seconds, found {seconds}")
    if -0.05 < seconds < 0.05:
        return "0.0 s"  # and never "-0.0 s"
    if seconds < 0:
        return f"-{show_duration(-seconds)}"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for big, small, limit in (("m", "s", 3600), ("h", "m", 86400), ("d", "h", float("inf"))):
        if whole < limit:
            high, low = divmod(whole // int(_UNITS[small]), int(_UNITS[big] // _UNITS[small]))
            return f"{high} {big} {low} {small}" if low else f"{high} {big}"
    raise AssertionError("unreachable: the last limit is infinite")
