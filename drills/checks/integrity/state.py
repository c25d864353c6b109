"""Look for anomalies in a database's state: invalid, disabled, never validated, in doubt, or close to wraparound.

Read from the catalog alone, so that it costs nothing, and without a superuser's rights.
"""

from __future__ import annotations

import dataclasses

from drills.checks.base import anomalies
from drills.checks.base.anomalies import Anomaly, KnownAnomalies
from drills.checks.base.outcome import CheckOutcome
from drills.checks.base.relations import made_by_users
from drills.checks.base.session import SERVICE_DATABASES, Connection
from drills.checks.catalog.scope import THIS_DATABASE, database_name
from drills.model.finding import Finding, NotChecked, Severity
from drills.sql import execute

NAME = "state"
_USER = made_by_users("c.oid")
_OLD, _TOO_OLD = 1_000_000_000, 1_900_000_000  # of the 2^31 transactions that may pass before a server stops

_INDEXES = f"""
select 'index ' || x.indexrelid::pg_catalog.regclass,
    case when not x.indislive then 'being dropped' when not x.indisready then 'not ready' else 'invalid' end
from pg_catalog.pg_index as x join pg_catalog.pg_class as c on c.oid = x.indexrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where not (x.indisvalid and x.indisready and x.indislive) and {_USER} order by 1
"""
_CONSTRAINTS = f"""
select 'constraint ' || pg_catalog.quote_ident(k.conname) || ' on '
        || coalesce(nullif(k.conrelid, 0)::pg_catalog.regclass::text, k.contypid::pg_catalog.regtype::text),
    'not validated'
from pg_catalog.pg_constraint as k join pg_catalog.pg_namespace as n on n.oid = k.connamespace
where not k.convalidated and {made_by_users("k.oid")} order by 1
"""
# A partition's trigger that is disabled because its parent's is, is reported with that one. A user's own trigger may be for
# replication alone (R) by design, which the catalog compares; one of a foreign key leaves it valid and not enforced.
_FIRST = """not exists (select from pg_catalog.pg_trigger as p where p.oid = t.tgparentid
    and p.tgenabled = t.tgenabled)"""
