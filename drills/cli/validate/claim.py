"""The lock of an instance that a restore test made: it is validated from one machine at a time.

Two validations at once would each set the password, and close the other's sessions out. The lock is that of a drill's target
(drills/run/target_lock.py), by the name of the instance, where AWS Backup made it; the one thing that a validation makes in AWS.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws.cleanup import removal_command
from drills.aws.scratch import remaining_resources
from drills.errors import LEFT_BEHIND, DrillError
from drills.recovery.restore import remove_resources
from drills.recovery.setup import Setup
from drills.run import signals
from drills.run.target_lock import TargetHeld, lock_of


@contextmanager
def claimed(setup: Setup, instance_id: str) -> Iterator[None]:
    """Hold the lock of an instance in this block, whatever ends it. Raises TargetHeld where another validation has it.

    Where AWS does not let this role make one, the record says so and the block goes on: a lock keeps two validations from
    disturbing each other, and decides nothing.
    """
    if setup.target.restore.lock and instance_id:
        _take(setup, instance_id)
    try:
        yield
    finally:
        with signals.held():
            _give_back(setup)


def _take(setup: Setup, instance_id: str) -> None:
    lock = lock_of(setup, setup.scratch_clients)
    try:
        lock.take(instance_id, None, setup.clock.now())
    except TargetHeld:
        _give_back(setup)
        raise
    except DrillError as error:
        setup.journal.append(
            "notes", f"validated without a lock, so that another machine may do the same meanwhile: {error}"
        )


def _give_back(setup: Setup) -> None:
    """Remove the lock; what is still there is a failure with the command that removes it."""
    if not remaining_resources(setup.journal.record.resources):
        return
    try:
        left = remove_resources(setup)
        found = "; ".join(f"{each.kind} {each.id}, {each.note}" for each in left)
    except (DrillError, ClientError, BotoCoreError) as error:
        remaining = remaining_resources(setup.journal.record.resources)
        commands = "; ".join(removal_command(each) for each in remaining)
        found = f"{' '.join(str(error).split())}: drills sweep removes it when its time is over; now: {commands}"
    if found:
        setup.journal.failure(f"expected nothing that the validation made to be left, found: {found}", LEFT_BEHIND)
