"""Restore jobs of AWS Backup, and the restore test that a run validated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from drills.model.instance import DatabaseKind

ValidationStatus = Literal["SUCCESSFUL", "FAILED", "TIMED_OUT"]
ENDED = ("COMPLETED", "ABORTED", "FAILED")
VALIDATED = ("SUCCESSFUL", "FAILED", "TIMED_OUT")  # VALIDATING is no result yet


@dataclass(frozen=True, slots=True)
class RestoreJob:
    """A restore job as DescribeRestoreJob shows it; "" and None are what it does not say.

    `plan_arn` is the restore testing plan that started it, "" for one that somebody started. `created_arn` is the instance
    that it made. `validation` is ValidationStatus, `deletion` DeletionStatus.
    """

    id: str
    status: str
    message: str = ""
    resource_type: str = ""
    source_arn: str = ""
    point_arn: str = ""
    vault_arn: str = ""
    created_arn: str = ""
    plan_arn: str = ""
    created_at: datetime | None = None
    completed_at: datetime | None = None
    point_created_at: datetime | None = None
    validation: str = ""
    validation_message: str = ""
    deletion: str = ""

    @property
    def kind(self) -> DatabaseKind:
        """Whether it restores an instance or an Aurora cluster."""
        return "cluster" if ":cluster:" in self.source_arn else "instance"

    @property
    def source(self) -> str:
        """The identifier of the instance or cluster that was backed up."""
        return database_of(self.source_arn)

    @property
    def instance(self) -> str:
        """The identifier of the instance or cluster that the job made, "" where it made none."""
        return database_of(self.created_arn)

    @property
    def vault(self) -> str:
        """The name of the vault that the recovery point lies in."""
        return self.vault_arn.rpartition(":")[2]

    @property
    def plan(self) -> str:
        """The name of the restore testing plan with the suffix that AWS gives its ARN, "" where there is none."""
        return self.plan_arn.rpartition(":")[2]

    @property
    def has_result(self) -> bool:
        """Whether a result of a validation was posted, or AWS Backup has ended the validation window."""
        return self.validation in VALIDATED


@dataclass(frozen=True, slots=True)
class RestoreTest:
    """The restore test of AWS Backup that a run validated, and the result that is posted once the evidence is sealed.

    `result` "": nothing is posted, since the copy could not be verified; `message` says why.
    """

    job_id: str
    plan: str
    instance: str
    point_arn: str
    created_at: datetime | None = None
    completed_at: datetime | None = None
    result: ValidationStatus | Literal[""] = ""
    message: str = ""


def database_of(arn: str) -> str:
    """Return the identifier in the ARN of an RDS instance or an Aurora cluster, "" for another ARN."""
    parts = arn.split(":")
    return parts[6] if len(parts) == 7 and parts[2] == "rds" and parts[5] in ("db", "cluster") else ""
