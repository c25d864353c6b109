"""Damages a stored snapshot, as bit rot or a mistake would, so that a verifier can be seen to fail.

A server is started on the stored copy; a login without power, a member of all owners, removes or changes something, with
triggers and foreign keys off, and checks that the change shows; then the server is shut down. The login is gone by then.
A trigger that is always on and a generated column run the copy's code: as a superuser it would reach the host. The object
is chosen from the catalog, always the same one in the same database.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection, sql

from drills.errors import ConfigError, SandboxError
from drills.sandbox.postgres.cluster import Cluster
from drills.sandbox.postgres.roles import TemporaryLogin, temporary_login

Session = Connection[Any]

_LOGIN = "drills_damage"
_SETTINGS = {"session_replication_role": "replica", "row_security": "off", "synchronize_seqscans": "off"}
_USER_SCHEMA = "n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND n.nspname <> 'drill_canary'"
_NOT_OF_AN_EXTENSION = """NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend e
    WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')"""
_TABLES = f"""
    SELECT n.nspname, c.relname, pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND {_USER_SCHEMA}
      AND {_NOT_OF_AN_EXTENSION}
    ORDER BY 3 DESC, n.nspname, c.relname"""


@dataclass(frozen=True, slots=True)
class Damage:
    """One damage. `object` is "" where the snapshot has nothing of that kind, and `what` says so."""

    kind: str
    object: str
    what: str


def damage(cluster: Cluster, kinds: tuple[str, ...], settings: Mapping[str, str]) -> tuple[Damage, ...]:
    """Damage the data folder of a stopped cluster: one object of each kind, in the first database that has one.

    `settings` are those of the snapshot's server. Raises ConfigError for an unknown kind, SandboxError when the server
    does not start on the copy or when a change does not show.
    """
    if unknown := set(kinds) - set(KINDS):
        raise ConfigError(f"damage kinds are {', '.join(KINDS)}, found {', '.join(sorted(unknown))}.")
    cluster.run_dir.mkdir(mode=0o700, exist_ok=True)
    if cluster.user is not None:
        os.chown(cluster.run_dir, cluster.user.uid, cluster.user.gid)
    try:
        cluster.start(settings)
        with temporary_login(cluster, _LOGIN, _SETTINGS) as login:
            done = tuple(_one(cluster, login, kind) for kind in kinds)
        with cluster.connect("postgres") as session:
            session.execute("CHECKPOINT")
    finally:
        cluster.stop()
        shutil.rmtree(cluster.run_dir, ignore_errors=True)
    return done


def _one(cluster: Cluster, login: TemporaryLogin, kind: str) -> Damage:
    for database in _databases(cluster):
        with login.connect(database) as session:
            found = KINDS[kind](session)
            if found is not None:
                return Damage(kind, *found)
    return Damage(kind, "", f"there is nothing of the kind {kind} in any database of the snapshot")


def _databases(cluster: Cluster) -> list[str]:
    with cluster.connect("postgres") as session:
        rows = session.execute(
            "SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate "
            "AND datname <> 'rdsadmin' ORDER BY datname = 'postgres', datname"
        ).fetchall()
    return [row[0] for row in rows]


def _one_row(session: Session, query: str | sql.Composed, values: Sequence[Any] = ()) -> tuple[Any, ...]:
    row = session.execute(query, values or None).fetchone()
    assert row is not None
    return tuple(row)


def _quoted(session: Session, *parts: str) -> str:
    """Return a name as findings show it: quoted where SQL needs it."""
    return ".".join(str(_one_row(session, "SELECT quote_ident(%s)", [part])[0]) for part in parts)


def _require(changed: bool, expected: str) -> None:
    if not changed:
        raise SandboxError(f"The damage did not show: expected {expected}; use another kind.")