_TRIGGERS = f"""
select 'trigger ' || pg_catalog.quote_ident(t.tgname) || ' on ' || t.tgrelid::pg_catalog.regclass, 'disabled'
from pg_catalog.pg_trigger as t join pg_catalog.pg_class as c on c.oid = t.tgrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where t.tgenabled = 'D' and not t.tgisinternal and {_USER} and {_FIRST}
union all
select 'table ' || t.tgrelid::pg_catalog.regclass, 'without ' || count(*) || ' of its internal triggers'
from pg_catalog.pg_trigger as t join pg_catalog.pg_class as c on c.oid = t.tgrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where t.tgenabled = 'D' and t.tgisinternal and {_USER} and {_FIRST} group by t.tgrelid
union all
select 'table ' || t.tgrelid::pg_catalog.regclass, 'with ' || count(*) || ' internal triggers for replication alone'
from pg_catalog.pg_trigger as t join pg_catalog.pg_class as c on c.oid = t.tgrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where t.tgenabled = 'R' and t.tgisinternal and {_USER} and {_FIRST} group by t.tgrelid
union all
select 'rule ' || pg_catalog.quote_ident(r.rulename) || ' on ' || r.ev_class::pg_catalog.regclass, 'disabled'
from pg_catalog.pg_rewrite as r join pg_catalog.pg_class as c on c.oid = r.ev_class
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace where r.ev_enabled = 'D' and {_USER}
union all
select 'event trigger ' || pg_catalog.quote_ident(evtname), 'disabled'
from pg_catalog.pg_event_trigger where evtenabled = 'D' order by 1
"""
_VIEWS = f"""
select 'materialised view ' || c.oid::pg_catalog.regclass, 'unpopulated'
from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.relkind = 'm' and not c.relispopulated and {_USER} order by 1
"""
# A DETACH PARTITION CONCURRENTLY that was ended leaves it: its rows are not seen through the parent. A dump attaches it again.
_PARTITIONS = f"""
select 'partition ' || h.inhrelid::pg_catalog.regclass, 'about to be detached'
from pg_catalog.pg_inherits as h join pg_catalog.pg_class as c on c.oid = h.inhrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace where h.inhdetachpending and {_USER} order by 1
"""
# PostgreSQL itself warns, or refuses to sort, where a version was recorded and the library has none
# (pg_newlocale_from_collation() and CheckMyDatabase()). Only collations that an index or a key of a partition goes by can
# spoil an order; the others are ignored.
_COLLATIONS = """
select 'collation ' || c.oid::pg_catalog.regcollation,
    'of version ' || c.collversion || ', the server has '
        || coalesce(pg_catalog.pg_collation_actual_version(c.oid), 'none')
from pg_catalog.pg_collation as c
where c.collversion <> coalesce(pg_catalog.pg_collation_actual_version(c.oid), '')
    and exists (select from pg_catalog.pg_index as x where c.oid = any (x.indcollation)) order by 1
"""
_DATABASE_COLLATION = """
select 'database ' || pg_catalog.quote_ident(d.datname), 'of collation version ' || d.datcollversion
    || ', the server has ' || coalesce(pg_catalog.pg_database_collation_actual_version(d.oid), 'none')
from pg_catalog.pg_database as d
where d.datcollversion <> coalesce(pg_catalog.pg_database_collation_actual_version(d.oid), '') order by 1
"""
_PREPARED = """
select 'prepared transaction ' || pg_catalog.quote_literal(gid) || ' in database ' || pg_catalog.quote_ident(database),
    'neither committed nor rolled back'
from pg_catalog.pg_prepared_xacts order by 1
"""
_SLOTS = """
select 'replication slot ' || pg_catalog.quote_ident(slot_name), 'kept' from pg_catalog.pg_replication_slots
where not temporary order by 1
"""
# A subscription makes its own origin, whose name begins with pg_; how far each came goes on by itself and is not compared.
_ORIGINS = """
select 'replication origin ' || pg_catalog.quote_ident(roname), 'kept' from pg_catalog.pg_replication_origin
where roname !~ '^pg_' order by 1
"""
_SUBSCRIPTIONS = """
select 'subscription ' || pg_catalog.quote_ident(subname), 'enabled' from pg_catalog.pg_subscription
where subenabled order by 1
"""
_AGE = """
select pg_catalog.quote_ident(datname),
    greatest(pg_catalog.age(datfrozenxid), pg_catalog.mxid_age(datminmxid)) from pg_catalog.pg_database order by 1
"""
_INVALID = """
select 'database ' || pg_catalog.quote_ident(datname), 'invalid: its removal was begun'
from pg_catalog.pg_database where datconnlimit = -2 order by 1
"""
_CLOSED = """
select datname, pg_catalog.quote_ident(datname), datallowconn from pg_catalog.pg_database
where (not datallowconn or datistemplate) and datname not in ('template0', 'template1') order by 1
"""
# A query that shows the object, by the first word of its name.
_QUERIES = {
    "index": "select indexrelid::regclass, indisvalid, indisready, indislive from pg_catalog.pg_index "
    "where not (indisvalid and indisready and indislive)",
    "constraint": "select conname, conrelid::regclass, contypid::regtype from pg_catalog.pg_constraint where not convalidated",
    "trigger": "select tgrelid::regclass, tgname from pg_catalog.pg_trigger where tgenabled = 'D' and not tgisinternal",
    "table": "select tgrelid::regclass, tgname, tgenabled from pg_catalog.pg_trigger "
    "where tgenabled in ('D', 'R') and tgisinternal",
    "rule": "select ev_class::regclass, rulename from pg_catalog.pg_rewrite where ev_enabled = 'D'",
    "event": "select evtname from pg_catalog.pg_event_trigger where evtenabled = 'D'",
    "materialised": "select oid::regclass from pg_catalog.pg_class where relkind = 'm' and not relispopulated",
    "partition": "select inhrelid::regclass, inhparent::regclass from pg_catalog.pg_inherits where inhdetachpending",
    "prepared": "select gid, prepared, owner, database from pg_catalog.pg_prepared_xacts",
    "subscription": "select subname from pg_catalog.pg_subscription where subenabled",
}
_INSPECTED = f"""
select (select count(*) from pg_catalog.pg_index) + (select count(*) from pg_catalog.pg_constraint)
    + (select count(*) from pg_catalog.pg_trigger)
    + (select count(*) from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
       where c.relkind = 'm' and {_USER})
"""


