"""The posture of the target's backups: whether what a recovery needs is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_bdd import parsers, then, when

from drills.errors import CheckUnavailable
from drills.model.finding import CheckResult
from drills.run import posture as posture_promises


@pytest.fixture(scope="session")
def posture(run_folder: Path) -> tuple[CheckResult, ...]:
    """The results, judged once a run."""
    return posture_promises.judge_run(run_folder)


@when("the posture of its backups is judged", target_fixture="results")
def posture_is_judged(posture: tuple[CheckResult, ...]) -> dict[str, CheckResult]:
    """By reading alone."""
    return {result.name: result for result in posture}


@then(parsers.parse('the "{name}" of its backups are as they should be'))
@then(parsers.parse('the "{name}" of its backups is as it should be'))
def as_it_should_be(results: dict[str, CheckResult], name: str) -> None:
    """Met passes, missed fails, and what could not be read is not passed."""
    result = results[name]
    if result.outcome == "not verified" or result.not_checked:
        unread = "; ".join(f"{each.what}: {each.reason}" for each in result.not_checked) or result.sentence
        raise CheckUnavailable(f"{name} was not verified: {unread}")
    if result.outcome != "met":
        first = result.findings[0]
        raise AssertionError(f"{result.sentence}; to do: {first.message}")
