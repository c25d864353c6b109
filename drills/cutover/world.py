"""What the steps of a cut-over act on: the clients, the clock, the lock, and how a call is made and waited for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from drills.aws.credentials import Login
from drills.aws.session import Clients
from drills.checks.base.session import Connector
from drills.clock import Clock
from drills.config.cutover import CutoverConfig
from drills.config.load import Target
from drills.cutover.door import Watch
from drills.cutover.lock import Lock
from drills.cutover.plan import Call
from drills.errors import DrillError
from drills.model.instance import Instance
from drills.recovery.connect import Endpoint, connector

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Leave:
    """What the operator allowed by hand."""

    sessions: bool = False  # sessions that are still connected may stay
    switched: bool = False  # the application was led to the new address by hand


@dataclass(frozen=True, slots=True)
class World:
    """Everything outside. `more` are the clients that a drill does not need: ecs, application-autoscaling, s3."""

    clients: Clients
    more: Mapping[str, Any]
    target: Target
    config: CutoverConfig
    clock: Clock
    poll_seconds: float
    lock: Lock
    watch: Watch
    login: Login
    ca_bundle: Path | None
    leave: Leave = field(default_factory=Leave)
    simulated: bool = False

    @property
    def timeout(self) -> float:
        """Seconds that an instance may take to become what it is to be."""
        return self.target.timeout.total_seconds()

    def client(self, service: str) -> Any:
        """The client of a service."""
        return self.more[service] if service in self.more else getattr(self.clients, service)

    def perform(self, call: Call) -> dict[str, Any]:
        """Make a call. What AWS refuses is raised as it was said."""
        self.lock.keep()
        answer: dict[str, Any] = getattr(self.client(call.service), snake(call.operation))(**call.parameters)
        return answer

    def wait(self, probe: Callable[[], T | None], timeout: float, what: str, advice: str) -> T:
        """What `probe` returns once it is neither None nor False; DrillError after `timeout` seconds."""
        deadline = self.clock.monotonic() + timeout
        while True:
            self.lock.keep()
            found = probe()
            if found is not None and found is not False:
                return found
            if self.clock.monotonic() >= deadline:
                raise DrillError(f"expected {what} within {timeout:g} s, in vain: {advice}")
            self.clock.sleep(self.poll_seconds)

    def connect(self, instance: Instance) -> Connector:
        """Opens sessions on an instance, as the target's credentials say."""
        user = self.login.username or instance.master_username
        password = self.login.password or ""  # libpq takes an empty one for none, and looks into ~/.pgpass
        return connector(Endpoint(instance.host, instance.port, user, password, self.ca_bundle))


def snake(operation: str) -> str:
    """An operation's name as boto3 has it: ModifyDBInstance is modify_db_instance."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", operation).lower()
