"""The lab: one source with a rich schema, a copy of it for every case, and the verifier called as a drill calls it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg

from drills.checks import manifest, suite
from drills.checks.base.session import Connector
from drills.checks.canary import writer
from drills.checks.canary.chain import SCHEMA
from drills.checks.manifest import Manifest
from drills.clock import SystemClock
from drills.model.finding import CheckResult
from drills.sandbox.postgres.binaries import Binaries, find, readable, run_as, server_user
from drills.sandbox.postgres.cluster import ADMIN, PORT, Cluster
from drills.sandbox.postgres.roles import prepare_roles

DATABASE = "store"
# Every check leaves the service's own database alone, so that the untouched original can lie there without being seen.
ORIGINAL = "rdsadmin"
MASTER = "master"
SETTINGS: Mapping[str, str] = {
    "max_logical_replication_workers": "0",
    "wal_level": "logical",
    "autovacuum": "off",
    "max_prepared_transactions": "5",
    "track_commit_timestamp": "on",
}
_HERE = Path(__file__).parent
_DRESS = (
    f"alter database {DATABASE} owner to {MASTER}",
    f"alter database {DATABASE} connection limit 60",
    f"alter database {DATABASE} set statement_timeout = '90s'",
    f"alter role writers in database {DATABASE} set work_mem = '8MB'",
    f"revoke temporary on database {DATABASE} from public",
    f"grant connect on database {DATABASE} to readers",
    f"comment on database {DATABASE} is 'The lab'",
)
_SUBSCRIPTION = (
    "create subscription lab_in connection 'host=nowhere.invalid' publication stock "
    "with (connect = false, slot_name = none, enabled = false)"
)
_PATHS = """
select coalesce('toast of ' || m.oid::regclass, c.oid::regclass::text), pg_relation_filepath(c.oid)
from pg_class c left join pg_class m on m.reltoastrelid = c.oid where pg_relation_filepath(c.oid) is not null
"""
# The same rows once more, which nobody has read since: that they are there only the commit log says.
_UNREAD = b"""
create temp table kept as select n from lab.pair; truncate lab.pair; insert into lab.pair select n from kept; drop table kept
"""
_ROLES = (
    "create role readers",
    "create role writers",
    'create role "Odd Role"',
    "create role worker login connection limit 5 valid until '2030-01-01'",
    "grant readers to writers",
    "grant writers to worker",
    "alter role worker set lock_timeout = '3s'",
    f'grant readers, writers, "Odd Role" to {MASTER}',
)


class Lab:
    """A source server of one PostgreSQL with the database `store`, its manifest, and a base backup of it."""

    def __init__(self, state: Path, binaries: Binaries) -> None:
        self.state, self.binaries = state, binaries
        self.password, self._admin = secrets.token_urlsafe(), secrets.token_urlsafe()
        self.key = secrets.token_bytes(32)
        self.abilities: frozenset[str] = frozenset()
        self.source = self.cluster("source")
        self.manifest: Manifest
        self.expected_md5 = ""
        self.paths: dict[str, str] = {}  # where the files of each relation lie in the backup

    def open(self) -> None:
        """Make and fill the source, take the manifest, then the base backup, as a drill's stage does it."""
        self.source.create()
        self.source.start(SETTINGS)
        prepare_roles(self.source, MASTER, self.password, None)
        with self.source.connect() as admin:
            for statement in _ROLES:
                admin.execute(statement.encode())
            admin.execute(f"alter role worker password '{secrets.token_urlsafe()}'".encode())
            admin.execute("select pg_replication_origin_create('upstream')")
            admin.execute(f"drop database {ORIGINAL}".encode())
            admin.execute(f"create database {DATABASE} owner {MASTER}".encode())
        self._fill()
        with self.source.connect() as admin:
            admin.execute("create database other owner master")
        self._dress()
        with self.source.connect() as admin:
            admin.execute("checkpoint")
        self.manifest = self.take_manifest(self.source)
        with self.source.connect(DATABASE) as admin:
            self.expected_md5 = answer(admin, "select md5(string_agg(email, '' order by email)) from lab.customer")
        with self.source.connect(DATABASE) as admin:
            admin.execute(_UNREAD)
            admin.execute("checkpoint")
            self.paths = dict(admin.execute(_PATHS).fetchall())
        self.source.backup_to(self.backup)
        with self.source.connect() as admin:
            admin.execute(f"create database {ORIGINAL} template {DATABASE}".encode())
        self.fresh()

    def _fill(self) -> None:
        with self.source.connect(DATABASE) as admin:
            contrib = _number(admin, "select count(*) from pg_available_extensions where name = 'amcheck'")
            icu = _number(
                admin, "select count(*) from pg_collation where collprovider = 'i' and collversion is not null"
            )
            vector = _number(admin, "select count(*) from pg_available_extensions where name = 'vector'")
            scripts = ["../support/rich_schema.sql", "lab.sql"]
            scripts += ["lab_contrib.sql"] if contrib else []
            scripts += ["lab_icu.sql"] if icu else []
            for script in scripts:
                admin.execute((_HERE / script).read_bytes())
            if vector:
                admin.execute("create extension vector")
            with contextlib.suppress(psycopg.errors.UniqueViolation):  # its leftover is on the source, and in no dump
                admin.execute("create unique index concurrently pair_n on lab.pair (n)")
            writer.install(admin)
            admin.execute(f"alter schema {SCHEMA} owner to {MASTER}".encode())
            admin.execute(f"alter table {SCHEMA}.beat owner to {MASTER}".encode())
            for _ in range(5):
                writer.beat(admin)
            admin.execute("refresh materialized view lab.totals")
            admin.execute("vacuum (freeze, analyze)")
        known = {"contrib": contrib, "icu": icu, "vector": vector}
        known |= {f"PostgreSQL {major}": self.binaries.major >= major for major in (15, 16, 17, 18)}
        known |= {"pg_amcheck's unique keys": bool(contrib) and self.binaries.major >= 17}
        known |= {"PostgreSQL before 17": self.binaries.major < 17}
        known |= {"an older pg_dump": any(each.major < self.binaries.major for each in find())}
        self.abilities = frozenset(name for name, there in known.items() if there)

    @property
    def backup(self) -> Path:
        """The base backup of the source: files, with WAL and the manifest that pg_verifybackup reads."""
        return self.state / "backup"

    def cluster(self, name: str) -> Cluster:
        """A cluster that is not made yet; a copy of the source has its password."""
        return Cluster(self.state / "data" / name, self.state / "run" / name, self.binaries, server_user(), self._admin)

    @contextlib.contextmanager
    def scratch(self, backup: Path | None = None) -> Iterator[Cluster]:
        """A stopped server on a copy of a backup; ended and removed afterwards."""
        copy = self.cluster(f"c{secrets.token_hex(3)}")
        try:
            copy.restore_from(backup or self.backup)
            yield copy
        finally:
            copy.kill()
            for folder in (copy.data, copy.run_dir):
                shutil.rmtree(folder, ignore_errors=True)

    def fresh(self) -> None:
        """Make the database anew from the untouched original, with what a template copy does not bring along."""
        self.empty()
        with self.source.connect() as admin:
            admin.execute(f"create database {DATABASE} template {ORIGINAL}".encode())
        self._dress()

    def _dress(self) -> None:
        """Give the database what belongs to the server and not to the database itself."""
        with self.source.connect() as admin:
            for statement in _DRESS:
                admin.execute(statement.encode())
        with self.source.connect(DATABASE) as admin:
            admin.execute(_SUBSCRIPTION.encode())

    def empty(self) -> None:
        """Drop the database, as before a dump is restored."""
        with contextlib.suppress(psycopg.OperationalError), self.source.connect(DATABASE) as admin:
            admin.execute("drop subscription if exists lab_in")
        with self.source.connect() as admin:
            admin.execute(f"drop database if exists {DATABASE} with (force)".encode())

    def connector(self, cluster: Cluster) -> Connector:
        """How the verifier enters a copy: as the master user, who is no superuser."""

        def connect(database: str) -> psycopg.Connection[Any]:
            return psycopg.connect(
                host=str(cluster.run_dir), port=PORT, user=MASTER, password=self.password, dbname=database,
                autocommit=True, connect_timeout=10,
            )  # fmt: skip

        return connect

    def take_manifest(self, cluster: Cluster) -> Manifest:
        """What the copy should contain, read back from its own text as a stored manifest is."""
        return manifest.load(manifest.dump(manifest.take(self.connector(cluster), key=self.key)))

    def verify(self, cluster: Cluster, expected: Manifest | None = None) -> tuple[CheckResult, ...]:
        """Every check, in the order in which a drill carries them out."""
        comparison = suite.Comparison(self.connector(cluster), expected or self.manifest, SystemClock(), key=self.key)
        return (*suite.blocking(comparison), *suite.remaining(comparison))

    def tool(self, cluster: Cluster, name: str, *args: str) -> subprocess.CompletedProcess[str]:
        """One of PostgreSQL's client programs, run as the superuser against a server."""
        # a program that waits for a lock that nobody will give back ends with an error
        env = {"PGPASSWORD": self._admin, "PGOPTIONS": "-c lock_timeout=3s"}
        return cluster.run_tool(name, *self._where(cluster), *args, env=env, timeout=120)

    def tool_of(self, other: Binaries, cluster: Cluster, name: str, *args: str) -> subprocess.CompletedProcess[str]:
        """A client program of another installation."""
        command = [str(readable(other, cluster.user, self.state).tool(name)), *self._where(cluster), *args]
        return run_as(cluster.user, command, cwd=cluster.run_dir, env={"PGPASSWORD": self._admin}, timeout=120)

    def _where(self, cluster: Cluster) -> tuple[str, ...]:
        return f"--host={cluster.run_dir}", f"--port={PORT}", f"--username={ADMIN}", "--no-password"

    @cached_property
    def work(self) -> Path:
        """A folder for dumps and archives that the server's user can write to."""
        folder = self.state / "work"
        folder.mkdir(mode=0o755)
        give(folder)
        return folder


def give(path: Path) -> None:
    """Let the server's user own a file or folder, where that is another one than ours."""
    if user := server_user():
        os.chown(path, user.uid, user.gid)


def answer(session: psycopg.Connection[Any], query: str) -> str:
    """What a query answers, as text; the error's first line where it cannot be answered."""
    try:
        return repr(session.execute(query.encode()).fetchall())
    except psycopg.Error as error:
        return str(error).partition("\n")[0]


def _number(session: psycopg.Connection[Any], query: str) -> int:
    row = session.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])
