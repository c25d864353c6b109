"""A staged source in the running sandbox, and drills of it through the engine's own API."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from drills.aws import read as aws
from drills.aws import session
from drills.aws.session import Clients
from drills.aws.wait import wait_available
from drills.checks import manifest
from drills.checks.manifest import Manifest
from drills.clock import SystemClock, wait_until
from drills.config.load import Target
from drills.model.instance import Instance
from drills.model.record import RunRecord, TargetSummary
from drills.record import Journal, load, new_run_id
from drills.recovery.connect import Endpoint, connector
from drills.recovery.drill import Drill
from drills.recovery.setup import Setup
from drills.run import context, stage
from drills.run.plan import SERVICE_NAME
from tests.support.sandbox import RunningSandbox

POLL = 0.03  # seconds
INSTANCE, VAULT = "drilled", "drilled-vault"
CONFIG = f"""
[drill]
profile = "sandbox"
target = "{INSTANCE}"
[profiles.sandbox]
poll_every = "{POLL * 1000:g}ms"
[targets.{INSTANCE}]
instance = "{INSTANCE}"
vault = "{VAULT}"
rto = "5m"
rpo = "24h"
timeout = "60s"
time_to_live = "90m"
tags = {{ team = "orders" }}
"""


@dataclass(frozen=True)
class Running:
    """A drill that can be asked, and the record that it writes."""

    drill: Drill
    setup: Setup

    @property
    def record(self) -> RunRecord:
        """What the record holds on disk, which is what a process that came later would know."""
        return load(self.setup.journal.folder)


@dataclass(frozen=True)
class Staged:
    """A source that was filled, fingerprinted, backed up and written on; `stored` is what its copy must contain."""

    sandbox: RunningSandbox
    folder: Path
    target: Target
    stored: Manifest
    key: bytes | None

    def clients(self) -> Clients:
        """New clients of the sandbox, so that a test may spoil or watch its own."""
        service = context.LocalAws(self.sandbox.endpoint, self.sandbox.ca)
        return context.identified_clients(context.read(self.folder).effective(), service, role="stage")[0]

    @cached_property
    def asking(self) -> Clients:
        """The clients that the stage itself asks with; to open seven takes longer than most questions."""
        return self.clients()

    def setup(
        self,
        folder: Path,
        *,
        clients: Clients | None = None,
        scenario: str | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> Setup:
        """What a drill in a folder of its own works with; `changes` replaces fields of the target."""
        changed = self.target.model_copy(update=dict(changes or {}))
        clock = SystemClock()
        started = clock.now()
        opening = RunRecord(
            schema_version=1,
            run_id=new_run_id(started),
            profile="sandbox",
            simulated=True,
            started_at=started,
            tool_version="0",
            target=TargetSummary(INSTANCE, changed.instance, changed.vault),
            objectives=changed.objectives(scenario),
        )
        journal = Journal.create(folder, opening, origin=clock.monotonic())
        used = clients or self.clients()
        ca = Path(self.sandbox.ca)
        return Setup(INSTANCE, changed, used, used, journal, clock, POLL, ca, scenario, "at backup")

    @contextmanager
    def drill(self, folder: Path, **options: Any) -> Iterator[Running]:
        """A drill of the source, cleaned up after; `options` are those of `setup`."""
        setup = self.setup(folder, **options)
        running = Running(Drill(setup, self.stored, self.key), setup)
        setup.journal.enter("begin")
        try:
            yield running
        finally:
            left = Drill(dataclasses.replace(setup, clients=self.asking, scratch_clients=self.asking), None).clean_up()
            assert left == (), left

    def point(self) -> str:
        """The snapshot id of the recovery point that the stage made."""
        (point,) = [p for p in aws.recovery_points(self.asking, INSTANCE, VAULT) if p.kind == "awsbackup"]
        return point.snapshot_id

    @contextmanager
    def copied(self, name: str) -> Iterator[str]:
        """A manual copy of the stored snapshot; gone afterwards."""
        rds = self.asking.rds
        rds.copy_db_snapshot(SourceDBSnapshotIdentifier=self.point(), TargetDBSnapshotIdentifier=name)
        try:
            eventually(lambda: aws.snapshot_status(self.asking, name) == "available", f"{name} to be available")
            yield name
        finally:
            rds.delete_db_snapshot(DBSnapshotIdentifier=name)


def eventually(probe: Callable[[], Any], what: str) -> Any:
    """What `probe` returns once it is true."""
    return wait_until(probe, 60.0, SystemClock(), every=POLL, what=what)


def open_database(clients: Clients, instance_id: str, database: str, ca: str) -> psycopg.Connection[Any]:
    """A session of the master user, whose password is set anew."""
    password = secrets.token_urlsafe()
    clients.rds.modify_db_instance(DBInstanceIdentifier=instance_id, MasterUserPassword=password, ApplyImmediately=True)
    found = followed(clients, instance_id)
    return connector(Endpoint(found.host, found.port, found.master_username, SecretStr(password), Path(ca)))(database)


def followed(clients: Clients, instance_id: str) -> Instance:
    """The instance once it is available with nothing pending."""
    return wait_available(
        lambda: aws.describe_instance(clients, instance_id),
        SystemClock(),
        every=POLL,
        timeout=60.0,
        key="targets.orders.timeout",
        on_change=lambda change: None,
    )


@pytest.fixture(scope="session")
def staged(sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Staged:
    """The sample application as `drills run` stages it, once for the session."""
    folder = tmp_path_factory.mktemp("staged")
    (folder / "drill.toml").write_text(CONFIG)
    context.save(folder, context.RunOptions(config_file=str(folder / "drill.toml")))
    (folder / SERVICE_NAME).write_text(f'{{"endpoint": "{sandbox.endpoint}", "ca": "{sandbox.ca}"}}')
    clock = SystemClock()
    opening = RunRecord(1, new_run_id(clock.now()), "sandbox", True, clock.now(), "0")
    journal = Journal.create(folder, opening, origin=clock.monotonic())
    journal.enter("stage")
    status = stage.main([str(folder)])
    assert status == 0, load(folder).failures
    effective = context.read(folder).effective()
    service = context.LocalAws(sandbox.endpoint, sandbox.ca)
    clients = session.identify(context.clients_of(effective, service, role="stage")[0])
    source = aws.describe_instance(clients, INSTANCE)
    assert source is not None
    # a tag that production alone has: what a copy must not take over
    clients.rds.add_tags_to_resource(ResourceName=source.arn, Tags=[{"Key": "pager", "Value": "production"}])
    stored = folder / context.MANIFEST_NAME
    return Staged(sandbox, folder, effective.target, manifest.load(stored.read_text()), manifest.read_key(stored))
