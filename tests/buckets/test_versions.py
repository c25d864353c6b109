"""Which objects a bucket had when it was backed up, by the versions that it has now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from drills.buckets.versions import Version, Was, as_it_was

BEGAN = datetime(2026, 11, 30, 3, 0, 0, 500_000, tzinfo=UTC)
ENDED = BEGAN + timedelta(minutes=10)


def version(name: str, seconds: float, *, marker: bool = False, latest: bool = False) -> Version:
    """A version of the object "a" that was written so many seconds after the backup began, in whole seconds as S3 dates it."""
    at = (BEGAN + timedelta(seconds=seconds)).replace(microsecond=0)
    return Version("a", name, 1, at, latest=latest, marker=marker)


def was(*versions: Version) -> Was:
    """The bucket as it was."""
    return as_it_was(versions, BEGAN, ENDED)


@pytest.mark.parametrize(
    ("versions", "current"),
    [
        ([version("1", -60)], "1"),
        ([version("2", -60), version("1", -120)], "2"),
        ([version("2", 660, latest=True), version("1", -60)], "1"),  # overwritten since
        ([version("1", -60), version("m", 660, marker=True, latest=True)], "1"),  # deleted since
        ([version("2", -60), version("m", -120, marker=True)], "2"),  # deleted and written again
        ([version("2", -60), version("1", -60)], "2"),  # twice in one second: the newest is listed first
        ([version("1", -60, latest=True), version("m", -60, marker=True)], "1"),
    ],
)
def test_the_version_that_was_current_at_the_backup_is_what_a_copy_has(versions: list[Version], current: str) -> None:
    """Whatever was written or deleted afterwards."""
    found = was(*versions)

    assert {key: each.id for key, each in found.objects.items()} == {"a": current}
    assert (found.deleted, found.in_flux, found.later) == (set(), set(), set())


def test_what_was_deleted_before_the_backup_is_not_in_it() -> None:
    """A delete marker was current: of an older version nothing is restored."""
    assert was(version("1", -120), version("m", -60, marker=True)) == Was(deleted={"a"})
    latest = version("m", -60, marker=True, latest=True)
    assert was(version("1", -60), latest) == Was(deleted={"a"})  # within one second, and S3 says which is current


@pytest.mark.parametrize("seconds", [-0.5, 0, 300, 599])
def test_of_what_was_written_while_the_backup_went_on_nobody_knows_which_version_it_has(seconds: float) -> None:
    """S3 dates in whole seconds, so that one of the second before may have come during it."""
    assert was(version("2", seconds), version("1", -60)) == Was(in_flux={"a"})


def test_of_a_deletion_and_a_version_of_one_second_nobody_knows_which_came_first() -> None:
    """S3 lists versions and markers apart: where neither is current now, either may have been then."""
    versions = [version("2", 700, latest=True), version("1", -60), version("m", -60, marker=True)]

    assert was(*versions) == Was(in_flux={"a"})


def test_what_came_afterwards_is_told_apart() -> None:
    """It is new, or what it was before has been removed: nobody knows."""
    assert was(version("1", 601, latest=True)) == Was(later={"a"})
