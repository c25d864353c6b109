"""What the sandbox's ECS says of its services and tasks: moto's models, told truthfully.

Statuses are those of "Amazon ECS task lifecycle" in the ECS Developer Guide; the rest follows the ECS API reference
(Service, Deployment, Task, Container).
"""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from moto.ecs.models import Service, Task

if TYPE_CHECKING:
    from drills.sandbox.service.ecs import SandboxECS

_EVENTS_KEPT = 100  # as DescribeServices shows at most
_PENDING = ("PROVISIONING", "PENDING", "ACTIVATING")


@dataclass
class Rollout:
    """One deployment of a service: the tasks of one task definition that it is to have."""

    task_definition: str
    created_at: datetime
    updated_at: datetime
    id: str = field(default_factory=lambda: f"ecs-svc/{secrets.randbelow(10**19):019d}")
    failed: int = 0
    completed: bool = False


class SandboxTask(Task):
    """A task behind which there is a process."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ecs: SandboxECS = kwargs["backend"]
        definition = kwargs.get("task_definition") or args[1]
        self.definition = definition
        self.began = ecs.plane.clock.monotonic()
        self.created_at = ecs.plane.instant()
        self.started_at: datetime | None = None
        self.stopping_at: datetime | None = None
        self.stopped_at: datetime | None = None
        self.stop_code: str | None = None
        self.stopped_reason: str | None = None  # type: ignore[assignment]
        self.exit_code: int | None = None
        self.connectivity = "CONNECTED"
        self.health_status = "UNKNOWN"
        self.availability_zone = f"{ecs.region_name}a"
        self.cpu, self.memory = definition.cpu, definition.memory
        self.version = 0
        self._container_ids = [str(uuid.uuid4()) for _ in definition.container_definitions]
        self.move("PROVISIONING")

    @property
    def last_status(self) -> str:
        """Where the task is in its life."""
        return self._now

    @last_status.setter
    def last_status(self, value: str) -> None:
        self.move(value)

    def move(self, status: str) -> None:
        """Go on to the next status; the containers follow."""
        self._now = status
        self.version = getattr(self, "version", 0) + 1
        arn, region, account = self.task_arn, self.region_name, self._account_id
        containers: list[Any] = [
            {
                "containerArn": f"arn:aws:ecs:{region}:{account}:container/{self.cluster_name}/{self.id}/{each}",
                "taskArn": arn,
                "name": container.get("name"),
                "image": container.get("image"),
                "lastStatus": status
                if status in ("RUNNING", "STOPPED")
                else "PENDING"
                if not self.started_at
                else "RUNNING",
                "exitCode": self.exit_code if status == "STOPPED" else None,
                "networkInterfaces": self._interfaces(),
                "healthStatus": "UNKNOWN",
            }
            for each, container in zip(self._container_ids, self.definition.container_definitions, strict=True)
        ]
        self.containers = containers

    def _interfaces(self) -> list[dict[str, str]]:
        attachments: list[Any] = list(self.attachments)
        return [
            {"attachmentId": each["id"], "privateIpv4Address": detail(each, "privateIPv4Address")}
            for each in attachments
        ]

    @property
    def address(self) -> str:
        """What a load balancer calls it: the network interface's address, or this machine's without one."""
        interfaces = self._interfaces()
        return interfaces[0]["privateIpv4Address"] if interfaces else "127.0.0.1"

    @property
    def wanted(self) -> bool:
        """Whether it is meant to run."""
        return bool(self.desired_status == "RUNNING")


def detail(attachment: Any, name: str) -> str:
    """A detail of a network interface that is attached to a task."""
    return str({each["name"]: each["value"] for each in attachment["details"]}[name])


class SandboxService(Service):
    """A service whose counts are those of its tasks."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._ecs: SandboxECS = kwargs["backend"]
        super().__init__(*args, **kwargs)
        now = self._ecs.plane.instant()
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
        self.failures = 0
        self.not_before = 0.0
        self.steady = False

    def tasks(self) -> list[SandboxTask]:
        """Its tasks that have not stopped, oldest first."""
        return [each for each in self._ecs.tasks_of(self) if each.last_status != "STOPPED"]

    @property
    def primary(self) -> Rollout:
        """The deployment that the service is to have."""
        return self.rollouts[0]

    @property
    def running_count(self) -> int:
        """How many tasks run."""
        return sum(each.last_status == "RUNNING" for each in self.tasks())

    @running_count.setter
    def running_count(self, value: int) -> None:
        pass  # moto sets a number; the tasks decide

    @property
    def pending_count(self) -> int:
        """How many tasks are on their way."""
        return sum(each.last_status in _PENDING for each in self.tasks())

    @pending_count.setter
    def pending_count(self, value: int) -> None:
        pass

    @property
    def deployments(self) -> list[dict[str, Any]]:
        """The deployments as DescribeServices shows them, the primary one first."""
        return [self._shown(each) for each in self.rollouts]

    @deployments.setter
    def deployments(self, value: Any) -> None:
        pass

    def _shown(self, rollout: Rollout) -> dict[str, Any]:
        mine = [each for each in self.tasks() if each.started_by == rollout.id]
        primary = rollout is self.primary
        state = "COMPLETED" if rollout.completed else "IN_PROGRESS"
        return {
            "id": rollout.id,
            "status": "PRIMARY" if primary else "ACTIVE",
            "taskDefinition": rollout.task_definition,
            "desiredCount": self.desired_count if primary else 0,
            "pendingCount": sum(each.last_status in _PENDING for each in mine),
            "runningCount": sum(each.last_status == "RUNNING" for each in mine),
            "failedTasks": rollout.failed,
            "createdAt": rollout.created_at,
            "updatedAt": rollout.updated_at,
            "launchType": self.launch_type,
            "platformVersion": self.platform_version,
            "networkConfiguration": self.network,
            "rolloutState": state,
            "rolloutStateReason": f"ECS deployment {rollout.id} {state.lower().replace('_', ' ')}.",
        }

    def say(self, message: str) -> None:
        """Add an event, newest first as DescribeServices shows them."""
        text = f"(service {self.name}) {message}"
        event = {"id": str(uuid.uuid4()), "createdAt": self._ecs.plane.instant(), "message": text}
        self.events = [event, *self.events][:_EVENTS_KEPT]
