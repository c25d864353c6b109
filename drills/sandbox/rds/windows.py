"""Maintenance windows: when the next one of an instance is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEK = timedelta(days=7)


def seconds_until(window: str, now: datetime) -> float:
    """Seconds from `now` (aware) to the start of a window such as "wed:06:38-wed:07:08" (UTC); 0 within it."""
    start, end = (_in_week(each) for each in window.lower().split("-"))
    at = now.astimezone(UTC)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    into = at - (midnight - timedelta(days=at.weekday()))
    length = (end - start) % _WEEK
    since = (into - start) % _WEEK
    return 0.0 if since < length else (_WEEK - since).total_seconds()


def _in_week(text: str) -> timedelta:
    day, hour, minute = text.strip().split(":")
    return timedelta(days=_DAYS.index(day), hours=int(hour), minutes=int(minute))
