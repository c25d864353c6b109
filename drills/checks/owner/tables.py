"""Read facts about one table of the restored copy, for features of the owner's own.

A table is named as SQL names it, `shop.orders` or `"Shop"."Orders"`; its database is the only one that has it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from psycopg import sql

from drills.checks.base.session import Connection, Connector, database_names, snapshot
from drills.errors import CheckUnavailable

_TABLE = """
select n.nspname, c.relname
from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.oid = pg_catalog.to_regclass(%s) and c.relkind in ('r', 'p')
"""
_LIMIT = "set local statement_timeout = '5min'"


def count_rows(connect: Connector, table: str) -> int:
    """Return how many rows the table has. CheckUnavailable where it is in no database, or in several."""
    return int(_read(connect, table, sql.SQL("count(*)")))


def newest(connect: Connector, table: str, column: str) -> datetime | None:
    """Return the newest instant in a column, in UTC; None for a table without rows.

    A timestamp without a time zone counts as UTC. CheckUnavailable where the column holds no timestamps.
    """
    found = _read(connect, table, sql.SQL("max({})").format(sql.Identifier(column)))
    if found is not None and not isinstance(found, datetime):
        raise CheckUnavailable(f"expected timestamps in {table}.{column}, found a {type(found).__name__}")
    if found is None:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _read(connect: Connector, table: str, what: sql.Composable) -> Any:
    holders = []
    for database in database_names(connect):
        with snapshot(connect, database) as connection:
            if identifier := _identifier(connection, table):
                holders.append(database)
                connection.execute(_LIMIT)
                row = connection.execute(sql.SQL("select {} from {}").format(what, identifier)).fetchone()
    if len(holders) != 1:
        found = f"it in {', '.join(holders)}" if holders else "none"
        raise CheckUnavailable(
            f"expected one table {table} in the copy, found {found}: name it with its schema, as in shop.orders"
        )
    return row[0] if row else None


def _identifier(connection: Connection, table: str) -> sql.Identifier | None:
    row = connection.execute(_TABLE, [table]).fetchone()
    return sql.Identifier(*row) if row else None
