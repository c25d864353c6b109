"""Recovery points in a vault of AWS Backup of what is no database, and the jobs that restore them, by reading alone.

Source: API reference of AWS Backup, ListRecoveryPointsByBackupVault, GetRecoveryPointRestoreMetadata and DescribeRestoreJob.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from drills.aws.read import pages
from drills.aws.session import Clients
from drills.model.point import RecoveryPoint

NOBODY_ELSE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class RestoreProgress:
    """How far a restore job is, AWS Backup's own words where it has failed, and the size of what is restored where it says that."""

    status: Literal["PENDING", "RUNNING", "COMPLETED", "ABORTED", "FAILED"]
    message: str = ""
    size_bytes: int | None = None


def points_of(
    clients: Clients, kind: str, resource: str, vault: str, owner: Mapping[str, str] = NOBODY_ELSE
) -> tuple[RecoveryPoint, ...]:
    """Return the recovery points of a resource that a vault holds, whether it is still there or not.

    `kind` is AWS Backup's type of it, and `resource` what its ARN ends with, such as `table/orders`. `owner` names the account of a
    vault that is shared, as a member of the request.
    """
    listed = pages(
        clients.backup,
        "list_recovery_points_by_backup_vault",
        "RecoveryPoints",
        BackupVaultName=vault,
        ByResourceType=kind,
        **owner,
    )
    name = resource.partition("/")[2]
    return tuple(_point(raw, name, vault) for raw in listed if str(raw["ResourceArn"]).endswith(f":{resource}"))


def _point(raw: Mapping[str, Any], name: str, vault: str) -> RecoveryPoint:
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


def told_of(clients: Clients, point: RecoveryPoint, owner: Mapping[str, str] = NOBODY_ELSE) -> dict[str, str]:
    """Return the metadata of a point that have a value, by their names in lower case: AWS reads these in any case."""
    asked = {"BackupVaultName": point.vault, "RecoveryPointArn": point.arn, **owner}
    answer = clients.backup.get_recovery_point_restore_metadata(**asked)
    return {key.lower(): str(value) for key, value in (answer.get("RestoreMetadata") or {}).items() if value}


def given_of(told: Mapping[str, str], source: Mapping[str, Any] | None, members: Mapping[str, str]) -> dict[str, str]:
    """Return the metadata that a restore is given: as the point tells each, else as the source has it now. Pure.

    `members` has the member of the source's description for each of them. What nothing names AWS makes as it likes.
    """
    found = {name: told.get(name.lower()) or written((source or {}).get(member)) for name, member in members.items()}
    return {name: value for name, value in found.items() if value}


def without_foreign_key(given: Mapping[str, str], member: str, account: str) -> dict[str, str]:
    """Return the metadata of a restore without a key that lies in another account than the one that restores. Pure."""
    owner = given.get(member, "").split(":")[4:5]
    return {name: value for name, value in given.items() if name != member or not owner or owner == [account]}


def written(value: Any) -> str:
    """Return a member of a description as metadata have it; "" for one that is not there."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def progress_of(clients: Clients, job_id: str) -> RestoreProgress:
    """Return how far a restore job is."""
    seen = clients.backup.describe_restore_job(RestoreJobId=job_id)
    return RestoreProgress(seen["Status"], str(seen.get("StatusMessage") or ""), seen.get("BackupSizeInBytes"))
