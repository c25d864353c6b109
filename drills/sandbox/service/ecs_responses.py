"""ECS responses: moto's, with the members of a service that moto ignores."""

from __future__ import annotations

from typing import Any

from moto.ecs.responses import EC2ContainerServiceResponse

_STORED = {
    "availabilityZoneRebalancing": "availability_zone_rebalancing",
    "deploymentConfiguration": "deployment_configuration",
    "placementConstraints": "placement_constraints",
    "placementStrategy": "placement_strategy",
    "enableECSManagedTags": "enable_ecs_managed_tags",
    "enableExecuteCommand": "enable_execute_command",
    "healthCheckGracePeriodSeconds": "health_check_grace_period_seconds",
}


class SandboxECSResponse(EC2ContainerServiceResponse):
    """Stores the parameters that moto ignores, and lists the tasks that are not found."""

    def create_service(self) -> Any:
        """CreateService, with the parameters that moto ignores."""
        return self._store(super().create_service())

    def update_service(self) -> Any:
        """UpdateService, likewise; a parameter that is not given does not change."""
        return self._store(super().update_service())

    def _store(self, answer: Any) -> Any:
        service = answer.result["service"]
        for name, attribute in _STORED.items():
            if (value := self._get_params().get(name)) is not None:
                setattr(service, attribute, value)
        return answer

    def describe_tasks(self) -> Any:
        """DescribeTasks: tasks that are not found are failures."""
        answer = super().describe_tasks()
        result: dict[str, Any] = answer.result  # type: ignore[assignment]
        found = {key for task in result["tasks"] for key in (task.id, task.task_arn)}
        missing = [each for each in self._get_param("tasks", []) if each not in found]
        result["failures"] = [{"arn": each, "reason": "MISSING"} for each in missing]
        return answer
