"""Answers about backup vaults."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from drills.sandbox.backup.answers.request import BackupRequest, without_none
from drills.sandbox.backup.models import Vault
from drills.sandbox.backup.service import BackupService


class VaultAnswers:
    """The operations on vaults, their locks, access policies and notifications."""

    def __init__(self, request: BackupRequest, service: BackupService) -> None:
        self._request = request
        self._vaults = service.vaults
        self._points = service.points

    def create_backup_vault(self) -> ActionResult:
        """CreateBackupVault."""
        body = self._request.body()
        vault = self._vaults.create(
            self._request.path("backupVaultName"),
            body.get("BackupVaultTags"),
            body.get("EncryptionKeyArn"),
            body.get("CreatorRequestId"),
        )
        row = self._row(vault)
        return ActionResult({key: row[key] for key in ("BackupVaultName", "BackupVaultArn", "CreationDate")})

    def describe_backup_vault(self) -> ActionResult:
        """DescribeBackupVault."""
        return ActionResult(self._row(self._vault()))

    def list_backup_vaults(self) -> ActionResult:
        """ListBackupVaults."""
        rows = self._request.filter(map(self._row, self._vaults), vaultType="VaultType")
        return self._request.page("BackupVaultList", rows)

    def delete_backup_vault(self) -> EmptyResult:
        """DeleteBackupVault."""
        self._points.delete_vault(self._request.path("backupVaultName"))
        return EmptyResult()

    def put_backup_vault_lock_configuration(self) -> EmptyResult:
        """PutBackupVaultLockConfiguration."""
        self._vaults.lock(self._request.path("backupVaultName"), self._request.body())
        return EmptyResult()

    def delete_backup_vault_lock_configuration(self) -> EmptyResult:
        """DeleteBackupVaultLockConfiguration."""
        self._vaults.unlock(self._request.path("backupVaultName"))
        return EmptyResult()

    def put_backup_vault_access_policy(self) -> EmptyResult:
        """PutBackupVaultAccessPolicy."""
        self._vaults.put_policy(self._request.path("backupVaultName"), self._request.body().get("Policy"))
        return EmptyResult()

    def get_backup_vault_access_policy(self) -> ActionResult:
        """GetBackupVaultAccessPolicy."""
        return self._with_names({"Policy": self._vaults.policy_of(self._request.path("backupVaultName"))})

    def delete_backup_vault_access_policy(self) -> EmptyResult:
        """DeleteBackupVaultAccessPolicy."""
        self._vault().policy = None
        return EmptyResult()

    def put_backup_vault_notifications(self) -> EmptyResult:
        """PutBackupVaultNotifications."""
        self._vaults.put_notifications(self._request.path("backupVaultName"), self._request.body())
        return EmptyResult()

    def get_backup_vault_notifications(self) -> ActionResult:
        """GetBackupVaultNotifications."""
        return self._with_names(self._vaults.notifications_of(self._request.path("backupVaultName")))

    def delete_backup_vault_notifications(self) -> EmptyResult:
        """DeleteBackupVaultNotifications."""
        self._vault().notifications = {}
        return EmptyResult()

    def _vault(self) -> Vault:
        return self._vaults.get(self._request.path("backupVaultName"))

    def _with_names(self, row: dict[str, Any]) -> ActionResult:
        vault = self._vault()
        return ActionResult(
            {"BackupVaultName": vault.backup_vault_name, "BackupVaultArn": vault.backup_vault_arn, **row}
        )

    def _row(self, vault: Vault) -> dict[str, Any]:
        row = {
            "BackupVaultName": vault.backup_vault_name,
            "BackupVaultArn": vault.backup_vault_arn,
            "VaultType": "BACKUP_VAULT",
            "VaultState": "AVAILABLE",
            "EncryptionKeyArn": vault.encryption_key_arn,
            "EncryptionKeyType": self._vaults.key_type(vault.encryption_key_arn),
            "CreationDate": vault.creation_date,
            "CreatorRequestId": vault.creator_request_id,
            "NumberOfRecoveryPoints": len(self._points.in_vault(vault.backup_vault_name)),
            "Locked": vault.locked,
            "MinRetentionDays": vault.min_retention_days,
            "MaxRetentionDays": vault.max_retention_days,
            "LockDate": vault.lock_date,
        }
        return without_none(row)
