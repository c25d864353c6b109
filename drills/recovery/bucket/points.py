"""Recovery points of an S3 bucket, by reading alone.

AWS Backup developer guide, "Amazon S3 backups": a bucket has snapshots and one continuous point, whose name begins with
`continuous:`. What that reaches to is the time that a restore names, and not the instant at which it was made.
"""

from __future__ import annotations

import dataclasses

from drills.aws.session import Clients
from drills.model.point import RecoveryPoint
from drills.recovery.resource.points import points_of as points_of_resource

TYPE = "S3"
_CONTINUOUS = ":recovery-point:continuous:"


def points_of(clients: Clients, bucket: str, vault: str) -> tuple[RecoveryPoint, ...]:
    """Return the recovery points of a bucket; a continuous one has no instant of its own, so that no drill chooses it."""
    listed = points_of_resource(clients, TYPE, bucket, vault)
    return tuple(
        dataclasses.replace(each, instance_id=bucket, data_time=None if _CONTINUOUS in each.arn else each.data_time)
        for each in listed
    )
