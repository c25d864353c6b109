"""Reads the restore jobs of AWS Backup, and posts the result of a validation. Source: its API reference, DescribeRestoreJob,
ListRestoreJobs, GetRestoreTestingPlan and PutRestoreValidationResult.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from drills.aws import read
from drills.aws.session import Clients
from drills.errors import ConfigError
from drills.model.restore_job import RestoreJob, ValidationStatus


def describe_job(clients: Clients, job_id: str) -> RestoreJob:
    """Return a restore job. ConfigError where there is none of that id in this account and region."""
    try:
        return read_job(clients.backup.describe_restore_job(RestoreJobId=job_id))
    except ClientError as error:
        if not read.is_not_found(error):
            raise
        raise ConfigError(
            f"expected the restore job {job_id} in account {clients.account}, region {clients.region}, found none: "
            "correct the id, or the target, whose restore table says where its restore tests run"
        ) from error


def jobs_of_plan(clients: Clients, plan: str, since: datetime) -> Iterator[RestoreJob]:
    """Yield the completed restore jobs of a restore testing plan that were created since then, oldest first."""
    arn = plan if plan.startswith("arn:") else _plan_arn(clients, plan)
    rows = read.pages(
        clients.backup,
        "list_restore_jobs",
        "RestoreJobs",
        ByRestoreTestingPlanArn=arn,
        ByStatus="COMPLETED",
        ByCreatedAfter=since,
    )
    yield from sorted(map(read_job, rows), key=lambda job: (job.created_at or since, job.id))


def post_result(clients: Clients, job_id: str, result: ValidationStatus, message: str) -> None:
    """Post the result; AWS Backup deletes what the job made."""
    clients.backup.put_restore_validation_result(
        RestoreJobId=job_id, ValidationStatus=result, ValidationStatusMessage=message
    )


def read_job(raw: dict[str, Any]) -> RestoreJob:
    """Return DescribeRestoreJob's answer, or a member of ListRestoreJobs', as a value."""
    return RestoreJob(
        id=raw["RestoreJobId"],
        status=raw.get("Status", ""),
        message=raw.get("StatusMessage", ""),
        resource_type=raw.get("ResourceType", ""),
        source_arn=raw.get("SourceResourceArn", ""),
        point_arn=raw.get("RecoveryPointArn", ""),
        vault_arn=raw.get("BackupVaultArn", ""),
        created_arn=raw.get("CreatedResourceArn", ""),
        plan_arn=(raw.get("CreatedBy") or {}).get("RestoreTestingPlanArn", ""),
        created_at=raw.get("CreationDate"),
        completed_at=raw.get("CompletionDate"),
        point_created_at=raw.get("RecoveryPointCreationDate"),
        validation=raw.get("ValidationStatus", ""),
        validation_message=raw.get("ValidationStatusMessage", ""),
        deletion=raw.get("DeletionStatus", ""),
    )


def _plan_arn(clients: Clients, name: str) -> str:
    try:
        plan = clients.backup.get_restore_testing_plan(RestoreTestingPlanName=name)["RestoreTestingPlan"]
    except ClientError as error:
        if not read.is_not_found(error):
            raise
        raise ConfigError(
            f'--plan: expected a restore testing plan in account {clients.account}, region {clients.region}, found no "{name}"'
        ) from error
    return str(plan["RestoreTestingPlanArn"])
