"""Reads where a recovery point comes from and how it is kept, from AWS Backup, RDS and KMS. Never writes.

A call that AWS refuses leaves what it would have said "unknown" and is named in `not_read`. Source of the members: the
API references of DescribeRecoveryPoint, DescribeBackupVault, ListBackupJobs, DescribeDBSnapshots, DescribeDBClusterSnapshots and
DescribeKey.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import read
from drills.aws.calls.answers import first
from drills.aws.databases.kinds import CLUSTER, INSTANCE, Kind
from drills.aws.session import Clients
from drills.model.lineage import UNKNOWN, Lineage
from drills.model.point import RecoveryPoint

Document = dict[str, Any]
# A job is created before its point, and ListBackupJobs goes back 30 days: older points have no job that can be read.
_JOB_BEFORE, _JOB_AFTER = timedelta(days=8), timedelta(days=1)
_SNAPSHOT_TYPES = {"copy": "awsbackup"}  # by the kind of the point, where it has another name


def read_lineage(clients: Clients, point: RecoveryPoint) -> Lineage:
    """Return the lineage of a recovery point; `clients` are those of the account and region that it lies in."""
    refused: list[str] = []

    def ask(operation: str, call: Callable[[], Document]) -> Document:
        try:
            return call()
        except (ClientError, BotoCoreError) as error:
            code = read.error_code(error) if isinstance(error, ClientError) else type(error).__name__
            refused.append(f"{operation}: {code}")
            return {}

    vaulted: Document = {}
    vault: Document = {}
    job: Document = {}
    if point.vault:
        named = {"BackupVaultName": point.vault}
        backup = clients.backup
        vaulted = ask(
            "DescribeRecoveryPoint", lambda: backup.describe_recovery_point(RecoveryPointArn=point.arn, **named)
        )
        vault = ask("DescribeBackupVault", lambda: backup.describe_backup_vault(**named))
        job = ask("ListBackupJobs", lambda: _job_of(clients, point, str(vaulted.get("ResourceArn", ""))))
    snapshot: Document = {}
    if point.snapshot_id:
        kind = CLUSTER if ":cluster-snapshot:" in point.arn else INSTANCE
        snapshot = ask(f"Describe{kind.snapshots_key}", lambda: _snapshot(clients, point, kind))
    key_id = snapshot.get("KmsKeyId") or point.kms_key_id
    key = ask("DescribeKey", lambda: clients.kms.describe_key(KeyId=key_id)["KeyMetadata"]) if key_id else {}
    return lineage_of(vaulted, vault, job, snapshot, key, not_read=tuple(refused))


def lineage_of(
    point: Document,
    vault: Document,
    job: Document,
    snapshot: Document,
    key: Document,
    *,
    not_read: tuple[str, ...] = (),
) -> Lineage:
    """Return the lineage that the five answers tell, each {} where it was not read. Pure."""
    made_by = point.get("CreatedBy") or {}
    return Lineage(
        vault_type=_text(vault, "VaultType") if vault.get("VaultType") else _text(point, "VaultType"),
        vault_locked=vault.get("Locked"),
        vault_lock_date=vault.get("LockDate"),
        vault_lock_at_backup=_text(job, "VaultLockState"),
        storage_encryption=_text(snapshot, "StorageEncryptionType"),
        key_manager=_text(key, "KeyManager"),
        key_type=_text(point, "EncryptionKeyType"),
        initiated_at=_instant(point) or _instant(job),
        plan=_text(made_by, "BackupPlanName") if made_by.get("BackupPlanName") else _text(made_by, "BackupPlanId"),
        rule=_text(made_by, "BackupRuleName") if made_by.get("BackupRuleName") else _text(made_by, "BackupRuleId"),
        rule_cron=_text(made_by, "BackupRuleCron"),
        rule_timezone=_text(made_by, "BackupRuleTimezone"),
        is_parent=point.get("IsParent"),
        parent=_parent(point, job),
        copied_from=_copied_from(point, snapshot),
        not_read=not_read,
    )


def _text(answer: Document, member: str) -> str:
    return str(answer.get(member) or UNKNOWN)


def _instant(answer: Document) -> datetime | None:
    found: datetime | None = answer.get("InitiationDate")
    return found


def _parent(point: Document, job: Document) -> str:
    """Return the composite recovery point or job; "" only where an answer was read and names none."""
    named = point.get("ParentRecoveryPointArn") or job.get("ParentJobId")
    return str(named) if named else ("" if point else UNKNOWN)


def _copied_from(point: Document, snapshot: Document) -> str:
    """Return the vault or snapshot that a copy was made from.

    DescribeDBSnapshots names a source only of a copy from another account or region, and DescribeRecoveryPoint no vault where
    the copy stayed in its own (botocore's models), so that "" means that AWS names none.
    """
    origin = point.get("SourceBackupVaultArn")
    source = snapshot.get("SourceDBSnapshotIdentifier") or snapshot.get("SourceDBClusterSnapshotArn")
    named = (origin if origin != point.get("BackupVaultArn") else None) or source
    return str(named) if named else ("" if point or snapshot else UNKNOWN)


def _snapshot(clients: Clients, point: RecoveryPoint, kind: Kind) -> Document:
    asked = {kind.snapshot_id: point.snapshot_id, "SnapshotType": _SNAPSHOT_TYPES.get(point.kind, point.kind)}
    return first(read.snapshots_method(clients, kind)(**asked)[kind.snapshots_key]) or {}


def _job_of(clients: Clients, point: RecoveryPoint, resource: str) -> Document:
    """Return the backup job that made the point, {} where the list no longer has it, such as for a copy."""
    around = {}
    if point.created_at:
        around = {"ByCreatedAfter": point.created_at - _JOB_BEFORE, "ByCreatedBefore": point.created_at + _JOB_AFTER}
    of = {"ByResourceArn": resource} if resource else {}
    jobs = read.pages(clients.backup, "list_backup_jobs", "BackupJobs", ByBackupVaultName=point.vault, **of, **around)
    return next((job for job in jobs if job.get("RecoveryPointArn") == point.arn), {})
