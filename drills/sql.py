"""SQL that is put together as text: a type for what is already quoted, and the one place that passes text to psycopg."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NewType

import psycopg

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


def literal(text: str) -> Quoted:
    """Quote a text as an SQL literal, for a query that a person can paste into psql."""
    return Quoted("'" + text.replace("'", "''") + "'")
