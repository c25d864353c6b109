"""The checks that compare a copy with a manifest, over all of its databases.

Without a manifest the content is still read, since what cannot be read is wrong all the same.
"""

from __future__ import annotations

import dataclasses

import psycopg

from drills.checks.base import copy_code
from drills.checks.base.budget import OUT_OF_TIME
from drills.checks.base.outcome import CheckOutcome, is_damage, is_undefined
from drills.checks.base.runner import (
    build_result,
    damage,
    inspect_all,
    inspect_database,
    inspect_expected,
    retry_once,
    without_manifest,
)
from drills.checks.base.session import MAINTENANCE, Connection, Connector, database_names, helpers, pin, snapshot
from drills.checks.canary import chain
from drills.checks.canary.chain import CanaryState
from drills.checks.catalog import check as catalog
from drills.checks.catalog import passwords, unknown
from drills.checks.catalog.scope import REST_OF_SERVER, database_encoding, database_name, restrict_to_database
from drills.checks.comparison import CheckRun, Comparison
from drills.checks.content import check as content
from drills.checks.content import emptiness, encodings, known_answers, large_objects, members, sequences
from drills.checks.content.fingerprint import STABLE
from drills.checks.content.rows import locate_rows
from drills.checks.content.tables import byte_ordered
from drills.checks.manifest import DatabaseManifest, Manifest, calibrate, relevant_roles, system_identifier
from drills.checks.server import settings
from drills.model.finding import CheckResult, Finding, NotChecked

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
        return build_result(CONNECTION, CheckOutcome(1, (_cannot_enter(MAINTENANCE, error),)), "databases")
    for name in sorted(names | set(run.comparison.databases)):
        try:
            with snapshot(connect, name) as connection:
                outcome += _ask_what_is_known(connection)
        except psycopg.OperationalError as error:
            outcome += CheckOutcome(1, (_cannot_enter(name, error),))
    return build_result(CONNECTION, outcome, "databases")


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
    reason = " ".join(str(error).split())
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
    lenient = catalog.LENIENT_TO_A_DUMP

    def inspect_cluster(connection: Connection) -> CheckOutcome:
        nonlocal lenient
        identifier = system_identifier(connection)
        lenient = catalog.LENIENT if identifier and identifier == manifest.system_identifier else lenient
        return _compare_cluster(connection, manifest, key, lenient)

    def inspect(connection: Connection, expected: DatabaseManifest) -> CheckOutcome:
        with helpers(connect, connection) as others:  # a copy is read with two connections
            found = catalog.observe(connection, key=key, helpers=others, format=manifest.format)
        return _compare_catalogs(expected.catalog, catalog.restrict_to_format(manifest.format, found), lenient)

    outcome = inspect_database(connect, manifest.only or MAINTENANCE, catalog.NAME, inspect_cluster)
    outcome += inspect_expected(connect, manifest.databases, catalog.NAME, inspect)
    outcome += CheckOutcome(excluded=catalog.sections_unknown_to(manifest.format))
    return build_result(catalog.NAME, outcome, "catalog entries")


def _compare_cluster(
    connection: Connection, manifest: Manifest, key: bytes | None, lenient: frozenset[str]
) -> CheckOutcome:
    found = catalog.observe_cluster(connection, key=key)
    if manifest.only:  # entries about other databases of either server are not compared
        found = restrict_to_database(found, database_name(connection), relevant_roles(manifest))
    outcome = _compare_catalogs(manifest.cluster, found, lenient)
    outcome += passwords.judge(catalog.NAME, manifest.passwords, passwords.observe(connection, key))
    return outcome + CheckOutcome(excluded=(REST_OF_SERVER,) if manifest.only else ())


def _compare_catalogs(expected: catalog.Catalog, found: catalog.Catalog, lenient: frozenset[str]) -> CheckOutcome:
    findings = catalog.judge(expected, found, lenient=lenient)
    excluded = (*catalog.uncompared_secrets(expected), *catalog.uncompared_secrets(found))
    excluded += (*catalog.uncompared_options(expected, found), *unknown.not_compared(expected, found))
    return CheckOutcome(catalog.count(expected), findings, excluded=excluded)


