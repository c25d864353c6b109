"""Points in time that the database is restored to, beside the recovery."""

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
from drills.recovery.setup import Setup
from drills.run import context
from steps.checks import assert_met


@pytest.fixture(scope="session")
def setup(run_folder: Path, journal: Journal) -> Setup:
    """Open what a restore needs: target, clients, clock and record."""
    return context.open_setup(run_folder, journal)


@given("a point in time between two changes, while a third is uncommitted", target_fixture="between_changes")
def time_between_changes(run_folder: Path) -> tuple[datetime, str]:
    """Return a time between two marked changes, and their database; skip outside of the sandbox, which alone writes them."""
    choices = context.read(run_folder)
    if not choices.moment:
        pytest.skip(
            "no marked changes: only the sandbox writes to its source; --sample TIME drills a time of your choice"
        )
    return datetime.fromisoformat(choices.moment), choices.moment_database


@when("the database is restored to that point in time", target_fixture="restored_then")
def database_is_restored(drill: Drill, setup: Setup, between_changes: tuple[datetime, str]) -> Restoration:
    """Restore to that time, after the recovery that is measured, and look for the marked changes."""
    return point_in_time.restore(drill, setup, *between_changes)


@then("it contains what was committed before, and nothing that was committed later or not at all")
def only_committed_before(journal: Journal, restored_then: Restoration) -> None:
    """Assert the verdict on the point-in-time restore."""
    assert restored_then.checks
    assert_met(journal, point_in_time.NAME)


@given("a point in time before the oldest automated backup ended", target_fixture="too_early")
def time_too_early(setup: Setup) -> datetime:
    """Return a time one second before the earliest that can be restored; skip where there are no automated backups."""
    found = point_in_time.moment_too_early(setup)
    if found is None:
        pytest.skip("the source has no automated backup that a point in time could be restored from")
    return found


@when("a restore to that point in time is requested", target_fixture="refusal")
def restore_is_requested(drill: Drill, too_early: datetime) -> str:
    """Return the message of the refusal, "" where there was none."""
    try:
        drill.restore_moment(too_early)
    except NoRecoveryPoint as error:
        return str(error)
    return ""


@then("the request is refused, and no other point in time is restored instead")
def request_is_refused(journal: Journal, refusal: str, too_early: datetime) -> None:
    """Assert that the message names the time, and that nothing was restored to an earlier one."""
    restored = [each.point.data_time for each in journal.record.restorations if each.purpose == "moment" and each.point]
    assert f"{too_early:%Y-%m-%d %H:%M:%S}" in refusal
    assert all(at is not None and at > too_early for at in restored)
