"""Writes the canary on a source: rows on a beat, each chained to the one before by its digest.

This is the one thing of the project that writes to a source, and a separate, explicit command (DESIGN.md, "Words"). The
newest row found in a restored copy proves which instant the copy reaches to; the chain proves that none is missing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from drills.checks.session import Connection

SCHEMA = "drill_canary"
_LOCK = 4_917_260_301  # the advisory lock of whoever beats: two at once would fork the chain
_INSTALL = f"""
create schema if not exists {SCHEMA};
comment on schema {SCHEMA} is 'Rows written on a beat so that a restored copy can tell which instant it reaches to';
create table if not exists {SCHEMA}.beat (
    seq bigint primary key,
    beat_at timestamptz not null,
    previous text not null,
    digest text not null
);
"""
_BEAT = f"""
insert into {SCHEMA}.beat (seq, beat_at, previous, digest)
select seq, beat_at, previous, pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
           previous || '|' || seq || '|' || (extract(epoch from beat_at) * 1000000)::bigint, 'UTF8')), 'hex')
from (select coalesce(max(seq), 0) + 1 as seq,
             coalesce((select digest from {SCHEMA}.beat order by seq desc limit 1), '') as previous,
             pg_catalog.clock_timestamp() as beat_at
      from {SCHEMA}.beat) as next
returning seq, beat_at, digest
"""


@dataclass(frozen=True, slots=True)
class Beat:
    """One row of the canary; `at` is the database's own clock, aware."""

    seq: int
    at: datetime
    digest: str


def install(connection: Connection) -> None:
    """Make the canary's schema and table where they are not there yet."""
    connection.execute(_INSTALL)


def beat(connection: Connection) -> Beat:
    """Write the next row and return it; the time comes from the database."""
    with connection.transaction():
        connection.execute("select pg_catalog.pg_advisory_xact_lock(%s)", (_LOCK,))
        row = connection.execute(_BEAT).fetchone()
    if row is None:
        raise AssertionError("an insert that returns gives one row")
    return Beat(*row)


def digest_of(previous: str, seq: int, at: datetime) -> str:
    """The digest that a row must have: SHA-256 over the one before, its number and its microseconds since 1970."""
    whole = at - datetime.fromtimestamp(0, at.tzinfo)
    micros = (whole.days * 86400 + whole.seconds) * 1_000_000 + whole.microseconds
    return hashlib.sha256(f"{previous}|{seq}|{micros}".encode()).hexdigest()
