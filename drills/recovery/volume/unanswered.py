"""Finds the restore job of a volume whose request was carried out and never answered, by asking AWS Backup once more.

A volume has no name, and no job says who has begun it. The run's token does: "Retrying a successful request with the same
idempotency token results in a success message with no action taken" (API reference of AWS Backup, StartRestoreJob). So the job
that the repeated request names is the run's own, whoever restores the same point meanwhile. It is repeated only where a job was
begun that can be the run's; if the first request never came to AWS and that job is another's, it begins one, whose volume is
removed as well.
"""

from __future__ import annotations

import dataclasses

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import owned
from drills.aws.guarded.names import ScratchName
from drills.aws.remedies import error_text
from drills.aws.scratch import mark_gone, remaining_resources
from drills.errors import DrillError
from drills.model.instance import NEVER_MADE, Resource, ResourceKind
from drills.recovery.resource.restoring import guard_of
from drills.recovery.resource.vault import owner_of
from drills.recovery.setup import Setup
from drills.recovery.volume.points import points_of, restore_metadata

KIND: ResourceKind = "ebs-volume"
# what AWS does not list may come: it must have been absent in so many answers, or for so many seconds (drills/aws/cleanup.py)
POLLS, SECONDS = 10, 30.0


def planned_of(setup: Setup) -> Resource:
    """Return the volume that a run is about to ask for."""
    clients, name = setup.scratch_clients, ScratchName(setup.journal.record.owner, owned.OF_UNKNOWN_JOB)
    return Resource(KIND, name, "planned", clients.account, clients.region)


def made_by(setup: Setup, job: str) -> Resource:
    """Note the volume of a restore job in the run record, in the place of the planned one; return it."""
    clients, journal, planned = setup.scratch_clients, setup.journal, planned_of(setup)
    made = Resource(KIND, ScratchName(journal.record.owner, job), "made", clients.account, clients.region)
    made = dataclasses.replace(made, made_at=setup.clock.now())
    others = [each for each in journal.record.resources if (each.kind, each.id) not in (_key(planned), _key(made))]
    journal.update(resources=(*others, made))
    return made


def settle(setup: Setup) -> None:
    """Put what a request has made into the run record, where its answer is not known; what cannot be known stays planned."""
    planned = planned_of(setup)
    known = next(
        (each for each in remaining_resources(setup.journal.record.resources) if _key(each) == _key(planned)), None
    )
    if known is None:
        return
    try:
        _settle(setup, known)
    except (ClientError, BotoCoreError, DrillError) as error:
        why = str(error) if isinstance(error, DrillError) else error_text(error)
        setup.journal.append("notes", f"which restore job made {known.id} could not be found out: {why}")


def _settle(setup: Setup, planned: Resource) -> None:
    target, journal = setup.target, setup.journal
    listed = points_of(setup.clients, target.instance, str(target.vault), owner_of(setup))
    points = {each.arn: each for each in listed}
    begun = _begun(setup, frozenset(points))
    if not begun:
        journal.resource(mark_gone(dataclasses.replace(planned, note=NEVER_MADE), setup.clock))
        return
    named = ", ".join(f"{each['RestoreJobId']} ({each.get('CreatedResourceArn') or 'no volume yet'})" for each in begun)
    journal.append("notes", f"{planned.id} was made by one of these restore jobs, or not at all: {named}")
    source = owned.volume(setup.clients, target.instance)
    for arn in dict.fromkeys(each["RecoveryPointArn"] for each in begun):
        metadata = restore_metadata(setup, points[arn], source)
        made_by(setup, guard_of(setup).restore_volume(arn, str(target.restore.backup_role_arn), metadata))


def _begun(setup: Setup, points: frozenset[str]) -> list[owned.Raw]:
    """Return the restore jobs of these points that can be the run's, once there is one; none where there stays none."""
    started = setup.clock.monotonic()
    for _ in range(POLLS):
        jobs = owned.untagged_restores(setup.scratch_clients, setup.journal.record.owner)
        found = [job for job in jobs if job.get("RecoveryPointArn") in points]
        if found or setup.clock.monotonic() - started >= SECONDS:
            return found
        setup.clock.sleep(setup.poll_seconds)
    return []


def _key(resource: Resource) -> tuple[str, str]:
    return resource.kind, resource.id
