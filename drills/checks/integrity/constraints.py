"""Whether the rows keep what the constraints promise: NOT NULL, CHECK, domains, partition bounds, uniqueness, foreign keys.

Proved by queries over the heap (constraint_queries.py), so that a constraint which is only marked as valid, or an index
that has lost rows, can hide nothing. The rows that break a promise are counted; no value leaves the database.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

import psycopg

from drills.checks.base.batches import in_batches, small_tables
from drills.checks.base.outcome import CheckOutcome, first_line, is_damage, is_lost, is_undefined
from drills.checks.base.session import Connection
from drills.checks.integrity.constraint_queries import Proof, at_once, by_table, proofs, together
from drills.model.finding import Finding, NotChecked, Severity
from drills.sql import Quoted, execute

NAME = "constraints"
# Beside the pinned settings: a partition is read whatever its bounds say, and large tables by parallel workers.
_SETTINGS = ("set local enable_partition_pruning = off", "set local max_parallel_workers_per_gather = 2")


@dataclass(frozen=True, slots=True)
class _Answer:
    """How many rows break a promise, or why nobody knows; `damage` is what the server said of data it cannot read."""

    broken: int = 0
    unknown: str = ""
    damage: str = ""


def check(connection: Connection, identical: Set[str] | None, unique: Set[str] = frozenset()) -> CheckOutcome:
    """Prove everything that the constraints of one database promise.

    `alike` names the tables whose rows are known to be those of the source, None where there is no manifest: what is
    broken there was broken before the backup, and the copy is not to blame. `unique` names the indexes that were seen to
    lead to all rows of their tables in order, and to no key twice: nothing more is to be proved of them.
    """
    for statement in _SETTINGS:
        execute(connection, statement)
    room = _temporary_space(connection)
    listed = proofs(connection)
    seen = {proof for proof in listed if proof.index in unique}
    kept = seen | _kept(connection, [proof for proof in listed if proof not in seen], room)
    everything = tuple(proof for proof in listed if proof not in kept)
    total, damaged = CheckOutcome(len(kept)), dict[str, str]()
    for table, some in by_table(everything):
        for proof, answer in zip(some, _together(connection, table, some), strict=True):
            if answer.damage:
                damaged[table] = answer.damage
            else:
                total += _judged(proof, answer, identical)
    for proof in everything:
        if proof.condition:
            continue
        unreadable = _Answer(unknown="its table cannot be read")
        answer = unreadable if damaged.keys() & set(proof.tables) else _alone(connection, proof, room)
        if answer.damage:
            damaged[proof.tables[0]] = answer.damage
        else:
            total += _judged(proof, answer, identical)
    return total + CheckOutcome(len(damaged), tuple(_damaged(table, said) for table, said in damaged.items()))


def _kept(connection: Connection, listed: Sequence[Proof], room: int | None) -> set[Proof]:
    """The promises of small tables that a few queries over many of them show to be kept.

    Of the others nothing is known yet: they are proved one by one, so that what is broken is named.
    """
    small = small_tables(connection)
    possible: dict[str, list[Proof]] = {}
    for proof in listed:
        if small.issuperset(proof.tables) and not proof.impossible and (room is None or proof.needs_bytes <= room):
            possible.setdefault(proof.tables[0], []).append(proof)
    kept = set[Proof]()
    for tables in in_batches(list(possible)):
        some = [proof for table in tables for proof in possible[table]]
        try:
            with connection.transaction(force_rollback=True):
                row = execute(connection, at_once(some)).fetchone()
        except psycopg.DatabaseError as error:
            if is_lost(error):
                raise  # the connection is gone, and with it the rest
            continue
        if row and row[0] == 0:
            kept.update(some)
    return kept


def _temporary_space(connection: Connection) -> int | None:
    """The bytes that one session may write to temporary files, None where it is not limited."""
    query = (
        "select setting::bigint * 1024 from pg_catalog.pg_settings where name = 'temp_file_limit' and setting <> '-1'"
    )
    row = execute(connection, query).fetchone()
    return int(row[0]) if row else None


def _together(connection: Connection, table: Quoted, some: list[Proof]) -> list[_Answer]:
    """Answer several by one pass over their table; where that fails, each for itself, so that it is named."""
    try:
        with connection.transaction():
            row = execute(connection, together(table, some)).fetchone()
    except psycopg.DatabaseError as error:
        if is_lost(error):
            raise  # the connection is gone, and with it the rest
        if is_damage(error):
            return [_Answer(damage=first_line(error))] * len(some)
        return [_alone(connection, proof, None) for proof in some]
    return [_Answer(int(count)) for count in row or ()]


def _alone(connection: Connection, proof: Proof, room: int | None) -> _Answer:
    if proof.impossible:
        return _Answer(unknown=proof.impossible)
    if room is not None and proof.needs_bytes > room:
        needs, has = proof.needs_bytes // 2**20, room // 2**20
        return _Answer(unknown=f"needs about {needs:,} MB of temporary space, temp_file_limit allows {has:,} MB")
    try:
        return _Answer(_count(connection, proof.query))
    except psycopg.DatabaseError as error:
        if not is_undefined(error):
            return _failed(proof, error)
    try:
        return _Answer(_count(connection, proof.query, "set local search_path to default"))
    except psycopg.DatabaseError as error:
        return _failed(proof, error)


def _count(connection: Connection, query: str, first: str = "") -> int:
    with connection.transaction(force_rollback=True):
        if first:
            execute(connection, first)
        row = execute(connection, query).fetchone()
    return int(row[0]) if row else 0


def _failed(proof: Proof, error: psycopg.DatabaseError) -> _Answer:
    if is_lost(error):
        raise error  # the connection is gone, and with it the rest
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        needs = "BYPASSRLS or the owner's role" if "row-level security" in str(error) else "SELECT"
        return _Answer(unknown=f"needs {needs} on {' and '.join(dict.fromkeys(proof.tables))}")
    if is_damage(error):
        return _Answer(damage=first_line(error))
    return _Answer(unknown=first_line(error))


def _damaged(table: str, said: str) -> Finding:
    message = f"{table} cannot be read, so that its constraints cannot be proved: {said}"
    return Finding(NAME, "error", table, "rows that can be read", said, message, f"select count(*) from only {table}")


def _judged(proof: Proof, answer: _Answer, identical: Set[str] | None) -> CheckOutcome:
    if answer.unknown:
        left = (NotChecked(proof.thing, answer.unknown),)
        return CheckOutcome(excluded=left) if proof.impossible else CheckOutcome(unverified=left)
    if not answer.broken:
        return CheckOutcome(1)
    rows = f"{answer.broken:,} row{'s' if answer.broken > 1 else ''}"
    message = f"{rows} of {proof.tables[0]} break{'' if answer.broken > 1 else 's'} {proof.thing}"
    inherited = identical is not None and set(proof.tables) <= identical
    if inherited:
        message += ", as on the source: the tables hold the same rows"
    severity: Severity = "information" if inherited else "error"
    return CheckOutcome(1, (Finding(NAME, severity, proof.thing, "no such row", rows, message, proof.query),))
