"""The checks of a restored copy in their order: those that block, and those that run after RTA has stopped.

Each observes every database in a transaction of its own and is judged against the manifest. Where there is no manifest
a check that needs one is "not verified", never passed.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from datetime import datetime

import psycopg

from drills.checks import canary, catalog, content, harmless, large_objects, sequences
from drills.checks.canary import CanaryState
from drills.checks.catalog import Catalog
from drills.checks.judged import Judged, first_line, is_damage
from drills.checks.manifest import MAINTENANCE, DatabaseManifest, Manifest
from drills.checks.session import Connection, Connector, databases, snapshot
from drills.clock import Clock
from drills.config_models import TablePolicy
from drills.model import CheckResult, Finding, NotChecked, Outcome, Requirement

NO_MANIFEST = "no manifest says what the copy should contain"
CONNECTION = "connection"


Look = Callable[[Connection, DatabaseManifest], Judged]


def blocking(
    connect: Connector, manifest: Manifest | None, *, clock: Clock, key: bytes | None = None
) -> tuple[CheckResult, ...]:
    """The checks that must pass before a copy counts as usable: connection, catalog, sequences, canary.

    `key` is the manifest's; without it catalog fields that can hold secrets are compared by name only, and listed.
    """
    results = [_timed(clock, CONNECTION, lambda: _connection(connect, manifest))]
    if results[0].outcome == "met":
        results += [
            _timed(clock, catalog.NAME, lambda: _catalog(connect, manifest, key)),
            _timed(clock, sequences.NAME, lambda: _against(connect, manifest, sequences.NAME, "sequences", _sequences)),
            _timed(clock, canary.NAME, lambda: _canary(connect, manifest)),
        ]
    return tuple(dataclasses.replace(result, blocking=True) for result in results)


def remaining(
    connect: Connector, manifest: Manifest | None, *, policies: Mapping[str, TablePolicy], clock: Clock
) -> tuple[CheckResult, ...]:
    """The checks that read everything: content of every table, large objects; and that the copy is harmless."""
    return (
        _timed(clock, content.NAME, lambda: _content(connect, manifest, policies)),
        _timed(
            clock,
            large_objects.NAME,
            lambda: _against(connect, manifest, large_objects.NAME, "large objects", _large_objects),
        ),
        _timed(clock, harmless.NAME, lambda: _harmless(connect)),
    )


def newest_canary(connect: Connector) -> datetime | None:
    """The newest instant that a canary proves to be in the copy, over all databases; None without a canary."""
    newest = []
    for name in _names(connect):
        with snapshot(connect, name) as connection:
            state = canary.observe(connection)
        newest += [state.newest_at] if state else []
    return max(newest, default=None)


# -- one check each ---------------------------------------------------------------------------------------------------


def _connection(connect: Connector, manifest: Manifest | None) -> CheckResult:
    """Every database is entered and answers; a physical copy can hold one that cannot be (notes P33)."""
    judged = Judged()
    try:
        names = set(_names(connect))
    except psycopg.OperationalError as error:
        return _result(CONNECTION, Judged(1, (_cannot_enter(MAINTENANCE, error),)), "databases")
    for name in sorted(names | set(manifest.databases if manifest else ())):
        try:
            with snapshot(connect, name) as connection:
                connection.execute("select 1")
            judged += Judged(1)
        except psycopg.OperationalError as error:
            judged += Judged(1, (_cannot_enter(name, error),))
    return _result(CONNECTION, judged, "databases")


def _cannot_enter(name: str, error: psycopg.Error) -> Finding:
    reason = " ".join(str(error).split())
    return Finding(
        check=CONNECTION,
        severity="error",
        object=f"database {name}",
        expected="a database that can be entered",
        found=reason,
        message=f"database {name} cannot be entered: {reason}",
        query="select 1",
    )


def _catalog(connect: Connector, manifest: Manifest | None, key: bytes | None) -> CheckResult:
    def compare(expected: Catalog, found: Catalog) -> Judged:
        findings = catalog.judge(expected, found)
        return Judged(
            catalog.count(expected), findings, excused=(*catalog.left_out(expected), *catalog.left_out(found))
        )

    def look(connection: Connection, expected: DatabaseManifest) -> Judged:
        return compare(expected.catalog, catalog.observe(connection, key=key))

    def look_at_all(connection: Connection) -> Judged:
        return compare(manifest.cluster, catalog.observe_cluster(connection, key=key)) if manifest else Judged()

    if manifest is None:
        return _without_manifest(catalog.NAME)
    judged = _attempt(connect, MAINTENANCE, catalog.NAME, look_at_all)
    return _result(catalog.NAME, judged + _over(connect, manifest, catalog.NAME, look), "catalog entries")


def _sequences(connection: Connection, expected: DatabaseManifest) -> Judged:
    return sequences.judge(expected.sequences, sequences.observe(connection))


def _content(connect: Connector, manifest: Manifest | None, policies: Mapping[str, TablePolicy]) -> CheckResult:
    def look(connection: Connection, expected: DatabaseManifest) -> Judged:
        wanted = expected.contents
        found = content.observe(connection, algorithm=wanted.algorithm, policies=policies, expected=wanted)
        return content.judge(wanted, found, policies)

    if manifest is None:
        return _without_manifest(content.NAME)
    if other_major := _other_major(connect, manifest):
        return _result(content.NAME, Judged(unread=(NotChecked(content.NAME, other_major),)), "tables")
    unknown = content.unknown((one.contents for one in manifest.databases.values()), policies)
    return _result(content.NAME, _over(connect, manifest, content.NAME, look) + Judged(excused=unknown), "tables")


def _large_objects(connection: Connection, expected: DatabaseManifest) -> Judged:
    return large_objects.judge(expected.large_objects, large_objects.observe(connection))


def _canary(connect: Connector, manifest: Manifest | None) -> CheckResult:
    judged = Judged()
    before = {name: one.canary for name, one in manifest.databases.items()} if manifest else {}
    for name in _names(connect):
        expected = before.get(name)

        def look(connection: Connection, expected: CanaryState | None = expected) -> Judged:
            found = canary.observe(connection, expected=expected)
            return Judged(found.rows if found else 0, canary.judge(expected, found))

        judged += _attempt(connect, name, canary.NAME, look)
    if not (judged.compared or judged.findings or judged.unread):
        sentence = "the copy holds no canary, and none was expected"
        return CheckResult(canary.NAME, "not verified", sentence, "optional")
    return _result(canary.NAME, judged, "canary rows", "its chain is whole")


def _harmless(connect: Connector) -> CheckResult:
    judged = _attempt(
        connect, MAINTENANCE, harmless.NAME, lambda connection: harmless.judge(harmless.observe(connection))
    )
    return _result(harmless.NAME, judged, "facts", "no replication worker, archiver or job runner is live")


# -- shared -----------------------------------------------------------------------------------------------------------


def _against(connect: Connector, manifest: Manifest | None, name: str, what: str, look: Look) -> CheckResult:
    if manifest is None:
        return _without_manifest(name)
    return _result(name, _over(connect, manifest, name, look), what)


def _over(connect: Connector, manifest: Manifest, check: str, look: Look) -> Judged:
    """Look at each database that the manifest knows; one that is gone is the connection check's finding."""
    judged, there = Judged(), _names(connect)
    for name, expected in manifest.databases.items():
        if name in there:
            judged += _attempt(connect, name, check, functools.partial(_look_at, look, expected))
    return judged


