"""Restores a recovery point of a table to a scratch table of the run's own, tags it, and waits until it is ACTIVE."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from botocore.exceptions import ClientError

from drills.aws import owned
from drills.aws.guarded.guard import Guard, NotOwn, Protected
from drills.aws.guarded.names import ScratchName
from drills.aws.read import error_code
from drills.errors import ConfigError, RestoreFailed
from drills.model.instance import Resource, ResourceKind
from drills.model.point import RecoveryPoint
from drills.model.record import Restoration
from drills.objectives import timeline
from drills.recovery.resource.followed_job import FollowedJob
from drills.recovery.setup import Setup
from drills.recovery.table.points import restore_metadata

KIND: ResourceKind = "dynamodb-table"


def restore(setup: Setup, point: RecoveryPoint, enter: Callable[[str], None]) -> Restoration:
    """Restore `point` and return the restoration once its table is ACTIVE. Raises RestoreFailed, and what boto3 raises."""
    role = setup.target.restore.backup_role_arn
    if role is None:
        raise ConfigError(
            f"targets.{setup.name}.restore.backup_role_arn: expected the role that AWS Backup restores tables with, found none"
        )
    journal, clients = setup.journal, setup.scratch_clients
    name = ScratchName(journal.record.owner, "recovery")
    waiting = _Waiting(setup, name, Restoration("recovery", point, name, expectation=setup.expectation))
    enter("request the restore")
    metadata = restore_metadata(clients, point)
    planned = Resource(KIND, name, "planned", clients.account, clients.region)
    journal.resource(planned)
    job = waiting.guard.restore_table(name, point.arn, role, metadata)
    journal.resource(dataclasses.replace(planned, state="made", made_at=setup.clock.now()))
    journal.mark(timeline.ACCEPTED)
    enter("restore")
    return waiting.until_active(job)


class _Waiting:
    """Follows a restore job and its table, and keeps each status in the run record as it is seen."""

    def __init__(self, setup: Setup, name: ScratchName, restoration: Restoration) -> None:
        self._setup = setup
        self._name = name
        self._tagged = False
        self._followed = FollowedJob(setup, restoration)
        record = setup.journal.record
        self.guard = Guard(setup.scratch_clients, record.owner, Protected.of(record), setup.clock)

    def until_active(self, job: str) -> Restoration:
        what = f"the table {self._name}"
        self._followed.until_there(job, what, f"{what} to be restored", self._is_active)
        return self._followed.restoration

    def _is_active(self) -> bool:
        found = owned.find(self._setup.scratch_clients, KIND, self._name)
        if not found:
            return False
        status = str(found[0]["TableStatus"])
        self._followed.note(status)
        self._tag()
        return status == "ACTIVE" and self._tagged

    def _tag(self) -> None:
        """Give the table the run's tags as soon as DynamoDB takes them: a restore can be given none."""
        if self._tagged:
            return
        tags = [{"Key": key, "Value": value} for key, value in self._setup.tags().items()]
        try:
            for mine in self.guard.prove(KIND, self._name):
                self.guard.change("dynamodb:TagResource", mine, Tags=tags)
                self._tagged = True
                known = Resource(KIND, self._name, "made", *self._place(), resource_id=mine.resource_id)
                self._setup.journal.resource(dataclasses.replace(known, made_at=self._setup.clock.now()))
        except NotOwn as error:
            raise RestoreFailed(f"expected the table {self._name} to be this run's own, found: {error}") from error
        except ClientError as error:
            if error_code(error) != "ResourceInUseException":  # it is still being made
                raise

    def _place(self) -> tuple[str, str]:
        return self._setup.scratch_clients.account, self._setup.scratch_clients.region
