"""Restores a recovery point of a volume to a scratch volume, which the run calls after the restore job: a volume has no name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws.calls.outcome import was_not_carried_out
from drills.aws.scratch import mark_gone
from drills.model.instance import NEVER_MADE, OTHERS, VOLUME
from drills.model.point import RecoveryPoint
from drills.model.record import Restoration
from drills.objectives import parts, timeline
from drills.recovery.resource.restoring import Copies, Restoring, guard_of, role_of
from drills.recovery.setup import Setup
from drills.recovery.volume.unanswered import KIND, made_by, planned_of

COPIES = Copies(
    kind=KIND,
    word="volume",
    state="State",
    there=OTHERS[VOLUME].there,
    tagging="ec2:CreateTags",
    name_tag=True,
    charged=lambda described, point, gib: parts.of_volume(described),
)


def restore(
    setup: Setup, point: RecoveryPoint, metadata: Mapping[str, str], enter: Callable[[str], None]
) -> Restoration:
    """Restore `point` and return the restoration once its volume is available. Raises RestoreFailed, and what boto3 raises."""
    role = role_of(setup, COPIES)
    journal = setup.journal
    planned = planned_of(setup)
    journal.resource(planned)
    try:
        job = guard_of(setup).restore_volume(point.arn, role, metadata)
    except (ClientError, BotoCoreError) as error:
        if was_not_carried_out(error):
            journal.resource(mark_gone(dataclasses.replace(planned, note=f"refused by AWS, {NEVER_MADE}"), setup.clock))
        raise
    made = made_by(setup, job)
    journal.mark(timeline.ACCEPTED)
    enter("restore")
    return Restoring(setup, COPIES, made, point).until_there(job)
