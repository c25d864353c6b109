"""Run PostgreSQL's own checkers on indexes, heaps and visibility maps: amcheck and pg_visibility, where they are
available.

Only for scratch copies: an extension that is missing is created in a transaction that is rolled back, and
bt_index_parent_check() blocks writers. It runs after the catalog has been compared. Builds without contrib and roles
that may not create the extensions leave it "not verified"; drills/checks/integrity/indexes.py then covers indexes.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable

import psycopg

from drills.checks.base import copy_code
from drills.checks.base.copy_code import CopyCode
from drills.checks.base.outcome import CheckOutcome, first_line, is_lost, is_undefined
from drills.checks.base.session import Connection, Connector, names_as_text, pin
from drills.model.finding import Finding, NotChecked, Requirement
from drills.sql import Quoted, execute

NAME = "amcheck"
_TOOLS = ("amcheck", "pg_visibility")
_SCHEMA = Quoted("drills_amcheck")
_INSTALLED = """
select pg_catalog.quote_ident(n.nspname) from pg_catalog.pg_extension as e
join pg_catalog.pg_namespace as n on n.oid = e.extnamespace where e.extname = %s
"""
_AVAILABLE = "select count(*) from pg_catalog.pg_available_extensions where name = %s"
_BTREES = """
select x.indexrelid::bigint, x.indexrelid::pg_catalog.regclass::text
from pg_catalog.pg_index as x join pg_catalog.pg_class as i on i.oid = x.indexrelid
join pg_catalog.pg_am as m on m.oid = i.relam
where m.amname = 'btree' and i.relkind = 'i' and x.indisvalid and x.indisready and x.indislive
    and i.relpersistence = 'p' order by 2
"""
_HEAPS = """
select c.oid::bigint, c.oid::pg_catalog.regclass::text from pg_catalog.pg_class as c
join pg_catalog.pg_am as m on m.oid = c.relam
where c.relkind in ('r', 'm', 't') and c.relpersistence = 'p' and m.amname = 'heap' order by 2
"""
# Event triggers that run whatever session_replication_role says.
_ALWAYS = """
select pg_catalog.quote_ident(evtname) from pg_catalog.pg_event_trigger
where evtenabled in ('A', 'R') and evtevent <> 'login' limit 1
"""
_RANK: tuple[Requirement, ...] = ("required", "optional", "impossible")


def check(connect: Connector, database: str, *, trust_code: bool = False) -> tuple[CheckOutcome, Requirement]:
    """Return what the tools find in one database, and whether they were available at all ("required" where one ran).

    Without `trust_code` an index whose functions are the copy's own is left to a login that can do no harm, and so is
    an extension that would have to be created while the copy's event triggers cannot be silenced.
    """
    total = CheckOutcome()
    requirement: Requirement = "impossible"
    with connect(database) as connection, names_as_text(connection):
        pin(connection)
        with connection.transaction():
            code = copy_code.find(connection, trusted=trust_code)
        connection.execute("set default_transaction_read_only = off")
        for tool, check in ((_TOOLS[0], functools.partial(_amcheck, code=code)), (_TOOLS[1], _visibility)):
            outcome, level = _run_tool(connection, tool, database, check, code)
            total += outcome
            requirement = min(requirement, level, key=_RANK.index)
    return total, requirement


def _run_tool(
    connection: Connection,
    tool: str,
    database: str,
    check: Callable[[Connection, Quoted], CheckOutcome],
    code: CopyCode,
) -> tuple[CheckOutcome, Requirement]:
    """Run one tool and leave nothing of it behind."""
    what = f"{tool} in database {database}"
    installed = connection.execute(_INSTALLED, (tool,)).fetchone()
    available = connection.execute(_AVAILABLE, (tool,)).fetchone()
    if installed is None and not (available and available[0]):
        return CheckOutcome(
            excluded=(NotChecked(what, "needs the extension, which this server does not have"),)
        ), "impossible"
    if installed is None and code.any and (trigger := connection.execute(_ALWAYS).fetchone()):
        reason = f"event trigger {trigger[0]} would run when it is created, {code.any.partition(': ')[2]}"
        return CheckOutcome(excluded=(NotChecked(what, reason),)), "optional"
    try:
        with connection.transaction(force_rollback=True):
            schema = Quoted(installed[0]) if installed else _create(connection, tool)
            return check(connection, schema), "required"
    except psycopg.errors.InsufficientPrivilege as error:
        reason = f"needs a role that may create and call it: {first_line(error)}"
        return CheckOutcome(excluded=(NotChecked(what, reason),)), "optional"
    except psycopg.errors.FeatureNotSupported as error:
        return CheckOutcome(excluded=(NotChecked(what, first_line(error)),)), "impossible"


def _create(connection: Connection, tool: str) -> Quoted:
    _silence_event_triggers(connection)
    execute(connection, f"create schema {_SCHEMA}")
    execute(connection, f"create extension {tool} schema {_SCHEMA}")
    return _SCHEMA


def _silence_event_triggers(connection: Connection) -> None:
    """Keep the owner's event triggers from running for what is rolled back, where this role may do so."""
    with contextlib.suppress(psycopg.errors.InsufficientPrivilege), connection.transaction():
        connection.execute("set local session_replication_role = replica")


def _amcheck(connection: Connection, schema: Quoted, code: CopyCode) -> CheckOutcome:
    unique = ", true" if connection.info.server_version >= 170000 else ""
    total = CheckOutcome()
    for oid, name in execute(connection, _BTREES).fetchall():
        if reason := code.of("pg_index", oid):
            total += CheckOutcome(excluded=(NotChecked(f"index {name}", reason),))
            continue
        total += _run(connection, name, f"select {schema}.bt_index_parent_check({oid}::regclass, true, true{unique})")
    for oid, name in execute(connection, _HEAPS).fetchall():
        query = (
            f"select pg_catalog.concat_ws(' ', 'block', blkno, 'offset', offnum, msg) "
            f"from {schema}.verify_heapam({oid}::regclass, true, true)"
        )
        total += _run(connection, name, query)
    return total


def _visibility(connection: Connection, schema: Quoted) -> CheckOutcome:
    total = CheckOutcome()
    for oid, name in execute(connection, _HEAPS).fetchall():
        for function in ("pg_check_visible", "pg_check_frozen"):
            query = f"select '{function}: row version ' || t from {schema}.{function}({oid}::regclass) as t limit 1"
            total += _run(connection, name, query)
    return total


def _run(connection: Connection, name: str, query: str) -> CheckOutcome:
    """Run one checker: it reports damage by an error or by rows; an error about rights concerns the tool as a whole."""
    try:
        with connection.transaction():
            row = execute(connection, query).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        raise
    except psycopg.DatabaseError as error:
        if is_lost(error):
            raise  # nothing more can be read on this connection
        if is_undefined(error):
            reason = f"its function needs a search_path, so that no dump can restore it: {first_line(error)}"
            return CheckOutcome(excluded=(NotChecked(name, reason),))
        if (error.sqlstate or "").startswith(("57", "55", "53")):
            return CheckOutcome(unverified=(NotChecked(name, first_line(error)),))
        return CheckOutcome(1, (_finding(name, first_line(error), query),))
    if row is None or not row[0]:
        return CheckOutcome(1)
    return CheckOutcome(1, (_finding(name, str(row[0]), query),))


def _finding(name: str, reason: str, query: str) -> Finding:
    return Finding(NAME, "error", name, "a sound structure", reason, f"{name} is damaged: {reason}", query)
