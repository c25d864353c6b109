"""Recovery points of EBS volumes in a vault of AWS Backup: each is a snapshot of EC2. By reading alone.

Source: API reference of AWS Backup, ListRecoveryPointsByBackupVault and GetRecoveryPointRestoreMetadata; developer guide, "Restore
testing inferred metadata", which names the metadata of a volume.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from drills.aws.read import pages
from drills.aws.session import Clients
from drills.model.point import RecoveryPoint
from drills.recovery.table.points import point_of

# the members of a volume's description by the metadata that a restore takes; which of them need a type that has them
_METADATA = {
    "availabilityZone": "AvailabilityZone",
    "volumeType": "VolumeType",
    "volumeSize": "Size",
    "iops": "Iops",
    "throughput": "Throughput",
    "encrypted": "Encrypted",
    "kmsKeyId": "KmsKeyId",
}
WITH_IOPS = ("gp3", "io1", "io2")  # EC2 API reference, CreateVolume: Iops, and Throughput of gp3 alone


def points_of(clients: Clients, volume: str, vault: str) -> tuple[RecoveryPoint, ...]:
    """Return the recovery points of a volume that a vault holds, whether the volume is still there or not."""
    listed = pages(
        clients.backup,
        "list_recovery_points_by_backup_vault",
        "RecoveryPoints",
        BackupVaultName=vault,
        ByResourceType="EBS",
    )
    own = (raw for raw in listed if str(raw["ResourceArn"]).endswith(f":volume/{volume}"))
    return tuple(
        dataclasses.replace(point_of(raw, volume, vault), snapshot_id=raw["RecoveryPointArn"].rpartition("/")[2])
        for raw in own
    )


def restore_metadata(clients: Clients, point: RecoveryPoint, source: Mapping[str, Any] | None) -> dict[str, str]:
    """Return what a restore is given: what the point tells of its volume, and what it does not tell as the source has it now.

    What nothing names AWS makes as it likes: another type and performance than the source's.
    """
    answer = clients.backup.get_recovery_point_restore_metadata(BackupVaultName=point.vault, RecoveryPointArn=point.arn)
    told = {key.lower(): str(value) for key, value in (answer.get("RestoreMetadata") or {}).items() if value}
    given: dict[str, str] = {}
    for name, member in _METADATA.items():
        value = told.get(name.lower()) or written((source or {}).get(member))
        if value:
            given[name] = value
    if given.get("volumeType") not in WITH_IOPS:
        given.pop("iops", None)
    if given.get("volumeType") != "gp3":
        given.pop("throughput", None)
    return given


def written(value: Any) -> str:
    """Return a member of a description as metadata have it; "" for one that is not there."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
