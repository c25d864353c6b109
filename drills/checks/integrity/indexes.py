"""Check that every index holds the rows of its table: the table is read twice, once through each of its indexes.

A page that an index lost is no error for PostgreSQL, only rows that nobody finds again. So each B-tree is read from end
to end in its own order and compared with a scan of the table: as many rows, the same keys (by a fingerprint of them, as
in drills/checks/content/fingerprint.py), and no key before a smaller one, which is how a changed collation shows. It
needs no extension and no superuser; drills/checks/integrity/amcheck.py does more where it can. An index of another kind
has no such order: drills/checks/integrity/lookups.py looks the table's keys up in it.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from drills.checks.base.batches import BATCH_SIZE, small_tables
from drills.checks.base.copy_code import CopyCode
from drills.checks.base.outcome import CheckOutcome, first_line, is_damage, is_lost, is_undefined, lacking
from drills.checks.base.session import Connection
from drills.checks.base.timeouts import (
    DEFAULT_TIMEOUT,
    ServerUnresponsive,
    client_timeout,
    disconnect_after,
    unresponsive_reason,
)
from drills.checks.base.user_settings import alternatives
from drills.checks.integrity import lookups
from drills.checks.integrity.index_queries import HEAP, INDEX, STEPS, Index, by_table
from drills.checks.integrity.lookups import Lookup, names_in
from drills.model.finding import Finding, NotChecked
from drills.plural import counted
from drills.redaction import hide_constants
from drills.sql import Quoted, execute

NAME = "indexes"
_NO_ROWS = [0, 0, 0, 0]
_TOGETHER = 60.0  # seconds for many small indexes at once; one that takes longer is checked by itself
_NUMBERS = itertools.count(1)  # no two prepared statements of a session may have the same name
Conditions = Mapping[Quoted, Sequence[str]]
"""By table, SQL that is true of a row which breaks one of its constraints."""


@dataclass
class Shown:
    """What this check has shown of a database beside its indexes: constraints need not be validated by it again.

    `unique` are the indexes that hold the rows of their tables, and no key twice, `unbroken` the tables with the conditions
    that are true of none of their rows.
    """

    unique: set[str] = field(default_factory=set)
    unbroken: set[tuple[Quoted, str]] = field(default_factory=set)


@dataclass
class Progress:
    """The outcomes for the indexes of one database by their table; kept when a connection is lost on the way."""

    done: dict[str, CheckOutcome] = field(default_factory=dict)
    shown: Shown = field(default_factory=Shown)
    together: bool = True  # whether small tables are still to be checked together


@dataclass(frozen=True, slots=True)
class _Reader:
    """How indexes are read, and what that has shown."""

    connection: Connection
    timeout: float
    shown: Shown
    users: Sequence[str] = ()

    def ask(self, query: str, settings: tuple[tuple[str, str], ...]) -> tuple[Any, ...] | psycopg.DatabaseError:
        """Return the first row of a query, or the server's error; with the settings of users where a name is unknown."""
        first = first_row(self.connection, query, settings, timeout=self.timeout)
        if isinstance(first, psycopg.Error) and is_undefined(first):
            for users in self.users:
                again = first_row(self.connection, query, settings, timeout=self.timeout, first=users)
                if not isinstance(again, psycopg.Error):
                    return again
        return first

    def note_verified(self, index: Index, unsure: int) -> None:
        """Note a verified index as unique where its order shows that no key is there twice.

        `unsure` are the rows of which it is unknown whether they come after the one before, as of the first one.
        """
        if index.unique and unsure <= 1:
            self.shown.unique.add(index.name)


