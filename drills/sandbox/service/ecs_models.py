"""Tasks and services of the sandbox's ECS: moto's models with statuses and counts that follow real processes.

Statuses are those of "Amazon ECS task lifecycle" in the ECS Developer Guide
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html); the rest follows the ECS
API reference (Service, Deployment, Task, Container).
"""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from moto.ecs.models import Cluster, Service, Task, TaskDefinition

from drills.sandbox.state import DataPlane

_MOST_EVENTS = 100  # DescribeServices shows at most so many
_PENDING = ("PROVISIONING", "PENDING", "ACTIVATING")


class ECSRegion(Protocol):
    """The part of a region's ECS backend that tasks, services and their scheduler use."""

    account_id: str
    region_name: str
    plane: DataPlane
    clusters: dict[str, Cluster]  # by name
    tasks: dict[str, dict[str, Task]]  # by cluster name and ARN
    services: dict[str, Service]  # by "cluster:service"

    def describe_task_definition(self, task_definition_str: str) -> TaskDefinition:
        """Return a task definition by family, `family:revision` or ARN."""


@dataclass
class Rollout:
    """One deployment of a service: its tasks share one task definition."""

    task_definition: str
    created_at: datetime
    updated_at: datetime
    id: str = field(default_factory=lambda: f"ecs-svc/{secrets.randbelow(10**19):019d}")
    failed: int = 0
    completed: bool = False


class SandboxTask(Task):
    """A task that a process stands behind."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        region: ECSRegion = kwargs["backend"]
        definition = kwargs.get("task_definition") or args[1]
        self.account_id = region.account_id
        self.definition = definition
        self.created_monotonic = region.plane.clock.monotonic()
        self.created_at = region.plane.instant()
        self.started_at: datetime | None = None
        self.stopping_at: datetime | None = None
        self.stopped_at: datetime | None = None
        self.stop_code: str | None = None
        self.stopped_reason: str | None = None  # type: ignore[assignment]
        self.exit_code: int | None = None
        self.connectivity = "CONNECTED"
        self.health_status = "UNKNOWN"
        self.availability_zone = f"{region.region_name}a"
        self.cpu, self.memory = definition.cpu, definition.memory
        self.version = 0
        self._container_ids = [str(uuid.uuid4()) for _ in definition.container_definitions]
        self.set_status("PROVISIONING")

    @property
    def last_status(self) -> str:
        """The task's present status."""
        return self._current_status

    @last_status.setter
    def last_status(self, value: str) -> None:
        self.set_status(value)

    def set_status(self, status: str) -> None:
        """Set the status of the task and of its containers."""
        self._current_status = status
        self.version = getattr(self, "version", 0) + 1
        arn, region, account = self.task_arn, self.region_name, self._account_id
        containers: list[Any] = [
            {
                "containerArn": f"arn:aws:ecs:{region}:{account}:container/{self.cluster_name}/{self.id}/{each}",
                "taskArn": arn,
                "name": container.get("name"),
                "image": container.get("image"),
                "lastStatus": self._container_status(),
                "exitCode": self.exit_code if status == "STOPPED" else None,
                "networkInterfaces": self._interfaces(),
                "healthStatus": "UNKNOWN",
            }
            for each, container in zip(self._container_ids, self.definition.container_definitions, strict=True)
        ]
        self.containers = containers

    def _container_status(self) -> str:
        if self._current_status in ("RUNNING", "STOPPED"):
            return self._current_status
        return "RUNNING" if self.started_at else "PENDING"

    def _interfaces(self) -> list[dict[str, str]]:
        attachments: list[Any] = list(self.attachments)
        return [
            {"attachmentId": each["id"], "privateIpv4Address": attachment_detail(each, "privateIPv4Address")}
            for each in attachments
        ]

    @property
    def address(self) -> str:
        """Its id as a target: the address of its network interface, or this machine's where it has none."""
        interfaces = self._interfaces()
        return interfaces[0]["privateIpv4Address"] if interfaces else "127.0.0.1"

    @property
    def should_run(self) -> bool:
        """Whether its desired status is RUNNING."""
        return bool(self.desired_status == "RUNNING")


