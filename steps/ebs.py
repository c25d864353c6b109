"""Steps about a target that is an EBS volume."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from pytest_bdd import given, parsers, then, when

from drills.errors import NoRecoveryPoint
from drills.record import Journal
from drills.recovery.volume.drill import VolumeDrill
from drills.run import context
from steps.checks import skip_without_a_point


@pytest.fixture(scope="session")
def volume_drill(run_folder: Path, journal: Journal) -> Iterator[VolumeDrill]:
    """Open the drill of this run, and remove what it created at the end, whatever happened."""
    drill = context.open_volume_drill(run_folder, journal)
    yield drill
    drill.clean_up()


@given("the protected volume of the target is lost")
def volume_is_lost(volume_drill: VolumeDrill) -> None:
    """Declare the disaster, once a run: the recovery time counts from here."""
    volume_drill.declare_disaster()


@given("its recovery point has been restored to a scratch volume")
def volume_is_restored(volume_drill: VolumeDrill) -> None:
    """Restore the point and compare the copy, once a run. Without a point the RTO is missed; the rest is not tried."""
    with suppress(NoRecoveryPoint):
        volume_drill.recover()


@then(parsers.parse('the "{name}" of the copy is said to be not verified'))
def said_to_be_not_verified(journal: Journal, name: str) -> None:
    """Assert that the run's verdict of that name is there, and is not a full pass; skip where there was nothing to restore."""
    skip_without_a_point(journal)
    found = [each.outcome for each in journal.record.verdicts if each.name == name]
    assert found == ["not verified"], f"expected the verdict on {name} to be not verified, found {found or 'none'}"


@when("the drill removes the scratch volume", target_fixture="left_volumes")
def volume_is_removed(volume_drill: VolumeDrill) -> tuple[str, ...]:
    """Delete the scratch volume, and wait until EC2 does not have it any more."""
    return tuple(f"{resource.kind} {resource.id}: {resource.note}" for resource in volume_drill.clean_up())


@then("the scratch volume is confirmed to be gone")
def no_volume_is_left(journal: Journal, left_volumes: tuple[str, ...]) -> None:
    """Assert that the run created something and that nothing of it is left; skip where there was nothing to restore."""
    skip_without_a_point(journal)
    assert journal.record.resources, "expected a volume that the drill created, found none"
    assert not left_volumes, f"still there: {'; '.join(left_volumes)}"
