"""What planning a query computes of a stored expression, and what it leaves to the execution."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.checks.base.node_trees import References, is_evaluated_by_planning, references

VAR = "{VAR :varno 1 :varattno 1 :vartype 23 :vartypmod -1 :varcollid 0}"
CONST = "{CONST :consttype 23 :constbyval true :constisnull false :location 9 :constvalue 4 [ 1 0 0 0 0 0 0 0 ]}"
NULL = "{CONST :consttype 23 :constisnull true :location 9 :constvalue <>}"
OURS, INLINED = 16400, 16401


def call(function: int, *arguments: str) -> str:
    """A call as the catalog stores it."""
    return f"{{FUNCEXPR :funcid {function} :funcresulttype 16 :args ({' '.join(arguments)}) :location -1}}"


def unsafe(found: References) -> bool:
    """Whether one of the two functions is called."""
    return bool(found.functions & {OURS, INLINED})


@pytest.mark.parametrize(
    ("tree", "computed"),
    [
        (call(OURS, VAR), False),
        (call(OURS, VAR, CONST), False),
        (call(OURS, call(870, VAR)), False),
        (call(870, VAR), False),
        (call(OURS, CONST), True),
        (call(OURS), True),
        (call(OURS, call(870, CONST)), True),
        (call(OURS, call(870, VAR, NULL)), True),  # a strict function of a null is null
        (call(INLINED, VAR), True),
        (call(870, call(OURS, VAR), call(OURS, CONST)), True),
        (f"{{CASEEXPR :args ({{CASEWHEN :expr {call(OURS, CONST)} :result {VAR}}}) :defresult {CONST}}}", True),
        (call(OURS, f"{{COALESCEEXPR :coalescetype 23 :args ({CONST} {VAR})}}"), True),
    ],
)
def test_a_call_is_left_to_the_execution_where_a_column_decides_it(tree: str, computed: bool) -> None:
    """Whatever may become a constant counts as computed by the planner."""
    assert is_evaluated_by_planning(tree, unsafe, frozenset({INLINED})) is computed


@given(st.lists(st.integers(1, 2**31), min_size=1, max_size=9))
def test_every_function_is_found_however_deep(functions: list[int]) -> None:
    """Also behind names with braces, which are written with a backslash."""
    tree = VAR
    for function in functions:
        tree = call(function, "{FIELDSELECT :name od\\{d\\ \\:funcid\\ 7 :arg " + tree + "}")

    assert references(tree).functions == set(functions)


def test_the_type_of_a_column_is_read_and_that_of_a_coercion_is_made() -> None:
    """A domain's checks are evaluated for the second alone."""
    found = references(f"{{COERCETODOMAIN :arg {VAR} :resulttype 16500}}")

    assert (set(found.types), set(found.values)) == ({16500}, {23})
