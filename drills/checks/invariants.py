"""What the owner says is always true of the data: SQL files that select the rows which break it.

A file begins with a sentence in a comment ("-- Every order has lines."), and may name its database in the next line
("-- database: orders"). It holds when its query gives no row. Only how many there are leaves the database.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from drills.checks.judged import Judged, first_line, is_damage
from drills.checks.session import Connection
from drills.errors import ConfigError
from drills.model import Finding, NotChecked

NAME = "invariants"
_SENTENCE = re.compile(r"--\s*(\S.*\S)\s*")
_DATABASE = re.compile(r"--\s*database:\s*(\S+)\s*")


@dataclass(frozen=True, slots=True)
class Invariant:
    """One file: its name, what it says, the query of the rows that break it, and its database, "" for any."""

    name: str
    sentence: str
    query: str
    database: str = ""


def load(folder: Path) -> tuple[Invariant, ...]:
    """The invariants of a folder by name. ConfigError, one sentence, where a file says nothing or there is none."""
    files = sorted(folder.glob("*.sql"))
    if not files:
        raise ConfigError(f"expected a folder with SQL files, found none in {folder}")
    return tuple(_parse(path) for path in files)


def _parse(path: Path) -> Invariant:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"{path}: expected SQL in UTF-8, found something that cannot be read") from error
    sentence = _SENTENCE.fullmatch(lines[0].strip()) if lines else None
    if sentence is None:
        raise ConfigError(f'{path}: expected a sentence in its first line, such as "-- Every order has lines."')
    database = _DATABASE.fullmatch(lines[1].strip()) if len(lines) > 1 else None
    query = "\n".join(lines[1:]).strip().rstrip(";").rstrip()
    if not re.sub(r"--.*", "", query).strip():
        raise ConfigError(f"{path}: expected a query of the rows that break it, found none")
    return Invariant(path.stem, sentence[1], query, database[1] if database else "")


def look(connection: Connection, invariants: Sequence[Invariant]) -> Judged:
    """Count the rows that break each of them, with the search_path that users of the database have."""
    total = Judged()
    for each in invariants:
        total += _look(connection, each)
    return total


def _look(connection: Connection, each: Invariant) -> Judged:
    name = f"invariant {each.name}"
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("set local search_path to default")
            row = connection.execute(f"select count(*) from (\n{each.query}\n) as broken".encode()).fetchone()
    except psycopg.DatabaseError as error:
        if error.sqlstate is None:
            raise  # the connection is gone, and with it the rest
        if is_damage(error):
            message = f"{each.sentence} That cannot be told: {first_line(error)}"
            return Judged(1, (Finding(NAME, "error", name, each.sentence, first_line(error), message, each.query),))
        return Judged(unread=(NotChecked(name, first_line(error)),))
    if not row or not row[0]:
        return Judged(1)
    found = f"{row[0]:,} row{'s' if row[0] > 1 else ''}"
    message = f"{each.sentence} {found} break{'' if row[0] > 1 else 's'} that"
    return Judged(1, (Finding(NAME, "error", name, each.sentence, found, message, each.query),))
