"""Usable: response times of the owner's queries, and durations until the copy can be used."""

from __future__ import annotations

import pytest
from pytest_bdd import given, parsers, then

from drills.durations import parse_duration
from drills.model.finding import Verdict
from drills.objectives import recovery_time, timeline
from drills.record import Journal
from drills.recovery.drill import Drill
from steps.checks import assert_met


@given("the protected database of the target holds the sample application")
def target_holds_the_sample(drill: Drill) -> None:
    """Skip the scenario where the target holds other data than the sample application."""
    if not drill.uses_demo_data:
        pytest.skip("the target holds other data than the sample application")


@then("each of the owner's queries meets its target")
def queries_are_fast_enough(journal: Journal) -> None:
    """Assert the verdict on the owner's queries; skip where drill.toml has none, or none that fits the data."""
    assert_met(journal, "queries")


@then(parsers.parse('the copy is usable within "{objective}"'))
def usable_within(journal: Journal, objective: str) -> None:
    """Assert that RTA is within a duration such as "15 minutes"."""
    _hold(journal, recovery_time.judge_usable(journal.record, parse_duration(objective).total_seconds()))


@then(parsers.parse('the name of the copy resolves within "{objective}"'))
def name_resolves_within(journal: Journal, objective: str) -> None:
    """Assert the time from when RDS reports the endpoint to when its name resolves."""
    _hold(journal, _between(journal, timeline.ENDPOINT, timeline.RESOLVED, objective))


@then(parsers.parse('the copy accepts connections within "{objective}" of that'))
def accepts_connections_within(journal: Journal, objective: str) -> None:
    """Assert the time from when the name resolves to the first connection."""
    _hold(journal, _between(journal, timeline.RESOLVED, timeline.CONNECTED, objective))


def _between(journal: Journal, begin: str, end: str, objective: str) -> Verdict:
    return recovery_time.judge_between(journal.record, begin, end, parse_duration(objective).total_seconds())


def _hold(journal: Journal, verdict: Verdict) -> None:
    journal.verdict(verdict)
    assert_met(journal, verdict.name)