def compare_sequences(run: CheckRun) -> CheckResult:
    """Compare the position of every sequence."""

    def inspect(connection: Connection, expected: DatabaseManifest) -> CheckOutcome:
        return sequences.judge(expected.sequences, sequences.observe(connection))

    if run.comparison.manifest is None:
        return without_manifest(sequences.NAME)
    outcome = inspect_expected(run.comparison.connect, run.comparison.databases, sequences.NAME, inspect)
    return build_result(sequences.NAME, outcome, "sequences")


# -- content ----------------------------------------------------------------------------------------------------------


def compare_content(run: CheckRun) -> CheckResult:
    """Compare the rows of every table; without a manifest read them all, and report those that cannot be read."""
    comparison = run.comparison
    connect, manifest, policies = comparison.connect, comparison.manifest, comparison.policies
    if manifest is None:
        return _read_content(comparison)
    incomparable, across = _across_versions(connect, manifest)
    if incomparable:
        outcome = CheckOutcome(unverified=(NotChecked(content.NAME, incomparable),))
        return build_result(content.NAME, outcome, "tables")

    rows = dict[str, int]()

    def inspect(connection: Connection, expected: DatabaseManifest) -> CheckOutcome:
        outcome, compared = _compare_rows(connection, expected.contents, comparison, manifest)
        rows[connection.info.dbname] = compared + len(expected.large_objects.objects)
        return outcome

    outcome = inspect_expected(connect, manifest.databases, content.NAME, inspect)
    unmatched_policies = content.unmatched_policies((each.contents for each in manifest.databases.values()), policies)
    outcome += CheckOutcome(excluded=(*unmatched_policies, *across))
    result = _with_coverage(build_result(content.NAME, outcome, "tables"), outcome)
    if outcome.unverified:
        return result
    source = emptiness.source_tables(each.contents for each in manifest.databases.values())
    return emptiness.judge(result, sum(rows.values()), source, expects_nothing=comparison.expects_nothing)


def _compare_rows(
    connection: Connection, expected: content.Contents, comparison: Comparison, manifest: Manifest
) -> tuple[CheckOutcome, int]:
    """Compare one database's tables, and return how many of the source's rows that covers."""
    policies = comparison.policies
    with helpers(comparison.connect, connection) as others:
        found = content.observe(
            connection,
            algorithm=expected.algorithm,
            policies=policies,
            expected=expected,
            helpers=others,
            within=_bounds(connection, comparison),
        )
    here, there = system_identifier(connection), manifest.system_identifier
    settled = members.settle(expected, found, policies, other_server=bool(here and there and here != there))
    source = expected.encoding or database_encoding(manifest.cluster, connection.info.dbname)
    how = encodings.comparable(expected, source, found.encoding)
    ordered = byte_ordered(connection) if how == "as text" else frozenset()
    both = encodings.Encodings(source, found.encoding, how, ordered)
    expected, found, encoded = encodings.settle(settled.expected, settled.found, policies, both)
    differing_tables = content.differing_tables(connection, expected, found, policies)
    locations = locate_rows(connection, differing_tables, expected.algorithm, comparison.key)
    outcome = content.judge(expected, found, policies, locations) + settled.outcome + encoded
    return outcome, emptiness.rows_compared(expected, found, policies)


def _bounds(connection: Connection, comparison: Comparison) -> content.Bounds:
    return content.Bounds(comparison.budget, copy_code.find(connection, trusted=comparison.trust_code))


def _read_content(comparison: Comparison) -> CheckResult:
    def inspect(connection: Connection, expected: DatabaseManifest | None) -> CheckOutcome:
        return content.read(connection, comparison.policies, _bounds(connection, comparison))

    damaged = inspect_all(comparison.connect, comparison.databases, content.NAME, inspect)
    return build_result(content.NAME, damaged, "tables") if damaged.findings else without_manifest(content.NAME)


