"""Write the canary on a source: rows at a fixed interval, each chained to the one before by its digest.

This is the only part of the project that writes to a source, and a command of its own (`drills canary`,
docs/data-loss.md). The newest row found in a restored copy proves which instant the copy reaches to; the chain proves
that none is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from psycopg import sql

from drills.checks.base.session import Connection
from drills.checks.canary.chain import SCHEMA, read_checkpoint, verify_chain
from drills.errors import DrillError
from drills.sql import execute

ROLE = "drill_canary"
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
create table if not exists {SCHEMA}.checkpoint (
    seq bigint primary key,
    beat_at timestamptz not null,
    digest text not null
);
comment on table {SCHEMA}.checkpoint is 'The last row of the beat that was pruned: what the oldest one left must follow';
"""
_MAKE_ROLE = "create role {role} login nosuperuser nocreatedb nocreaterole noinherit noreplication connection limit 4"
_GRANT = """
revoke all on schema {schema} from public;
revoke all on all tables in schema {schema} from public;
grant usage on schema {schema} to {role};
grant select, insert, delete on {schema}.beat, {schema}.checkpoint to {role};
grant connect on database {database} to {role}
"""
# what the role can access elsewhere, which is what PUBLIC can: it is granted nothing, and PUBLIC includes it
_ELSEWHERE = """
select count(*) from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where n.nspname not in (%(schema)s, 'pg_catalog', 'information_schema') and n.nspname !~ '^pg_'
  and c.relkind in ('r', 'p', 'v', 'm', 'f')
  and pg_catalog.has_schema_privilege(%(role)s, n.oid, 'usage')
  and pg_catalog.has_table_privilege(%(role)s, c.oid, 'select,insert,update,delete,truncate')
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
    """One row of the canary; `at` is the database's own clock, in UTC whatever zone the session has."""

    seq: int
    at: datetime
    digest: str


def install(connection: Connection) -> None:
    """Create the canary's schema and tables where they are missing."""
    connection.execute(_INSTALL)


def statements(database: str, role: str = ROLE, *, make_role: bool = True) -> str:
    """Return the SQL that `drills canary install` executes: schema, tables, and a role that can access nothing else.

    The role owns nothing and can neither alter a row nor make a table. It has no password: its owner gives it one.
    """
    names = {"role": sql.Identifier(role), "schema": sql.Identifier(SCHEMA), "database": sql.Identifier(database)}
    made = sql.SQL(_MAKE_ROLE).format(**names).as_string() + ";\n" if make_role else ""
    return f"{_INSTALL.strip()}\n{made}{sql.SQL(_GRANT).format(**names).as_string().strip()};\n"


def install_for(connection: Connection, role: str = ROLE) -> int:
    """Execute `statements`, whole or not at all; return to how many other tables the role has access by PUBLIC."""
    there = connection.execute("select 1 from pg_catalog.pg_roles where rolname = %s", (role,)).fetchone()
    with connection.transaction():
        execute(connection, statements(connection.info.dbname, role, make_role=there is None))
        row = connection.execute(_ELSEWHERE, {"schema": SCHEMA, "role": role}).fetchone()
    return int(row[0]) if row else 0


def beat(connection: Connection) -> Beat:
    """Write the next row and return it; the time comes from the database."""
    with connection.transaction():
        connection.execute("select pg_catalog.pg_advisory_xact_lock(%s)", (_LOCK,))
        row = connection.execute(_BEAT).fetchone()
    if row is None:
        raise AssertionError("an insert that returns gives one row")
    return _of_row(row)


def newest(connection: Connection) -> Beat | None:
    """Return the last row that was written, None before the first."""
    row = connection.execute(f"select seq, beat_at, digest from {SCHEMA}.beat order by seq desc limit 1").fetchone()
    return _of_row(row) if row else None


def _of_row(row: tuple[int, datetime, str]) -> Beat:
    seq, at, digest = row
    return Beat(seq, at.astimezone(UTC), digest)


def prune(connection: Connection, keep: timedelta) -> int:
    """Remove rows older than `keep` before the newest one, and return how many; the newest one always stays.

    The last row that is removed becomes the checkpoint that the oldest row left must follow. The chain is verified before:
    DrillError, and nothing is removed, where the chain is broken, since a checkpoint would hide that.
    """
    with connection.transaction():
        connection.execute("select pg_catalog.pg_advisory_xact_lock(%s)", (_LOCK,))
        row = connection.execute(
            f"select max(seq) from {SCHEMA}.beat as b where beat_at < (select max(beat_at) from {SCHEMA}.beat) - %s "
            f"and seq < (select max(seq) from {SCHEMA}.beat)",
            (keep,),
        ).fetchone()
        last = row[0] if row else None
        if last is None:
            return 0
        _verify(connection, last)
        connection.execute(f"delete from {SCHEMA}.checkpoint")
        connection.execute(
            f"insert into {SCHEMA}.checkpoint select seq, beat_at, digest from {SCHEMA}.beat where seq = %s", (last,)
        )
        return connection.execute(f"delete from {SCHEMA}.beat where seq <= %s", (last,)).rowcount


def _verify(connection: Connection, last: int) -> None:
    checkpoint = read_checkpoint(connection)
    with connection.cursor(name="canary") as cursor:
        cursor.execute(
            f"select seq, beat_at, previous, digest from {SCHEMA}.beat where seq <= %s order by seq", (last,)
        )
        state = verify_chain(cursor, checkpoint=checkpoint)
    if state is not None and state.broken:
        raise DrillError(
            f"expected a whole chain of the canary before any of it is removed, found: {state.broken}: nothing was "
            "removed; find out who wrote to it, then install it again in an empty schema"
        )
