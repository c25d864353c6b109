"""Recovery points of EBS volumes in a vault of AWS Backup: each is a snapshot of EC2, but for those in an air-gapped vault.

By reading alone. Source: AWS Backup developer guide, "Restore testing inferred metadata", which names the metadata of a volume.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from drills.aws.session import Clients
from drills.model.point import RecoveryPoint
from drills.recovery.resource import points
from drills.recovery.resource.vault import Drilled, is_lent, owner_of

# the members of a volume's description by the metadata that a restore takes; which of them need a type that has them
METADATA = {
    "availabilityZone": "AvailabilityZone",
    "volumeType": "VolumeType",
    "volumeSize": "Size",
    "iops": "Iops",
    "throughput": "Throughput",
    "encrypted": "Encrypted",
    "kmsKeyId": "KmsKeyId",
}
WITH_IOPS = ("gp3", "io1", "io2")  # EC2 API reference, CreateVolume: Iops, and Throughput of gp3 alone


def points_of(
    clients: Clients, volume: str, vault: str, owner: Mapping[str, str] = points.NOBODY_ELSE
) -> tuple[RecoveryPoint, ...]:
    """Return the recovery points of a volume that a vault holds, whether the volume is still there or not."""
    found = points.points_of(clients, "EBS", f"volume/{volume}", vault, owner)
    return tuple(dataclasses.replace(each, snapshot_id=_snapshot_of(each.arn)) for each in found)


def _snapshot_of(arn: str) -> str:
    """Return the snapshot that a point is, "" of one that lies with AWS Backup alone, whose ARN names none."""
    return arn.rpartition("/")[2] if ":snapshot/" in arn else ""


def restore_metadata(setup: Drilled, point: RecoveryPoint, source: Mapping[str, Any] | None) -> dict[str, str]:
    """Return what a restore is given; what nothing names AWS makes as it likes: another type and performance than the source's."""
    given = points.given_of(points.told_of(setup.clients, point, owner_of(setup)), source, METADATA)
    if is_lent(setup.target, point):
        given = points.without_foreign_key(given, "kmsKeyId", setup.scratch_clients.account)
    if given.get("volumeType") not in WITH_IOPS:
        given.pop("iops", None)
    if given.get("volumeType") != "gp3":
        given.pop("throughput", None)
    return given
