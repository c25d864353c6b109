"""A whole run that drills another recovery point than the newest one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.runs import Place, Run, drills, made_place, nothing_left

pytestmark = [pytest.mark.whole_run, pytest.mark.postgres, pytest.mark.sandbox]


@pytest.fixture(scope="module")
def oldest() -> Iterator[tuple[Place, Run]]:
    """A run with --sample oldest."""
    with made_place() as made:
        run = drills(made, "run", "--sample", "oldest")
        nothing_left(made)
        yield made, run


def test_the_oldest_backup_of_two_is_restored_and_verified(oldest: tuple[Place, Run]) -> None:
    """Zero: it was the first of two points, what came back is what its own manifest says, and everything is gone."""
    _, run = oldest
    record = run.record
    (recovery,) = record.restorations

    assert (run.status, record.code, record.failures, record.partial) == (0, 0, (), False)
    assert recovery.point is not None
    assert (recovery.expectation, recovery.point.kind) == ("at backup", "awsbackup")
    outcomes = {verdict.name: verdict.outcome for verdict in record.verdicts}
    assert (outcomes["catalog"], outcomes["content"], outcomes["canary"], outcomes["data loss"]) == ("met",) * 4
    assert {resource.state for resource in record.resources} == {"gone"}


def test_the_promises_about_the_newest_point_are_no_part_of_it(oldest: tuple[Place, Run]) -> None:
    """In their place stand those about the chosen one; its age is not judged, and its promise says so."""
    _, run = oldest
    promises = run.record.promises

    assert not [promise.name for promise in promises if "newest_point" in promise.tags]
    assert {promise.outcome for promise in promises if "chosen_point" in promise.tags} == {"passed", "skipped"}
    (skipped,) = [promise for promise in promises if promise.outcome == "skipped"]
    assert "the RPO is not judged by this recovery point (the oldest one that is still there)" in skipped.reason


def test_a_wrong_sample_is_refused_before_anything_is_made(oldest: tuple[Place, Run]) -> None:
    """Wrong usage, 2, with what is allowed."""
    place, _ = oldest
    run = drills(place, "run", "--sample", "newset")

    assert run.status == 2
    assert 'drills: --sample: expected "newest", "oldest", "random", "copy"' in run.err
    assert 'did you mean "newest"' in run.err
