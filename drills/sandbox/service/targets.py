"""The targets of the load balancers: the process behind each target, and the target's health.

Elastic Load Balancing, Application Load Balancers guide, "Health checks for your target groups": a new target is
`initial` until its first check has passed; it becomes `unhealthy` after as many failures in a row as the group's
threshold says, and `healthy` again after as many passes. The checks go to the real process. Nothing here uses moto
(https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html).
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from dataclasses import dataclass

from drills.sandbox.base.errors import Ending
from drills.sandbox.state import DataPlane

_CHECK_WITHIN = 5.0  # seconds for one health check, which the database may hold up


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """The health check of a target group. `codes` lists the accepted statuses as AWS writes them: `200,202-299`."""

    path: str = "/"
    codes: str = "200"
    healthy_after: int = 5
    unhealthy_after: int = 2

    def accepts(self, status: int) -> bool:
        """Return whether a check with this HTTP status has passed."""
        for part in self.codes.split(","):
            first, _, last = part.strip().partition("-")
            if first.isdigit() and int(first) <= status <= int(last or first):
                return True
        return False


@dataclass
class Target:
    """One process in one target group. AWS shows `id` and `port`; the process answers on `local_port`."""

    group: str
    task: str
    id: str
    port: int
    local_port: int
    state: str = "initial"
    reason: str = "Elb.InitialHealthChecking"
    description: str = "Initial health checks in progress"
    passed: int = 0
    failed: int = 0

    def drain(self) -> None:
        """Send no new request to it."""
        self.state, self.reason = "draining", "Target.DeregistrationInProgress"
        self.description = "Target deregistration is in progress"

    def record(self, status: int | None, check: HealthCheck) -> bool:
        """Record the HTTP status of one check, None for no answer; return whether the state has changed."""
        before = self.state
        if before == "draining":
            return False
        if status is not None and check.accepts(status):
            self.passed, self.failed = self.passed + 1, 0
            if before == "initial" or (before == "unhealthy" and self.passed >= check.healthy_after):
                self.state, self.reason, self.description = "healthy", "", ""
        else:
            self.passed, self.failed = 0, self.failed + 1
            if self.failed >= check.unhealthy_after and before != "unhealthy":
                self.state = "unhealthy"
                self.reason = "Target.Timeout" if status is None else "Target.ResponseCodeMismatch"
                self.description = (
                    "Request timed out" if status is None else f"Health checks failed with these codes: [{status}]"
                )
        return self.state != before


class TargetRegistry:
    """All targets of the sandbox. Threads may share it; it never waits for the data plane's lock while it holds its own.

    `check_of` returns a group's health check by its ARN; `changed` is called with the ARN of a task when the state of one
    of its targets has changed.
    """

    def __init__(
        self, plane: DataPlane, check_of: Callable[[str], HealthCheck], changed: Callable[[str], None]
    ) -> None:
        self._plane = plane
        self._check_of = check_of
        self._changed = changed
        self._lock = threading.Lock()
        self._targets: list[Target] = []
        self._checking = False

    def register(self, *targets: Target) -> None:
        """Add targets and begin to check them."""
        with self._lock:
            self._targets.extend(targets)
            begin, self._checking = bool(targets) and not self._checking, self._checking or bool(targets)
        if begin:
            self._plane.work("health checks", self._check_all)

    def drain(self, task: str) -> None:
        """Drain a task's targets."""
        for target in self.of_task(task):
            with self._lock:
                target.drain()

    def remove(self, task: str) -> None:
        """Remove a task's targets."""
        with self._lock:
            self._targets = [each for each in self._targets if each.task != task]

    def of_group(self, group: str) -> list[Target]:
        """Return the targets of a target group, draining ones included."""
        with self._lock:
            return [each for each in self._targets if each.group == group]

    def of_task(self, task: str) -> list[Target]:
        """Return the targets of a task."""
        with self._lock:
            return [each for each in self._targets if each.task == task]

    def _check_all(self) -> None:
        while True:
            with self._lock:
                targets = list(self._targets)
                if not targets:
                    self._checking = False
                    return
            for target in targets:
                if target.state != "draining":
                    check = self._check_of(target.group)
                    status = _probe(target.local_port, check.path)
                    with self._lock:  # it may be drained now
                        changed = target.record(status, check)
                    if changed:
                        self._changed(target.task)
            if not self._plane.clock.wait_until(self._plane.clock.monotonic() + self._plane.delays.health_check):
                raise Ending("The sandbox is being ended.")


def _probe(port: int, path: str) -> int | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_CHECK_WITHIN)
    try:
        connection.request("GET", path, headers={"User-Agent": "ELB-HealthChecker/2.0"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
