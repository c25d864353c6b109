"""Answers about recovery points and the resources that they protect."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from moto.backup.exceptions import ResourceNotFoundException
from moto.core.responses import ActionResult, EmptyResult

from drills.sandbox.backup.air_gapped import Holder
from drills.sandbox.backup.answers.request import BackupRequest, without_none
from drills.sandbox.backup.models import RecoveryPoint, Vault
from drills.sandbox.backup.service import BackupService


class PointAnswers:
    """The operations on recovery points."""

    def __init__(self, request: BackupRequest, service: BackupService) -> None:
        self._request = request
        self._now = service.region.now()
        self._vaults = service.vaults
        self._points = service.points
        self._air_gapped = service.air_gapped

    def list_recovery_points_by_backup_vault(self) -> ActionResult:
        """ListRecoveryPointsByBackupVault, newest first."""
        asked = self._request.path("backupVaultName")
        holder, vault = self._air_gapped.holder_of(asked, self._request.query("backupVaultAccountId"))
        points = reversed(holder.points.in_vault(vault.backup_vault_name))
        found = self._request.filter(
            [self._row(each, vault) for each in points],
            resourceArn="ResourceArn",
            resourceType="ResourceType",
            parentRecoveryPointArn="ParentRecoveryPointArn",
        )
        plan = self._request.query("backupPlanId")
        if plan is not None:
            found = [row for row in found if row.get("CreatedBy", {}).get("BackupPlanId") == plan]
        return self._request.page("RecoveryPoints", found)

    def list_recovery_points_by_resource(self) -> ActionResult:
        """ListRecoveryPointsByResource, newest first."""
        arn = self._request.path("resourceArn")
        points = [point for point in self._points if point.resource_arn == arn]
        rows = [self._row(point) for point in sorted(points, key=lambda point: point.created_at, reverse=True)]
        return self._request.page(
            "RecoveryPoints", [row | {"BackupSizeBytes": row["BackupSizeInBytes"]} for row in rows]
        )

    def describe_recovery_point(self) -> ActionResult:
        """DescribeRecoveryPoint."""
        holder, vault, arn = self._seen()
        point = holder.points.get(arn, vault.backup_vault_name)
        return ActionResult(self._row(point, vault) | {"StorageClass": "WARM"})

    def get_recovery_point_restore_metadata(self) -> ActionResult:
        """GetRecoveryPointRestoreMetadata."""
        holder, vault, arn = self._seen()
        return ActionResult(
            {
                "RestoreMetadata": holder.points.restore_metadata(arn, vault.backup_vault_name),
                "BackupVaultArn": vault.backup_vault_arn,
                "RecoveryPointArn": arn,
                "ResourceType": holder.points.get(arn, vault.backup_vault_name).resource_type,
            }
        )

    def update_recovery_point_lifecycle(self) -> ActionResult:
        """UpdateRecoveryPointLifecycle."""
        vault, arn = self._vault_and_arn()
        row = self._row(self._points.update_lifecycle(vault, arn, self._request.body().get("Lifecycle")))
        keys = ("BackupVaultArn", "RecoveryPointArn", "Lifecycle", "CalculatedLifecycle")
        return ActionResult({key: row[key] for key in keys if key in row})

    def delete_recovery_point(self) -> EmptyResult:
        """DeleteRecoveryPoint."""
        self._points.delete(*self._vault_and_arn())
        return EmptyResult()

    def _vault_and_arn(self) -> tuple[str, str]:
        return self._request.path("backupVaultName"), self._request.path("recoveryPointArn")

    def _seen(self) -> tuple[Holder, Vault, str]:
        """Return who keeps the point of a request, in which vault, and its ARN."""
        name, arn = self._vault_and_arn()
        return *self._air_gapped.holder_of(name, self._request.query("backupVaultAccountId")), arn

    def _row(self, point: RecoveryPoint, vault: Vault | None = None) -> dict[str, Any]:
        """Return a point; `vault` is its vault where that may be one of another account."""
        vault = vault or self._vaults.get(point.vault)
        row = {
            "RecoveryPointArn": point.arn,
            "BackupVaultName": point.vault,
            "BackupVaultArn": vault.backup_vault_arn,
            "SourceBackupVaultArn": point.source_vault_arn or None,
            "ResourceArn": point.resource_arn,
            "ResourceType": point.resource_type,
            "ResourceName": point.resource_name,
            "IamRoleArn": point.role_arn,
            "CreatedBy": point.created_by or None,
            "Status": point.status(self._now),
            "StatusMessage": point.deletion_problem or None,
            "CreationDate": point.created_at,
            "InitiationDate": point.created_at,
            "CompletionDate": point.completed_at if point.completed_at <= self._now else None,
            "LastRestoreTime": point.last_restore,
            "BackupSizeInBytes": point.size_bytes,
            "EncryptionKeyArn": point.kms_key_id or None,
            "EncryptionKeyType": self._vaults.key_type(point.kms_key_id),
            "IsEncrypted": point.kms_key_id is not None,
            "Lifecycle": point.lifecycle or None,
            "CalculatedLifecycle": {"DeleteAt": point.delete_at} if point.delete_at else None,
            "IsParent": False,
            "VaultType": vault.vault_type,
        }
        return without_none(row)


class ProtectedResourceAnswers:
    """The operations on the instances that have recovery points."""

    def __init__(self, request: BackupRequest, service: BackupService) -> None:
        self._request = request
        self._vaults = service.vaults
        self._points = service.points
        self._restores = service.restores

    def list_protected_resources(self) -> ActionResult:
        """ListProtectedResources: each instance that has a recovery point, with its newest one."""
        return self._request.page("Results", self._rows(self._points))

    def list_protected_resources_by_backup_vault(self) -> ActionResult:
        """ListProtectedResourcesByBackupVault."""
        points = self._points.in_vault(self._request.path("backupVaultName"))
        return self._request.page("Results", self._rows(points))

    def describe_protected_resource(self) -> ActionResult:
        """DescribeProtectedResource, with the newest completed restore of it."""
        arn = self._request.path("resourceArn")
        row = next((row for row in self._rows(self._points) if row["ResourceArn"] == arn), None)
        if row is None:
            raise ResourceNotFoundException(f"The resource {arn} has no recovery point.")
        return ActionResult(row | self._last_restore(arn))

    def _last_restore(self, arn: str) -> dict[str, Any]:
        completed = [job for job in self._restores if job.point.resource_arn == arn and job.outcome == "COMPLETED"]
        if not completed:
            return {}
        last = max(completed, key=lambda job: job.created_at)
        seconds = ((last.ended_at or last.created_at) - last.created_at).total_seconds()
        return {
            "LatestRestoreExecutionTimeMinutes": int(seconds // 60),
            "LatestRestoreJobCreationDate": last.created_at,
            "LatestRestoreRecoveryPointCreationDate": last.point.created_at,
        }

    def _rows(self, points: Iterable[RecoveryPoint]) -> list[dict[str, Any]]:
        newest: dict[str, RecoveryPoint] = {}
        for point in points:
            if point.resource_arn not in newest or newest[point.resource_arn].created_at < point.created_at:
                newest[point.resource_arn] = point
        return [
            {
                "ResourceArn": arn,
                "ResourceType": point.resource_type,
                "ResourceName": point.resource_name,
                "LastBackupTime": point.created_at,
                "LastBackupVaultArn": self._vaults.arn_of(point.vault),
                "LastRecoveryPointArn": point.arn,
            }
            for arn, point in newest.items()
        ]
