"""Restores a recovery point of a volume to a scratch volume, tags it as soon as its id is known, and waits until it is available.

A volume has no name that a restore could give it. The run calls it after the restore job that makes it, and gives it that name as
its tag `Name`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from drills.aws import owned
from drills.aws.guarded.guard import Guard, NotOwn, Protected
from drills.aws.guarded.names import ScratchName
from drills.errors import ConfigError, RestoreFailed
from drills.model.instance import Resource, ResourceKind
from drills.model.point import RecoveryPoint
from drills.model.record import Restoration
from drills.objectives import timeline
from drills.recovery.resource.followed_job import FollowedJob
from drills.recovery.setup import Setup

KIND: ResourceKind = "ebs-volume"


def restore(
    setup: Setup, point: RecoveryPoint, metadata: Mapping[str, str], enter: Callable[[str], None]
) -> Restoration:
    """Restore `point` and return the restoration once its volume is available. Raises RestoreFailed, and what boto3 raises."""
    role = setup.target.restore.backup_role_arn
    if role is None:
        raise ConfigError(
            f"targets.{setup.name}.restore.backup_role_arn: expected the role that AWS Backup restores volumes with, found none"
        )
    journal, clients = setup.journal, setup.scratch_clients
    guard = Guard(clients, journal.record.owner, Protected.of(journal.record), setup.clock)
    job = guard.restore_volume(point.arn, role, metadata)
    name = ScratchName(journal.record.owner, job)
    made = Resource(KIND, name, "made", clients.account, clients.region, made_at=setup.clock.now())
    journal.resource(made)
    journal.mark(timeline.ACCEPTED)
    enter("restore")
    waiting = _Waiting(setup, guard, made, Restoration("recovery", point, name, expectation=setup.expectation))
    return waiting.until_available(job)


class _Waiting:
    """Follows a restore job and its volume, and keeps each status in the run record as it is seen."""

    def __init__(self, setup: Setup, guard: Guard, made: Resource, restoration: Restoration) -> None:
        self._setup = setup
        self._guard = guard
        self._made = made
        self._tagged = False
        self._followed = FollowedJob(setup, restoration)

    def until_available(self, job: str) -> Restoration:
        awaited = f"the volume of the restore job {job} to be restored"
        self._followed.until_there(job, "a volume", awaited, self._is_available)
        return self._followed.restoration

    def _is_available(self) -> bool:
        found = owned.find(self._setup.scratch_clients, KIND, self._made.id)
        if not found or found[0]["State"] == owned.RESTORING:
            return False
        self._followed.note(str(found[0]["State"]))
        self._tag()
        return bool(found[0]["State"] == "available")

    def _tag(self) -> None:
        """Give the volume the run's tags and its name, once: a restore can be given none."""
        if self._tagged:
            return
        tags = {**self._setup.tags(), "Name": self._made.id}
        try:
            for mine in self._guard.prove(KIND, self._made.id):
                self._guard.change(
                    "ec2:CreateTags", mine, Tags=[{"Key": key, "Value": value} for key, value in tags.items()]
                )
                self._made = dataclasses.replace(self._made, resource_id=mine.resource_id)
                self._setup.journal.resource(self._made)
                self._tagged = True
        except NotOwn as error:
            raise RestoreFailed(f"expected the volume {self._made.id} to be this run's own, found: {error}") from error
