"""Notes the text of each statement that a check runs, once, without its parameters: an auditor examines the queries.

Numbers of keys and watermarks that stand in a text are values of rows and are left out of it. A check has `MOST` bytes:
a database of many tables has a statement for each, which differ by the table's name.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.abc import Query

from drills.checks.base.session import Connection, Connector
from drills.notebook import Notebook
from drills.redaction import hide_constants

STATEMENTS_NAME = ".statements.jsonl"  # in the run's folder, until the run has ended
MOST = 2_000_000  # bytes of the statements of one check
_VALUES = (
    (re.compile(r"\barray\[-?\d[-\d, ]*\]"), "array[…]"),
    (re.compile(r"\bleast\((r\.(?:\w+|\"(?:[^\"]|\"\")*\")), '(?:[^']|'')*'\)"), r"least(\1, '…')"),
    (re.compile(r"(?<=snapshot )'[^']*'"), "'…'"),
)
# what evaluates conditions and keys of the owner's, whose constants are kept out of the catalog too where they may be secrets
_WITH_EXPRESSIONS = frozenset({"constraints", "indexes"})


class StatementLog:
    """The statements of one process, by the check that is running."""

    def __init__(self, notebook: Notebook | None = None) -> None:
        self.check = "connection"
        self._notebook = notebook
        self._known: set[tuple[str, bytes]] = set()
        self._bytes: dict[str, int] = {}
        self._lock = threading.Lock()

    def note(self, statement: str) -> None:
        """Note a statement of the running check, unless it is known."""
        text = without_values(statement)
        if self.check in _WITH_EXPRESSIONS:
            text = hide_constants(text)
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        with self._lock:
            if (self.check, digest) in self._known:
                return
            self._known.add((self.check, digest))
            self._bytes[self.check] = self._bytes.get(self.check, 0) + len(text)
            if self._bytes[self.check] > MOST:
                text = ""  # one more that is left out
        if self._notebook:
            self._notebook.add({"check": self.check, "text": text})

    def recording(self, connect: Connector) -> Connector:
        """Return a connector whose connections note what is executed on them."""
        if self._notebook is None:
            return connect
        plain, server = _cursors(self)

        @contextmanager
        def opened(database: str) -> Iterator[Connection]:
            with connect(database) as connection:
                connection.cursor_factory = plain
                connection.server_cursor_factory = server
                yield connection

        return opened


def without_values(statement: str) -> str:
    """Return a statement's text without the values of rows that stand in it. Pure."""
    for pattern, instead in _VALUES:
        statement = pattern.sub(instead, statement)
    return statement.strip()


def _cursors(log: StatementLog) -> tuple[type[psycopg.Cursor[Any]], type[psycopg.ServerCursor[Any]]]:
    class Plain(psycopg.Cursor[Any]):
        def execute(self, query: Query, *values: Any, **options: Any) -> Any:
            log.note(_text(query, self))
            return super().execute(query, *values, **options)

    class OnServer(psycopg.ServerCursor[Any]):
        def execute(self, query: Query, *values: Any, **options: Any) -> Any:
            log.note(_text(query, self))
            return super().execute(query, *values, **options)

    return Plain, OnServer


def _text(query: Query, cursor: psycopg.Cursor[Any] | psycopg.ServerCursor[Any]) -> str:
    if isinstance(query, bytes):
        return query.decode(errors="replace")
    return query if isinstance(query, str) else query.as_string(cursor)  # type: ignore[union-attr]
