"""Answers about backup plans and their selections."""

from __future__ import annotations

from typing import Any

from moto.backup.exceptions import InvalidParameterValueException
from moto.core.responses import ActionResult, EmptyResult

from drills.sandbox.backup.answers.request import BackupRequest, without_none
from drills.sandbox.backup.plans import Plan, PlanVersion, Selection
from drills.sandbox.backup.service import BackupService
from drills.schedule.cron import next_firings

_MAX_PREVIEWS = 10


class PlanAnswers:
    """The operations on backup plans."""

    def __init__(self, request: BackupRequest, service: BackupService) -> None:
        self._request = request
        self._now = service.region.now()
        self._plans = service.plans

    def create_backup_plan(self) -> ActionResult:
        """CreateBackupPlan."""
        return self._created(self._plans.create(self._request.body()))

    def update_backup_plan(self) -> ActionResult:
        """UpdateBackupPlan."""
        return self._created(self._plans.update(self._request.path("backupPlanId"), self._request.body()))

    def _created(self, plan: Plan) -> ActionResult:
        row = self._row(plan, plan.version)
        keys = ("BackupPlanId", "BackupPlanArn", "CreationDate", "VersionId", "AdvancedBackupSettings")
        return ActionResult({key: row[key] for key in keys if key in row})

    def get_backup_plan(self) -> ActionResult:
        """GetBackupPlan, of a version or of the last one, with a preview of when it will run."""
        plan, version = self._plans.get_version(self._request.path("backupPlanId"), self._request.query("versionId"))
        row = self._row(plan, version) | {"BackupPlan": version.document}
        del row["BackupPlanName"]
        previews = int(self._request.query("MaxScheduledRunsPreview") or 0)
        if not 0 <= previews <= _MAX_PREVIEWS:
            raise InvalidParameterValueException(f"MaxScheduledRunsPreview must be 0 to {_MAX_PREVIEWS}.")
        if previews:
            row["ScheduledRunsPreview"] = self._preview(version, previews)
        return ActionResult(row)

    def _preview(self, version: PlanVersion, count: int) -> list[dict[str, Any]]:
        runs = [
            {"ExecutionTime": at, "RuleId": rule.document["RuleId"], "RuleExecutionType": "SNAPSHOTS"}
            for rule in version.rules
            for at in next_firings(rule.schedule, rule.zone, self._now, count)
        ]
        return sorted(runs, key=lambda run: run["ExecutionTime"])[:count]

    def delete_backup_plan(self) -> ActionResult:
        """DeleteBackupPlan."""
        plan = self._plans.delete(self._request.path("backupPlanId"))
        row = self._row(plan, plan.version)
        return ActionResult({key: row[key] for key in ("BackupPlanId", "BackupPlanArn", "DeletionDate", "VersionId")})

    def list_backup_plans(self) -> ActionResult:
        """ListBackupPlans."""
        deleted = (self._request.query("includeDeleted") or "").lower() == "true"
        plans = [plan for plan in self._plans if deleted or plan.deleted_at is None]
        return self._request.page("BackupPlansList", [self._row(plan, plan.version) for plan in plans])

    def list_backup_plan_versions(self) -> ActionResult:
        """ListBackupPlanVersions, newest first."""
        plan = self._plans.get(self._request.path("backupPlanId"))
        return self._request.page("BackupPlanVersionsList", [self._row(plan, each) for each in reversed(plan.versions)])

    def _row(self, plan: Plan, version: PlanVersion) -> dict[str, Any]:
        row = {
            "BackupPlanId": plan.backup_plan_id,
            "BackupPlanArn": plan.arn,
            "BackupPlanName": version.document["BackupPlanName"],
            "VersionId": version.id,
            "CreationDate": version.created_at,
            "DeletionDate": plan.deleted_at,
            "LastExecutionDate": plan.last_run,
            "CreatorRequestId": plan.creator_request_id,
            "AdvancedBackupSettings": version.document.get("AdvancedBackupSettings"),
        }
        return without_none(row)


class SelectionAnswers:
    """The operations on the selections of backup plans."""

    def __init__(self, request: BackupRequest, service: BackupService) -> None:
        self._request = request
        self._plans = service.plans

    def create_backup_selection(self) -> ActionResult:
        """CreateBackupSelection."""
        plan = self._request.path("backupPlanId")
        selection = self._plans.create_selection(plan, self._request.body())
        return ActionResult({"SelectionId": selection.id, "BackupPlanId": plan, "CreationDate": selection.created_at})

    def get_backup_selection(self) -> ActionResult:
        """GetBackupSelection."""
        selection = self._plans.get_selection(self._request.path("backupPlanId"), self._request.path("selectionId"))
        row = self._row(selection) | {"BackupSelection": selection.document}
        return ActionResult({key: row[key] for key in row if key not in ("SelectionName", "IamRoleArn")})

    def list_backup_selections(self) -> ActionResult:
        """ListBackupSelections."""
        plan = self._plans.get(self._request.path("backupPlanId"))
        return self._request.page("BackupSelectionsList", [self._row(each) for each in plan.selections.values()])

    def delete_backup_selection(self) -> EmptyResult:
        """DeleteBackupSelection."""
        self._plans.delete_selection(self._request.path("backupPlanId"), self._request.path("selectionId"))
        return EmptyResult()

    def _row(self, selection: Selection) -> dict[str, Any]:
        row = {
            "SelectionId": selection.id,
            "BackupPlanId": self._request.path("backupPlanId"),
            "SelectionName": selection.document["SelectionName"],
            "IamRoleArn": selection.document["IamRoleArn"],
            "CreationDate": selection.created_at,
            "CreatorRequestId": selection.creator_request_id,
        }
        return without_none(row)