def _change(session: Session, table: sql.Identifier, statement: sql.Composed) -> int:
    """Run a DELETE or UPDATE and return the number of rows that it affected.

    A table without a primary key that publishes its changes refuses both
    (https://www.postgresql.org/docs/current/logical-replication-publication.html), so it gets a replica identity
    meanwhile.
    """
    try:
        return session.execute(statement).rowcount
    except psycopg.errors.ObjectNotInPrerequisiteState:
        identity = "SELECT relreplident = 'n' FROM pg_catalog.pg_class WHERE oid = %s::regclass"
        (nothing,) = _one_row(session, identity, [table.as_string(session)])
        before = sql.SQL("NOTHING" if nothing else "DEFAULT")
        session.execute(sql.SQL("ALTER TABLE {} REPLICA IDENTITY FULL").format(table))
        changed = session.execute(statement).rowcount
        session.execute(sql.SQL("ALTER TABLE {} REPLICA IDENTITY {}").format(table, before))
        return changed


def _row(session: Session) -> tuple[str, str] | None:
    """Delete one row from the middle of the largest table; its foreign keys and triggers do not act."""
    for schema, table, blocks in session.execute(_TABLES).fetchall():
        name = sql.Identifier(schema, table)
        for block in (blocks // 2, 0):
            found = session.execute(
                sql.SQL("SELECT ctid::text FROM ONLY {} WHERE ctid >= {}::tid LIMIT 1").format(name, f"({block},0)")
            ).fetchone()
            if found is None:
                continue
            where = sql.SQL("ONLY {} WHERE ctid = {}::tid").format(name, found[0])
            _change(session, name, sql.SQL("DELETE FROM {}").format(where))
            gone = not _one_row(session, sql.SQL("SELECT EXISTS (SELECT FROM {})").format(where))[0]
            _require(gone, f"one row less in {schema}.{table}")
            return _quoted(session, schema, table), "one row deleted"
    return None


def _row_value(session: Session) -> tuple[str, str] | None:
    """Change one character of one text value, at the same length."""
    columns = session.execute(
        f"""SELECT n.nspname, c.relname, a.attname
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND a.attnum > 0 AND NOT a.attisdropped
          AND a.attgenerated = '' AND a.atttypid = 'text'::regtype AND {_USER_SCHEMA}
          AND {_NOT_OF_AN_EXTENSION}
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND a.attnum = ANY (k.conkey))
        ORDER BY 1, 2, a.attnum"""
    ).fetchall()
    for schema, table, column in columns:
        name, value = sql.Identifier(schema, table), sql.Identifier(column)
        changed = _change(
            session,
            name,
            sql.SQL(
                "UPDATE ONLY {0} SET {1} = CASE WHEN left({1}, 1) = 'x' THEN 'y' ELSE 'x' END || substr({1}, 2) "
                "WHERE ctid = (SELECT ctid FROM ONLY {0} WHERE {1} <> '' LIMIT 1)"
            ).format(name, value),
        )
        if changed == 1:
            return _quoted(session, schema, table), f"one character of one value in column {column} changed"
    return None


def _default(session: Session) -> tuple[str, str] | None:
    """Drop one column default, not that of a generated or identity column."""
    query = f"""
        SELECT n.nspname, c.relname, a.attname FROM pg_catalog.pg_attrdef d
        JOIN pg_catalog.pg_class c ON c.oid = d.adrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
        WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attgenerated = '' AND {_USER_SCHEMA}
          AND pg_catalog.pg_has_role(c.relowner, 'MEMBER')
          AND {_NOT_OF_AN_EXTENSION}
        ORDER BY 1, 2, a.attnum LIMIT 1"""
    found = session.execute(query).fetchone()
    if found is None:
        return None
    schema, table, column = found
    session.execute(
        sql.SQL("ALTER TABLE {} ALTER COLUMN {} DROP DEFAULT").format(
            sql.Identifier(schema, table), sql.Identifier(column)
        )
    )
    _require(session.execute(query).fetchone() != found, f"no default on {schema}.{table}.{column}")
    return _quoted(session, schema, table, column), "the column default dropped"


def _grant(session: Session) -> tuple[str, str] | None:
    """Revoke one privilege that somebody other than the owner was granted on a table.

    One that the owner granted, if there is any: only as the grantor can another be revoked, who must be allowed to use
    the schema for that, which those of a dump with several owners often are not.
    """
    query = f"""
        SELECT n.nspname, c.relname, g.privilege_type, CASE WHEN g.grantee = 0 THEN '' ELSE r.rolname END,
          o.rolname, g.grantor = c.relowner
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) g
        LEFT JOIN pg_catalog.pg_roles r ON r.oid = g.grantee JOIN pg_catalog.pg_roles o ON o.oid = g.grantor
        WHERE c.relkind IN ('r', 'p') AND g.grantee <> c.relowner AND {_USER_SCHEMA}
          AND {_NOT_OF_AN_EXTENSION} AND pg_catalog.pg_has_role(g.grantor, 'MEMBER')
          AND (g.grantor = c.relowner OR pg_catalog.has_schema_privilege(g.grantor, n.oid, 'USAGE'))
        ORDER BY g.grantor <> c.relowner, 1, 2, 4, 3 LIMIT 1"""
    found = session.execute(query).fetchone()
    if found is None:
        return None
    schema, table, privilege, grantee, grantor, is_owner = found
    to = sql.Identifier(grantee) if grantee else sql.SQL("PUBLIC")
    # REVOKE revokes the grants of one grantor, for a superuser or a member the owner's unless the role is set
    with session.transaction():
        if not is_owner:
            session.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(grantor)))
        session.execute(
            sql.SQL("REVOKE {} ON TABLE {} FROM {} CASCADE").format(
                sql.SQL(privilege), sql.Identifier(schema, table), to
            )
        )
    _require(
        session.execute(query).fetchone() != found, f"no {privilege} on {schema}.{table} for {grantee or 'PUBLIC'}"
    )
    return _quoted(session, schema, table), f"{privilege} revoked from {grantee or 'PUBLIC'}"


