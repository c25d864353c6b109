"""Check that every view can still be planned and every C library loaded: objects that they depend on may be missing.

Views are planned by EXPLAIN and not executed. A library is loaded by PostgreSQL's own validator of C functions, which
also looks the function up in it and does nothing else; only libraries that are known to have no effect when they are
loaded are tried, others are listed.
"""

from __future__ import annotations

import psycopg

from drills.checks.base import anomalies
from drills.checks.base.anomalies import Anomaly, KnownAnomalies
from drills.checks.base.copy_code import NOTHING, CopyCode, allow_views, is_reason
from drills.checks.base.outcome import CheckOutcome, first_line, is_lost, is_undefined
from drills.checks.base.session import Connection
from drills.checks.base.timeouts import (
    DEFAULT_TIMEOUT,
    ServerUnresponsive,
    client_timeout,
    disconnect_after,
    unresponsive_reason,
)
from drills.model.finding import Finding, NotChecked
from drills.sql import execute

VIEWS, LIBRARIES = "views", "libraries"
# A view over foreign tables is skipped: planning it can reach the other server.
_VIEWS = """
with recursive foreigners (oid) as (
    select c.oid from pg_catalog.pg_class as c where c.relkind = 'f'
    union
    select r.ev_class from foreigners as f
    join pg_catalog.pg_depend as d on d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = f.oid
        and d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
    join pg_catalog.pg_rewrite as r on r.oid = d.objid and r.ev_class <> f.oid
)
select case c.relkind when 'm' then 'materialised view ' else 'view ' end || c.oid::pg_catalog.regclass,
    case c.relkind when 'm' then pg_catalog.pg_get_viewdef(c.oid)
        else 'select * from ' || c.oid::pg_catalog.regclass end,
    c.oid in (select oid from foreigners), c.oid::bigint
from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('v', 'm') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by 1
"""
_FUNCTIONS = """
select p.oid, p.oid::pg_catalog.regprocedure::text, p.probin,
    pg_catalog.has_function_privilege(p.oid, 'execute')
from pg_catalog.pg_proc as p join pg_catalog.pg_language as l on l.oid = p.prolang
where l.lanname = 'c' and p.oid >= 16384 order by 3, 2
"""
# Those of PostgreSQL's contrib and languages, and extensions that Amazon RDS offers, which register nothing that acts
# when they are loaded. Those that must be preloaded are not among them.
KNOWN_LIBRARIES = frozenset(
    {
        *("_int", "amcheck", "autoinc", "bloom", "btree_gin", "btree_gist", "citext", "cube", "dblink", "dict_int"),
        *("dict_snowball", "dict_xsyn", "earthdistance", "file_fdw", "fuzzystrmatch", "hstore", "insert_username"),
        *("isn", "lo", "ltree", "moddatetime", "pageinspect", "pg_buffercache", "pg_freespacemap", "pg_prewarm"),
        *("pg_trgm", "pg_visibility", "pg_walinspect", "pgcrypto", "pgrowlocks", "pgstattuple", "plperl", "plpgsql"),
        *("pltcl", "postgres_fdw", "refint", "seg", "sslinfo", "tablefunc", "tcn", "tsm_system_rows"),
        *("tsm_system_time", "unaccent", "uuid-ossp", "vector", "xml2", "pgxml"),
    }
)


