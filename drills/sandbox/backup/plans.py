"""Backup plans with their versions, rules and selections; scheduler.py fires the rules."""

from __future__ import annotations

import json
import re
import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping
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

from drills.sandbox.backup.region import Region
from drills.sandbox.backup.selections import read_selection
from drills.sandbox.backup.validation import read_lifecycle, read_schedule, read_windows, require_members
from drills.sandbox.backup.vaults import Vaults
from drills.schedule.cron import CronSchedule

_NAME = re.compile(r"[a-zA-Z0-9._-]{1,50}")
_ABSENT = ("TargetLogicallyAirGappedBackupVaultArn", "IndexActions", "ScanActions")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a plan: its document as GetBackupPlan returns it, and when it fires."""

    document: dict[str, Any]
    schedule: CronSchedule
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class PlanVersion:
    """One version of a plan: its document as GetBackupPlan returns it, and the requested one as JSON text."""

    id: str
    created_at: datetime
    document: dict[str, Any]
    rules: tuple[Rule, ...]
    requested: str


@dataclass
class Selection:
    """A selection: the resources that a plan backs up."""

    id: str
    document: dict[str, Any]
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


class Plans:
    """The backup plans of one region.

    `check_destination` raises InvalidParameterValueException for an ARN that names no vault of this sandbox.
    """

    def __init__(self, region: Region, vaults: Vaults, check_destination: Callable[[str], object]) -> None:
        self._region = region
        self._vaults = vaults
        self._check_destination = check_destination
        self._plans: dict[str, Plan] = {}

    def __iter__(self) -> Iterator[Plan]:
        """Iterate over the plans, the deleted ones too, in the order of their creation."""
        return iter(list(self._plans.values()))

    def in_force(self) -> list[Plan]:
        """Return the plans that are not deleted."""
        return [plan for plan in self if plan.deleted_at is None]

    def create(self, request: Mapping[str, Any]) -> Plan:
        """CreateBackupPlan; a CreatorRequestId that was used returns the plan that it created."""
        require_members(request, "BackupPlan")
        request_id = request.get("CreatorRequestId")
        version = self._read_plan(request["BackupPlan"])
        for plan in self.in_force():
            if request_id and plan.creator_request_id == request_id:
                return plan
            if plan.version.requested == version.requested:
                raise AlreadyExistsException("Backup plan with the same plan document already exists")
        plan_id = str(uuid.uuid4())
        plan = Plan(plan_id, self._region.arn_of("backup-plan", plan_id), request_id, [version])
        self._plans[plan_id] = plan
        self._region.tags.add(plan.arn, request.get("BackupPlanTags"))
        return plan

    def update(self, plan_id: str, request: Mapping[str, Any]) -> Plan:
        """UpdateBackupPlan: a new version, in force from now on."""
        require_members(request, "BackupPlan")
        plan = self.get(plan_id)
        plan.versions.append(self._read_plan(request["BackupPlan"]))
        return plan

    def get(self, plan_id: str) -> Plan:
        """Return the plan; ResourceNotFoundException for an unknown or deleted one."""
        plan = self._plans.get(plan_id)
        if plan is None or plan.deleted_at is not None:
            raise ResourceNotFoundException("Failed reading Backup plan with provided version")
        return plan

    def get_version(self, plan_id: str, version_id: str | None) -> tuple[Plan, PlanVersion]:
        """Return a plan and one of its versions, the one in force for None."""
        plan = self.get(plan_id)
        for version in plan.versions:
            if version_id in (None, version.id):
                return plan, version if version_id else plan.version
        raise ResourceNotFoundException("Failed reading Backup plan with provided version")

    def delete(self, plan_id: str) -> Plan:
        """DeleteBackupPlan: "only … after all associated selections of resources have been deleted"."""
        plan = self.get(plan_id)
        if plan.selections:
            raise InvalidRequestException(
                "Related backup plan selections must be deleted prior to backup plan deletion"
            )
        plan.deleted_at = self._region.now()
        self._region.tags.remove_all(plan.arn)
        return plan

    # -- the document of a plan ----------------------------------------------------------------------------------

    def _read_plan(self, request: Mapping[str, Any]) -> PlanVersion:
        require_members(request, "BackupPlanName", "Rules")
        if not _NAME.fullmatch(request["BackupPlanName"]):
            raise InvalidParameterValueException(f"The backup plan's name {request['BackupPlanName']!r} is not valid.")
        if request.get("ScanSettings"):
            raise InvalidParameterValueException("ScanSettings are absent from this sandbox.")
        rules = tuple(self._read_rule(rule) for rule in request["Rules"])
        names = [rule.document["RuleName"] for rule in rules]
        if len(set(names)) < len(names):
            raise InvalidParameterValueException(f"The names of a plan's rules must differ, found {', '.join(names)}.")
        document = {"BackupPlanName": request["BackupPlanName"], "Rules": [rule.document for rule in rules]}
        if request.get("AdvancedBackupSettings"):
            document["AdvancedBackupSettings"] = request["AdvancedBackupSettings"]
        requested = json.dumps(request, sort_keys=True)
        return PlanVersion(secrets.token_urlsafe(36), self._region.now(), document, rules, requested)

    def _read_rule(self, request: Mapping[str, Any]) -> Rule:
        """Return a rule with the service's defaults filled in (API reference, BackupRuleInput)."""
        self._check_rule(request)
        schedule, zone = read_schedule(request.get("ScheduleExpression"), request.get("ScheduleExpressionTimezone"))
        start, complete = read_windows(request.get("StartWindowMinutes"), request.get("CompletionWindowMinutes"))
        document: dict[str, Any] = {
            "RuleName": request["RuleName"],
            "RuleId": str(uuid.uuid4()),
            "TargetBackupVaultName": request["TargetBackupVaultName"],
            "ScheduleExpression": schedule.text,
            "ScheduleExpressionTimezone": zone.key,
            "StartWindowMinutes": start,
            "CompletionWindowMinutes": complete,
            "EnableContinuousBackup": False,
        }
        if lifecycle := read_lifecycle(request.get("Lifecycle")):
            document["Lifecycle"] = lifecycle
        if request.get("RecoveryPointTags"):
            document["RecoveryPointTags"] = dict(request["RecoveryPointTags"])
        if request.get("CopyActions"):
            document["CopyActions"] = [self._read_copy(action) for action in request["CopyActions"]]
        return Rule(document, schedule, zone)

    def _check_rule(self, request: Mapping[str, Any]) -> None:
        """Raise AWS's error for a rule without its members, and one for what this sandbox does not have."""
        require_members(request, "RuleName", "TargetBackupVaultName")
        name, vault = request["RuleName"], request["TargetBackupVaultName"]
        if not _NAME.fullmatch(name):
            raise InvalidParameterValueException(f"The rule's name {name!r} is not valid.")
        if self._vaults.find(vault) is None:
            raise InvalidParameterValueException(f"The backup vault {vault} of the rule {name} does not exist.")
        if request.get("EnableContinuousBackup"):
            raise InvalidParameterValueException(
                f"EnableContinuousBackup of the rule {name} is absent from this sandbox: it makes snapshots only."
            )
        for absent in _ABSENT:
            if request.get(absent):
                raise InvalidParameterValueException(f"{absent} of the rule {name} is absent from this sandbox.")

    def _read_copy(self, request: Mapping[str, Any]) -> dict[str, Any]:
        require_members(request, "DestinationBackupVaultArn")
        self._check_destination(request["DestinationBackupVaultArn"])
        lifecycle = read_lifecycle(request.get("Lifecycle"))
        document = {"DestinationBackupVaultArn": request["DestinationBackupVaultArn"]}
        return document | ({"Lifecycle": lifecycle} if lifecycle else {})

    # -- selections ----------------------------------------------------------------------------------------------

    def create_selection(self, plan_id: str, request: Mapping[str, Any]) -> Selection:
        """CreateBackupSelection; a CreatorRequestId that was used returns the selection that it created."""
        require_members(request, "BackupSelection")
        plan, request_id = self.get(plan_id), request.get("CreatorRequestId")
        document = read_selection(request["BackupSelection"])
        for each in plan.selections.values():
            if request_id and each.creator_request_id == request_id:
                return each
            if each.document["SelectionName"] == document["SelectionName"]:
                raise AlreadyExistsException(f"The selection {document['SelectionName']} already exists in the plan.")
        selection = Selection(str(uuid.uuid4()), document, self._region.now(), request_id)
        plan.selections[selection.id] = selection
        return selection

    def get_selection(self, plan_id: str, selection_id: str) -> Selection:
        """Return the selection; ResourceNotFoundException for an unknown one."""
        found = self.get(plan_id).selections.get(selection_id)
        if found is None:
            raise ResourceNotFoundException(f"Cannot find selection {selection_id} of the backup plan {plan_id}.")
        return found

    def delete_selection(self, plan_id: str, selection_id: str) -> None:
        """DeleteBackupSelection."""
        self.get_selection(plan_id, selection_id)
        del self.get(plan_id).selections[selection_id]
