"""Restore jobs: a restore by the resource's own service, with the metadata as its parameters, followed to its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from botocore import xform_name
from moto.backup.exceptions import InvalidParameterValueException, InvalidRequestException, ResourceNotFoundException
from moto.core.exceptions import JsonRESTError, ServiceException
from moto.rds.exceptions import KMSKeyNotAccessibleFault

from drills.sandbox.backup.air_gapped import AirGappedVaults
from drills.sandbox.backup.kinds.protected import EBS, FULLY_MANAGED, name_of
from drills.sandbox.backup.metadata import NAMES, restore_parameters
from drills.sandbox.backup.models import (
    FAILURE_MESSAGE,
    FAILURE_SHARE,
    VALIDATIONS,
    RecoveryPoint,
    RestoreJob,
    new_job_id,
)
from drills.sandbox.backup.points import as_tag_list
from drills.sandbox.backup.region import Region
from drills.sandbox.backup.validation import require_members

KEY_MESSAGE = "The specified AWS KMS key ARN does not exist, is not enabled or you do not have permissions to access it"


class RestoreJobs:
    """The restore jobs of one region."""

    def __init__(self, region: Region, air_gapped: AirGappedVaults) -> None:
        self._region = region
        self._air_gapped = air_gapped
        self._jobs: dict[str, RestoreJob] = {}

    def __iter__(self) -> Iterator[RestoreJob]:
        """Iterate over the jobs in the order of their creation, each brought up to date with what it restores."""
        return iter([self._update(job) for job in list(self._jobs.values())])

    def get(self, job_id: str) -> RestoreJob:
        """Return the restore job, brought up to date with what it restores; ResourceNotFoundException."""
        if job_id not in self._jobs:
            raise ResourceNotFoundException(f"Restore job {job_id} does not exist.")
        return self._update(self._jobs[job_id])

    def of_tests(self) -> list[RestoreJob]:
        """Return the jobs that restore tests started, as they were when somebody last asked for them."""
        return [job for job in self._jobs.values() if job.testing_plan_arn]

    def add(self, job: RestoreJob) -> None:
        """Record a restore job."""
        self._jobs[job.id] = job

    def start_on_demand(self, request: Mapping[str, Any]) -> RestoreJob:
        """StartRestoreJob: whatever prevents the restore makes a FAILED job with the service's reason."""
        require_members(request, "RecoveryPointArn", "Metadata", "IamRoleArn")
        earlier = self._region.tokens.find("StartRestoreJob", request)
        if earlier is not None:
            return self.get(earlier)
        _, point = self._air_gapped.point(request["RecoveryPointArn"])
        if request.get("ResourceType") not in (None, point.resource_type):
            raise InvalidParameterValueException(
                f"The recovery point is of {point.resource_type}, not of {request['ResourceType']}."
            )
        if point.status(self._region.now()) == "CREATING":
            raise InvalidRequestException(f"The recovery point {point.arn} is still being made.")
        copies_tags = bool(request.get("CopySourceTagsToRestoredResource"))
        job = self.start(point, dict(request["Metadata"]), request["IamRoleArn"], copies_tags=copies_tags)
        self._region.tokens.store("StartRestoreJob", request, job.id)
        return job

    def start(
        self, point: RecoveryPoint, metadata: dict[str, str], role: str, *, copies_tags: bool = False
    ) -> RestoreJob:
        """Start the restore of a point to what the metadata name; a cluster gets no instances.

        With `copies_tags` what is made of a resource that AWS Backup manages fully, or of a volume, has the tags of the point.
        """
        parameters = restore_parameters(point.resource_type, metadata)
        if copies_tags and point.resource_type in (*FULLY_MANAGED, EBS):
            parameters["tags"] = as_tag_list(point.tags)
        name, now = parameters[xform_name(NAMES[point.resource_type])], self._region.now()
        holder, _ = self._air_gapped.point(point.arn)
        vault_arn = holder.vaults.arn_of(point.vault)
        job = RestoreJob(new_job_id(), point, name, role, now, metadata, vault_arn=vault_arn)
        self.add(job)
        plane = self._region.plane
        if plane.faults.take("job-fails", service="backup", operation="StartRestoreJob", name=point.resource_name):
            job.fails_at = now + timedelta(seconds=plane.delays.creating * FAILURE_SHARE)
            return job
        try:
            created = self._region.resources.restore(point.arn, parameters)
        except KMSKeyNotAccessibleFault:
            self._end(job, "FAILED", KEY_MESSAGE)
        except (ServiceException, JsonRESTError) as error:
            self._end(job, "FAILED", str(error.message))
        else:
            job.created_arn, job.name = created, name_of(created)
        return job

    def _end(self, job: RestoreJob, outcome: str, message: str = "") -> None:
        job.outcome, job.message, job.ended_at = outcome, message, self._region.now()
        if outcome == "COMPLETED":
            job.point.last_restore = job.ended_at

    def _update(self, job: RestoreJob) -> RestoreJob:
        """End a running job whose copy has become available or has failed."""
        if job.outcome:
            return job
        if job.fails_at is not None:
            if job.fails_at <= self._region.now():
                self._end(job, "FAILED", FAILURE_MESSAGE)
            return job
        made = job.created_arn  # none where the restore was refused before anything was made
        state = self._region.resources.state(job.name, made) if made else "failed"
        if state == "failed":
            self._end(job, "FAILED", f"{job.name} did not become available.")
        elif state == "available":
            self._end(job, "COMPLETED")
        return job

    def put_validation(self, job_id: str, status: str, message: str) -> None:
        """PutRestoreValidationResult, of a restore that has completed."""
        job = self.get(job_id)
        if status not in VALIDATIONS:
            raise InvalidParameterValueException(f"ValidationStatus is one of {', '.join(VALIDATIONS)}, not {status}.")
        if job.outcome != "COMPLETED":
            raise InvalidRequestException(f"The restore job {job_id} is {job.outcome or 'RUNNING'}, not COMPLETED.")
        job.validation, job.validation_message = status, message
