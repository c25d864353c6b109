"""Restores a recovery point by AWS Backup to what is the run's own, tags it as soon as AWS takes tags, and waits until it is there.

A restore can be given no tags. What has a name gets one of the run's; what has none the run calls after the restore job.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from drills.aws import owned
from drills.aws.guarded.guard import Guard, NotOwn, Protected
from drills.aws.guarded.names import ScratchName
from drills.aws.read import error_code
from drills.aws.remedies import advice
from drills.clock import wait_until
from drills.errors import ConfigError, RestoreFailed
from drills.model.instance import Resource, ResourceKind, StatusChange
from drills.model.point import RecoveryPoint
from drills.model.price import Part
from drills.model.record import Restoration
from drills.objectives import parts, timeline
from drills.recovery.resource.points import RestoreProgress, progress_of
from drills.recovery.resource.vault import Drilled
from drills.recovery.setup import Setup


@dataclass(frozen=True, slots=True)
class Copies:
    """How the copies of a kind are named, watched and tagged.

    `state` is the member of a description that says how far one is, and `there` its value once it is restored, both of the job
    where the run makes a thing first and AWS Backup fills it: then `state` is "". `tagging` is the operation that tags one, and
    `too_early` the error by which AWS says that it takes no tags yet. `named_by` is the member of the metadata that names one, ""
    of a kind without names; with `name_tag` a copy gets the run's name as its tag `Name` too. `charged` says what such a copy is
    billed by, of its description, the ARN of its point, and the GiB that were restored, None if not known.
    """

    kind: ResourceKind
    word: str
    state: str
    there: str
    tagging: str
    too_early: str = ""
    named_by: str = ""
    name_tag: bool = False
    charged: Callable[[Mapping[str, Any], str, float | None], tuple[Part, ...]] = lambda described, point, gib: ()


def restore_named(
    setup: Setup, copies: Copies, point: RecoveryPoint, metadata: Mapping[str, str], enter: Callable[[str], None]
) -> Restoration:
    """Restore `point` under a name of the run; the restoration once it is there. Raises RestoreFailed, and what boto3 raises."""
    role = role_of(setup, copies)
    journal, clients = setup.journal, setup.scratch_clients
    name = ScratchName(journal.record.owner, "recovery")
    planned = Resource(copies.kind, name, "planned", clients.account, clients.region)
    made = dataclasses.replace(planned, state="made", made_at=setup.clock.now())
    restoring = Restoring(setup, copies, made, point)
    journal.resource(planned)
    job = guard_of(setup).restore_named(name, copies.named_by, point.arn, role, metadata)
    journal.resource(made)
    journal.mark(timeline.ACCEPTED)
    enter("restore")
    return restoring.until_there(job)


def role_of(setup: Drilled, copies: Copies) -> str:
    """Return the role that AWS Backup restores with. Raises ConfigError."""
    role = setup.target.restore.backup_role_arn
    if role is None:
        raise ConfigError(
            f"targets.{setup.name}.restore.backup_role_arn: expected the role that AWS Backup restores a {copies.word} with, found "
            "none: name it"
        )
    return role


def guard_of(setup: Setup) -> Guard:
    """Return the guard of the run that this is."""
    record = setup.journal.record
    return Guard(setup.scratch_clients, record.owner, Protected.of(record), setup.clock)


class Restoring:
    """Follows a restore job and what it makes, and keeps each status in the run record as it is seen."""

    def __init__(self, setup: Setup, copies: Copies, made: Resource, point: RecoveryPoint) -> None:
        self._setup = setup
        self._copies = copies
        self._made = made
        self._tagged = False
        self._point = point
        self._seen: Mapping[str, Any] | None = None
        self._restoration = Restoration("recovery", point, made.id, expectation=setup.expectation)
        setup.journal.restoration(self._restoration)

    def until_there(self, job: str) -> Restoration:
        """Wait until the job is COMPLETED and its copy is there and has the run's tags. Raises RestoreFailed."""
        what = f"the {self._copies.word} {self._made.id}"

        def done() -> bool:
            progress = progress_of(self._setup.scratch_clients, job)
            if progress.status in ("FAILED", "ABORTED"):
                told = advice(progress.message, "see its status with aws backup describe-restore-job")
                raise RestoreFailed(
                    f"expected AWS Backup to restore {what}, found the job {job} {progress.status}: {progress.message}: {told}"
                )
            there = self._is_there(progress)
            self._charge(parts.gib_of(progress.size_bytes))
            return there and progress.status == "COMPLETED"

        timeout, every = self._setup.target.timeout.total_seconds(), self._setup.poll_seconds
        try:
            wait_until(done, timeout, self._setup.clock, every=every, what=f"{what} to be restored")
        except TimeoutError as error:
            raise RestoreFailed(
                f"{error}: see the job with aws backup describe-restore-job --restore-job-id {job}, or raise "
                f"{self._setup.timeout_key}"
            ) from error
        return self._restoration

    def _is_there(self, progress: RestoreProgress) -> bool:
        if not self._copies.state:  # made by the run, with its tags: the job alone tells how far it is
            self._note(progress.status)
            if progress.message and progress.status == self._copies.there:
                self._setup.journal.append("notes", f"AWS Backup says of its restore: {progress.message}")
            return progress.status == self._copies.there
        found = owned.find(self._setup.scratch_clients, self._copies.kind, self._made.id)
        status = str(found[0][self._copies.state]) if found else owned.RESTORING
        if status == owned.RESTORING:
            return False
        self._seen = found[0]
        self._note(status)
        self._tag()
        return status == self._copies.there and self._tagged

    def _note(self, status: str) -> None:
        """Keep a status where it is another one than before."""
        seen = self._restoration.statuses
        if seen and seen[-1].status == status:
            return
        journal = self._setup.journal
        change = StatusChange(self._setup.clock.now(), status, seconds=journal.elapsed())
        self._restoration = dataclasses.replace(self._restoration, statuses=(*seen, change))
        journal.restoration(self._restoration)

    def _charge(self, gib: float | None) -> None:
        """Keep what the copy is billed by, once it was described; a drill that ends early has had it too."""
        charged = self._copies.charged(self._seen, self._point.arn, gib) if self._seen else ()
        if charged != self._restoration.charged:
            self._restoration = dataclasses.replace(self._restoration, charged=charged)
            self._setup.journal.restoration(self._restoration)

    def _tag(self) -> None:
        """Give the copy the run's tags, once."""
        if self._tagged:
            return
        named = {"Name": self._made.id} if self._copies.name_tag else {}
        tags = [{"Key": key, "Value": value} for key, value in (self._setup.tags() | named).items()]
        guard = guard_of(self._setup)
        try:
            for mine in guard.prove(self._copies.kind, self._made.id):
                guard.change(self._copies.tagging, mine, Tags=tags)
                self._tagged = True
                self._made = dataclasses.replace(self._made, resource_id=mine.resource_id)
                self._setup.journal.resource(self._made)
        except NotOwn as error:
            told = f"expected the {self._copies.word} {self._made.id} to be this run's own, found: {error}"
            raise RestoreFailed(told) from error
        except ClientError as error:
            if error_code(error) != self._copies.too_early:
                raise
