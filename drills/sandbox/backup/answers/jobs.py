"""Answers about backup jobs, copy jobs and restore jobs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from drills.sandbox.backup.answers.request import BackupRequest, without_none
from drills.sandbox.backup.kinds.protected import type_of
from drills.sandbox.backup.models import BackupJob, CopyJob, RestoreJob
from drills.sandbox.backup.service import BackupService

LIST_PERIOD = timedelta(days=30)  # "for the last 30 days" (API reference, ListBackupJobs)


class BackupJobAnswers:
    """The operations on backup jobs."""

    def __init__(self, request: BackupRequest, service: BackupService) -> None:
        self._request = request
        self._now = service.region.now()
        self._vaults = service.vaults
        self._jobs = service.jobs

    def start_backup_job(self) -> ActionResult:
        """StartBackupJob."""
        job = self._jobs.start_on_demand(self._request.body())
        answer = {"BackupJobId": job.id, "CreationDate": job.created_at, "IsParent": False}
        return ActionResult(answer | ({"RecoveryPointArn": job.point_arn} if job.point_arn else {}))

    def stop_backup_job(self) -> EmptyResult:
        """StopBackupJob."""
        self._jobs.stop(self._request.path("backupJobId"))
        return EmptyResult()

    def describe_backup_job(self) -> ActionResult:
        """DescribeBackupJob."""
        return ActionResult(self._row(self._jobs.get(self._request.path("backupJobId"))))

    def list_backup_jobs(self) -> ActionResult:
        """ListBackupJobs, newest first."""
        oldest = self._now - LIST_PERIOD
        jobs = [job for job in self._jobs if job.created_at >= oldest]
        rows = [self._row(job) for job in sorted(jobs, key=lambda job: job.created_at, reverse=True)]
        found = self._request.filter(
            rows,
            resourceArn="ResourceArn",
            state="State",
            backupVaultName="BackupVaultName",
            resourceType="ResourceType",
            accountId="AccountId",
            parentJobId="ParentJobId",
            messageCategory="MessageCategory",
        )
        return self._request.page("BackupJobs", found)

    def _row(self, job: BackupJob) -> dict[str, Any]:
        return _common_members(job, self._request.account, self._now) | without_none(
            {
                "BackupJobId": job.id,
                "BackupVaultName": job.vault,
                "BackupVaultArn": self._vaults.arn_of(job.vault),
                "InitiationDate": job.progress.started_at or job.created_at,
                "StartBy": job.start_by,
                "PercentDone": f"{job.progress.share(self._now) * 100:.1f}",
                "IsEncrypted": job.kms_key_id is not None,
                "EncryptionKeyArn": job.kms_key_id,
                "RecoveryPointArn": job.point_arn or None,
                "RecoveryPointLifecycle": job.lifecycle or None,
                "VaultType": "BACKUP_VAULT",
                "VaultLockState": job.vault_lock or None,
            }
        )


class CopyJobAnswers:
    """The operations on copy jobs."""

    def __init__(self, request: BackupRequest, service: BackupService) -> None:
        self._request = request
        self._now = service.region.now()
        self._jobs = service.copies

    def start_copy_job(self) -> ActionResult:
        """StartCopyJob."""
        job = self._jobs.start_on_demand(self._request.body())
        return ActionResult({"CopyJobId": job.id, "CreationDate": job.created_at, "IsParent": False})

    def describe_copy_job(self) -> ActionResult:
        """DescribeCopyJob."""
        return ActionResult({"CopyJob": self._row(self._jobs.get(self._request.path("copyJobId")))})

    def list_copy_jobs(self) -> ActionResult:
        """ListCopyJobs, newest first."""
        jobs = sorted(self._jobs, key=lambda job: job.created_at, reverse=True)
        found = self._request.filter(
            [self._row(job) for job in jobs],
            resourceArn="ResourceArn",
            state="State",
            resourceType="ResourceType",
            destinationVaultArn="DestinationBackupVaultArn",
            accountId="AccountId",
            parentJobId="ParentJobId",
            messageCategory="MessageCategory",
            sourceRecoveryPointArn="SourceRecoveryPointArn",
        )
        return self._request.page("CopyJobs", found)

    def _row(self, job: CopyJob) -> dict[str, Any]:
        return _common_members(job, self._request.account, self._now) | without_none(
            {
                "CopyJobId": job.id,
                "SourceBackupVaultArn": job.source_vault_arn,
                "SourceRecoveryPointArn": job.source_arn,
                "DestinationBackupVaultArn": job.destination_vault_arn,
                "DestinationRecoveryPointArn": job.point_arn or None,
                "DestinationEncryptionKeyArn": job.kms_key_id or None,
                "DestinationRecoveryPointLifecycle": job.lifecycle or None,
                "CreatedByBackupJobId": job.backup_job_id or None,
            }
        )


class RestoreJobAnswers:
    """The operations on restore jobs."""

    def __init__(self, request: BackupRequest, service: BackupService) -> None:
        self._request = request
        self._vaults = service.vaults
        self._jobs = service.restores

    def start_restore_job(self) -> ActionResult:
        """StartRestoreJob."""
        return ActionResult({"RestoreJobId": self._jobs.start_on_demand(self._request.body()).id})

    def describe_restore_job(self) -> ActionResult:
        """DescribeRestoreJob."""
        return ActionResult(self._row(self._jobs.get(self._request.path("restoreJobId"))))

    def get_restore_job_metadata(self) -> ActionResult:
        """GetRestoreJobMetadata."""
        job = self._jobs.get(self._request.path("restoreJobId"))
        return ActionResult({"RestoreJobId": job.id, "Metadata": job.metadata})

    def put_restore_validation_result(self) -> EmptyResult:
        """PutRestoreValidationResult."""
        body = self._request.body()
        self._jobs.put_validation(
            self._request.path("restoreJobId"),
            body.get("ValidationStatus", ""),
            body.get("ValidationStatusMessage", ""),
        )
        return EmptyResult()

    def list_restore_jobs(self) -> ActionResult:
        """ListRestoreJobs, newest first."""
        return self._request.page("RestoreJobs", self._rows())

    def list_restore_jobs_by_protected_resource(self) -> ActionResult:
        """ListRestoreJobsByProtectedResource."""
        arn = self._request.path("resourceArn")
        return self._request.page("RestoreJobs", [row for row in self._rows() if row["SourceResourceArn"] == arn])

    def _rows(self) -> list[dict[str, Any]]:
        rows = [self._row(job) for job in sorted(self._jobs, key=lambda job: job.created_at, reverse=True)]
        found = self._request.filter(rows, status="Status", resourceType="ResourceType", accountId="AccountId")
        plan = self._request.query("restoreTestingPlanArn")
        return [row for row in found if plan is None or row.get("CreatedBy") == {"RestoreTestingPlanArn": plan}]

    def _row(self, job: RestoreJob) -> dict[str, Any]:
        point = job.point
        failed = job.fails_at is not None and job.outcome
        row = {
            "AccountId": self._request.account,
            "RestoreJobId": job.id,
            "RecoveryPointArn": point.arn,
            "SourceResourceArn": point.resource_arn,
            "BackupVaultArn": job.vault_arn or self._vaults.arn_of(point.vault),
            "ResourceType": point.resource_type,
            "CreationDate": job.created_at,
            "RecoveryPointCreationDate": point.created_at,
            "IamRoleArn": job.role_arn,
            "CreatedResourceArn": job.created_arn or None,
            "BackupSizeInBytes": point.size_bytes,
            "Status": job.outcome or "RUNNING",
            "PercentDone": "60.00%" if failed else "100.00%" if job.outcome == "COMPLETED" else "0.00%",
            "CompletionDate": job.ended_at,
            "StatusMessage": job.message or None,
            "ValidationStatus": job.validation or None,
            "ValidationStatusMessage": job.validation_message or None,
            "DeletionStatus": job.deletion or None,
            "DeletionStatusMessage": job.deletion_message or None,
            "CreatedBy": {"RestoreTestingPlanArn": job.testing_plan_arn} if job.testing_plan_arn else None,
        }
        return without_none(row)


def _common_members(job: BackupJob | CopyJob, account: str, now: datetime) -> dict[str, Any]:
    """Return the members that backup jobs and copy jobs have in common."""
    state = job.state(now)
    return without_none(
        {
            "AccountId": account,
            "ResourceArn": job.resource_arn,
            "ResourceType": type_of(job.resource_arn),
            "ResourceName": job.resource_name,
            "IamRoleArn": job.role_arn,
            "CreationDate": job.created_at,
            "CompletionDate": job.completed_at if state not in ("CREATED", "PENDING", "RUNNING") else None,
            "State": state,
            "StatusMessage": job.message(now) or None,
            "CreatedBy": job.created_by or None,
            "BackupSizeInBytes": job.size_bytes if job.point_arn else None,
            "IsParent": False,
        }
    )
