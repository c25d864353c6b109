"""The order in which tables are compared within a budget, and after how many drills all of them will have been. Pure.

A unit is what one drill reads or leaves: a table, or a part of a large one by ranges of its key. Units that were never proved
come first, then those that were proved longest ago; of units of one age the largest first, and smaller ones fill what is left of
the budget: that wastes least, and so takes the fewest drills. Until a drill has measured how fast tables are read the smallest
come first, so that none takes the whole budget and is cut off at its end.

How many drills that takes is counted without the filling: unit by unit in their order, each drill as far as it gets. What a drill
does beyond that can only leave less to the following ones, so that the number is never too small; and a larger budget gets as far
in each drill or farther, so that the number never grows with it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil

from drills.durations import show_duration
from drills.model.coverage import Known, Outlook, Speed, TableKnown
from drills.turns.known import proof_of

USABLE = 0.8  # of a budget is planned for: no measurement foretells the next one
ASSUMED_RATE = (
    50e6  # bytes a second of one connection, until a drill has measured it; a restored volume is slow at first
)
BY_KEY = 2.0  # times as long as whole a table takes by the index of its key, until it was measured
OF_A_TABLE = 0.002  # seconds beside its bytes, one of many that are read by one query
OF_A_PART = 0.02
_STEPS = 4  # of the largest table that is left whole, between one and twice as much
_LEAST = 0.02  # seconds: a table that takes less is never divided
_MORE = "raise content_budget, or --budget"
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Part:
    """The keys of a part, from `low` up to and without `high`, and its share of the table's rows."""

    number: int
    low: int
    high: int
    share: float


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is to be compared. `parts` are empty where it can only be read whole; `shared`: by all connections at once."""

    database: str
    name: str
    size: int
    parts: tuple[Part, ...] = ()
    shared: bool = False
    known: TableKnown = field(default_factory=TableKnown)

    def last(self, part: Part | None = None) -> datetime | None:
        """Return when the table, or a part of it, was last proved; None where it was not. Of a table by parts the oldest counts."""
        whole = self.known.whole.at if self.known.whole else None
        wanted = self.parts if part is None else (part,)
        proofs = [proof_of(self.known.keys, each.low, each.high) for each in wanted]
        ages = [whole] if whole else []
        if proofs and all(each or whole for each in proofs):
            ages.append(min(max(filter(None, (whole, each.at if each else None))) for each in proofs))
        return max(ages, default=None)


@dataclass(frozen=True, slots=True)
class Unit:
    """A table, or a part of one by its number; the seconds that one connection takes; and when it was last proved."""

    database: str
    table: str
    part: int | None
    seconds: float
    last: datetime | None
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Budgeted:
    """A budget: its seconds, and with how many connections they are used."""

    seconds: float
    connections: int

    @classmethod
    def of(cls, seconds: float, connections: int, known: Known) -> Budgeted:
        """Return what of a budget is there for reading rows."""
        return cls(max(0.0, seconds - known.overhead), connections)

    @property
    def capacity(self) -> float:
        """Return the seconds of connections that are planned for."""
        return self.seconds * self.connections * USABLE

    def holds(self, unit: Unit) -> bool:
        """Return whether a drill can prove the unit, with nothing else to do."""
        return unit.seconds <= (self.capacity if unit.shared else self.seconds * USABLE)


def read_seconds(table: Table, rate: float | None) -> float:
    """Return how long one connection reads a table whole: as it was measured, else by its size."""
    return _expected(table.size, table.known.speed, rate or ASSUMED_RATE) + OF_A_TABLE


def _expected(size: int, speed: Speed | None, rate: float) -> float:
    if speed is None or not speed.size:
        return size / rate
    if speed.cut:
        return max(size / rate, speed.seconds / USABLE)
    return speed.seconds * size / speed.size


def _part_seconds(table: Table, part: Part, rate: float | None) -> float:
    speed = table.known.speed_by_key
    if speed is None:
        return BY_KEY * read_seconds(table, rate) * part.share + OF_A_PART
    if speed.cut:  # of a part
        return max(BY_KEY * read_seconds(table, rate) * part.share, speed.seconds / USABLE) + OF_A_PART
    return _expected(table.size, speed, ASSUMED_RATE) * part.share + OF_A_PART


@dataclass(frozen=True, slots=True)
class _Choice:
    """A table whole, and by its parts, none where it has none."""

    whole: Unit
    parts: tuple[Unit, ...]

    def units(self, largest: float) -> tuple[Unit, ...]:
        """Return the units of the table: its parts where it takes longer than `largest` seconds and has any."""
        return self.parts if self.parts and self.whole.seconds > largest else (self.whole,)


def _choices(tables: Iterable[Table], rate: float | None) -> list[_Choice]:
    found = []
    for table in tables:
        whole = Unit(table.database, table.name, None, read_seconds(table, rate), table.last(), table.shared)
        parts = (
            Unit(table.database, table.name, part.number, _part_seconds(table, part, rate), table.last(part))
            for part in table.parts
            if whole.seconds > _LEAST
        )
        found.append(_Choice(whole, tuple(parts)))
    return found


def _in_order(units: Iterable[Unit], rate: float | None) -> list[Unit]:
    """Return the units in their order."""
    sign = 1 if rate is None else -1

    def place(unit: Unit) -> tuple[datetime, float, str, str, int]:
        return unit.last or _NEVER, sign * unit.seconds, unit.database, unit.table, unit.part or 0

    return sorted(units, key=place)


def drills_for(listed: Iterable[Unit], budget: Budgeted) -> int:
    """Return how many drills prove the units, in this order, each of which the budget holds; none takes no drill."""
    drills, left = 0, 0.0
    for unit in listed:
        if unit.seconds > left:
            drills, left = drills + 1, budget.capacity
        left -= unit.seconds
    return drills


def _limits(budget: Budgeted) -> Iterator[float]:
    """Yield by how many seconds a table may be left whole, the most first; a larger budget yields these as well."""
    found: list[float] = []
    while (limit := _LEAST * 2.0 ** (len(found) / _STEPS)) <= budget.capacity:
        found.append(limit)
    return reversed(found)


@dataclass(frozen=True, slots=True)
class Plan:
    """The units that a drill reads, in their order, and those that it comes to if there is time left."""

    now: tuple[Unit, ...]
    later: tuple[Unit, ...]


def plan(tables: Sequence[Table], rate: float | None, budget: Budgeted) -> Plan:
    """Return what a drill with the budget reads."""
    listed = _divided(tables, rate, budget)
    now, later, left = [], [], budget.capacity
    for unit in listed:
        if unit.seconds <= left and budget.holds(unit):
            now.append(unit)
            left -= unit.seconds
        else:
            later.append(unit)
    return Plan(tuple(now), tuple(sorted(later, key=lambda unit: not budget.holds(unit))))


def _divided(tables: Sequence[Table], rate: float | None, budget: Budgeted) -> list[Unit]:
    """Return the units in their order, as few tables divided as the fewest drills allow."""
    choices = _choices(tables, rate)
    urgent = any(unit.last is None for each in choices for unit in (each.whole, *each.parts))
    divisible = sorted(each.whole.seconds for each in choices if each.parts)
    best: tuple[tuple[int, int], list[Unit]] | None = None
    tried, least = set(), _least(choices, budget, urgent=urgent)
    for limit in _limits(budget):
        left_whole = bisect_right(divisible, limit)
        if left_whole in tried:
            continue
        tried.add(left_whole)
        listed = _in_order((unit for each in choices for unit in each.units(limit)), rate)
        wanted = [unit for unit in listed if unit.last is None or not urgent]
        possible = [unit for unit in wanted if budget.holds(unit)]
        score = (len(wanted) - len(possible), drills_for(possible, budget))
        if best is None or score < best[0]:
            best = score, listed
        if score <= least:
            break  # no other division takes fewer drills
    return best[1] if best else _in_order((unit for each in choices for unit in each.units(0.0)), rate)


def _least(choices: Sequence[_Choice], budget: Budgeted, *, urgent: bool) -> tuple[int, int]:
    """Return what no division can be better than: how many units no drill can prove, and how many drills the others take."""
    never, seconds = 0, 0.0
    for each in choices:
        ways = [each.parts] if each.parts else []
        if not each.parts or each.whole.seconds <= budget.capacity:
            ways.append((each.whole,))
        wanted = [[unit for unit in way if unit.last is None or not urgent] for way in ways]
        held = [[unit for unit in way if budget.holds(unit)] for way in wanted]
        never += min(len(one) - len(other) for one, other in zip(wanted, held, strict=True))
        seconds += min(sum(unit.seconds for unit in way) for way in held)
    return never, ceil(seconds / budget.capacity - 1e-9) if budget.capacity else 0


def outlook(tables: Sequence[Table], known: Known, budget: Budgeted | None) -> Outlook:
    """Return after how many drills with the budget all tables will have been proved; without a budget one proves all."""
    unproved = any(table.last() is None for table in tables)
    assumed = known.rate is None
    if budget is None:
        return Outlook(int(unproved), int(bool(tables)), assumed=assumed)
    if not budget.capacity:
        gone = f"{show_duration(known.overhead)} are gone before a row is read: {_MORE}"
        return Outlook(None if unproved else 0, None, (("any table", gone),), assumed)
    anew = [
        Table(each.database, each.name, each.size, each.parts, each.shared, _unproved(each.known)) for each in tables
    ]
    cycle, too_large = _count(anew, known.rate, budget)
    if not unproved:
        return Outlook(0, cycle, too_large, assumed)
    drills, never = _count([table for table in tables if table.last() is None], known.rate, budget)
    return Outlook(drills, cycle, never, assumed)


def _unproved(known: TableKnown) -> TableKnown:
    return TableKnown(speed=known.speed, speed_by_key=known.speed_by_key)


def _count(
    tables: Sequence[Table], rate: float | None, budget: Budgeted
) -> tuple[int | None, tuple[tuple[str, str], ...]]:
    """Return how many drills prove what is unproved of the tables, None where they cannot, and what is too large for it."""
    listed = [unit for unit in _divided(tables, rate, budget) if unit.last is None]
    never: dict[str, str] = {}
    for unit in listed:
        if not budget.holds(unit):
            what = "each part of it" if unit.part is not None else "it can only be compared whole, which"
            took = show_duration(unit.seconds / (budget.connections if unit.shared else 1))
            never[unit.table] = f"{what} takes about {took}: {_MORE}"
    if never:
        return None, tuple(sorted(never.items()))
    return drills_for(listed, budget), ()
