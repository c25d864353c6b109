"""Parts of a large table by ranges of its key, which drills of different copies can compare one after another.

A manifest has sums of 32 ranges of each table's key, so that the rows of one range can be compared without the others. An integer
key has an index that finds them; of any other kind a range is one of hashes, for which the whole table has to be read. What an
index does not lead to is not seen here: that it leads to every row is what the check of the indexes says (docs/decisions.md).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

import psycopg

from drills.checks.base.budget import Budget
from drills.checks.base.outcome import CheckOutcome, first_line, is_damage, is_lost
from drills.checks.base.session import Connection
from drills.checks.base.timeouts import set_statement_timeout
from drills.checks.content import ranges
from drills.checks.content.fingerprint import Algorithm
from drills.checks.content.model import Contents, ReadOptions, TableContent
from drills.checks.content.pieces import Sums
from drills.checks.content.ranges import CELLS, LARGEST, Ranges
from drills.checks.content.summing import Ranged, sum_rows, summed_up, unread
from drills.checks.content.tables import ListedTable
from drills.model.coverage import Speed
from drills.model.finding import Finding
from drills.model.policy import TablePolicy
from drills.plural import counted
from drills.turns.plan import Part, Unit

NAME = "content"
# No other plan than the index of the key: it has no parallel workers.
_SETTINGS = (
    b"set local enable_indexscan = on; set local enable_seqscan = off; set local max_parallel_workers_per_gather = 0"
)
_WORTH_NOTING = 0.01  # of a budget: how long single tables took is kept of those that took so much of it


@dataclass(frozen=True, slots=True)
class PartSeen:
    """The rows of a part, and the sums of the manifest's ranges over them, packed."""

    number: int
    rows: int
    cells: str


@dataclass(frozen=True, slots=True)
class KeyPart:
    """A part of a table, which is to be read by the ranges that the manifest has of it."""

    table: ListedTable
    policy: TablePolicy
    known: TableContent
    ranges: Ranges
    number: int
    turn: Turn

    @property
    def condition(self) -> str:
        """Return SQL for the rows of the part, of a table that is called r.

        A number in a subselect is none that the planner knows: for one beyond its statistics it would look at the end of the
        index. Keys beyond the largest that is summed are summed as 0.
        """
        column = f"r.{self.ranges.key.columns[0]}"
        low, high = self.ranges.edges(self.number)
        ends = [f"{column} >= (select {-LARGEST if low is None else low}::bigint)"]
        ends += [f"{column} <= (select {LARGEST if high is None else high - 1}::bigint)"]
        inside = " and ".join(ends)
        if self.ranges.number_of(0) != self.number:
            return inside
        beyond = f"{column} < (select {-LARGEST}::bigint) or {column} > (select {LARGEST}::bigint)"
        return f"({inside}) or {beyond}"


def can_be_divided(known: TableContent, policy: TablePolicy) -> bool:
    """Return whether parts of a table can be compared by themselves: all of its rows, by an integer key."""
    if known.ranges is None or known.ranges.key.kind != "integer" or known.unlogged or known.member:
        return False
    return policy.kind == "exact" or (policy.kind == "up to" and known.column == policy.column and bool(known.up_to))


def parts_of(known: TableContent) -> tuple[Part, ...]:
    """Return the parts that the manifest's ranges divide a table into. Pure."""
    found = known.ranges
    if found is None:
        return ()
    cells, total = ranges.unpack(found.cells), max(1, known.rows)
    return tuple(
        Part(
            number,
            found.low + number * found.step,
            found.low + (number + 1) * found.step,
            cells[number].rows / total if number in cells else 0.0,
        )
        for number in range(CELLS)
    )