def _with_coverage(result: CheckResult, outcome: CheckOutcome) -> CheckResult:
    """Say how many of all tables were compared, where time was too short for some."""
    late = [left for left in outcome.unverified if left.reason.startswith(OUT_OF_TIME)]
    if not late or result.outcome == "missed":
        return result
    total = outcome.compared + len(outcome.unverified)
    sentence = f"{outcome.compared:,} of {total:,} tables compared; {late[0].what}: {late[0].reason}"
    return dataclasses.replace(result, sentence=sentence)


def _across_versions(connect: Connector, manifest: Manifest) -> tuple[str, tuple[NotChecked, ...]]:
    """Return why fingerprints cannot be compared with this server's, "" where they can, and what to list about it.

    PostgreSQL keeps its hash functions the same within a major version and architecture only; whether two servers have
    the same one is seen from what they make of known texts. The portable algorithm is the same everywhere.
    """
    with connect(MAINTENANCE) as connection:
        pin(connection)
        here, calibration = connection.info.server_version // 10000, calibrate(connection)
    there = manifest.server_version_num // 10000
    portable = all(each.contents.algorithm == STABLE for each in manifest.databases.values())
    if portable or manifest.calibration == calibration or (not manifest.calibration and there == here):
        if there == here:
            return "", ()
        why = "by the portable algorithm" if portable else "their fast hash functions give the same for 400 texts"
        return "", (NotChecked("versions", f"content compared between PostgreSQL {there} and {here}: {why}"),)
    needs = (
        f"needs a manifest of PostgreSQL {here} or a portable one (drills manifest --portable), found one of {there}"
    )
    return f"{needs}: their hash functions differ", ()


def compare_large_objects(run: CheckRun) -> CheckResult:
    """Compare every large object; without a manifest read them all, and report those that cannot be read."""
    comparison = run.comparison

    def read(connection: Connection, expected: DatabaseManifest | None) -> CheckOutcome:
        return large_objects.read(connection)

    def inspect(connection: Connection, expected: DatabaseManifest) -> CheckOutcome:
        return large_objects.judge(expected.large_objects, large_objects.observe(connection))

    if comparison.manifest is None:
        outcome = inspect_all(comparison.connect, comparison.databases, large_objects.NAME, read)
        if not outcome.findings:
            return without_manifest(large_objects.NAME)
    else:
        outcome = inspect_expected(comparison.connect, comparison.databases, large_objects.NAME, inspect)
    return build_result(large_objects.NAME, outcome, large_objects.NAME)


# -- settings and canary ----------------------------------------------------------------------------------------------


def compare_settings(run: CheckRun) -> CheckResult:
    """Compare the server's settings with those of the source, where a manifest has them."""
    connect, manifest = run.comparison.connect, run.comparison.manifest
    expected = manifest.settings if manifest else None
    if manifest is None or expected is None:
        return dataclasses.replace(without_manifest(settings.NAME), requirement="optional")

    def inspect() -> CheckOutcome:
        with connect(manifest.only or MAINTENANCE) as plain:  # not pinned: a pinned session has settings of its own
            here = system_identifier(plain)
            known = here and manifest.system_identifier
            same = here == manifest.system_identifier if known else None
            return settings.judge(expected, settings.observe(plain), same=same)

    outcome = retry_once(manifest.only or MAINTENANCE, settings.NAME, inspect)
    return build_result(settings.NAME, outcome, settings.NAME)


def check_canary(run: CheckRun) -> CheckResult:
    """Verify the chain of every canary, and that it reaches as far as the manifest's."""

    def inspect(connection: Connection, of_database: DatabaseManifest | None) -> CheckOutcome:
        expected: CanaryState | None = of_database.canary if of_database else None
        if reason := chain.unsafe(copy_code.find(connection, trusted=run.comparison.trust_code)):
            return CheckOutcome(unverified=(NotChecked(chain.NAME, reason),))
        found = chain.observe(connection, expected=expected)
        return CheckOutcome(found.rows if found else 0, chain.judge(expected, found))

    outcome = inspect_all(run.comparison.connect, run.comparison.databases, chain.NAME, inspect)
    if not (outcome.compared or outcome.findings or outcome.unverified):
        sentence = "the copy holds no canary, and none was expected"
        return CheckResult(chain.NAME, "not verified", sentence, "optional")
    return build_result(chain.NAME, outcome, "canary rows", "its chain is whole")
