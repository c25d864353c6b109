"""Restore jobs: a RestoreDBInstanceFromDBSnapshot with the metadata as its parameters, followed to its end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from moto.backup.exceptions import InvalidParameterValueException, InvalidRequestException, ResourceNotFoundException
from moto.core.exceptions import ServiceException
from moto.rds.exceptions import KMSKeyNotAccessibleFault

from drills.sandbox.backup.base import new_id, required
from drills.sandbox.backup.copies import BackupCopies
from drills.sandbox.backup.models import FAILS_AT, FAULT, VALIDATIONS, RecoveryPoint, RestoreJob

KEY_MESSAGE = "The specified AWS KMS key ARN does not exist, is not enabled or you do not have permissions to access it"


class BackupRestores(BackupCopies):
    """The restore jobs of one region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.restore_jobs: dict[str, RestoreJob] = {}

    def start_restore_job(self, given: Mapping[str, Any]) -> RestoreJob:
        """StartRestoreJob: what stands against the restore makes a FAILED job with RDS's reason."""
        required(given, "RecoveryPointArn", "Metadata", "IamRoleArn")
        earlier = self.once("StartRestoreJob", given.get("IdempotencyToken"))
        if earlier is not None:
            return self.restore_job(earlier)
        if given.get("ResourceType") not in (None, "RDS"):
            raise InvalidParameterValueException(f"The recovery point is of RDS, not of {given['ResourceType']}.")
        point = self.point(given["RecoveryPointArn"])
        if point.status(self.now()) == "CREATING":
            raise InvalidRequestException(f"The recovery point {point.arn} is still being made.")
        restore = self.restore(point, dict(given["Metadata"]), given["IamRoleArn"])
        self.remember("StartRestoreJob", given.get("IdempotencyToken"), restore.id)
        return restore

    def restore(self, point: RecoveryPoint, metadata: dict[str, str], role: str) -> RestoreJob:
        """Restore a point now."""
        wanted = restore_parameters(metadata)
        name = wanted["db_instance_identifier"]
        restore = RestoreJob(new_id(), point, name, role, self.now(), metadata)
        self.restore_jobs[restore.id] = restore
        if self.plane.faults.take("job-fails", service="backup", operation="StartRestoreJob", name=point.resource_name):
            restore.fails_at = restore.created_at + timedelta(seconds=self.plane.delays.creating * FAILS_AT)
            return restore
        try:
            db = self.rds.restore_db_instance_from_db_snapshot(point.arn, wanted)
        except KMSKeyNotAccessibleFault:
            self._end(restore, "FAILED", KEY_MESSAGE)
        except ServiceException as error:
            self._end(restore, "FAILED", str(error.message))
        else:
            restore.instance_arn = db.arn
        return restore

    def _end(self, restore: RestoreJob, outcome: str, message: str = "") -> None:
        restore.outcome, restore.message, restore.ended_at = outcome, message, self.now()
        if outcome == "COMPLETED":
            restore.point.last_restore = restore.ended_at

    def restore_job(self, job_id: str) -> RestoreJob:
        """The restore job, brought up to date with its instance."""
        if job_id not in self.restore_jobs:
            raise ResourceNotFoundException(f"Restore job {job_id} does not exist.")
        restore = self.restore_jobs[job_id]
        if restore.outcome:
            return restore
        if restore.fails_at is not None:
            if restore.fails_at <= self.now():
                self._end(restore, "FAILED", FAULT)
            return restore
        db = self.rds.databases.get(restore.instance)
        if db is None or db.status.startswith(("failed", "incompatible", "deleting")):
            self._end(restore, "FAILED", f"The instance {restore.instance} did not become available.")
        elif db.status == "available":
            self._end(restore, "COMPLETED")
        return restore

    def put_validation(self, job_id: str, status: str, message: str) -> None:
        """PutRestoreValidationResult: of a restore that has completed."""
        restore = self.restore_job(job_id)
        if status not in VALIDATIONS:
            raise InvalidParameterValueException(f"ValidationStatus is one of {', '.join(VALIDATIONS)}, not {status}.")
        if restore.outcome != "COMPLETED":
            raise InvalidRequestException(f"The restore job {job_id} is {restore.outcome or 'RUNNING'}, not COMPLETED.")
        restore.validation, restore.validation_message = status, message


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
    """Restore metadata (strings; lists are JSON arrays; keys in any case) as the parameters of RDS's restore."""
    given = {key.lower(): value for key, value in metadata.items()}
    if not given.get("dbinstanceidentifier"):
        raise InvalidParameterValueException("Metadata must name the new instance with DBInstanceIdentifier.")
    wanted: dict[str, Any] = {}
    try:
        for names, read in (
            (_TEXT, str),
            (_NUMBER, int),
            (_FLAG, lambda text: text.lower() == "true"),
            (_LIST, json.loads),
        ):
            for name, parameter in names.items():
                if name.lower() in given:
                    wanted[parameter] = read(given[name.lower()])
    except ValueError as error:
        raise InvalidParameterValueException(f"Metadata cannot be read: {error}.") from error
    return wanted
