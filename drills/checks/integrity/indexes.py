"""Whether every index leads to the rows that its table has: the table is read twice, once through each of its indexes.

A page that an index lost is no error for PostgreSQL, only rows that nobody finds again. So each B-tree is read from end
to end in its own order and compared with a scan of the table: as many rows, the same keys (by a fingerprint of them, as
in drills/checks/content/fingerprint.py), and no key before a smaller one, which is how a changed collation shows. It needs no
extension and no superuser; drills/checks/integrity/amcheck.py does more where it can. An index of another kind has no
such order: drills/checks/integrity/lookups.py looks the table's keys up in it.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from drills.checks.base.batches import BATCH_SIZE, small_tables
from drills.checks.base.outcome import CheckOutcome, first_line, is_damage, is_lost, is_undefined
from drills.checks.base.session import Connection
from drills.checks.base.timeouts import (
    DEFAULT_TIMEOUT,
    ServerUnresponsive,
    client_timeout,
    disconnect_after,
    unresponsive_reason,
)
from drills.checks.integrity import lookups
from drills.checks.integrity.index_queries import HEAP, INDEX, STEPS, Index, by_table
from drills.checks.integrity.lookups import Lookup, names_in
from drills.model.finding import Finding, NotChecked
from drills.sql import Quoted, execute

NAME = "indexes"
_NO_ROWS = [0, 0, 0, 0]
_TOGETHER = 60.0  # seconds for many small indexes at once; one that takes longer is looked at by itself


@dataclass
class Progress:
    """What is known of the indexes of one database by their table; kept when a connection is lost on the way.

    `unique` are the indexes that hold what their tables do, and no key twice.
    """

    done: dict[str, CheckOutcome] = field(default_factory=dict)
    unique: set[str] = field(default_factory=set)
    together: bool = True  # whether small tables are still to be looked at together


@dataclass(frozen=True, slots=True)
class _Reader:
    """How indexes are read, and where is noted which of them hold no key twice."""

    connection: Connection
    longest: float
    unique: set[str]

    def ask(self, query: str, settings: tuple[tuple[str, str], ...]) -> tuple[Any, ...] | psycopg.DatabaseError:
        """The first row of a query, or the server's error."""
        return first_row(self.connection, query, settings, longest=self.longest)

    def sound(self, index: Index, unsure: int) -> None:
        """Note of an index that leads to what its table holds whether its order shows that no key is there twice.

        `unsure` are the rows of which nobody knows that they come after the one before, as the first one is.
        """
        if index.unique and unsure <= 1:
            self.unique.add(index.name)


def check(
    connection: Connection,
    progress: Progress | None = None,
    longest: float = DEFAULT_TIMEOUT,
    wanted: Mapping[Quoted, list[Index]] | None = None,
) -> CheckOutcome:
    """Every index of one database, or those that are `wanted`, a table at a time. The server has `longest` seconds for one
    search.

    Unanswered where it does not even say that it took longer. That is noted in `progress`, with which another connection
    can go on.
    """
    progress = progress or Progress()
    everything = by_table(connection) if wanted is None else wanted
    listed = {table: indexes for table, indexes in everything.items() if table not in progress.done}
    if progress.together:
        progress.together = False
        proved = proved_together(connection, listed, progress.unique, longest)
        progress.done |= {table: CheckOutcome(len(listed[table])) for table in proved}
    reader = _Reader(connection, longest, progress.unique)
    for table, indexes in listed.items():
        if table in progress.done:
            continue
        try:
            progress.done[table] = _table(reader, table, indexes)
        except ServerUnresponsive:
            progress.done[table] = given_up(table, indexes, longest)
            raise
    return functools.reduce(operator.add, progress.done.values(), CheckOutcome())


def given_up(table: Quoted, indexes: list[Index], longest: float) -> CheckOutcome:
    """What is known of a table's indexes where a search in one of them had no answer."""
    reason = f"a search in an index of {table} {unresponsive_reason(longest)}"
    return CheckOutcome(unverified=tuple(NotChecked(f"index {each.name}", reason) for each in indexes))