def check(
    connection: Connection,
    progress: Progress | None = None,
    timeout: float = DEFAULT_TIMEOUT,
    selected: Mapping[Quoted, list[Index]] | None = None,
    *,
    with_path: bool = True,
    conditions: Conditions | None = None,
) -> CheckOutcome:
    """Check every index of one database, or the `selected` ones, a table at a time.

    `with_path` as in drills/checks/base/user_settings.py. Where small tables are read together, the rows that `conditions`
    are about are counted on the way.

    The server has `timeout` seconds for one search. ServerUnresponsive where it does not stop then. That is noted in
    `progress`, with which another connection can go on.
    """
    progress = progress or Progress()
    everything = by_table(connection) if selected is None else selected
    listed = {table: indexes for table, indexes in everything.items() if table not in progress.done}
    if progress.together:
        progress.together = False
        verified = verify_together(connection, listed, progress.shown, conditions or {}, timeout)
        progress.done |= {table: CheckOutcome(len(listed[table])) for table in verified}
    reader = _Reader(connection, timeout, progress.shown, alternatives(connection, with_path=with_path))
    for table, indexes in listed.items():
        if table in progress.done:
            continue
        try:
            progress.done[table] = _table(reader, table, indexes)
        except ServerUnresponsive:
            progress.done[table] = unverified_after_timeout(table, indexes, timeout)
            raise
    return functools.reduce(operator.add, progress.done.values(), CheckOutcome())


def without_code(
    listed: Mapping[Quoted, list[Index]], code: CopyCode, identical: Set[str] | None
) -> tuple[CheckOutcome, dict[Quoted, list[Index]]]:
    """Divide the indexes into those that `code` names, as an outcome, and the others.

    They are left out where the table holds the rows of the source (`identical`), and missing elsewhere.
    """
    total, rest = CheckOutcome(), dict[Quoted, list[Index]]()
    for table, indexes in listed.items():
        for index in indexes:
            if reason := code.of("pg_index", index.oid, (table,)):
                left = (NotChecked(f"index {index.name}", reason),)
                same = identical is not None and table in identical
                total += CheckOutcome(excluded=left) if same else CheckOutcome(unverified=left)
            else:
                rest.setdefault(table, []).append(index)
    return total, rest


def unverified_after_timeout(table: Quoted, indexes: list[Index], timeout: float) -> CheckOutcome:
    """Return the outcome for a table's indexes where a search in one of them timed out."""
    reason = f"a search in an index of {table} {unresponsive_reason(timeout)}"
    return CheckOutcome(unverified=tuple(NotChecked(f"index {each.name}", reason) for each in indexes))


def verify_together(
    connection: Connection,
    listed: Mapping[Quoted, Sequence[Index]],
    shown: Shown,
    conditions: Conditions,
    timeout: float = DEFAULT_TIMEOUT,
) -> set[Quoted]:
    """Return the small tables whose indexes are B-trees that a few queries over many of them verify.

    The others are checked one by one, so that a finding names the index. What else is seen of them is noted in `shown`.
    """
    reader = _Reader(connection, min(timeout, _TOGETHER), shown)
    small = small_tables(connection)
    verified, waiting = set[Quoted](), dict[str, Index]()
    for table, indexes in listed.items():
        if table not in small or any(index.method != "btree" for index in indexes):
            continue
        by_name = {index.relname: index for index in indexes}
        # the plan names indexes without their schemas, so that no two of one query may have the same name
        if waiting and (len(waiting) + len(by_name) > BATCH_SIZE or waiting.keys() & by_name):
            verified |= _verify_batch(reader, list(waiting.values()), conditions)
            waiting = {}
        waiting |= by_name
    return verified | _verify_batch(reader, list(waiting.values()), conditions)


def _verify_batch(reader: _Reader, indexes: Sequence[Index], conditions: Conditions) -> set[Quoted]:
    """Return those tables of which each index holds what the heap has, each of them read through itself."""
    asked = {index.table: place for place, index in enumerate(indexes) if not index.predicate}  # one index has all rows
    heap = " union all ".join(
        f"select {place} as n, {index.hash} as h, {_broken(conditions.get(index.table, ()), asked.get(index.table) == place)} "
        f"as step from only {index.table} where {index.where}"
        for place, index in enumerate(indexes)
    )
    order = " union all ".join(f"(select {place} as n, {index.ordered_rows})" for place, index in enumerate(indexes))
    expected = reader.ask(_sums(heap), HEAP)
    if isinstance(expected, psycopg.Error) and conditions:  # it may be one of them that cannot be evaluated
        return _verify_batch(reader, indexes, {})
    found = planned_row(reader.connection, _sums(order), INDEX, timeout=reader.timeout)
    if isinstance(expected, psycopg.Error) or isinstance(found, psycopg.Error):
        return set()
    # each query of a table reads one of its indexes, so that where all are in the plan each is read
    read, before, after = found[0], expected[0] or {}, found[1][0] or {}
    doubtful = set[Quoted]()
    for place, index in enumerate(indexes):
        heap_sums, sums = before.get(str(place), _NO_ROWS), after.get(str(place), _NO_ROWS)
        if asked.get(index.table) == place and not heap_sums[2]:
            reader.shown.unbroken.update((index.table, each) for each in conditions.get(index.table, ()))
        if index.relname in read and sums[:2] == heap_sums[:2] and not sums[2]:
            reader.note_verified(index, sums[3])
        else:
            doubtful.add(index.table)
    return {index.table for index in indexes} - doubtful


