"""A recovery point to start from; a test changes what it is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from drills.model.point import RecoveryPoint
from tests.support.clock import NOON

_ARN = "arn:aws:rds:eu-central-1:123456789012:snapshot:"
POINT = RecoveryPoint(
    arn=f"{_ARN}awsbackup:job-1",
    kind="awsbackup",
    snapshot_id="awsbackup:job-1",
    vault="vault",
    status="COMPLETED",
    instance_id="orders",
    dbi_resource_id="db-A",
    created_at=NOON - timedelta(hours=3),
    completed_at=NOON - timedelta(hours=2),
    data_time=NOON - timedelta(hours=3),
    data_time_source="SnapshotDatabaseTime",
)


def point_of(snapshot_id: str, **changes: Any) -> RecoveryPoint:
    """A usable point of the one instance, of this snapshot."""
    return replace(POINT, arn=f"{_ARN}{snapshot_id}", snapshot_id=snapshot_id, **changes)
