"""Copy jobs: a recovery point's data in another vault, of this account and region or of others.

The copy is a snapshot `awsbackup:copyjob-…` in RDS of the destination's region, under the key of the destination vault
(AWS Backup developer guide, "Encryption for backups in AWS Backup").
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.backup.exceptions import InvalidParameterValueException, InvalidRequestException, ResourceNotFoundException

from drills.policy_statements import parse_policy
from drills.sandbox.backup import air_gapped
from drills.sandbox.backup.kinds.protected import FULLY_MANAGED, Protected
from drills.sandbox.backup.models import (
    AIR_GAPPED,
    FAILURE_MESSAGE,
    FAILURE_SHARE,
    BackupJob,
    CopyJob,
    JobEnd,
    Progress,
    RecoveryPoint,
    Vault,
    new_job_id,
)
from drills.sandbox.backup.points import Points
from drills.sandbox.backup.region import Region
from drills.sandbox.backup.validation import read_lifecycle, require_members
from drills.sandbox.backup.vaults import Vaults
from drills.sandbox.rds.keys import Keys

_COPY = "backup:CopyIntoBackupVault"
_NOBODY = '{"Statement": []}'


@dataclass(frozen=True, slots=True)
class CopyRequest:
    """A point to copy, its destination, and the instant and the role of the copy."""

    point: RecoveryPoint
    vault_arn: str
    lifecycle: dict[str, int]
    role_arn: str
    at: datetime
    backup_job_id: str = ""


class CopyJobs:
    """The copy jobs of one region, and the copies that arrive in its vaults.

    `find_region` returns the copy jobs of the region of a vault's ARN; InvalidParameterValueException for an ARN that
    names no vault of this sandbox.
    """

    def __init__(self, region: Region, vaults: Vaults, points: Points, find_region: Callable[[str], CopyJobs]) -> None:
        self._region = region
        self._vaults = vaults
        self._points = points
        self._find_region = find_region
        self._jobs: dict[str, CopyJob] = {}

    def __iter__(self) -> Iterator[CopyJob]:
        """Iterate over the jobs in the order of their creation."""
        return iter(list(self._jobs.values()))

    def get(self, job_id: str) -> CopyJob:
        """Return the copy job; ResourceNotFoundException for an unknown id."""
        if job_id not in self._jobs:
            raise ResourceNotFoundException(f"Copy job {job_id} does not exist.")
        return self._jobs[job_id]

    def find_vault(self, arn: str) -> Vault | None:
        """Return the vault of this region with that ARN, None where there is none."""
        return next((vault for vault in self._vaults if vault.backup_vault_arn == arn), None)

    def start_on_demand(self, request: Mapping[str, Any]) -> CopyJob:
        """StartCopyJob."""
        require_members(request, "RecoveryPointArn", "SourceBackupVaultName", "DestinationBackupVaultArn", "IamRoleArn")
        earlier = self._region.tokens.find("StartCopyJob", request)
        if earlier is not None:
            return self.get(earlier)
        now = self._region.now()
        point = self._points.get(request["RecoveryPointArn"], request["SourceBackupVaultName"])
        if point.status(now) != "COMPLETED":
            raise InvalidRequestException(f"The recovery point {point.arn} is {point.status(now)}.")
        destination = request["DestinationBackupVaultArn"]
        if destination == self._vaults.get(point.vault).backup_vault_arn:
            raise InvalidParameterValueException("The destination vault is the source vault.")
        if self._find_region(destination).find_vault(destination) is None:
            raise ResourceNotFoundException(f"Backup vault {destination} not found")
        lifecycle = read_lifecycle(request.get("Lifecycle"))
        job = self._start(CopyRequest(point, destination, lifecycle, request["IamRoleArn"], self._region.now()))
        self._region.tokens.store("StartCopyJob", request, job.id)
        return job

    def start_by_rule(self, backup: BackupJob, action: Mapping[str, Any], at: datetime) -> None:
        """Copy the point of a backup job as its rule's copy action says; nothing where the point is gone."""
        point = self._points.find(backup.point_arn)
        if point is not None:
            destination, lifecycle = action["DestinationBackupVaultArn"], read_lifecycle(action.get("Lifecycle"))
            self._start(CopyRequest(point, destination, lifecycle, backup.role_arn, at, backup.id))

    def _start(self, request: CopyRequest) -> CopyJob:
        """Copy a point; whatever prevents it makes a FAILED job."""
        job = self._create(request)
        point, destination = request.point, self._find_region(request.vault_arn)
        vault = destination.find_vault(request.vault_arn)
        problem = f"Backup vault {request.vault_arn} not found"
        if vault is not None:
            problem = air_gapped.refusal_of(vault, point, Keys(self._region.account, self._region.name))
            problem = problem or _crossing_problem(self._region, point, destination._region, vault)
            problem = problem or vault.lock_violation(request.lifecycle) or ""
        if problem or vault is None:
            job.progress.end = JobEnd("FAILED", 0.0, problem)
        elif self._region.plane.faults.take(
            "job-fails", service="backup", operation="StartCopyJob", name=point.resource_name
        ):
            job.progress.end = JobEnd("FAILED", FAILURE_SHARE, FAILURE_MESSAGE)
        else:
            job.kms_key_id = vault.encryption_key_arn
            database = None if point.database else self._points.source_of(point)
            destination.receive(job, point, vault.backup_vault_name, database)
        return job

    def _create(self, request: CopyRequest) -> CopyJob:
        point = request.point
        job = CopyJob(
            new_job_id(),
            request.role_arn,
            point.resource_arn,
            point.resource_name,
            Progress(request.at, self._region.plane.delays.backup_job, started_at=request.at),
            request.lifecycle,
            point.arn,
            self._vaults.arn_of(point.vault),
            request.vault_arn,
            request.backup_job_id,
            created_by=point.created_by,
            size_bytes=point.size_bytes,
        )
        self._jobs[job.id] = job
        return job

    def receive(self, job: CopyJob, source: RecoveryPoint, vault: str, database: Protected | None) -> None:
        """Put the copy of a point into a vault of this region.

        With its `database`, the copy's resource, the copy has its data at once; with None, it gets them together with its
        source.
        """
        name, apart = f"awsbackup:copyjob-{uuid.uuid4()}", self._vaults.get(vault).vault_type == AIR_GAPPED
        region = self._region
        job.point_arn = region.point_arn_apart(name) if apart else region.point_arn(source.resource_arn, name)
        point = RecoveryPoint(
            job.point_arn,
            vault,
            source.resource_arn,
            source.resource_name,
            job.role_arn,
            job.created_at,
            job.completed_at,
            job.lifecycle,
            job.kms_key_id,
            source.size_bytes,
            job.created_by,
            source_vault_arn=job.source_vault_arn,
            taken_at=source.taken_at or source.created_at,
            database=source.database,
            tags=dict(source.tags),
        )
        self._points.add(point)
        if database is not None:
            self._region.resources.share(source.arn, point.arn)
            self._points.register(point, database)


