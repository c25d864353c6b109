"""A source and its copy for the tests of checks: one server an origin, read by a role like RDS's master user."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from drills.checks.base.session import Connection, snapshot
from drills.sandbox.postgres.cluster import PORT, Cluster
from drills.sandbox.postgres.roles import prepare_roles
from drills.sandbox.seeds import load as seed_load
from tests.support.cluster import ORIGINS, cluster_in, make, shared, usable

MASTER = "master"
MASTER_PASSWORD = secrets.token_urlsafe()


@dataclass(frozen=True)
class Checked:
    """A server with the sample in database `orders`, and the master user's password."""

    cluster: Cluster
    password: str = field(repr=False)

    def connect(self, database: str) -> psycopg.Connection[Any]:
        """As the master user, who is no superuser."""
        return psycopg.connect(
            host=str(self.cluster.run_dir),
            port=PORT,
            user=MASTER,
            password=self.password,
            dbname=database,
            autocommit=True,
        )

    @contextmanager
    def copy(self, of: str = "orders") -> Iterator[str]:
        """A copy of a database, made as a template copy; dropped afterwards."""
        name = f"copy_{secrets.token_hex(4)}"
        with self.cluster.connect() as session:
            session.execute(f'create database {name} template "{of}" owner {MASTER}'.encode())
        try:
            yield name
        finally:
            with self.cluster.connect() as session:
                session.execute(f"drop database {name} with (force)".encode())

    def harm(self, database: str, *statements: str) -> None:
        """Change something as the superuser, with triggers and foreign keys silenced."""
        with self.cluster.connect(database) as session:
            session.execute("set session_replication_role = replica")
            for statement in statements:
                session.execute(statement.encode())

    @contextmanager
    def restored(self, work: Path) -> Iterator[Checked]:
        """A server on a base backup of this one, as a restore leaves it; `work` is the state folder of the module."""
        name = f"r{secrets.token_hex(3)}"
        backup = work / "backups" / name
        self.cluster.backup_to(backup)
        copy = Cluster(
            work / "data" / name, work / "run" / name, self.cluster.binaries, self.cluster.user, self.cluster._password
        )
        try:
            copy.restore_from(backup)
            copy.start({"max_logical_replication_workers": "0"})
            yield Checked(copy, self.password)
        finally:
            copy.kill()
            shutil.rmtree(backup, ignore_errors=True)

    @contextmanager
    def snapshot(self, database: str) -> Iterator[Connection]:
        """A pinned, read-only transaction of the master user."""
        with snapshot(self.connect, database) as connection:
            yield connection


def fill_with_sample(cluster: Cluster) -> None:
    """Give a server the roles of RDS and the sample in database `orders`."""
    prepare_roles(cluster, MASTER, MASTER_PASSWORD, None)
    seed_load.load("sample", cluster, MASTER, shared())


@pytest.fixture(scope="module", params=ORIGINS)
def checked(request: pytest.FixtureRequest, module_state: Path) -> Iterator[Checked]:
    """One server of each origin, filled with the sample."""
    cluster = cluster_in(module_state, usable(request.param), request.param)
    try:
        make(cluster, fill_with_sample)
        cluster.start()
        yield Checked(cluster, MASTER_PASSWORD)
    finally:
        cluster.kill()
