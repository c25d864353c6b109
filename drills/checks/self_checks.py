"""The checks that need no manifest, over all databases: a database contradicts itself where it is damaged.

With a manifest they say more: an anomaly that the source had as well is information and no difference.
"""

from __future__ import annotations

from drills.checks.base import copy_code
from drills.checks.base.outcome import CheckOutcome
from drills.checks.base.runner import inspect_all, inspect_database, retry_once
from drills.checks.base.session import MAINTENANCE, Connection, database_names
from drills.checks.base.timeouts import DEFAULT_TIMEOUT
from drills.checks.comparison import CheckRun
from drills.checks.integrity import amcheck, constraints, index_queries, sequences, system_catalog, views_libraries
from drills.checks.integrity import files as integrity_files
from drills.checks.integrity import indexes as integrity_indexes
from drills.checks.integrity import state as integrity_state
from drills.checks.judging import harmless_result
from drills.checks.manifest import DatabaseManifest, system_identifier
from drills.checks.observed import ActivitySeen
from drills.checks.owner import invariants
from drills.checks.owner.invariants import InvariantSet
from drills.checks.server import harmless
from drills.model.finding import CheckResult, Requirement


def check_invariants(run: CheckRun) -> CheckResult:
    """Evaluate the owner's invariants."""
    rules = run.comparison.invariants or InvariantSet()
    return invariants.check(run.comparison.connect, rules, trust_code=run.comparison.trust_code, build=run.conclude)


def check_harmless(run: CheckRun) -> CheckResult:
    """Check that the server can neither replicate, archive nor run jobs."""

    def observe(connection: Connection) -> ActivitySeen:
        return ActivitySeen(harmless.observe(connection))

    seen = inspect_database(run.comparison.connect, MAINTENANCE, harmless.NAME, observe)
    ((_, outcome),) = run.judged(harmless.NAME, [("", seen)])
    return harmless_result(outcome)


def check_indexes(run: CheckRun, timeout: float = DEFAULT_TIMEOUT) -> CheckResult:
    """Verify the indexes of every database, and note what that shows of its constraints.

    The server has `timeout` seconds for a search in one of them.
    """
    connect, outcome = run.comparison.connect, CheckOutcome()
    for name in database_names(connect):
        progress = integrity_indexes.Progress()
        expected = run.comparison.databases.get(name)

        def inspect(
            connection: Connection,
            progress: integrity_indexes.Progress = progress,
            expected: DatabaseManifest | None = expected,
        ) -> CheckOutcome:
            run.shown[connection.info.dbname] = progress.shown
            code, identical = run.comparison.code_of(connection), run.identical_tables(expected)
            left, selected = integrity_indexes.without_code(index_queries.by_table(connection), code, identical)
            on_the_way = constraints.conditions(connection, code, identical)
            return left + integrity_indexes.check(
                connection, progress, timeout, selected, with_path=not code.limited, conditions=on_the_way
            )

        outcome += inspect_database(connect, name, integrity_indexes.NAME, inspect)
    return run.conclude(integrity_indexes.NAME, outcome, "indexes", verb="verified", requirement=_needed(outcome))


def _needed(outcome: CheckOutcome) -> Requirement:
    """Return "optional" where there was nothing but code of the copy, and nothing new could have come of that."""
    nothing = not (outcome.compared or outcome.findings or outcome.unverified)
    code = outcome.excluded and all(copy_code.is_reason(left.reason) for left in outcome.excluded)
    return "optional" if nothing and code else "required"


def check_constraints(run: CheckRun) -> CheckResult:
    """Validate the constraints of every database; run after the indexes, whose check has shown most of it."""

    def inspect(connection: Connection, expected: DatabaseManifest | None) -> CheckOutcome:
        shown = run.shown.get(connection.info.dbname)
        return constraints.check(connection, run.identical_tables(expected), shown, run.comparison.code_of(connection))

    outcome = inspect_all(run.comparison.connect, run.comparison.databases, constraints.NAME, inspect)
    return run.conclude(constraints.NAME, outcome, "constraints", verb="validated", requirement=_needed(outcome))


def check_sequences(run: CheckRun) -> CheckResult:
    """Compare each sequence with the columns that it feeds."""

    def inspect(connection: Connection, expected: DatabaseManifest | None) -> CheckOutcome:
        positions = expected.sequences if expected else None
        return sequences.check(
            connection, positions, run.identical_tables(expected), run.comparison.code_of(connection)
        )

    outcome = inspect_all(run.comparison.connect, run.comparison.databases, sequences.NAME, inspect)
    return run.conclude(sequences.NAME, outcome, "sequences")


