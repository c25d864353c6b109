"""Answers about vaults, recovery points, protected resources and tags."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from drills.sandbox.backup.answers import BackupAnswers, known
from drills.sandbox.backup.models import RecoveryPoint, Vault


class PointAnswers(BackupAnswers):
    """The operations on vaults and on what is in them."""

    # -- vaults --------------------------------------------------------------------------------------------------

    def create_backup_vault(self) -> ActionResult:  # type: ignore[override]
        """CreateBackupVault."""
        given = self._given()
        vault = self.sandbox.create_backup_vault(
            self._uri("backupVaultName"),
            given.get("BackupVaultTags"),
            given.get("EncryptionKeyArn"),
            given.get("CreatorRequestId"),
        )
        row = self._vault(vault)
        return ActionResult({key: row[key] for key in ("BackupVaultName", "BackupVaultArn", "CreationDate")})

    def describe_backup_vault(self) -> ActionResult:
        """DescribeBackupVault."""
        return ActionResult(self._vault(self.sandbox.vault(self._uri("backupVaultName"))))

    def list_backup_vaults(self) -> ActionResult:  # type: ignore[override]
        """ListBackupVaults."""
        rows = [self._vault(each) for each in self.sandbox.vaults.values()]
        return self._page("BackupVaultList", self._filtered(rows, vaultType="VaultType"))

    def delete_backup_vault(self) -> EmptyResult:
        """DeleteBackupVault."""
        self.sandbox.delete_backup_vault(self._uri("backupVaultName"))
        return EmptyResult()

    def _vault(self, vault: Vault) -> dict[str, Any]:
        row = {
            "BackupVaultName": vault.backup_vault_name,
            "BackupVaultArn": vault.backup_vault_arn,
            "VaultType": "BACKUP_VAULT",
            "VaultState": "AVAILABLE",
            "EncryptionKeyArn": vault.encryption_key_arn,
            "CreationDate": vault.creation_date,
            "CreatorRequestId": vault.creator_request_id,
            "NumberOfRecoveryPoints": len(self.sandbox.points_in(vault.backup_vault_name)),
            "Locked": vault.locked,
            "MinRetentionDays": vault.min_retention_days,
            "MaxRetentionDays": vault.max_retention_days,
            "LockDate": vault.lock_date,
        }
        return known(row)

    def put_backup_vault_lock_configuration(self) -> EmptyResult:  # type: ignore[override]
        """PutBackupVaultLockConfiguration."""
        self.sandbox.lock_vault(self._uri("backupVaultName"), self._given())
        return EmptyResult()

    def delete_backup_vault_lock_configuration(self) -> EmptyResult:  # type: ignore[override]
        """DeleteBackupVaultLockConfiguration."""
        self.sandbox.unlock_vault(self._uri("backupVaultName"))
        return EmptyResult()

    def put_backup_vault_access_policy(self) -> EmptyResult:
        """PutBackupVaultAccessPolicy."""
        self.sandbox.put_policy(self._uri("backupVaultName"), self._given().get("Policy"))
        return EmptyResult()

    def get_backup_vault_access_policy(self) -> ActionResult:
        """GetBackupVaultAccessPolicy."""
        return self._of_vault({"Policy": self.sandbox.policy_of(self._uri("backupVaultName"))})

    def delete_backup_vault_access_policy(self) -> EmptyResult:
        """DeleteBackupVaultAccessPolicy."""
        self.sandbox.vault(self._uri("backupVaultName")).policy = None
        return EmptyResult()

    def put_backup_vault_notifications(self) -> EmptyResult:
        """PutBackupVaultNotifications."""
        self.sandbox.put_notifications(self._uri("backupVaultName"), self._given())
        return EmptyResult()

    def get_backup_vault_notifications(self) -> ActionResult:
        """GetBackupVaultNotifications."""
        return self._of_vault(self.sandbox.notifications_of(self._uri("backupVaultName")))

    def delete_backup_vault_notifications(self) -> EmptyResult:
        """DeleteBackupVaultNotifications."""
        self.sandbox.vault(self._uri("backupVaultName")).notifications = {}
        return EmptyResult()

    def _of_vault(self, row: dict[str, Any]) -> ActionResult:
        vault = self.sandbox.vault(self._uri("backupVaultName"))
        return ActionResult(
            {"BackupVaultName": vault.backup_vault_name, "BackupVaultArn": vault.backup_vault_arn, **row}
        )

    # -- recovery points -----------------------------------------------------------------------------------------

    def list_recovery_points_by_backup_vault(self) -> ActionResult:
        """ListRecoveryPointsByBackupVault, newest first."""
        points = reversed(self.sandbox.points_in(self._uri("backupVaultName")))
        found = self._filtered(
            map(self._point, points),
            resourceArn="ResourceArn",
            resourceType="ResourceType",
            parentRecoveryPointArn="ParentRecoveryPointArn",
        )
        plan = self._query("backupPlanId")
        if plan is not None:
            found = [row for row in found if row.get("CreatedBy", {}).get("BackupPlanId") == plan]
        return self._page("RecoveryPoints", found)

    def list_recovery_points_by_resource(self) -> ActionResult:
        """ListRecoveryPointsByResource, newest first."""
        arn = self._uri("resourceArn")
        points = [point for point in self.sandbox.points.values() if point.resource_arn == arn]
        rows = [self._point(point) for point in sorted(points, key=lambda p: p.created_at, reverse=True)]
        return self._page("RecoveryPoints", [row | {"BackupSizeBytes": row["BackupSizeInBytes"]} for row in rows])

    def describe_recovery_point(self) -> ActionResult:
        """DescribeRecoveryPoint."""
        point = self.sandbox.point(self._uri("recoveryPointArn"), self._uri("backupVaultName"))
        return ActionResult(self._point(point) | {"StorageClass": "WARM"})

    def get_recovery_point_restore_metadata(self) -> ActionResult:
        """GetRecoveryPointRestoreMetadata."""
        vault, arn = self._uri("backupVaultName"), self._uri("recoveryPointArn")
        metadata = self.sandbox.restore_metadata(arn, vault)
        vault_arn = self.sandbox.vault(vault).backup_vault_arn
        return ActionResult(
            {"BackupVaultArn": vault_arn, "RecoveryPointArn": arn, "RestoreMetadata": metadata, "ResourceType": "RDS"}
        )

    def update_recovery_point_lifecycle(self) -> ActionResult:
        """UpdateRecoveryPointLifecycle."""
        vault, arn = self._uri("backupVaultName"), self._uri("recoveryPointArn")
        row = self._point(self.sandbox.update_lifecycle(vault, arn, self._given().get("Lifecycle")))
        keys = ("BackupVaultArn", "RecoveryPointArn", "Lifecycle", "CalculatedLifecycle")
        return ActionResult({key: row[key] for key in keys if key in row})

    def delete_recovery_point(self) -> ActionResult | EmptyResult:
        """DeleteRecoveryPoint."""
        self.sandbox.delete_recovery_point(self._uri("backupVaultName"), self._uri("recoveryPointArn"))
        return EmptyResult()

    def _point(self, point: RecoveryPoint) -> dict[str, Any]:
        now = self.sandbox.now()
        row = {
            "RecoveryPointArn": point.arn,
            "BackupVaultName": point.vault,
            "BackupVaultArn": self.sandbox.arn_of("backup-vault", point.vault),
            "SourceBackupVaultArn": point.source_vault_arn or None,
            "ResourceArn": point.resource_arn,
            "ResourceType": "RDS",
            "ResourceName": point.resource_name,
            "IamRoleArn": point.role_arn,
            "CreatedBy": point.created_by or None,
            "Status": point.status(now),
            "StatusMessage": point.stuck or None,
            "CreationDate": point.created_at,
            "InitiationDate": point.created_at,
            "CompletionDate": point.completed_at if point.completed_at <= now else None,
            "LastRestoreTime": point.last_restore,
            "BackupSizeInBytes": point.size_bytes,
            "EncryptionKeyArn": point.kms_key_id,
            "IsEncrypted": point.kms_key_id is not None,
            "Lifecycle": point.lifecycle or None,
            "CalculatedLifecycle": {"DeleteAt": point.delete_at} if point.delete_at else None,
            "IsParent": False,
            "VaultType": "BACKUP_VAULT",
        }
        return known(row)

    # -- protected resources -------------------------------------------------------------------------------------

    def list_protected_resources(self) -> ActionResult:
        """ListProtectedResources: each instance that has a recovery point, with its newest one."""
        return self._page("Results", self._protected(self.sandbox.points.values()))

    def list_protected_resources_by_backup_vault(self) -> ActionResult:
        """ListProtectedResourcesByBackupVault."""
        return self._page("Results", self._protected(self.sandbox.points_in(self._uri("backupVaultName"))))

    def describe_protected_resource(self) -> ActionResult:
        """DescribeProtectedResource, with the newest completed restore of it."""
        arn = self._uri("resourceArn")
        row = self.sandbox.protected(self._protected(self.sandbox.points.values()), arn)
        restores = [self.sandbox.restore_job(job_id) for job_id in self.sandbox.restore_jobs]
        done = [each for each in restores if each.point.resource_arn == arn and each.outcome == "COMPLETED"]
        if done:
            last = max(done, key=lambda each: each.created_at)
            took = ((last.ended_at or last.created_at) - last.created_at).total_seconds()
            row |= {
                "LatestRestoreExecutionTimeMinutes": int(took // 60),
                "LatestRestoreJobCreationDate": last.created_at,
                "LatestRestoreRecoveryPointCreationDate": last.point.created_at,
            }
        return ActionResult(row)

    def _protected(self, points: Iterable[RecoveryPoint]) -> list[dict[str, Any]]:
        newest: dict[str, RecoveryPoint] = {}
        for point in points:
            if point.resource_arn not in newest or newest[point.resource_arn].created_at < point.created_at:
                newest[point.resource_arn] = point
        return [
            {
                "ResourceArn": arn,
                "ResourceType": "RDS",
                "ResourceName": point.resource_name,
                "LastBackupTime": point.created_at,
                "LastBackupVaultArn": self.sandbox.arn_of("backup-vault", point.vault),
                "LastRecoveryPointArn": point.arn,
            }
            for arn, point in newest.items()
        ]

    # -- tags and settings ---------------------------------------------------------------------------------------

    def list_tags(self) -> ActionResult:  # type: ignore[override]
        """ListTags."""
        return ActionResult({"Tags": self.sandbox.tags_of(self._uri("resourceArn"))})

    def tag_resource(self) -> EmptyResult:  # type: ignore[override]
        """TagResource."""
        arn = self._uri("resourceArn")
        self.sandbox.tags_of(arn)
        self.sandbox.set_tags(arn, self._given().get("Tags") or {})
        return EmptyResult()

    def untag_resource(self) -> EmptyResult:  # type: ignore[override]
        """UntagResource."""
        arn = self._uri("resourceArn")
        self.sandbox.tags_of(arn)
        self.sandbox.drop_tags(arn, self._given().get("TagKeyList") or [])
        return EmptyResult()

    def describe_region_settings(self) -> ActionResult:
        """DescribeRegionSettings: RDS is opted in, the rest is not here."""
        return ActionResult({"ResourceTypeOptInPreference": {"RDS": True}, "ResourceTypeManagementPreference": {}})
