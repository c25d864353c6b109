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
from drills.aws.remedies import advice
from drills.clock import wait_until
from drills.errors import ConfigError, RestoreFailed
from drills.model.instance import Resource, ResourceKind, StatusChange
from drills.model.point import RecoveryPoint
from drills.model.record import Restoration
from drills.objectives import timeline
from drills.recovery.setup import Setup
from drills.recovery.table.points import progress_of

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
    waiting.until_available(job)
    return waiting.restoration


class _Waiting:
    """Follows a restore job and its volume, and keeps each status in the run record as it is seen."""

    def __init__(self, setup: Setup, guard: Guard, made: Resource, restoration: Restoration) -> None:
        self._setup = setup
        self._guard = guard
        self._made = made
        self._tagged = False
        self.restoration = restoration
        setup.journal.restoration(restoration)

    def until_available(self, job: str) -> None:
        timeout = self._setup.target.timeout.total_seconds()
        what = f"the volume of the restore job {job} to be restored"
        try:
            wait_until(
                lambda: self._is_done(job), timeout, self._setup.clock, every=self._setup.poll_seconds, what=what
            )
        except TimeoutError as error:
            raise RestoreFailed(
                f"{error}: see the job with aws backup describe-restore-job --restore-job-id {job}, or raise "
                f"{self._setup.timeout_key}"
            ) from error

    def _is_done(self, job: str) -> bool:
        progress = progress_of(self._setup.scratch_clients, job)
        if progress.status in ("FAILED", "ABORTED"):
            told = advice(progress.message, "see its status with aws backup describe-restore-job")
            raise RestoreFailed(
                f"expected AWS Backup to restore a volume, found the job {job} {progress.status}: {progress.message}: {told}"
            )
        found = owned.find(self._setup.scratch_clients, KIND, self._made.id)
        if not found or found[0]["State"] == owned.RESTORING:
            return False
        self._note(str(found[0]["State"]))
        self._tag()
        return found[0]["State"] == "available" and progress.status == "COMPLETED"

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

    def _note(self, status: str) -> None:
        seen = self.restoration.statuses
        if seen and seen[-1].status == status:
            return
        journal = self._setup.journal
        change = StatusChange(self._setup.clock.now(), status, seconds=journal.elapsed())
        self.restoration = dataclasses.replace(self.restoration, statuses=(*seen, change))
        journal.restoration(self.restoration)
