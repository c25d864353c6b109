"""The context that the processes of one run share: the options of the command line, and the address of the local AWS.

`.context.json` in the run's folder holds the options, `.service.json` what the sandbox printed when it was ready. Both
are readable by their owner only and gone when the run has ended. The password of a seed's URL stands in the former until
the seed has been loaded.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from drills.aws.guarded.permits import Role
from drills.aws.recorder import CallRecorder
from drills.aws.session import Clients, identify
from drills.aws.sides import open_restore, open_source
from drills.checks import manifest
from drills.checks.base.statements import STATEMENTS_NAME, StatementLog
from drills.checks.observed import OBSERVED_NAME, Observations
from drills.checks.owner import invariants
from drills.checks.owner.invariants import InvariantSet
from drills.clock import SystemClock
from drills.config import load as config
from drills.config.load import Config
from drills.config.written import write_target
from drills.errors import ConfigError, SandboxError
from drills.files import write_privately
from drills.model.record import Expectation
from drills.notebook import Notebook
from drills.record import Journal
from drills.recovery.bucket.drill import BucketDrill
from drills.recovery.connect import NotResolved, Resolver
from drills.recovery.drill import Drill
from drills.recovery.file_system.drill import FileSystemDrill
from drills.recovery.manifest.expected import FindManifest
from drills.recovery.observed import Configuration
from drills.recovery.setup import Setup
from drills.recovery.table.drill import TableDrill
from drills.recovery.volume.drill import VolumeDrill
from drills.redaction import check_url, holds_secret, show_address
from drills.run.plan import CONTEXT_NAME, SERVICE_NAME
from drills.sandbox_client import SandboxControl
from drills.tables import manifest as table_manifest

MANIFEST_NAME = "manifest.json"
STORED_NAME = ".manifest.json"  # a copy of the target's own, which becomes MANIFEST_NAME when the run has ended


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of the command line, as text; `overrides` maps option names to values (drills.config.load.OPTIONS).

    `history` is where the run is added when it has ended; without it none is kept.
    """

    config_file: str | None = None
    profile: str | None = None
    target: str | None = None
    overrides: dict[str, str] = field(default_factory=dict)
    seed: str = field(default="", repr=False)  # a URL may hold a password
    database: str = ""  # of a seed that has several
    trust_seed: bool = False
    confirmed: bool = False
    damage: tuple[str, ...] = ()
    scenario: str | None = None
    features: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    history: str = ""
    resume: str = ""  # the id of the run whose copy this one goes on with
    manifest_of: str = ""  # added by the stage: the ARN of the point that the manifest was taken for
    moment: str = ""  # added by the stage: the marked moment, and the database that it was marked in
    moment_database: str = ""

    def uses_demo_data(self, effective: Config) -> bool:
        """Return whether the source holds the sample application, which the target's own queries may be written for."""
        return effective.profile.kind == "sandbox" and not self.seed

    def effective(self) -> Config:
        """Return the configuration that follows from the choices, the file and the environment. Raises ConfigError."""
        return config.load(
            Path(self.config_file) if self.config_file else None,
            profile=self.profile,
            target=self.target,
            overrides=self.overrides,
            environment=os.environ,
            tables=True,
        )

    def own_features(self, effective: Config) -> tuple[Path, ...]:
        """Return the folders with features of the owner's: the target's, then those of --features."""
        return _absolute((*effective.target.features, *self.features))

    def own_steps(self, effective: Config) -> tuple[Path, ...]:
        """Return the step modules of the owner's: the target's, then those of --steps."""
        return _absolute((*effective.target.steps, *self.steps))

    def rules(self, effective: Config) -> InvariantSet:
        """Return the owner's rules that the copy is checked against. Raises ConfigError for a file without one.

        A seed holds other data than the target, so that the rules of the file do not apply to it; --invariants does.
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
class LocalAws:
    """The address of the local AWS, and the certificate authority of its servers."""

    endpoint: str
    ca: str


def save(folder: Path, choices: RunOptions) -> None:
    """Write the choices where the run's processes find them."""
    write_privately(folder / CONTEXT_NAME, json.dumps(dataclasses.asdict(choices)))


