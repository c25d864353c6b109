"""Validate the constraints of a database: NOT NULL, CHECK, domains, partition bounds, uniqueness, foreign keys.

Validated by queries over the heap (constraint_queries.py), so that a constraint which is only marked as valid, or an
index that has lost rows, can hide nothing. The rows that break a constraint are counted; no value leaves the database.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

import psycopg

from drills.checks.base.batches import in_batches, small_tables
from drills.checks.base.copy_code import NOTHING, CopyCode
from drills.checks.base.outcome import CheckOutcome, first_line, is_damage, is_lost, is_undefined, lacking
from drills.checks.base.session import Connection
from drills.checks.base.user_settings import alternatives
from drills.checks.integrity.constraint_queries import (
    ConstraintQuery,
    by_table,
    combined_query,
    counts_query,
    list_conditions,
    list_queries,
)
from drills.checks.integrity.indexes import Shown
from drills.model.finding import Finding, NotChecked, Severity
from drills.plural import counted
from drills.redaction import hide_constants
from drills.sql import Quoted, execute

NAME = "constraints"
# Beside the pinned settings: a partition is read whatever its bounds say, and large tables by parallel workers.
_SETTINGS = ("set local enable_partition_pruning = off", "set local max_parallel_workers_per_gather = 2")


@dataclass(frozen=True, slots=True)
class _Count:
    """How many rows break a constraint, or why nobody knows; `damage` is the server's error where it cannot read its
    data. `undefined`: a name is unknown under the settings that it was counted with.
    """

    broken: int = 0
    unknown: str = ""
    damage: str = ""
    undefined: bool = False


def check(
    connection: Connection, identical: Set[str] | None, shown: Shown | None = None, code: CopyCode = NOTHING
) -> CheckOutcome:
    """Validate all constraints of one database.

    `identical` names the tables whose rows are known to be those of the source, None where there is no manifest: what
    is broken there was broken before the backup, and the copy is not at fault. What the check of the indexes has `shown`
    needs no further validation. What `code` names is not evaluated, and listed.
    """
    users = alternatives(connection, with_path=not code.limited)
    for statement in _SETTINGS:
        execute(connection, statement)
    temp_space = _temp_space(connection)
    shown = shown or Shown()
    total, listed = _without_code(list_queries(connection, shown.unique), code, identical)
    validated = {
        query
        for query in listed
        if query.index in shown.unique or (query.condition and (query.tables[0], query.condition) in shown.unbroken)
    }
    if left := [query for query in listed if query not in validated]:
        validated |= _validated_together(connection, left, temp_space)
    everything = tuple(query for query in listed if query not in validated)
    total += CheckOutcome(len(validated))
    damaged = dict[str, str]()
    for table, some in by_table(everything):
        for query, first in zip(some, _counts(connection, table, some), strict=True):
            answer = _count_as_users(connection, query, first, users)
            if answer.damage:
                damaged[table] = answer.damage
            else:
                total += _outcome(query, answer, identical)
    for query in everything:
        if query.condition:
            continue
        unreadable = _Count(unknown="its table cannot be read")
        answer = unreadable if damaged.keys() & set(query.tables) else _count_alone(connection, query, temp_space)
        answer = _count_as_users(connection, query, answer, users)
        if answer.damage:
            damaged[query.tables[0]] = answer.damage
        else:
            total += _outcome(query, answer, identical)
    return total + CheckOutcome(len(damaged), tuple(_damaged(table, reason) for table, reason in damaged.items()))


def conditions(connection: Connection, code: CopyCode, identical: Set[str] | None) -> dict[Quoted, list[str]]:
    """Return the conditions that are true of rows which break a constraint, by table, without those of what `code` names."""
    found: dict[Quoted, list[str]] = {}
    for query in _without_code(list_conditions(connection), code, identical)[1]:
        found.setdefault(query.tables[0], []).append(query.condition)
    return found


def _without_code(
    listed: Sequence[ConstraintQuery], code: CopyCode, identical: Set[str] | None
) -> tuple[CheckOutcome, list[ConstraintQuery]]:
    """Divide the queries into what is not evaluated, as an outcome, and those that are.

    Where the tables hold the source's rows, nothing new could come of a constraint: it is left out. Elsewhere it is
    missing.
    """
    total, rest = CheckOutcome(), list[ConstraintQuery]()
    for query in listed:
        reason = next((found for called in query.calls or (("", 0),) if (found := code.of(*called, query.tables))), "")
        if not reason or query.impossible:
            rest.append(query)
            continue
        left = (NotChecked(query.object, reason),)
        same = identical is not None and set(query.tables) <= identical
        total += CheckOutcome(excluded=left) if same else CheckOutcome(unverified=left)
    return total, rest


def _validated_together(
    connection: Connection, listed: Sequence[ConstraintQuery], temp_space: int | None
) -> set[ConstraintQuery]:
    """Return the queries of small tables which a few combined queries show that no row breaks.

    The others are run one by one, so that a broken constraint is named.
    """
    small = small_tables(connection)
    possible: dict[str, list[ConstraintQuery]] = {}
    for query in listed:
        if (
            small.issuperset(query.tables)
            and not query.impossible
            and (temp_space is None or query.needs_bytes <= temp_space)
        ):
            possible.setdefault(query.tables[0], []).append(query)
    validated = set[ConstraintQuery]()
    for tables in in_batches(list(possible)):
        some = [query for table in tables for query in possible[table]]
        try:
            with connection.transaction(force_rollback=True):
                row = execute(connection, combined_query(some)).fetchone()
        except psycopg.DatabaseError as error:
            if is_lost(error):
                raise  # nothing more can be read on this connection
            continue
        if row and row[0] == 0:
            validated.update(some)
    return validated


def _temp_space(connection: Connection) -> int | None:
    """Return the bytes that one session may write to temporary files, None where it is not limited."""
    query = (
        "select setting::bigint * 1024 from pg_catalog.pg_settings where name = 'temp_file_limit' and setting <> '-1'"
    )
    row = execute(connection, query).fetchone()
    return int(row[0]) if row else None


def _counts(connection: Connection, table: Quoted, some: list[ConstraintQuery]) -> list[_Count]:
    """Answer several by one pass over their table; where that fails, each by itself, so that it is named."""
    try:
        with connection.transaction(force_rollback=True):
            row = execute(connection, counts_query(table, some)).fetchone()
    except psycopg.DatabaseError as error:
        if is_lost(error):
            raise  # nothing more can be read on this connection
        if is_damage(error):
            return [_Count(damage=first_line(error))] * len(some)
        return [_count_alone(connection, query, None) for query in some]
    return [_Count(int(count)) for count in row or ()]


def _count_alone(connection: Connection, query: ConstraintQuery, temp_space: int | None) -> _Count:
    if query.impossible:
        return _Count(unknown=query.impossible)
    if temp_space is not None and query.needs_bytes > temp_space:
        needs, has = query.needs_bytes // 2**20, temp_space // 2**20
        return _Count(unknown=f"needs about {needs:,} MB of temporary space, temp_file_limit allows {has:,} MB")
    try:
        return _Count(_count(connection, query.query))
    except psycopg.DatabaseError as error:
        return _failed(query, error)


def _count_as_users(connection: Connection, query: ConstraintQuery, first: _Count, users: Sequence[str]) -> _Count:
    """Count again with the settings of users, where the pinned ones do not suffice or rows break an expression.

    A row that fits under the settings of one of them is none that breaks the constraint: it was written so.
    """
    if not (first.undefined or (first.broken and query.expression)):
        return first
    for settings in users:
        try:
            again = _Count(_count(connection, query.query, settings))
        except psycopg.DatabaseError as error:
            again = _failed(query, error)
            if again.damage:
                return again
        if not (again.broken or again.unknown):
            return again
        first = again if first.unknown and not again.unknown else first
    return first


def _count(connection: Connection, query: str, first: str = "") -> int:
    with connection.transaction(force_rollback=True):
        if first:
            execute(connection, first)
        row = execute(connection, query).fetchone()
    return int(row[0]) if row else 0


def _failed(query: ConstraintQuery, error: psycopg.DatabaseError) -> _Count:
    if is_lost(error):
        raise error  # nothing more can be read on this connection
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return _Count(unknown=lacking(error, query.tables))
    if is_damage(error):
        return _Count(damage=first_line(error))
    return _Count(unknown=first_line(error), undefined=is_undefined(error))


def _damaged(table: str, reason: str) -> Finding:
    message = f"{table} cannot be read, so that its constraints cannot be validated: {reason}"
    return Finding(NAME, "error", table, "rows that can be read", reason, message, f"select count(*) from only {table}")


def _outcome(query: ConstraintQuery, answer: _Count, identical: Set[str] | None) -> CheckOutcome:
    inherited = identical is not None and set(query.tables) <= identical
    if answer.unknown:
        left = (NotChecked(query.object, answer.unknown),)
        optional = query.impossible or (answer.undefined and inherited)
        return CheckOutcome(excluded=left) if optional else CheckOutcome(unverified=left)
    if not answer.broken:
        return CheckOutcome(1)
    rows = counted(answer.broken, "row")
    message = f"{rows} of {query.tables[0]} break{'' if answer.broken > 1 else 's'} {query.object}"
    if inherited:
        message += ", as on the source: the tables hold the same rows"
    severity: Severity = "information" if inherited else "error"
    return CheckOutcome(
        1, (Finding(NAME, severity, query.object, "no such row", rows, message, hide_constants(query.query)),)
    )
