"""The ECS of one region: moto's backend with a real process behind every task.

A service's desired count starts and stops processes of the sandbox's web application, whatever image the task definition
names and whatever the launch type: this machine is the capacity. Facts follow the ECS API reference
(https://docs.aws.amazon.com/AmazonECS/latest/APIReference/).
"""

from __future__ import annotations

from typing import Any

import moto.ecs.models
import moto.ecs.urls
from moto.ec2.models import ec2_backends
from moto.ecs.exceptions import (
    ClusterNotFoundException,
    ECSException,
    InvalidParameterException,
    ServiceNotFoundException,
)
from moto.ecs.models import Cluster, EC2ContainerServiceBackend, Service, Task, ecs_backends
from moto.elbv2.models import elbv2_backends

from drills.sandbox.base.moto_backends import install_backend
from drills.sandbox.base.url_table import UrlTable
from drills.sandbox.service.ecs_models import Rollout, SandboxService, SandboxTask
from drills.sandbox.service.ecs_network import complete_network
from drills.sandbox.service.ecs_responses import SandboxECSResponse
from drills.sandbox.service.ecs_schedule import ServiceScheduler
from drills.sandbox.service.ecs_tasks import RegionTasks
from drills.sandbox.service.task_life import TaskHost, TaskLives

_URLS = UrlTable(moto.ecs.urls.url_bases, {"{0}/$": SandboxECSResponse.dispatch})