def proved_together(
    connection: Connection, listed: Mapping[Quoted, Sequence[Index]], unique: set[str], longest: float = DEFAULT_TIMEOUT
) -> set[Quoted]:
    """The small tables whose indexes are B-trees that hold what they should, as a few queries over many of them tell.

    Of the others nothing is known yet: they are looked at one by one, so that what is wrong is told of what it is wrong with.
    Indexes that hold no key twice are added to `unique`.
    """
    reader = _Reader(connection, min(longest, _TOGETHER), unique)
    small = small_tables(connection)
    proved, waiting = set[Quoted](), dict[str, Index]()
    for table, indexes in listed.items():
        if table not in small or any(index.method != "btree" for index in indexes):
            continue
        mine = {index.relname: index for index in indexes}
        # the plan names indexes without their schemas, so that no two of one query may have the same name
        if waiting and (len(waiting) + len(mine) > BATCH_SIZE or waiting.keys() & mine):
            proved |= _prove(reader, list(waiting.values()))
            waiting = {}
        waiting |= mine
    return proved | _prove(reader, list(waiting.values()))


def _prove(reader: _Reader, indexes: Sequence[Index]) -> set[Quoted]:
    """The tables of these whose indexes all hold what the heap says, each of them read through itself."""
    heap = " union all ".join(
        f"select {place} as n, {index.hash} as h, 0 as step from only {index.table} where {index.where}"
        for place, index in enumerate(indexes)
    )
    order = " union all ".join(f"(select {place} as n, {index.in_order})" for place, index in enumerate(indexes))
    expected, found = reader.ask(_sums(heap), HEAP), reader.ask(_sums(order), INDEX)
    plan = reader.ask(f"explain (costs off, format json) {_sums(order)}", INDEX)
    if isinstance(expected, psycopg.Error) or isinstance(found, psycopg.Error) or isinstance(plan, psycopg.Error):
        return set()
    # each query of a table reads one of its indexes, so that where all are in the plan each is read
    read, before, after = names_in(plan[0]), expected[0] or {}, found[0] or {}
    doubtful = set[Quoted]()
    for place, index in enumerate(indexes):
        heap_sums, sums = before.get(str(place), _NO_ROWS), after.get(str(place), _NO_ROWS)
        if index.relname in read and sums[:3] == heap_sums[:3]:
            reader.sound(index, sums[3])
        else:
            doubtful.add(index.table)
    return {index.table for index in indexes} - doubtful


def _sums(hashed: str) -> str:
    """By the place n of each index, rows, sum of hashes, and the rows by their steps as `Index.by_index` has them."""
    return (
        "select pg_catalog.jsonb_object_agg(n, pg_catalog.jsonb_build_array(rows, keys, down, unsure)) from (select n, "
        f"count(*) as rows, coalesce(sum(h), 0) as keys, {STEPS} from ({hashed}) as r group by n) "
        "as s (n, rows, keys, down, unsure)"
    )


def _table(reader: _Reader, table: Quoted, indexes: list[Index]) -> CheckOutcome:
    """One pass over the table says what each of its indexes should hold."""
    sums = ", ".join(f"count(*) filter (where {index.where}), {index.also}" for index in indexes)
    heap = reader.ask(f"select {sums} from only {table}", HEAP)
    if isinstance(heap, psycopg.Error):
        if len(indexes) > 1 and not is_damage(heap):  # one of them may be to blame
            total = CheckOutcome()
            for index in indexes:
                total += _table(reader, table, [index])
            return total
        if is_damage(heap):
            said = first_line(heap)
            message = f"{table} cannot be read, so that its indexes cannot be proved: {said}"
            query = f"select count(*) from only {table}"
            return CheckOutcome(1, (Finding(NAME, "error", table, "rows that can be read", said, message, query),))
        return _unread([index.name for index in indexes], table, heap)
    total = CheckOutcome()
    for number, index in enumerate(indexes):
        if index.method == "btree":
            total += _index(reader, index, int(heap[2 * number]), int(heap[2 * number + 1]))
        else:
            total += _looked_up(reader, index, int(heap[2 * number]), int(heap[2 * number + 1]))
    return total