def _look_at(look: Look, expected: DatabaseManifest, connection: Connection) -> Judged:
    return look(connection, expected)


def _attempt(connect: Connector, name: str, check: str, look: Callable[[Connection], Judged]) -> Judged:
    """Look at one database. A lost connection is tried again once; what then fails is a finding where the data are
    damaged, else it was not read.
    """
    for last in (False, True):
        try:
            with snapshot(connect, name) as connection:
                return look(connection)
        except psycopg.Error as error:
            if is_damage(error):
                return Judged(findings=(_damaged(name, check, error),))
            if last or not _is_lost(error):
                return Judged(unread=(NotChecked(f"database {name}", f"could not be read: {first_line(error)}"),))
    raise AssertionError("the second attempt returns")


def _is_lost(error: psycopg.Error) -> bool:
    # class 08 is "Connection Exception", 57P01 to 57P03 a server that stops or starts (PostgreSQL, "Error Codes")
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))


def _damaged(name: str, check: str, error: psycopg.Error) -> Finding:
    said = first_line(error)
    message = f"database {name} cannot be read: {said}"
    return Finding(check, "error", f"database {name}", "data that the server can read", said, message, "select 1")


def _names(connect: Connector) -> tuple[str, ...]:
    with snapshot(connect, MAINTENANCE) as connection:
        return databases(connection)


def _other_major(connect: Connector, manifest: Manifest) -> str:
    """Why fingerprints cannot be compared: PostgreSQL keeps its hash functions the same within a major version only."""
    with connect(MAINTENANCE) as connection:
        here = connection.info.server_version // 10000
    there = manifest.server_version_num // 10000
    if there == here:
        return ""
    return f"needs a manifest of PostgreSQL {here}, found one of {there}: fingerprints hold within a major version"


def _without_manifest(name: str) -> CheckResult:
    return CheckResult(name, "not verified", NO_MANIFEST, not_checked=(NotChecked(name, NO_MANIFEST),))


def _result(name: str, judged: Judged, what: str, praise: str = "") -> CheckResult:
    """A difference is missed; something that should have been compared and was not leaves the check not verified.

    A check that compared nothing is not verified either; where there was nothing to compare it is optional too.
    """
    errors = [finding for finding in judged.findings if finding.severity == "error"]
    warnings = len(judged.findings) - len(errors)
    outcome: Outcome = "not verified"
    requirement: Requirement = "required"
    if errors:
        outcome = "missed"
        sentence = errors[0].message + (f" and {len(errors) - 1} more" if len(errors) > 1 else "")
    elif judged.unread:
        first = judged.unread[0]
        sentence = f"{first.what}: {first.reason}; {len(judged.unread)} not compared"
    elif judged.compared or warnings:
        outcome = "met"
        difference = f"no difference that counts, {warnings} to look at" if warnings else "no difference"
        sentence = f"{judged.compared:,} {what} compared, {difference}" + (f"; {praise}" if praise else "")
    elif judged.excused:
        sentence = f"no {what} compared: {len(judged.excused)} left out"
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


def _timed(clock: Clock, name: str, check: Callable[[], CheckResult]) -> CheckResult:
    """Carry out a check; one that loses its server is not verified."""
    began = clock.monotonic()
    try:
        result = check()
    except psycopg.Error as error:
        sentence = f"expected the copy to answer, found: {first_line(error)}: look at its server's log"
        result = CheckResult(name, "not verified", sentence, not_checked=(NotChecked(name, first_line(error)),))
    return dataclasses.replace(result, seconds=round(clock.monotonic() - began, 3))
