"""ECS as moto has it, with a real process behind every task.

A service's desired count starts and stops processes of the sandbox's web application, whatever image the task definition
names and whatever the launch type: this machine is the capacity. Facts follow the ECS API reference.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
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

from drills.sandbox.service.ecs_models import Rollout, SandboxService, SandboxTask, detail
from drills.sandbox.service.ecs_schedule import note_failure, reconcile
from drills.sandbox.service.targets import TargetBook
from drills.sandbox.service.task_life import TaskLife
from drills.sandbox.service.task_process import Runner
from drills.sandbox.state import DataPlane

_KEPT_FOR = 3600.0  # seconds that a stopped task is shown, as on AWS


class SandboxECS(EC2ContainerServiceBackend):
    """The ECS of one region. The class attributes are set once, before the first request."""

    plane: DataPlane
    runner: Runner
    book: TargetBook
    ca: Path
    lives: dict[str, TaskLife]

    @property
    def _url_module(self) -> Any:
        from drills.sandbox.service.ecs_responses import SandboxECSResponse

        return SimpleNamespace(url_bases=moto.ecs.urls.url_bases, url_paths={"{0}/$": SandboxECSResponse.dispatch})

    # -- tasks ---------------------------------------------------------------------------------------------------

    def tasks_of(self, service: SandboxService) -> list[SandboxTask]:
        """Every task of a service that is still shown, oldest first."""
        group = f"service:{service.name}"
        found = self.tasks.get(service.cluster_name, {}).values()
        return [each for each in found if isinstance(each, SandboxTask) and each.group == group]

    def _forget_old(self) -> None:
        now = self.plane.instant()
        for tasks in self.tasks.values():
            for arn, task in list(tasks.items()):
                stopped = task.stopped_at if isinstance(task, SandboxTask) else None
                if stopped and (now - stopped).total_seconds() > _KEPT_FOR:
                    del tasks[arn]
                    self.lives.pop(arn, None)

    def run_task(self, cluster_str: str, task_definition_str: str, count: int, *more: Any, **rest: Any) -> list[Task]:
        """RunTask: a process for each task, with any launch type."""
        names = ("overrides", "started_by", "tags", "launch_type", "networking_configuration", "group")
        given = dict(zip((*names, "platform_version", "capacity_provider_strategy"), more, strict=False)) | rest
        tasks = self._make_tasks(cluster_str, task_definition_str, count, given)
        for task in tasks:
            self._bring_up(task, [])
        return list(tasks)

    def start_task(self, *more: Any, **rest: Any) -> list[Task]:
        """StartTask: as RunTask, on the container instances that are named."""
        tasks = super().start_task(*more, **rest)
        for task in tasks:
            assert isinstance(task, SandboxTask)
            self._bring_up(task, [])
        return tasks

    def _make_tasks(self, cluster: str, definition: str, count: int, given: dict[str, Any]) -> list[SandboxTask]:
        launch_type = given.get("launch_type")
        if launch_type and launch_type not in ("EC2", "FARGATE", "EXTERNAL"):
            raise InvalidParameterException("launch type should be one of [EC2,FARGATE,EXTERNAL]")
        place = self._active_cluster(cluster)
        task_definition = self.describe_task_definition(definition)
        tasks = [
            SandboxTask(
                cluster=place,
                task_definition=task_definition,
                container_instance_arn=None,
                resource_requirements=None,
                backend=self,
                group=given.get("group") or f"family:{task_definition.family}",
                launch_type=launch_type or "EC2",
                overrides=given.get("overrides"),
                started_by=given.get("started_by") or "",
                tags=given.get("tags"),
                networking_configuration=self._network(given.get("networking_configuration")),
                platform_version=given.get("platform_version"),
            )
            for _ in range(count)
        ]
        self.tasks.setdefault(place.name, {}).update({each.task_arn: each for each in tasks})
        return tasks

    def _active_cluster(self, name: str) -> Cluster:
        cluster = self._get_cluster(name)
        if cluster.status != "ACTIVE":
            raise ClusterNotFoundException
        return cluster

    def _network(self, given: dict[str, Any] | None) -> dict[str, Any] | None:
        """The network configuration with what AWS fills in: the VPC's default security group, no public address."""
        wanted = (given or {}).get("awsvpcConfiguration")
        if not wanted or not wanted.get("subnets"):
            return given
        full = {"assignPublicIp": "DISABLED", **wanted}
        if not wanted.get("securityGroups"):
            ec2 = ec2_backends[self.account_id][self.region_name]
            vpc = ec2.get_subnet(wanted["subnets"][0]).vpc_id
            default = ec2.get_default_security_group(vpc)
            full["securityGroups"] = [default.id] if default else []
        return {"awsvpcConfiguration": full}

    def _bring_up(self, task: SandboxTask, load_balancers: list[dict[str, str]]) -> None:
        self._forget_old()
        life = self.lives[task.task_arn] = TaskLife(self, task, load_balancers)
        life.begin()

    def start_for(self, service: SandboxService) -> SandboxTask:
        """Start one more task of a service's primary deployment."""
        task = self._make_tasks(
            service.cluster_name,
            service.primary.task_definition,
            1,
            {
                "overrides": None,
                "started_by": service.primary.id,
                "tags": service.tags if service.propagate_tags == "SERVICE" else [],
                "launch_type": service.launch_type,
                "networking_configuration": service.network,
                "group": f"service:{service.name}",
                "platform_version": service.platform_version,
            },
        )[0]
        self._bring_up(task, service.load_balancers)
        return task

    def stop_life(self, task: SandboxTask, code: str, reason: str) -> None:
        """Let a task stop."""
        self.lives[task.task_arn].ask_to_stop(reason, code)

    def stop_task(self, cluster_str: str, task_str: str, reason: str) -> Task:
        """StopTask; a service then starts another one."""
        found = self._find_task(cluster_str, task_str)
        if found is None:
            raise InvalidParameterException("The referenced task was not found.")
        self.stop_life(found, "UserInitiated", reason or "Task stopped by user")
        service = self._service_of(found)
        if service is not None:
            reconcile(self, service)
        return found

    def _find_task(self, cluster_str: str, task_str: str) -> SandboxTask | None:
        tasks = self.tasks.get(self._get_cluster(cluster_str).name, {}).values()
        named = (each for each in tasks if task_str in (each.id, each.task_arn) and isinstance(each, SandboxTask))
        return next(named, None)

    def _service_of(self, task: SandboxTask) -> SandboxService | None:
        service = self.services.get(f"{task.cluster_name}:{task.group.removeprefix('service:')}")
        return service if isinstance(service, SandboxService) and task.group.startswith("service:") else None

    def changed(self, task: SandboxTask) -> None:
        """A task has come up, or the health of its targets has changed."""
        service = self._service_of(task)
        if service is None:
            return
        sick = [each for each in self.book.of_task(task.task_arn) if each.state == "unhealthy"]
        grace = float(service.health_check_grace_period_seconds or 0)
        lasted = (self.plane.instant() - task.started_at).total_seconds() if task.started_at else 0.0
        if sick and task.wanted and lasted >= grace:
            service.say(f"(task {task.id}) failed ELB health checks in (target-group {sick[0].group}).")
            self.stop_life(task, "ServiceSchedulerInitiated", f"Task failed ELB health checks in ({sick[0].group})")
            note_failure(self, service, task)
        reconcile(self, service)

    def ended(self, task: SandboxTask, unasked: bool) -> None:
        """A task has stopped."""
        ec2 = ec2_backends[self.account_id][self.region_name]
        for attachment in task.attachments:
            attachment.update(status="DELETED")
            ec2.enis.pop(detail(attachment, "networkInterfaceId"), None)
        service = self._service_of(task)
        if service is not None:
            if unasked:
                note_failure(self, service, task)
            reconcile(self, service)

    def describe_tasks(self, cluster_str: str, tasks: list[str]) -> list[Task]:
        """DescribeTasks; what is not found is told by the response."""
        self._get_cluster(cluster_str)
        if not tasks:
            raise InvalidParameterException("Tasks cannot be empty.")
        return [found for each in tasks if (found := self._find_task(cluster_str, each))]

    def list_tasks(
        self,
        cluster_str: str | None = None,
        container_instance: str | None = None,
        family: str | None = None,
        started_by: str | None = None,
        service_name: str | None = None,
        desiredStatus: str | None = None,
    ) -> list[Task]:
        """ListTasks; those that are meant to run unless `desiredStatus` says otherwise, as on AWS."""
        self._forget_old()
        cluster = self._get_cluster(cluster_str or "default")
        group = f"service:{self._get_service(cluster.name, service_name).name}" if service_name else None
        wanted = "RUNNING" if desiredStatus == "PENDING" else desiredStatus or "RUNNING"
        return [
            task
            for task in self.tasks.get(cluster.name, {}).values()
            if task.desired_status == wanted
            and group in (None, task.group)
            and started_by in (None, task.started_by)
            and family in (None, task.task_definition_arn.split("/")[-1].split(":")[0])
            and (container_instance is None or container_instance in (task.container_instance_arn or ""))
        ]

    # -- services ------------------------------------------------------------------------------------------------

    def create_service(self, cluster_str: str, service_name: str, *more: Any, **rest: Any) -> Service:
        """CreateService: its tasks are started at once."""
        cluster = self._active_cluster(cluster_str)
        there = self.services.get(f"{cluster.name}:{service_name}")
        if there is not None and there.status == "ACTIVE":
            raise InvalidParameterException("Creation of service was not idempotent.")
        if there is not None and there.status == "DRAINING":
            raise InvalidParameterException("Unable to Start a service that is still Draining.")
        names = ("desired_count", "task_definition_str", "load_balancers")
        given = dict(zip(names, more, strict=False))
        rest["network_configuration"] = self._network(rest.get("network_configuration"))
        controller = (rest.get("deployment_controller") or (more[5:6] or [None])[0] or {}).get("type", "ECS")
        if not given.get("task_definition_str") and controller == "ECS":
            raise InvalidParameterException("TaskDefinition can not be blank.")
        self._check(given.get("task_definition_str"), given.get("load_balancers"), rest["network_configuration"])
        service = super().create_service(cluster_str, service_name, *more, **rest)
        assert isinstance(service, SandboxService)
        reconcile(self, service)
        return service

    def _check(self, definition: str | None, balancers: list[dict[str, Any]] | None, network: Any) -> None:
        from moto.elbv2.models import elbv2_backends

        if definition and self.describe_task_definition(definition).network_mode == "awsvpc" and not network:
            raise InvalidParameterException(
                "Network Configuration must be provided when networkMode 'awsvpc' is specified."
            )
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
        """UpdateService: the count, or another deployment."""
        given = dict(service_properties)
        name = str(given["service"]).split("/")[-1]
        service = self._active(given.get("cluster") or "default", name)
        definition = given.pop("task_definition", None)
        fresh = bool(given.pop("force_new_deployment", False)) or "load_balancers" in given
        if "network_configuration" in given:
            given["network_configuration"] = service.network = self._network(given["network_configuration"])
            fresh = True
        if definition:
            arn = self.describe_task_definition(definition).arn
            self._check(arn, None, service.network)
            fresh, service.task_definition = fresh or arn != service.task_definition, arn
        super().update_service({**given, "cluster": service.cluster_name, "service": name})
        now = self.plane.instant()
        if fresh:
            service.rollouts.insert(0, Rollout(str(service.task_definition), now, now))
            service.failures, service.not_before = 0, 0.0
        service.primary.updated_at, service.primary.completed = now, False
        reconcile(self, service)
        return service

    def _active(self, cluster: str, name: str) -> SandboxService:
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
        reconcile(self, service)
        return service

    def list_services(self, *more: Any, **rest: Any) -> list[str]:
        """ListServices, without those that are gone."""
        gone = {each.arn for each in self.services.values() if each.status == "INACTIVE"}
        return [arn for arn in super().list_services(*more, **rest) if arn not in gone]

    # -- clusters ------------------------------------------------------------------------------------------------

    def update_cluster_resources(self, cluster: Cluster, task_num: int, task_state: str | None = "RUNNING") -> None:
        """Nothing: what a cluster has is counted when it is asked for."""

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


def install(plane: DataPlane, ca: Path, book: TargetBook) -> None:
    """Make this the ECS of moto; before its first request."""
    lives: dict[str, TaskLife] = {}
    SandboxECS.plane, SandboxECS.ca, SandboxECS.book, SandboxECS.lives = plane, ca, book, lives
    SandboxECS.runner = Runner(plane.user)

    def kill_all() -> None:
        for life in list(lives.values()):
            life.kill()

    plane.at_end(kill_all)
    moto.ecs.models.Service = SandboxService  # type: ignore[misc]
    moto.ecs.models.Task = SandboxTask  # type: ignore[misc]
    ecs_backends.backend = SandboxECS
    ecs_backends.clear()


def task_changed(arn: str) -> None:
    """Tell the ECS of a task's region that the health of its targets has changed."""
    region, account = arn.split(":")[3:5]
    ecs = ecs_backends[account][region]
    assert isinstance(ecs, SandboxECS)
    with ecs.plane.lock:
        life = ecs.lives.get(arn)
        if life is not None:
            ecs.changed(life.task)
