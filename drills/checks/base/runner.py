"""Run a check over the databases of a copy: which databases, with which retry, and how its result is worded.

A lost connection is retried once. An error after that is a finding where the server failed to read its own data; any
other error leaves the database not verified.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

import psycopg

from drills.checks.base import copy_code
from drills.checks.base.outcome import CheckOutcome, first_line, is_damage, is_lost
from drills.checks.base.session import Connection, Connector, database_names, snapshot
from drills.checks.base.timeouts import resume_after_disconnect
from drills.clock import Clock
from drills.model.finding import CheckResult, Finding, NotChecked, Outcome, Requirement
from drills.plural import counted, counted_of

NO_MANIFEST = "no manifest says what the copy should contain"
Expected = TypeVar("Expected")
"""What a manifest says of one database."""
Seen = TypeVar("Seen")
"""What a check observes of one database."""


def inspect_database(
    connect: Connector, database: str, check: str, inspect: Callable[[Connection], Seen]
) -> Seen | CheckOutcome:
    """Inspect one database in a read-only transaction of its own; retry once when the connection is lost.

    Where it cannot be read, the outcome says why. An `inspect` that raises ServerUnresponsive has noted the object it was
    reading, and is called again with another connection to go on with the next one.
    """

    def once() -> Seen:
        with snapshot(connect, database) as connection:
            return inspect(connection)

    return resume_after_disconnect(lambda: retry_once(database, check, once))


def inspect_expected(
    connect: Connector,
    expected: Mapping[str, Expected],
    check: str,
    inspect: Callable[[Connection, Expected], CheckOutcome],
) -> CheckOutcome:
    """Inspect each database that is in `expected` and in the copy; the connection check reports the missing ones."""
    outcome, present = CheckOutcome(), database_names(connect)
    for name, of_database in expected.items():
        if name in present:

            def inspect_one(connection: Connection, of_database: Expected = of_database) -> CheckOutcome:
                return inspect(connection, of_database)

            outcome += inspect_database(connect, name, check, inspect_one)
    return outcome


def observe_each(
    connect: Connector, databases: Iterable[str], check: str, observe: Callable[[Connection, str], Seen]
) -> Iterator[tuple[str, Seen | CheckOutcome]]:
    """Yield what is observed of each database, by its name, or the outcome that says why it could not be."""
    for name in databases:

        def observe_one(connection: Connection, name: str = name) -> Seen:
            return observe(connection, name)

        yield name, inspect_database(connect, name, check, observe_one)


def inspect_all(
    connect: Connector,
    expected: Mapping[str, Expected],
    check: str,
    inspect: Callable[[Connection, Expected | None], CheckOutcome],
) -> CheckOutcome:
    """Inspect each database of the copy, with None where `expected` does not have it."""
    outcome = CheckOutcome()
    for name in database_names(connect):
        known = expected.get(name)

        def inspect_one(connection: Connection, of_database: Expected | None = known) -> CheckOutcome:
            return inspect(connection, of_database)

        outcome += inspect_database(connect, name, check, inspect_one)
    return outcome


def retry_once(database: str, check: str, inspect: Callable[[], Seen]) -> Seen | CheckOutcome:
    """Call `inspect`, once more when the connection is lost, and turn the error that remains into an outcome."""
    for last in (False, True):
        try:
            return inspect()
        except psycopg.Error as error:
            if is_damage(error):
                return CheckOutcome(findings=(damage(database, check, error),))
            if last or not is_lost(error):
                reason = f"could not be read: {first_line(error)}"
                return CheckOutcome(unverified=(NotChecked(f"database {database}", reason),))
        except UnicodeError:
            reason = "needs names that are valid in its encoding"
            return CheckOutcome(unverified=(NotChecked(f"database {database}", reason),))
    raise AssertionError("the second attempt returns")


def damage(database: str, check: str, error: psycopg.Error) -> Finding:
    """Return the finding that the server failed to read its own data."""
    reason = first_line(error)
    message = f"database {database} cannot be read: {reason}"
    return Finding(check, "error", f"database {database}", "data that the server can read", reason, message, "select 1")


def without_manifest(name: str) -> CheckResult:
    """Return the result of a check that needs a manifest and has none: not verified."""
    return CheckResult(name, "not verified", NO_MANIFEST, not_checked=(NotChecked(name, NO_MANIFEST),))


def build_result(
    name: str,
    outcome: CheckOutcome,
    what: str,
    remark: str = "",
    *,
    requirement: Requirement = "required",
    verb: str = "compared",
) -> CheckResult:
    """Turn an outcome into a result: "missed" with an error, "not verified" when something could not be read.

    A check that compared nothing is not verified; where nothing was expected either, it is optional as well.
    """
    verdict: Outcome = "not verified"
    errors = [finding for finding in outcome.findings if finding.severity == "error"]
    if errors:
        verdict = "missed"
        sentence = errors[0].message + (f" and {len(errors) - 1} more" if len(errors) > 1 else "")
    elif outcome.unverified:
        first = outcome.unverified[0]
        sentence = f"{first.what}: {first.reason}; {len(outcome.unverified)} not {verb}"
    elif outcome.compared or outcome.findings:
        verdict, sentence = (
            "met",
            f"{counted_of(outcome.compared, what)} {verb}, {_difference(outcome)}{_not_run(outcome)}",
        )
        sentence += f"; {remark}" if remark else ""
    elif outcome.excluded:
        sentence = f"no {what} {verb}: {len(outcome.excluded)} left out"
    else:
        sentence, requirement = f"no {what} are expected, and none were found", "optional"
    return CheckResult(
        name,
        verdict,
        sentence,
        requirement,
        compared=outcome.compared,
        findings=outcome.findings,
        not_checked=outcome.not_checked,
        unverified=len(outcome.unverified),
    )


def _difference(outcome: CheckOutcome) -> str:
    warnings = sum(finding.severity == "warning" for finding in outcome.findings)
    return f"no errors, {counted(warnings, 'warning')}" if warnings else "no difference"


def _not_run(outcome: CheckOutcome) -> str:
    """Return in words how many objects were left since they would run code of the copy; "" where none was."""
    left = sum(copy_code.is_reason(each.reason) for each in outcome.excluded)
    return f"; {left:,} not run, whose code is the copy's" if left else ""


def timed(
    clock: Clock, name: str, check: Callable[[], CheckResult], lost: Callable[[CheckResult], None] | None = None
) -> CheckResult:
    """Run a check and note the seconds it took; one that loses its server is not verified, which `lost` is told."""
    began = clock.monotonic()
    try:
        result = check()
    except psycopg.Error as error:
        sentence = f"expected the copy to answer, found: {first_line(error)}: look at its server's log"
        result = CheckResult(name, "not verified", sentence, not_checked=(NotChecked(name, first_line(error)),))
        if lost:
            lost(result)
    return dataclasses.replace(result, seconds=round(clock.monotonic() - began, 3))
