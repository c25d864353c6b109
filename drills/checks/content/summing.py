"""Sum the rows of one table, or of a piece of it, by one query."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Protocol

from drills.checks.base.session import Connection
from drills.checks.content import fingerprint, ranges
from drills.checks.content.fingerprint import Algorithm
from drills.checks.content.model import Carried, ReadOptions, TableContent
from drills.checks.content.pieces import Sums
from drills.checks.content.ranges import Key, Ranges
from drills.checks.content.tables import ListedTable
from drills.checks.content.watermark import condition
from drills.sql import Quoted, execute


class Conditioned(Protocol):
    """A piece of a table: SQL for its rows, of a table that is called r."""

    @property
    def condition(self) -> str:
        """Return the SQL."""


@dataclass(frozen=True, slots=True)
class Ranged:
    """The key of a table, and lower end and width of the ranges that its rows are summed by."""

    key: Key
    low: int
    step: int

    def of(self, rows: int, cells: str) -> Ranges | None:
        """Return the ranges of a table with these sums, None of one without rows."""
        return Ranges(self.key, self.low, self.step, cells) if rows else None


def unread(table: ListedTable) -> TableContent:
    """Return what is known of a table before its rows are read."""
    return TableContent(
        0,
        "",
        table.root,
        table.unlogged,
        system_schema=table.system_schema,
        view_oid=table.view_oid,
        member=table.member,
    )


def ranged_by(connection: Connection, table: ListedTable, options: ReadOptions) -> Ranged | None:
    """Return by which ranges the rows of a table are summed, None where they are not."""
    key = options.key_of(table)
    return Ranged(key, *ranges.bounds(key, *_edges(connection, table.name, key))) if key else None


def _edges(connection: Connection, table: Quoted, key: Key) -> tuple[int | None, int | None]:
    """Return the least and the largest key; an index may give them, since the ranges need not fit exactly."""
    if key.kind != "integer":
        return None, None
    with connection.transaction(force_rollback=True):
        connection.execute("set local enable_indexonlyscan = on")
        connection.execute("set local enable_indexscan = on")
        query = f"select min({key.columns[0]}), max({key.columns[0]}) from only {table}"
        low, high = execute(connection, query).fetchone() or (None, None)
    return low, high


def summed(
    connection: Connection, table: ListedTable, algorithm: Algorithm, wanted: TableContent, options: ReadOptions
) -> TableContent:
    """Return `wanted` with the sums of all rows of the table."""
    by = ranged_by(connection, table, options)
    sums, cells = sum_rows(connection, table, algorithm, wanted, options, by=by)
    carried: Carried | None = None
    if table.member and table.member.condition:
        text = table.row(algorithm, wanted.form, options.convert)
        where = condition(connection, wanted.column, wanted.up_to)
        query = fingerprint.query_of(table.name, text, algorithm, where, carried=table.member.condition)
        rows, *others = execute(connection, query).fetchone() or (0, 0, 0)
        carried = Carried(int(rows), fingerprint.digest(int(others[0]), int(others[1])))
    return dataclasses.replace(summed_up(wanted, sums, by.of(sums.rows, cells) if by else None), carried=carried)


def summed_up(wanted: TableContent, sums: Sums, found: Ranges | None) -> TableContent:
    """Return `wanted` with sums in it. Pure."""
    digest = fingerprint.digest(sums.first, sums.second)
    return dataclasses.replace(wanted, rows=sums.rows, fingerprint=digest, ranges=found)


def sum_rows(
    connection: Connection,
    table: ListedTable,
    algorithm: Algorithm,
    wanted: TableContent,
    options: ReadOptions,
    *,
    by: Ranged | None = None,
    piece: Conditioned | None = None,
) -> tuple[Sums, str]:
    """Return the sums of a table's rows, or of those of a piece, and with `by` those of the ranges, packed."""
    conditions = [condition(connection, wanted.column, wanted.up_to), piece.condition if piece else ""]
    where = " and ".join(f"({each})" if piece else each for each in conditions if each)
    text = table.row(algorithm, wanted.form, options.convert)
    if by is None:
        query = fingerprint.query_of(table.name, text, algorithm, where)
        rows, first, second = execute(connection, query).fetchone() or (0, 0, 0)
        return Sums(int(rows), int(first), int(second)), ""
    query = ranges.query(
        table.name, text, by.key, by.low, by.step, algorithm=algorithm, seed=options.seed_of(by.key), where=where
    )
    rows, first, second, cells = execute(connection, query, binary=True).fetchone() or (0, 0, 0, b"")
    return Sums(int(rows), int(first), int(second)), ranges.pack(cells)
