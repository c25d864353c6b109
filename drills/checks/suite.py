"""The checks of a restored copy in their order: those that block, and those that run after RTA has stopped.

Each observes every database in a transaction of its own and is judged against the manifest. Where there is no manifest
a check that needs one is "not verified", never passed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import psycopg

from drills.checks import self_checks
from drills.checks.base.budget import OUT_OF_TIME, Budget
from drills.checks.base.outcome import Judged
from drills.checks.base.pool import kept
from drills.checks.base.runner import (
    NO_MANIFEST,
    against,
    attempt,
    everywhere,
    over,
    result_of,
    timed,
    twice,
    without_manifest,
)
from drills.checks.base.session import Connection, Connector, helpers, names_of, pin, snapshot
from drills.checks.canary import chain
from drills.checks.canary.chain import CanaryState
from drills.checks.catalog import check as catalog
from drills.checks.catalog import passwords
from drills.checks.catalog.check import Catalog
from drills.checks.catalog.scope import REST, own_name, scoped
from drills.checks.content import check as content
from drills.checks.content import large_objects, sequences
from drills.checks.content.fingerprint import STABLE
from drills.checks.content.rows import narrow
from drills.checks.manifest import (
    MAINTENANCE,
    DatabaseManifest,
    Manifest,
    calibrate,
    concerned,
    system_identifier,
)
from drills.checks.owner import invariants
from drills.checks.owner.invariants import Rules
from drills.checks.server import harmless, settings
from drills.clock import Clock
from drills.model.finding import CheckResult, Finding, NotChecked
from drills.model.policy import BLOCKING, CHECKS, TablePolicy

__all__ = ["CONNECTION", "NO_MANIFEST", "Comparison", "blocking", "newest_canary", "remaining"]
CONNECTION = "connection"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A copy, what it is held against, and how it is read.

    `key` is the manifest's: without it catalog fields that can hold secrets are compared by name only, and listed, and rows
    are not told by keys that are neither integers nor uuids. `budget` is the time that the content may take. `rules` are
    the owner's own, None where they are not asked for here. `scratch`: the copy may be touched as integrity_amcheck.py
    says; `shut_off`: it must be unable to act on the world.
    """

    connect: Connector
    manifest: Manifest | None
    clock: Clock
    policies: Mapping[str, TablePolicy] = field(default_factory=dict)
    key: bytes | None = None
    budget: Budget | None = None
    rules: Rules | None = None
    scratch: bool = True
    shut_off: bool = True


def blocking(of: Comparison, names: Collection[str] = BLOCKING) -> tuple[CheckResult, ...]:
    """The checks that must pass before a copy counts as usable: the connection and those of `names`."""
    with kept(of.connect) as connect:
        by = dataclasses.replace(of, connect=connect)
        results = [timed(by.clock, CONNECTION, lambda: _connection(connect, by.manifest))]
        if results[0].outcome == "met":
            results += [*_first(by, names), *_further(by, names)]
    return tuple(dataclasses.replace(result, blocking=True) for result in results)


def remaining(of: Comparison, blocked: Collection[str] = BLOCKING) -> tuple[CheckResult, ...]:
    """The checks that read everything, without those in `blocked`, which were made before: content of every table, large
    objects; that the copy is harmless; and those that need no manifest, since a database contradicts itself where it is
    damaged.
    """
    names = frozenset(CHECKS) - frozenset(blocked)
    with kept(of.connect) as connect:
        by = dataclasses.replace(of, connect=connect)
        return (*_first(by, names), *_further(by, names))


def _first(by: Comparison, names: Collection[str]) -> list[CheckResult]:
    """Those of the named checks that usually block, in order."""
    connect, manifest = by.connect, by.manifest
    looks: dict[str, Callable[[], CheckResult]] = {
        catalog.NAME: lambda: _catalog(connect, manifest, by.key),
        sequences.NAME: lambda: against(connect, manifest, sequences.NAME, "sequences", _sequences),
        chain.NAME: lambda: _canary(connect, manifest),
    }
    if (rules := by.rules) is not None:
        looks[invariants.NAME] = lambda: invariants.check(connect, rules)
    return [timed(by.clock, name, look) for name, look in looks.items() if name in names]


