"""Reads and answers ECS requests as moto does, with what moto drops."""

from __future__ import annotations

from typing import Any

from moto.ecs.responses import EC2ContainerServiceResponse

_KEPT = {
    "availabilityZoneRebalancing": "availability_zone_rebalancing",
    "deploymentConfiguration": "deployment_configuration",
    "placementConstraints": "placement_constraints",
    "placementStrategy": "placement_strategy",
    "enableECSManagedTags": "enable_ecs_managed_tags",
    "enableExecuteCommand": "enable_execute_command",
    "healthCheckGracePeriodSeconds": "health_check_grace_period_seconds",
}


class SandboxECSResponse(EC2ContainerServiceResponse):
    """Reads and answers requests as moto does, with what moto drops."""

    def create_service(self) -> Any:
        """CreateService, and what it says beyond moto's parameters."""
        return self._keep(super().create_service())

    def update_service(self) -> Any:
        """UpdateService, likewise; what is not given stays as it is."""
        return self._keep(super().update_service())

    def _keep(self, answer: Any) -> Any:
        service = answer.result["service"]
        for name, attribute in _KEPT.items():
            if (value := self._get_params().get(name)) is not None:
                setattr(service, attribute, value)
        return answer

    def describe_tasks(self) -> Any:
        """DescribeTasks: tasks that are not there are failures."""
        answer = super().describe_tasks()
        result: dict[str, Any] = answer.result  # type: ignore[assignment]
        there = {key for task in result["tasks"] for key in (task.id, task.task_arn)}
        missing = [each for each in self._get_param("tasks", []) if each not in there]
        result["failures"] = [{"arn": each, "reason": "MISSING"} for each in missing]
        return answer