def _looked_up(reader: _Reader, index: Index, rows: int, whole: int) -> CheckOutcome:
    ask = functools.partial(first_row, longest=reader.longest)
    lookup = Lookup(index.table, index.name, index.relname, index.method, index.keys, index.hash, index.where)
    outcome = lookups.check(reader.connection, lookup, whole, ask)
    if isinstance(outcome, psycopg.Error):
        return _unread([index.name], index.table, outcome)
    if rows > whole and index.method != "hash":  # which holds no nulls
        reason = f"{index.method}: {rows - whole:,} of {rows:,} keys hold a null and were not looked up"
        outcome += CheckOutcome(excluded=(NotChecked(f"index {index.name}", reason),))
    return outcome


def _index(reader: _Reader, index: Index, rows: int, keys: int) -> CheckOutcome:
    name = f"index {index.name}"
    plan = reader.ask(f"explain (costs off, format json) {index.by_index}", INDEX)
    if isinstance(plan, psycopg.Error):
        return _unread([index.name], index.table, plan)
    if index.relname not in names_in(plan[0]):
        reason = "the planner reads it in no order, or another index in its place: needs amcheck"
        return CheckOutcome(excluded=(NotChecked(name, reason),))
    found = reader.ask(index.by_index, INDEX)
    if isinstance(found, psycopg.Error):
        return _unread([index.name], index.table, found)
    expected, is_found = f"{rows:,} rows of {index.table}", f"{int(found[0]):,} rows"
    if int(found[0]) != rows:
        message = f"{name} leads to {int(found[0]):,} rows, {index.table} has {rows:,} that belong into it"
    elif int(found[1]) != keys:
        message, is_found = f"{name} holds other keys than {index.table}", "other keys"
    elif found[2]:
        message = f"{name} is out of order at {found[2]:,} places: its collation may have changed"
        expected, is_found = "keys in order", f"{found[2]:,} keys out of order"
    else:
        reader.sound(index, found[3])
        return CheckOutcome(1)
    return CheckOutcome(1, (Finding(NAME, "error", index.name, expected, is_found, message, _shown(index)),))


def _shown(index: Index) -> str:
    settings = "; ".join(f"set {name} = {value}" for name, value in INDEX)
    return f"{settings}; {index.by_index}"


def first_row(
    connection: Connection, query: str, settings: tuple[tuple[str, str], ...], *, longest: float = DEFAULT_TIMEOUT
) -> tuple[Any, ...] | psycopg.DatabaseError:
    """The first row of a query under these settings, which are undone; the server's error where it has none."""
    limit = ("statement_timeout", str(max(1, round(longest * 1000))))  # among them: all of it in one round trip
    try:
        with disconnect_after(connection, client_timeout(longest)), connection.transaction(force_rollback=True):
            execute(connection, "; ".join(f"set local {name} = {value}" for name, value in (*settings, limit)))
            row = execute(connection, query).fetchone()
    except psycopg.DatabaseError as error:
        if is_lost(error):
            raise  # the connection is gone, and with it the rest
        return error
    return tuple(row or ())


def _unread(names: list[Quoted], table: Quoted, error: psycopg.Error) -> CheckOutcome:
    said = first_line(error)
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return CheckOutcome(
            unverified=tuple(NotChecked(f"index {name}", f"needs SELECT on {table}: {said}") for name in names)
        )
    if is_damage(error):
        message = f"index {names[0]} of {table} cannot be read: {said}"
        query = f"set enable_seqscan = off; select count(*) from only {table}"
        return CheckOutcome(1, (Finding(NAME, "error", names[0], "an index that can be read", said, message, query),))
    if is_undefined(error):
        # works for its users and not with an empty search_path, which is what a dump restores with (notes L55)
        reason = f"its function needs a search_path, so that no dump can restore it: {said}"
        return CheckOutcome(excluded=tuple(NotChecked(f"index {name}", reason) for name in names))
    return CheckOutcome(unverified=tuple(NotChecked(f"index {name}", said) for name in names))
