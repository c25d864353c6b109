"""Answers about restore testing plans and their selections."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from drills.sandbox.backup.answers import BackupAnswers, known
from drills.sandbox.backup.base import required
from drills.sandbox.backup.testing import TestingPlan, TestingSelection

_LISTED = ("CreationTime", "IamRoleArn", "ProtectedResourceType", "RestoreTestingPlanName")


class TestingAnswers(BackupAnswers):
    """The operations of restore testing."""

    def create_restore_testing_plan(self) -> ActionResult:
        """CreateRestoreTestingPlan."""
        return self._named(self.sandbox.make_testing_plan(self._given()))

    def update_restore_testing_plan(self) -> ActionResult:
        """UpdateRestoreTestingPlan."""
        plan = self.sandbox.update_testing_plan(self._uri("RestoreTestingPlanName"), self._given())
        return self._named(plan, UpdateTime=plan.updated_at)

    def get_restore_testing_plan(self) -> ActionResult:
        """GetRestoreTestingPlan."""
        plan = self.sandbox.testing_plan(self._uri("RestoreTestingPlanName"))
        row = self._testing_plan(plan) | known(
            {"RecoveryPointSelection": plan.points, "CreatorRequestId": plan.creator_request_id}
        )
        return ActionResult({"RestoreTestingPlan": row})

    def list_restore_testing_plans(self) -> ActionResult:
        """ListRestoreTestingPlans."""
        return self._page(
            "RestoreTestingPlans", [self._testing_plan(plan) for plan in self.sandbox.testing_plans.values()]
        )

    def delete_restore_testing_plan(self) -> EmptyResult:
        """DeleteRestoreTestingPlan."""
        self.sandbox.remove_testing_plan(self._uri("RestoreTestingPlanName"))
        return EmptyResult()

    def _named(self, plan: TestingPlan, **more: Any) -> ActionResult:
        row = {"CreationTime": plan.created_at, "RestoreTestingPlanArn": plan.arn, "RestoreTestingPlanName": plan.name}
        return ActionResult(row | more)

    def _testing_plan(self, plan: TestingPlan) -> dict[str, Any]:
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
        return known(row)

    # -- selections ----------------------------------------------------------------------------------------------

    def create_restore_testing_selection(self) -> ActionResult:
        """CreateRestoreTestingSelection."""
        given = self._given()
        required(given, "RestoreTestingSelection")
        required(given["RestoreTestingSelection"], "RestoreTestingSelectionName")
        return self._put(given["RestoreTestingSelection"]["RestoreTestingSelectionName"], given, new=True)

    def update_restore_testing_selection(self) -> ActionResult:
        """UpdateRestoreTestingSelection."""
        return self._put(self._uri("RestoreTestingSelectionName"), self._given(), new=False)

    def _put(self, name: str, given: dict[str, Any], *, new: bool) -> ActionResult:
        plan = self.sandbox.put_testing_selection(self._uri("RestoreTestingPlanName"), name, given, new=new)
        more = {} if new else {"UpdateTime": self.sandbox.now()}
        return self._named(plan, RestoreTestingSelectionName=name, **more)

    def get_restore_testing_selection(self) -> ActionResult:
        """GetRestoreTestingSelection."""
        plan, name = self._uri("RestoreTestingPlanName"), self._uri("RestoreTestingSelectionName")
        return ActionResult(
            {"RestoreTestingSelection": self._testing_selection(plan, self.sandbox.testing_selection(plan, name))}
        )

    def list_restore_testing_selections(self) -> ActionResult:
        """ListRestoreTestingSelections."""
        plan = self.sandbox.testing_plan(self._uri("RestoreTestingPlanName"))
        keys = (*_LISTED, "RestoreTestingSelectionName", "ValidationWindowHours")
        rows = [self._testing_selection(plan.name, each) for each in plan.selections.values()]
        return self._page("RestoreTestingSelections", [{key: row[key] for key in keys} for row in rows])

    def delete_restore_testing_selection(self) -> EmptyResult:
        """DeleteRestoreTestingSelection."""
        plan, name = self._uri("RestoreTestingPlanName"), self._uri("RestoreTestingSelectionName")
        self.sandbox.testing_selection(plan, name)
        del self.sandbox.testing_plan(plan).selections[name]
        return EmptyResult()

    def _testing_selection(self, plan: str, selection: TestingSelection) -> dict[str, Any]:
        return selection.shown | {"CreationTime": selection.created_at, "RestoreTestingPlanName": plan}

    def get_restore_testing_inferred_metadata(self) -> ActionResult:
        """GetRestoreTestingInferredMetadata."""
        vault, arn = self._query("BackupVaultName") or "", self._query("RecoveryPointArn") or ""
        required({"BackupVaultName": vault, "RecoveryPointArn": arn}, "BackupVaultName", "RecoveryPointArn")
        return ActionResult({"InferredMetadata": self.sandbox.inferred_metadata(vault, arn)})
