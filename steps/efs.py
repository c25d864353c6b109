"""Steps about a target that is an EFS file system."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from pytest_bdd import given, then, when

from drills.errors import NoRecoveryPoint
from drills.record import Journal
from drills.recovery.file_system.drill import FileSystemDrill
from drills.run import context
from steps.checks import skip_without_a_point


@pytest.fixture(scope="session")
def file_system_drill(run_folder: Path, journal: Journal) -> Iterator[FileSystemDrill]:
    """Open the drill of this run, and remove what it created at the end, whatever happened."""
    drill = context.open_file_system_drill(run_folder, journal)
    yield drill
    drill.clean_up()


@given("the protected file system of the target is lost")
def file_system_is_lost(file_system_drill: FileSystemDrill) -> None:
    """Declare the disaster, once a run: the recovery time counts from here."""
    file_system_drill.declare_disaster()


@given("its recovery point has been restored to a scratch file system")
def file_system_is_restored(file_system_drill: FileSystemDrill) -> None:
    """Restore the point and compare the copy, once a run. Without a point the RTO is missed; the rest is not tried."""
    with suppress(NoRecoveryPoint):
        file_system_drill.recover()


@when("the drill removes the scratch file system", target_fixture="left_file_systems")
def file_system_is_removed(file_system_drill: FileSystemDrill) -> tuple[str, ...]:
    """Delete the scratch file system, and wait until EFS does not have it any more."""
    return tuple(f"{resource.kind} {resource.id}: {resource.note}" for resource in file_system_drill.clean_up())


@then("the scratch file system is confirmed to be gone")
def no_file_system_is_left(journal: Journal, left_file_systems: tuple[str, ...]) -> None:
    """Assert that the run created something and that nothing of it is left; skip where there was nothing to restore."""
    skip_without_a_point(journal)
    assert journal.record.resources, "expected a file system that the drill created, found none"
    assert not left_file_systems, f"still there: {'; '.join(left_file_systems)}"
