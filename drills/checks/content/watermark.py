"""Watermarks: the newest value of a column, up to which a table that is written to is compared, and the condition for
it.
"""

from __future__ import annotations

from collections.abc import Sequence

from drills.checks.base.session import Connection
from drills.sql import Quoted, execute

# A watermark leaves the database, so that it may only be what says little: a number or an instant.
_WATERMARKS = ("smallint", "integer", "bigint", "date", "timestamp", "timestamp with time zone")


def condition(connection: Connection, column: str, up_to: str) -> str:
    """Return SQL for the rows up to a watermark, "" for all.

    Not `column <= literal`: for a constant beyond its statistics the planner looks at the end of an index, and in a damaged
    one it can stay there for ever.
    """
    if not column:
        return ""
    literal = _text(connection, "select pg_catalog.quote_literal(%s)", (up_to,))
    quoted = f"r.{_quoted(connection, column)}"
    return f"least({quoted}, {literal}) = {quoted}"


def newest(connection: Connection, table: Quoted, columns: Sequence[Quoted], column: str) -> tuple[str, str]:
    """Return the column's newest value as text, "" for an empty table; and why the column cannot be a watermark, if it
    cannot.

    `table` and its `columns` are quoted names, `column` is one as a policy has it.
    """
    quoted = _quoted(connection, column)
    if quoted not in columns:
        return "", f"its policy names the column {column!r}, which it does not have"
    kind = _text(
        connection,
        "select pg_catalog.format_type(atttypid, null) from pg_catalog.pg_attribute "
        "where attrelid = %s::pg_catalog.regclass and attname = %s",
        (table, column),
    )
    if kind.removesuffix(" without time zone") not in _WATERMARKS:
        return "", f"its policy needs a column of whole numbers, dates or timestamps, {column!r} is {kind}"
    return _text(connection, f"select pg_catalog.max(r.{quoted})::text from only {table} as r"), ""


def _quoted(connection: Connection, name: str) -> Quoted:
    return Quoted(_text(connection, "select pg_catalog.quote_ident(%s)", (name,)))


def _text(connection: Connection, query: str, values: tuple[str, ...] | None = None) -> str:
    row = execute(connection, query, values).fetchone()
    return "" if row is None or row[0] is None else str(row[0])
