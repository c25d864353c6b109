"""How the outcome of a check is worded."""

from __future__ import annotations

import pytest

from drills.checks.base.outcome import CheckOutcome
from drills.checks.base.runner import build_result
from drills.model.finding import NotChecked

CODE = "would run code of owner (function f) with a superuser's rights: log in as a role without them, or give --trust-code"


@pytest.mark.parametrize(
    ("left", "said"),
    [
        ((), "7 constraints validated, no difference"),
        ((CODE,), "7 constraints validated, no difference; 1 not run, whose code is the copy's"),
        (
            (CODE, CODE, "the owner skips it"),
            "7 constraints validated, no difference; 2 not run, whose code is the copy's",
        ),
    ],
)
def test_a_check_that_is_met_says_how_many_were_not_run(left: tuple[str, ...], said: str) -> None:
    """What was left since its code is the copy's stands beside what was validated, and not in a list alone."""
    excluded = tuple(NotChecked(f"constraint c{number}", reason) for number, reason in enumerate(left))
    result = build_result("constraints", CheckOutcome(7, excluded=excluded), "constraints", verb="validated")

    assert (result.outcome, result.sentence) == ("met", said)
