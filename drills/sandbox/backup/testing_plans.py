"""Restore testing plans and their selections (AWS Backup developer guide, "Restore testing")."""

from __future__ import annotations

import re
import secrets
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

from drills.sandbox.backup.kinds.protected import AURORA, RDS
from drills.sandbox.backup.region import Region
from drills.sandbox.backup.validation import read_schedule, require_members
from drills.schedule.cron import CronSchedule

LATEST = "LATEST_WITHIN_WINDOW"
_NAME = re.compile(r"[a-zA-Z0-9_]{1,50}")
_ALGORITHMS = (LATEST, "RANDOM_WITHIN_WINDOW")
_MAX_HOURS = 168


@dataclass
class TestingSelection:
    """A selection: the resources whose restores a restore testing plan tests."""

    document: dict[str, Any]
    created_at: datetime


@dataclass
class TestingPlan:
    """A restore testing plan. `points` is its RecoveryPointSelection, with the defaults filled in."""

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


class TestingPlans:
    """The restore testing plans of one region."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self._plans: dict[str, TestingPlan] = {}

    def __iter__(self) -> Iterator[TestingPlan]:
        """Iterate over the plans in the order of their creation."""
        return iter(list(self._plans.values()))

    def create(self, request: Mapping[str, Any]) -> TestingPlan:
        """CreateRestoreTestingPlan."""
        require_members(request, "RestoreTestingPlan")
        document = request["RestoreTestingPlan"]
        require_members(document, "RestoreTestingPlanName", "ScheduleExpression", "RecoveryPointSelection")
        name = document["RestoreTestingPlanName"]
        _check_name(name)
        if name in self._plans:
            raise AlreadyExistsException(f"The restore testing plan {name} already exists.")
        schedule, zone = read_schedule(document["ScheduleExpression"], document.get("ScheduleExpressionTimezone"))
        plan = TestingPlan(
            name,
            self._region.arn_of("restore-testing-plan", f"{name}-{secrets.token_hex(8)}"),
            self._region.now(),
            request.get("CreatorRequestId"),
            _read_points(document["RecoveryPointSelection"]),
            schedule,
            zone,
            _read_hours("StartWindowHours", document.get("StartWindowHours"), default=24, minimum=1),
        )
        self._plans[name] = plan
        self._region.tags.add(plan.arn, request.get("Tags"))
        return plan

    def update(self, name: str, request: Mapping[str, Any]) -> TestingPlan:
        """UpdateRestoreTestingPlan: members that are not given stay as they are."""
        plan, document = self.get(name), request.get("RestoreTestingPlan") or {}
        zone = document.get("ScheduleExpressionTimezone") or plan.zone.key
        plan.schedule, plan.zone = read_schedule(document.get("ScheduleExpression") or plan.schedule.text, zone)
        hours = document.get("StartWindowHours")
        plan.start_hours = _read_hours("StartWindowHours", hours, default=plan.start_hours, minimum=1)
        if document.get("RecoveryPointSelection"):
            plan.points = _read_points(plan.points | document["RecoveryPointSelection"])
        plan.updated_at = self._region.now()
        return plan

    def get(self, name: str) -> TestingPlan:
        """Return the plan; ResourceNotFoundException for an unknown one."""
        if name not in self._plans:
            raise ResourceNotFoundException(f"The restore testing plan {name} does not exist.")
        return self._plans[name]

    def delete(self, name: str) -> None:
        """DeleteRestoreTestingPlan: "only … if all associated restore testing selections are deleted first"."""
        if self.get(name).selections:
            raise InvalidRequestException(f"The restore testing plan {name} has selections; delete them first.")
        self._region.tags.remove_all(self._plans.pop(name).arn)

    # -- selections ----------------------------------------------------------------------------------------------

    def create_selection(self, plan_name: str, name: str, request: Mapping[str, Any]) -> TestingPlan:
        """CreateRestoreTestingSelection."""
        plan = self.get(plan_name)
        if name in plan.selections:
            raise AlreadyExistsException(f"The selection {name} already exists.")
        document = dict(request.get("RestoreTestingSelection") or {})
        plan.selections[name] = TestingSelection(_read_selection(name, document), self._region.now())
        return plan

    def update_selection(self, plan_name: str, name: str, request: Mapping[str, Any]) -> TestingPlan:
        """UpdateRestoreTestingSelection: members that are not given stay as they are."""
        plan, selection = self.get(plan_name), self.get_selection(plan_name, name)
        document = selection.document | dict(request.get("RestoreTestingSelection") or {})
        plan.selections[name] = TestingSelection(_read_selection(name, document), selection.created_at)
        return plan

    def get_selection(self, plan_name: str, name: str) -> TestingSelection:
        """Return the selection; ResourceNotFoundException for an unknown one."""
        found = self.get(plan_name).selections.get(name)
        if found is None:
            raise ResourceNotFoundException(f"The restore testing selection {name} does not exist.")
        return found

    def delete_selection(self, plan_name: str, name: str) -> None:
        """DeleteRestoreTestingSelection."""
        self.get_selection(plan_name, name)
        del self.get(plan_name).selections[name]


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidParameterValueException(f"The name {name!r} must be 1 to 50 letters, digits or _.")


def _read_selection(name: str, document: Mapping[str, Any]) -> dict[str, Any]:
    require_members(document, "IamRoleArn", "ProtectedResourceType")
    _check_name(name)
    if document["ProtectedResourceType"] not in (RDS, AURORA):
        raise InvalidParameterValueException(
            f"This sandbox tests restores of RDS and Aurora only, not of {document['ProtectedResourceType']}."
        )
    if not document.get("ProtectedResourceArns") and not document.get("ProtectedResourceConditions"):
        raise InvalidParameterValueException("Name ProtectedResourceArns or ProtectedResourceConditions.")
    hours = _read_hours("ValidationWindowHours", document.get("ValidationWindowHours"), default=0, minimum=0)
    return {**document, "ValidationWindowHours": hours, "RestoreTestingSelectionName": name}


def _read_hours(name: str, value: int | None, *, default: int, minimum: int) -> int:
    if value is not None and not minimum <= value <= _MAX_HOURS:
        raise InvalidParameterValueException(f"{name} must be {minimum} to {_MAX_HOURS}, not {value}.")
    return default if value is None else value


def _read_points(request: Mapping[str, Any]) -> dict[str, Any]:
    require_members(request, "Algorithm", "IncludeVaults", "RecoveryPointTypes")
    if request["Algorithm"] not in _ALGORITHMS:
        raise InvalidParameterValueException(f"Algorithm is one of {', '.join(_ALGORITHMS)}.")
    if "SNAPSHOT" not in request["RecoveryPointTypes"]:
        raise InvalidParameterValueException("This sandbox has recovery points of the type SNAPSHOT only.")
    days = request.get("SelectionWindowDays", 30)
    if not 1 <= days <= 365:
        raise InvalidParameterValueException(f"SelectionWindowDays must be 1 to 365, not {days}.")
    return {"ExcludeVaults": [], **request, "SelectionWindowDays": days}
