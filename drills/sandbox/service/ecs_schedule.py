"""The service scheduler of one region: it starts and stops tasks until each service has its desired count.

The tasks of a new deployment are started before the old ones are stopped (minimum healthy percent 100, maximum 200).
Tasks that fail again and again are started at growing intervals ("Amazon ECS service throttle logic", ECS Developer
Guide, https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html).
"""

from __future__ import annotations

from drills.sandbox.service.ecs_models import ECSRegion, SandboxService, SandboxTask
from drills.sandbox.service.ecs_tasks import RegionTasks
from drills.sandbox.service.targets import TargetRegistry

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 60.0  # seconds before the third start in a row, and at most
_STABLE_AFTER = 10.0  # seconds: a task that ran so long did not fail to start
_EVENT_AFTER = 3  # failures in a row


class ServiceScheduler:
    """Schedules the tasks of a region's services. The data plane's lock is held in every call."""

    def __init__(self, region: ECSRegion, tasks: RegionTasks, targets: TargetRegistry) -> None:
        self._region = region
        self._plane = region.plane
        self._tasks = tasks
        self._targets = targets

    def reconcile(self, service: SandboxService) -> None:
        """Begin to start the tasks that a service lacks and to stop those that it should not have."""
        tasks = service.tasks()
        running = [each for each in tasks if each.should_run]
        own = [each for each in running if each.started_by == service.primary.id]
        old = [each for each in running if each.started_by != service.primary.id]
        if service.status == "ACTIVE" and service.task_definition:  # without one, task sets say what runs
            self._start(service, service.desired_count - len(own))
        ready = sum(self._is_ready(each) for each in own)
        by_age = sorted(own, key=lambda each: (each.last_status == "RUNNING", -each.created_monotonic))
        surplus = by_age[: max(0, len(own) - service.desired_count)]
        self._stop(service, surplus + (old if ready >= service.desired_count else []))
        present = {each.started_by for each in tasks}
        service.rollouts[1:] = [each for each in service.rollouts[1:] if each.id in present]
        if service.status == "DRAINING" and not tasks:
            service.status = "INACTIVE"
        _note_steady_state(service, ready, len(tasks))

    def service_of(self, task: SandboxTask) -> SandboxService | None:
        """Return the service that a task belongs to, None for a task of RunTask or StartTask."""
        service = self._region.services.get(f"{task.cluster_name}:{task.group.removeprefix('service:')}")
        return service if isinstance(service, SandboxService) and task.group == service.group else None

    def changed(self, task: SandboxTask) -> None:
        """Reconcile the service of a task that has started or whose targets' health has changed."""
        service = self.service_of(task)
        if service is None:
            return
        unhealthy = [each for each in self._targets.of_task(task.task_arn) if each.state == "unhealthy"]
        grace = float(service.health_check_grace_period_seconds or 0)
        age = (self._plane.instant() - task.started_at).total_seconds() if task.started_at else 0.0
        if unhealthy and task.should_run and age >= grace:
            group = unhealthy[0].group
            service.add_event(f"(task {task.id}) failed ELB health checks in (target-group {group}).")
            self._tasks.stop(task, "ServiceSchedulerInitiated", f"Task failed ELB health checks in ({group})")
            self._count_failure(service, task)
        self.reconcile(service)

    def ended(self, task: SandboxTask, failed: bool) -> None:
        """Reconcile the service of a task that has stopped; `failed`: nobody asked it to stop."""
        self._tasks.remove_network(task)
        service = self.service_of(task)
        if service is not None:
            if failed:
                self._count_failure(service, task)
            self.reconcile(service)

    def _count_failure(self, service: SandboxService, task: SandboxTask) -> None:
        """Postpone the next start; the wait doubles with each failure in a row."""
        now, clock = self._plane.instant(), self._plane.clock
        stable = task.started_at is not None and (now - task.started_at).total_seconds() >= _STABLE_AFTER
        service.failures = 1 if stable else service.failures + 1
        for rollout in service.rollouts:
            rollout.failed += rollout.id == task.started_by and not task.started_at
        if service.failures == 1:
            return
        wait = min(_FIRST_WAIT * 2 ** (service.failures - 2), _LONGEST_WAIT)
        service.not_before = clock.monotonic() + wait
        if service.failures == _EVENT_AFTER:
            service.add_event("is unable to consistently start tasks successfully.")

        def start_later() -> None:
            if clock.wait_until(service.not_before):
                with self._plane.lock:
                    self.reconcile(service)

        self._plane.work(f"start tasks of {service.name}", start_later)

    def _is_ready(self, task: SandboxTask) -> bool:
        targets = self._targets.of_task(task.task_arn)
        return task.last_status == "RUNNING" and all(each.state == "healthy" for each in targets)

    def _start(self, service: SandboxService, missing: int) -> None:
        if missing <= 0 or self._plane.clock.monotonic() < service.not_before:
            return
        service.steady = False
        started = [self._start_one(service) for _ in range(missing)]
        service.add_event(f"has started {missing} tasks: {_listed(started)}.")

    def _start_one(self, service: SandboxService) -> SandboxTask:
        cluster = self._region.clusters[service.cluster_name]
        given = {
            "started_by": service.primary.id,
            "tags": service.tags if service.propagate_tags == "SERVICE" else [],
            "launch_type": service.launch_type,
            "networking_configuration": service.network,
            "group": service.group,
            "platform_version": service.platform_version,
        }
        task = self._tasks.create(cluster, service.primary.task_definition, 1, given)[0]
        self._tasks.start(task, service.load_balancers, self)
        return task

    def _stop(self, service: SandboxService, tasks: list[SandboxTask]) -> None:
        if not tasks:
            return
        service.steady = False
        service.add_event(f"has stopped {len(tasks)} running tasks: {_listed(tasks)}.")
        if any(self._targets.of_task(each.task_arn) for each in tasks):
            service.add_event(f"has begun draining connections on {len(tasks)} tasks.")
        for task in tasks:
            reason = f"Scaling activity initiated by (deployment {task.started_by})"
            self._tasks.stop(task, "ServiceSchedulerInitiated", reason)


def _note_steady_state(service: SandboxService, ready: int, tasks: int) -> None:
    service.primary.completed = service.primary.completed or ready >= service.desired_count
    steady = ready == tasks == service.desired_count and service.status == "ACTIVE"
    if steady and not service.steady:
        service.add_event(f"(deployment {service.primary.id}) deployment completed.")
        service.add_event("has reached a steady state.")
    service.steady = steady


def _listed(tasks: list[SandboxTask]) -> str:
    return " ".join(f"(task {each.id})" for each in tasks)
