"""Restore jobs: a RestoreDBInstanceFromDBSnapshot with the metadata as its parameters, followed to its end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from moto.backup.exceptions import InvalidParameterValueException, InvalidRequestException, ResourceNotFoundException
from moto.core.exceptions import ServiceException
from moto.rds.exceptions import KMSKeyNotAccessibleFault

from drills.sandbox.backup.models import (
    FAILURE_MESSAGE,
    FAILURE_SHARE,
    VALIDATIONS,
    RecoveryPoint,
    RestoreJob,
    new_job_id,
)
from drills.sandbox.backup.points import Points
from drills.sandbox.backup.region import Region
from drills.sandbox.backup.validation import require_members
from drills.sandbox.rds import limits

KEY_MESSAGE = "The specified AWS KMS key ARN does not exist, is not enabled or you do not have permissions to access it"


class RestoreJobs:
    """The restore jobs of one region."""

    def __init__(self, region: Region, points: Points) -> None:
        self._region = region
        self._points = points
        self._jobs: dict[str, RestoreJob] = {}

    def __iter__(self) -> Iterator[RestoreJob]:
        """Iterate over the jobs in the order of their creation, each brought up to date with its instance."""
        return iter([self._update(job) for job in list(self._jobs.values())])

    def get(self, job_id: str) -> RestoreJob:
        """Return the restore job, brought up to date with its instance; ResourceNotFoundException."""
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
        """StartRestoreJob: whatever prevents the restore makes a FAILED job with RDS's reason."""
        require_members(request, "RecoveryPointArn", "Metadata", "IamRoleArn")
        earlier = self._region.tokens.find("StartRestoreJob", request)
        if earlier is not None:
            return self.get(earlier)
        if request.get("ResourceType") not in (None, "RDS"):
            raise InvalidParameterValueException(f"The recovery point is of RDS, not of {request['ResourceType']}.")
        point = self._points.get(request["RecoveryPointArn"])
        if point.status(self._region.now()) == "CREATING":
            raise InvalidRequestException(f"The recovery point {point.arn} is still being made.")
        job = self.start(point, dict(request["Metadata"]), request["IamRoleArn"])
        self._region.tokens.store("StartRestoreJob", request, job.id)
        return job

    def start(self, point: RecoveryPoint, metadata: dict[str, str], role: str) -> RestoreJob:
        """Start the restore of a point to the instance that the metadata name."""
        parameters = restore_parameters(metadata)
        name, now = parameters["db_instance_identifier"], self._region.now()
        job = RestoreJob(new_job_id(), point, name, role, now, metadata)
        self.add(job)
        plane = self._region.plane
        if plane.faults.take("job-fails", service="backup", operation="StartRestoreJob", name=point.resource_name):
            job.fails_at = now + timedelta(seconds=plane.delays.creating * FAILURE_SHARE)
            return job
        try:
            db = self._region.rds.restore_db_instance_from_db_snapshot(point.arn, parameters)
        except KMSKeyNotAccessibleFault:
            self._end(job, "FAILED", KEY_MESSAGE)
        except ServiceException as error:
            self._end(job, "FAILED", str(error.message))
        else:
            job.instance_arn = db.arn
        return job

    def _end(self, job: RestoreJob, outcome: str, message: str = "") -> None:
        job.outcome, job.message, job.ended_at = outcome, message, self._region.now()
        if outcome == "COMPLETED":
            job.point.last_restore = job.ended_at

    def _update(self, job: RestoreJob) -> RestoreJob:
        """End a running job whose instance has become available or has failed."""
        if job.outcome:
            return job
        if job.fails_at is not None:
            if job.fails_at <= self._region.now():
                self._end(job, "FAILED", FAILURE_MESSAGE)
            return job
        db = self._region.rds.databases.get(job.instance)
        if db is None or db.status.startswith(("failed", "incompatible", "deleting")):
            self._end(job, "FAILED", f"The instance {job.instance} did not become available.")
        elif db.status == "available":
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


_TEXT = {
    "DBInstanceIdentifier": "db_instance_identifier",
    "DBInstanceClass": "db_instance_class",
    "DBSubnetGroupName": "db_subnet_group_name",
    "DBParameterGroupName": "db_parameter_group_name",
    "OptionGroupName": "option_group_name",
    "AvailabilityZone": "availability_zone",
    "StorageType": "storage_type",
}
_NUMBER = {"AllocatedStorage": "allocated_storage", "Iops": "iops"}
_FLAG = {
    "MultiAZ": "multi_az",
    "PubliclyAccessible": "publicly_accessible",
    "AutoMinorVersionUpgrade": "auto_minor_version_upgrade",
    "CopyTagsToSnapshot": "copy_tags_to_snapshot",
    "DeletionProtection": "deletion_protection",
    "EnableIAMDatabaseAuthentication": "enable_iam_database_authentication",
}
_LIST = {
    "VpcSecurityGroupIds": "vpc_security_group_ids",
    "EnableCloudwatchLogsExports": "enable_cloudwatch_logs_exports",
}


def restore_parameters(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return restore metadata (strings; lists are JSON arrays; keys in any case) as the parameters of RDS's restore."""
    values = {key.lower(): value for key, value in metadata.items()}
    if not values.get("dbinstanceidentifier"):
        raise InvalidParameterValueException("Metadata must name the new instance with DBInstanceIdentifier.")
    parameters: dict[str, Any] = {}
    for names, read in _READERS:
        for name, parameter in names.items():
            if name.lower() in values:
                try:
                    parameters[parameter] = read(values[name.lower()])
                except ValueError as error:
                    raise InvalidParameterValueException(f"The metadata {name} cannot be read: {error}.") from error
    return parameters


def _read_port(text: str) -> int:
    if int(text) not in limits.PORTS:
        raise ValueError(f"expected a port from {limits.PORTS.start} to {limits.PORTS.stop - 1}, found {text}")
    return int(text)


def _read_flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"expected true or false, found {text!r}")
    return text.lower() == "true"


def _read_list(text: str) -> list[str]:
    found = json.loads(text)
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ValueError(f"expected a JSON array of texts, found {text!r}")
    return found


def _read_authority(text: str) -> str:
    if text not in limits.CERTIFICATES:
        raise ValueError(f"expected one of {', '.join(limits.CERTIFICATES)}, found {text!r}")
    return text


_READERS: tuple[tuple[Mapping[str, str], Callable[[str], Any]], ...] = (
    (_TEXT, str),
    (_NUMBER, int),
    ({"Port": "port"}, _read_port),
    ({"CACertificateIdentifier": "ca_certificate_identifier"}, _read_authority),
    (_FLAG, _read_flag),
    (_LIST, _read_list),
)
