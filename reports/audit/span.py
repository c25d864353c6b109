"""The period that an auditor asks about, read from the command line. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

ALLOWED = 'a quarter "2026-Q4", a month "2026-11", a year "2026", or two days "2026-10-01..2026-12-31"'


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of whole days in UTC, from `begin` on and before `end`; `text` is how it was asked for."""

    text: str
    begin: datetime
    end: datetime

    @property
    def words(self) -> str:
        """The first and the last day."""
        last = self.end - timedelta(days=1)
        return f"{self.begin:%Y-%m-%d} to {last:%Y-%m-%d} (UTC)"


def parse_period(text: str) -> Period:
    """Read a period. Raises ValueError saying what is allowed."""
    cleaned = text.strip()
    if quarter := re.fullmatch(r"([0-9]{4})-[Qq]([1-4])", cleaned):
        return _months(cleaned.upper(), int(quarter[1]), 3 * int(quarter[2]) - 2, 3)
    if month := re.fullmatch(r"([0-9]{4})-([0-9]{2})", cleaned):
        return _months(cleaned, int(month[1]), int(month[2]), 1)
    if re.fullmatch(r"[0-9]{4}", cleaned):
        return _months(cleaned, int(cleaned), 1, 12)
    first, dots, last = cleaned.partition("..")
    try:
        if not dots:
            raise ValueError
        begin, end = date.fromisoformat(first), date.fromisoformat(last)
        following = end + timedelta(days=1)
    except (ValueError, OverflowError):
        raise ValueError(ALLOWED) from None
    if begin > end:
        raise ValueError("a first day that is not after the last one")
    return Period(cleaned, _midnight(begin), _midnight(following))


def _months(text: str, year: int, month: int, count: int) -> Period:
    following = month + count
    try:
        begin = date(year, month, 1)
        end = date(year, following, 1) if following <= 12 else date(year + 1, following - 12, 1)
    except ValueError:
        raise ValueError(ALLOWED) from None
    return Period(text, _midnight(begin), _midnight(end))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
