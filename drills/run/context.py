"""What the processes of one run tell each other: the choices of the command line, and where the local AWS answers.

`.context.json` in the run's folder holds the choices, `.service.json` what the sandbox printed when it was ready. Both
are readable by their owner only and gone when the run has ended. The password of a seed's URL stands in the former until
the seed has been loaded.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from drills.aws import session
from drills.aws.session import Clients
from drills.checks import manifest
from drills.checks.owner import invariants
from drills.checks.owner.invariants import InvariantSet
from drills.clock import SystemClock
from drills.config import load as config
from drills.config.load import Config
from drills.errors import SandboxError
from drills.files import write_privately
from drills.model.record import Expectation
from drills.record import Journal
from drills.recovery.connect import NotResolved, Resolver
from drills.recovery.drill import Drill
from drills.recovery.restore import Setup
from drills.run.plan import SERVICE_NAME
from drills.sandbox_client import SandboxControl

CONTEXT_NAME = ".context.json"
MANIFEST_NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class Choices:
    """What the caller asked for, as text; `overrides` maps option names to values (drills.config.load.OPTIONS).

    `history` is where the run is added when it has ended; without it none is kept.
    """

    config_file: str | None = None
    profile: str | None = None
    target: str | None = None
    overrides: dict[str, str] = field(default_factory=dict)
    seed: str = ""
    confirmed: bool = False
    damage: tuple[str, ...] = ()
    scenario: str | None = None
    features: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    history: str = ""
    manifest_of: str = ""  # what the stage adds: the ARN of the point that the manifest was taken for
    moment: str = ""  # and the moment that it crossed, with the database that it did so in
    moment_database: str = ""

    def uses_demo_data(self, effective: Config) -> bool:
        """Return whether the source holds the sample application, which the target's own queries may be written for."""
        return effective.profile.kind == "sandbox" and not self.seed

    def effective(self) -> Config:
        """The configuration that follows from the choices, the file and the environment. Raises ConfigError."""
        return config.load(
            Path(self.config_file) if self.config_file else None,
            profile=self.profile,
            target=self.target,
            overrides=self.overrides,
            environment=os.environ,
        )

    def own_features(self, effective: Config) -> tuple[Path, ...]:
        """Return the folders with features of the owner's: the target's, then those of --features."""
        return _absolute((*effective.target.features, *self.features))

    def own_steps(self, effective: Config) -> tuple[Path, ...]:
        """Return the step modules of the owner's: the target's, then those of --steps."""
        return _absolute((*effective.target.steps, *self.steps))

    def rules(self, effective: Config) -> InvariantSet:
        """What the copy is held against of its owner's rules. Raises ConfigError where a file says nothing.

        A seed is other data than the target's, so that the rules of the file say nothing of it; --invariants does.
        """
        folder = effective.target.invariants
        if folder is None:
            return InvariantSet()
        if self.seed and "--invariants" not in self.overrides:
            return InvariantSet(reason=invariants.OF_OTHER_DATA)
        return InvariantSet(invariants.load(Path(folder)))


def _absolute(paths: Iterable[str]) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(Path(path).absolute() for path in paths))


@dataclass(frozen=True, slots=True)
class Service:
    """Where the local AWS answers, and the certificate authority of its servers."""

    endpoint: str
    ca: str


def save(folder: Path, choices: Choices) -> None:
    """Write the choices where the run's processes find them."""
    write_privately(folder / CONTEXT_NAME, json.dumps(dataclasses.asdict(choices)))


def shown(seed: str) -> str:
    """A seed as a report may show it: a URL without user, password and options, a file by its name."""
    if "://" not in seed:
        return Path(seed).name
    scheme, _, rest = seed.partition("://")
    return f"{scheme}://{rest.rsplit('@', 1)[-1].split('?', 1)[0]}"


def read(folder: Path) -> Choices:
    """The choices of the run in this folder."""
    raw = json.loads((folder / CONTEXT_NAME).read_text(encoding="utf-8"))
    return Choices(**raw | {name: tuple(raw[name]) for name in ("damage", "features", "steps")})