def check_seed(seed: str) -> None:
    """Refuse a seed that is neither a file nor a URL that libpq reads as it was meant. Raises ConfigError without quoting it."""
    if "://" in seed:
        if not seed.startswith(("postgresql://", "postgres://")):
            raise ConfigError(
                f"--seed: expected a file or a URL postgresql://user@host/database, found {show_address(seed)}"
            )
        check_url(seed, "--seed")
    elif holds_secret(seed) and not Path(seed).exists():
        raise ConfigError(
            "--seed: expected a file or a URL postgresql://user@host/database, found neither: it looks like a connection "
            "string, and is not repeated since it may hold a password"
        )


def read(folder: Path) -> RunOptions:
    """Return the choices of the run in this folder."""
    raw = json.loads((folder / CONTEXT_NAME).read_text(encoding="utf-8"))
    return RunOptions(**raw | {name: tuple(raw[name]) for name in ("damage", "features", "steps")})


def local_aws_of(folder: Path) -> LocalAws | None:
    """Return the run's local AWS; None where the profile has none."""
    try:
        raw = json.loads((folder / SERVICE_NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return LocalAws(raw["endpoint"], raw["ca"])


def allowed_tags(folder: Path) -> tuple[str, tuple[str, ...]]:
    """Return the profile's name, and the guarded tags of scenarios that it allows."""
    effective = read(folder).effective()
    return effective.profile_name, effective.profile.allow


def judges_posture(folder: Path) -> bool:
    """Return whether the run judges the posture: where the target asks for it, else in the sandbox alone."""
    effective = read(folder).effective()
    asked = False if not effective.target.is_database else effective.target.posture.promised
    return effective.profile.kind == "sandbox" if asked is None else asked


def open_setup(folder: Path, journal: Journal, process: str = "features") -> Setup:
    """Return clients and settings of the run in this folder, for one of its processes."""
    choices = read(folder)
    effective = choices.effective()
    service = local_aws_of(folder)
    recorder = CallRecorder(folder, process, missed=journal.miss)
    clients, scratch_clients = identified_clients(effective, service, recorder, "scratch")
    # the certificate authority of a standing sandbox, as `drills sandbox up` says it
    standing = os.environ.get("PGSSLROOTCERT") if effective.simulated else None
    bundle = effective.target.restore.ca_bundle or (service.ca if service else standing)
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
        resolve=late_name_resolver(SandboxControl(service.endpoint)) if service else None,
        uses_demo_data=choices.uses_demo_data(effective),
        observations=observations_of(folder),
        history=Path(choices.history) if choices.history else None,
    )


def setup_of_one(effective: Config, sides: tuple[Clients, Clients], journal: Journal, url: str | None) -> Setup:
    """Return the settings of a command that checks one copy and is no run; `url` is where a standing sandbox answers.

    Raises ConfigError for invariants that cannot be read.
    """
    target, (clients, scratch_clients) = effective.target, sides
    # the certificate authority of a standing sandbox, as `drills sandbox up` says it
    bundle = target.restore.ca_bundle or (os.environ.get("PGSSLROOTCERT") if effective.simulated else None)
    return Setup(
        name=effective.target_name,
        target=target,
        clients=clients,
        scratch_clients=scratch_clients,
        journal=journal,
        clock=journal.clock,
        poll_seconds=effective.profile.poll_every.total_seconds(),
        ca_bundle=Path(bundle) if bundle else None,
        expectation="stored" if target.manifest else "none",
        rules=InvariantSet(invariants.load(Path(target.invariants))) if target.invariants else InvariantSet(),
        resolve=late_name_resolver(SandboxControl(url)) if url else None,
        observations=observations_of(journal.folder),
    )


def note_configuration(folder: Path, effective: Config, choices: RunOptions, changed: tuple[str, ...]) -> None:
    """Note what the run in this folder judges by; `changed` names shipped features that are not as they are shipped."""
    profile, target = effective.profile, write_target(effective.target)
    noted = Configuration(effective.target_name, target, profile.kind, profile.region, choices.scenario, changed)
    observations_of(folder).note("", "", noted)


def observations_of(folder: Path) -> Observations:
    """Return what notes the observations of the run in this folder, and the statements of its checks."""
    return Observations(Notebook(folder / OBSERVED_NAME), statements=StatementLog(Notebook(folder / STATEMENTS_NAME)))


def late_name_resolver(control: SandboxControl) -> Resolver:
    """Return a resolver for instances of the sandbox: their name is `localhost`, so that late names are asked of the sandbox."""

    def resolve(host: str, port: int) -> None:
        if not control.resolves(port):
            raise NotResolved(f"failed to resolve host {host!r}: the name of the instance on port {port} is late")

    return resolve


def clients_of(
    effective: Config, service: LocalAws | None, recorder: CallRecorder | None = None, role: Role = "reads"
) -> tuple[Clients, Clients]:
    """Return clients for the source's side, and for the side that copies are restored on; often one account.

    `role` is what the latter may send. The former read, unless a scene is set in the sandbox ("stage").
    """
    url = service.endpoint if service else None
    source = open_source(effective, url, recorder, "stage" if role == "stage" else "reads")
    return source, open_restore(effective, source, url, role)


def identified_clients(
    effective: Config, service: LocalAws | None, recorder: CallRecorder | None = None, role: Role = "reads"
) -> tuple[Clients, Clients]:
    """Return the same clients, each with the account that it acts in; asks STS."""
    source, scratch = clients_of(effective, service, recorder, role)
    named = identify(source)
    if effective.target.restore.apart:
        return named, identify(scratch)
    return named, dataclasses.replace(scratch, account=named.account)


def _expectation(folder: Path, effective: Config) -> Expectation:
    if (folder / MANIFEST_NAME).exists():
        return "at backup"
    return "stored" if effective.target.manifest else "none"


def open_drill(folder: Path, journal: Journal, search: Callable[[Setup, Config], FindManifest | None]) -> Drill:
    """Return the drill of the run in this folder, with what its copy must contain where that is known.

    `search` gives what searches the store of manifests that the target names, None where there is none to search.
    """
    setup = open_setup(folder, journal)
    setup = dataclasses.replace(setup, find_manifest=search(setup, read(folder).effective()))
    stored = {"at backup": folder / MANIFEST_NAME, "stored": Path(setup.target.manifest or "")}.get(setup.expectation)
    if stored is None:
        return Drill(setup, None)
    if setup.expectation == "stored":  # it lies outside of the run's folder, and is evidence of it
        shutil.copyfile(stored, folder / STORED_NAME)
    key = manifest.read_key(stored)
    return Drill(setup, manifest.load(stored.read_text(encoding="utf-8"), str(stored), key), key)


def open_table_drill(folder: Path, journal: Journal) -> TableDrill:
    """Return the drill of the run in this folder, of a DynamoDB table, with what its copy must contain where that is known."""
    setup = _with_role(open_setup(folder, journal), folder)
    stored = {"at backup": folder / MANIFEST_NAME, "stored": Path(setup.target.manifest or "")}.get(setup.expectation)
    if stored is None:
        return TableDrill(setup, None)
    text = stored.read_text(encoding="utf-8")
    if setup.expectation == "stored":  # it lies outside of the run's folder, and is evidence of it
        write_privately(folder / STORED_NAME, text)
    return TableDrill(setup, table_manifest.from_json(text, str(stored)))


def open_volume_drill(folder: Path, journal: Journal) -> VolumeDrill:
    """Return the drill of the run in this folder, of an EBS volume."""
    return VolumeDrill(_with_role(open_setup(folder, journal), folder))


def open_file_system_drill(folder: Path, journal: Journal) -> FileSystemDrill:
    """Return the drill of the run in this folder, of an EFS file system."""
    return FileSystemDrill(_with_role(open_setup(folder, journal), folder))


def open_bucket_drill(folder: Path, journal: Journal) -> BucketDrill:
    """Return the drill of the run in this folder, of an S3 bucket."""
    return BucketDrill(_with_role(open_setup(folder, journal), folder))


def _with_role(setup: Setup, folder: Path) -> Setup:
    """Return the same with a role to restore with, where any will do: in the sandbox."""
    if local_aws_of(folder) is not None and setup.target.restore.backup_role_arn is None:  # where any role will do
        role = f"arn:aws:iam::{setup.clients.account}:role/drills-backup-role"
        restore = setup.target.restore.model_copy(update={"backup_role_arn": role})
        setup = dataclasses.replace(setup, target=setup.target.model_copy(update={"restore": restore}))
    return setup


def open_control(folder: Path) -> SandboxControl:
    """Return the controls of the run's local AWS. SandboxError where the run has none."""
    service = local_aws_of(folder)
    if service is None:
        raise SandboxError("expected a run in the sandbox, found another profile: backups are damaged there only")
    return SandboxControl(service.endpoint)


def local_server_pid(folder: Path, instance: str) -> int | None:
    """Return the process id of an instance's server where that runs on this machine, that is in the sandbox; else None."""
    service = local_aws_of(folder)
    pid = SandboxControl(service.endpoint).instance(instance)["pid"] if service else None
    return int(pid) if pid else None
