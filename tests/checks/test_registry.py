"""The registry of checks, and what the rooms of the checks may import."""

from __future__ import annotations

import ast
from collections.abc import Sequence

import pytest

from drills.checks import registry
from drills.checks.comparison import CheckRun, Comparison
from drills.checks.registry import Binding, bind
from drills.clock import SystemClock
from drills.config import load
from drills.model.finding import CheckResult
from drills.model.policy import BLOCKING, CHECKS, DECLARATIONS, CheckDeclaration
from drills.objectives import data_loss, engine_version
from drills.recovery.manifest import expected
from drills.schedule import verdict as schedule_verdict
from tests.house.imports import arrows
from tests.support.paths import CHECKOUT

BELOW = {"model", "turns", "ground"}
THEMES = ("catalog", "content", "integrity", "owner", "server", "canary")
# The other themes that a theme may import.
BESIDE = {"checks/integrity": ("checks/catalog", "checks/content")}


def nothing(run: CheckRun) -> CheckResult:
    """The result of a check that does nothing."""
    return CheckResult("nothing", "met", "")


@pytest.mark.parametrize(
    ("declared", "bound", "problem"),
    [
        (("a", "b"), ("a",), "'b' is declared and not bound"),
        (("a",), ("a", "b"), "'b' is bound and not declared"),
        (("a",), ("a", "a"), "'a' is bound twice"),
        (("a", "a"), ("a",), "'a' is declared twice"),
    ],
)
def test_a_check_is_declared_and_bound_exactly_once(
    declared: Sequence[str], bound: Sequence[str], problem: str
) -> None:
    """The registry refuses a check that is missing on one side, or there twice."""
    with pytest.raises(ValueError, match=problem):
        bind([CheckDeclaration(name) for name in declared], [Binding(name, nothing) for name in bound])


def test_the_registry_holds_the_checks_that_drill_toml_accepts() -> None:
    """What can be configured is carried out by the suite, or is one of the drill's own objectives."""
    judged_by_the_drill = {data_loss.NAME, engine_version.NAME, schedule_verdict.NAME, expected.VERDICT}

    assert load.CHECKS == CHECKS
    assert len(set(CHECKS)) == len(CHECKS)
    assert {check.name for check in registry.CHECKS} | judged_by_the_drill == set(CHECKS)
    assert {each.name for each in DECLARATIONS if not each.in_suite} == judged_by_the_drill


def test_checks_run_in_the_order_in_which_they_are_declared() -> None:
    """A check that blocks by default comes before one that does not."""
    blocks = [check.declaration.blocks for check in registry.CHECKS]

    assert blocks == sorted(blocks, reverse=True)
    assert [check.name for check in registry.CHECKS if check.declaration.blocks] == list(BLOCKING)


def test_a_check_that_needs_more_than_a_connection_applies_where_it_is_supplied() -> None:
    """The owner's queries and the isolation are part of a drill, and of no comparison by hand."""

    def connect(database: str) -> object:
        raise AssertionError(f"connected to {database}")

    alone = Comparison(connect, None, SystemClock(), scratch=False, shut_off=False)  # type: ignore[arg-type]  # never called
    result = CheckResult("isolation", "met", "supplied")
    supplied = Comparison(connect, None, SystemClock(), supplied={"isolation": lambda: result})  # type: ignore[arg-type]
    (isolation,) = [check for check in registry.CHECKS if check.name == "isolation"]

    assert not isolation.applies(alone)
    assert isolation.applies(supplied)
    assert isolation.run(CheckRun(supplied)) is result
    left_out = {check.name for check in registry.CHECKS if not check.applies(alone)}
    assert left_out == {"queries", "invariants", "harmless", "amcheck", "isolation"}


def test_the_document_says_of_each_check_whose_code_it_runs() -> None:
    """Each has its place in the table of docs/verification.md."""
    text = (CHECKOUT / "docs" / "verification.md").read_text(encoding="utf-8")
    section = text.partition("## Whose code a check runs")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| ")][1:]
    described = {name.strip() for row in rows for name in row.split(",")}

    assert {check.name for check in registry.CHECKS} <= described


# -- rooms ------------------------------------------------------------------------------------------------------------


def test_a_room_of_the_checks_imports_only_the_checks_below_it_the_model_and_the_ground() -> None:
    """A theme knows no other one but where it says so, and no check the configuration, the record or AWS."""
    rooms = {room: set(others) for room, others in arrows().items() if room.partition("/")[0] == "checks"}
    themes = {f"checks/{theme}" for theme in THEMES}
    allowed = {
        "checks": {*rooms, *BELOW},
        "checks/base": BELOW,
        **{theme: {"checks/base", *BELOW, *BESIDE.get(theme, ())} for theme in themes},
    }

    assert rooms.keys() == allowed.keys()
    assert {room: others - allowed[room] for room, others in rooms.items() if others - allowed[room]} == {}


def test_sql_that_is_put_together_is_executed_in_one_place() -> None:
    """Nothing but drills/sql.py encodes a statement for psycopg by itself."""
    by_hand = [
        f"{path.relative_to(CHECKOUT)}:{node.lineno}"
        for path in sorted((CHECKOUT / "drills").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "execute"
        and any(
            isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.func.attr == "encode"
            for each in node.args
        )
    ]

    assert by_hand == []
