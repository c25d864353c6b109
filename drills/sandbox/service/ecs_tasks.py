"""The tasks of one region's ECS: creates, starts, finds and stops them, and removes them an hour after their end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.ec2.models import ec2_backends
from moto.ecs.exceptions import InvalidParameterException
from moto.ecs.models import Cluster

from drills.sandbox.service.ecs_models import ECSRegion, SandboxTask
from drills.sandbox.service.ecs_network import complete_network, remove_interfaces
from drills.sandbox.service.task_life import TaskHost, TaskLife, TaskLives, TaskObserver

_SHOWN_FOR = 3600.0  # seconds that a stopped task is shown, as on AWS (DescribeTasks)
_LAUNCH_TYPES = ("EC2", "FARGATE", "EXTERNAL")


class RegionTasks:
    """Creates and starts tasks over the ECS backend of one region. The data plane's lock is held in every call."""

    def __init__(self, region: ECSRegion, host: TaskHost, lives: TaskLives) -> None:
        self._region = region
        self._host = host
        self._lives = lives

    def create(self, cluster: Cluster, definition: str, count: int, given: Mapping[str, Any]) -> list[SandboxTask]:
        """Create `count` tasks in status PROVISIONING; `given` has further parameters of RunTask by moto's names."""
        launch_type = given.get("launch_type")
        if launch_type and launch_type not in _LAUNCH_TYPES:
            raise InvalidParameterException(f"launch type should be one of [{','.join(_LAUNCH_TYPES)}]")
        task_definition = self._region.describe_task_definition(definition)
        tasks = [
            SandboxTask(
                cluster=cluster,
                task_definition=task_definition,
                container_instance_arn=None,
                resource_requirements=None,
                backend=self._region,
                group=given.get("group") or f"family:{task_definition.family}",
                launch_type=launch_type or "EC2",
                overrides=given.get("overrides"),
                started_by=given.get("started_by") or "",
                tags=given.get("tags"),
                networking_configuration=complete_network(given.get("networking_configuration"), self._ec2()),
                platform_version=given.get("platform_version"),
            )
            for _ in range(count)
        ]
        self._region.tasks.setdefault(cluster.name, {}).update({each.task_arn: each for each in tasks})
        return tasks

    def start(self, task: SandboxTask, load_balancers: list[dict[str, str]], observer: TaskObserver) -> None:
        """Start a task's process in the background, as a target of these load balancers of its service."""
        self.forget_old()
        life = TaskLife(task, load_balancers, self._host, observer)
        self._lives.add(life)
        life.begin()

    def stop(self, task: SandboxTask, code: str, reason: str) -> None:
        """Begin to stop a task; `code` is a TaskStopCode."""
        self._lives.of(task.task_arn).begin_to_stop(reason, code)

    def find(self, cluster: Cluster, name: str) -> SandboxTask | None:
        """Return a task by its id or ARN, None where the cluster has none of that name."""
        tasks = self._region.tasks.get(cluster.name, {}).values()
        return next(
            (each for each in tasks if isinstance(each, SandboxTask) and name in (each.id, each.task_arn)), None
        )

    def forget_old(self) -> None:
        """Remove the tasks that stopped more than an hour ago."""
        now = self._region.plane.instant()
        for tasks in self._region.tasks.values():
            for arn, task in list(tasks.items()):
                stopped = task.stopped_at if isinstance(task, SandboxTask) else None
                if stopped and (now - stopped).total_seconds() > _SHOWN_FOR:
                    del tasks[arn]
                    self._lives.remove(arn)

    def remove_network(self, task: SandboxTask) -> None:
        """Delete the network interfaces of a task that has stopped."""
        remove_interfaces(task, self._ec2())

    def _ec2(self) -> Any:
        return ec2_backends[self._region.account_id][self._region.region_name]
