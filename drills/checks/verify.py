"""Verify any database against a manifest with the checks of a drill, without the drill.

The first result says whether it is the manifest's database at all, before a thousand findings do.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from drills.checks import suite
from drills.checks.base.budget import Budget
from drills.checks.base.outcome import CheckOutcome
from drills.checks.base.runner import build_result, inspect_database, timed
from drills.checks.base.session import Connection, Connector, database_names, snapshot
from drills.checks.catalog import check as catalog
from drills.checks.catalog.check import Catalog
from drills.checks.comparison import WORKERS, Comparison
from drills.checks.in_turn import InTurn
from drills.checks.manifest import MAINTENANCE, Manifest, system_identifier
from drills.checks.owner import invariants
from drills.checks.owner.invariants import Invariant, InvariantSet
from drills.checks.resumed import ProvedFile
from drills.clock import Clock
from drills.errors import COULD_NOT_RUN, VERIFICATION_FAILED
from drills.model.finding import CheckResult, Finding
from drills.model.policy import TablePolicy
from drills.plural import counted

IDENTITY = "identity"
_ALIKE = 0.5  # the least share of relations that two copies of one database have in common


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under which a verification runs, as in `Comparison`: whether the copy's own code may, whether a source without rows is
    right, how many connections read, for how many seconds (None: to the end), what was proved before,
    and what is read first within the budget.
    """

    trust_code: bool = False
    expects_nothing: bool = False
    workers: int = WORKERS
    budget: float | None = None
    proved: ProvedFile | None = None
    turns: InTurn | None = None


USUAL = Conditions()


def verify(
    connect: Connector,
    manifest: Manifest,
    *,
    clock: Clock,
    key: bytes | None = None,
    policies: Mapping[str, TablePolicy] | None = None,
    scratch: bool = False,
    rules: Sequence[Invariant] = (),
    under: Conditions = USUAL,
) -> tuple[CheckResult, ...]:
    """Run every check in order, identity first. `scratch` as in `Comparison`; `rules` are the owner's own
    invariants.
    """
    results = [timed(clock, IDENTITY, lambda: _identity(connect, manifest))]
    comparison = Comparison(connect, manifest, clock, policies or {}, key, scratch=scratch, shut_off=False)
    comparison = dataclasses.replace(
        comparison,
        trust_code=under.trust_code,
        expects_nothing=under.expects_nothing,
        workers=under.workers,
        proved=under.proved,
        turns=under.turns,
    )
    blocking = suite.blocking(comparison)
    results += [dataclasses.replace(result, blocking=False) for result in blocking]
    if blocking[0].outcome == "met":
        budget = Budget.starting(under.budget, clock)
        results += suite.remaining(dataclasses.replace(comparison, budget=budget))
        if rules:
            own = InvariantSet(tuple(rules))
            results.append(
                timed(clock, invariants.NAME, lambda: invariants.check(connect, own, trust_code=under.trust_code))
            )
    return tuple(results)


def exit_code(results: Sequence[CheckResult]) -> int:
    """Return 0 when everything required was met, else the code of a difference, else that of something not verified."""
    if any(result.outcome == "missed" for result in results):
        return VERIFICATION_FAILED
    if any(result.outcome == "not verified" and result.requirement == "required" for result in results):
        return COULD_NOT_RUN
    return 0


def _identity(connect: Connector, manifest: Manifest) -> CheckResult:
    with snapshot(connect, MAINTENANCE) as connection:
        here = system_identifier(connection)
    there = set(database_names(connect))
    outcome = CheckOutcome()
    for name, expected in manifest.databases.items():
        if name in there:

            def inspect(connection: Connection, name: str = name, expected: Catalog = expected.catalog) -> CheckOutcome:
                return _same(name, expected.get("relations", {}).keys(), catalog.relations(connection))

            outcome += inspect_database(connect, name, IDENTITY, inspect)
    same = here == manifest.system_identifier
    if not here or not manifest.system_identifier:
        praise = "whether it is a physical copy is unknown"
    else:
        praise = "of the same server or a physical copy of it" if same else "of another server, as a restored dump is"
    return build_result(IDENTITY, outcome, "databases", praise)


def _same(name: str, before: Set[str], after: Set[str]) -> CheckOutcome:
    """Judge whether a database has at least half of the relations that the manifest names. Pure."""
    common = len(before & after)
    if not before or common >= _ALIKE * len(before):
        return CheckOutcome(1)
    what = f"this looks like another database: {common} of the {len(before)} relations of {name!r} are in it"
    finding = Finding(
        IDENTITY,
        "error",
        f"database {name}",
        f"{counted(len(before), 'relation')} by name",
        f"{common} of them, and {counted(len(after - before), 'other')}",
        what,
        "select oid::regclass from pg_class where relkind in ('r', 'p', 'v', 'm', 'f') and oid >= 16384",
    )
    return CheckOutcome(1, (finding,))
