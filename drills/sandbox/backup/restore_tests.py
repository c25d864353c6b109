"""Restore tests: restore a recovery point on a schedule, wait for a validation result, and delete what was restored.

The rules are those of the AWS Backup developer guide, "Restore testing": an instance or a cluster `awsbackup-restore-test-…` with
inferred metadata, a cluster without an instance ("Restoring an Amazon Aurora cluster"), gone when a validation result comes or the
validation window ends. A test starts at once, not at a random moment of its start window. A resource without a fitting point is
left out without a message, as on AWS.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from moto.core.exceptions import ServiceException

from drills.sandbox.backup.kinds.protected import AURORA, EBS, EFS, RDS, S3
from drills.sandbox.backup.metadata import NAMES
from drills.sandbox.backup.models import RecoveryPoint, RestoreJob, new_job_id
from drills.sandbox.backup.points import Points
from drills.sandbox.backup.region import Region
from drills.sandbox.backup.restores import RestoreJobs
from drills.sandbox.backup.scheduler import TEST_PREFIX
from drills.sandbox.backup.testing_plans import LATEST, TestingPlan, TestingPlans, TestingSelection
from drills.sandbox.backup.vaults import Vaults
from drills.sandbox.rds.clusters.models import SandboxCluster
from drills.schedule.selections import selected_by

_OF_CLUSTER = ("DatabaseName", "Engine", "EngineMode", "EngineVersion", "Port")
_INFERRED = ("AllocatedStorage", "DBInstanceClass", "Engine", "EngineVersion", "LicenseModel", "Port", "StorageType")


@dataclass(frozen=True)
class DueTest:
    """A restore test that has fallen due, with the point that was chosen for it."""

    at: datetime
    plan: TestingPlan
    selection: TestingSelection
    point: RecoveryPoint


class RestoreTests:
    """The restore tests of one region."""

    def __init__(
        self, region: Region, vaults: Vaults, points: Points, restores: RestoreJobs, plans: TestingPlans
    ) -> None:
        self._region = region
        self._vaults = vaults
        self._points = points
        self._restores = restores
        self._plans = plans
        self._chosen_until = region.now()
        self._due: list[DueTest] = []

    def inferred_metadata(self, vault: str, arn: str) -> dict[str, str]:
        """GetRestoreTestingInferredMetadata (developer guide, "Restore testing inferred metadata")."""
        metadata = self._points.restore_metadata(arn, vault)
        kind = self._points.get(arn).resource_type
        if kind == EBS:  # there in a zone by chance
            return {"availabilityZone": metadata["availabilityZone"], "encrypted": "true"}
        if kind == EFS:
            made = {"newfilesystem": "true", "encrypted": "true", "kmskeyid": "alias/aws/elasticfilesystem"}
            return {"file-system-id": metadata["file-system-id"], "performancemode": "generalPurpose", **made}
        if kind == S3:
            raise NotImplementedError("The inferred metadata of an S3 bucket are absent from this sandbox.")
        safe = {"DeletionProtection": "false"}
        safe |= {"MultiAZ": "false", "PubliclyAccessible": "false"} if kind == RDS else {}
        name = {NAMES[kind]: f"{TEST_PREFIX}-{secrets.token_hex(8)}"}
        inferred = _INFERRED if kind == RDS else _OF_CLUSTER
        return {key: metadata[key] for key in inferred if key in metadata} | safe | name

    # -- which points are tested ---------------------------------------------------------------------------------

    def choose(self, until: datetime) -> None:
        """Choose the points of every test that falls due up to `until`; before expired points are removed."""
        for plan in self._plans:
            after = max(self._chosen_until, plan.updated_at or plan.created_at)
            for at in plan.schedule.firings(plan.zone, after, until):
                plan.last_run = at
                for selection in plan.selections.values():
                    points = self._choose_points(plan, selection, at)
                    self._due += [DueTest(at, plan, selection, point) for point in points]
        self._chosen_until = until

    def _choose_points(self, plan: TestingPlan, selection: TestingSelection, at: datetime) -> Iterator[RecoveryPoint]:
        """Yield one fitting point for each protected resource; conditions are held against the newest one's tags."""
        document = selection.document
        resources = {
            "Resources": document.get("ProtectedResourceArns") or ["*"],
            "Conditions": document.get("ProtectedResourceConditions"),
        }
        for arn, points in self._candidates(plan, at).items():
            newest = max(points, key=lambda each: each.created_at)
            if selected_by(resources, arn, newest.tags):
                yield newest if plan.points["Algorithm"] == LATEST else random.choice(points)

    def _candidates(self, plan: TestingPlan, at: datetime) -> dict[str, list[RecoveryPoint]]:
        """Return the points of instances in the plan's vaults and selection window, by the ARN of their resource."""
        begin = at - timedelta(days=plan.points["SelectionWindowDays"])
        vaults = {
            vault.backup_vault_name
            for vault in self._vaults
            if {"*", vault.backup_vault_arn} & set(plan.points["IncludeVaults"])
            and vault.backup_vault_arn not in plan.points["ExcludeVaults"]
        }
        found: dict[str, list[RecoveryPoint]] = {}
        for point in self._points:
            retained = point.delete_at is None or point.delete_at > at
            there = point.vault in vaults and point.resource_type in (RDS, AURORA)
            if there and retained and begin <= point.created_at and point.completed_at <= at:
                found.setdefault(point.resource_arn, []).append(point)
        return found

    def points_in_use(self) -> set[str]:
        """Return the ARNs of the points that chosen tests still need."""
        return {each.point.arn for each in self._due}

    # -- the tests themselves ------------------------------------------------------------------------------------

    def run(self) -> None:
        """Restore the chosen points. A test whose validation window the clock is moved past is only recorded.

        While the clock is being moved the others wait: points that were made on the way are complete only after it.
        """
        due, self._due = self._due, []
        restored_in = timedelta(seconds=self._region.plane.delays.creating)
        for test in sorted(due, key=lambda test: test.at):
            window = timedelta(hours=test.selection.document["ValidationWindowHours"])
            over_at, until = test.at + restored_in + window, self._region.forwarding_until
            past = until is not None and over_at <= until
            if until is not None and not past:
                self._due.append(test)
                continue
            job = self._record(test, test.at + restored_in, window) if past else self._restore(test)
            job.testing_plan_arn, job.delete_by = test.plan.arn, over_at

    def _record(self, test: DueTest, ended_at: datetime, window: timedelta) -> RestoreJob:
        """Record a test that has ended before the instant that the clock is moved forward to."""
        instance = f"{TEST_PREFIX}-{secrets.token_hex(8)}"
        job = RestoreJob(new_job_id(), test.point, instance, test.selection.document["IamRoleArn"], test.at, {})
        job.created_arn = f"{test.point.resource_arn.rpartition(':')[0]}:{instance}"
        job.outcome, job.ended_at, job.deletion = "COMPLETED", ended_at, "SUCCESSFUL"
        job.validation = "TIMED_OUT" if window else ""
        self._restores.add(job)
        return job

    def _restore(self, test: DueTest) -> RestoreJob:
        document, point = test.selection.document, test.point
        overrides = {key.lower(): value for key, value in (document.get("RestoreMetadataOverrides") or {}).items()}
        inferred = self.inferred_metadata(point.vault, point.arn)
        metadata = {key: value for key, value in inferred.items() if key.lower() not in overrides} | overrides
        job = self._restores.start(point, metadata, document["IamRoleArn"])
        job.created_at = test.at
        made = self._made(job)
        if made is not None:
            made.tags = [{"Key": TEST_PREFIX, "Value": ""}]
            made.created = test.at  # when the clock is moved forward, it stands before that still
            if isinstance(made, SandboxCluster):
                made.cluster_create_time = test.at
            else:
                made.instance_create_time = test.at
        return job

    def _made(self, job: RestoreJob) -> Any:
        """Return the instance or cluster that a job has made, None where it is gone."""
        of_cluster = job.point.resource_type == AURORA
        table: Mapping[str, Any] = self._region.rds.clusters if of_cluster else self._region.rds.databases
        return table.get(job.name)

    def clean_up(self) -> None:
        """Delete restored instances whose result has come or whose window has ended, and record how that went."""
        for job in self._restores.of_tests():
            if job.deletion in ("SUCCESSFUL", "FAILED"):
                continue
            if job.deletion == "DELETING":
                job.deletion = "SUCCESSFUL" if self._made(job) is None else "DELETING"
                continue
            self._restores.get(job.id)
            late = job.delete_by is not None and job.delete_by <= self._region.now()
            validated = job.validation in ("SUCCESSFUL", "FAILED", "TIMED_OUT")
            if job.outcome == "COMPLETED" and (late or validated):
                job.validation = job.validation if validated else "TIMED_OUT"
                self._delete(job)

    def _delete(self, job: RestoreJob) -> None:
        made, rds = self._made(job), self._region.rds
        if made is not None and TEST_PREFIX not in {tag["Key"] for tag in made.tags}:
            job.deletion, job.deletion_message = "FAILED", f"The tag {TEST_PREFIX} is gone from the instance."
            return
        try:
            if isinstance(made, SandboxCluster):
                rds.aurora.deletion.delete(job.name, None, skip_final_snapshot=True, delete_backups=True)
            else:
                rds.delete_db_instance(job.name, skip_final_snapshot=True)
            job.deletion = "DELETING"
        except ServiceException as error:
            job.deletion, job.deletion_message = "FAILED", str(error.message)
