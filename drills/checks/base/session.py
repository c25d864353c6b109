"""Read a database with session settings under which no query can hide a loss, and list the databases.

`count(*)` answered from a visibility map, foreign keys verified through the very index that is broken, and constraints
that the planner takes for granted have all been seen to hide lost rows (docs/detection.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from drills.sql import execute

Connection = psycopg.Connection[Any]
Connector = Callable[[str], AbstractContextManager[Connection]]
"""Gives a connection of its own, in autocommit, to the database of a name, for the length of a block."""


@dataclass(frozen=True)
class SingleDatabase:
    """A Connector to one database alone, whatever name it is called with; `name` is the one that the manifest has."""

    open: Callable[[], AbstractContextManager[Connection]]
    name: str

    def __call__(self, database: str) -> AbstractContextManager[Connection]:
        """Connect to that one database."""
        return self.open()


PINNED = {
    "client_encoding": "UTF8",  # names go to the server and come back in it, whatever the database's own encoding is
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
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "xmloption": "content",
    "gin_fuzzy_search_limit": "0",
    "exit_on_error": "off",
    "row_security": "off",  # an error where rows would be filtered, never fewer rows
    "enable_indexscan": "off",
    "enable_indexonlyscan": "off",
    "enable_bitmapscan": "off",
    "constraint_exclusion": "off",
    "synchronize_seqscans": "off",
    "jit": "off",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
    "restrict_nonsystem_relation_kind": "",
}
# Whatever search_path the owner of the database has set, nothing of theirs is meant: each type is named with its schema,
# and unnest() of several arrays is PostgreSQL's own (transformRangeFunction() in parse_clause.c). Older servers lack some settings.
_SET_ALL = """
select pg_catalog.set_config(s, v, false) from unnest(%s::pg_catalog.text[], %s::pg_catalog.text[]) as t (s, v)
where pg_catalog.current_setting(s, true) is not null
"""
_INDEX_SCANS = b"set local enable_indexscan = on; set local enable_indexonlyscan = on; set local enable_bitmapscan = on"
# The service's own databases, which nobody else may enter: rdsadmin is Amazon RDS's.
SERVICE_DATABASES = frozenset({"rdsadmin"})
# The database that is on every server: connections for what belongs to the whole server go there.
MAINTENANCE = "postgres"


def pin(connection: Connection, *, statement_timeout_ms: int = 0) -> None:
    """Pin the session's settings, so that output is the same everywhere and no planner shortcut can hide a loss."""
    settings = {**PINNED, "statement_timeout": str(statement_timeout_ms)}
    # one round trip, for each check opens its own
    connection.execute(_SET_ALL, [list(settings), list(settings.values())])


@contextmanager
def snapshot(connect: Connector, database: str) -> Iterator[Connection]:
    """Give a pinned connection in one REPEATABLE READ, READ ONLY transaction: all that is read is of one instant.

    Catalog reads use the pinned settings too; index scans on system catalogs stay possible, since the planner only
    avoids what is switched off where it can.
    """
    with connect(database) as connection:
        pin(connection)
        with names_as_text(connection), connection.transaction():
            connection.execute("set transaction isolation level repeatable read, read only")
            yield connection


@contextmanager
def names_as_text(connection: Connection) -> Iterator[None]:
    """Raise UnicodeError for a name that is no valid text, which is no damage in a database of encoding SQL_ASCII."""
    try:
        yield
    except psycopg.errors.CharacterNotInRepertoire as error:
        if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
            raise UnicodeError(str(error).partition("\n")[0]) from error
        raise


@contextmanager
def shared_snapshot(connect: Connector, database: str, workers: int) -> Iterator[tuple[Connection, ...]]:
    """Give `workers` connections as `snapshot` does, all of which see the same instant: the first one exports its
    snapshot.
    """
    with snapshot(connect, database) as first, helpers(connect, first, workers - 1) as others:
        yield (first, *others)


@contextmanager
def helpers(connect: Connector, first: Connection, number: int = 1) -> Iterator[tuple[Connection, ...]]:
    """Give further connections to the database of `first`, which see what its transaction sees."""
    with ExitStack() as stack:
        others = []
        if number:
            row = first.execute("select pg_catalog.pg_export_snapshot()").fetchone()
            imported = f"set transaction snapshot '{row[0] if row else ''}'"
            for _ in range(number):
                other = stack.enter_context(snapshot(connect, first.info.dbname))
                execute(other, imported)
                others.append(other)
        yield tuple(others)


def database_names(connect: Connector) -> tuple[str, ...]:
    """Return the names of the databases to read: the one of a `SingleDatabase`, else all that allow connections."""
    if isinstance(connect, SingleDatabase):
        return (connect.name,)
    with snapshot(connect, MAINTENANCE) as connection:
        return databases(connection)


def databases(connection: Connection) -> tuple[str, ...]:
    """Return the databases that allow connections, without templates and the service's own."""
    rows = connection.execute(
        "select datname from pg_catalog.pg_database where datallowconn and not datistemplate order by datname"
    )
    return tuple(name for (name,) in rows if name not in SERVICE_DATABASES)


@contextmanager
def index_scans(connection: Connection) -> Iterator[None]:
    """Use the catalog's own indexes, for catalog queries alone; without them time grows with the square of the objects.

    The server itself looks names up in these indexes whatever the settings are. They go back with the savepoint.
    """
    with connection.transaction(force_rollback=True):
        connection.execute(_INDEX_SCANS)
        yield
