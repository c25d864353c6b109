"""Restores a recovery point of a volume to a scratch volume, which the run calls after the restore job: a volume has no name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from drills.aws.guarded.names import ScratchName
from drills.model.instance import Resource
from drills.model.point import RecoveryPoint
from drills.model.record import Restoration
from drills.objectives import timeline
from drills.recovery.resource.restoring import Copies, Restoring, guard_of, role_of
from drills.recovery.setup import Setup

COPIES = Copies(kind="ebs-volume", word="volume", state="State", there="available", tagging="ec2:CreateTags")


def restore(
    setup: Setup, point: RecoveryPoint, metadata: Mapping[str, str], enter: Callable[[str], None]
) -> Restoration:
    """Restore `point` and return the restoration once its volume is available. Raises RestoreFailed, and what boto3 raises."""
    role = role_of(setup, COPIES)
    journal, clients = setup.journal, setup.scratch_clients
    job = guard_of(setup).restore_volume(point.arn, role, metadata)
    name = ScratchName(journal.record.owner, job)
    made = Resource(COPIES.kind, name, "made", clients.account, clients.region, made_at=setup.clock.now())
    journal.resource(made)
    journal.mark(timeline.ACCEPTED)
    enter("restore")
    return Restoring(setup, COPIES, made, point).until_there(job)
