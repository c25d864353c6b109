"""A source at an endpoint of this machine: an instance with the sample application, a canary, a manifest and a backup."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

from drills.aws import read as aws
from drills.aws.calls.outcome import is_unsupported
from drills.aws.remedies import error_text, explain
from drills.aws.session import Clients, identify, open_clients
from drills.aws.wait import wait_available
from drills.checks import manifest
from drills.checks.base.session import Connector
from drills.cli.common import CHECKOUT
from drills.clock import Clock, wait_until
from drills.config.load import EndpointProfile, Target
from drills.errors import DrillError
from drills.files import write_atomically
from drills.model.instance import Instance
from drills.recovery.connect import Endpoint, connector
from drills.run.source import MASTER, SourceMaker, beat
from drills.sandbox.seeds import sample
from drills.sandbox_client import SandboxControl
from drills.sql import execute

TARGET, PROFILE = "sample", "localstack"
WITHIN = 600.0  # seconds for the instance, and again for its backup
CONNECTED_WITHIN = 60.0  # seconds from "available" to the first session
BEATS = 5
_POLL = 0.5  # seconds
_TOML = """\
[drill]
profile = "{profile}"
target = "{target}"

[profiles.{profile}]
kind = "endpoint"
endpoint_url = {url}
poll_every = "500ms"

[targets.{target}]
instance = "{instance}"
{vault}rto = "30m"
rpo = "24h"
manifest = {manifest}
invariants = {invariants}
"""


@dataclass(slots=True)
class Made:
    """What was made at the endpoint, with how each is removed, newest last; `vault` "" where an RDS snapshot is the backup."""

    clients: Clients
    name: str
    vault: str = ""
    why_no_vault: str = ""
    removals: list[tuple[str, Callable[[], object]]] = field(default_factory=list)

    def remove(self) -> list[str]:
        """Remove all of it; return a sentence for each thing that is still there."""
        left = []
        for what, removal in reversed(self.removals):
            try:
                removal()
            except (ClientError, BotoCoreError) as error:
                left.append(f"{what} is still there: {error_text(error)}")
        return left


def open_endpoint(url: str) -> Clients:
    """Return clients that may make the source, for an endpoint of this machine alone; asks STS."""
    return identify(open_clients(EndpointProfile(endpoint_url=url), environment=os.environ, role="stage"))


def make(made: Made, folder: Path, url: str, clock: Clock, *, has_backup: bool) -> Path:
    """Make the source; return the drill.toml that names it, in `folder`. DrillError with the first thing that went wrong."""
    try:
        instance, connect = _make_instance(made, clock)
        _load(connect)
        stored = folder / "manifest.json"
        key = manifest.write_key(stored)
        write_atomically(stored, manifest.dump(manifest.take(connect, key=key), key))
        _back_up(made, instance, clock, has_backup=has_backup)
    except (ClientError, BotoCoreError) as error:
        raise DrillError(
            f"expected to make a source at {url}, found: {explain(error, 'see the log of the endpoint')}"
        ) from error
    except TimeoutError as error:
        raise DrillError(f"expected to make a source at {url}, found: {error}: see the log of the endpoint") from error
    config = folder / "drill.toml"
    config.write_text(_toml(made, url, stored), encoding="utf-8")
    return config


def _toml(made: Made, url: str, stored: Path) -> str:
    return _TOML.format(
        profile=PROFILE,
        target=TARGET,
        url=json.dumps(url),
        instance=made.name,
        vault=f'vault = "{made.vault}"\n' if made.vault else "",
        manifest=json.dumps(str(stored)),
        invariants=json.dumps(str(CHECKOUT / "invariants")),
    )


def _make_instance(made: Made, clock: Clock) -> tuple[Instance, Connector]:
    rds, password = made.clients.rds, SecretStr(secrets.token_urlsafe(24))
    rds.create_db_instance(
        DBInstanceIdentifier=made.name,
        DBInstanceClass="db.t4g.medium",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername=MASTER,
        MasterUserPassword=password.get_secret_value(),
        DBName=sample.DATABASE,
        BackupRetentionPeriod=1,
    )
    made.removals.append(
        (
            f"instance {made.name}",
            lambda: rds.delete_db_instance(DBInstanceIdentifier=made.name, SkipFinalSnapshot=True),
        )
    )
    instance = wait_available(
        lambda: aws.describe_instance(made.clients, made.name),
        clock,
        every=_POLL,
        timeout=WITHIN,
        key="WITHIN of drills/cli/localstack/source.py",
        on_change=lambda _: None,
    )
    ca = os.environ.get("PGSSLROOTCERT")  # of a standing sandbox, as `drills sandbox up` says it
    endpoint = Endpoint(instance.host, instance.port, instance.master_username, password, Path(ca) if ca else None)
    connect, last = connector(endpoint), [""]

    def answers() -> bool:
        try:
            connect(sample.DATABASE).close()
        except psycopg.OperationalError as error:
            last[0] = " ".join(str(error).split())
            return False
        return True

    try:
        wait_until(answers, CONNECTED_WITHIN, clock, every=_POLL, what="the source")
    except TimeoutError as error:
        raise DrillError(
            f"expected a PostgreSQL behind the instance {made.name}, whose status is {instance.status}, found: {last[0]}: an "
            "endpoint whose RDS holds no data cannot be drilled"
        ) from error
    return instance, connect


def _load(connect: Connector) -> None:
    with connect(sample.DATABASE) as session:
        for role in sample.ROLES:
            execute(session, f"create role {role}")
        for _, script in sample.scripts():
            execute(session, script)
    beat(connect, sample.DATABASE, BEATS)


def _back_up(made: Made, instance: Instance, clock: Clock, *, has_backup: bool) -> None:
    """Back up through AWS Backup where the endpoint has it whole, else as a snapshot of RDS, and say why."""
    if not has_backup:
        made.why_no_vault = "its edition has no AWS Backup"
    else:
        try:
            _back_up_in_vault(made, instance, clock)
        except ClientError as error:
            if not is_unsupported(error):
                raise
            made.vault, made.why_no_vault = "", error_text(error)
    if not made.vault:
        _snapshot(made, clock)


def _back_up_in_vault(made: Made, instance: Instance, clock: Clock) -> None:
    backup, vault = made.clients.backup, f"{made.name}-vault"
    target = Target(instance=made.name, vault=vault)
    # the control is asked where the instance fails, which it has not
    maker = SourceMaker(TARGET, target, made.clients, made.clients, SandboxControl(""), clock, Path(), _POLL)
    backup.create_backup_vault(BackupVaultName=vault)
    made.removals.append((f"vault {vault}", lambda: backup.delete_backup_vault(BackupVaultName=vault)))
    point = maker.back_up(instance)
    made.removals.append(
        (
            f"recovery point {point}",
            lambda: backup.delete_recovery_point(BackupVaultName=vault, RecoveryPointArn=point),
        )
    )
    maker.plan_backups(instance, 24 * 3600.0)
    made.vault = vault


def _snapshot(made: Made, clock: Clock) -> None:
    rds, name = made.clients.rds, f"{made.name}-nightly"
    rds.create_db_snapshot(DBInstanceIdentifier=made.name, DBSnapshotIdentifier=name)
    made.removals.append((f"snapshot {name}", lambda: rds.delete_db_snapshot(DBSnapshotIdentifier=name)))
    wait_until(
        lambda: aws.snapshot_status(made.clients, name) == "available",
        WITHIN,
        clock,
        every=_POLL,
        what=f"the snapshot {name} to be available",
    )