def observe(connection: Connection) -> tuple[Anomaly, ...]:
    """Return the anomalies of the database that a pinned `connection` is in."""
    return (
        *_anomalies(connection, _INDEXES, "valid"),
        *_anomalies(connection, _CONSTRAINTS, "validated"),
        *_anomalies(connection, _TRIGGERS, "enabled"),
        *_anomalies(connection, _VIEWS, "populated"),
        *_anomalies(connection, _PARTITIONS, "attached", new="warning"),  # older manifests do not have it
        *_anomalies(connection, _COLLATIONS, "of the version that its indexes were made with"),
    )


def observe_cluster(connection: Connection, *, only: bool = False) -> tuple[Anomaly, ...]:
    """Return the anomalies of the whole server, or with `only` of the database that the connection is in.

    What comes and goes by itself is a warning at most.
    """
    version = connection.info.server_version
    ages = [
        Anomaly(f"database {name}", f"more than {limit:,} transactions old", "vacuumed in time", _AGE, *severity)
        for name, age in connection.execute(_AGE)
        for limit, severity in _limits(int(age))
    ]
    found = (
        *_anomalies(connection, _PREPARED, "no transaction in doubt"),
        *_anomalies(connection, _SLOTS, "none", new="warning", alone="warning"),
        *_anomalies(connection, _ORIGINS, "none", new="warning", alone="information"),
        *_anomalies(connection, _SUBSCRIPTIONS, "disabled", new="warning"),
        *_anomalies(connection, _INVALID, "whole"),
        *(_anomalies(connection, _DATABASE_COLLATION, "of the server's version") if version >= 150000 else ()),
        *ages,
    )
    if not only:
        return found
    own = f"database {database_name(connection)}"
    return tuple(
        dataclasses.replace(fact, object=fact.object.removesuffix(own) + THIS_DATABASE)
        for fact in found
        if fact.object.endswith(own)
    )


def _limits(age: int) -> tuple[tuple[int, tuple[Severity, Severity]], ...]:
    if age > _TOO_OLD:
        return ((_TOO_OLD, ("error", "error")),)
    return ((_OLD, ("warning", "warning")),) if age > _OLD else ()


def _anomalies(
    connection: Connection, query: str, usual: str, *, new: Severity = "error", alone: Severity = "warning"
) -> tuple[Anomaly, ...]:
    rows = execute(connection, query).fetchall()
    return tuple(
        Anomaly(str(name), str(state), usual, _QUERIES.get(str(name).split(" ", 1)[0], query), new, alone)
        for name, state in rows
    )


def check(connection: Connection, expected: KnownAnomalies | None) -> CheckOutcome:
    """Compare the anomalies of the database with the manifest's."""
    row = execute(connection, _INSPECTED).fetchone()
    return anomalies.judge(NAME, expected, observe(connection), int(row[0]) if row else 0)


def check_cluster(connection: Connection, expected: KnownAnomalies | None, *, only: bool = False) -> CheckOutcome:
    """Compare the anomalies of the server with the manifest's, and list the databases that were not entered."""
    found = observe_cluster(connection, only=only)
    lost = _lost(expected, found)
    outcome = anomalies.judge(NAME, expected, found, len(connection.execute(_AGE).fetchall()))
    if only:
        return outcome
    return outcome + CheckOutcome(findings=lost, excluded=closed_databases(connection))


def _lost(expected: KnownAnomalies | None, found: tuple[Anomaly, ...]) -> tuple[Finding, ...]:
    """Report slots, which a base backup leaves behind, and origins, which a dump does: replication must be set up
    again. Pure.
    """
    there = {fact.object for fact in found}
    return tuple(
        Finding(
            NAME,
            "warning",
            name,
            "kept",
            "none",
            f"{name} is not in the copy: whoever replicates through it must be set up again",
            " ".join((_SLOTS if "slot" in name.split(" ")[1] else _ORIGINS).split()),
        )
        for name in expected or {}
        if name.startswith(("replication slot ", "replication origin ")) and name not in there
    )


def closed_databases(connection: Connection) -> tuple[NotChecked, ...]:
    """Return the databases that are not inspected: those that refuse connections, and templates of the user's own."""
    return tuple(
        NotChecked(
            f"database {quoted}",
            "is a template: nothing in it was inspected" if open_ else "refuses connections: needs datallowconn",
        )
        for name, quoted, open_ in connection.execute(_CLOSED)
        if name not in SERVICE_DATABASES
    )
