"""The one registry of checks: each declaration (drills/model/policy.py) with the function that carries it out.

A new check is declared there and bound here; drill.toml, the suite and the reports know it then. Importing this module
fails where a declared check is not bound, or where one is bound twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from drills.checks import manifest_checks, self_checks
from drills.checks.canary import chain
from drills.checks.catalog import check as catalog
from drills.checks.comparison import CheckRun, Comparison
from drills.checks.content import check as content
from drills.checks.content import large_objects, sequences
from drills.checks.integrity import amcheck, constraints, indexes, system_catalog, views_libraries
from drills.checks.integrity import files as integrity_files
from drills.checks.integrity import sequences as integrity_sequences
from drills.checks.integrity import state as integrity_state
from drills.checks.owner import invariants, queries
from drills.checks.server import harmless, isolation, settings
from drills.model.finding import CheckResult
from drills.model.policy import DECLARATIONS, CheckDeclaration

CONNECTION = manifest_checks.CONNECTION
Run = Callable[[CheckRun], CheckResult]
Applies = Callable[[Comparison], bool]


def _always(comparison: Comparison) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Check:
    """A declared check with its function; `applies` says whether a comparison asks for it."""

    declaration: CheckDeclaration
    run: Run
    applies: Applies = _always

    @property
    def name(self) -> str:
        """Return the check's name."""
        return self.declaration.name


@dataclass(frozen=True, slots=True)
class Binding:
    """The name of a declared check, its function, and when it applies."""

    name: str
    run: Run
    applies: Applies = _always


def bind(declarations: Iterable[CheckDeclaration], bindings: Sequence[Binding]) -> tuple[Check, ...]:
    """Bind each declaration of the suite to its function, in the order of the declarations.

    ValueError where one is declared or bound twice, bound without a declaration, or declared without a binding.
    """
    declared = [each for each in declarations if each.in_suite]
    names, bound = [each.name for each in declared], [each.name for each in bindings]
    problems = [
        *(f"{name!r} is declared twice" for name in sorted(set(names)) if names.count(name) > 1),
        *(f"{name!r} is bound twice" for name in sorted(set(bound)) if bound.count(name) > 1),
        *(f"{name!r} is bound and not declared" for name in sorted(set(bound) - set(names))),
        *(f"{name!r} is declared and not bound" for name in sorted(set(names) - set(bound))),
    ]
    if problems:
        raise ValueError(f"expected each check to be declared and bound once: {'; '.join(problems)}")
    by_name = {each.name: each for each in bindings}
    return tuple(Check(each, by_name[each.name].run, by_name[each.name].applies) for each in declared)


def _supplied(name: str) -> Binding:
    """Bind a check that the caller carries out, where it is one of the comparison's `supplied`."""
    return Binding(name, lambda run: run.comparison.supplied[name](), lambda comparison: name in comparison.supplied)


CHECKS = bind(
    DECLARATIONS,
    (
        Binding(CONNECTION, manifest_checks.check_connection),
        _supplied(queries.NAME),
        Binding(catalog.NAME, manifest_checks.compare_catalog),
        Binding(sequences.NAME, manifest_checks.compare_sequences),
        Binding(chain.NAME, manifest_checks.check_canary),
        Binding(invariants.NAME, self_checks.check_invariants, lambda comparison: comparison.invariants is not None),
        Binding(content.NAME, manifest_checks.compare_content),
        Binding(large_objects.NAME, manifest_checks.compare_large_objects),
        Binding(settings.NAME, manifest_checks.compare_settings),
        Binding(harmless.NAME, self_checks.check_harmless, lambda comparison: comparison.shut_off),
        Binding(indexes.NAME, self_checks.check_indexes),
        Binding(constraints.NAME, self_checks.check_constraints),
        Binding(integrity_sequences.NAME, self_checks.check_sequences),
        Binding(integrity_state.NAME, self_checks.check_state),
        Binding(system_catalog.NAME, self_checks.check_system_catalog),
        Binding(integrity_files.NAME, self_checks.check_files),
        Binding(views_libraries.VIEWS, self_checks.check_views),
        Binding(views_libraries.LIBRARIES, self_checks.check_libraries),
        Binding(amcheck.NAME, self_checks.check_amcheck, lambda comparison: comparison.scratch),
        _supplied(isolation.NAME),
    ),
)
