"""Compare the position of every sequence: one that fell back hands out numbers that are taken already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg
from psycopg.rows import tuple_row

from drills.checks.base.outcome import CheckOutcome, first_line, is_damage, is_lost
from drills.checks.base.relations import made_by_users
from drills.checks.base.session import Connection
from drills.model.finding import Finding, NotChecked
from drills.sql import Quoted, execute

NAME = "sequences"
_CHUNK = 200  # sequences read in one statement
_NAMES = f"""
select c.oid::pg_catalog.regclass::text, pg_catalog.quote_ident(n.nspname),
    pg_catalog.has_schema_privilege(n.oid, 'USAGE'), pg_catalog.has_sequence_privilege(c.oid, 'SELECT'),
    c.relpersistence = 'u', x.extname is not null and c.oid <> all (coalesce(x.extconfig, '{{}}'))
from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
left join pg_catalog.pg_depend as d on d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid
    and d.deptype = 'e' and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
left join pg_catalog.pg_extension as x on x.oid = d.refobjid
where c.relkind = 'S' and {made_by_users("c.oid")} order by 1
"""


@dataclass(frozen=True, slots=True)
class Sequences:
    """Positions by the sequence's quoted name.

    `unreadable` says which right was lacking, `damaged` the server's error for one that it could not read, and
    `unlogged` names those that start again after a crash or a restore (since PostgreSQL 15, with their tables), `members`
    those of extensions that no dump carries (pg_extension_config_dump() marks the others).
    """

    positions: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)
    unlogged: tuple[str, ...] = ()
    members: tuple[str, ...] = ()


def observe(connection: Connection) -> Sequences:
    """Return the position of every sequence, as "last_value=…, is_called=…", in a pinned session.

    A sequence needs SELECT on it and USAGE on its schema; one without is listed as unreadable and stops nothing.
    Raises psycopg.Error when a query fails for another reason.
    """
    with connection.cursor(row_factory=tuple_row) as cursor:
        readable = list[Quoted]()
        rows = cursor.execute(_NAMES).fetchall()
        found = Sequences(
            unlogged=tuple(row[0] for row in rows if row[4]),
            members=tuple(row[0] for row in rows if row[5] and not row[4]),
        )
        for name, schema, enter, read, unlogged, member in rows:
            if unlogged or member:
                continue
            if enter and read:
                readable.append(name)
            else:
                found.unreadable[name] = (
                    f"needs SELECT on sequence {name}" if enter else f"needs USAGE on schema {schema}"
                )
        for start in range(0, len(readable), _CHUNK):
            _read(cursor, readable[start : start + _CHUNK], found)
    return found


def _read(cursor: psycopg.Cursor[tuple[object, ...]], names: list[Quoted], found: Sequences) -> None:
    """Read some at once; where one of them cannot be read, each by itself, so that it is named."""
    try:
        with cursor.connection.transaction(force_rollback=True):  # releases the locks
            found.positions.update(positions := _positions(cursor, names))
            # an emptied page is no error to the server, which then answers no row
            found.damaged.update((name, "it holds no row") for name in names if name not in positions)
    except psycopg.DatabaseError as error:
        if is_lost(error):
            raise  # nothing more can be read on this connection
        if len(names) > 1:
            for name in names:
                _read(cursor, [name], found)
        elif is_damage(error):
            found.damaged[names[0]] = first_line(error)
        else:
            found.unreadable[names[0]] = first_line(error)


def _positions(cursor: psycopg.Cursor[tuple[object, ...]], names: list[Quoted]) -> dict[str, str]:
    # the names come quoted from the server, which is what makes them safe in a FROM
    each = " union all ".join(
        f"select {number}, last_value::text, is_called::text from {name}" for number, name in enumerate(names)
    )
    rows = execute(cursor, each).fetchall()
    return {names[int(str(number))]: f"last_value={last}, is_called={called}" for number, last, called in rows}


def judge(expected: Sequences, found: Sequences) -> CheckOutcome:
    """Make one finding of each sequence whose position differs. Pure.

    The catalog check reports a missing or added sequence, which is passed over here.
    """
    after = {**found.positions, **{name: f"unreadable: {reason}" for name, reason in found.damaged.items()}}
    both = sorted(expected.positions.keys() & after.keys())
    unverified: Mapping[str, str] = {**expected.unreadable, **expected.damaged, **found.unreadable}
    return CheckOutcome(
        len(both),
        tuple(
            _moved(name, expected.positions[name], after[name])
            for name in both
            if expected.positions[name] != after[name]
        ),
        tuple(NotChecked(f"sequence {name}", reason) for name, reason in sorted(unverified.items())),
        tuple(
            NotChecked(f"sequence {name}", "unlogged: PostgreSQL starts it again when a backup is restored")
            for name in expected.unlogged
        )
        + tuple(
            NotChecked(f"sequence {name}", "belongs to an extension that does not mark it for a dump")
            for name in expected.members
        ),
    )


def _moved(name: str, before: str, after: str) -> Finding:
    return Finding(
        check=NAME,
        severity="error",
        object=name,
        expected=before,
        found=after,
        message=f"expected sequence {name} at {before}, found it at {after}",
        query=f"select last_value, is_called from {name}",
    )
