"""Answers about backup jobs, copy jobs and restore jobs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from drills.sandbox.backup.answers import BackupAnswers, known
from drills.sandbox.backup.models import BackupJob, CopyJob, RestoreJob

LISTED = timedelta(days=30)  # "for the last 30 days" (API reference, ListBackupJobs)


class JobAnswers(BackupAnswers):
    """The operations on jobs."""

    def start_backup_job(self) -> ActionResult:
        """StartBackupJob."""
        job = self.sandbox.start_backup_job(self._given())
        answer = {"BackupJobId": job.id, "CreationDate": job.created_at, "IsParent": False}
        return ActionResult(answer | ({"RecoveryPointArn": job.point_arn} if job.point_arn else {}))

    def stop_backup_job(self) -> EmptyResult:
        """StopBackupJob."""
        self.sandbox.stop_backup_job(self._uri("backupJobId"))
        return EmptyResult()

    def describe_backup_job(self) -> ActionResult:
        """DescribeBackupJob."""
        return ActionResult(self._job(self.sandbox.job(self._uri("backupJobId"))))

    def list_backup_jobs(self) -> ActionResult:
        """ListBackupJobs, newest first."""
        oldest = self.sandbox.now() - LISTED
        jobs = [job for job in self.sandbox.jobs.values() if job.created_at >= oldest]
        rows = [self._job(job) for job in sorted(jobs, key=lambda job: job.created_at, reverse=True)]
        found = self._filtered(
            rows,
            resourceArn="ResourceArn",
            state="State",
            backupVaultName="BackupVaultName",
            resourceType="ResourceType",
            accountId="AccountId",
            parentJobId="ParentJobId",
            messageCategory="MessageCategory",
        )
        return self._page("BackupJobs", found)

    def _job(self, job: BackupJob) -> dict[str, Any]:
        now = self.sandbox.now()
        return self._timed(job) | known(
            {
                "BackupJobId": job.id,
                "BackupVaultName": job.vault,
                "BackupVaultArn": self.sandbox.arn_of("backup-vault", job.vault),
                "InitiationDate": job.started_at or job.created_at,
                "StartBy": job.start_by,
                "PercentDone": f"{job.share(now) * 100:.1f}",
                "IsEncrypted": job.kms_key_id is not None,
                "EncryptionKeyArn": job.kms_key_id,
                "RecoveryPointArn": job.point_arn or None,
                "RecoveryPointLifecycle": job.lifecycle or None,
            }
        )

    # -- copies --------------------------------------------------------------------------------------------------

    def start_copy_job(self) -> ActionResult:
        """StartCopyJob."""
        job = self.sandbox.start_copy_job(self._given())
        return ActionResult({"CopyJobId": job.id, "CreationDate": job.created_at, "IsParent": False})

    def describe_copy_job(self) -> ActionResult:
        """DescribeCopyJob."""
        return ActionResult({"CopyJob": self._copy(self.sandbox.copy_job(self._uri("copyJobId")))})

    def list_copy_jobs(self) -> ActionResult:
        """ListCopyJobs, newest first."""
        jobs = sorted(self.sandbox.copy_jobs.values(), key=lambda job: job.created_at, reverse=True)
        found = self._filtered(
            [self._copy(job) for job in jobs],
            resourceArn="ResourceArn",
            state="State",
            resourceType="ResourceType",
            destinationVaultArn="DestinationBackupVaultArn",
            accountId="AccountId",
            parentJobId="ParentJobId",
            messageCategory="MessageCategory",
            sourceRecoveryPointArn="SourceRecoveryPointArn",
        )
        return self._page("CopyJobs", found)

    def _copy(self, job: CopyJob) -> dict[str, Any]:
        return self._timed(job) | known(
            {
                "CopyJobId": job.id,
                "SourceBackupVaultArn": job.source_vault_arn,
                "SourceRecoveryPointArn": job.source_arn,
                "DestinationBackupVaultArn": job.destination_vault_arn,
                "DestinationRecoveryPointArn": job.point_arn or None,
                "DestinationEncryptionKeyArn": job.kms_key_id,
                "DestinationRecoveryPointLifecycle": job.lifecycle or None,
                "CreatedByBackupJobId": job.backup_job_id or None,
            }
        )

    # -- restores ------------------------------------------------------------------------------------------------

    def start_restore_job(self) -> ActionResult:
        """StartRestoreJob."""
        return ActionResult({"RestoreJobId": self.sandbox.start_restore_job(self._given()).id})

    def describe_restore_job(self) -> ActionResult:
        """DescribeRestoreJob."""
        return ActionResult(self._restore_job(self.sandbox.restore_job(self._uri("restoreJobId"))))

    def get_restore_job_metadata(self) -> ActionResult:
        """GetRestoreJobMetadata."""
        restore = self.sandbox.restore_job(self._uri("restoreJobId"))
        return ActionResult({"RestoreJobId": restore.id, "Metadata": restore.metadata})

    def put_restore_validation_result(self) -> EmptyResult:
        """PutRestoreValidationResult."""
        given = self._given()
        self.sandbox.put_validation(
            self._uri("restoreJobId"), given.get("ValidationStatus", ""), given.get("ValidationStatusMessage", "")
        )
        return EmptyResult()

    def list_restore_jobs(self) -> ActionResult:
        """ListRestoreJobs, newest first."""
        return self._page("RestoreJobs", self._restores())

    def list_restore_jobs_by_protected_resource(self) -> ActionResult:
        """ListRestoreJobsByProtectedResource."""
        arn = self._uri("resourceArn")
        return self._page("RestoreJobs", [row for row in self._restores() if row["SourceResourceArn"] == arn])

    def _restores(self) -> list[dict[str, Any]]:
        jobs = [self.sandbox.restore_job(job_id) for job_id in self.sandbox.restore_jobs]
        rows = [self._restore_job(job) for job in sorted(jobs, key=lambda job: job.created_at, reverse=True)]
        found = self._filtered(rows, status="Status", resourceType="ResourceType", accountId="AccountId")
        plan = self._query("restoreTestingPlanArn")
        return [row for row in found if plan is None or row.get("CreatedBy") == {"RestoreTestingPlanArn": plan}]

    def _restore_job(self, restore: RestoreJob) -> dict[str, Any]:
        point = restore.point
        failed = restore.fails_at is not None and restore.outcome
        row = {
            "AccountId": self.current_account,
            "RestoreJobId": restore.id,
            "RecoveryPointArn": point.arn,
            "SourceResourceArn": point.resource_arn,
            "BackupVaultArn": self.sandbox.arn_of("backup-vault", point.vault),
            "ResourceType": "RDS",
            "CreationDate": restore.created_at,
            "RecoveryPointCreationDate": point.created_at,
            "IamRoleArn": restore.role_arn,
            "CreatedResourceArn": restore.instance_arn or None,
            "BackupSizeInBytes": point.size_bytes,
            "Status": restore.outcome or "RUNNING",
            "PercentDone": "60.00%" if failed else "100.00%" if restore.outcome == "COMPLETED" else "0.00%",
            "CompletionDate": restore.ended_at,
            "StatusMessage": restore.message or None,
            "ValidationStatus": restore.validation or None,
            "ValidationStatusMessage": restore.validation_message or None,
            "DeletionStatus": restore.deletion or None,
            "DeletionStatusMessage": restore.deletion_message or None,
            "CreatedBy": {"RestoreTestingPlanArn": restore.testing_plan_arn} if restore.testing_plan_arn else None,
        }
        return known(row)
