"""`drills sandbox up --sample`: a source, its backup and a service in a sandbox, and the drill.toml that names them.

With it `drills posture`, `drills backup` and `drills cutover` have something to work on. It is made as the stage of a run
makes its own, and goes with the sandbox.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

from drills.aws.databases import kinds
from drills.aws.session import Clients, identify, open_clients
from drills.checks import manifest
from drills.checks.base.session import Connector
from drills.cli.common import CHECKOUT
from drills.clock import SystemClock
from drills.config.load import SandboxProfile, Target, targets_of
from drills.errors import ConfigError, SandboxError
from drills.files import write_atomically
from drills.model.instance import Instance
from drills.preflight.rights import of_drill
from drills.run import stage_service
from drills.run.source import SAMPLE, SourceMaker, beat
from drills.sandbox_client import SandboxControl

INSTANCE = "myappdbprod"  # as in the shipped drill.toml, which `drills posture` then can be called with as well
VAULT = "drills-vault"
RPO_SECONDS = 24 * 3600.0
BEATS = 5
POLL_SECONDS = 0.2
RETENTION_DAYS = 7
MOST_TARGETS = 30  # sources beside which the quota of instances (drills/sandbox/rds/quotas.py) leaves room for copies
PROFILE = "standing"  # with which a run drills this sandbox's instance, and starts no sandbox of its own
CONFIG, MANIFEST = "drill.toml", "manifest.json"
DRILL_ROLE = "drill"  # whose rights `drills preflight` foresees by
_TOML = """\
# Written by `drills sandbox up --sample` for this sandbox, and removed with it. Each key: docs/configuration.md.

[drill]
profile = "sandbox"
target = "{instance}"

[profiles.sandbox]
allow = ["cuts_over"]

[profiles.{profile}]
kind = "endpoint"
endpoint_url = "{endpoint}"
poll_every = "200ms"
{targets}
[targets.{instance}.cutover]
services = ["{instance}/{instance}"]
public_url = "{url}"
marker = {marker}
database = "{database}"
journal = {journal}
"""
_TARGET = """
[targets.{instance}]
instance = "{instance}"
vault = "{vault}"
rto = "30m"
rpo = "24h"
preflight = {{ principal = "{principal}" }}
manifest = {manifest}
invariants = {invariants}
credentials = {{ secret_id = "{secret}" }}
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """What was made in a sandbox: the configuration that names all of it, and when that was complete."""

    config: Path
    made_at: datetime

    def commands(self, program: str) -> list[str]:
        """Return the commands to try, for a shell that uses the sandbox; `program` is how `drills` is called there."""
        path = self.config.relative_to(Path.cwd()) if self.config.is_relative_to(Path.cwd()) else self.config
        config, confirm = f"--config {shlex.quote(str(path))}", f"--confirm {INSTANCE}"
        fleet = len(targets_of(self.config)) > 1
        since = f"--discard-writes-since {self.made_at:%Y-%m-%dT%H:%M:%SZ}"
        return [
            f"{program} posture {config}",
            f"{program} preflight {config}",
            f"{program} backup {config} --retain 1d",
            f"{program} run {config} --profile {PROFILE}",
            *([f"{program} run --all {config} --profile {PROFILE}"] if fleet else []),
            f"{program} cutover plan {config}",
            f"{program} cutover run {config} {confirm}",
            f"{program} cutover rollback {config} {confirm} {since}",
        ]


def find(folder: Path, targets: int | None = None) -> Sample | None:
    """Return the sample whose files lie in the folder; None where none was made to its end.

    Raises ConfigError where it has not as many sources as were asked for; None asks for no number.
    """
    try:
        made_at = datetime.fromtimestamp((folder / CONFIG).stat().st_mtime, UTC)
    except FileNotFoundError:
        return None
    if targets is not None and targets != (has := len(targets_of(folder / CONFIG))):
        raise ConfigError(
            f"--targets: expected {has}, as the sample that is there has, found {targets}: type drills sandbox down first"
        )
    return Sample(folder / CONFIG, made_at)


def names_of(targets: int) -> tuple[str, ...]:
    """Return the names of so many sources; the first is the one that the service uses. Pure."""
    return (INSTANCE, *(f"{INSTANCE}-{number:02d}" for number in range(2, targets + 1)))


def check_targets(targets: int, *, sampled: bool) -> None:
    """Refuse a number of sources that the sandbox has no room for, or that belongs to no sample. Raises ConfigError."""
    if not sampled:
        raise ConfigError(
            "--targets: expected --sample beside it, found it alone: it says how many sources a sample has"
        )
    if not 1 <= targets <= MOST_TARGETS:
        raise ConfigError(
            f"--targets: expected 1 to {MOST_TARGETS}, found {targets}: the sandbox holds 40 instances, as an account does, and "
            "drills need room for their copies"
        )


