"""Answers about backup plans, their selections, and restore testing plans."""

from __future__ import annotations

from typing import Any

from moto.backup.exceptions import InvalidParameterValueException
from moto.core.responses import ActionResult, EmptyResult

from drills.sandbox.backup.answers import BackupAnswers, known
from drills.sandbox.backup.plans import Plan, PlanVersion, Selection
from drills.schedule.cron import next_firings

_MOST_PREVIEWS = 10


class PlanAnswers(BackupAnswers):
    """The operations on backup plans and selections."""

    def create_backup_plan(self) -> ActionResult:  # type: ignore[override]
        """CreateBackupPlan."""
        return self._made(self.sandbox.make_plan(self._given()))

    def update_backup_plan(self) -> ActionResult:
        """UpdateBackupPlan."""
        return self._made(self.sandbox.update_plan(self._uri("backupPlanId"), self._given()))

    def _made(self, plan: Plan) -> ActionResult:
        row = self._plan(plan, plan.version)
        keys = ("BackupPlanId", "BackupPlanArn", "CreationDate", "VersionId", "AdvancedBackupSettings")
        return ActionResult({key: row[key] for key in keys if key in row})

    def get_backup_plan(self) -> ActionResult:  # type: ignore[override]
        """GetBackupPlan, of a version or of the last one, with a preview of when it will run."""
        plan, version = self.sandbox.plan_version(self._uri("backupPlanId"), self._query("versionId"))
        row = self._plan(plan, version) | {"BackupPlan": version.shown}
        del row["BackupPlanName"]
        previews = int(self._query("MaxScheduledRunsPreview") or 0)
        if not 0 <= previews <= _MOST_PREVIEWS:
            raise InvalidParameterValueException(f"MaxScheduledRunsPreview must be 0 to {_MOST_PREVIEWS}.")
        if previews:
            row["ScheduledRunsPreview"] = self._preview(version, previews)
        return ActionResult(row)

    def _preview(self, version: PlanVersion, count: int) -> list[dict[str, Any]]:
        runs = [
            {"ExecutionTime": at, "RuleId": rule.shown["RuleId"], "RuleExecutionType": "SNAPSHOTS"}
            for rule in version.rules
            for at in next_firings(rule.schedule, rule.zone, self.sandbox.now(), count)
        ]
        return sorted(runs, key=lambda run: run["ExecutionTime"])[:count]

    def delete_backup_plan(self) -> ActionResult:  # type: ignore[override]
        """DeleteBackupPlan."""
        plan = self.sandbox.remove_plan(self._uri("backupPlanId"))
        row = self._plan(plan, plan.version)
        return ActionResult({key: row[key] for key in ("BackupPlanId", "BackupPlanArn", "DeletionDate", "VersionId")})

    def list_backup_plans(self) -> ActionResult:  # type: ignore[override]
        """ListBackupPlans."""
        deleted = (self._query("includeDeleted") or "").lower() == "true"
        plans = [plan for plan in self.sandbox.plans.values() if deleted or plan.deleted_at is None]
        return self._page("BackupPlansList", [self._plan(plan, plan.version) for plan in plans])

    def list_backup_plan_versions(self) -> ActionResult:
        """ListBackupPlanVersions, newest first."""
        plan = self.sandbox.plan(self._uri("backupPlanId"))
        return self._page("BackupPlanVersionsList", [self._plan(plan, each) for each in reversed(plan.versions)])

    def _plan(self, plan: Plan, version: PlanVersion) -> dict[str, Any]:
        row = {
            "BackupPlanId": plan.backup_plan_id,
            "BackupPlanArn": plan.arn,
            "BackupPlanName": version.shown["BackupPlanName"],
            "VersionId": version.id,
            "CreationDate": version.created_at,
            "DeletionDate": plan.deleted_at,
            "LastExecutionDate": plan.last_run,
            "CreatorRequestId": plan.creator_request_id,
            "AdvancedBackupSettings": version.shown.get("AdvancedBackupSettings"),
        }
        return known(row)

    # -- selections ----------------------------------------------------------------------------------------------

    def create_backup_selection(self) -> ActionResult:
        """CreateBackupSelection."""
        plan = self._uri("backupPlanId")
        made = self.sandbox.make_selection(plan, self._given())
        return ActionResult({"SelectionId": made.id, "BackupPlanId": plan, "CreationDate": made.created_at})

    def get_backup_selection(self) -> ActionResult:
        """GetBackupSelection."""
        selection = self.sandbox.selection(self._uri("backupPlanId"), self._uri("selectionId"))
        row = self._selection(selection) | {"BackupSelection": selection.shown}
        return ActionResult({key: row[key] for key in row if key not in ("SelectionName", "IamRoleArn")})

    def list_backup_selections(self) -> ActionResult:
        """ListBackupSelections."""
        plan = self.sandbox.plan(self._uri("backupPlanId"))
        return self._page("BackupSelectionsList", [self._selection(each) for each in plan.selections.values()])

    def delete_backup_selection(self) -> EmptyResult:
        """DeleteBackupSelection."""
        self.sandbox.remove_selection(self._uri("backupPlanId"), self._uri("selectionId"))
        return EmptyResult()

    def _selection(self, selection: Selection) -> dict[str, Any]:
        row = {
            "SelectionId": selection.id,
            "BackupPlanId": self._uri("backupPlanId"),
            "SelectionName": selection.shown["SelectionName"],
            "IamRoleArn": selection.shown["IamRoleArn"],
            "CreationDate": selection.created_at,
            "CreatorRequestId": selection.creator_request_id,
        }
        return known(row)