def _broken(conditions: Sequence[str], asked: bool) -> str:
    """Return SQL for what `STEPS` counts as 2, of a row that one of these is true of. Pure."""
    return (
        f"case when {' or '.join(f'({each})' for each in conditions)} then 2 else 0 end"
        if asked and conditions
        else "0"
    )


def _sums(hashed: str) -> str:
    """Return, by the place n of each index, rows, sum of hashes, and the rows by their steps as in
    `Index.index_query`.
    """
    return (
        "select pg_catalog.jsonb_object_agg(n, pg_catalog.jsonb_build_array(rows, keys, down, unsure)) from (select n, "
        f"count(*) as rows, coalesce(sum(h), 0) as keys, {STEPS} from ({hashed}) as r group by n) "
        "as s (n, rows, keys, down, unsure)"
    )


def _table(reader: _Reader, table: Quoted, indexes: list[Index]) -> CheckOutcome:
    """Check the indexes of one table: one pass over it gives what each should hold."""
    sums = ", ".join(f"count(*) filter (where {index.where}), {index.heap_sums}" for index in indexes)
    heap = reader.ask(f"select {sums} from only {table}", HEAP)
    if isinstance(heap, psycopg.Error):
        if len(indexes) > 1 and not is_damage(heap):  # one of them may be to blame
            total = CheckOutcome()
            for index in indexes:
                total += _table(reader, table, [index])
            return total
        if is_damage(heap):
            reason = first_line(heap)
            message = f"{table} cannot be read, so that its indexes cannot be verified: {reason}"
            query = f"select count(*) from only {table}"
            return CheckOutcome(1, (Finding(NAME, "error", table, "rows that can be read", reason, message, query),))
        return _unreadable([index.name for index in indexes], table, heap)
    total = CheckOutcome()
    for number, index in enumerate(indexes):
        if index.method == "btree":
            total += _index(reader, index, int(heap[2 * number]), int(heap[2 * number + 1]))
        else:
            total += _check_lookups(reader, index, int(heap[2 * number]), int(heap[2 * number + 1]))
    return total


def _check_lookups(reader: _Reader, index: Index, rows: int, whole: int) -> CheckOutcome:
    def ask(
        connection: Connection, query: str, settings: tuple[tuple[str, str], ...]
    ) -> tuple[Any, ...] | psycopg.DatabaseError:
        return reader.ask(query, settings)

    lookup = Lookup(index.table, index.name, index.relname, index.method, index.keys, index.hash, index.where)
    outcome = lookups.check(reader.connection, lookup, whole, ask)
    if isinstance(outcome, psycopg.Error):
        return _unreadable([index.name], index.table, outcome)
    if rows > whole and index.method != "hash":  # which holds no nulls
        reason = f"{index.method}: {rows - whole:,} of {rows:,} keys hold a null and were not looked up"
        outcome += CheckOutcome(excluded=(NotChecked(f"index {index.name}", reason),))
    return outcome


