"""The checks that need no manifest: a database contradicts itself where it is damaged.

With a manifest they say more: what the source had as well is information and no difference.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from drills.checks.base.outcome import Judged
from drills.checks.base.runner import attempt, everywhere, result_of, timed, twice
from drills.checks.base.session import Connection, Connector, names_of
from drills.checks.base.timeouts import LONGEST
from drills.checks.content import check as content
from drills.checks.integrity import amcheck, constraints, sequences, system_catalog, views_libraries
from drills.checks.integrity import files as integrity_files
from drills.checks.integrity import indexes as integrity_indexes
from drills.checks.integrity import state as integrity_state
from drills.checks.manifest import MAINTENANCE, DatabaseManifest, Manifest
from drills.clock import Clock
from drills.model.finding import CheckResult, Requirement


def results(
    connect: Connector,
    manifest: Manifest | None,
    contents: CheckResult,
    *,
    clock: Clock,
    scratch: bool,
    names: Collection[str],
) -> tuple[CheckResult, ...]:
    """Those of the `names` in order; `contents` is the content check's result.

    `scratch`: the copy is there to be checked alone, so that amcheck may be created in a transaction that is rolled back.
    """
    by = _By(connect, manifest, contents)
    found = [timed(clock, name, functools.partial(look, by)) for name, look in _CHECKS.items() if name in names]
    if scratch and amcheck.NAME in names:
        found.append(timed(clock, amcheck.NAME, functools.partial(_amcheck, connect)))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _By:
    """What the checks go by; `unique` are the indexes of each database that were seen to hold no key twice."""

    connect: Connector
    manifest: Manifest | None
    contents: CheckResult
    unique: dict[str, set[str]] = field(default_factory=dict)

    def everywhere(self, check: str, look: Callable[[Connection, DatabaseManifest | None], Judged]) -> Judged:
        """Look at each database."""
        return everywhere(self.connect, self.manifest, check, look)


def _constraints(by: _By) -> CheckResult:
    def look(connection: Connection, expected: DatabaseManifest | None) -> Judged:
        alike = content.alike(expected.contents if expected else None, by.contents)
        return constraints.look(connection, alike, by.unique.get(connection.info.dbname, frozenset()))

    judged = by.everywhere(constraints.NAME, look)
    return result_of(constraints.NAME, judged, "promises", verb="proved")


def _sequences(by: _By) -> CheckResult:
    def look(connection: Connection, expected: DatabaseManifest | None) -> Judged:
        alike = content.alike(expected.contents if expected else None, by.contents)
        return sequences.look(connection, expected.sequences if expected else None, alike)

    judged = by.everywhere(sequences.NAME, look)
    return result_of(sequences.NAME, judged, "sequences")


def _state(by: _By) -> CheckResult:
    def look(connection: Connection, expected: DatabaseManifest | None) -> Judged:
        return integrity_state.look(connection, expected.facts if expected else None)

    def look_at_all(connection: Connection) -> Judged:
        expected = by.manifest.facts if by.manifest else None
        return integrity_state.look_at_cluster(connection, expected, only=bool(only))

    only = by.manifest.only if by.manifest else ""
    judged = attempt(by.connect, only or MAINTENANCE, integrity_state.NAME, look_at_all)
    judged += by.everywhere(integrity_state.NAME, look)
    return result_of(integrity_state.NAME, judged, "objects", verb="looked at")


def _system(by: _By) -> CheckResult:
    def look(connection: Connection, expected: DatabaseManifest | None) -> Judged:
        if expected is None or by.manifest is None:
            return system_catalog.look(connection, None, None)
        same = connection.info.server_version // 10000 == by.manifest.server_version_num // 10000
        return system_catalog.look(connection, expected.builtins if same else None, expected.facts)

    judged = by.everywhere(system_catalog.NAME, look)
    return result_of(system_catalog.NAME, judged, "references and catalogs", verb="followed")


def _files(by: _By) -> CheckResult:
    judged = by.everywhere(integrity_files.NAME, lambda connection, _: integrity_files.look(connection))
    return result_of(integrity_files.NAME, judged, "relations", verb="measured")


def _views(by: _By) -> CheckResult:
    return views(by.connect, by.manifest)


def views(connect: Connector, manifest: Manifest | None, longest: float = LONGEST) -> CheckResult:
    """Plan the views of every database; the server has `longest`, in seconds, for one of them."""
    stuck = set[tuple[str, str]]()

    def look(connection: Connection, expected: DatabaseManifest | None) -> Judged:
        return views_libraries.look_at_views(connection, expected.facts if expected else None, stuck, longest)

    judged = everywhere(connect, manifest, views_libraries.VIEWS, look)
    return result_of(views_libraries.VIEWS, judged, "views", verb="planned")


def _libraries(by: _By) -> CheckResult:
    def look(connection: Connection, expected: DatabaseManifest | None) -> Judged:
        return views_libraries.look_at_libraries(connection)

    judged = by.everywhere(views_libraries.LIBRARIES, look)
    requirement: Requirement = "required" if judged.findings else "optional"
    return result_of(
        views_libraries.LIBRARIES, judged, "functions in C", requirement=requirement, verb="found in their libraries"
    )


def _indexes(by: _By) -> CheckResult:
    return indexes(by.connect, by.unique)


def indexes(connect: Connector, unique: dict[str, set[str]], longest: float = LONGEST) -> CheckResult:
    """Prove the indexes of every database; the server has `longest`, in seconds, for a search in one of them.

    `unique` is filled with those that hold no key twice, by the name of their database.
    """
    judged = Judged()
    for name in names_of(connect):
        progress = integrity_indexes.Progress()

        def look(connection: Connection, progress: integrity_indexes.Progress = progress) -> Judged:
            unique[connection.info.dbname] = progress.unique
            return integrity_indexes.look(connection, progress, longest)

        judged += attempt(connect, name, integrity_indexes.NAME, look)
    return result_of(integrity_indexes.NAME, judged, "indexes", verb="proved")


_CHECKS: dict[str, Callable[[_By], CheckResult]] = {
    integrity_indexes.NAME: _indexes,  # first: an index that holds no key twice proves that its table does not either
    constraints.NAME: _constraints,
    sequences.NAME: _sequences,
    integrity_state.NAME: _state,
    system_catalog.NAME: _system,
    integrity_files.NAME: _files,
    views_libraries.VIEWS: _views,
    views_libraries.LIBRARIES: _libraries,
}


def _amcheck(connect: Connector) -> CheckResult:
    judged, ranks = Judged(), set[Requirement]()
    for name in names_of(connect):

        def look(name: str = name) -> Judged:
            found, rank = amcheck.look(connect, name)
            ranks.add(rank)
            return found

        judged += twice(name, amcheck.NAME, look)
    # a tool that could run nowhere is asked of nobody; what it found somewhere counts
    level: Requirement = "impossible" if ranks == {"impossible"} else "optional"
    requirement: Requirement = "required" if judged.findings else level
    return result_of(amcheck.NAME, judged, "relations", requirement=requirement, verb="checked")
