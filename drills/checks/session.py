"""How a database is read: the session settings without which a query can lie, and which databases there are.

`count(*)` served from a visibility map, foreign keys proved through the very index that is broken, and constraints
that the planner takes for granted have all been seen to hide lost rows (notes/postgres.md 2.3 and 0.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]
Connector = Callable[[str], Connection]
"""Opens a new connection, in autocommit, to the database of a name."""

PINNED = {
    "default_transaction_read_only": "on",
    "search_path": "",
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "xmlbinary": "base64",
    "lc_monetary": "C",
    "quote_all_identifiers": "off",
    "row_security": "off",  # an error where rows would be filtered, never fewer rows
    "enable_indexscan": "off",
    "enable_indexonlyscan": "off",
    "enable_bitmapscan": "off",
    "constraint_exclusion": "off",
    "synchronize_seqscans": "off",
    "jit": "off",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "0",
}
# The service's own databases, which nobody else may enter: rdsadmin is Amazon RDS's.
SERVICE_DATABASES = frozenset({"rdsadmin"})


def pin(connection: Connection, *, statement_timeout_ms: int = 0) -> None:
    """Set the session so that output is the same everywhere and no planner shortcut can hide a loss."""
    for name, value in {**PINNED, "statement_timeout": str(statement_timeout_ms)}.items():
        connection.execute("select pg_catalog.set_config(%s, %s, false)", (name, value))


@contextmanager
def snapshot(connect: Connector, database: str) -> Iterator[Connection]:
    """A pinned connection in one REPEATABLE READ, READ ONLY transaction: all that is read there is of one instant.

    Catalog reads use the pinned settings too; index scans on system catalogs stay possible, since the planner only
    avoids what is switched off where it can.
    """
    with connect(database) as connection:
        pin(connection)
        with connection.transaction():
            connection.execute("set transaction isolation level repeatable read, read only")
            yield connection


def databases(connection: Connection) -> tuple[str, ...]:
    """The databases to look at: those that allow connections, without templates and the service's own."""
    rows = connection.execute(
        "select datname from pg_catalog.pg_database where datallowconn and not datistemplate order by datname"
    )
    return tuple(name for (name,) in rows if name not in SERVICE_DATABASES)
