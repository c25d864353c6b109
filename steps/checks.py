"""Checks of the restored copy and their verdicts."""

from __future__ import annotations

import pytest
from pytest_bdd import parsers, then

from drills.errors import CheckUnavailable
from drills.model.finding import Verdict
from drills.record import Journal


@then(parsers.parse('the "{name}" check finds no difference'))
def check_finds_no_difference(journal: Journal, name: str) -> None:
    """Assert that the check of that name, in the recovery, is met: see docs/verification.md for what each compares."""
    assert_met(journal, name)


def assert_met(journal: Journal, name: str) -> None:
    """Assert that the run's verdict of that name is met."""
    assert_verdict(next((verdict for verdict in journal.record.verdicts if verdict.name == name), None), name)


def assert_verdict(verdict: Verdict | None, name: str) -> None:
    """Pass a met verdict and fail a missed one; raise CheckUnavailable for a required one that was not verified, else skip."""
    if verdict is None:
        raise CheckUnavailable(f"expected a verdict on {name!r}, found none: the drill did not get that far")
    if verdict.outcome == "not verified" and verdict.requirement != "required":
        pytest.skip(f"{name} is {verdict.requirement}: {verdict.sentence}")
    if verdict.outcome == "not verified":
        raise CheckUnavailable(f"{name} was not verified: {verdict.sentence}")
    if verdict.outcome != "met":
        raise AssertionError(verdict.sentence)  # not `assert`: pytest would add its own words to the sentence
