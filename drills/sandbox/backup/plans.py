"""Backup plans with their versions, rules and selections; when the rules fire is in backup_schedules.py."""

from __future__ import annotations

import json
import re
import secrets
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from moto.backup.exceptions import (
    AlreadyExistsException,
    InvalidParameterValueException,
    InvalidRequestException,
    ResourceNotFoundException,
)

from drills.sandbox.backup.base import read_lifecycle, required
from drills.sandbox.backup.jobs import read_windows
from drills.sandbox.backup.restores import BackupRestores
from drills.sandbox.backup.selections import read_selection
from drills.schedule.cron import CronSchedule, parse

DEFAULT_SCHEDULE = "cron(0 5 ? * * *)"
_NAME = re.compile(r"[a-zA-Z0-9._-]{1,50}")
_ABSENT = ("TargetLogicallyAirGappedBackupVaultArn", "IndexActions", "ScanActions")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a plan: what AWS shows of it, and when it fires."""

    shown: dict[str, Any]
    schedule: CronSchedule
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class PlanVersion:
    """One version of a plan. `shown` is the document as GetBackupPlan has it."""

    id: str
    created_at: datetime
    shown: dict[str, Any]
    rules: tuple[Rule, ...]
    asked: str


@dataclass
class Selection:
    """What a plan backs up."""

    id: str
    shown: dict[str, Any]
    created_at: datetime
    creator_request_id: str | None


@dataclass
class Plan:
    """A backup plan; its last version is the one in force."""

    backup_plan_id: str
    arn: str
    creator_request_id: str | None
    versions: list[PlanVersion]
    selections: dict[str, Selection] = field(default_factory=dict)
    deleted_at: datetime | None = None
    last_run: datetime | None = None

    @property
    def version(self) -> PlanVersion:
        """The version in force."""
        return self.versions[-1]


class BackupPlans(BackupRestores):
    """The backup plans of one region."""

    plans: dict[str, Plan]  # type: ignore[assignment]

    def make_plan(self, given: Mapping[str, Any]) -> Plan:
        """CreateBackupPlan; a CreatorRequestId that was used returns the plan that it made."""
        required(given, "BackupPlan")
        request = given.get("CreatorRequestId")
        made = self._read_plan(given["BackupPlan"])
        for plan in self.plans.values():
            if plan.deleted_at is None and request and plan.creator_request_id == request:
                return plan
            if plan.deleted_at is None and plan.version.asked == made.asked:
                raise AlreadyExistsException("Backup plan with the same plan document already exists")
        plan_id = str(uuid.uuid4())
        plan = Plan(plan_id, self.arn_of("backup-plan", plan_id), request, [made])
        self.plans[plan_id] = plan
        if given.get("BackupPlanTags"):
            self.tag_resource(plan.arn, given["BackupPlanTags"])
        return plan

    def update_plan(self, plan_id: str, given: Mapping[str, Any]) -> Plan:
        """UpdateBackupPlan: a new version, in force from now on."""
        required(given, "BackupPlan")
        plan = self.plan(plan_id)
        plan.versions.append(self._read_plan(given["BackupPlan"]))
        return plan

    def plan(self, plan_id: str) -> Plan:
        """The plan, or the error that AWS gives for an unknown or deleted one."""
        plan = self.plans.get(plan_id)
        if plan is None or plan.deleted_at is not None:
            raise ResourceNotFoundException("Failed reading Backup plan with provided version")
        return plan

    def plan_version(self, plan_id: str, version_id: str | None) -> tuple[Plan, PlanVersion]:
        """A plan and one of its versions, the last one for None."""
        plan = self.plan(plan_id)
        for version in plan.versions:
            if version_id in (None, version.id):
                return plan, version if version_id else plan.version
        raise ResourceNotFoundException("Failed reading Backup plan with provided version")

    def remove_plan(self, plan_id: str) -> Plan:
        """DeleteBackupPlan: "only … after all associated selections of resources have been deleted"."""
        plan = self.plan(plan_id)
        if plan.selections:
            raise InvalidRequestException(
                "Related backup plan selections must be deleted prior to backup plan deletion"
            )
        plan.deleted_at = self.now()
        self.tagger.delete_all_tags_for_resource(plan.arn)
        return plan

    def _read_plan(self, given: Mapping[str, Any]) -> PlanVersion:
        required(given, "BackupPlanName", "Rules")
        if not _NAME.fullmatch(given["BackupPlanName"]):
            raise InvalidParameterValueException(f"The backup plan's name {given['BackupPlanName']!r} is not valid.")
        if given.get("ScanSettings"):
            raise InvalidParameterValueException("ScanSettings are absent from this sandbox.")
        rules = tuple(self._read_rule(rule) for rule in given["Rules"])
        names = [rule.shown["RuleName"] for rule in rules]
        if len(set(names)) < len(names):
            raise InvalidParameterValueException(f"The names of a plan's rules must differ, found {', '.join(names)}.")
        shown = {"BackupPlanName": given["BackupPlanName"], "Rules": [rule.shown for rule in rules]}
        if given.get("AdvancedBackupSettings"):
            shown["AdvancedBackupSettings"] = given["AdvancedBackupSettings"]
        asked = json.dumps(given, sort_keys=True)
        return PlanVersion(secrets.token_urlsafe(36), self.now(), shown, rules, asked)

    def _read_rule(self, given: Mapping[str, Any]) -> Rule:
        """A rule with the service's defaults filled in (API reference, BackupRuleInput)."""
        required(given, "RuleName", "TargetBackupVaultName")
        name, vault = given["RuleName"], given["TargetBackupVaultName"]
        if not _NAME.fullmatch(name):
            raise InvalidParameterValueException(f"The rule's name {name!r} is not valid.")
        if vault not in self.vaults:
            raise InvalidParameterValueException(f"The backup vault {vault} of the rule {name} does not exist.")
        if given.get("EnableContinuousBackup"):
            raise InvalidParameterValueException(
                f"EnableContinuousBackup of the rule {name} is absent from this sandbox: it makes snapshots only."
            )
        for absent in _ABSENT:
            if given.get(absent):
                raise InvalidParameterValueException(f"{absent} of the rule {name} is absent from this sandbox.")
        schedule, zone = read_schedule(given.get("ScheduleExpression"), given.get("ScheduleExpressionTimezone"))
        start, complete = read_windows(given.get("StartWindowMinutes"), given.get("CompletionWindowMinutes"))
        shown: dict[str, Any] = {
            "RuleName": name,
            "RuleId": str(uuid.uuid4()),
            "TargetBackupVaultName": vault,
            "ScheduleExpression": schedule.text,
            "ScheduleExpressionTimezone": zone.key,
            "StartWindowMinutes": start,
            "CompletionWindowMinutes": complete,
            "EnableContinuousBackup": False,
        }
        if lifecycle := read_lifecycle(given.get("Lifecycle")):
            shown["Lifecycle"] = lifecycle
        if given.get("RecoveryPointTags"):
            shown["RecoveryPointTags"] = dict(given["RecoveryPointTags"])
        if given.get("CopyActions"):
            shown["CopyActions"] = [self._read_copy(action) for action in given["CopyActions"]]
        return Rule(shown, schedule, zone)

    def _read_copy(self, given: Mapping[str, Any]) -> dict[str, Any]:
        required(given, "DestinationBackupVaultArn")
        self.elsewhere(given["DestinationBackupVaultArn"])
        lifecycle = read_lifecycle(given.get("Lifecycle"))
        shown = {"DestinationBackupVaultArn": given["DestinationBackupVaultArn"]}
        return shown | ({"Lifecycle": lifecycle} if lifecycle else {})

    # -- selections ----------------------------------------------------------------------------------------------

    def make_selection(self, plan_id: str, given: Mapping[str, Any]) -> Selection:
        """CreateBackupSelection."""
        required(given, "BackupSelection")
        plan, request = self.plan(plan_id), given.get("CreatorRequestId")
        shown = read_selection(given["BackupSelection"])
        for each in plan.selections.values():
            if request and each.creator_request_id == request:
                return each
            if each.shown["SelectionName"] == shown["SelectionName"]:
                raise AlreadyExistsException(f"The selection {shown['SelectionName']} already exists in the plan.")
        made = Selection(str(uuid.uuid4()), shown, self.now(), request)
        plan.selections[made.id] = made
        return made

    def selection(self, plan_id: str, selection_id: str) -> Selection:
        """The selection, or the error that AWS gives for an unknown one."""
        found = self.plan(plan_id).selections.get(selection_id)
        if found is None:
            raise ResourceNotFoundException(f"Cannot find selection {selection_id} of the backup plan {plan_id}.")
        return found

    def remove_selection(self, plan_id: str, selection_id: str) -> None:
        """DeleteBackupSelection."""
        self.selection(plan_id, selection_id)
        del self.plan(plan_id).selections[selection_id]

    def plans_in_force(self) -> Iterator[Plan]:
        """The plans that are not deleted."""
        return (plan for plan in self.plans.values() if plan.deleted_at is None)


def read_schedule(expression: str | None, zone: str | None) -> tuple[CronSchedule, ZoneInfo]:
    """A schedule and its time zone; `rate()` is refused, as AWS Backup takes cron expressions only."""
    try:
        schedule = parse(expression or DEFAULT_SCHEDULE)
    except ValueError as error:
        raise InvalidParameterValueException(f"Invalid schedule expression: {error}") from error
    try:
        return schedule, ZoneInfo(zone or "Etc/UTC")
    except (KeyError, ValueError, OSError) as error:
        raise InvalidParameterValueException(f"Invalid time zone: {zone}") from error
