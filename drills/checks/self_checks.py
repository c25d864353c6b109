"""The checks that need no manifest, over all databases: a database contradicts itself where it is damaged.

With a manifest they say more: an anomaly that the source had as well is information and no difference.
"""

from __future__ import annotations

from drills.checks.base.outcome import CheckOutcome
from drills.checks.base.runner import build_result, inspect_all, inspect_database, retry_once
from drills.checks.base.session import MAINTENANCE, Connection, Connector, database_names
from drills.checks.base.timeouts import DEFAULT_TIMEOUT
from drills.checks.comparison import CheckRun
from drills.checks.integrity import amcheck, constraints, sequences, system_catalog, views_libraries
from drills.checks.integrity import files as integrity_files
from drills.checks.integrity import indexes as integrity_indexes
from drills.checks.integrity import state as integrity_state
from drills.checks.manifest import DatabaseManifest
from drills.checks.owner import invariants
from drills.checks.owner.invariants import InvariantSet
from drills.checks.server import harmless
from drills.model.finding import CheckResult, Requirement


def check_invariants(run: CheckRun) -> CheckResult:
    """Evaluate the owner's invariants."""
    return invariants.check(run.comparison.connect, run.comparison.invariants or InvariantSet())


def check_harmless(run: CheckRun) -> CheckResult:
    """Check that the server can neither replicate, archive nor run jobs."""

    def inspect(connection: Connection) -> CheckOutcome:
        return harmless.judge(harmless.observe(connection))

    outcome = inspect_database(run.comparison.connect, MAINTENANCE, harmless.NAME, inspect)
    return build_result(
        harmless.NAME, outcome, "facts", "no replication worker, archiver or job runner is live", verb="checked"
    )


def check_indexes(run: CheckRun) -> CheckResult:
    """Verify the indexes of every database, and note those that hold no key twice."""
    return verify_indexes(run.comparison.connect, run.unique_indexes)


def verify_indexes(
    connect: Connector, unique_indexes: dict[str, set[str]], timeout: float = DEFAULT_TIMEOUT
) -> CheckResult:
    """Verify the indexes of every database; the server has `timeout` seconds for a search in one of them.

    Add the names of those that hold no key twice to `unique_indexes`, by the name of their database.
    """
    outcome = CheckOutcome()
    for name in database_names(connect):
        progress = integrity_indexes.Progress()

        def inspect(connection: Connection, progress: integrity_indexes.Progress = progress) -> CheckOutcome:
            unique_indexes[connection.info.dbname] = progress.unique
            return integrity_indexes.check(connection, progress, timeout)

        outcome += inspect_database(connect, name, integrity_indexes.NAME, inspect)
    return build_result(integrity_indexes.NAME, outcome, "indexes", verb="verified")


def check_constraints(run: CheckRun) -> CheckResult:
    """Validate the constraints of every database; run after the indexes, which save sorts of their keys."""

    def inspect(connection: Connection, expected: DatabaseManifest | None) -> CheckOutcome:
        unique = run.unique_indexes.get(connection.info.dbname, set())
        return constraints.check(connection, run.identical_tables(expected), unique)

    outcome = inspect_all(run.comparison.connect, run.comparison.databases, constraints.NAME, inspect)
    return build_result(constraints.NAME, outcome, "constraints", verb="validated")


def check_sequences(run: CheckRun) -> CheckResult:
    """Compare each sequence with the columns that it feeds."""

    def inspect(connection: Connection, expected: DatabaseManifest | None) -> CheckOutcome:
        positions = expected.sequences if expected else None
        return sequences.check(connection, positions, run.identical_tables(expected))

    outcome = inspect_all(run.comparison.connect, run.comparison.databases, sequences.NAME, inspect)
    return build_result(sequences.NAME, outcome, "sequences")


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
    return build_result(integrity_state.NAME, outcome, "objects", verb="inspected")


def check_system_catalog(run: CheckRun) -> CheckResult:
    """Follow the references of every system catalog, and compare what came with PostgreSQL."""
    manifest = run.comparison.manifest

    def inspect(connection: Connection, expected: DatabaseManifest | None) -> CheckOutcome:
        if expected is None or manifest is None:
            return system_catalog.check(connection, None, None)
        same = connection.info.server_version // 10000 == manifest.server_version_num // 10000
        return system_catalog.check(connection, expected.builtins if same else None, expected.facts)

    outcome = inspect_all(run.comparison.connect, run.comparison.databases, system_catalog.NAME, inspect)
    return build_result(system_catalog.NAME, outcome, "references and catalogs", verb="checked")


def check_files(run: CheckRun) -> CheckResult:
    """Compare the length of every relation's file with the catalog."""

    def inspect(connection: Connection, expected: DatabaseManifest | None) -> CheckOutcome:
        return integrity_files.check(connection)

    outcome = inspect_all(run.comparison.connect, run.comparison.databases, integrity_files.NAME, inspect)
    return build_result(integrity_files.NAME, outcome, "relations", verb="measured")


def check_views(run: CheckRun, timeout: float = DEFAULT_TIMEOUT) -> CheckResult:
    """Plan the views of every database; the server has `timeout` seconds for one of them."""
    skipped = set[tuple[str, str]]()

    def inspect(connection: Connection, expected: DatabaseManifest | None) -> CheckOutcome:
        return views_libraries.check_views(connection, expected.facts if expected else None, skipped, timeout)

    outcome = inspect_all(run.comparison.connect, run.comparison.databases, views_libraries.VIEWS, inspect)
    return build_result(views_libraries.VIEWS, outcome, "views", verb="planned")


def check_libraries(run: CheckRun) -> CheckResult:
    """Load the libraries of functions in C; required only where one of them fails."""

    def inspect(connection: Connection, expected: DatabaseManifest | None) -> CheckOutcome:
        return views_libraries.check_libraries(connection)

    outcome = inspect_all(run.comparison.connect, run.comparison.databases, views_libraries.LIBRARIES, inspect)
    requirement: Requirement = "required" if outcome.findings else "optional"
    return build_result(
        views_libraries.LIBRARIES, outcome, "functions in C", requirement=requirement, verb="found in their libraries"
    )


def check_amcheck(run: CheckRun) -> CheckResult:
    """Run PostgreSQL's own checkers; impossible where no database can have them, required where one finds damage."""
    connect, outcome, ranks = run.comparison.connect, CheckOutcome(), set[Requirement]()
    for name in database_names(connect):

        def inspect(name: str = name) -> CheckOutcome:
            found, rank = amcheck.check(connect, name)
            ranks.add(rank)
            return found

        outcome += retry_once(name, amcheck.NAME, inspect)
    level: Requirement = "impossible" if ranks == {"impossible"} else "optional"
    requirement: Requirement = "required" if outcome.findings else level
    return build_result(amcheck.NAME, outcome, "relations", requirement=requirement, verb="checked")
