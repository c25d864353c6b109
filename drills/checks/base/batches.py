"""Small tables, for which a query of their own costs more than reading their rows: one query reads many of them.

A query over many tables may only confirm that all is well, or return sums of their rows. Where it fails, or something
is wrong, each table is read by itself, so that a finding names the table and quotes the server's error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import psycopg

from drills.checks.base.outcome import is_lost
from drills.checks.base.relations import FIRST_USER_OID
from drills.checks.base.session import Connection, index_scans
from drills.sql import Quoted

BATCH_SIZE = 50  # tables in one query; planning takes longer with more, and a table that fails takes fewer with it
_BYTES = 512 * 1024  # of a table and its TOAST table together
_LOCK_TIMEOUT = (
    b"set local lock_timeout = '1s'"  # sizes save queries: nobody waits long for them, and no budget limits it
)
_SMALL = f"""
select c.oid::pg_catalog.regclass::text from pg_catalog.pg_class as c
where c.relkind in ('r', 'm') and c.relpersistence <> 't' and c.oid >= {FIRST_USER_OID}
    and pg_catalog.pg_relation_size(c.oid)
        + coalesce(pg_catalog.pg_relation_size(nullif(c.reltoastrelid, 0)), 0) <= %s
"""
Item = TypeVar("Item")


def small_tables(connection: Connection) -> frozenset[Quoted]:
    """Return the quoted names of small tables by the size of their files; none where a lock keeps it from being read."""
    try:
        with index_scans(connection):
            connection.execute(_LOCK_TIMEOUT)
            return frozenset(Quoted(name) for (name,) in connection.execute(_SMALL, (_BYTES,)))
    except psycopg.DatabaseError as error:
        if is_lost(error):
            raise  # nothing more can be read on this connection
        return frozenset()


def in_batches(items: Sequence[Item], size: int = BATCH_SIZE) -> Iterator[Sequence[Item]]:
    """Yield the items in their order, at most `size` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
