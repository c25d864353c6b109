"""The environment of the steps of a cut-over: clients, clock and lock, and how calls are made and waited for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr

from drills.aws.credentials import Login
from drills.aws.databases.kinds import KINDS, Kind
from drills.aws.session import Clients
from drills.checks.base.session import Connector
from drills.clock import Clock
from drills.config.cutover import CutoverConfig
from drills.config.limits import timeout_key
from drills.config.load import Target
from drills.cutover import guards
from drills.cutover.lock import Lock
from drills.cutover.plan import Call
from drills.cutover.public_address import AddressMonitor
from drills.errors import DrillError
from drills.model.instance import Instance
from drills.recovery.connect import Endpoint, connector

T = TypeVar("T")


def _tell_nobody(_: str) -> None:
    """Stands for a person where there is none, as in a run, whose record has its phases."""


@dataclass(frozen=True, slots=True)
class Acknowledgements:
    """What the operator acknowledged on the command line."""

    sessions: bool = False  # sessions that are still connected may stay
    switched: bool = False  # the application was led to the new address by hand


@dataclass(frozen=True, slots=True)
class Environment:
    """The collaborators of the steps. `more_clients` are those that a drill does not need: ecs, application-autoscaling, s3.

    `given` are the options of the command line that every further command needs too; `tell` gets a line for a person
    when something begins.
    """

    clients: Clients
    more_clients: Mapping[str, Any]
    target: Target
    target_name: str
    config: CutoverConfig
    clock: Clock
    poll_seconds: float
    lock: Lock
    watch: AddressMonitor
    login: Login
    ca_bundle: Path | None
    acknowledged: Acknowledgements = field(default_factory=Acknowledgements)
    simulated: bool = False
    given: tuple[str, ...] = ()
    tell: Callable[[str], None] = _tell_nobody

    @property
    def kind(self) -> Kind:
        """How RDS names databases such as the target's."""
        return KINDS[self.target.kind]

    @property
    def timeout(self) -> float:
        """Seconds that a change of an instance may take."""
        return self.target.timeout.total_seconds()

    @property
    def timeout_key(self) -> str:
        """Where drill.toml sets that timeout."""
        return timeout_key(self.target_name)

    @property
    def service_key(self) -> str:
        """Where drill.toml sets how long a service may take to stop or to start."""
        return f"targets.{self.target_name}.cutover.service_timeout"

    def client(self, service: str) -> Any:
        """Return the client of a service."""
        return self.more_clients[service] if service in self.more_clients else getattr(self.clients, service)

    def perform(self, call: Call, identity: str = "") -> dict[str, Any]:
        """Make a call about the instance with that DbiResourceId, where it names one; Refused, or what boto3 raises."""
        self.lock.renew()
        client, services = self.client(call.service), self.config.services
        return guards.send(client, self.clients, call, identity=identity, services=services)

    def wait(self, probe: Callable[[], T | None], timeout: float, what: str, advice: str) -> T:
        """Return what `probe` returns once it is neither None nor False; DrillError with `advice` after `timeout` seconds."""
        deadline = self.clock.monotonic() + timeout
        attempts = 0
        while True:
            attempts += 1
            self.lock.renew()
            found = probe()
            if found is not None and found is not False:
                return found
            if self.clock.monotonic() >= deadline:
                raise DrillError(f"timed out after {timeout:g} s waiting for {what} ({attempts} attempts): {advice}")
            self.clock.sleep(self.poll_seconds)

    def connect(self, instance: Instance) -> Connector:
        """Return a connector to an instance, with the target's credentials."""
        user = self.login.username or instance.master_username
        password = self.login.password or SecretStr("")  # libpq takes an empty one for none, and reads ~/.pgpass
        return connector(Endpoint(instance.host, instance.port, user, password, self.ca_bundle))
