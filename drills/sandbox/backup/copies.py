"""Copy jobs: a recovery point's data in another vault, of this region or another.

The copy is a snapshot `awsbackup:copyjob-…` in RDS of the destination's region, under the key of the destination vault
(AWS Backup developer guide, "Encryption for backups in AWS Backup").
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.backup.exceptions import InvalidParameterValueException, InvalidRequestException, ResourceNotFoundException

from drills.sandbox.backup.base import new_id, read_lifecycle, required
from drills.sandbox.backup.jobs import BackupJobs
from drills.sandbox.backup.models import FAILS_AT, FAULT, CopyJob, JobEnd, RecoveryPoint


@dataclass(frozen=True, slots=True)
class CopyOrder:
    """What is to be copied where, when and for whom."""

    point: RecoveryPoint
    vault_arn: str
    lifecycle: dict[str, int]
    role_arn: str
    at: datetime
    backup_job_id: str = ""


class BackupCopies(BackupJobs):
    """The copy jobs of one region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.copy_jobs: dict[str, CopyJob] = {}

    def start_copy_job(self, given: Mapping[str, Any]) -> CopyJob:
        """StartCopyJob."""
        required(given, "RecoveryPointArn", "SourceBackupVaultName", "DestinationBackupVaultArn", "IamRoleArn")
        earlier = self.once("StartCopyJob", given.get("IdempotencyToken"))
        if earlier is not None:
            return self.copy_job(earlier)
        point = self.point(given["RecoveryPointArn"], given["SourceBackupVaultName"])
        if point.status(self.now()) != "COMPLETED":
            raise InvalidRequestException(f"The recovery point {point.arn} is {point.status(self.now())}.")
        target = given["DestinationBackupVaultArn"]
        if target == self.vault(point.vault).backup_vault_arn:
            raise InvalidParameterValueException("The destination vault is the source vault.")
        if target not in (each.backup_vault_arn for each in self.elsewhere(target).vaults.values()):
            raise ResourceNotFoundException(f"Backup vault {target} not found")
        job = self.copy(
            CopyOrder(point, target, read_lifecycle(given.get("Lifecycle")), given["IamRoleArn"], self.now())
        )
        self.remember("StartCopyJob", given.get("IdempotencyToken"), job.id)
        return job

    def copy(self, order: CopyOrder) -> CopyJob:
        """Copy a point; what stands against it makes a FAILED job."""
        point = order.point
        job = CopyJob(
            new_id(), order.role_arn, point.resource_arn, point.resource_name, order.at, self.plane.delays.backup_job,
            order.lifecycle, started_at=order.at, size_bytes=point.size_bytes, created_by=point.created_by,
            source_arn=point.arn, source_vault_arn=self.arn_of("backup-vault", point.vault),
            destination_vault_arn=order.vault_arn, backup_job_id=order.backup_job_id,
        )  # fmt: skip
        self.copy_jobs[job.id] = job
        there = self.elsewhere(order.vault_arn)
        assert isinstance(there, BackupCopies)
        vault = there.vaults.get(order.vault_arn.rsplit(":", 1)[1])
        problem = vault.breach(order.lifecycle) if vault else f"Backup vault {order.vault_arn} not found"
        if problem or vault is None:
            job.end = JobEnd("FAILED", 0.0, problem)
        elif self.plane.faults.take("job-fails", service="backup", operation="StartCopyJob", name=point.resource_name):
            job.end = JobEnd("FAILED", FAILS_AT, FAULT)
        else:
            job.kms_key_id = vault.encryption_key_arn
            there.receive(job, point, vault.backup_vault_name, self.snapshot_of(point) if not point.database else None)
        return job

    def receive(self, job: CopyJob, source: RecoveryPoint, vault: str, snapshot: Any) -> None:
        """Take a copy into a vault of this region: its data now, or later together with those of its source."""
        job.point_arn = f"arn:aws:rds:{self.region_name}:{self.account_id}:snapshot:awsbackup:copyjob-{uuid.uuid4()}"
        point = RecoveryPoint(
            job.point_arn, vault, source.resource_arn, source.resource_name, job.role_arn, job.created_at,
            job.completed_at, job.lifecycle, job.kms_key_id, source.size_bytes, job.created_by,
            source_vault_arn=job.source_vault_arn, database=source.database, tags=dict(source.tags),
        )  # fmt: skip
        point.taken_at = source.taken_at or source.created_at
        self.add_point(point)
        if snapshot is not None:
            self.plane.share_snapshot(source.arn, point.arn)
            self.keep_snapshot(point, snapshot.database, max(0.0, (point.completed_at - self.now()).total_seconds()))

    def copy_what_is_due(self, until: datetime) -> None:
        """Start the copies of rules whose backup has completed."""
        due = [each for each in self.due_copies if each[0] <= until]
        self.due_copies = [each for each in self.due_copies if each[0] > until]
        for at, job, action in sorted(due, key=lambda each: each[0]):
            point = self.points.get(job.point_arn)
            if point is not None:
                lifecycle = read_lifecycle(action.get("Lifecycle"))
                self.copy(CopyOrder(point, action["DestinationBackupVaultArn"], lifecycle, job.role_arn, at, job.id))

    def copy_job(self, job_id: str) -> CopyJob:
        """The copy job, or the error that AWS gives for an unknown one."""
        if job_id not in self.copy_jobs:
            raise ResourceNotFoundException(f"Copy job {job_id} does not exist.")
        return self.copy_jobs[job_id]