class SandboxECS(EC2ContainerServiceBackend):
    """The entry points that moto calls; RegionTasks and ServiceScheduler do the work."""

    def __init__(self, region_name: str, account_id: str, *, host: TaskHost, lives: TaskLives) -> None:
        super().__init__(region_name, account_id)
        self.plane = host.plane
        self._task_control = RegionTasks(self, host, lives)
        self._scheduler = ServiceScheduler(self, self._task_control, host.targets)

    @property
    def _url_module(self) -> Any:
        return _URLS

    # -- tasks ---------------------------------------------------------------------------------------------------

    def run_task(self, cluster_str: str, task_definition_str: str, count: int, *more: Any, **rest: Any) -> list[Task]:
        """RunTask: a process for each task, with any launch type."""
        names = ("overrides", "started_by", "tags", "launch_type", "networking_configuration", "group")
        given = dict(zip((*names, "platform_version", "capacity_provider_strategy"), more, strict=False)) | rest
        tasks = self._task_control.create(self._active_cluster(cluster_str), task_definition_str, count, given)
        for task in tasks:
            self._task_control.start(task, [], self._scheduler)
        return list(tasks)

    def start_task(self, *more: Any, **rest: Any) -> list[Task]:
        """StartTask: as RunTask, on the container instances that are named."""
        tasks = super().start_task(*more, **rest)
        for task in tasks:
            assert isinstance(task, SandboxTask)
            self._task_control.start(task, [], self._scheduler)
        return tasks

    def _active_cluster(self, name: str) -> Cluster:
        cluster = self._get_cluster(name)
        if cluster.status != "ACTIVE":
            raise ClusterNotFoundException
        return cluster

    def stop_task(self, cluster_str: str, task_str: str, reason: str) -> Task:
        """StopTask; a service then starts another one."""
        found = self._task_control.find(self._get_cluster(cluster_str), task_str)
        if found is None:
            raise InvalidParameterException("The referenced task was not found.")
        self._task_control.stop(found, "UserInitiated", reason or "Task stopped by user")
        service = self._scheduler.service_of(found)
        if service is not None:
            self._scheduler.reconcile(service)
        return found

    def describe_tasks(self, cluster_str: str, tasks: list[str]) -> list[Task]:
        """DescribeTasks; the response lists those that are not found."""
        cluster = self._get_cluster(cluster_str)
        if not tasks:
            raise InvalidParameterException("Tasks cannot be empty.")
        return [found for each in tasks if (found := self._task_control.find(cluster, each))]

    def list_tasks(
        self,
        cluster_str: str | None = None,
        container_instance: str | None = None,
        family: str | None = None,
        started_by: str | None = None,
        service_name: str | None = None,
        desiredStatus: str | None = None,
    ) -> list[Task]:
        """ListTasks; those with desired status RUNNING unless `desiredStatus` names another, as on AWS."""
        self._task_control.forget_old()
        cluster = self._get_cluster(cluster_str or "default")
        group = f"service:{self._get_service(cluster.name, service_name).name}" if service_name else None
        status = "RUNNING" if desiredStatus == "PENDING" else desiredStatus or "RUNNING"
        return [
            task
            for task in self.tasks.get(cluster.name, {}).values()
            if task.desired_status == status
            and group in (None, task.group)
            and started_by in (None, task.started_by)
            and family in (None, task.task_definition_arn.split("/")[-1].split(":")[0])
            and (container_instance is None or container_instance in (task.container_instance_arn or ""))
        ]

    # -- services ------------------------------------------------------------------------------------------------

    def create_service(self, cluster_str: str, service_name: str, *more: Any, **rest: Any) -> Service:
        """CreateService: its tasks are started at once."""
        cluster = self._active_cluster(cluster_str)
        existing = self.services.get(f"{cluster.name}:{service_name}")
        if existing is not None and existing.status == "ACTIVE":
            raise InvalidParameterException("Creation of service was not idempotent.")
        if existing is not None and existing.status == "DRAINING":
            raise InvalidParameterException("Unable to Start a service that is still Draining.")
        names = ("desired_count", "task_definition_str", "load_balancers")
        given = dict(zip(names, more, strict=False))
        rest["network_configuration"] = self._complete_network(rest.get("network_configuration"))
        controller = (rest.get("deployment_controller") or (more[5:6] or [None])[0] or {}).get("type", "ECS")
        if not given.get("task_definition_str") and controller == "ECS":
            raise InvalidParameterException("TaskDefinition can not be blank.")
        self._check_network(given.get("task_definition_str"), rest["network_configuration"])
        self._check_load_balancers(given.get("load_balancers"))
        service = super().create_service(cluster_str, service_name, *more, **rest)
        assert isinstance(service, SandboxService)
        self._scheduler.reconcile(service)
        return service

    def _complete_network(self, given: dict[str, Any] | None) -> dict[str, Any] | None:
        return complete_network(given, ec2_backends[self.account_id][self.region_name])

    def _check_network(self, definition: str | None, network: Any) -> None:
        if definition and self.describe_task_definition(definition).network_mode == "awsvpc" and not network:
            raise InvalidParameterException(
                "Network Configuration must be provided when networkMode 'awsvpc' is specified."
            )

    def _check_load_balancers(self, balancers: list[dict[str, Any]] | None) -> None:
        for each in balancers or ():
            arn = each.get("targetGroupArn")
            group = elbv2_backends[self.account_id][self.region_name].target_groups.get(str(arn))
            if arn and group is None:
                raise InvalidParameterException("Unable to assume role and validate the listeners configured.")
            if group is not None and not group.load_balancer_arns:
                raise InvalidParameterException(
                    f"The target group with targetGroupArn {arn} does not have an associated load balancer."
                )

    def update_service(self, service_properties: dict[str, Any]) -> Service:
        """UpdateService: changes the count, or begins another deployment."""
        given = dict(service_properties)
        name = str(given["service"]).split("/")[-1]
        service = self._active_service(given.get("cluster") or "default", name)
        definition = given.pop("task_definition", None)
        redeploy = bool(given.pop("force_new_deployment", False)) or "load_balancers" in given
        if "network_configuration" in given:
            given["network_configuration"] = service.network = self._complete_network(given["network_configuration"])
            redeploy = True
        if definition:
            arn = self.describe_task_definition(definition).arn
            self._check_network(arn, service.network)
            redeploy, service.task_definition = redeploy or arn != service.task_definition, arn
        super().update_service({**given, "cluster": service.cluster_name, "service": name})
        now = self.plane.instant()
        if redeploy:
            service.rollouts.insert(0, Rollout(str(service.task_definition), now, now))
            service.failures, service.not_before = 0, 0.0
        service.primary.updated_at, service.primary.completed = now, False
        self._scheduler.reconcile(service)
        return service

    def _active_service(self, cluster: str, name: str) -> SandboxService:
        service = self._get_service(cluster, name)
        assert isinstance(service, SandboxService)
        if service.status != "ACTIVE":
            raise ECSException("ServiceNotActiveException", "Service was not ACTIVE.")
        return service

    def delete_service(self, cluster_name: str, service_name: str, force: bool) -> Service:
        """DeleteService: `DRAINING` until its tasks have stopped, then `INACTIVE`."""
        service = self._get_service(cluster_name, service_name.split("/")[-1])
        assert isinstance(service, SandboxService)
        if service.status == "INACTIVE":
            raise ServiceNotFoundException
        if service.desired_count > 0 and not force:
            raise InvalidParameterException("The service cannot be stopped while it is scaled above 0.")
        service.status, service.desired_count = "DRAINING", 0
        self._scheduler.reconcile(service)
        return service

    def list_services(self, *more: Any, **rest: Any) -> list[str]:
        """ListServices, without those that are INACTIVE."""
        inactive = {each.arn for each in self.services.values() if each.status == "INACTIVE"}
        return [arn for arn in super().list_services(*more, **rest) if arn not in inactive]

    # -- clusters ------------------------------------------------------------------------------------------------

    def update_cluster_resources(self, cluster: Cluster, task_num: int, task_state: str | None = "RUNNING") -> None:
        """Do nothing: tasks and services are counted when a cluster is described."""

    def describe_clusters(self, cluster_names: list[str]) -> Any:
        """DescribeClusters, with counts that are those of its tasks and services."""
        for cluster in self.clusters.values():
            self._count(cluster)
        return super().describe_clusters(cluster_names)

    def delete_cluster(self, cluster_str: str) -> Cluster:
        """DeleteCluster: refused while it has services or tasks."""
        cluster = self._get_cluster(cluster_str)
        self._count(cluster)
        if cluster.active_services_count:
            raise ECSException(
                "ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active."
            )
        if cluster.running_tasks_count or cluster.pending_tasks_count:
            raise ECSException("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")
        return super().delete_cluster(cluster_str)

    def _count(self, cluster: Cluster) -> None:
        tasks = [each.last_status for each in self.tasks.get(cluster.name, {}).values()]
        services = [each for each in self.services.values() if each.cluster_name == cluster.name]
        cluster.active_services_count = sum(each.status == "ACTIVE" for each in services)
        cluster.running_tasks_count = sum(each == "RUNNING" for each in tasks)
        cluster.pending_tasks_count = sum(each in ("PROVISIONING", "PENDING") for each in tasks)


def install(host: TaskHost, lives: TaskLives) -> None:
    """Make this the ECS of moto; before its first request."""
    host.plane.at_end(lives.kill_all)
    moto.ecs.models.Service = SandboxService  # type: ignore[misc]
    moto.ecs.models.Task = SandboxTask  # type: ignore[misc]
    install_backend(ecs_backends, SandboxECS, host=host, lives=lives)
