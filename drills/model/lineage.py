"""The origin of a recovery point and how it is kept, as AWS's APIs say it.

Values are AWS's own words. What AWS does not say, or did not let be read, is "unknown" (None where the value is no text);
nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from drills.model.instance import SourceKind

UNKNOWN = "unknown"
MALWARE_SCAN: Mapping[SourceKind, str] = MappingProxyType(
    {
        "instance": "not offered for RDS",
        "cluster": "not offered for RDS",
        "table": "not offered for DynamoDB",
        "file system": "not offered for EFS",
    }
)  # botocore's Backup model, ScanResourceType: EBS, EC2 and S3

AIR_GAPPED, RESTORE_ACCESS = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT", "RESTORE_ACCESS_BACKUP_VAULT"
# the types of vaults whose points lie with AWS Backup alone, in words; a vault for access shows those of another account's
VAULTS_APART: Mapping[str, str] = MappingProxyType(
    {AIR_GAPPED: "a logically air-gapped vault", RESTORE_ACCESS: "a restore access vault of another account's"}
)


@dataclass(frozen=True, slots=True)
class Lineage:
    """The vault that a recovery point lies in, the job and rule that made it, what it was copied from, and its encryption.

    `vault_type` is DescribeBackupVault's VaultType, `vault_locked` its Locked and `vault_lock_date` its LockDate: from then
    on nobody can change the lock. `vault_lock_at_backup` is VaultLockState of the backup job. `storage_encryption` is
    StorageEncryptionType of the snapshot ("none", "sse-kms", "sse-rds": a key that AWS owns), `key_manager` KeyManager of
    its KMS key ("CUSTOMER", "AWS"), `key_type` EncryptionKeyType of the recovery point. `copied_from` is the vault or the
    snapshot that a copy was made from, "" where AWS calls it no copy. `parent` is a composite recovery point or the job of
    one, "" where there is none. `not_read` names the calls that AWS refused.
    """

    vault_type: str = UNKNOWN
    vault_locked: bool | None = None
    vault_lock_date: datetime | None = None
    vault_lock_at_backup: str = UNKNOWN
    storage_encryption: str = UNKNOWN
    key_manager: str = UNKNOWN
    key_type: str = UNKNOWN
    initiated_at: datetime | None = None
    plan: str = UNKNOWN
    rule: str = UNKNOWN
    rule_cron: str = UNKNOWN
    rule_timezone: str = UNKNOWN
    is_parent: bool | None = None
    parent: str = UNKNOWN
    copied_from: str = UNKNOWN
    not_read: tuple[str, ...] = ()
