"""Reads AWS Backup requests and writes their answers; the work is in drills/sandbox/backup.py."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import moto.backup.urls
from moto.backup.models import Vault
from moto.backup.responses import BackupResponse
from moto.core.responses import ActionResult, EmptyResult

from drills.sandbox.backup import BackupJob, RestoreJob, SandboxBackup

PAGE = 1000


class SandboxBackupResponse(BackupResponse):
    """The operations that moto has, and those of jobs and recovery points."""

    @property
    def sandbox(self) -> SandboxBackup:
        """The backend of this request's account and region."""
        backend = self.backup_backend
        assert isinstance(backend, SandboxBackup)
        return backend

    def _uri(self, name: str) -> str:
        return unquote(str(self.uri_match[name]))

    def _query(self, name: str) -> str | None:
        values = self.normalized_request.args.getlist(name)
        return values[0] if values else None

    def _page(self, key: str, rows: Sequence[dict[str, Any]]) -> ActionResult:
        """A page of rows; the token is the number of rows before the next page."""
        start, size = int(self._query("nextToken") or 0), int(self._query("maxResults") or PAGE)
        answer: dict[str, Any] = {key: list(rows[start : start + size])}
        if start + size < len(rows):
            answer["NextToken"] = str(start + size)
        return ActionResult(answer)

    # -- vaults --------------------------------------------------------------------------------------------------

    def describe_backup_vault(self) -> ActionResult:
        """DescribeBackupVault."""
        return ActionResult(self._vault(self.sandbox.vault(self._uri("backupVaultName"))))

    def list_backup_vaults(self) -> ActionResult:  # type: ignore[override]
        """ListBackupVaults."""
        return self._page("BackupVaultList", [self._vault(each) for each in self.sandbox.vaults.values()])

    def _vault(self, vault: Vault) -> dict[str, Any]:
        held = sum(job.vault == vault.backup_vault_name for job in self.sandbox.points.values())
        return vault.to_list_dict() | {"VaultType": "BACKUP_VAULT", "NumberOfRecoveryPoints": held}

    # -- tags: moto reads the ARN off the path's end, where some clients write a slash and others none ---------------

    def list_tags(self) -> ActionResult:  # type: ignore[override]
        """ListTags."""
        return ActionResult({"Tags": self.sandbox.list_tags(self._uri("resourceArn"))})

    def tag_resource(self) -> ActionResult:  # type: ignore[override]
        """TagResource."""
        self.sandbox.tag_resource(self._uri("resourceArn"), json.loads(self.body or "{}").get("Tags") or {})
        return EmptyResult()

    def untag_resource(self) -> ActionResult:  # type: ignore[override]
        """UntagResource."""
        names = json.loads(self.body or "{}").get("TagKeyList") or []
        self.sandbox.untag_resource(self._uri("resourceArn"), names)
        return EmptyResult()

    # -- backup jobs ---------------------------------------------------------------------------------------------

    def start_backup_job(self) -> ActionResult:
        """StartBackupJob."""
        job = self.sandbox.start_backup_job(json.loads(self.body or "{}"))
        answer = {"BackupJobId": job.id, "CreationDate": job.created_at, "IsParent": False}
        return ActionResult(answer | ({"RecoveryPointArn": job.point_arn} if job.point_arn else {}))

    def describe_backup_job(self) -> ActionResult:
        """DescribeBackupJob."""
        return ActionResult(self._job(self.sandbox.job(self._uri("backupJobId"))))

    def list_backup_jobs(self) -> ActionResult:
        """ListBackupJobs, newest first."""
        rows = [self._job(job) for job in reversed(self.sandbox.jobs.values())]
        for parameter, key in (
            ("resourceArn", "ResourceArn"),
            ("state", "State"),
            ("backupVaultName", "BackupVaultName"),
            ("resourceType", "ResourceType"),
        ):
            wanted = self._query(parameter)
            rows = [row for row in rows if wanted in (None, row[key])]
        return self._page("BackupJobs", self._in_window(rows))

    def _job(self, job: BackupJob) -> dict[str, Any]:
        now = self.sandbox.plane.instant()
        state = job.state(now)
        row: dict[str, Any] = {
            "AccountId": self.current_account,
            "BackupJobId": job.id,
            "BackupVaultName": job.vault,
            "BackupVaultArn": self.sandbox.vault(job.vault).backup_vault_arn,
            "ResourceArn": job.resource_arn,
            "ResourceType": "RDS",
            "ResourceName": job.resource_name,
            "IamRoleArn": job.role_arn,
            "CreationDate": job.created_at,
            "InitiationDate": job.created_at,
            "StartBy": job.created_at,
            "State": state,
            "PercentDone": f"{job.share(now) * 100:.1f}",
            "IsParent": False,
            "IsEncrypted": job.kms_key_id is not None,
        }
        if job.point_arn:
            row |= {"RecoveryPointArn": job.point_arn, "BackupSizeInBytes": job.size_bytes}
        if job.lifecycle:
            row["RecoveryPointLifecycle"] = job.lifecycle
        if state in ("COMPLETED", "FAILED"):
            row["CompletionDate"] = job.completed_at
        if job.failure:
            row["StatusMessage"] = job.failure
        return row

    def _in_window(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        after, before = self._query("createdAfter"), self._query("createdBefore")
        return [
            row
            for row in rows
            if (after is None or row["CreationDate"] >= datetime.fromisoformat(after))
            and (before is None or row["CreationDate"] <= datetime.fromisoformat(before))
        ]

    # -- recovery points -----------------------------------------------------------------------------------------

    def list_recovery_points_by_backup_vault(self) -> ActionResult:
        """ListRecoveryPointsByBackupVault."""
        vault = self._uri("backupVaultName")
        self.sandbox.vault(vault)
        rows = [self._point(job) for job in self.sandbox.points.values() if job.vault == vault]
        for parameter, key in (("resourceArn", "ResourceArn"), ("resourceType", "ResourceType")):
            wanted = self._query(parameter)
            rows = [row for row in rows if wanted in (None, row[key])]
        return self._page("RecoveryPoints", self._in_window(rows))

    def list_recovery_points_by_resource(self) -> ActionResult:
        """ListRecoveryPointsByResource."""
        arn = self._uri("resourceArn")
        rows = [self._point(job) for job in self.sandbox.points.values() if job.resource_arn == arn]
        return self._page("RecoveryPoints", [row | {"BackupSizeBytes": row["BackupSizeInBytes"]} for row in rows])

    def describe_recovery_point(self) -> ActionResult:
        """DescribeRecoveryPoint."""
        job = self.sandbox.point(self._uri("recoveryPointArn"), self._uri("backupVaultName"))
        return ActionResult(self._point(job) | {"StorageClass": "WARM"})

    def get_recovery_point_restore_metadata(self) -> ActionResult:
        """GetRecoveryPointRestoreMetadata."""
        vault, arn = self._uri("backupVaultName"), self._uri("recoveryPointArn")
        metadata = self.sandbox.restore_metadata(arn, vault)
        vault_arn = self.sandbox.vault(vault).backup_vault_arn
        return ActionResult(
            {"BackupVaultArn": vault_arn, "RecoveryPointArn": arn, "RestoreMetadata": metadata, "ResourceType": "RDS"}
        )

    def delete_recovery_point(self) -> ActionResult:
        """DeleteRecoveryPoint."""
        self.sandbox.delete_recovery_point(self._uri("backupVaultName"), self._uri("recoveryPointArn"))
        return EmptyResult()

    def _point(self, job: BackupJob) -> dict[str, Any]:
        now = self.sandbox.plane.instant()
        row: dict[str, Any] = {
            "RecoveryPointArn": job.point_arn,
            "BackupVaultName": job.vault,
            "BackupVaultArn": self.sandbox.vault(job.vault).backup_vault_arn,
            "ResourceArn": job.resource_arn,
            "ResourceType": "RDS",
            "ResourceName": job.resource_name,
            "IamRoleArn": job.role_arn,
            "Status": job.status(now),
            "CreationDate": job.created_at,
            "InitiationDate": job.created_at,
            "BackupSizeInBytes": job.size_bytes,
            "IsEncrypted": job.kms_key_id is not None,
            "IsParent": False,
            "VaultType": "BACKUP_VAULT",
        }
        if job.kms_key_id:
            row["EncryptionKeyArn"] = job.kms_key_id
        if job.state(now) == "COMPLETED":
            row["CompletionDate"] = job.completed_at
        if job.lifecycle:
            row["Lifecycle"] = job.lifecycle
        if job.delete_at:
            row["CalculatedLifecycle"] = {"DeleteAt": job.delete_at}
        return row

    def list_protected_resources(self) -> ActionResult:
        """ListProtectedResources: each instance that has a recovery point, with its newest one."""
        newest: dict[str, BackupJob] = {}
        for job in self.sandbox.points.values():
            if job.resource_arn not in newest or newest[job.resource_arn].created_at < job.created_at:
                newest[job.resource_arn] = job
        return self._page(
            "Results",
            [
                {
                    "ResourceArn": arn,
                    "ResourceType": "RDS",
                    "ResourceName": job.resource_name,
                    "LastBackupTime": job.created_at,
                    "LastBackupVaultArn": self.sandbox.vault(job.vault).backup_vault_arn,
                    "LastRecoveryPointArn": job.point_arn,
                }
                for arn, job in newest.items()
            ],
        )

    # -- restore jobs --------------------------------------------------------------------------------------------

    def start_restore_job(self) -> ActionResult:
        """StartRestoreJob."""
        return ActionResult({"RestoreJobId": self.sandbox.start_restore_job(json.loads(self.body or "{}")).id})

    def describe_restore_job(self) -> ActionResult:
        """DescribeRestoreJob."""
        return ActionResult(self._restore_job(self.sandbox.restore_job(self._uri("restoreJobId"))))

    def list_restore_jobs(self) -> ActionResult:
        """ListRestoreJobs, newest first."""
        jobs = [self.sandbox.restore_job(job_id) for job_id in reversed(self.sandbox.restore_jobs)]
        return self._page("RestoreJobs", [self._restore_job(job) for job in jobs])

    def _restore_job(self, restore: RestoreJob) -> dict[str, Any]:
        row: dict[str, Any] = {
            "AccountId": self.current_account,
            "RestoreJobId": restore.id,
            "RecoveryPointArn": restore.job.point_arn,
            "SourceResourceArn": restore.job.resource_arn,
            "ResourceType": "RDS",
            "CreationDate": restore.created_at,
            "RecoveryPointCreationDate": restore.job.created_at,
            "IamRoleArn": restore.role_arn,
            "CreatedResourceArn": restore.instance_arn,
            "BackupSizeInBytes": restore.job.size_bytes,
            "Status": restore.outcome or "RUNNING",
            "PercentDone": "100.00%" if restore.outcome else "0.00%",
        }
        if restore.ended_at:
            row["CompletionDate"] = restore.ended_at
        if restore.message:
            row["StatusMessage"] = restore.message
        return row


# one route for all: botocore's own REST router tells the operations apart, also where an ARN in the path holds colons
URLS = SimpleNamespace(
    url_bases=moto.backup.urls.url_bases, url_paths={"{0}/(?P<rest>.+)$": SandboxBackupResponse.dispatch}
)