def _sequence(session: Session) -> tuple[str, str] | None:
    """Set one sequence that has been used back to its start."""
    rows = session.execute(
        f"""SELECT n.nspname, c.relname, s.seqstart
        FROM pg_catalog.pg_sequence s JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relpersistence = 'p' AND {_USER_SCHEMA} AND {_NOT_OF_AN_EXTENSION}
        ORDER BY 1, 2"""
    ).fetchall()
    for schema, name, start in rows:
        place = sql.Identifier(schema, name)
        last, called = _one_row(session, sql.SQL("SELECT last_value, is_called FROM {}").format(place))
        if not called or last == start:
            continue
        session.execute("SELECT setval(%s::regclass, %s, true)", (place.as_string(session), start))
        _require(
            _one_row(session, sql.SQL("SELECT last_value FROM {}").format(place))[0] == start,
            f"{schema}.{name} at {start}",
        )
        return _quoted(session, schema, name), f"set back from {last} to {start}"
    return None


def _large_object(session: Session) -> tuple[str, str] | None:
    """Unlink the large object with the lowest id."""
    found = session.execute("SELECT min(oid::int8) FROM pg_catalog.pg_largeobject_metadata").fetchone()
    if found is None or found[0] is None:
        return None
    session.execute("SELECT lo_unlink(%s::oid)", (found[0],))
    gone = session.execute("SELECT 1 FROM pg_catalog.pg_largeobject_metadata WHERE oid::int8 = %s", found).fetchone()
    _require(gone is None, f"no large object {found[0]}")
    return f"large object {found[0]}", "unlinked"


def _canary(session: Session) -> tuple[str, str] | None:
    """Delete the canary's newest row (drills/checks/canary/writer.py: table `drill_canary.beat`, numbered by `seq`)."""
    if _one_row(session, "SELECT to_regclass('drill_canary.beat')")[0] is None:
        return None
    newest = "(SELECT max(seq) FROM drill_canary.beat)"
    found = session.execute(f"DELETE FROM drill_canary.beat WHERE seq = {newest} RETURNING seq").fetchone()
    if found is None:
        return None
    left = _one_row(session, "SELECT count(*) FROM drill_canary.beat WHERE seq = %s", found)[0]
    _require(left == 0, f"no row {found[0]} in drill_canary.beat")
    return "drill_canary.beat", "the newest row deleted"


KINDS: Mapping[str, Callable[[Session], tuple[str, str] | None]] = {
    "row": _row,
    "row-value": _row_value,
    "default": _default,
    "grant": _grant,
    "sequence": _sequence,
    "large-object": _large_object,
    "canary": _canary,
}
