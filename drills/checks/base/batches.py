"""Which tables are so small that a query of their own costs more than their rows: many of them are read by one query.

A query over many tables may only say that all is well, or what the rows come to. Where it fails, or something is wrong,
each table is read for itself, so that a finding names it and the server's own words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import psycopg

from drills.checks.base.outcome import is_lost
from drills.checks.base.session import Connection, index_scans

MOST = 50  # tables in one query; planning takes longer with more, and a table that fails takes fewer with it
_BYTES = 512 * 1024  # of a table and its TOAST table together
_SMALL = """
select c.oid::pg_catalog.regclass::text from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'm') and c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and pg_catalog.pg_relation_size(c.oid)
        + coalesce(pg_catalog.pg_relation_size(nullif(c.reltoastrelid, 0)), 0) <= %s
"""
Thing = TypeVar("Thing")


def small_tables(connection: Connection) -> frozenset[str]:
    """The quoted names of small tables by the size of their files; none where a lock keeps the server from telling."""
    try:
        with index_scans(connection):
            return frozenset(str(name) for (name,) in connection.execute(_SMALL, (_BYTES,)))
    except psycopg.DatabaseError as error:
        if is_lost(error):
            raise  # the connection is gone, and with it the rest
        return frozenset()


def portions(things: Sequence[Thing], most: int = MOST) -> Iterator[Sequence[Thing]]:
    """The things in their order, so many at a time."""
    for start in range(0, len(things), most):
        yield things[start : start + most]
