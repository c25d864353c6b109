"""How a check is carried out: on which databases, with which second chance, and how its result is worded.

A lost connection is tried again once; what then fails is a finding where the data are damaged, else it was not read.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import psycopg

from drills.checks.base.outcome import Judged, first_line, is_damage, is_lost
from drills.checks.base.session import Connection, Connector, names_of, snapshot
from drills.checks.base.timeouts import past_unanswered
from drills.checks.manifest import DatabaseManifest, Manifest
from drills.clock import Clock
from drills.model.finding import CheckResult, Finding, NotChecked, Outcome, Requirement

NO_MANIFEST = "no manifest says what the copy should contain"
Look = Callable[[Connection, DatabaseManifest], Judged]


def against(connect: Connector, manifest: Manifest | None, name: str, what: str, look: Look) -> CheckResult:
    """A check that needs a manifest: not verified without one."""
    if manifest is None:
        return without_manifest(name)
    return result_of(name, over(connect, manifest, name, look), what)


def over(connect: Connector, manifest: Manifest, check: str, look: Look) -> Judged:
    """Look at each database that the manifest knows; one that is gone is the connection check's finding."""
    judged, there = Judged(), names_of(connect)
    for name, expected in manifest.databases.items():
        if name in there:
            judged += attempt(connect, name, check, functools.partial(_look_at, look, expected))
    return judged


def _look_at(look: Look, expected: DatabaseManifest, connection: Connection) -> Judged:
    return look(connection, expected)


def attempt(connect: Connector, name: str, check: str, look: Callable[[Connection], Judged]) -> Judged:
    """Look at one database in a transaction of its own, twice where its connection is lost.

    Who raises Unanswered has noted what that was, and is called again with another connection, to go on behind it.
    """

    def once() -> Judged:
        with snapshot(connect, name) as connection:
            return look(connection)

    return past_unanswered(lambda: twice(name, check, once))


def twice(name: str, check: str, look: Callable[[], Judged]) -> Judged:
    """Look at one database. A lost connection is tried again once; what then fails is a finding where the data are
    damaged, else it was not read.
    """
    for last in (False, True):
        try:
            return look()
        except psycopg.Error as error:
            if is_damage(error):
                return Judged(findings=(_damaged(name, check, error),))
            if last or not is_lost(error):
                return Judged(unread=(NotChecked(f"database {name}", f"could not be read: {first_line(error)}"),))
        except UnicodeError:
            return Judged(unread=(NotChecked(f"database {name}", "needs names that are valid in its encoding"),))
    raise AssertionError("the second attempt returns")


def _damaged(name: str, check: str, error: psycopg.Error) -> Finding:
    said = first_line(error)
    message = f"database {name} cannot be read: {said}"
    return Finding(check, "error", f"database {name}", "data that the server can read", said, message, "select 1")


def everywhere(
    connect: Connector,
    manifest: Manifest | None,
    check: str,
    look: Callable[[Connection, DatabaseManifest | None], Judged],
) -> Judged:
    """Look at each database that is there, with what the manifest says of it, None where it says nothing."""
    judged = Judged()
    for name in names_of(connect):
        expected = manifest.databases.get(name) if manifest else None

        def look_at(connection: Connection, expected: DatabaseManifest | None = expected) -> Judged:
            return look(connection, expected)

        judged += attempt(connect, name, check, look_at)
    return judged


def without_manifest(name: str) -> CheckResult:
    """The result of a check that needs a manifest where there is none."""
    return CheckResult(name, "not verified", NO_MANIFEST, not_checked=(NotChecked(name, NO_MANIFEST),))


def result_of(
    name: str,
    judged: Judged,
    what: str,
    praise: str = "",
    *,
    requirement: Requirement = "required",
    verb: str = "compared",
) -> CheckResult:
    """A difference is missed; something that should have been compared and was not leaves the check not verified.

    A check that compared nothing is not verified either; where there was nothing to compare it is optional too.
    """
    errors = [finding for finding in judged.findings if finding.severity == "error"]
    warnings = sum(finding.severity == "warning" for finding in judged.findings)
    outcome: Outcome = "not verified"
    if errors:
        outcome = "missed"
        sentence = errors[0].message + (f" and {len(errors) - 1} more" if len(errors) > 1 else "")
    elif judged.unread:
        first = judged.unread[0]
        sentence = f"{first.what}: {first.reason}; {len(judged.unread)} not {verb}"
    elif judged.compared or judged.findings:
        outcome = "met"
        difference = f"no difference that counts, {warnings} to look at" if warnings else "no difference"
        sentence = f"{judged.compared:,} {what} {verb}, {difference}" + (f"; {praise}" if praise else "")
    elif judged.excused:
        sentence = f"no {what} {verb}: {len(judged.excused)} left out"
    else:
        sentence, requirement = f"no {what} are expected, and none were found", "optional"
    return CheckResult(
        name,
        outcome,
        sentence,
        requirement,
        compared=judged.compared,
        findings=judged.findings,
        not_checked=judged.not_checked,
    )


def timed(clock: Clock, name: str, check: Callable[[], CheckResult]) -> CheckResult:
    """Carry out a check; one that loses its server is not verified."""
    began = clock.monotonic()
    try:
        result = check()
    except psycopg.Error as error:
        sentence = f"expected the copy to answer, found: {first_line(error)}: look at its server's log"
        result = CheckResult(name, "not verified", sentence, not_checked=(NotChecked(name, first_line(error)),))
    return dataclasses.replace(result, seconds=round(clock.monotonic() - began, 3))