def _further(by: Comparison, names: Collection[str]) -> list[CheckResult]:
    """Those of the named checks that usually run when RTA has stopped, in order."""
    connect, manifest = by.connect, by.manifest
    looks: dict[str, Callable[[], CheckResult]] = {
        content.NAME: lambda: _content(by),
        large_objects.NAME: lambda: _large_objects(connect, manifest),
        settings.NAME: lambda: _settings(connect, manifest),
        **({harmless.NAME: lambda: _harmless(connect)} if by.shut_off else {}),
    }
    results = [timed(by.clock, name, look) for name, look in looks.items() if name in names]
    # a check that goes by what the content came to proves everything itself where it was not compared before
    contents = next((result for result in results if result.name == content.NAME), without_manifest(content.NAME))
    wanted = self_checks.results(connect, manifest, contents, clock=by.clock, scratch=by.scratch, names=names)
    return [*results, *wanted]


def newest_canary(connect: Connector) -> datetime | None:
    """The newest instant that a canary proves to be in the copy, over all databases; None without a canary."""
    newest = []
    for name in names_of(connect):
        with snapshot(connect, name) as connection:
            state = chain.observe(connection)
        newest += [state.newest_at] if state else []
    return max(newest, default=None)


# -- one check each ---------------------------------------------------------------------------------------------------


def _connection(connect: Connector, manifest: Manifest | None) -> CheckResult:
    """Every database is entered and answers; a physical copy can hold one that cannot be (notes P33)."""
    judged = Judged()
    try:
        names = set(names_of(connect))
    except psycopg.OperationalError as error:
        return result_of(CONNECTION, Judged(1, (_cannot_enter(MAINTENANCE, error),)), "databases")
    for name in sorted(names | set(manifest.databases if manifest else ())):
        try:
            with snapshot(connect, name) as connection:
                connection.execute("select 1")
            judged += Judged(1)
        except psycopg.OperationalError as error:
            judged += Judged(1, (_cannot_enter(name, error),))
    return result_of(CONNECTION, judged, "databases")


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
    lenient = catalog.LENIENT_TO_A_DUMP

    def compare(expected: Catalog, found: Catalog) -> Judged:
        findings = catalog.judge(expected, found, lenient=lenient)
        return Judged(
            catalog.count(expected), findings, excused=(*catalog.left_out(expected), *catalog.left_out(found))
        )

    def look(connection: Connection, expected: DatabaseManifest) -> Judged:
        with helpers(connect, connection) as others:  # a copy is read with two connections
            found = catalog.observe(connection, key=key, helpers=others)
        return compare(expected.catalog, catalog.known_to(version, found))

    def look_at_all(connection: Connection) -> Judged:
        nonlocal lenient
        if manifest is None:
            return Judged()
        here = system_identifier(connection)
        lenient = catalog.LENIENT if here and here == manifest.system_identifier else lenient
        found = catalog.observe_cluster(connection, key=key)
        if manifest.only:  # what concerns another database of either server is no part of the comparison
            found = scoped(found, own_name(connection), concerned(manifest))
        secret = passwords.judge(catalog.NAME, manifest.passwords, passwords.observe(connection, key))
        rest = Judged(excused=(REST,) if manifest.only else ())
        return compare(manifest.cluster, found) + secret + rest

    if manifest is None:
        return without_manifest(catalog.NAME)
    version = manifest.format
    judged = attempt(connect, manifest.only or MAINTENANCE, catalog.NAME, look_at_all)
    judged += over(connect, manifest, catalog.NAME, look) + Judged(excused=catalog.unknown_to(version))
    return result_of(catalog.NAME, judged, "catalog entries")


def _sequences(connection: Connection, expected: DatabaseManifest) -> Judged:
    return sequences.judge(expected.sequences, sequences.observe(connection))


def _content(by: Comparison) -> CheckResult:
    connect, manifest, policies = by.connect, by.manifest, by.policies

    def look(connection: Connection, expected: DatabaseManifest) -> Judged:
        wanted = expected.contents
        with helpers(connect, connection) as others:
            found = content.observe(
                connection,
                algorithm=wanted.algorithm,
                policies=policies,
                expected=wanted,
                helpers=others,
                budget=by.budget,
            )
        suspects = content.suspects(connection, wanted, found, policies)
        return content.judge(wanted, found, policies, narrow(connection, suspects, wanted.algorithm, by.key))

    if manifest is None:  # nothing to compare with, yet what cannot be read is wrong all the same
        damaged = everywhere(
            connect, None, content.NAME, lambda connection, _: content.read(connection, policies, by.budget)
        )
        return result_of(content.NAME, damaged, "tables") if damaged.findings else without_manifest(content.NAME)
    incomparable, across = _across(connect, manifest)
    if incomparable:
        return result_of(content.NAME, Judged(unread=(NotChecked(content.NAME, incomparable),)), "tables")
    unknown = content.unknown((one.contents for one in manifest.databases.values()), policies)
    judged = over(connect, manifest, content.NAME, look) + Judged(excused=(*unknown, *across))
    return _covered(result_of(content.NAME, judged, "tables"), judged)


