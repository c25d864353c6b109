"""Recovery points of DynamoDB tables in a vault of AWS Backup, and the jobs that restore them, by reading alone.

Source: API reference of AWS Backup, ListRecoveryPointsByBackupVault, GetRecoveryPointRestoreMetadata and DescribeRestoreJob.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from drills.aws.read import pages
from drills.aws.session import Clients
from drills.model.point import RecoveryPoint

_PASSED_ON = (
    "encryptiontype",
    "kmsmasterkeyarn",
)  # what a restore may be given beside the name, which AWS reads in any case


@dataclass(frozen=True, slots=True)
class RestoreProgress:
    """How far a restore job is, and AWS Backup's own words where it has failed."""

    status: Literal["PENDING", "RUNNING", "COMPLETED", "ABORTED", "FAILED"]
    message: str = ""


def points_of(clients: Clients, table: str, vault: str) -> tuple[RecoveryPoint, ...]:
    """Return the recovery points of a table that a vault holds, whether the table is still there or not."""
    listed = pages(
        clients.backup,
        "list_recovery_points_by_backup_vault",
        "RecoveryPoints",
        BackupVaultName=vault,
        ByResourceType="DynamoDB",
    )
    return tuple(point_of(raw, table, vault) for raw in listed if str(raw["ResourceArn"]).endswith(f":table/{table}"))


def point_of(raw: dict[str, Any], name: str, vault: str) -> RecoveryPoint:
    """Return a point; its data are of the instant of the request ("Using on-demand DynamoDB backup and restore")."""
    return RecoveryPoint(
        arn=raw["RecoveryPointArn"],
        kind="awsbackup",
        snapshot_id="",
        vault=vault,
        status=raw["Status"],
        instance_id=name,
        dbi_resource_id=None,
        created_at=raw.get("CreationDate"),
        completed_at=raw.get("CompletionDate"),
        data_time=raw.get("CreationDate"),
        data_time_source="CreationDate of the recovery point",
        expires_at=(raw.get("CalculatedLifecycle") or {}).get("DeleteAt"),
        encrypted=bool(raw.get("IsEncrypted")),
        kms_key_id=raw.get("EncryptionKeyArn"),
    )


def restore_metadata(clients: Clients, point: RecoveryPoint) -> dict[str, str]:
    """Return what of a point's metadata a restore is given, so that the copy is encrypted as the source was."""
    answer = clients.backup.get_recovery_point_restore_metadata(BackupVaultName=point.vault, RecoveryPointArn=point.arn)
    known = answer.get("RestoreMetadata") or {}
    return {str(key): str(value) for key, value in known.items() if key.lower() in _PASSED_ON and value}


def progress_of(clients: Clients, job_id: str) -> RestoreProgress:
    """Return how far a restore job is."""
    seen = clients.backup.describe_restore_job(RestoreJobId=job_id)
    return RestoreProgress(seen["Status"], str(seen.get("StatusMessage") or ""))
