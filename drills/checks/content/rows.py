"""From a table that differs to its rows that do: by the ranges in the manifest, with two queries a table.

Keys are told where they are integers or uuids; another key is told as a digest under the manifest's key, with the query
that finds its row. A row that is lost is found by the same query on the source.
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
from drills.sql import Quoted, execute

_TABLES = 50  # how many tables of one database are narrowed
_TOLD = 8  # how many rows or ranges of one table are told


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Which rows of a table differ, as words, and a query that finds them, "" where there is none."""

    words: str
    query: str = ""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A table that differs: the ranges that the manifest has of it, how its rows were put into words, and which of them."""

    table: str
    ranges: Ranges
    form: fingerprint.Form
    where: str = ""


def narrow(
    connection: Connection, suspects: list[Suspect], algorithm: Algorithm, key: bytes | None
) -> dict[str, Narrowed]:
    """What can be said of each suspect by its name. A query that fails leaves its table as it is."""
    found: dict[str, Narrowed] = {}
    listed = {str(table.name): table for table in tables(connection)} if suspects else {}
    for suspect in suspects[:_TABLES]:
        if (table := listed.get(suspect.table)) is None:
            continue
        if suspect.ranges.key.kind == "hash" and key is None:
            found[suspect.table] = Narrowed("which rows cannot be told without the manifest's key")
            continue
        try:
            with connection.transaction():
                if told := _narrow(connection, suspect, table, algorithm, key):
                    found[suspect.table] = told
        except psycopg.DatabaseError as error:
            if is_lost(error):
                raise  # the connection is gone, and with it the rest
    return found


def _narrow(
    connection: Connection, suspect: Suspect, table: ListedTable, algorithm: Algorithm, key: bytes | None
) -> Narrowed | None:
    before = suspect.ranges
    seed = ranges.seed_of(key if before.key.kind == "hash" else None)
    text = fingerprint.text_of(table.columns, table.binary, algorithm, suspect.form)
    query = ranges.query(
        table.name, text, before.key, before.low, before.step, algorithm=algorithm, seed=seed, where=suspect.where
    )
    row = execute(connection, query, binary=True).fetchone()
    if row is None:
        return None
    differences = ranges.differences(before, ranges.pack(row[3]))
    number = ranges.expression(before.key, algorithm, seed)
    there = _there(connection, table.name, number, before, [one for each in differences for one in each.keys])
    words, conditions = [], []
    for each in differences[:_TOLD]:
        said, condition = _told(before, each, there, number)
        words.append(said)
        conditions.append(condition)
    if len(differences) > _TOLD:
        words.append(f"and in {len(differences) - _TOLD} more of {ranges.CELLS} ranges")
    return Narrowed("; ".join(words), f"select * from only {table.name} as r where {' or '.join(conditions)}")


def _there(connection: Connection, table: Quoted, number: Quoted, before: Ranges, keys: list[int]) -> dict[int, str]:
    """Which of these keys the copy has, with the key's own text where it may be told."""
    if not keys:
        return {}
    shown = f"r.{before.key.columns[0]}::text" if before.key.kind != "hash" else "''"
    query = f"select {number}, {shown} from only {table} as r where {number} = any (array[{', '.join(map(str, keys))}])"
    return {int(key): str(text) for key, text in execute(connection, f"{query} limit 1000").fetchall()}


def _told(before: Ranges, each: Difference, there: Mapping[int, str], number: Quoted) -> tuple[str, str]:
    """One range in words and as an SQL condition: the row where it is one, else from where to where."""
    column = ", ".join(before.key.columns)
    lost = each.after < each.before
    fitting = [key for key in each.keys if (key in there) != lost]
    if len(fitting) == 1:
        (key,) = fitting
        what = "lost" if lost else "added" if each.after > each.before else "changed"
        if before.key.kind == "integer":
            return f"{what}: the row with {column} {key}", f"r.{column} = {key}"
        name = there.get(key) or f"digest {key:010x}"
        return f"{what}: the row with {column} {name}", f"{number} = {key}"
    counts = f"{each.before:,} rows before, {each.after:,} now"
    low, high = before.low + each.number * before.step, before.low + (each.number + 1) * before.step - 1
    ends = (low if each.number else None, high if each.number < ranges.CELLS - 1 else None)
    name = f"r.{column}" if before.key.kind == "integer" else number
    condition = " and ".join(
        f"{name} {sign} {end}" for sign, end in zip((">=", "<="), ends, strict=True) if end is not None
    )
    if before.key.kind != "integer":
        return f"among the rows of range {each.number + 1} of {ranges.CELLS} ({counts})", condition
    words = " ".join(f"{sign} {end}" for sign, end in zip(("from", "to"), ends, strict=True) if end is not None)
    return f"among the rows with {column} {words} ({counts})", condition
