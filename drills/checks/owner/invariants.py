"""What the owner says is always true of the data: SQL files that select the rows which break it.

A file begins with a sentence in a comment ("-- Every order has lines."), and may name its database in the next line
("-- database: orders"). It holds when its query gives no row. Only how many there are leaves the database.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

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
from drills.sql import execute

NAME = "invariants"
NONE = 'the target names no rules of its owner: write SQL files and set invariants = "FOLDER" in drill.toml'
OF_OTHER_DATA = (
    "--seed brought other data than those the target's rules are about, as far as anybody can tell: "
    "add --invariants FOLDER to prove rules on them"
)
_SENTENCE = re.compile(r"--\s*(\S.*\S)\s*")
_DATABASE = re.compile(r"--\s*database:\s*(\S+)\s*")


@dataclass(frozen=True, slots=True)
class Invariant:
    """One file: its name, what it says, the query of the rows that break it, and its database, "" for any."""

    name: str
    sentence: str
    query: str
    database: str = ""


@dataclass(frozen=True, slots=True)
class InvariantSet:
    """The invariants that a copy is held against; `reason` says why there are none."""

    each: tuple[Invariant, ...] = ()
    reason: str = NONE


def load(folder: Path) -> tuple[Invariant, ...]:
    """The invariants of a folder by name. ConfigError, one sentence, where a file says nothing or there is none."""
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
    if not re.sub(r"--.*", "", query).strip():
        raise ConfigError(f"{path}: expected a query of the rows that break it, found none")
    return Invariant(path.stem, sentence[1], query, database[1] if database else "")


def check(connect: Connector, rules: InvariantSet, longest: float = DEFAULT_TIMEOUT) -> CheckResult:
    """Each rule in its database, or in every one but the maintenance database where it names none.

    The server has `longest`, in seconds, for a rule.
    """
    if not rules.each:
        return CheckResult(NAME, "not verified", rules.reason, "optional")
    names = database_names(connect)
    own = [name for name in names if name != MAINTENANCE] or list(names)
    outcome = CheckOutcome()
    for name in names:
        mine = [rule for rule in rules.each if rule.database == name or (not rule.database and name in own)]
        outcome += inspect_database(
            connect, name, NAME, functools.partial(look, invariants=mine, done={}, longest=longest)
        )
    unknown = [rule for rule in rules.each if rule.database and rule.database not in names]
    outcome += CheckOutcome(
        unverified=tuple(NotChecked(_object(each), f"there is no database {each.database}") for each in unknown)
    )
    return build_result(NAME, outcome, NAME, verb="proved")


def verdict(rules: InvariantSet, result: CheckResult | None, sentence: str) -> Verdict | None:
    """What `result` says of the one rule that has this sentence, None where there is no result. Pure.

    A rule that the owner did not write down is optional. Case and full stop make no difference.
    """
    if result is None:
        return None
    rule = next((each for each in rules.each if _plain(each.sentence) == _plain(sentence)), None)
    if rule is None:
        reason = f"no rule of the target says {sentence!r}" if rules.each else rules.reason
        return Verdict(NAME, "not verified", reason, "optional", VERIFICATION_FAILED)
    for finding in result.findings:
        if finding.object == _object(rule):
            return Verdict(_object(rule), "missed", finding.message, result.requirement, VERIFICATION_FAILED)
    others = {_object(each) for each in rules.each} - {_object(rule)}
    unread = [left for left in result.not_checked if left.what not in others]
    if unread or not result.compared:
        reason = f"{unread[0].what}: {unread[0].reason}" if unread else result.sentence
        return Verdict(_object(rule), "not verified", reason, result.requirement, VERIFICATION_FAILED)
    return Verdict(_object(rule), "met", rule.sentence, result.requirement, VERIFICATION_FAILED)


def _object(rule: Invariant) -> str:
    return f"invariant {rule.name}"


def _plain(sentence: str) -> str:
    return " ".join(sentence.split()).rstrip(".").casefold()


def look(
    connection: Connection,
    invariants: Sequence[Invariant],
    done: dict[str, CheckOutcome] | None = None,
    longest: float = DEFAULT_TIMEOUT,
) -> CheckOutcome:
    """Count the rows that break each of them, with the search_path that users of the database have.

    Unanswered where the server does not even say that it took longer. That is noted in `done`, by the rule's name, with
    which another connection can go on.
    """
    done = {} if done is None else done
    for each in invariants:
        if each.name in done:
            continue
        try:
            done[each.name] = _look(connection, each, longest)
        except ServerUnresponsive:
            done[each.name] = CheckOutcome(unverified=(NotChecked(_object(each), unresponsive_reason(longest)),))
            raise
    return sum(done.values(), CheckOutcome())


def _look(connection: Connection, each: Invariant, longest: float) -> CheckOutcome:
    name = _object(each)
    try:
        with disconnect_after(connection, client_timeout(longest)), connection.transaction(force_rollback=True):
            connection.execute("set local search_path to default")
            set_statement_timeout(connection, longest)
            query = f"select count(*) from (\n{each.query}\n) as broken"
            # with a binary result the server takes one statement only, so that a file cannot step out of the count
            row = execute(connection, query, binary=True).fetchone()
    except psycopg.errors.QueryCanceled:
        return CheckOutcome(unverified=(NotChecked(name, f"timed out after {show_duration(longest)}"),))
    except psycopg.DatabaseError as error:
        if is_lost(error):
            raise  # the connection is gone, and with it the rest
        if is_damage(error):
            message = f"{each.sentence} That cannot be told: {first_line(error)}"
            return CheckOutcome(
                1, (Finding(NAME, "error", name, each.sentence, first_line(error), message, each.query),)
            )
        reason = f"expected a query that the copy can answer, found: {first_line(error)}: correct {each.name}.sql"
        return CheckOutcome(unverified=(NotChecked(name, reason),))
    if not row or not row[0]:
        return CheckOutcome(1)
    found = f"{row[0]:,} row{'s' if row[0] > 1 else ''}"
    message = f"{each.sentence} {found} break{'' if row[0] > 1 else 's'} that"
    return CheckOutcome(1, (Finding(NAME, "error", name, each.sentence, found, message, each.query),))
