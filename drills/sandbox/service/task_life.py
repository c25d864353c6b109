"""The life of one ECS task, on a thread of its own: from PROVISIONING to STOPPED, with a real process in between.

Each stretch lasts at least its configured time (`task-start`, `task-stop`). While it stops, its targets drain first;
then SIGTERM, and SIGKILL after the container's stopTimeout ("Amazon ECS task lifecycle", ECS Developer Guide).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drills.errors import DrillError
from drills.sandbox.service.ecs_models import SandboxTask
from drills.sandbox.service.targets import Target
from drills.sandbox.service.task_environment import CannotPull, environment_of, serving, with_defaults
from drills.sandbox.service.task_process import TaskProcess
from drills.sandbox.state import Ending

if TYPE_CHECKING:
    from drills.sandbox.service.ecs import SandboxECS

_STOP_TIMEOUT = 30.0  # seconds, the default of ContainerDefinition's stopTimeout


class TaskLife:
    """Starts, watches and stops one task; `load_balancers` is its service's."""

    def __init__(self, ecs: SandboxECS, task: SandboxTask, load_balancers: list[dict[str, str]]) -> None:
        self.task = task
        self._ecs = ecs
        self._plane = ecs.plane
        self._balanced = [each for each in load_balancers if each.get("targetGroupArn")]
        named = self._balanced[0].get("containerName", "") if self._balanced else ""
        self._container = serving(task.definition.container_definitions, named)
        self._process: TaskProcess | None = None

    def begin(self) -> None:
        """Start it; returns at once."""
        self._plane.work(f"task {self.task.id}", self._live)

    def ask_to_stop(self, reason: str, code: str) -> None:
        """Let it stop; returns at once. The data plane's lock is held."""
        task = self.task
        if not task.wanted:
            return
        task.desired_status, task.stop_code, task.stopped_reason = "STOPPED", code, reason
        task.stopping_at = self._plane.instant()
        if task.last_status == "RUNNING":
            task.move("DEACTIVATING")
            self._ecs.book.drain(task.task_arn)
            self._plane.work(f"stop task {task.id}", self._stop)

    def kill(self) -> None:
        """End the process now, if there is one."""
        if self._process is not None:
            self._process.kill()

    def _stop(self) -> None:
        self._plane.at_least(self._plane.clock.monotonic(), self._plane.delays.task_stop)
        with self._plane.lock:
            if self.task.last_status == "DEACTIVATING":  # else the process has ended by itself meanwhile
                self.task.move("STOPPING")
        if self._process is not None:
            self._process.stop(float(self._container.get("stopTimeout") or _STOP_TIMEOUT))

    def _live(self) -> None:
        task, plane = self.task, self._plane
        plane.at_least(task.began, plane.delays.task_start / 2)
        with plane.lock:
            if not task.wanted:
                return self._end(None)
            task.move("PENDING")
        try:
            self._process = self._start()
            plane.at_least(task.began, plane.delays.task_start)
        except Ending:
            self.kill()
            raise
        except (CannotPull, DrillError, OSError) as error:
            return self._fail("TaskFailedToStart", str(error))
        with plane.lock:
            if task.wanted:
                self._run(self._process)
            else:
                self.kill()
        return self._end(self._process.wait())

    def _start(self) -> TaskProcess:
        task = self.task
        with self._plane.lock:
            wanted = environment_of(self._container, task.overrides, self._ecs.account_id, self._ecs.region_name)
        return self._ecs.runner.start(task.id, with_defaults(wanted, self._ecs.ca))

    def _run(self, process: TaskProcess) -> None:
        task = self.task
        task.started_at = self._plane.instant()
        task.move("RUNNING")
        self._ecs.book.register(
            *(
                Target(each["targetGroupArn"], task.task_arn, task.address, self._port(each, process), process.port)
                for each in self._balanced
            )
        )
        self._ecs.changed(task)

    def _port(self, balanced: dict[str, str], process: TaskProcess) -> int:
        """The container's port where the task has an address of its own, else the one that this machine gave it."""
        return int(balanced.get("containerPort") or process.port) if task_has_address(self.task) else process.port

    def _fail(self, code: str, reason: str) -> None:
        with self._plane.lock:
            if self.task.wanted:
                self.task.stop_code, self.task.stopped_reason = code, reason
        self._end(None)

    def _end(self, exit_code: int | None) -> None:
        task = self.task
        with self._plane.lock:
            task.exit_code = exit_code
            if task.stop_code is None:
                task.stop_code, task.stopped_reason = "EssentialContainerExited", "Essential container in task exited"
            unasked = task.wanted
            task.desired_status = "STOPPED"
            task.stopping_at = task.stopping_at or self._plane.instant()
            task.stopped_at = self._plane.instant()
            task.connectivity = "DISCONNECTED"
            self._ecs.book.remove(task.task_arn)
            task.move("STOPPED")
            self._ecs.ended(task, unasked)


def task_has_address(task: SandboxTask) -> bool:
    """Whether a network interface was made for the task."""
    return bool(task.attachments)