def check_state(run: CheckRun) -> CheckResult:
    """Look for anomalies in the state of the server and of every database."""
    manifest = run.comparison.manifest
    only = manifest.only if manifest else ""

    def inspect_cluster(connection: Connection) -> CheckOutcome:
        return integrity_state.check_cluster(connection, manifest.facts if manifest else None, only=bool(only))

    def inspect(connection: Connection, expected: DatabaseManifest | None) -> CheckOutcome:
        return integrity_state.check(connection, expected.facts if expected else None)

    connect = run.comparison.connect
    outcome = inspect_database(connect, only or MAINTENANCE, integrity_state.NAME, inspect_cluster)
    outcome += inspect_all(connect, run.comparison.databases, integrity_state.NAME, inspect)
    return run.conclude(integrity_state.NAME, outcome, "objects", verb="inspected")


def check_system_catalog(run: CheckRun) -> CheckResult:
    """Follow the references of every system catalog, and compare what came with PostgreSQL."""
    manifest = run.comparison.manifest

    def inspect(connection: Connection, expected: DatabaseManifest | None) -> CheckOutcome:
        if expected is None or manifest is None:
            return system_catalog.check(connection, None, None)
        here, there = connection.info.server_version, manifest.server_version_num
        own = bool(manifest.system_identifier) and system_identifier(connection) == manifest.system_identifier
        builtins, left = system_catalog.comparable(expected.builtins, here, there, own=own)
        return system_catalog.check(connection, builtins, expected.facts) + CheckOutcome(excluded=left)

    outcome = inspect_all(run.comparison.connect, run.comparison.databases, system_catalog.NAME, inspect)
    return run.conclude(system_catalog.NAME, outcome, "references and catalogs", verb="checked")


def check_files(run: CheckRun) -> CheckResult:
    """Compare the length of every relation's file with the catalog."""

    def inspect(connection: Connection, expected: DatabaseManifest | None) -> CheckOutcome:
        return integrity_files.check(connection)

    outcome = inspect_all(run.comparison.connect, run.comparison.databases, integrity_files.NAME, inspect)
    return run.conclude(integrity_files.NAME, outcome, "relations", verb="measured")


def check_views(run: CheckRun, timeout: float = DEFAULT_TIMEOUT) -> CheckResult:
    """Plan the views of every database; the server has `timeout` seconds for one of them."""
    skipped = set[tuple[str, str]]()

    def inspect(connection: Connection, expected: DatabaseManifest | None) -> CheckOutcome:
        facts = expected.facts if expected else None
        return views_libraries.check_views(connection, facts, skipped, timeout, run.comparison.code_of(connection))

    outcome = inspect_all(run.comparison.connect, run.comparison.databases, views_libraries.VIEWS, inspect)
    return run.conclude(views_libraries.VIEWS, outcome, "views", verb="planned", requirement=_needed(outcome))


def check_libraries(run: CheckRun) -> CheckResult:
    """Load the libraries of functions in C; required only where one of them fails."""

    def inspect(connection: Connection, expected: DatabaseManifest | None) -> CheckOutcome:
        return views_libraries.check_libraries(connection)

    outcome = inspect_all(run.comparison.connect, run.comparison.databases, views_libraries.LIBRARIES, inspect)
    requirement: Requirement = "required" if outcome.findings else "optional"
    return run.conclude(
        views_libraries.LIBRARIES, outcome, "functions in C", requirement=requirement, verb="found in their libraries"
    )


def check_amcheck(run: CheckRun) -> CheckResult:
    """Run PostgreSQL's own checkers; impossible where no database can have them, required where one finds damage."""
    connect, outcome, ranks = run.comparison.connect, CheckOutcome(), set[Requirement]()
    for name in database_names(connect):

        def inspect(name: str = name) -> CheckOutcome:
            found, rank = amcheck.check(connect, name, trust_code=run.comparison.trust_code)
            ranks.add(rank)
            return found

        outcome += retry_once(name, amcheck.NAME, inspect)
    level: Requirement = "impossible" if ranks == {"impossible"} else "optional"
    requirement: Requirement = "required" if outcome.findings else level
    return run.conclude(amcheck.NAME, outcome, "relations", requirement=requirement, verb="checked")
