"""The life of one ECS task, on a thread of its own: from PROVISIONING to STOPPED, with a real process in between.

Each status lasts at least its configured time (`task-start`, `task-stop`). When a task stops, its targets drain first;
then comes SIGTERM, and SIGKILL after the container's stopTimeout ("Amazon ECS task lifecycle", ECS Developer Guide,
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from drills.errors import DrillError
from drills.sandbox.base.errors import Ending
from drills.sandbox.service.ecs_models import SandboxTask
from drills.sandbox.service.targets import Target, TargetRegistry
from drills.sandbox.service.task_environment import SecretUnavailable, environment_of, serving_container, with_defaults
from drills.sandbox.service.task_process import ProcessStarter, TaskProcess
from drills.sandbox.state import DataPlane

_STOP_TIMEOUT = 30.0  # seconds, the default of ContainerDefinition's stopTimeout


@dataclass(frozen=True, slots=True)
class TaskHost:
    """The collaborators of every task: threads and time, processes, targets, and the CA file of the databases."""

    plane: DataPlane
    processes: ProcessStarter
    targets: TargetRegistry
    ca: Path


class TaskObserver(Protocol):
    """Reacts to a task's changes; called with the data plane's lock held."""

    def changed(self, task: SandboxTask) -> None:
        """React to a start, or to a change of the health of the task's targets."""

    def ended(self, task: SandboxTask, failed: bool) -> None:
        """React to the end of a task; `failed`: nobody asked it to stop."""


class TaskLife:
    """Starts, watches and stops one task; `load_balancers` is its service's."""

    def __init__(
        self, task: SandboxTask, load_balancers: list[dict[str, str]], host: TaskHost, observer: TaskObserver
    ) -> None:
        self.task = task
        self._host = host
        self._plane = host.plane
        self._observer = observer
        self._balanced = [each for each in load_balancers if each.get("targetGroupArn")]
        named = self._balanced[0].get("containerName", "") if self._balanced else ""
        self._container = serving_container(task.definition.container_definitions, named)
        self._process: TaskProcess | None = None

    def begin(self) -> None:
        """Start the task in the background."""
        self._plane.work(f"task {self.task.id}", self._live)

    def begin_to_stop(self, reason: str, code: str) -> None:
        """Stop the task in the background. The data plane's lock is held."""
        task = self.task
        if not task.should_run:
            return
        task.desired_status, task.stop_code, task.stopped_reason = "STOPPED", code, reason
        task.stopping_at = self._plane.instant()
        if task.last_status == "RUNNING":
            task.set_status("DEACTIVATING")
            self._host.targets.drain(task.task_arn)
            self._plane.work(f"stop task {task.id}", self._stop)

    def targets_changed(self) -> None:
        """Pass on that the health of the task's targets has changed. The data plane's lock is held."""
        self._observer.changed(self.task)

    def kill(self) -> None:
        """Kill the process, if there is one."""
        if self._process is not None:
            self._process.kill()

    def _stop(self) -> None:
        self._plane.at_least(self._plane.asked_at(), self._plane.delays.task_stop)
        with self._plane.lock:
            if self.task.last_status == "DEACTIVATING":  # else the process has ended by itself meanwhile
                self.task.set_status("STOPPING")
        if self._process is not None:
            self._process.stop(float(self._container.get("stopTimeout") or _STOP_TIMEOUT))

    def _live(self) -> None:
        task, plane = self.task, self._plane
        plane.at_least(task.created_monotonic, plane.delays.task_start / 2)
        with plane.lock:
            if not task.should_run:
                return self._end(None)
            task.set_status("PENDING")
        try:
            self._process = self._start()
            plane.at_least(task.created_monotonic, plane.delays.task_start)
        except Ending:
            self.kill()
            raise
        except (SecretUnavailable, DrillError, OSError) as error:
            return self._fail("TaskFailedToStart", str(error))
        with plane.lock:
            if task.should_run:
                self._run(self._process)
            else:
                self.kill()
        return self._end(self._process.wait())

    def _start(self) -> TaskProcess:
        task = self.task
        with self._plane.lock:
            given = environment_of(self._container, task.overrides, task.account_id, task.region_name)
        return self._host.processes.start(task.id, with_defaults(given, self._host.ca))

    def _run(self, process: TaskProcess) -> None:
        task = self.task
        task.started_at = self._plane.instant()
        task.set_status("RUNNING")
        self._host.targets.register(
            *(
                Target(each["targetGroupArn"], task.task_arn, task.address, self._port(each, process), process.port)
                for each in self._balanced
            )
        )
        self._observer.changed(task)

    def _port(self, balanced: dict[str, str], process: TaskProcess) -> int:
        """Return the container's port where the task has an address of its own, else the port on this machine."""
        has_address = bool(self.task.attachments)
        return int(balanced.get("containerPort") or process.port) if has_address else process.port

    def _fail(self, code: str, reason: str) -> None:
        with self._plane.lock:
            if self.task.should_run:
                self.task.stop_code, self.task.stopped_reason = code, reason
        self._end(None)

    def _end(self, exit_code: int | None) -> None:
        task = self.task
        with self._plane.lock:
            task.exit_code = exit_code
            if task.stop_code is None:
                task.stop_code, task.stopped_reason = "EssentialContainerExited", "Essential container in task exited"
            failed = task.should_run
            task.desired_status = "STOPPED"
            task.stopping_at = task.stopping_at or self._plane.instant()
            task.stopped_at = self._plane.instant()
            task.connectivity = "DISCONNECTED"
            self._host.targets.remove(task.task_arn)
            task.set_status("STOPPED")
            self._observer.ended(task, failed)


class TaskLives:
    """The lives of the tasks of all regions, by the tasks' ARNs."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._lives: dict[str, TaskLife] = {}

    def add(self, life: TaskLife) -> None:
        """Remember a task's life."""
        self._lives[life.task.task_arn] = life

    def of(self, arn: str) -> TaskLife:
        """Return the life of a task; KeyError for an ARN that is not known."""
        return self._lives[arn]

    def remove(self, arn: str) -> None:
        """Forget a task; an unknown one is no error."""
        self._lives.pop(arn, None)

    def targets_changed(self, arn: str) -> None:
        """Pass on that the health of a task's targets has changed."""
        with self._plane.lock:
            if life := self._lives.get(arn):
                life.targets_changed()

    def kill_all(self) -> None:
        """Kill every process."""
        for life in list(self._lives.values()):
            life.kill()
