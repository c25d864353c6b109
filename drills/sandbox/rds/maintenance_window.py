"""When the next maintenance window of an instance begins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEK = timedelta(days=7)


def seconds_until(window: str, now: datetime) -> float:
    """Return the seconds from `now` (aware) to a window such as "wed:06:38-wed:07:08" (UTC); 0 within the window."""
    start, end = (_since_monday(each) for each in window.lower().split("-"))
    utc = now.astimezone(UTC)
    midnight = utc.replace(hour=0, minute=0, second=0, microsecond=0)
    since_monday = utc - (midnight - timedelta(days=utc.weekday()))
    length = (end - start) % _WEEK
    since_start = (since_monday - start) % _WEEK
    return 0.0 if since_start < length else (_WEEK - since_start).total_seconds()


def _since_monday(text: str) -> timedelta:
    day, hour, minute = text.strip().split(":")
    return timedelta(days=_DAYS.index(day), hours=int(hour), minutes=int(minute))
