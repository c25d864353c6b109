"""Answers about backup vaults."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from drills.sandbox.backup.answers.request import BackupRequest, without_none
from drills.sandbox.backup.models import Vault
from drills.sandbox.backup.service import BackupService

_OF_ACCESS = ("SourceBackupVaultArn", "MpaApprovalTeamArn", "MpaSessionArn")  # what a list leaves out


class VaultAnswers:
    """The operations on vaults, their locks, access policies and notifications."""

    def __init__(self, request: BackupRequest, service: BackupService) -> None:
        self._request = request
        self._service = service
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

    def create_logically_air_gapped_backup_vault(self) -> ActionResult:
        """CreateLogicallyAirGappedBackupVault."""
        vault = self._service.air_gapped.create(self._request.path("backupVaultName"), self._request.body())
        row = self._row(vault)
        return ActionResult(
            {key: row[key] for key in ("BackupVaultName", "BackupVaultArn", "CreationDate", "VaultState")}
        )

    def associate_backup_vault_mpa_approval_team(self) -> EmptyResult:
        """AssociateBackupVaultMpaApprovalTeam."""
        self._service.air_gapped.associate(self._request.path("backupVaultName"), self._request.body())
        return EmptyResult()

    def create_restore_access_backup_vault(self) -> ActionResult:
        """CreateRestoreAccessBackupVault."""
        vault = self._service.air_gapped.request_access(self._request.body())
        return ActionResult(
            {
                "RestoreAccessBackupVaultArn": vault.backup_vault_arn,
                "RestoreAccessBackupVaultName": vault.backup_vault_name,
                "VaultState": vault.state,
                "CreationDate": vault.creation_date,
            }
        )

    def describe_backup_vault(self) -> ActionResult:
        """DescribeBackupVault, of a shared vault with the account that owns it."""
        name, account = self._request.path("backupVaultName"), self._request.query("backupVaultAccountId")
        if self._vaults.find(name) is not None and account in (None, self._request.account):
            return ActionResult(self._row(self._vaults.get(name)))
        _, vault = self._service.air_gapped.holder_of(name, account)
        return ActionResult(self._row(vault))

    def list_backup_vaults(self) -> ActionResult:
        """ListBackupVaults."""
        described = [self._row(each) for each in self._vaults]
        known = [{key: row[key] for key in row if key not in _OF_ACCESS} for row in described]
        rows = self._request.filter(known, vaultType="VaultType")
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

    def _number_in(self, vault: Vault) -> int:
        if self._vaults.find(vault.backup_vault_name) is not vault:
            _, _, _, _, owner, *_ = vault.backup_vault_arn.split(":")
            holder, vault = self._service.air_gapped.holder_of(vault.backup_vault_name, owner)
            return len(holder.points.in_vault(vault.backup_vault_name))
        return len(self._points.in_vault(vault.backup_vault_name))

    def _row(self, vault: Vault) -> dict[str, Any]:
        row = {
            "BackupVaultName": vault.backup_vault_name,
            "BackupVaultArn": vault.backup_vault_arn,
            "VaultType": vault.vault_type,
            "VaultState": vault.state,
            "EncryptionKeyArn": vault.encryption_key_arn or None,
            "EncryptionKeyType": self._vaults.key_type(vault.encryption_key_arn),
            "CreationDate": vault.creation_date,
            "CreatorRequestId": vault.creator_request_id,
            "NumberOfRecoveryPoints": self._number_in(vault),
            "Locked": vault.locked,
            "MinRetentionDays": vault.min_retention_days,
            "MaxRetentionDays": vault.max_retention_days,
            "LockDate": vault.lock_date,
            "SourceBackupVaultArn": vault.source_arn or None,
            "MpaApprovalTeamArn": vault.team_arn or None,
            "MpaSessionArn": vault.session_arn or None,
        }
        return without_none(row)
