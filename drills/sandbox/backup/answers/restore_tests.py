"""Answers about restore testing plans and their selections."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from drills.sandbox.backup.answers.request import BackupRequest, without_none
from drills.sandbox.backup.service import BackupService
from drills.sandbox.backup.testing_plans import TestingPlan, TestingSelection
from drills.sandbox.backup.validation import require_members

_LISTED = ("CreationTime", "IamRoleArn", "ProtectedResourceType", "RestoreTestingPlanName")


class RestoreTestAnswers:
    """The operations on restore testing plans and their selections."""

    def __init__(self, request: BackupRequest, service: BackupService) -> None:
        self._request = request
        self._now = service.region.now()
        self._plans = service.testing_plans
        self._tests = service.tests

    def create_restore_testing_plan(self) -> ActionResult:
        """CreateRestoreTestingPlan."""
        return self._names(self._plans.create(self._request.body()))

    def update_restore_testing_plan(self) -> ActionResult:
        """UpdateRestoreTestingPlan."""
        plan = self._plans.update(self._request.path("RestoreTestingPlanName"), self._request.body())
        return self._names(plan, UpdateTime=plan.updated_at)

    def get_restore_testing_plan(self) -> ActionResult:
        """GetRestoreTestingPlan."""
        plan = self._plans.get(self._request.path("RestoreTestingPlanName"))
        row = self._row(plan) | without_none(
            {"RecoveryPointSelection": plan.points, "CreatorRequestId": plan.creator_request_id}
        )
        return ActionResult({"RestoreTestingPlan": row})

    def list_restore_testing_plans(self) -> ActionResult:
        """ListRestoreTestingPlans."""
        return self._request.page("RestoreTestingPlans", [self._row(plan) for plan in self._plans])

    def delete_restore_testing_plan(self) -> EmptyResult:
        """DeleteRestoreTestingPlan."""
        self._plans.delete(self._request.path("RestoreTestingPlanName"))
        return EmptyResult()

    def _names(self, plan: TestingPlan, **members: Any) -> ActionResult:
        row = {"CreationTime": plan.created_at, "RestoreTestingPlanArn": plan.arn, "RestoreTestingPlanName": plan.name}
        return ActionResult(row | members)

    def _row(self, plan: TestingPlan) -> dict[str, Any]:
        row = {
            "RestoreTestingPlanName": plan.name,
            "RestoreTestingPlanArn": plan.arn,
            "ScheduleExpression": plan.schedule.text,
            "ScheduleExpressionTimezone": plan.zone.key,
            "StartWindowHours": plan.start_hours,
            "CreationTime": plan.created_at,
            "LastUpdateTime": plan.updated_at,
            "LastExecutionTime": plan.last_run,
        }
        return without_none(row)

    # -- selections ----------------------------------------------------------------------------------------------

    def create_restore_testing_selection(self) -> ActionResult:
        """CreateRestoreTestingSelection."""
        body = self._request.body()
        require_members(body, "RestoreTestingSelection")
        require_members(body["RestoreTestingSelection"], "RestoreTestingSelectionName")
        name = body["RestoreTestingSelection"]["RestoreTestingSelectionName"]
        plan = self._plans.create_selection(self._request.path("RestoreTestingPlanName"), name, body)
        return self._names(plan, RestoreTestingSelectionName=name)

    def update_restore_testing_selection(self) -> ActionResult:
        """UpdateRestoreTestingSelection."""
        plan_name, name = self._plan_and_name()
        plan = self._plans.update_selection(plan_name, name, self._request.body())
        return self._names(plan, RestoreTestingSelectionName=name, UpdateTime=self._now)

    def get_restore_testing_selection(self) -> ActionResult:
        """GetRestoreTestingSelection."""
        plan, name = self._plan_and_name()
        return ActionResult(
            {"RestoreTestingSelection": self._selection_row(plan, self._plans.get_selection(plan, name))}
        )

    def list_restore_testing_selections(self) -> ActionResult:
        """ListRestoreTestingSelections."""
        plan = self._plans.get(self._request.path("RestoreTestingPlanName"))
        keys = (*_LISTED, "RestoreTestingSelectionName", "ValidationWindowHours")
        rows = [self._selection_row(plan.name, each) for each in plan.selections.values()]
        return self._request.page("RestoreTestingSelections", [{key: row[key] for key in keys} for row in rows])

    def delete_restore_testing_selection(self) -> EmptyResult:
        """DeleteRestoreTestingSelection."""
        plan, name = self._plan_and_name()
        self._plans.delete_selection(plan, name)
        return EmptyResult()

    def _plan_and_name(self) -> tuple[str, str]:
        return self._request.path("RestoreTestingPlanName"), self._request.path("RestoreTestingSelectionName")

    def _selection_row(self, plan: str, selection: TestingSelection) -> dict[str, Any]:
        return selection.document | {"CreationTime": selection.created_at, "RestoreTestingPlanName": plan}

    def get_restore_testing_inferred_metadata(self) -> ActionResult:
        """GetRestoreTestingInferredMetadata."""
        vault, arn = self._request.query("BackupVaultName") or "", self._request.query("RecoveryPointArn") or ""
        require_members({"BackupVaultName": vault, "RecoveryPointArn": arn}, "BackupVaultName", "RecoveryPointArn")
        return ActionResult({"InferredMetadata": self._tests.inferred_metadata(vault, arn)})