def _index(reader: _Reader, index: Index, rows: int, keys: int) -> CheckOutcome:
    name = f"index {index.name}"
    plan = reader.ask(f"explain (costs off, format json) {index.index_query}", INDEX)
    if isinstance(plan, psycopg.Error):
        return _unreadable([index.name], index.table, plan)
    if index.relname not in names_in(plan[0]):
        reason = "the planner reads it in no order, or another index in its place: needs amcheck"
        return CheckOutcome(excluded=(NotChecked(name, reason),))
    found = reader.ask(index.index_query, INDEX)
    if isinstance(found, psycopg.Error):
        return _unreadable([index.name], index.table, found)
    expected, actual = f"{counted(rows, 'row')} of {index.table}", counted(int(found[0]), "row")
    if int(found[0]) != rows:
        message = f"{name} leads to {counted(int(found[0]), 'row')}, {index.table} has {rows:,} that belong into it"
    elif int(found[1]) != keys:
        message, actual = f"{name} holds other keys than {index.table}", "other keys"
    elif found[2]:
        message = f"{name} is out of order at {found[2]:,} places: its collation may have changed"
        expected, actual = "keys in order", f"{counted(found[2], 'key')} out of order"
    else:
        reader.note_verified(index, found[3])
        return CheckOutcome(1)
    return CheckOutcome(1, (Finding(NAME, "error", index.name, expected, actual, message, _query(index)),))


def _query(index: Index) -> str:
    settings = "; ".join(f"set {name} = {value}" for name, value in INDEX)
    return hide_constants(f"{settings}; {index.index_query}")


def first_row(
    connection: Connection,
    query: str,
    settings: tuple[tuple[str, str], ...],
    *,
    timeout: float = DEFAULT_TIMEOUT,
    first: str = "",
) -> tuple[Any, ...] | psycopg.DatabaseError:
    """Return the first row of a query under these settings, which are undone; the server's error where it has none.

    `first` is a statement that sets more.
    """
    try:
        with _under(connection, settings, timeout):
            if first:
                execute(connection, first)
            row = execute(connection, query).fetchone()
    except psycopg.DatabaseError as error:
        if is_lost(error):
            raise  # nothing more can be read on this connection
        return error
    return tuple(row or ())


def planned_row(
    connection: Connection, query: str, settings: tuple[tuple[str, str], ...], *, timeout: float
) -> tuple[set[str], tuple[Any, ...]] | psycopg.DatabaseError:
    """Return the names of the indexes in a query's plan, and its first row as `first_row` does.

    A statement without parameters is planned once, when it is explained: of many tables that takes longer than reading them.
    """
    name = f"drills_look_{next(_NUMBERS)}"
    try:
        with _under(connection, settings, timeout):
            execute(connection, f"prepare {name} as {query}")
            plan = execute(connection, f"explain (costs off, format json) execute {name}").fetchone()
            row = execute(connection, f"execute {name}").fetchone()
            execute(connection, f"deallocate {name}")  # no rollback takes it back
    except psycopg.DatabaseError as error:
        if is_lost(error):
            raise  # nothing more can be read on this connection
        return error
    return names_in(plan[0] if plan else []), tuple(row or ())


@contextmanager
def _under(connection: Connection, settings: tuple[tuple[str, str], ...], timeout: float) -> Iterator[None]:
    """Set these for the length of a block, and the statement timeout among them, which is all of it one round trip."""
    every = (*settings, ("statement_timeout", str(max(1, round(timeout * 1000)))))
    with disconnect_after(connection, client_timeout(timeout)), connection.transaction(force_rollback=True):
        execute(connection, "; ".join(f"set local {name} = {value}" for name, value in every))
        yield


def _unreadable(names: list[Quoted], table: Quoted, error: psycopg.Error) -> CheckOutcome:
    reason = first_line(error)
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return CheckOutcome(unverified=tuple(NotChecked(f"index {name}", lacking(error, [table])) for name in names))
    if is_damage(error):
        message = f"index {names[0]} of {table} cannot be read: {reason}"
        query = f"set enable_seqscan = off; select count(*) from only {table}"
        return CheckOutcome(1, (Finding(NAME, "error", names[0], "an index that can be read", reason, message, query),))
    if is_undefined(error):
        # works for its users and not with an empty search_path, which is what a dump restores with
        reason = f"its function needs a search_path, so that no dump can restore it: {reason}"
        return CheckOutcome(excluded=tuple(NotChecked(f"index {name}", reason) for name in names))
    return CheckOutcome(unverified=tuple(NotChecked(f"index {name}", reason) for name in names))
