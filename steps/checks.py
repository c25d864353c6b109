"""Checks of the restored copy and their verdicts."""

from __future__ import annotations

import dataclasses

import pytest
from pytest_bdd import parsers, then

from drills.errors import CheckUnavailable
from drills.model.finding import Verdict
from drills.record import Journal
from drills.recovery import selection

WITHOUT_A_POINT = ("rto", "rpo")  # what is missed where there is nothing to restore: the objectives


@then(parsers.parse('the "{name}" check finds no difference'))
def check_finds_no_difference(journal: Journal, name: str) -> None:
    """Assert that the check of that name, in the recovery, is met: see docs/verification.md for what each compares."""
    assert_met(journal, name)


def assert_met(journal: Journal, name: str) -> None:
    """Assert that the run's verdict of that name is met; where nothing was restored, objectives fail and the rest is skipped."""
    verdict = verdict_of(journal, name)
    if verdict is None and name in WITHOUT_A_POINT and (none := no_point(journal)):
        raise AssertionError(none)
    if verdict is None:
        skip_without_a_point(journal)
    assert_verdict(verdict, name)


def verdict_of(journal: Journal, name: str) -> Verdict | None:
    """Return the run's verdict of that name."""
    return next((verdict for verdict in journal.record.verdicts if verdict.name == name), None)


def no_point(journal: Journal) -> str:
    """Return why the run had no recovery point to restore, "" where it had one or did not look."""
    chosen = verdict_of(journal, selection.VERDICT)
    return chosen.sentence if chosen and chosen.outcome == "missed" else ""


def skip_without_a_point(journal: Journal) -> None:
    """Skip a scenario about what was restored where nothing was, so that there is nothing to try."""
    if why := no_point(journal):
        pytest.skip(f"not tried, since nothing was restored: {why}")


def assert_verdict(verdict: Verdict | None, name: str) -> None:
    """Pass a met verdict and fail a missed one; raise CheckUnavailable for a required one that was not verified, else skip."""
    if verdict is None:
        raise CheckUnavailable(f"expected a verdict on {name!r}, found none: the drill did not get that far")
    if verdict.outcome == "not verified" and verdict.requirement != "required":
        pytest.skip(f"{name} is {verdict.requirement}: {verdict.sentence}")
    if verdict.outcome == "not verified":
        raise CheckUnavailable(dataclasses.replace(verdict, name=name).why_open)
    if verdict.outcome != "met":
        raise AssertionError(verdict.sentence)  # not `assert`: pytest would add its own words to the sentence
