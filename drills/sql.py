"""SQL that is put together as text: a type for what is already quoted, and the one place that passes text to psycopg."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NewType

import psycopg

# what a semicolon can stand in without ending a statement (PostgreSQL's documentation, "Lexical Structure")
_OPAQUE = re.compile(
    r"""--[^\n]* | [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*" | (\$(?:[^\W\d]\w*)?\$).*?\1""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r"/\*|\*/")

Quoted = NewType("Quoted", str)
"""SQL that can stand in a statement as it is: a name that the server has quoted (`quote_ident()`, `regclass::text`), or an
expression of such names."""


def execute(
    session: psycopg.Connection[Any] | psycopg.Cursor[Any],
    statement: str,
    values: Sequence[Any] | Mapping[str, Any] | None = None,
    *,
    binary: bool = False,
) -> psycopg.Cursor[Any]:
    """Execute a statement whose text is made at run time; every name in it must be `Quoted`, every value in `values`.

    psycopg takes literal strings only, unless they come as bytes. `binary` asks for results in the binary format, which
    makes the server refuse more than one statement. Raises psycopg.Error.
    """
    text = statement.encode()
    if isinstance(session, psycopg.Cursor):
        return session.execute(text, values, binary=binary)
    return session.execute(text, values, binary=binary)


def statements(text: str) -> tuple[str, ...]:
    """Return the statements of an SQL text without comments and without the semicolons between them; quoted texts are emptied.

    For counting and for the first word of each. Pure.
    """
    parts, at, depth = [], 0, 0
    while at < len(text):
        edge = _COMMENT.match(text, at)
        opaque = None if depth else _OPAQUE.match(text, at)
        if edge:
            depth = max(0, depth + (1 if edge[0] == "/*" else -1))
        elif opaque:
            parts.append(" " if opaque[0].startswith("--") else "''")
        elif not depth:
            parts.append(text[at])
        at = edge.end() if edge else opaque.end() if opaque else at + 1
    return tuple(each.strip() for each in "".join(parts).split(";") if each.strip())


def literal(text: str) -> Quoted:
    """Quote a text as an SQL literal, for a query that a person can paste into psql."""
    return Quoted("'" + text.replace("'", "''") + "'")
