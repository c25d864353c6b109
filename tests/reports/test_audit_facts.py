"""The facts that a control asks for: none is met by a run that shows nothing, and what speaks against one is said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drills.model.finding import Verdict
from drills.model.point import RecoveryPoint
from drills.model.record import RunRecord
from reports.audit.facts import FACTS, condition
from tests.support.clock import NOON
from tests.support.example_record import green_drill

GREEN = green_drill()


def with_point(point: RecoveryPoint) -> RunRecord:
    """The green drill, of another recovery point."""
    found = [replace(each, point=point) if each.purpose == "recovery" else each for each in GREEN.restorations]
    return replace(GREEN, restorations=tuple(found))


@pytest.mark.parametrize("name", FACTS)
def test_a_run_that_came_to_nothing_has_met_no_condition(name: str) -> None:
    """Neither met nor missed: an auditor reads why it was not verified."""
    found = condition(RunRecord(1, "20261123-120000-abcd", "aws", False, NOON, "0"), name)

    assert found.outcome == "not verified"
    assert found.sentence


def test_a_name_that_is_no_condition_is_an_error() -> None:
    """And not a condition that nobody judged, which a misspelt control would be for ever."""
    with pytest.raises(KeyError, match="encypted"):
        condition(GREEN, "encypted")


def test_a_recovery_point_that_is_not_encrypted_speaks_against_its_control() -> None:
    """It was looked at: missed, and not only not shown."""
    point = next(each.point for each in GREEN.restorations if each.purpose == "recovery" and each.point)

    assert condition(with_point(replace(point, encrypted=True)), "encrypted").outcome == "met"
    found = condition(with_point(replace(point, encrypted=False)), "encrypted")
    assert (found.outcome, found.sentence) == ("missed", "the recovery point is not encrypted")


def test_a_restore_to_an_instant_is_proved_by_the_canary() -> None:
    """A continuous point ends where the canary's chain does; of a snapshot nobody says so."""
    point = next(each.point for each in GREEN.restorations if each.purpose == "recovery" and each.point)
    canary = Verdict("canary", "missed", "2 beats are lacking", exit_code=10)
    others = tuple(each for each in GREEN.verdicts if each.name not in ("canary", "moment"))

    def found(of: RecoveryPoint) -> str:
        return condition(replace(with_point(of), verdicts=(*others, canary)), "transactions").outcome

    assert found(replace(point, kind="continuous")) == "missed"
    assert found(replace(point, kind="awsbackup")) == "not verified"
