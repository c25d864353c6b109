"""Locate the rows that differ in a table that does: by the ranges in the manifest, with two queries a table.

Keys are named where they are integers or uuids; another key is given as a digest under the manifest's key, with the
query that finds its row. A row that is lost is found by the same query on the source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from drills.checks.base.outcome import is_lost
from drills.checks.base.session import Connection
from drills.checks.content import fingerprint, ranges
from drills.checks.content.fingerprint import Algorithm
from drills.checks.content.ranges import Difference, Ranges
from drills.checks.content.tables import ListedTable, tables
from drills.plural import counted
from drills.sql import Quoted, execute

_MAX_TABLES = 50  # in how many tables of one database rows are located
_MAX_DESCRIBED = 8  # how many rows or ranges of one table are described


@dataclass(frozen=True, slots=True)
class RowLocation:
    """The rows of a table that differ, in words, and a query that finds them, "" where there is none."""

    description: str
    query: str = ""


@dataclass(frozen=True, slots=True)
class DifferingTable:
    """A table that differs: its ranges in the manifest, the form of its rows' text, the condition for the rows compared,
    and the encoding that text is converted to before it is hashed.
    """

    table: str
    ranges: Ranges
    form: fingerprint.Form
    where: str = ""
    convert: str = ""


def locate_rows(
    connection: Connection, differing_tables: list[DifferingTable], algorithm: Algorithm, key: bytes | None
) -> dict[str, RowLocation]:
    """Return where the rows of each table differ, by its name. A table whose query fails is left out."""
    found: dict[str, RowLocation] = {}
    listed = {str(table.name): table for table in tables(connection)} if differing_tables else {}
    for differing in differing_tables[:_MAX_TABLES]:
        if (table := listed.get(differing.table)) is None:
            continue
        if differing.ranges.key.kind == "hash" and key is None:
            found[differing.table] = RowLocation("which rows differ cannot be determined without the manifest's key")
            continue
        try:
            with connection.transaction(force_rollback=True):
                if location := _narrow(connection, differing, table, algorithm, key):
                    found[differing.table] = location
        except psycopg.DatabaseError as error:
            if is_lost(error):
                raise  # nothing more can be read on this connection
    return found


def _narrow(
    connection: Connection,
    differing: DifferingTable,
    table: ListedTable,
    algorithm: Algorithm,
    key: bytes | None,
) -> RowLocation | None:
    before = differing.ranges
    seed = ranges.seed_of(key if before.key.kind == "hash" else None)
    text = table.row(algorithm, differing.form, differing.convert)
    query = ranges.query(
        table.name,
        text,
        before.key,
        before.low,
        before.step,
        algorithm=algorithm,
        seed=seed,
        where=differing.where,
    )
    row = execute(connection, query, binary=True).fetchone()
    if row is None:
        return None
    differences = ranges.differences(before, ranges.pack(row[3]))
    number = ranges.expression(before.key, algorithm, seed)
    existing = _existing_keys(
        connection, table.name, number, before, [one for each in differences for one in each.keys]
    )
    descriptions, conditions = [], []
    for each in differences[:_MAX_DESCRIBED]:
        description, condition = _describe(before, each, existing, number)
        descriptions.append(description)
        conditions.append(condition)
    if len(differences) > _MAX_DESCRIBED:
        descriptions.append(f"and in {len(differences) - _MAX_DESCRIBED} more of {ranges.CELLS} ranges")
    return RowLocation("; ".join(descriptions), f"select * from only {table.name} as r where {' or '.join(conditions)}")


def _existing_keys(
    connection: Connection, table: Quoted, number: Quoted, before: Ranges, keys: list[int]
) -> dict[int, str]:
    """Return which of these keys the copy has, with the key's own text where it may be shown."""
    if not keys:
        return {}
    text = f"r.{before.key.columns[0]}::text" if before.key.kind != "hash" else "''"
    query = f"select {number}, {text} from only {table} as r where {number} = any (array[{', '.join(map(str, keys))}])"
    return {int(key): str(text) for key, text in execute(connection, f"{query} limit 1000").fetchall()}


def _describe(before: Ranges, each: Difference, existing: Mapping[int, str], number: Quoted) -> tuple[str, str]:
    """Describe one range in words and as an SQL condition: the row where it is one, else from where to where."""
    column = ", ".join(before.key.columns)
    lost = each.after < each.before
    fitting = [key for key in each.keys if (key in existing) != lost]
    if len(fitting) == 1:
        (key,) = fitting
        what = "lost" if lost else "added" if each.after > each.before else "changed"
        if before.key.kind == "integer":
            return f"{what}: the row with {column} {key}", f"r.{column} = {key}"
        name = existing.get(key) or f"digest {key:010x}"
        return f"{what}: the row with {column} {name}", f"{number} = {key}"
    counts = f"{counted(each.before, 'row')} before, {each.after:,} now"
    low, high = before.edges(each.number)
    ends = (low, None if high is None else high - 1)
    name = f"r.{column}" if before.key.kind == "integer" else number
    condition = " and ".join(
        f"{name} {sign} {end}" for sign, end in zip((">=", "<="), ends, strict=True) if end is not None
    )
    if before.key.kind != "integer":
        return f"among the rows of range {each.number + 1} of {ranges.CELLS} ({counts})", condition
    descriptions = " ".join(f"{sign} {end}" for sign, end in zip(("from", "to"), ends, strict=True) if end is not None)
    return f"among the rows with {column} {descriptions} ({counts})", condition