def observe_views(
    connection: Connection,
    skipped: set[tuple[str, str]] | None = None,
    timeout: float = DEFAULT_TIMEOUT,
    code: CopyCode = NOTHING,
) -> tuple[int, tuple[Anomaly, ...], CheckOutcome]:
    """Return how many views were planned, which cannot be, and which were not tried.

    ServerUnresponsive where the server does not stop after `timeout` seconds and some. That view is noted in `skipped`,
    with its database, and left out when another connection is opened. What `code` names is not planned, since planning
    calls functions; nor can it be said of it that it cannot be.
    """
    skipped = set() if skipped is None else skipped
    planned, broken, remaining = 0, list[Anomaly](), CheckOutcome()
    allow_views(connection)
    for name, query, foreign, oid in execute(connection, _VIEWS).fetchall():
        if reason := code.of("pg_rewrite", oid):
            remaining += CheckOutcome(unverified=(NotChecked(name, reason),))
            continue
        if foreign:
            remaining += CheckOutcome(
                excluded=(NotChecked(name, "reads a foreign table: planning it can reach another server"),)
            )
            continue
        place = (connection.info.dbname, name)
        if place in skipped:
            remaining += CheckOutcome(unverified=(NotChecked(name, unresponsive_reason(timeout)),))
            continue
        try:
            error = _plan_error(connection, query, timeout)
        except ServerUnresponsive:
            skipped.add(place)
            raise
        if isinstance(error, psycopg.errors.InsufficientPrivilege):
            remaining += CheckOutcome(unverified=(NotChecked(name, f"needs SELECT on it: {first_line(error)}"),))
            continue
        planned += 1
        if error is not None:
            state = f"not to be planned: {first_line(error)}"  # as manifests have it
            broken.append(
                Anomaly(name, state, "a view that can be planned", f"explain {query.rstrip(';')}", alone="error")
            )
    return planned, tuple(broken), remaining


def _plan_error(connection: Connection, query: str, timeout: float) -> psycopg.DatabaseError | None:
    """Return the error of planning a query, with the empty search_path and, where a name is unknown, with its users'
    own.
    """
    error: psycopg.DatabaseError | None = None
    for path in ("''", "default"):
        try:
            with disconnect_after(connection, client_timeout(timeout)), connection.transaction(force_rollback=True):
                execute(connection, f"set local search_path to {path}")
                execute(connection, f"explain {query}")
            return None
        except psycopg.DatabaseError as failed:
            if is_lost(failed):
                raise  # nothing more can be read on this connection
            error = error or failed
            if not is_undefined(failed):
                break
    return error


def check_views(
    connection: Connection,
    expected: KnownAnomalies | None,
    skipped: set[tuple[str, str]] | None = None,
    timeout: float = DEFAULT_TIMEOUT,
    code: CopyCode = NOTHING,
) -> CheckOutcome:
    """Plan every view; one that could not be planned on the source either is information. Otherwise as
    `observe_views`.

    Code of the copy is left out where a manifest has the definitions to which the catalog is compared.
    """
    planned, broken, remaining = observe_views(connection, skipped, timeout, code)
    if expected is not None:
        of_code = tuple(left for left in remaining.unverified if is_reason(left.reason))
        others = tuple(left for left in remaining.unverified if not is_reason(left.reason))
        remaining = CheckOutcome(excluded=(*remaining.excluded, *of_code), unverified=others)
    return anomalies.judge(VIEWS, expected, broken, planned) + remaining


def check_libraries(connection: Connection) -> CheckOutcome:
    """Load the libraries of every C function that is not PostgreSQL's own."""
    total = CheckOutcome()
    for oid, name, path, may_execute in execute(connection, _FUNCTIONS).fetchall():
        library = str(path).rpartition("/")[2].removesuffix(".so")
        if library not in KNOWN_LIBRARIES:
            reason = "is not known to have no effect when it is loaded, and was not tried"
            total += CheckOutcome(excluded=(NotChecked(f"library {path}", reason),))
        elif not may_execute:
            total += CheckOutcome(excluded=(NotChecked(f"function {name}", "needs EXECUTE on it"),))
        else:
            total += _load(connection, oid, name, path)
    return CheckOutcome(total.compared, total.findings, total.unverified, tuple(dict.fromkeys(total.excluded)))


def _load(connection: Connection, oid: int, name: str, path: str) -> CheckOutcome:
    query = f"select pg_catalog.fmgr_c_validator({oid})"
    try:
        with connection.transaction(force_rollback=True):
            execute(connection, query)
    except psycopg.errors.InsufficientPrivilege as error:
        return CheckOutcome(
            excluded=(NotChecked(f"function {name}", f"needs the right to load it: {first_line(error)}"),)
        )
    except psycopg.DatabaseError as error:
        if is_lost(error):
            raise  # nothing more can be read on this connection
        reason = first_line(error)
        message = f"the library {path} of {name} cannot be used: {reason}"
        return CheckOutcome(
            1, (Finding(LIBRARIES, "error", f"function {name}", f"a function in {path}", reason, message, query),)
        )
    return CheckOutcome(1)
