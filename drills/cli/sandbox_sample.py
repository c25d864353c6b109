"""`drills sandbox up --sample`: a source, its backup and a service in a sandbox, and the drill.toml that names them.

With it `drills posture`, `drills backup` and `drills cutover` have something to work on. It is made as the stage of a run
makes its own, and goes with the sandbox.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

from drills.aws.session import Clients, identify, open_clients
from drills.checks import manifest
from drills.cli.common import CHECKOUT
from drills.clock import SystemClock
from drills.config.load import SandboxProfile, Target
from drills.errors import SandboxError
from drills.files import write_atomically
from drills.preflight.rights import DRILL
from drills.run import stage_service
from drills.run.source import SAMPLE, SourceMaker, beat
from drills.sandbox_client import SandboxControl

INSTANCE = "myappdbprod"  # as in the shipped drill.toml, which `drills posture` then can be called with as well
VAULT = "drills-vault"
RPO_SECONDS = 24 * 3600.0
BEATS = 5
POLL_SECONDS = 0.2
RETENTION_DAYS = 7
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

[targets.{instance}]
instance = "{instance}"
vault = "{vault}"
rto = "30m"
rpo = "24h"
preflight = {{ principal = "{principal}" }}
manifest = {manifest}
invariants = {invariants}
credentials = {{ secret_id = "{secret}" }}

[targets.{instance}.cutover]
services = ["{instance}/{instance}"]
public_url = "{url}"
marker = {marker}
database = "{database}"
journal = {journal}
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
        since = f"--discard-writes-since {self.made_at:%Y-%m-%dT%H:%M:%SZ}"
        return [
            f"{program} posture {config}",
            f"{program} preflight {config}",
            f"{program} backup {config} --retain 1d",
            f"{program} run {config} --profile {PROFILE}",
            f"{program} cutover plan {config}",
            f"{program} cutover run {config} {confirm}",
            f"{program} cutover rollback {config} {confirm} {since}",
        ]


def find(folder: Path) -> Sample | None:
    """Return the sample whose files lie in the folder; None where none was made to its end."""
    try:
        made_at = datetime.fromtimestamp((folder / CONFIG).stat().st_mtime, UTC)
    except FileNotFoundError:
        return None
    return Sample(folder / CONFIG, made_at)


def fill(folder: Path, ready: dict[str, Any]) -> Sample:
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
        _make(folder, clients, control, ready)
    except (ClientError, BotoCoreError, psycopg.Error, TimeoutError, OSError) as error:
        raise SandboxError(
            f"expected to make the sample in the sandbox, found: {' '.join(str(error).split())}"
        ) from error
    made = find(folder)
    assert made
    return made


def _make(folder: Path, clients: Clients, control: SandboxControl, ready: dict[str, Any]) -> None:
    target, ca, endpoint = Target(instance=INSTANCE, vault=VAULT), Path(ready["ca"]), ready["endpoint"]
    source = SourceMaker(INSTANCE, target, clients, clients, control, SystemClock(), ca, POLL_SECONDS)
    password = SecretStr(secrets.token_urlsafe(24))
    instance = source.make(None, password, retention=RETENTION_DAYS)
    database = str(control.load_seed(INSTANCE, SAMPLE)["database"])
    stage_service.keep_password(clients, INSTANCE, password)
    connect = source.connector(instance, password)
    beat(connect, database, BEATS)
    stored = folder / MANIFEST
    key = manifest.write_key(stored)
    write_atomically(stored, manifest.dump(manifest.take(connect, key=key), key))
    source.make_vaults()
    source.back_up(instance)
    source.plan_backups(instance, RPO_SECONDS)
    principal = make_role(clients)
    write_config(folder, endpoint, database, stage_service.deploy(clients, instance, database), principal)


def make_role(clients: Clients) -> str:
    """Return the ARN of a new role that may do what a drill does, and no more."""
    iam = clients.client("iam")
    trusts = {"Effect": "Allow", "Principal": {"AWS": clients.account}, "Action": "sts:AssumeRole"}
    allows = {"Effect": "Allow", "Action": list(DRILL), "Resource": "*"}
    trust, policy = (json.dumps({"Version": "2012-10-17", "Statement": [each]}) for each in (trusts, allows))
    arn: str = iam.create_role(RoleName=DRILL_ROLE, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName=DRILL_ROLE, PolicyName="drill", PolicyDocument=policy)
    return arn


def write_config(folder: Path, endpoint: str, database: str, url: str, principal: str) -> None:
    """Write the drill.toml of a sample in the sandbox at `endpoint`, whose service answers at `url` and uses `database`.

    `principal` is the role that a drill restores with.
    """
    text = _TOML.format(
        instance=INSTANCE,
        profile=PROFILE,
        endpoint=endpoint,
        vault=VAULT,
        manifest=_string(folder / MANIFEST),
        invariants=_string(CHECKOUT / "invariants"),
        secret=stage_service.secret_of(INSTANCE),
        url=url,
        principal=principal,
        marker=_string(stage_service.MARKER),
        database=database,
        journal=_string(folder / "cutover"),
    )
    write_atomically(folder / CONFIG, text)


def _string(value: object) -> str:
    """Return a text as TOML's basic string, which escapes as JSON does."""
    return json.dumps(str(value), ensure_ascii=False)
