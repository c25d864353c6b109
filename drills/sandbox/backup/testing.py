"""Restore testing: plans that restore a recovery point on a schedule, wait for a verdict, and delete what was restored.

The rules are those of the AWS Backup developer guide, "Restore testing": an instance `awsbackup-restore-test-…` with
inferred metadata, gone when a validation result comes or the validation window ends. A test starts at once, not at a
random moment of its start window. A resource without a fitting point is left out in silence, as on AWS.
"""

from __future__ import annotations

import random
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from moto.backup.exceptions import (
    AlreadyExistsException,
    InvalidParameterValueException,
    InvalidRequestException,
    ResourceNotFoundException,
)
from moto.core.exceptions import ServiceException

from drills.sandbox.backup.base import new_id, required
from drills.sandbox.backup.models import RecoveryPoint, RestoreJob
from drills.sandbox.backup.plans import read_schedule
from drills.sandbox.backup.schedules import TEST, BackupSchedules
from drills.sandbox.backup.selections import selects
from drills.schedule.cron import CronSchedule

_NAME = re.compile(r"[a-zA-Z0-9_]{1,50}")
_ALGORITHMS = ("LATEST_WITHIN_WINDOW", "RANDOM_WITHIN_WINDOW")
_INFERRED = ("AllocatedStorage", "DBInstanceClass", "Engine", "EngineVersion", "LicenseModel", "Port", "StorageType")


@dataclass
class TestingSelection:
    """What a restore testing plan restores."""

    shown: dict[str, Any]
    created_at: datetime


@dataclass
class TestingPlan:
    """A restore testing plan."""

    name: str
    arn: str
    created_at: datetime
    creator_request_id: str | None
    points: dict[str, Any]
    schedule: CronSchedule
    zone: ZoneInfo
    start_hours: int
    updated_at: datetime | None = None
    last_run: datetime | None = None
    selections: dict[str, TestingSelection] = field(default_factory=dict)


