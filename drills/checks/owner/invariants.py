"""Evaluate the owner's invariants: SQL files that select the rows which break a rule of the data.

A file begins with a sentence in a comment ("-- Every order has lines."), and may name its database in the next line
("-- database: orders"). It holds when its query returns no row. Only the number of rows leaves the database.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from drills.checks.base import copy_code
from drills.checks.base.outcome import CheckOutcome, first_line, is_damage, is_lost
from drills.checks.base.runner import build_result, inspect_database
from drills.checks.base.session import MAINTENANCE, Connection, Connector, database_names
from drills.checks.base.timeouts import (
    DEFAULT_TIMEOUT,
    ServerUnresponsive,
    client_timeout,
    disconnect_after,
    set_statement_timeout,
    unresponsive_reason,
)
from drills.durations import show_duration
from drills.errors import VERIFICATION_FAILED, ConfigError
from drills.model.finding import CheckResult, Finding, NotChecked, Verdict
from drills.plural import counted
from drills.sql import execute, statements

NAME = "invariants"
NONE = 'the target names no rules of its owner: write SQL files and set invariants = "FOLDER" in drill.toml'
OF_OTHER_DATA = (
    "--seed brought other data than those the target's rules are about, as far as anybody can tell: "
    "add --invariants FOLDER to evaluate rules on them"
)
_SENTENCE = re.compile(r"--\s*(\S.*\S)\s*")
_QUERY = re.compile(r"[\s(]*(select|with|values|table)\b", re.IGNORECASE)
_DATABASE = re.compile(r"--\s*database:\s*(\S+)\s*")


@dataclass(frozen=True, slots=True)
class Invariant:
    """One file: its name, its sentence, the query of the rows that break it, and its database, "" for any."""

    name: str
    sentence: str
    query: str
    database: str = ""


@dataclass(frozen=True, slots=True)
class InvariantSet:
    """The invariants that a copy is checked for; `reason` says why there are none."""

    invariants: tuple[Invariant, ...] = ()
    reason: str = NONE


def load(folder: Path) -> tuple[Invariant, ...]:
    """Return the invariants of a folder by name. ConfigError, one sentence, where a file has no sentence or there is
    none.
    """
    if not folder.is_dir():
        raise ConfigError(f"invariants: expected a folder with SQL files, found no folder {folder}")
    files = sorted(folder.glob("*.sql"))
    if not files:
        raise ConfigError(f"invariants: expected a folder with SQL files, found none in {folder}")
    return tuple(_parse(path) for path in files)


def _parse(path: Path) -> Invariant:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"{path}: expected SQL in UTF-8, found something that cannot be read") from error
    sentence = _SENTENCE.fullmatch(lines[0].strip()) if lines else None
    if sentence is None:
        raise ConfigError(f'{path}: expected a sentence in its first line, such as "-- Every order has lines."')
    database = _DATABASE.fullmatch(lines[1].strip()) if len(lines) > 1 else None
    query = "\n".join(lines[1:]).strip().rstrip(";").rstrip()
    found = statements(query)
    if not found:
        raise ConfigError(f"{path}: expected a query of the rows that break it, found none")
    if len(found) > 1:
        raise ConfigError(f"{path}: expected one query, found {len(found)} statements: write a file for each")
    if not _QUERY.match(found[0]):
        raise ConfigError(f"{path}: expected a query (select, with, values or table), found {found[0].split()[0]}")
    return Invariant(path.stem, sentence[1], query, database[1] if database else "")


def check(
    connect: Connector,
    rules: InvariantSet,
    timeout: float = DEFAULT_TIMEOUT,
    *,
    trust_code: bool = False,
    build: Callable[..., CheckResult] = build_result,
) -> CheckResult:
    """Evaluate each invariant in its database, or in every one but the maintenance database where it names none.

    The server has `timeout` seconds for each. Without `trust_code` none is evaluated by a login that could do harm, where
    the database has code that one of them might call. `build` makes the result of the outcome, as `build_result` does.
    """
    if not rules.invariants:
        return CheckResult(NAME, "not verified", rules.reason, "optional")
    names = database_names(connect)
    own = [name for name in names if name != MAINTENANCE] or list(names)
    outcome = CheckOutcome()
    for name in names:
        selected = [rule for rule in rules.invariants if rule.database == name or (not rule.database and name in own)]
        outcomes = dict[str, CheckOutcome]()

        def inspect(
            connection: Connection,
            selected: list[Invariant] = selected,
            outcomes: dict[str, CheckOutcome] = outcomes,
        ) -> CheckOutcome:
            if selected and (reason := copy_code.find(connection, trusted=trust_code).any):
                return CheckOutcome(unverified=tuple(NotChecked(_name(each), reason) for each in selected))
            copy_code.allow_views(connection)
            return evaluate(connection, selected, outcomes, timeout)

        outcome += inspect_database(connect, name, NAME, inspect)
    unknown = [rule for rule in rules.invariants if rule.database and rule.database not in names]
    outcome += CheckOutcome(
        unverified=tuple(NotChecked(_name(each), f"there is no database {each.database}") for each in unknown)
    )
    return build(NAME, outcome, NAME, verb="evaluated")


def verdict(rules: InvariantSet, result: CheckResult | None, sentence: str) -> Verdict | None:
    """Return the verdict on the one invariant that has this sentence, None where there is no result. Pure.

    An invariant that the owner did not write down is optional. Case and full stop make no difference.
    """
    if result is None:
        return None
    rule = next((each for each in rules.invariants if _normalized(each.sentence) == _normalized(sentence)), None)
    if rule is None:
        reason = f"no rule of the target says {sentence!r}" if rules.invariants else rules.reason
        return Verdict(NAME, "not verified", reason, "optional", VERIFICATION_FAILED)
    for finding in result.findings:
        if finding.object == _name(rule):
            return Verdict(_name(rule), "missed", finding.message, result.requirement, VERIFICATION_FAILED)
    others = {_name(each) for each in rules.invariants} - {_name(rule)}
    unread = [left for left in result.not_checked if left.what not in others]
    if unread or not result.compared:
        reason = f"{unread[0].what}: {unread[0].reason}" if unread else result.sentence
        return Verdict(_name(rule), "not verified", reason, result.requirement, VERIFICATION_FAILED)
    return Verdict(_name(rule), "met", rule.sentence, result.requirement, VERIFICATION_FAILED)


def _name(rule: Invariant) -> str:
    return f"invariant {rule.name}"


def _normalized(sentence: str) -> str:
    return " ".join(sentence.split()).rstrip(".").casefold()


def evaluate(
    connection: Connection,
    invariants: Sequence[Invariant],
    outcomes: dict[str, CheckOutcome] | None = None,
    timeout: float = DEFAULT_TIMEOUT,
) -> CheckOutcome:
    """Count the rows that break each invariant, with the search_path that users of the database have.

    ServerUnresponsive where the server does not stop in time. That is noted in `outcomes`, by the invariant's name,
    with which another connection can go on.
    """
    outcomes = {} if outcomes is None else outcomes
    for each in invariants:
        if each.name in outcomes:
            continue
        try:
            outcomes[each.name] = _evaluate(connection, each, timeout)
        except ServerUnresponsive:
            outcomes[each.name] = CheckOutcome(unverified=(NotChecked(_name(each), unresponsive_reason(timeout)),))
            raise
    return sum(outcomes.values(), CheckOutcome())


def _evaluate(connection: Connection, each: Invariant, timeout: float) -> CheckOutcome:
    name = _name(each)
    try:
        with disconnect_after(connection, client_timeout(timeout)), connection.transaction(force_rollback=True):
            connection.execute("set local search_path to default")
            set_statement_timeout(connection, timeout)
            query = f"select count(*) from (\n{each.query}\n) as broken"
            # with a binary result the server takes one statement only, so that a file cannot step out of the count
            row = execute(connection, query, binary=True).fetchone()
    except psycopg.errors.QueryCanceled:
        return CheckOutcome(unverified=(NotChecked(name, f"timed out after {show_duration(timeout)}"),))
    except psycopg.DatabaseError as error:
        if is_lost(error):
            raise  # nothing more can be read on this connection
        if is_damage(error):
            message = f"{each.sentence} It could not be evaluated: {first_line(error)}"
            return CheckOutcome(
                1, (Finding(NAME, "error", name, each.sentence, first_line(error), message, each.query),)
            )
        reason = f"expected a query that the copy can answer, found: {first_line(error)}: correct {each.name}.sql"
        return CheckOutcome(unverified=(NotChecked(name, reason),))
    if not row or not row[0]:
        return CheckOutcome(1)
    found = counted(row[0], "row")
    message = f"{each.sentence} {found} break{'' if row[0] > 1 else 's'} that"
    return CheckOutcome(1, (Finding(NAME, "error", name, each.sentence, found, message, each.query),))
