"""Divide large tables into pieces, ranges of their blocks, so that one table keeps several connections busy.

A piece is read by a TID range scan (PostgreSQL 14: https://www.postgresql.org/docs/14/release-14.html), which touches the
blocks of its range alone. The pieces of a table cover all blocks that there can be, each once, so that the sums of a table's
pieces are those of the table, whatever it grows to meanwhile. What moves rows to other blocks writes the table into another
file (CLUSTER, VACUUM FULL, ALTER TABLE), which the pieces reveal, and which waits while one is being read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import psycopg

from drills.checks.base.outcome import is_lost
from drills.checks.base.relations import FIRST_USER_OID
from drills.checks.base.session import Connection, index_scans
from drills.sql import Quoted, execute

LEAST_BYTES = 16 * 1024 * 1024  # of a piece: what a query costs by itself is nothing beside reading these
_PIECES_EACH = 4  # for each connection: whoever is done first takes another one
SERVER = 140_000  # the version from which on there are TID range scans
# What keeps the planner from any other plan than a TID range scan: it has no parallel workers.
SETTINGS = (
    b"set local enable_tidscan = on; set local enable_seqscan = off; set local max_parallel_workers_per_gather = 0"
)
_FILE = "select pg_catalog.pg_relation_filenode(%s::pg_catalog.regclass)::bigint"
_LOCK_TIMEOUT = b"set local lock_timeout = '1s'"  # a table that is locked is read whole, after waiting for it
# 2 is the OID of the access method heap, the one that is known to have TID range scans.
_LARGE = f"""
select name, (main / pg_catalog.current_setting('block_size')::bigint)::bigint, (main + toast)::bigint
from (select c.oid::pg_catalog.regclass::text as name, pg_catalog.pg_relation_size(c.oid) as main,
             coalesce(pg_catalog.pg_relation_size(nullif(c.reltoastrelid, 0)), 0) as toast
      from pg_catalog.pg_class as c
      where c.relkind in ('r', 'm') and c.relam = 2 and c.relpersistence <> 't' and c.oid >= {FIRST_USER_OID}) as sizes
where main + toast >= %s
"""


@dataclass(frozen=True, slots=True)
class Size:
    """The blocks of a table's file, and its bytes, those of its TOAST table included."""

    blocks: int
    size: int


@dataclass(frozen=True, slots=True)
class Piece:
    """The blocks from `low` up to and without `high`; None is all that follow."""

    low: int
    high: int | None

    @property
    def condition(self) -> str:
        """Return SQL for the rows in these blocks, of a table that is called r."""
        end = f" and r.ctid < '({self.high},0)'" if self.high is not None else ""
        return f"r.ctid >= '({self.low},0)'{end}"


@dataclass(frozen=True, slots=True)
class Sums:
    """How many rows, and the two sums of their hashes, which no range of numbers limits."""

    rows: int = 0
    first: int = 0
    second: int = 0

    def __add__(self, other: Sums) -> Sums:
        """Return the sums of both."""
        return Sums(self.rows + other.rows, self.first + other.first, self.second + other.second)


def large_tables(connection: Connection) -> dict[Quoted, Size]:
    """Return the tables that are worth dividing, by their quoted names; none of a server without TID range scans."""
    if connection.info.server_version < SERVER:
        return {}
    try:
        with index_scans(connection):
            connection.execute(_LOCK_TIMEOUT)
            found = execute(connection, _LARGE, (2 * LEAST_BYTES,))
            return {Quoted(name): Size(blocks, size) for name, blocks, size in found}
    except psycopg.DatabaseError as error:
        if is_lost(error):
            raise  # nothing more can be read on this connection
        return {}


def piece_size(sizes: Iterable[Size], connections: int) -> int:
    """Return how many bytes a piece should have where these tables are shared by so many connections. Pure."""
    total = sum(each.size for each in sizes)
    return max(LEAST_BYTES, -(-total // (connections * _PIECES_EACH)))


def split(size: Size, piece_bytes: int) -> tuple[Piece, ...]:
    """Return pieces of a table of about that many bytes each; the last one is open-ended. Pure."""
    number = max(1, min(size.blocks, round(size.size / piece_bytes)))
    edges = [size.blocks * place // number for place in range(number)]
    return tuple(Piece(low, high) for low, high in zip(edges, [*edges[1:], None], strict=True))


def file_of(connection: Connection, table: Quoted) -> int | None:
    """Return the number of the file that a table is in; it stays the same while a lock on the table is held."""
    row = execute(connection, _FILE, (table,)).fetchone()
    return row[0] if row else None