def _crossing_problem(source: Region, point: RecoveryPoint, destination: Region, vault: Vault) -> str:
    """Return why a point cannot be copied into a vault of another account; "" where it can, or where the account is the same.

    All accounts of the sandbox are of one organization, in which copies between accounts are enabled. Sources: AWS Backup developer
    guide, "Creating backup copies across AWS accounts"
    (https://docs.aws.amazon.com/aws-backup/latest/devguide/create-cross-account-backup.html) and "Copy a backup"
    (https://docs.aws.amazon.com/aws-backup/latest/devguide/recov-point-create-a-copy.html); the sentence about the vault is that of
    https://repost.aws/knowledge-center/backup-resolve-access-denied-error, the others are the sandbox's own.
    """
    if destination.account == source.account:
        return ""
    if destination.name != source.name and point.resource_type in ("RDS", "Aurora"):
        return (
            f"A copy to another account and another region at once is not supported for {point.resource_type}: "
            f"copy to an account in {source.name}, or to {destination.name} in this account."
        )
    if not any(each.lets(source.account, _COPY) for each in parse_policy(vault.policy or _NOBODY)):
        return "Access Denied trying to call AWS Backup service"
    apart = vault.vault_type == AIR_GAPPED
    if apart and point.resource_type in FULLY_MANAGED:
        return ""  # "the source resource can be encrypted by a customer managed key or by an AWS managed key"
    if point.kms_key_id and not Keys(source.account, source.name).is_shared(point.kms_key_id, destination.account):
        return f"The key {point.kms_key_id} is managed by AWS, or its policy does not let account {destination.account} use it."
    if not apart and not Keys(destination.account, destination.name).is_customers(vault.encryption_key_arn):
        return f"The vault {vault.backup_vault_name} is encrypted with a key that AWS manages: it needs one of the customer's."
    return ""
