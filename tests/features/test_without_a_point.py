"""The steps of a run that finds no recovery point: the objectives are missed, and what needs a copy says that it was not tried."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from drills.errors import OBJECTIVE_MISSED, CheckUnavailable
from drills.model.finding import Verdict
from drills.record import Journal
from steps import checks, dynamodb, storage
from tests.support.example_record import green_drill

WHY = "expected a usable recovery point of the table \"orders\" in vault 'v', there is none at all"


def _journal(folder: Path, *verdicts: Verdict) -> Journal:
    record = dataclasses.replace(green_drill(), verdicts=verdicts, resources=(), restorations=())
    return Journal.create(folder, record, origin=0.0)


def test_without_a_recovery_point_the_objectives_fail_and_nothing_else_was_tried(tmp_path: Path) -> None:
    """A failed objective has the reason; items, settings and the clean-up are skipped with it, not failed by it."""
    journal = _journal(tmp_path, Verdict("recovery point", "missed", WHY, exit_code=OBJECTIVE_MISSED))
    for objective in ("rto", "rpo"):
        with pytest.raises(AssertionError) as failed:
            checks.assert_met(journal, objective)
        assert str(failed.value) == WHY
    for check in ("items", "settings"):
        with pytest.raises(pytest.skip.Exception, match="not tried, since nothing was restored: expected a usable"):
            checks.assert_met(journal, check)
    for step in (dynamodb.no_table_is_left, storage.no_volume_is_left):
        with pytest.raises(pytest.skip.Exception, match="not tried, since nothing was restored"):
            step(journal, ())
    with pytest.raises(pytest.skip.Exception, match="not tried, since nothing was restored"):
        storage.said_to_be_not_verified(journal, "contents")


def test_a_verdict_that_is_missing_for_another_reason_is_no_skip(tmp_path: Path) -> None:
    """Where there was a point, a check without a verdict breaks, and a clean-up with nothing to remove fails."""
    journal = _journal(tmp_path, Verdict("recovery point", "met", "point, data up to noon"))
    for name in ("rto", "items"):
        with pytest.raises(CheckUnavailable, match="the drill did not get that far"):
            checks.assert_met(journal, name)
    with pytest.raises(AssertionError, match="found none"):
        dynamodb.no_table_is_left(journal, ())
    with pytest.raises(AssertionError, match="found none"):
        storage.said_to_be_not_verified(journal, "contents")
