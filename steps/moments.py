"""Moments that the database is restored to beside the recovery."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from pytest_bdd import given, then, when

from drills.errors import NoRecoveryPoint
from drills.model.record import Restoration
from drills.record import Journal
from drills.recovery import point_in_time
from drills.recovery.drill import Drill
from drills.recovery.restore import Setup
from drills.run import context
from steps.checks import assert_met


@pytest.fixture(scope="session")
def setup(run_folder: Path, journal: Journal) -> Setup:
    """What the drill works with."""
    return context.open_setup(run_folder, journal)


@given("a moment between two changes, with a third under way", target_fixture="crossed")
def moment_between_changes(run_folder: Path) -> tuple[datetime, str]:
    """The moment and the database that it was crossed in; only the sandbox writes to its source."""
    choices = context.read(run_folder)
    if not choices.moment:
        pytest.skip("no marked changes: only the sandbox writes to its source; --sample drills a moment of yours")
    return datetime.fromisoformat(choices.moment), choices.moment_database


@when("the database is restored to that moment", target_fixture="at_the_moment")
def restored_to_the_moment(drill: Drill, setup: Setup, crossed: tuple[datetime, str]) -> Restoration:
    """A restore of its own, after the one that is measured."""
    return point_in_time.restore(drill, setup, *crossed)


@then("what was committed before it is there, and nothing that came after or was under way")
def only_what_was_before(journal: Journal, at_the_moment: Restoration) -> None:
    """The verdict on the moment."""
    assert at_the_moment.checks
    assert_met(journal, point_in_time.NAME)


@given("a moment before its oldest automated backup had ended", target_fixture="too_early")
def moment_too_early(setup: Setup) -> datetime:
    """A second before; skipped where the source has no automated backups."""
    found = point_in_time.moment_too_early(setup)
    if found is None:
        pytest.skip("no automated backup of the source is told of that could be restored to a moment")
    return found


@when("a recovery to that moment is asked for", target_fixture="refusal")
def recovery_is_asked_for(drill: Drill, too_early: datetime) -> str:
    """The sentence of the refusal, "" where there was none."""
    try:
        drill.restore_moment(too_early)
    except NoRecoveryPoint as error:
        return str(error)
    return ""


@then("it is refused, and no other moment takes its place")
def moment_is_refused(journal: Journal, refusal: str, too_early: datetime) -> None:
    """The refusal names the moment, and nothing was restored to another one."""
    moments = [each.point.data_time for each in journal.record.restorations if each.purpose == "moment" and each.point]
    assert f"{too_early:%Y-%m-%d %H:%M:%S}" in refusal
    assert all(at is not None and at > too_early for at in moments)
