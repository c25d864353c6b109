"""Reads the plans, selections, jobs and recovery points of a database, or of what else is backed up, from AWS Backup."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from botocore.exceptions import ClientError

from drills.aws.read import is_not_found, pages
from drills.aws.session import Clients
from drills.schedule.gaps import EndedJob, ExistingPoint
from drills.schedule.plans import LongestDurations, PlannedRules, rules_of
from drills.schedule.selections import SelectedBy, selected_by


class BackedUp(Protocol):
    """A source that AWS Backup knows by its ARN and its tags, such as an Instance."""

    @property
    def arn(self) -> str:
        """Its ARN."""

    @property
    def tags(self) -> tuple[tuple[str, str], ...]:
        """Its tags."""


@dataclass(frozen=True, slots=True)
class JobHistory:
    """The backup jobs of a source that ended, and the longest backup and copy among them.

    AWS Backup lists the jobs of the last 30 days (API reference, ListBackupJobs).
    """

    ended: tuple[EndedJob, ...]
    longest: LongestDurations


def planned_rules(
    clients: Clients, source: BackedUp, took: LongestDurations, *, continuous: bool = True
) -> PlannedRules:
    """Return the rules of every plan of the account and region that has a selection which means the source.

    `continuous` says whether AWS Backup backs such a source up continuously.
    """
    ids = dict.fromkeys(plan["BackupPlanId"] for plan, _, _ in selections(clients, source.arn, dict(source.tags)))
    documents = [(each, clients.backup.get_backup_plan(BackupPlanId=each)["BackupPlan"]) for each in ids]
    return rules_of(documents, took, continuous=continuous)


def selections(
    clients: Clients, arn: str, tags: Mapping[str, str]
) -> Iterator[tuple[dict[str, Any], dict[str, Any], SelectedBy]]:
    """Yield each selection that means a resource: its plan's row of ListBackupPlans, GetBackupSelection's answer, by what."""
    for plan in pages(clients.backup, "list_backup_plans", "BackupPlansList"):
        named = {"BackupPlanId": plan["BackupPlanId"]}
        for row in pages(clients.backup, "list_backup_selections", "BackupSelectionsList", **named):
            answer = clients.backup.get_backup_selection(SelectionId=row["SelectionId"], **named)
            if by := selected_by(answer["BackupSelection"], arn, tags):
                yield plan, answer, by


def job_history(clients: Clients, source: BackedUp) -> JobHistory:
    """Return the backup and copy jobs of the source. A backup's time counts from the job's creation, its waiting included."""
    backups = list(pages(clients.backup, "list_backup_jobs", "BackupJobs", ByResourceArn=source.arn))
    copies = list(pages(clients.backup, "list_copy_jobs", "CopyJobs", ByResourceArn=source.arn))
    ended = tuple(
        EndedJob(_utc(job["CreationDate"]), job.get("State", ""), job.get("StatusMessage", ""))
        for job in backups
        if job.get("CreationDate")
    )
    return JobHistory(ended, LongestDurations(_longest(backups), _longest(copies)))


def _longest(rows: list[dict[str, Any]]) -> timedelta | None:
    return max(
        (
            row["CompletionDate"] - row["CreationDate"]
            for row in rows
            if row.get("State") == "COMPLETED" and row.get("CompletionDate") and row.get("CreationDate")
        ),
        default=None,
    )


def existing_points(clients: Clients, source: BackedUp, vaults: tuple[str, ...]) -> tuple[ExistingPoint, ...]:
    """Return the completed recovery points of the source in these vaults; a plan made those whose `CreatedBy` names one."""
    found = []
    for vault in vaults:
        try:
            rows = list(
                pages(
                    clients.backup,
                    "list_recovery_points_by_backup_vault",
                    "RecoveryPoints",
                    BackupVaultName=vault,
                    ByResourceArn=source.arn,
                )
            )
        except ClientError as error:
            if is_not_found(error):
                continue  # a plan may name a vault that is gone; its runs are among the failed jobs
            raise
        found += [
            ExistingPoint(
                row["RecoveryPointArn"],
                _utc(row["CreationDate"]),
                _utc(row["CompletionDate"]),
                bool((row.get("CreatedBy") or {}).get("BackupPlanId")),
            )
            for row in rows
            if row.get("Status") == "COMPLETED" and row.get("CompletionDate") and row.get("CreationDate")
        ]
    return tuple(found)


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)
