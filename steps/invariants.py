"""Invariants: what the owner of the data declares to be always true of them."""

from __future__ import annotations

from pytest_bdd import parsers, then

from drills.recovery.drill import Drill
from steps.checks import assert_verdict


@then(parsers.parse('it is true of the copy that "{sentence}"'))
def rule_holds(drill: Drill, sentence: str) -> None:
    """Assert the one invariant with that sentence; skip where the target does not have it."""
    assert_verdict(drill.judge_rule(sentence), sentence)
