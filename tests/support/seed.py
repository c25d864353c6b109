"""Two servers for the tests of seeds: one that holds the sample under an owner of its own, one to load into."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from drills.sandbox.postgres import binaries, runas
from drills.sandbox.postgres.cluster import ADMIN, PORT, Cluster
from drills.sandbox.postgres.roles import RESERVED, prepare_roles
from drills.sandbox.seeds import load as seed_load
from drills.sandbox.seeds.load import LoadedSeed

OWNER, MASTER = "shop owner", "master"
_FINGERPRINT = """
    SELECT count(*), coalesce(md5(string_agg(h, '' ORDER BY h)), '')
    FROM (SELECT md5(t::text) AS h FROM {} AS t) AS hashed
"""
_MOVING = ("postgres", "template0", "template1", "rdsadmin")


@dataclass(frozen=True)
class Lab:
    """The folder that the servers' user can enter, the server with the sample, the server to load into."""

    work: Path
    servers: tuple[binaries.Binaries, ...]
    source: Cluster
    target: Cluster
    first_load: LoadedSeed

    def dump(self, path: Path, *arguments: str, tool: Path | None = None) -> Path:
        """Dump the sample with `pg_dump`, or another program's path, as ourselves; returns `path`."""
        password = _password(self.source)
        name = str(tool or self.source.binaries.tool("pg_dump"))
        where = [f"--host={self.source.run_dir}", f"--port={PORT}", f"--username={ADMIN}"]
        done = _run([name, *where, f"--file={path}", *arguments], password, self.work)
        assert done == "", done
        return path

    def url(self, cluster: Cluster, database: str) -> str:
        """The URL of a database, with the password in it."""
        password = _password(cluster)
        host = str(cluster.run_dir).replace("/", "%2F")
        return f"postgresql://{ADMIN}:{password}@{host}:{PORT}/{database}"

    def empty(self) -> None:
        """Take what a load made from the target, roles included."""
        with self.target.connect() as session:
            for (name,) in session.execute("SELECT datname FROM pg_database").fetchall():
                if name not in _MOVING:
                    session.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            for (name,) in session.execute("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_'").fetchall():
                if name not in {ADMIN, MASTER, *RESERVED}:
                    session.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def _password(cluster: Cluster) -> str:
    with cluster.connect() as session:
        return session.info.password


def _run(command: list[str], password: str, cwd: Path) -> str:
    # as ourselves: the dump goes where the servers' user cannot look in
    done = runas.run_as(None, command, cwd=cwd, env={"PGPASSWORD": password})
    return done.stderr if done.returncode else ""


def fingerprint(session: psycopg.Connection) -> dict[str, tuple[object, ...]]:
    """Rows and a hash of each table and materialised view, of the large objects, of sequences, owners and grants."""
    names = session.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'm') AND relnamespace = 'shop'::regnamespace"
    ).fetchall()
    prints = {name: session.execute(_FINGERPRINT.format(name).encode()).fetchone() or () for (name,) in names}
    for what, query in {
        "large objects": "SELECT oid, md5(lo_get(oid)), lomacl::text FROM pg_largeobject_metadata ORDER BY oid",
        "sequences": "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1",
        "grants": "SELECT relname, (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(relacl) AS a) FROM pg_class "
        "WHERE relnamespace = 'shop'::regnamespace ORDER BY 1",
        "policies": "SELECT tablename, policyname, roles, cmd, qual, with_check FROM pg_policies ORDER BY 1, 2",
        "functions": "SELECT proname, md5(pg_get_functiondef(oid)) FROM pg_proc "
        "WHERE pronamespace = 'shop'::regnamespace ORDER BY 1",
    }.items():
        prints[what] = tuple(session.execute(query.encode()).fetchall())
    return prints


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Both servers, the source filled with the sample; ended and removed afterwards."""
    work = Path(tempfile.mkdtemp(prefix="drl-"))
    user = binaries.server_user()
    started: list[Cluster] = []
    try:
        work.chmod(0o755)
        servers = binaries.find()
        usable = binaries.readable(min(servers, key=lambda each: each.major), user, work)
        for name in ("a", "b"):
            cluster = Cluster(work / name / "data", work / name / "run", usable, user, secrets.token_urlsafe())
            started.append(cluster)
            cluster.create()
            cluster.start()
            prepare_roles(cluster, OWNER if name == "a" else MASTER, secrets.token_urlsafe(), None)
        first = seed_load.load("sample", started[0], OWNER, work)
        yield Lab(work, servers, started[0], started[1], first)
    finally:
        for cluster in started:
            cluster.kill()
        shutil.rmtree(work, ignore_errors=True)


@pytest.fixture
def target(lab: Lab) -> Iterator[Cluster]:
    """The server to load into, empty before and after."""
    lab.empty()
    yield lab.target
    lab.empty()
