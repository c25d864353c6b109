"""The worst case of a schedule by brute force: every quarter of an hour of some years is asked whether a run begins in it.

Written apart from drills/schedule/cron.py and drills/schedule*.py, and slow: a field is matched item by item, a zone's clocks
are read off an instant at a time, losses are read off while time goes by.
"""

from __future__ import annotations

import calendar
import functools
import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

STEP = 900  # seconds: all zones' offsets of today are multiples of it
NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
READINGS = tuple(itertools.product(("left out", "later"), ("first", "second", "both")))
HOUR = 3600


@dataclass(frozen=True)
class Asked:
    """A rule: fields of a cron expression (any year), or a distance in seconds; `late` is how long a run takes at the most."""

    fields: str
    zone: str = "Etc/UTC"
    late: int = 0
    every: int = 0


def number(text: str, names: Sequence[str]) -> int:
    """A number, or a name's place counted from one."""
    return names.index(text) + 1 if text in names else int(text)


def hit(field: str, value: int, last: int, names: Sequence[str] = ()) -> bool:
    """Whether a plain field holds for a value; `last` is the highest that there can be."""
    for item in field.split(","):
        span, _, step = item.partition("/")
        if span == "*":
            low, high = last - {59: 59, 23: 23, 31: 30, 12: 11, 7: 6}[last], last
        elif "-" in span:
            low, high = (number(each, names) for each in span.split("-"))
        else:
            low = number(span, names)
            high = last if step else low
        if low <= value <= high and (value - low) % int(step or 1) == 0:
            return True
    return False


@functools.lru_cache(100_000)
def day_hits(month_field: str, day_field: str, weekday_field: str, day: date) -> bool:
    """Whether the three fields of the day hold for a day."""
    if not hit(month_field, day.month, 12, NAMES):
        return False
    length = calendar.monthrange(day.year, day.month)[1]
    if day_field != "?":
        return any(_month_day(item, day, length) for item in day_field.split(","))
    weekday = day.isoweekday() % 7 + 1
    for item in weekday_field.split(","):
        if item == "L":
            found = weekday == 7
        elif item.endswith("L"):
            found = weekday == number(item[:-1], DAYS) and day.day + 7 > length
        elif "#" in item:
            which, nth = item.split("#")
            found = weekday == number(which, DAYS) and (day.day + 6) // 7 == int(nth)
        else:
            found = hit(item, weekday, 7, DAYS)
        if found:
            return True
    return False


def _month_day(item: str, day: date, length: int) -> bool:
    if item.startswith("L-"):
        return day.day == length - int(item[2:])
    if item == "L":
        return day.day == length
    if not item.endswith("W"):
        return hit(item, day.day, 31)
    wanted = length if item == "LW" else int(item[:-1])
    if wanted > length:
        return False
    weekdays = [each for each in range(1, length + 1) if calendar.weekday(day.year, day.month, each) < 5]
    return day.day == min(weekdays, key=lambda each: abs(each - wanted))


@functools.lru_cache(200)
def year_of(zone: str, year: int) -> list[tuple[int, datetime, str]]:
    """Each quarter of an hour of a year in a zone: seconds, local time, and what is special about it."""
    tz, found = ZoneInfo(zone), []
    at = datetime(year, 1, 1, tzinfo=UTC)
    before = (at - timedelta(seconds=STEP)).astimezone(tz)
    while at.year == year:
        local, seconds = at.astimezone(tz), int(at.timestamp())
        plain, previous = local.replace(tzinfo=None), before.replace(tzinfo=None)
        missing = previous + timedelta(seconds=STEP)
        while missing < plain:  # the clocks jumped over it
            late = int((missing - previous).total_seconds()) - STEP
            found.append((seconds + late, missing, "skipped"))
            missing += timedelta(seconds=STEP)
        twice = local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()
        found.append((seconds, plain, ("first", "second")[local.fold] if twice else ""))
        before, at = local, at + timedelta(seconds=STEP)
    return found


@functools.lru_cache(1000)
def candidates(asked: Asked, begin: int, end: int) -> list[tuple[int, str]]:
    """The seconds at which a run may begin, and what is special about them."""
    if asked.every:
        return [(seconds, "") for seconds in range(begin, end + 1, asked.every)]
    minute, hour, day, month, weekday, _ = asked.fields.split()
    return [
        (seconds, special)
        for seconds, local, special in _walk(asked.zone, begin, end)
        if begin <= seconds <= end
        and hit_minute(minute, local.minute)
        and hit_hour(hour, local.hour)
        and day_hits(month, day, weekday, local.date())
    ]


def runs(asked: Asked, begin: int, end: int, reading: tuple[str, str]) -> tuple[int, ...]:
    """The seconds at which runs begin under a reading, in order."""
    skipped, repeated = reading
    taken = {"", *(("first", "second") if repeated == "both" else (repeated,)), *(["skipped"] * (skipped == "later"))}
    return tuple(sorted({seconds for seconds, special in candidates(asked, begin, end) if special in taken}))


@functools.lru_cache(10_000)
def hit_minute(field: str, value: int) -> bool:
    """`hit` for minutes, remembered."""
    return hit(field, value, 59)


@functools.lru_cache(10_000)
def hit_hour(field: str, value: int) -> bool:
    """`hit` for hours, remembered."""
    return hit(field, value, 23)


def _walk(zone: str, begin: int, end: int) -> Iterator[tuple[int, datetime, str]]:
    first, last = (datetime.fromtimestamp(each, UTC).year for each in (begin, end))
    for year in range(first, last + 1):
        yield from year_of(zone, year)


def losses(rules: Sequence[Asked], begin: int, end: int) -> list[tuple[int, int, int]]:
    """What `lost` says under each reading; readings under which the same runs begin are looked at once."""
    lates = tuple(asked.late for asked in rules)
    began = {tuple(runs(asked, begin, end, reading) for asked in rules) for reading in READINGS}
    return [lost(each, lates, begin, end) for each in began]


def lost(fired: Sequence[Sequence[int]], lates: Sequence[int], begin: int, end: int) -> tuple[int, int, int]:
    """The largest gap, and the largest losses with no and with one missed run, seen while time goes by."""
    began, usable = set(), defaultdict(list)
    for instants, late in zip(fired, lates, strict=True):
        for seconds in instants:
            began.add(seconds)
            usable[seconds + late].append(seconds)
    gap = worst = one_missed = -1
    held: list[int] = []
    last_began = None
    looked_at = range(begin // STEP * STEP, end + min(lates) + 1, STEP)
    for at in sorted(at for at in began | usable.keys() if at in looked_at):  # at the others nothing happens
        if at in began:
            gap = max(gap, at - last_began) if last_began is not None else gap
            last_began = at
        if at in usable:  # what is lost is at its largest just before something new can be used
            worst = max(worst, at - held[-1]) if held else worst
            one_missed = max(one_missed, at - held[-2]) if len(held) > 1 else one_missed
            held = sorted([*held, *usable[at]])[-2:]
    return gap, worst, one_missed
