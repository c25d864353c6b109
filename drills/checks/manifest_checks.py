"""The checks that compare a copy with a manifest, over all of its databases.

Without a manifest the content is still read, since what cannot be read is wrong all the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import psycopg

from drills.checks.base.outcome import CheckOutcome, first_line, is_damage, is_undefined
from drills.checks.base.room import further
from drills.checks.base.runner import (
    build_result,
    damage,
    inspect_all,
    inspect_database,
    observe_each,
    retry_once,
    without_manifest,
)
from drills.checks.base.session import MAINTENANCE, Connection, Connector, database_names, helpers, pin, snapshot
from drills.checks.canary import chain
from drills.checks.catalog import check as catalog
from drills.checks.catalog import passwords
from drills.checks.catalog.scope import database_encoding, database_name, restrict_to_database
from drills.checks.comparison import CheckRun, Comparison
from drills.checks.content import check as content
from drills.checks.content import encodings, known_answers, large_objects, sequences
from drills.checks.content.rows import locate_rows
from drills.checks.content.tables import byte_ordered
from drills.checks.judging import across_versions, canary_result, settle
from drills.checks.manifest import DatabaseManifest, Manifest, calibrate, relevant_roles, system_identifier
from drills.checks.observed import (
    CanarySeen,
    CatalogSeen,
    ClusterSeen,
    ContentSeen,
    LargeObjectsSeen,
    SequencesSeen,
    ServerSeen,
    SettingsSeen,
)
from drills.checks.server import settings
from drills.model.finding import CheckResult, Finding, NotChecked
from drills.turns.plan import Budgeted

CONNECTION = "connection"
ENTERED = "a database that can be entered"


# -- connection -------------------------------------------------------------------------------------------------------


def check_connection(run: CheckRun) -> CheckResult:
    """Enter every database of the server and of the manifest, and ask it what is known.

    A physical copy can hold a database that nobody can enter, such as one whose removal was interrupted
    (https://www.postgresql.org/docs/current/sql-dropdatabase.html).
    """
    connect, outcome = run.comparison.connect, CheckOutcome()
    try:
        names = set(database_names(connect))
    except psycopg.OperationalError as error:
        return run.conclude(CONNECTION, CheckOutcome(1, (_cannot_enter(MAINTENANCE, error),)), "databases")
    for name in sorted(names | set(run.comparison.databases)):
        try:
            with snapshot(connect, name) as connection:
                outcome += _ask_what_is_known(connection)
        except psycopg.OperationalError as error:
            outcome += CheckOutcome(1, (_cannot_enter(name, error),))
    return run.conclude(CONNECTION, outcome, "databases")


def _ask_what_is_known(connection: Connection) -> CheckOutcome:
    name = connection.info.dbname
    try:
        return CheckOutcome(1, known_answers.check(connection, CONNECTION))
    except psycopg.Error as error:
        if not (is_damage(error) or is_undefined(error)):  # what is asked is PostgreSQL's own: it is there, or damaged
            raise
        return CheckOutcome(1, (damage(name, CONNECTION, error),))


def entered_all(connection: CheckResult) -> bool:
    """Return whether the check of the connections entered every database, whatever they answered then."""
    return connection.outcome != "not verified" and all(each.expected != ENTERED for each in connection.findings)


def _cannot_enter(name: str, error: psycopg.Error) -> Finding:
    reason = first_line(error)
    return Finding(
        check=CONNECTION,
        severity="error",
        object=f"database {name}",
        expected=ENTERED,
        found=reason,
        message=f"database {name} cannot be entered: {reason}",
        query="select 1",
    )


# -- catalog and sequences --------------------------------------------------------------------------------------------


def compare_catalog(run: CheckRun) -> CheckResult:
    """Compare the server's shared catalog and that of every database."""
    connect, manifest, key = run.comparison.connect, run.comparison.manifest, run.comparison.key
    if manifest is None:
        return without_manifest(catalog.NAME)
    identifier = ""

    def observe_cluster(connection: Connection) -> ClusterSeen:
        nonlocal identifier
        identifier = system_identifier(connection)
        return _observe_cluster(connection, manifest, key, identifier)

    def observe(connection: Connection, database: str) -> CatalogSeen:
        with helpers(connect, connection) as others:  # a copy is read with two connections
            expected = manifest.databases[database].catalog
            found = catalog.observe(connection, key=key, helpers=others, format=manifest.format, like=expected)
        return CatalogSeen(catalog.restrict_to_format(manifest.format, found), identifier)

    cluster = inspect_database(connect, manifest.only or MAINTENANCE, catalog.NAME, observe_cluster)
    outcomes = run.judged(catalog.NAME, [("", cluster)])
    outcomes += run.judged(catalog.NAME, observe_each(connect, _expected(run), catalog.NAME, observe))
    return run.judge.catalog_result(outcome for _, outcome in outcomes)


def _observe_cluster(connection: Connection, manifest: Manifest, key: bytes | None, identifier: str) -> ClusterSeen:
    found = catalog.observe_cluster(connection, key=key)
    if manifest.only:  # entries about other databases of either server are not compared
        found = restrict_to_database(found, database_name(connection), relevant_roles(manifest))
    return ClusterSeen(found, passwords.observe(connection, key), identifier)


def _expected(run: CheckRun) -> tuple[str, ...]:
    """Return the databases that are in the manifest and in the copy; the connection check reports the missing ones."""
    present = database_names(run.comparison.connect)
    return tuple(name for name in run.comparison.databases if name in present)


def compare_sequences(run: CheckRun) -> CheckResult:
    """Compare the position of every sequence."""

    def observe(connection: Connection, database: str) -> SequencesSeen:
        return SequencesSeen(sequences.observe(connection))

    if run.comparison.manifest is None:
        return without_manifest(sequences.NAME)
    seen = observe_each(run.comparison.connect, _expected(run), sequences.NAME, observe)
    return build_result(sequences.NAME, _total(run.judged(sequences.NAME, seen)), "sequences")


def _total(outcomes: Iterable[tuple[str, CheckOutcome]]) -> CheckOutcome:
    return sum((outcome for _, outcome in outcomes), CheckOutcome())


# -- content ----------------------------------------------------------------------------------------------------------


def compare_content(run: CheckRun) -> CheckResult:
    """Compare the rows of every table; without a manifest read them all, and report those that cannot be read."""
    comparison = run.comparison
    connect, manifest = comparison.connect, comparison.manifest
    if manifest is None:
        return _read_content(run)

    def observe(connection: Connection, database: str) -> ContentSeen:
        return _observe_rows(connection, database, comparison, manifest)

    seen: list[tuple[str, Any]] = list(run.noted(content.NAME, [("", _observe_server(connect))]))
    incomparable, _ = across_versions(manifest, seen[0][1])
    if not incomparable:
        databases, turns, budget = _expected(run), comparison.turns, _budgeted(comparison)
        if turns and budget:
            databases = turns.plan(connect, manifest, comparison.policies, databases, budget)
        seen += run.noted(content.NAME, observe_each(connect, databases, content.NAME, observe))
        if turns:
            contents = [(database, each) for database, each in seen if isinstance(each, ContentSeen)]
            seen += run.noted(content.NAME, [("", turns.end(contents, budget))])
    return run.judge.content_result(seen, expects_nothing=comparison.expects_nothing)


def _budgeted(comparison: Comparison) -> Budgeted | None:
    return Budgeted(comparison.budget.seconds, comparison.workers) if comparison.budget else None


def _observe_rows(connection: Connection, database: str, comparison: Comparison, manifest: Manifest) -> ContentSeen:
    """Observe the tables of one database, by its name in the manifest, and where the rows of those that differ do."""
    expected, policies = manifest.databases[database].contents, comparison.policies
    earlier = comparison.proved.of(connection.info.dbname) if comparison.proved else None
    turn = comparison.turns.of(database) if comparison.turns else None
    with helpers(comparison.connect, connection, further(connection, comparison.workers - 1)) as others:
        found = content.observe(
            connection,
            algorithm=expected.algorithm,
            policies=policies,
            expected=expected,
            helpers=others,
            within=dataclasses.replace(_bounds(connection, comparison), earlier=earlier, turn=turn),
        )
    source = expected.encoding or database_encoding(manifest.cluster, connection.info.dbname)
    how = encodings.comparable(expected, source, found.encoding)
    ordered = byte_ordered(connection) if how == "as text" else frozenset()
    parts = {name: tuple(of[each] for each in sorted(of)) for name, of in sorted(turn.parts.items())} if turn else {}
    seen = ContentSeen(found, system_identifier(connection), source, how, ordered, parts=parts)
    before, after, _ = settle(expected, seen, policies, manifest)
    differing_tables = content.differing_tables(connection, before, after, policies)
    locations = locate_rows(connection, differing_tables, expected.algorithm, comparison.key)
    return dataclasses.replace(seen, locations=locations)


def _bounds(connection: Connection, comparison: Comparison) -> content.Bounds:
    return content.Bounds(comparison.budget, comparison.code_of(connection))


def _read_content(run: CheckRun) -> CheckResult:
    comparison = run.comparison

    def inspect(connection: Connection, expected: DatabaseManifest | None) -> CheckOutcome:
        return content.read(connection, comparison.policies, _bounds(connection, comparison))

    damaged = inspect_all(comparison.connect, comparison.databases, content.NAME, inspect)
    return run.conclude(content.NAME, damaged, content.WHAT) if damaged.findings else without_manifest(content.NAME)


def _observe_server(connect: Connector) -> ServerSeen:
    with connect(MAINTENANCE) as connection:
        pin(connection)
        return ServerSeen(connection.info.server_version // 10000, calibrate(connection))


def compare_large_objects(run: CheckRun) -> CheckResult:
    """Compare every large object; without a manifest read them all, and report those that cannot be read."""
    comparison, name = run.comparison, large_objects.NAME

    def read(connection: Connection, expected: DatabaseManifest | None) -> CheckOutcome:
        return large_objects.read(connection)

    def observe(connection: Connection, database: str) -> LargeObjectsSeen:
        return LargeObjectsSeen(large_objects.observe(connection))

    if comparison.manifest is None:
        outcome = inspect_all(comparison.connect, comparison.databases, name, read)
        return run.conclude(name, outcome, name) if outcome.findings else without_manifest(name)
    seen = observe_each(comparison.connect, _expected(run), name, observe)
    return build_result(name, _total(run.judged(name, seen)), name)


# -- settings and canary ----------------------------------------------------------------------------------------------


def compare_settings(run: CheckRun) -> CheckResult:
    """Compare the server's settings with those of the source, where a manifest has them."""
    connect, manifest = run.comparison.connect, run.comparison.manifest
    if manifest is None or manifest.settings is None:
        return dataclasses.replace(without_manifest(settings.NAME), requirement="optional")

    def observe() -> SettingsSeen:
        with connect(manifest.only or MAINTENANCE) as plain:  # not pinned: a pinned session has settings of its own
            return SettingsSeen(settings.observe(plain), system_identifier(plain))

    seen = retry_once(manifest.only or MAINTENANCE, settings.NAME, observe)
    return build_result(settings.NAME, _total(run.judged(settings.NAME, [("", seen)])), settings.NAME)


def check_canary(run: CheckRun) -> CheckResult:
    """Verify the chain of every canary, and that it reaches as far as the manifest's."""

    def observe(connection: Connection, database: str) -> CanarySeen | CheckOutcome:
        of_database = run.comparison.databases.get(database)
        if reason := chain.unsafe(run.comparison.code_of(connection)):
            return CheckOutcome(unverified=(NotChecked(chain.NAME, reason),))
        return CanarySeen(chain.observe(connection, expected=of_database.canary if of_database else None))

    connect = run.comparison.connect
    seen = observe_each(connect, database_names(connect), chain.NAME, observe)
    return canary_result(_total(run.judged(chain.NAME, seen)))