def fill(folder: Path, ready: dict[str, Any], targets: int = 1) -> Sample:
    """Make the sample in the sandbox that printed `ready`, with its files in `folder`. Raises SandboxError.

    The configuration is written last: where it is, the sample is whole.
    """
    control = SandboxControl(ready["endpoint"])
    if INSTANCE in control.health()["instances"]:
        raise SandboxError(
            f"expected no instance {INSTANCE} before the sample is made, found one; end this sandbox first, or choose "
            "another --name"
        )
    try:
        clients = identify(
            open_clients(SandboxProfile(), environment=os.environ, endpoint_url=ready["endpoint"], role="stage")
        )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _Maker(folder, clients, control, ready).make(names_of(targets))
    except (ClientError, BotoCoreError, psycopg.Error, TimeoutError, OSError) as error:
        raise SandboxError(
            f"expected to make the sample in the sandbox, found: {' '.join(str(error).split())}"
        ) from error
    made = find(folder)
    assert made
    return made


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the sources of a sample in the sandbox that printed `ready`."""

    folder: Path
    clients: Clients
    control: SandboxControl
    ready: dict[str, Any]

    def make(self, names: Sequence[str]) -> None:
        """Make the sources, their backups, the service of the first one, and the configuration that names all of it."""
        first = self._maker(INSTANCE)
        first.make_vaults()
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:  # each is an instance of its own
            sources = list(pool.map(self._source, names))
        instance, database = sources[0]
        principal = make_role(self.clients)
        url = stage_service.deploy(self.clients, instance, database)
        write_config(self.folder, self.ready["endpoint"], database, url, principal, names[1:])

    def _maker(self, name: str) -> SourceMaker:
        target, ca = Target(instance=name, vault=VAULT), Path(self.ready["ca"])
        return SourceMaker(name, target, self.clients, self.clients, self.control, SystemClock(), ca, POLL_SECONDS)

    def _source(self, name: str) -> tuple[Instance, str]:
        """Make one source with its data, its manifest, its backup and its plan; the instance and its database."""
        source, password = self._maker(name), SecretStr(secrets.token_urlsafe(24))
        instance = source.make(None, password, retention=RETENTION_DAYS)
        database = str(self.control.load_seed(name, SAMPLE)["database"])
        stage_service.keep_password(self.clients, name, password)
        connect = source.connector(instance, password)
        beat(connect, database, BEATS)
        _take_manifest(self.folder / manifest_of(name), connect)
        source.back_up(instance)
        source.plan_backups(instance, RPO_SECONDS)
        return instance, database


def _take_manifest(path: Path, connect: Connector) -> None:
    key = manifest.write_key(path)
    write_atomically(path, manifest.dump(manifest.take(connect, key=key), key))


def manifest_of(name: str) -> str:
    """Return the name of a source's manifest. Pure."""
    return MANIFEST if name == INSTANCE else f"manifest-{name}.json"


def make_role(clients: Clients) -> str:
    """Return the ARN of a new role that may do what a drill does, and no more."""
    iam = clients.client("iam")
    trusts = {"Effect": "Allow", "Principal": {"AWS": clients.account}, "Action": "sts:AssumeRole"}
    allows = {"Effect": "Allow", "Action": list(of_drill(kinds.INSTANCE)), "Resource": "*"}
    trust, policy = (json.dumps({"Version": "2012-10-17", "Statement": [each]}) for each in (trusts, allows))
    arn: str = iam.create_role(RoleName=DRILL_ROLE, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName=DRILL_ROLE, PolicyName="drill", PolicyDocument=policy)
    return arn


def write_config(
    folder: Path, endpoint: str, database: str, url: str, principal: str, others: Sequence[str] = ()
) -> None:
    """Write the drill.toml of a sample in the sandbox at `endpoint`, whose service answers at `url` and uses `database`.

    `principal` is the role that a drill restores with, `others` are the sources without a service.
    """
    targets = (
        _TARGET.format(
            instance=name,
            vault=VAULT,
            principal=principal,
            manifest=_string(folder / manifest_of(name)),
            invariants=_string(CHECKOUT / "invariants"),
            secret=stage_service.secret_of(name),
        )
        for name in (INSTANCE, *others)
    )
    text = _TOML.format(
        instance=INSTANCE,
        profile=PROFILE,
        endpoint=endpoint,
        targets="".join(targets),
        url=url,
        marker=_string(stage_service.MARKER),
        database=database,
        journal=_string(folder / "cutover"),
    )
    write_atomically(folder / CONFIG, text)


def _string(value: object) -> str:
    """Return a text as TOML's basic string, which escapes as JSON does."""
    return json.dumps(str(value), ensure_ascii=False)