def attachment_detail(attachment: Any, name: str) -> str:
    """Return one detail of a network interface that is attached to a task."""
    return str({each["name"]: each["value"] for each in attachment["details"]}[name])


class SandboxService(Service):
    """A service whose counts are those of its tasks."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._region: ECSRegion = kwargs["backend"]
        super().__init__(*args, **kwargs)
        now = self._region.plane.instant()
        self.network = kwargs.get("network_configuration")
        self.rollouts = [Rollout(str(self.task_definition), now, now)]
        self.created_at = now
        self.created_by = f"arn:aws:iam::{self._account_id}:root"
        self.deployment_configuration: dict[str, Any] = {"maximumPercent": 200, "minimumHealthyPercent": 100}
        self.placement_constraints: list[Any] = []
        self.placement_strategy: list[Any] = []
        self.availability_zone_rebalancing = "ENABLED"
        self.enable_ecs_managed_tags = False
        self.enable_execute_command = False
        self.health_check_grace_period_seconds = 0
        self.failures = 0  # in a row
        self.not_before = 0.0  # monotonic seconds: no task is started earlier
        self.steady = False

    @property
    def group(self) -> str:
        """The group of its tasks, as ListTasks and DescribeTasks show it."""
        return f"service:{self.name}"

    def tasks(self) -> list[SandboxTask]:
        """Return its tasks that have not stopped, oldest first."""
        of_cluster = self._region.tasks.get(self.cluster_name, {}).values()
        own = (each for each in of_cluster if isinstance(each, SandboxTask) and each.group == self.group)
        return [each for each in own if each.last_status != "STOPPED"]

    @property
    def primary(self) -> Rollout:
        """The newest deployment, whose tasks replace all others."""
        return self.rollouts[0]

    @property
    def running_count(self) -> int:
        """The number of running tasks."""
        return sum(each.last_status == "RUNNING" for each in self.tasks())

    @running_count.setter
    def running_count(self, value: int) -> None:
        pass  # moto sets a number; the tasks decide

    @property
    def pending_count(self) -> int:
        """The number of starting tasks."""
        return sum(each.last_status in _PENDING for each in self.tasks())

    @pending_count.setter
    def pending_count(self, value: int) -> None:
        pass

    @property
    def deployments(self) -> list[dict[str, Any]]:
        """The deployments as DescribeServices shows them, the primary one first."""
        return [self._describe(each) for each in self.rollouts]

    @deployments.setter
    def deployments(self, value: Any) -> None:
        pass

    def _describe(self, rollout: Rollout) -> dict[str, Any]:
        own = [each for each in self.tasks() if each.started_by == rollout.id]
        primary = rollout is self.primary
        state = "COMPLETED" if rollout.completed else "IN_PROGRESS"
        return {
            "id": rollout.id,
            "status": "PRIMARY" if primary else "ACTIVE",
            "taskDefinition": rollout.task_definition,
            "desiredCount": self.desired_count if primary else 0,
            "pendingCount": sum(each.last_status in _PENDING for each in own),
            "runningCount": sum(each.last_status == "RUNNING" for each in own),
            "failedTasks": rollout.failed,
            "createdAt": rollout.created_at,
            "updatedAt": rollout.updated_at,
            "launchType": self.launch_type,
            "platformVersion": self.platform_version,
            "networkConfiguration": self.network,
            "rolloutState": state,
            "rolloutStateReason": f"ECS deployment {rollout.id} {state.lower().replace('_', ' ')}.",
        }

    def add_event(self, message: str) -> None:
        """Add an event, newest first as DescribeServices shows them."""
        text = f"(service {self.name}) {message}"
        event = {"id": str(uuid.uuid4()), "createdAt": self._region.plane.instant(), "message": text}
        self.events = [event, *self.events][:_MOST_EVENTS]