def service_of(folder: Path) -> Service | None:
    """The run's local AWS; None where the profile has none."""
    try:
        raw = json.loads((folder / SERVICE_NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Service(raw["endpoint"], raw["ca"])


def leave_of(folder: Path) -> tuple[str, tuple[str, ...]]:
    """The profile's name, and the tags of scenarios that it allows although they damage or cut over."""
    effective = read(folder).effective()
    return effective.profile_name, effective.profile.allow


def promises_posture(folder: Path) -> bool:
    """Whether the run makes the promises about the posture: where the target asks for it, and in the sandbox."""
    effective = read(folder).effective()
    asked = effective.target.posture.promised
    return effective.profile.kind == "sandbox" if asked is None else asked


def open_setup(folder: Path, journal: Journal) -> Setup:
    """Clients and settings of the run in this folder."""
    choices = read(folder)
    effective = choices.effective()
    service = service_of(folder)
    clients, scratch_clients = identified_clients(effective, service)
    bundle = effective.target.restore.ca_bundle or (service.ca if service else None)
    return Setup(
        name=effective.target_name,
        target=effective.target,
        clients=clients,
        scratch_clients=scratch_clients,
        journal=journal,
        clock=SystemClock(),
        poll_seconds=effective.profile.poll_every.total_seconds(),
        ca_bundle=Path(bundle) if bundle else None,
        scenario=choices.scenario,
        expectation=_expectation(folder, effective),
        manifest_of=choices.manifest_of,
        rules=choices.rules(effective),
        resolve=late_names(SandboxControl(service.endpoint)) if service else None,
        uses_demo_data=choices.uses_demo_data(effective),
    )


def late_names(control: SandboxControl) -> Resolver:
    """A resolver for instances of the sandbox: their name is `localhost`, which is never late, so the sandbox is asked."""

    def resolve(host: str, port: int) -> None:
        if not control.resolves(port):
            raise NotResolved(f"failed to resolve host {host!r}: the name of the instance on port {port} is late")

    return resolve


def clients_of(effective: Config, service: Service | None) -> tuple[Clients, Clients]:
    """Clients for the side of the source, and for the side that copies are restored on; often the same account."""
    url = service.endpoint if service else None
    restore = effective.target.restore
    source = session.open_clients(effective.profile, environment=os.environ, endpoint_url=url)
    if not (restore.role_arn or restore.region):
        return source, source
    return source, session.open_clients(effective.profile, environment=os.environ, endpoint_url=url, restore=restore)


def identified_clients(effective: Config, service: Service | None) -> tuple[Clients, Clients]:
    """The same, each with the account that it acts in; asks STS."""
    source, scratch = clients_of(effective, service)
    named = session.identify(source)
    return named, named if scratch is source else session.identify(scratch)


def _expectation(folder: Path, effective: Config) -> Expectation:
    if (folder / MANIFEST_NAME).exists():
        return "at backup"
    return "stored" if effective.target.manifest else "none"


def open_drill(folder: Path, journal: Journal) -> Drill:
    """The drill of the run in this folder, with what its copy must contain where that is known."""
    setup = open_setup(folder, journal)
    stored = {"at backup": folder / MANIFEST_NAME, "stored": Path(setup.target.manifest or "")}.get(setup.expectation)
    if stored is None:
        return Drill(setup, None)
    return Drill(setup, manifest.load(stored.read_text(encoding="utf-8"), str(stored)), manifest.read_key(stored))


def open_control(folder: Path) -> SandboxControl:
    """The controls of the run's local AWS. SandboxError where the run has none."""
    service = service_of(folder)
    if service is None:
        raise SandboxError("expected a run in the sandbox, found another profile: backups are damaged there only")
    return SandboxControl(service.endpoint)


def local_server(folder: Path, instance: str) -> int | None:
    """The process id of an instance's server where that runs on this machine, that is in the sandbox; else None."""
    service = service_of(folder)
    pid = SandboxControl(service.endpoint).instance(instance)["pid"] if service else None
    return int(pid) if pid else None
