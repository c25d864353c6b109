"""Reads every block of a copy once, so that nothing has to be loaded from S3 any more, and measures the time.

It needs no extension: each table and its out-of-line values are scanned, each B-tree is read from end to end in its order,
indexes without an order as hydration_indexes.py does it. In one that cannot be read so the table's keys are looked up; what
is then left is named. It runs outside of RTA, when all else is done, and measures the whole way to "as fast as it will ever
be".
"""

from __future__ import annotations

import psycopg

from drills.checks.base import copy_code
from drills.checks.base.outcome import first_line, is_lost
from drills.checks.base.session import Connection, Connector, database_names, snapshot
from drills.checks.base.timeouts import DEFAULT_TIMEOUT, ServerUnresponsive, resume_after_disconnect
from drills.checks.integrity import index_queries
from drills.checks.integrity import indexes as integrity_indexes
from drills.checks.integrity.index_queries import Index
from drills.checks.integrity.indexes import Progress
from drills.clock import Clock
from drills.model.finding import NotChecked
from drills.model.record import Hydration
from drills.recovery.hydration.indexes import read_whole
from drills.sql import Quoted, execute

_RELATIONS = """
select c.oid::pg_catalog.regclass::text, t.oid::pg_catalog.regclass::text,
    pg_catalog.pg_relation_size(c.oid), coalesce(pg_catalog.pg_relation_size(t.oid), 0)
from pg_catalog.pg_class as c left join pg_catalog.pg_class as t on t.oid = c.reltoastrelid
where c.relkind in ('r', 'm') and c.relpersistence <> 't' and (c.relkind = 'r' or c.relispopulated) order by 1
"""
_BYTES = "select coalesce(sum(pg_catalog.pg_relation_size(n::pg_catalog.regclass)), 0) from pg_catalog.unnest(%s::text[]) as n"


def hydrate(connect: Connector, clock: Clock, longest: float = DEFAULT_TIMEOUT) -> Hydration:
    """Read everything that a query can read. What could not be read is in the answer and no error.

    The server has `longest`, in seconds, for a search in an index.
    """
    began = clock.monotonic()
    relations, size, left = 0, 0, list[NotChecked]()
    for name in database_names(connect):
        try:
            with snapshot(connect, name) as connection:
                tables = _tables(connection)
            indexes = _indexes(connect, name, longest)
        except psycopg.Error as error:
            left.append(NotChecked(f"database {name}", first_line(error)))
            continue
        for count, read, unread in (tables, indexes):
            relations, size, left = relations + count, size + read, [*left, *unread]
    return Hydration(relations, size, round(clock.monotonic() - began, 3), tuple(left))


def _tables(connection: Connection) -> tuple[int, int, list[NotChecked]]:
    """Read every table; return the number of relations, their bytes, and what was not read."""
    count, size, left = 0, 0, list[NotChecked]()
    code = copy_code.find(connection, trusted=False)
    for table, toast, table_bytes, toast_bytes in execute(connection, _RELATIONS).fetchall():
        for name, taken in ((table, table_bytes), (toast, toast_bytes)):
            if name is None or (name == toast and not taken):
                continue
            if reason := code.tables.get(table) or _scan(connection, name):
                left.append(NotChecked(f"relation {name}", reason))
            else:
                count, size = count + 1, size + taken
    return count, size, left


def _indexes(connect: Connector, name: str, longest: float) -> tuple[int, int, list[NotChecked]]:
    """Read every index as `_tables` does; after a search without an answer another connection continues."""
    rest, progress = dict[Quoted, list[Index]](), Progress()

    def read() -> tuple[int, int, list[NotChecked]]:
        with snapshot(connect, name) as connection:
            return _read_indexes(connection, rest, progress, longest)

    return resume_after_disconnect(read)


def _read_indexes(
    connection: Connection, rest: dict[Quoted, list[Index]], progress: Progress, longest: float
) -> tuple[int, int, list[NotChecked]]:
    """Read each index by one question, and the `rest` of a table's by its keys."""
    code = copy_code.find(connection, trusted=False)
    without, by_table = integrity_indexes.without_code(index_queries.by_table(connection), code, None)
    for table, indexes in by_table.items():
        if table in rest or table in progress.done:
            continue
        try:
            rest[table] = [
                each for each in indexes if each.method == "btree" or not read_whole(connection, each, longest)
            ]
        except ServerUnresponsive:
            progress.done[table] = integrity_indexes.unverified_after_timeout(table, indexes, longest)
            raise
    wanted = {table: indexes for table, indexes in rest.items() if indexes}
    judged = without + integrity_indexes.check(connection, progress, longest, wanted, with_path=not code.limited)
    unread = {each.what for each in judged.not_checked}
    names = [each.name for indexes in by_table.values() for each in indexes if f"index {each.name}" not in unread]
    ((index_bytes,),) = connection.execute(_BYTES, (names,)).fetchall()
    return len(names), int(index_bytes), list(judged.not_checked)


def _scan(connection: Connection, name: str) -> str:
    """Read one relation from end to end; why it could not be, "" where it was."""
    try:
        with connection.transaction():
            execute(connection, f"select count(*) from only {name}")
    except psycopg.DatabaseError as error:
        if is_lost(error):
            raise
        return first_line(error)
    return ""