@dataclass
class Turn:
    """What of one database is read within a budget, `units` in their order, and what came of it.

    `sizes` are the bytes of tables by name. `parts` are those that were read; `whole` and `by_key` how long single tables took.
    `began` and `ended` are the seconds of the budget that were gone when the first row was asked for, and after the last.
    """

    units: Sequence[Unit]
    sizes: Mapping[str, int]
    parts: dict[str, dict[int, PartSeen]] = field(default_factory=dict)
    whole: dict[str, Speed] = field(default_factory=dict)
    by_key: dict[str, Speed] = field(default_factory=dict)
    began: float = 0.0
    ended: float = 0.0
    bytes_read: int = 0
    seconds: float = 0.0
    _sums: dict[str, Sums] = field(default_factory=dict)
    _spent: dict[str, float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def note_part(self, part: KeyPart, seen: PartSeen, sums: Sums) -> None:
        """Note what a part holds."""
        with self._lock:
            self.parts.setdefault(part.table.name, {})[seen.number] = seen
            self._sums[part.table.name] = self._sums.get(part.table.name, Sums()) + sums

    def took(self, names: Sequence[str], seconds: float, budget: Budget, *, ended: bool | None) -> None:
        """Note how long tables took that were read together; `ended` None where more of them is still being read."""
        with self._lock:
            total = seconds + sum(self._spent.pop(name, 0.0) for name in names)
            if ended is None:
                self._spent[names[0]] = total
                return
            size = sum(self.sizes.get(name, 0) for name in names)
            if ended:
                self.bytes_read += size
                self.seconds += total
            if len(names) == 1 and total >= _WORTH_NOTING * budget.seconds:
                self.whole[names[0]] = Speed(size, round(total, 6), cut=not ended)

    def part_took(self, part: KeyPart, seconds: float, budget: Budget) -> None:
        """Note how long a part took; one that was not read to its end is noted where none was."""
        name = part.table.name
        with self._lock:
            before = self.by_key.get(name)
            if part.number in self.parts.get(name, {}):
                share = self.parts[name][part.number].rows / max(1, part.known.rows)
                size = round(self.sizes.get(name, 0) * share)
                known = before if before and not before.cut else Speed(0, 0.0)
                self.by_key[name] = Speed(known.size + size, round(known.seconds + seconds, 6))
            elif before is None and seconds >= _WORTH_NOTING * budget.seconds:
                self.by_key[name] = Speed(self.sizes.get(name, 0), round(seconds, 6), cut=True)

    def put_together(self, tables: Mapping[str, ListedTable], contents: Contents, options: ReadOptions) -> list[str]:
        """Note the content of tables all of whose parts were read, and of the others how many were; return the former."""
        complete = []
        for name in {unit.table: None for unit in self.units if unit.part is not None}:
            if name in contents.damaged or name in contents.unreadable or name not in tables:
                continue
            seen = self.parts.get(name, {})
            known = options.expected.tables.get(name) if options.expected else None
            if known and len(seen) == CELLS:
                wanted = _wanted(tables[name], known)
                contents.tables[name] = summed_up(wanted, self._sums[name], None)
                del self.parts[name]
                complete.append(name)
            elif options.budget:
                contents.unreadable[name] = f"{options.budget.reason}{_told(sorted(seen))}"
        return complete


def _told(numbers: Sequence[int]) -> str:
    """Return in words which parts of a table were compared, "" where none was."""
    if not numbers:
        return ""
    one = len(numbers) == 1
    listed = ", ".join(str(number + 1) for number in numbers)
    return f"; of its {CELLS} parts by key {'one was' if one else f'{len(numbers)} were'} compared: {listed}"


def _wanted(table: ListedTable, known: TableContent) -> TableContent:
    return dataclasses.replace(unread(table), column=known.column, up_to=known.up_to, form=known.form)


def read_part(
    connection: Connection, part: KeyPart, algorithm: Algorithm, contents: Contents, options: ReadOptions
) -> None:
    """Read the rows of a part, where the budget leaves time for it."""
    budget, name = options.budget, part.table.name
    if (budget and not budget.left()) or name in contents.damaged or name in contents.unreadable:
        return
    by = Ranged(part.ranges.key, part.ranges.low, part.ranges.step)
    try:
        with connection.transaction(force_rollback=True):
            if budget:
                set_statement_timeout(connection, budget.left())
            connection.execute(_SETTINGS)
            wanted = _wanted(part.table, part.known)
            sums, cells = sum_rows(connection, part.table, algorithm, wanted, options, by=by, piece=part)
            part.turn.note_part(part, PartSeen(part.number, sums.rows, cells), sums)
    except psycopg.DatabaseError as error:
        if is_lost(error):
            raise  # nothing more can be read on this connection
        if budget and isinstance(error, psycopg.errors.QueryCanceled):
            return
        where = contents.damaged if is_damage(error) else contents.unreadable
        where[name] = first_line(error)


def is_proved(known: Ranges, part: PartSeen) -> bool:
    """Return whether the rows of a part are those of the manifest. Pure."""
    return ranges.unpack(known.cells).get(part.number) == ranges.unpack(part.cells).get(part.number)


def judge(expected: Contents, seen: Mapping[str, Sequence[PartSeen]]) -> CheckOutcome:
    """Return a finding for each part that differs from the manifest. Pure."""
    findings = []
    for name, parts in seen.items():
        known = expected.tables.get(name)
        if known and known.ranges:
            of = known.ranges
            findings += [_finding(name, of, part) for part in parts if not is_proved(of, part)]
    return CheckOutcome(findings=tuple(findings))


def _finding(table: str, known: Ranges, part: PartSeen) -> Finding:
    before = ranges.unpack(known.cells).get(part.number, ranges.Cell())
    low, high = known.edges(part.number)
    column = known.key.columns[0]
    ends = [f"from {low}"] * (low is not None) + [f"to {(high or 0) - 1}"] * (high is not None)
    keys = f"{column} {' '.join(ends)}"
    if before.rows == part.rows:
        what = f"has the same {counted(before.rows, 'row')} by count, but other contents"
    else:
        what = f"has {counted(part.rows, 'row')} in place of {before.rows:,}"
    conditions = [f"{column} >= {low}"] * (low is not None) + [f"{column} < {high}"] * (high is not None)
    return Finding(
        NAME,
        "error",
        table,
        f"{counted(before.rows, 'row')} with {keys}, as in the manifest",
        f"{counted(part.rows, 'row')} with other contents",
        f"{table} {what} with {keys} (part {part.number + 1} of {CELLS}; the rest of it is judged by itself)",
        f"select * from only {table} where {' and '.join(conditions)}",
    )
