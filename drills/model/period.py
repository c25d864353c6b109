"""Calendar periods in a time zone, in each of which something is done once. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

PeriodKind = Literal["year", "quarter", "month", "week", "day"]
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, slots=True)
class Period:
    """A calendar year, quarter or month, a week from Monday (ISO 8601) or a day, in a time zone.

    `ends` is the first instant after it.
    """

    name: str
    begins: datetime
    ends: datetime

    def holds(self, instant: datetime) -> bool:
        """Return whether the instant is in it."""
        return self.begins <= instant < self.ends


def period_of(kind: PeriodKind, zone: ZoneInfo, now: datetime) -> Period:
    """Return the period that holds an instant."""
    today = now.astimezone(zone).date()
    if kind in _MONTHS:
        number = _MONTHS[kind]
        first = today.replace(month=(today.month - 1) // number * number + 1, day=1)
        after = date(first.year + (first.month - 1 + number) // 12, (first.month - 1 + number) % 12 + 1, 1)
        name = {"year": f"{first:%Y}", "quarter": f"{first:%Y}-Q{first.month // 3 + 1}"}.get(kind, f"{first:%Y-%m}")
    elif kind == "week":
        first = today - timedelta(days=today.weekday())
        after = first + timedelta(days=7)
        name = f"the week from Monday {first:%Y-%m-%d}"
    else:
        first, after = today, today + timedelta(days=1)
        name = f"{first:%Y-%m-%d}"
    begins, ends = (datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC) for day in (first, after))
    return Period(f"{name} ({zone.key})", begins, ends)
