"""The instants at which a schedule fires, across changes of clocks. Pure; instants are whole seconds since 1970 (UTC).

Around a change of clocks a local time may be skipped or come twice. AWS Backup's guide does not say what becomes of a run
at such a time, so each reading is evaluated separately: a skipped run is left out (EventBridge Scheduler user guide, "Schedule
types") or comes later by as much as the clocks jump; a repeated one comes the first time, the second time, or both times.
"""

from __future__ import annotations

import bisect
import calendar
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from drills.schedule.cron import CronSchedule, next_firings, parse

DAY = 86_400
LAST_YEAR = 2199
LONGEST_RATE = 36_500 * DAY  # seconds, a century: no schedule means more
_RATE = re.compile(r"rate\(\s*([0-9]{1,9})\s+(minute|hour|day)s?\s*\)", re.IGNORECASE)
_UNITS = {"minute": 60, "hour": 3600, "day": DAY}

Skipped = Literal["left out", "later"]
Repeated = Literal["first", "second", "both"]


@dataclass(frozen=True, slots=True)
class ClockChangeRule:
    """The handling of a run at a local time that the clocks skip, and at one that comes twice."""

    skipped: Skipped = "left out"
    repeated: Repeated = "first"

    def __str__(self) -> str:
        """In words."""
        skipped = {"left out": "is left out", "later": "comes later by as much as they jump"}[self.skipped]
        repeated = {"first": "the first time", "second": "the second time", "both": "both times"}[self.repeated]
        return f"a run at a time that the clocks skip {skipped}, one at a time that comes twice runs {repeated}"


@dataclass(frozen=True, slots=True)
class Rate:
    """`rate(…)`: a fixed distance in seconds, from the beginning of the evaluated period."""

    text: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Firings:
    """The instants of one schedule in order; `skipped` are where a skipped run would come later, `repeated` are pairs."""

    regular: list[int]
    skipped: list[int] = field(default_factory=list)
    repeated: list[tuple[int, int]] = field(default_factory=list)

    def under(self, reading: ClockChangeRule) -> list[int]:
        """Return the instants under a reading, in order, each once."""
        if not (self.skipped or self.repeated):
            return self.regular
        more = set(self.skipped) if reading.skipped == "later" else set()
        for first, second in self.repeated:
            more |= {"first": {first}, "second": {second}, "both": {first, second}}[reading.repeated]
        return sorted([*self.regular, *(at for at in more if not _holds(self.regular, at))])


def _holds(instants: list[int], at: int) -> bool:
    """Return whether an ordered list holds an instant."""
    index = bisect.bisect_left(instants, at)
    return index < len(instants) and instants[index] == at


def read_expression(text: str) -> CronSchedule | Rate:
    """Read `cron(…)` or `rate(…)`. Raises ValueError with a sentence that says what is wrong."""
    if not text.strip().lower().startswith("rate"):
        return parse(text)
    found = _RATE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"Expected rate(number unit) with minutes, hours or days, found {text!r}.")
    seconds = int(found[1]) * _UNITS[found[2].lower()]
    if not 0 < seconds <= LONGEST_RATE:
        raise ValueError(f"Expected a rate from 1 minute to 36500 days, found {text!r}.")
    return Rate(text.strip(), seconds)


def ends(schedule: CronSchedule) -> bool:
    """Return whether the year field lets it end: there is room for another year of its step before 2199, and none is named."""
    years = schedule.years
    step = years[-1] - years[-2] if len(years) > 1 else 0
    return years[-1] + step <= LAST_YEAR


def least_end(schedule: CronSchedule | Rate, zone: ZoneInfo, begin: int) -> int | None:
    """Return the instant up to which a schedule has to be evaluated; None when it never fires.

    That is four years, nine where it names 29 February and not the day before it, at least until it has fired three
    times, and until the end of the third year of its year field.
    """
    if isinstance(schedule, Rate):
        return begin + max(4 * 366 * DAY, 3 * schedule.seconds)
    start = datetime.fromtimestamp(begin, UTC)
    found = next_firings(schedule, zone, start - timedelta(seconds=1), 3)
    if not found:
        return None
    days = schedule.days or frozenset()
    leap = 2 in schedule.months and bool({29, "29W"} & days) and 28 not in days
    until = start.replace(day=1, year=min(start.year + (9 if leap else 4), LAST_YEAR)) + timedelta(days=31)
    third = [year for year in schedule.years if year >= start.year][:3]
    return max(
        _seconds(until), _seconds(found[-1]), _seconds(datetime(third[-1] + 1, 1, 1, tzinfo=UTC)) if third else 0
    )


def firings(schedule: CronSchedule | Rate, zone: ZoneInfo, begin: int, end: int) -> Firings:
    """Return every instant from `begin` to `end`, both included."""
    if isinstance(schedule, Rate):
        return Firings(list(range(begin, end + 1, schedule.seconds)))
    found = Firings([])
    clock = [(hour * 60 + minute) * 60 for hour, minute in itertools.product(schedule.hours, schedule.minutes)]
    for day in _days(schedule, zone, begin, end):
        midnight = datetime(day.year, day.month, day.day)
        offset = _even_offset(midnight, zone)
        if offset is not None:
            first = calendar.timegm(midnight.timetuple()) - offset
            found.regular.extend([first + each for each in clock])
        else:
            for each in clock:
                _place(midnight + timedelta(seconds=each), zone, found)
    return Firings(
        [at for at in found.regular if begin <= at <= end],
        [at for at in found.skipped if begin <= at <= end],
        [pair for pair in found.repeated if begin <= pair[0] and pair[1] <= end],
    )


def _days(schedule: CronSchedule, zone: ZoneInfo, begin: int, end: int) -> Iterator[date]:
    """Yield the local days on which it fires, one more at either side."""
    first = datetime.fromtimestamp(begin - DAY, UTC).astimezone(zone).date()
    last = datetime.fromtimestamp(end + DAY, UTC).astimezone(zone).date()
    for year in schedule.years:
        if first.year <= year <= last.year:
            for month in schedule.months:
                for day in schedule.days_of(year, month):
                    if first <= (at := date(year, month, day)) <= last:
                        yield at


def _even_offset(midnight: datetime, zone: ZoneInfo) -> int | None:
    """Return the offset to UTC in seconds of a whole local day, None where the clocks change in it or beside it."""
    found = {
        (midnight + timedelta(days=days)).replace(tzinfo=zone, fold=fold).utcoffset()
        for days, fold in itertools.product((0, 1), repeat=2)
    }
    offset = found.pop()
    return None if found or offset is None else int(offset.total_seconds())


def _place(local: datetime, zone: ZoneInfo, found: Firings) -> None:
    """Add a local time of a day on which the clocks change: it comes once, twice, or not at all."""
    instants = [_seconds(local.replace(tzinfo=zone, fold=fold)) for fold in (0, 1)]
    if instants[0] == instants[1]:
        found.regular.append(instants[0])
    elif instants[0] < instants[1]:
        found.repeated.append((instants[0], instants[1]))
    else:  # of a skipped time, fold=0 means the offset before the jump: later by as much as they jump (PEP 495)
        found.skipped.append(instants[0])


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