class BackupTesting(BackupSchedules):
    """The restore testing plans of one region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.testing_plans: dict[str, TestingPlan] = {}
        self.tested_until = self.now()
        self.due_tests: list[tuple[datetime, TestingPlan, TestingSelection, RecoveryPoint]] = []

    def make_testing_plan(self, given: Mapping[str, Any]) -> TestingPlan:
        """CreateRestoreTestingPlan."""
        required(given, "RestoreTestingPlan")
        wanted = given["RestoreTestingPlan"]
        required(wanted, "RestoreTestingPlanName", "ScheduleExpression", "RecoveryPointSelection")
        name = wanted["RestoreTestingPlanName"]
        if not _NAME.fullmatch(name):
            raise InvalidParameterValueException(f"The name {name!r} must be 1 to 50 letters, digits or _.")
        if name in self.testing_plans:
            raise AlreadyExistsException(f"The restore testing plan {name} already exists.")
        schedule, zone = read_schedule(wanted["ScheduleExpression"], wanted.get("ScheduleExpressionTimezone"))
        arn = self.arn_of("restore-testing-plan", f"{name}-{secrets.token_hex(8)}")
        plan = TestingPlan(
            name, arn, self.now(), given.get("CreatorRequestId"), _read_points(wanted["RecoveryPointSelection"]),
            schedule, zone, _hours("StartWindowHours", wanted.get("StartWindowHours"), 24, 1),
        )  # fmt: skip
        self.testing_plans[name] = plan
        if given.get("Tags"):
            self.tag_resource(arn, given["Tags"])
        return plan

    def update_testing_plan(self, name: str, given: Mapping[str, Any]) -> TestingPlan:
        """UpdateRestoreTestingPlan: what is not given stays."""
        plan, wanted = self.testing_plan(name), given.get("RestoreTestingPlan") or {}
        zone = wanted.get("ScheduleExpressionTimezone") or plan.zone.key
        plan.schedule, plan.zone = read_schedule(wanted.get("ScheduleExpression") or plan.schedule.text, zone)
        plan.start_hours = _hours("StartWindowHours", wanted.get("StartWindowHours"), plan.start_hours, 1)
        if wanted.get("RecoveryPointSelection"):
            plan.points = _read_points(plan.points | wanted["RecoveryPointSelection"])
        plan.updated_at = self.now()
        return plan

    def testing_plan(self, name: str) -> TestingPlan:
        """The plan, or the error that AWS gives for an unknown one."""
        if name not in self.testing_plans:
            raise ResourceNotFoundException(f"The restore testing plan {name} does not exist.")
        return self.testing_plans[name]

    def remove_testing_plan(self, name: str) -> None:
        """DeleteRestoreTestingPlan: "only … if all associated restore testing selections are deleted first"."""
        if self.testing_plan(name).selections:
            raise InvalidRequestException(f"The restore testing plan {name} has selections; delete them first.")
        self.tagger.delete_all_tags_for_resource(self.testing_plans.pop(name).arn)

    # -- selections ----------------------------------------------------------------------------------------------

    def put_testing_selection(self, plan_name: str, name: str, given: Mapping[str, Any], *, new: bool) -> TestingPlan:
        """CreateRestoreTestingSelection and UpdateRestoreTestingSelection."""
        plan, wanted = self.testing_plan(plan_name), dict(given.get("RestoreTestingSelection") or {})
        if new and name in plan.selections:
            raise AlreadyExistsException(f"The selection {name} already exists.")
        if not new:
            wanted = self.testing_selection(plan_name, name).shown | wanted
        required(wanted, "IamRoleArn", "ProtectedResourceType")
        if not _NAME.fullmatch(name):
            raise InvalidParameterValueException(f"The name {name!r} must be 1 to 50 letters, digits or _.")
        if wanted["ProtectedResourceType"] != "RDS":
            raise InvalidParameterValueException(
                f"This sandbox tests restores of RDS only, not of {wanted['ProtectedResourceType']}."
            )
        arns, conditions = wanted.get("ProtectedResourceArns"), wanted.get("ProtectedResourceConditions")
        if not arns and not conditions:
            raise InvalidParameterValueException("Name ProtectedResourceArns or ProtectedResourceConditions.")
        wanted["ValidationWindowHours"] = _hours("ValidationWindowHours", wanted.get("ValidationWindowHours"), 0, 0)
        wanted["RestoreTestingSelectionName"] = name
        created = self.now() if new else plan.selections[name].created_at
        plan.selections[name] = TestingSelection(wanted, created)
        return plan

    def testing_selection(self, plan_name: str, name: str) -> TestingSelection:
        """The selection, or the error that AWS gives for an unknown one."""
        found = self.testing_plan(plan_name).selections.get(name)
        if found is None:
            raise ResourceNotFoundException(f"The restore testing selection {name} does not exist.")
        return found

    def inferred_metadata(self, vault: str, arn: str) -> dict[str, str]:
        """GetRestoreTestingInferredMetadata (developer guide, "Restore testing inferred metadata")."""
        known = self.restore_metadata(arn, vault)
        safe = {"DeletionProtection": "false", "MultiAZ": "false", "PubliclyAccessible": "false"}
        name = {"DBInstanceIdentifier": f"{TEST}-{secrets.token_hex(8)}"}
        return {key: known[key] for key in _INFERRED if key in known} | safe | name

    # -- tests ---------------------------------------------------------------------------------------------------

    def choose_tests(self, until: datetime) -> None:
        """Choose the points of every test that falls due up to `until`; before expired points are removed."""
        for plan in self.testing_plans.values():
            after = max(self.tested_until, plan.updated_at or plan.created_at)
            for at in plan.schedule.firings(plan.zone, after, until):
                plan.last_run = at
                for selection in plan.selections.values():
                    self.due_tests += [(at, plan, selection, point) for point in self._choose(plan, selection, at)]
        self.tested_until = until

    def _choose(self, plan: TestingPlan, selection: TestingSelection, at: datetime) -> Iterable[RecoveryPoint]:
        """One fitting point for each protected resource; conditions look at the tags of the newest one."""
        wanted, begin = plan.points, at - timedelta(days=plan.points["SelectionWindowDays"])
        held = {
            name for name, vault in self.vaults.items()
            if {"*", vault.backup_vault_arn} & set(wanted["IncludeVaults"])
            and vault.backup_vault_arn not in wanted["ExcludeVaults"]
        }  # fmt: skip
        by_resource: dict[str, list[RecoveryPoint]] = {}
        for point in self.points.values():
            kept = point.delete_at is None or point.delete_at > at
            if point.vault in held and kept and begin <= point.created_at and point.completed_at <= at:
                by_resource.setdefault(point.resource_arn, []).append(point)
        shown = selection.shown
        asked = {
            "Resources": shown.get("ProtectedResourceArns") or ["*"],
            "Conditions": shown.get("ProtectedResourceConditions"),
        }
        for arn, points in by_resource.items():
            newest = max(points, key=lambda each: each.created_at)
            if selects(asked, arn, newest.tags):
                yield newest if wanted["Algorithm"] == _ALGORITHMS[0] else random.choice(points)

    def in_tests(self) -> set[str]:
        """The points that chosen tests still need."""
        return {point.arn for *_, point in self.due_tests}

    def run_tests(self) -> None:
        """Restore what was chosen. A test whose validation window the clock has been wound past is only written down."""
        due, self.due_tests = self.due_tests, []
        for at, plan, selection, point in sorted(due, key=lambda test: test[0]):
            shown, window = selection.shown, timedelta(hours=selection.shown["ValidationWindowHours"])
            seconds = timedelta(seconds=self.plane.delays.creating)
            if self.horizon is not None and at + seconds + window <= self.horizon:
                restore = RestoreJob(new_id(), point, f"{TEST}-{secrets.token_hex(8)}", shown["IamRoleArn"], at, {})
                restore.instance_arn = f"arn:aws:rds:{self.region_name}:{self.account_id}:db:{restore.instance}"
                restore.outcome, restore.ended_at, restore.deletion = "COMPLETED", at + seconds, "SUCCESSFUL"
                restore.validation = "TIMED_OUT" if window else ""
                self.restore_jobs[restore.id] = restore
            else:
                overrides = {key.lower(): value for key, value in (shown.get("RestoreMetadataOverrides") or {}).items()}
                inferred = self.inferred_metadata(point.vault, point.arn)
                metadata = {key: value for key, value in inferred.items() if key.lower() not in overrides} | overrides
                restore = self.restore(point, metadata, shown["IamRoleArn"])
                restore.created_at = at
                self._tag(restore.instance)
            restore.testing_plan_arn, restore.delete_by = plan.arn, at + seconds + window

    def _tag(self, instance: str) -> None:
        db = self.rds.databases.get(instance)
        if db is not None:
            db.tags = [{"Key": TEST, "Value": ""}]

    def clean_up_tests(self) -> None:
        """Delete restored instances whose result has come or whose window has ended, and say how that went."""
        for job_id, restore in list(self.restore_jobs.items()):
            if not restore.testing_plan_arn or restore.deletion in ("SUCCESSFUL", "FAILED"):
                continue
            if restore.deletion == "DELETING":
                restore.deletion = "DELETING" if restore.instance in self.rds.databases else "SUCCESSFUL"
                continue
            self.restore_job(job_id)
            late = restore.delete_by is not None and restore.delete_by <= self.now()
            judged = restore.validation in ("SUCCESSFUL", "FAILED", "TIMED_OUT")
            if restore.outcome == "COMPLETED" and (late or judged):
                restore.validation = restore.validation if judged else "TIMED_OUT"
                self._delete_test(restore)

    def _delete_test(self, restore: RestoreJob) -> None:
        db = self.rds.databases.get(restore.instance)
        if db is not None and TEST not in {tag["Key"] for tag in db.tags}:
            restore.deletion, restore.deletion_message = "FAILED", f"The tag {TEST} is gone from the instance."
            return
        try:
            self.rds.delete_db_instance(restore.instance, skip_final_snapshot=True)
            restore.deletion = "DELETING"
        except ServiceException as error:
            restore.deletion, restore.deletion_message = "FAILED", str(error.message)


def _hours(name: str, value: int | None, default: int, least: int) -> int:
    if value is not None and not least <= value <= 168:
        raise InvalidParameterValueException(f"{name} must be {least} to 168, not {value}.")
    return default if value is None else value


def _read_points(given: Mapping[str, Any]) -> dict[str, Any]:
    required(given, "Algorithm", "IncludeVaults", "RecoveryPointTypes")
    if given["Algorithm"] not in _ALGORITHMS:
        raise InvalidParameterValueException(f"Algorithm is one of {', '.join(_ALGORITHMS)}.")
    if "SNAPSHOT" not in given["RecoveryPointTypes"]:
        raise InvalidParameterValueException("This sandbox has recovery points of the type SNAPSHOT only.")
    days = given.get("SelectionWindowDays", 30)
    if not 1 <= days <= 365:
        raise InvalidParameterValueException(f"SelectionWindowDays must be 1 to 365, not {days}.")
    return {"ExcludeVaults": [], **given, "SelectionWindowDays": days}
