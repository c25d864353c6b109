"""Steps about a target that is an EBS volume, an EFS file system or an S3 bucket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from pytest_bdd import given, parsers, then, when

from drills.errors import NoRecoveryPoint
from drills.record import Journal
from drills.recovery.bucket.drill import BucketDrill
from drills.recovery.file_system.drill import FileSystemDrill
from drills.recovery.volume.drill import VolumeDrill
from drills.run import context
from steps.checks import skip_without_a_point

# -- EBS volumes ---------------------------------------------------------------------------------------------------------


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


# -- EFS file systems ----------------------------------------------------------------------------------------------------


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


# -- S3 buckets ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def bucket_drill(run_folder: Path, journal: Journal) -> Iterator[BucketDrill]:
    """Open the drill of this run, and remove what it created at the end, whatever happened."""
    drill = context.open_bucket_drill(run_folder, journal)
    yield drill
    drill.clean_up()


@given("the protected bucket of the target is lost")
def bucket_is_lost(bucket_drill: BucketDrill) -> None:
    """Declare the disaster, once a run: the recovery time counts from here."""
    bucket_drill.declare_disaster()


@given("its recovery point has been restored to a scratch bucket")
def bucket_is_restored(bucket_drill: BucketDrill) -> None:
    """Restore the point and compare the copy, once a run. Without a point the objectives are missed; the rest is not tried."""
    with suppress(NoRecoveryPoint):
        bucket_drill.recover()


@when("the drill removes the scratch bucket", target_fixture="left_buckets")
def bucket_is_removed(bucket_drill: BucketDrill) -> tuple[str, ...]:
    """Delete every version in the scratch bucket, and the bucket, and wait until S3 does not have it any more."""
    return tuple(f"{resource.kind} {resource.id}: {resource.note}" for resource in bucket_drill.clean_up())


@then("the scratch bucket is confirmed to be gone")
def no_bucket_is_left(journal: Journal, left_buckets: tuple[str, ...]) -> None:
    """Assert that the run created something and that nothing of it is left; skip where there was nothing to restore."""
    skip_without_a_point(journal)
    assert journal.record.resources, "expected a bucket that the drill created, found none"
    assert not left_buckets, f"still there: {'; '.join(left_buckets)}"