def _covered(result: CheckResult, judged: Judged) -> CheckResult:
    """The same result; where time was too short for some tables, how many of all were compared."""
    late = [left for left in judged.unread if left.reason.startswith(OUT_OF_TIME)]
    if not late or result.outcome == "missed":
        return result
    sentence = f"{judged.compared:,} of {judged.compared + len(judged.unread):,} tables compared; {late[0].what}: "
    return dataclasses.replace(result, sentence=f"{sentence}{late[0].reason}")


def _large_objects(connect: Connector, manifest: Manifest | None) -> CheckResult:
    def look(connection: Connection, expected: DatabaseManifest) -> Judged:
        return large_objects.judge(expected.large_objects, large_objects.observe(connection))

    if manifest is None:  # which there were nobody knows, yet each that is there can be read to its end
        damaged = everywhere(connect, None, large_objects.NAME, lambda connection, _: large_objects.read(connection))
        found = bool(damaged.findings)
        return (
            result_of(large_objects.NAME, damaged, large_objects.NAME)
            if found
            else without_manifest(large_objects.NAME)
        )
    return against(connect, manifest, large_objects.NAME, large_objects.NAME, look)


def _settings(connect: Connector, manifest: Manifest | None) -> CheckResult:
    """The server's settings beside those of the source, where a manifest has them."""
    expected = manifest.settings if manifest else None
    if manifest is None or expected is None:
        return dataclasses.replace(without_manifest(settings.NAME), requirement="optional")

    def look() -> Judged:
        with connect(manifest.only or MAINTENANCE) as plain:  # not pinned: a pinned session has settings of its own
            here = system_identifier(plain)
            known = here and manifest.system_identifier
            same = here == manifest.system_identifier if known else None
            return settings.judge(expected, settings.observe(plain), same=same)

    return result_of(settings.NAME, twice(manifest.only or MAINTENANCE, settings.NAME, look), settings.NAME)


def _canary(connect: Connector, manifest: Manifest | None) -> CheckResult:
    judged = Judged()
    before = {name: one.canary for name, one in manifest.databases.items()} if manifest else {}
    for name in names_of(connect):
        expected = before.get(name)

        def look(connection: Connection, expected: CanaryState | None = expected) -> Judged:
            found = chain.observe(connection, expected=expected)
            return Judged(found.rows if found else 0, chain.judge(expected, found))

        judged += attempt(connect, name, chain.NAME, look)
    if not (judged.compared or judged.findings or judged.unread):
        sentence = "the copy holds no canary, and none was expected"
        return CheckResult(chain.NAME, "not verified", sentence, "optional")
    return result_of(chain.NAME, judged, "canary rows", "its chain is whole")


def _harmless(connect: Connector) -> CheckResult:
    judged = attempt(
        connect, MAINTENANCE, harmless.NAME, lambda connection: harmless.judge(harmless.observe(connection))
    )
    return result_of(harmless.NAME, judged, "facts", "no replication worker, archiver or job runner is live")


def _across(connect: Connector, manifest: Manifest) -> tuple[str, tuple[NotChecked, ...]]:
    """Why fingerprints cannot be compared with this server's, "" where they can, and what is to be said of that.

    PostgreSQL keeps its hash functions the same within a major version and architecture only; whether two servers have
    the same one is seen from what they make of known texts. The portable algorithm is the same everywhere.
    """
    with connect(MAINTENANCE) as connection:
        pin(connection)
        here, calibration = connection.info.server_version // 10000, calibrate(connection)
    there = manifest.server_version_num // 10000
    portable = all(one.contents.algorithm == STABLE for one in manifest.databases.values())
    if portable or manifest.calibration == calibration or (not manifest.calibration and there == here):
        if there == here:
            return "", ()
        why = "by the portable algorithm" if portable else "their fast hash functions give the same for 400 texts"
        return "", (NotChecked("versions", f"content compared between PostgreSQL {there} and {here}: {why}"),)
    needs = (
        f"needs a manifest of PostgreSQL {here} or a portable one (drills manifest --portable), found one of {there}"
    )
    return f"{needs}: their hash functions differ", ()
