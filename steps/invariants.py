"""What the owner of the data says is always true of it."""

from __future__ import annotations

from pytest_bdd import parsers, then

from drills.recovery.drill import Drill
from steps.checks import assert_verdict


@then(parsers.parse('it is true of the copy that "{sentence}"'))
def rule_holds(drill: Drill, sentence: str) -> None:
    """The one rule with that sentence; skipped where the target does not have it."""
    assert_verdict(drill.judge_rule(sentence), sentence)
