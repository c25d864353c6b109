"""What a restore test made is validated from one machine at a time, and the lock is all that a validation makes in AWS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drills.aws.guarded.names import LOCK_PREFIX
from drills.aws.guarded.permits import GUARDED
from drills.aws.guarded.rules import MAKES
from drills.cli.validate.claim import claimed
from drills.config.target import RestoreConfig, Target
from drills.errors import COULD_NOT_RUN, LEFT_BEHIND
from drills.model.record import SCHEMA_VERSION, RunRecord
from drills.record import Journal
from drills.recovery.setup import Setup
from drills.run.target_lock import TargetHeld
from tests.support.clock import NOON, HandClock
from tests.support.lossy import LossyAws
from tests.support.models import mock_aws

TEST = "awsbackup-restore-test-1"
FIRST, SECOND = "20260101-120000-aaaa", "20260101-120001-bbbb"


@pytest.fixture
def aws() -> Iterator[LossyAws]:
    """An AWS in this process."""
    with mock_aws():
        made = LossyAws()
        yield made
        made.recover()


def machine(aws: LossyAws, folder: Path, run_id: str, **restore: Any) -> Setup:
    """A validation on a machine of its own: no other's record lies beside its own."""
    place = folder / run_id / run_id
    place.mkdir(parents=True)
    opening = RunRecord(SCHEMA_VERSION, run_id, "aws", False, NOON, "0")
    journal = Journal.create(place, opening, origin=0, clock=HandClock())
    target = Target(instance="orders", restore=RestoreConfig(**restore))
    return Setup("orders", target, aws.clients, aws.clients, journal, HandClock(), 15.0, None)


def locks(aws: LossyAws) -> list[str]:
    """The locks that AWS has."""
    listed = aws.clients.rds.describe_db_parameter_groups()["DBParameterGroups"]
    return [each["DBParameterGroupName"] for each in listed if each["DBParameterGroupName"].startswith(LOCK_PREFIX)]


def test_a_second_machine_is_refused_while_the_first_validates(aws: LossyAws, tmp_path: Path) -> None:
    """With the sentence of the lock, and without a trace; then it is free, and everything that was made is gone."""
    first, second = machine(aws, tmp_path, FIRST), machine(aws, tmp_path, SECOND)

    with claimed(first, TEST):
        assert len(locks(aws)) == 1
        with pytest.raises(TargetHeld, match=f"found run {FIRST} at it") as held, claimed(second, TEST):
            raise AssertionError("it is held")
        assert len(locks(aws)) == 1
    assert held.value.exit_code == COULD_NOT_RUN
    assert locks(aws) == []
    assert [(each.kind, each.state) for each in first.journal.record.resources] == [("db-parameter-group", "gone")]
    assert {each.state for each in second.journal.record.resources} <= {"gone"}
    with claimed(second, TEST):
        assert len(locks(aws)) == 1


def test_two_restore_tests_are_validated_at_once(aws: LossyAws, tmp_path: Path) -> None:
    """Each instance has a lock of its own, and none is that of the source's drills."""
    with (
        claimed(machine(aws, tmp_path, FIRST), TEST),
        claimed(machine(aws, tmp_path, SECOND), "awsbackup-restore-test-2"),
    ):
        assert len(locks(aws)) == 2


def test_the_lock_is_given_back_whatever_ends_the_validation(aws: LossyAws, tmp_path: Path) -> None:
    """An error of a check, and a signal."""
    for run_id, error in ((FIRST, RuntimeError), (SECOND, KeyboardInterrupt)):
        with pytest.raises(error), claimed(machine(aws, tmp_path, run_id), TEST):
            raise error
        assert locks(aws) == []


def test_a_lock_that_could_not_be_removed_is_named(aws: LossyAws, tmp_path: Path) -> None:
    """Exit code 13, with the command."""
    setup = machine(aws, tmp_path, FIRST)
    with claimed(setup, TEST):
        aws.lose("rds", "DeleteDBParameterGroup", "denied", times=None, carried_out=False)
    (failure,) = setup.journal.record.failures

    assert failure.exit_code == LEFT_BEHIND
    assert locks(aws)[0] in failure.sentence


def test_a_role_that_may_make_no_lock_validates_without_one(aws: LossyAws, tmp_path: Path) -> None:
    """The record says so; the lock keeps two from disturbing each other, and decides nothing."""
    aws.lose("rds", "CreateDBParameterGroup", "denied", times=None, carried_out=False)
    setup = machine(aws, tmp_path, FIRST)
    with claimed(setup, TEST):
        assert locks(aws) == []

    assert setup.journal.record.failures == ()
    assert setup.journal.record.notes[-1].startswith("validated without a lock")


@pytest.mark.parametrize(("instance", "restore"), [("", {}), (TEST, {"lock": False})])
def test_without_an_instance_or_a_wish_there_is_no_lock(
    aws: LossyAws, tmp_path: Path, instance: str, restore: dict[str, Any]
) -> None:
    """A job that names no instance is refused by its own check; lock = false is the owner's choice."""
    with claimed(machine(aws, tmp_path, FIRST, **restore), instance):
        assert locks(aws) == []


def test_a_validation_can_make_nothing_but_a_lock_and_an_instance_of_a_cluster() -> None:
    """Of all that the guard can make, its clients may send two calls; its policies name locks, and clusters of restore tests."""
    assert GUARDED["validator"] & set(MAKES) == {"rds:CreateDBParameterGroup", "rds:CreateDBInstance"}
