"""Parses AWS cron expressions and computes when they fire: `cron(minute hour day-of-month month day-of-week year)`.

The fields and their wildcards are those of the EventBridge user guide, "Cron expressions reference", which AWS Backup
refers to: days of the week are numbered from 1 = SUN, one of the two day fields is `?`, `L` is the last day, `W` the
nearest weekday in the same month, `#` the n-th such day of a month.

Around a change of clocks: a local time that is skipped does not fire, one that is repeated fires once, the first time
(EventBridge Scheduler user guide, "Schedule types": AWS Backup's own guide says nothing).
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_MONTHS = {
    **{"JAN": 1, "FEB": 2, "MAR": 3, "APR": 4, "MAY": 5, "JUN": 6},
    **{"JUL": 7, "AUG": 8, "SEP": 9, "OCT": 10, "NOV": 11, "DEC": 12},
}
_DAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}
_SATURDAY = 7


@dataclass(frozen=True, slots=True)
class CronSchedule:
    """A read expression. `days` and `weekdays` hold what the day fields name, one of them None for `?`.

    A day is a number, or a text of `L`, `L-3`, `15W`, `LW`; a weekday is a number, or a text of `5L`, `5#2`.
    """

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int | str] | None
    months: tuple[int, ...]
    weekdays: frozenset[int | str] | None
    years: tuple[int, ...]

    def days_of(self, year: int, month: int) -> list[int]:
        """Return the days of a month on which it fires, in order, whatever the months and years of the expression."""
        last = calendar.monthrange(year, month)[1]
        if self.days is not None:
            found = {_day(each, year, month, last) for each in self.days}
        else:
            found = {day for each in self.weekdays or () for day in _weekdays(each, year, month, last)}
        return sorted(day for day in found if day is not None and 1 <= day <= last)

    def local_times(self, start: datetime) -> Iterator[datetime]:
        """Yield every naive local minute from `start` (naive) on, in order, to the end of the year 2199."""
        for year in self.years:
            if year < start.year:
                continue
            for month in self.months:
                if (year, month) < (start.year, start.month):
                    continue
                for day in self.days_of(year, month):
                    if (year, month, day) < (start.year, start.month, start.day):
                        continue
                    for hour in self.hours:
                        for minute in self.minutes:
                            at = datetime(year, month, day, hour, minute)
                            if at >= start:
                                yield at

    def firings(self, zone: ZoneInfo, after: datetime, until: datetime | None = None) -> Iterator[datetime]:
        """Yield the instants (aware, UTC) after `after` and up to `until` at which it fires, its fields being of `zone`."""
        for local in self.local_times(after.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0)):
            instant = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
            if until is not None and instant > until:
                return
            if instant > after and instant.astimezone(zone).replace(tzinfo=None) == local:
                yield instant


def parse(expression: str) -> CronSchedule:
    """Read `cron(…)`. Raises ValueError with a sentence that says what is wrong."""
    found = re.fullmatch(r"cron\((.*)\)", expression.strip(), re.IGNORECASE | re.DOTALL)
    if found is None:
        raise ValueError(f"Expected cron(minute hour day-of-month month day-of-week year), found {expression!r}.")
    fields = found[1].split()
    if len(fields) != 6:
        raise ValueError(f"Expected six fields in {expression!r}, found {len(fields)}.")
    minute, hour, day, month, weekday, year = (field.upper() for field in fields)
    if (day == "?") == (weekday == "?"):
        raise ValueError(f"Expected ? as day-of-month or as day-of-week, and not as both, in {expression!r}.")
    return CronSchedule(
        expression,
        _numbers("minute", minute, 0, 59),
        _numbers("hour", hour, 0, 23),
        None if day == "?" else _day_field(day),
        _numbers("month", month, 1, 12, _MONTHS),
        None if weekday == "?" else _weekday_field(weekday),
        _numbers("year", year, 1970, 2199),
    )


def _numbers(name: str, field: str, low: int, high: int, names: Mapping[str, int] | None = None) -> tuple[int, ...]:
    """Return the values of a field of numbers: lists of `*`, a number, a range, each perhaps with a step."""
    values: set[int] = set()
    for item in field.split(","):
        base, slash, step = item.partition("/")
        if slash and (not (step.isascii() and step.isdecimal()) or int(step) < 1):
            raise ValueError(f"The step in {name} must be a number of at least 1, found {item!r}.")
        if base == "*":
            first, last = low, high
        elif "-" in base:
            first, last = (_number(name, each, low, high, names or {}) for each in base.split("-", 1))
        else:
            first = _number(name, base, low, high, names or {})
            last = high if slash else first
        if first > last:
            raise ValueError(f"A range in {name} must not run backwards, found {item!r}.")
        values |= set(range(first, last + 1, int(step) if slash else 1))
    return tuple(sorted(values))


def _number(name: str, text: str, low: int, high: int, names: Mapping[str, int]) -> int:
    value = names.get(text, int(text) if text.isascii() and text.isdecimal() else -1)
    if not low <= value <= high:
        raise ValueError(f"Expected a {name} of {low} to {high}, found {text!r}.")
    return value


def _day_field(field: str) -> frozenset[int | str]:
    found: set[int | str] = set()
    for item in field.split(","):
        if item in ("L", "LW"):
            found.add(item)
        elif item.startswith("L-"):
            found.add(f"L-{_number('day before the last', item[2:], 1, 30, {})}")
        elif item.endswith("W"):
            found.add(f"{_number('day-of-month', item[:-1], 1, 31, {})}W")
        else:
            found |= set(_numbers("day-of-month", item, 1, 31))
    return frozenset(found)


def _weekday_field(field: str) -> frozenset[int | str]:
    if "#" in field:  # "you can define only one expression in the day-of-week field"
        day, _, nth = field.partition("#")
        return frozenset({f"{_number('day-of-week', day, 1, 7, _DAYS)}#{_number('week of the month', nth, 1, 5, {})}"})
    if "/" in field:
        raise ValueError(f"Day-of-week has no steps, found {field!r}; list the days.")
    found: set[int | str] = set()
    for item in field.split(","):
        if item == "L":
            found.add(_SATURDAY)
        elif item.endswith("L"):
            found.add(f"{_number('day-of-week', item[:-1], 1, 7, _DAYS)}L")
        else:
            found |= set(_numbers("day-of-week", item, 1, 7, _DAYS))
    return frozenset(found)


def _day(rule: int | str, year: int, month: int, last: int) -> int | None:
    """Return the day of the month that a rule of day-of-month names; None where the month has none."""
    if isinstance(rule, int):
        return rule
    if rule == "L":
        return last
    if rule.startswith("L-"):
        return last - int(rule[2:])
    day = last if rule == "LW" else int(rule[:-1])
    return _nearest_weekday(year, month, day, last) if day <= last else None


def _nearest_weekday(year: int, month: int, day: int, last: int) -> int:
    weekday = calendar.weekday(year, month, day)
    if weekday == calendar.SATURDAY:
        return day - 1 if day > 1 else day + 2
    if weekday == calendar.SUNDAY:
        return day + 1 if day < last else day - 2
    return day


def _weekdays(rule: int | str, year: int, month: int, last: int) -> list[int]:
    """Return the days of the month that a rule of day-of-week names."""
    wanted = rule if isinstance(rule, int) else int(rule[0])
    first = 1 + (wanted - _aws_weekday(datetime(year, month, 1))) % 7
    days = list(range(first, last + 1, 7))
    if isinstance(rule, int):
        return days
    if rule.endswith("L"):
        return days[-1:]
    nth = int(rule[2:])
    return days[nth - 1 : nth]


def _aws_weekday(day: datetime) -> int:
    return (day.isoweekday() % 7) + 1


def next_firings(schedule: CronSchedule, zone: ZoneInfo, after: datetime, count: int) -> list[datetime]:
    """Return the first `count` instants after `after`; fewer when the expression's years end before."""
    found: list[datetime] = []
    if count > 0:
        for instant in schedule.firings(zone, after, after + timedelta(days=366 * 100)):
            found.append(instant)
            if len(found) == count:
                break
    return found
