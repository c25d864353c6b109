"""Brings a service's tasks to its desired count: the service scheduler of Amazon ECS, for one service at a time.

A new deployment's tasks are started before the old ones' are stopped (minimum healthy percent 100, maximum 200), and
tasks that fail again and again are started at growing intervals ("Amazon ECS service throttle logic", ECS Developer
Guide). All functions are called with the data plane's lock held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drills.sandbox.service.ecs_models import SandboxService, SandboxTask

if TYPE_CHECKING:
    from drills.sandbox.service.ecs import SandboxECS

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 60.0  # seconds before the third start in a row, and at most
_LASTED = 10.0  # seconds after which a task counts as having come up well
_FEW = 3  # failures in a row that are not worth an event


def reconcile(ecs: SandboxECS, service: SandboxService) -> None:
    """Start and stop tasks until what is wanted is under way."""
    tasks = service.tasks()
    wanted = [each for each in tasks if each.wanted]
    mine = [each for each in wanted if each.started_by == service.primary.id]
    old = [each for each in wanted if each.started_by != service.primary.id]
    if service.status == "ACTIVE" and service.task_definition:  # else task sets say what runs
        _start(ecs, service, service.desired_count - len(mine))
    ready = sum(is_ready(ecs, each) for each in mine)
    surplus = sorted(mine, key=lambda each: (each.last_status == "RUNNING", -each.began))
    gone = surplus[: max(0, len(mine) - service.desired_count)] + (old if ready >= service.desired_count else [])
    _stop(ecs, service, gone)
    left = {each.started_by for each in tasks}
    service.rollouts[1:] = [each for each in service.rollouts[1:] if each.id in left]
    if service.status == "DRAINING" and not tasks:
        service.status = "INACTIVE"
    _say_when_steady(service, ready, len(tasks))


def is_ready(ecs: SandboxECS, task: SandboxTask) -> bool:
    """Whether a task runs and its targets are healthy."""
    targets = ecs.book.of_task(task.task_arn)
    return task.last_status == "RUNNING" and all(each.state == "healthy" for each in targets)


def note_failure(ecs: SandboxECS, service: SandboxService, task: SandboxTask) -> None:
    """A task ended unasked: another one is started, later each time."""
    clock = ecs.plane.clock
    lasted = task.started_at is not None and (ecs.plane.instant() - task.started_at).total_seconds() >= _LASTED
    service.failures = 1 if lasted else service.failures + 1
    for rollout in service.rollouts:
        rollout.failed += rollout.id == task.started_by and not task.started_at
    if service.failures == 1:
        return
    wait = min(_FIRST_WAIT * 2 ** (service.failures - 2), _LONGEST_WAIT)
    service.not_before = clock.monotonic() + wait
    if service.failures == _FEW:
        service.say("is unable to consistently start tasks successfully.")

    def later() -> None:
        if clock.wait_until(service.not_before):
            with ecs.plane.lock:
                reconcile(ecs, service)

    ecs.plane.work(f"start tasks of {service.name}", later)


def _start(ecs: SandboxECS, service: SandboxService, missing: int) -> None:
    if missing <= 0 or ecs.plane.clock.monotonic() < service.not_before:
        return
    service.steady = False
    started = [ecs.start_for(service) for _ in range(missing)]
    service.say(f"has started {missing} tasks: {_named(started)}.")


def _stop(ecs: SandboxECS, service: SandboxService, tasks: list[SandboxTask]) -> None:
    if not tasks:
        return
    service.steady = False
    service.say(f"has stopped {len(tasks)} running tasks: {_named(tasks)}.")
    if any(ecs.book.of_task(each.task_arn) for each in tasks):
        service.say(f"has begun draining connections on {len(tasks)} tasks.")
    for task in tasks:
        ecs.stop_life(
            task, "ServiceSchedulerInitiated", f"Scaling activity initiated by (deployment {task.started_by})"
        )


def _say_when_steady(service: SandboxService, ready: int, tasks: int) -> None:
    service.primary.completed = service.primary.completed or ready >= service.desired_count
    steady = ready == tasks == service.desired_count and service.status == "ACTIVE"
    if steady and not service.steady:
        service.say(f"(deployment {service.primary.id}) deployment completed.")
        service.say("has reached a steady state.")
    service.steady = steady


def _named(tasks: list[SandboxTask]) -> str:
    return " ".join(f"(task {each.id})" for each in tasks)
