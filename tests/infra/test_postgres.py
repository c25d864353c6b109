"""The role that infra/postgres makes: it takes the manifest that a superuser takes, on a replica too, and changes nothing."""

from __future__ import annotations

import dataclasses
import json
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from drills.checks import manifest
from drills.checks.base.session import Connection
from drills.checks.content.large_objects import LargeObjects
from drills.checks.manifest import Manifest
from drills.cli.main import main
from drills.sandbox.postgres.cluster import PORT, Cluster
from tests.faults.lab import give
from tests.support.clock import NOON
from tests.support.cluster import cluster_in, make, module_state, preferred
from tests.support.paths import CHECKOUT

__all__ = ["module_state"]
pytestmark = [pytest.mark.postgres, pytest.mark.skipif(not shutil.which("psql"), reason="needs psql, found none")]
SQL = CHECKOUT / "infra/postgres/manifest_role.sql"
ROLE, SECRET = "drills_manifest", secrets.token_urlsafe()
SCHEMA = """
create role owner; create role app login;
create schema shop authorization owner;
set role owner;
create table shop.orders (id bigint generated always as identity primary key, total numeric not null);
insert into shop.orders (total) select n from generate_series(1, 300) as n;
create table shop.tenants (name text primary key);
insert into shop.tenants values ('a'), ('b');
alter table shop.tenants enable row level security; alter table shop.tenants force row level security;
create policy own on shop.tenants using (name = current_user);
create view shop.sums as select sum(total) from shop.orders;
create materialized view shop.total as select sum(total) from shop.orders;
create sequence shop.numbers; select nextval('shop.numbers');
create function shop.add(n bigint) returns bigint language sql volatile
    as 'insert into shop.orders (total) values (n) returning id';
revoke all on all tables in schema shop from public; revoke all on function shop.add from public;
reset role;
select lo_from_bytea(4711, 'of somebody else');
revoke all on schema public from public;
revoke connect on database postgres from public;
"""


def fill(cluster: Cluster) -> None:
    """Tables of somebody else, one of them with row-level security that is forced, and the role, made twice."""
    with cluster.connect() as session:
        session.execute(SCHEMA)
    for _ in range(2):
        run_sql(cluster)
    with cluster.connect() as session:
        session.execute(f"alter role {ROLE} password '{SECRET}'")


def run_sql(cluster: Cluster) -> None:
    """The file, as psql runs it."""
    with cluster.connect() as session:
        info = session.info
        where = f"host={info.host} port={info.port} dbname=postgres user={info.user}"
        done = subprocess.run(
            ["psql", "-X", "-q", "-f", str(SQL), where],
            env={"PGPASSWORD": info.password, "PATH": "/usr/bin:/bin:/usr/local/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture(scope="module")
def source(module_state: Path) -> Iterator[Cluster]:
    """A running server with both."""
    cluster = cluster_in(module_state, preferred(), "source")
    make(cluster, fill)
    cluster.start()
    yield cluster
    cluster.kill()


@pytest.fixture(scope="module")
def replica(module_state: Path) -> Iterator[Cluster]:
    """A server that stays in recovery: it takes no writes."""
    standby = cluster_in(module_state, preferred(), "replica")
    make(standby, fill)
    (standby.data / "standby.signal").touch()
    give(standby.data / "standby.signal")
    options = f"-p {PORT} -c listen_addresses= -c unix_socket_directories={standby.run_dir}"
    command = ("start", "--wait", f"--pgdata={standby.data}", f"--log={standby.log_path}", f"--options={options}")
    # Cluster.start waits for a server that takes writes
    done = standby.run_tool("pg_ctl", *command, timeout=60)
    assert done.returncode == 0, done.stdout
    yield standby
    standby.run_tool("pg_ctl", "stop", "--mode=immediate", f"--pgdata={standby.data}", timeout=60)


def as_role(cluster: Cluster) -> Connection:
    """A session of the role."""
    return cluster.connect_as(ROLE, SECRET, "postgres")


def dsn(*clusters: Cluster) -> str:
    """How a person names the servers, the preferred one first."""
    hosts, ports = ",".join(str(each.run_dir) for each in clusters), ",".join(str(PORT) for _ in clusters)
    return f"host={hosts} port={ports} user={ROLE} dbname=postgres sslmode=disable"


def of_one_instant(taken: Manifest) -> Manifest:
    """A manifest without what differs from one pass to the next, and without the large objects."""
    nothing: dict[str, Any] = {"held_seconds": 0.0, "seconds": {}, "large_objects": LargeObjects()}
    databases = {name: dataclasses.replace(each, **nothing) for name, each in taken.databases.items()}
    return dataclasses.replace(taken, databases=databases, taken_at=NOON)


def test_the_role_takes_the_manifest_that_a_superuser_takes(source: Cluster) -> None:
    """All rows, row-level security or not, definitions, sequences, settings and digests of passwords; a large object needs a right
    of its own, which is said.
    """
    key = bytes(32)
    with source.connect() as session:
        superuser = session.info.user
    taken = manifest.take(lambda name: source.connect_as(ROLE, SECRET, name), key=key)
    mine = of_one_instant(taken)
    theirs = of_one_instant(manifest.take(source.connect, key=key))

    assert superuser != ROLE
    assert taken.databases["postgres"].large_objects.unreadable == {"4711": "needs SELECT on large object 4711"}
    assert mine.databases["postgres"].contents.unreadable == {}
    assert {name: table.rows for name, table in mine.databases["postgres"].contents.tables.items()} == {
        "shop.orders": 300,
        "shop.tenants": 2,
        "shop.total": 1,
    }
    assert mine.settings is not None
    assert theirs.settings is not None
    assert theirs.passwords is not None
    # a session's own settings and the reader's own password are of the session, and in no manifest
    assert mine.settings.keys() ^ theirs.settings.keys() == {"default_transaction_read_only", "search_path"}
    assert all(theirs.settings.get(name, value) == value for name, value in mine.settings.items())
    assert mine.passwords == {name: each for name, each in theirs.passwords.items() if name != ROLE}
    same: dict[str, Any] = {"settings": None, "passwords": None}
    assert dataclasses.replace(mine, **same) == dataclasses.replace(theirs, **same)


WRITES = [
    "insert into shop.orders (total) values (1)",
    "update shop.orders set total = 0",
    "delete from shop.orders",
    "truncate shop.orders",
    "select id from shop.orders for update",
    "do 'begin lock table shop.orders in exclusive mode; end'",
    "refresh materialized view shop.total",
    "select nextval('shop.numbers')",
    "select setval('shop.numbers', 99)",
    "select shop.add(1)",
    "alter table shop.orders add column note text",
    "drop table shop.orders",
    "drop policy own on shop.tenants",
    "create table shop.mine (id int)",
    "create table public.mine (id int)",
    "create schema mine",
    "create database mine",
    "create role mine",
    "alter role app superuser",
    "set role owner",
    "set session authorization app",
    "grant pg_write_all_data to drills_manifest",
    "alter system set work_mem = '1GB'",
    "alter database postgres set work_mem = '1GB'",
    "copy shop.orders to '/tmp/drills-orders'",
    "copy shop.orders to program 'cat'",
    "copy shop.orders from '/dev/null'",
    "select pg_read_file('PG_VERSION')",
    "select pg_terminate_backend(pid) from pg_stat_activity where usename <> 'drills_manifest' or usename is null",
    "select pg_reload_conf()",
    "select pg_create_physical_replication_slot('mine')",
    "drop extension plpgsql",
    "create publication mine for all tables",
    "update pg_catalog.pg_class set relname = relname",
]


@pytest.mark.parametrize("statement", WRITES)
def test_the_role_changes_nothing_though_it_says_that_it_will(source: Cluster, statement: str) -> None:
    """What refuses is a right that it lacks, and not the setting that it begins with."""
    with as_role(source) as session:
        shown = session.execute("show default_transaction_read_only").fetchone()
        session.execute("set default_transaction_read_only = off")
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidGrantOperation)):
            session.execute(statement)

    assert shown == ("on",)


def test_a_replica_is_read_where_one_is_preferred(
    source: Cluster,
    replica: Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """libpq chooses the one in recovery, whichever stands first; the manifest says so, and what was stored has its rows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PGPASSWORD", SECRET)
    monkeypatch.delenv("DRILL_PROFILE", raising=False)
    (tmp_path / "store").mkdir()
    (tmp_path / "drill.toml").write_text(
        '[targets.orders]\ninstance = "orders"\n[targets.orders.manifests]\nstore = "store"\n'
    )
    preferring = f"{dsn(source, replica)} target_session_attrs=prefer-standby"

    assert main(["manifest", preferring, "--target", "orders", "--all-databases", "--json"]) == 0
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (facts["replica"], facts["tables"], facts["rows"]) == (True, 3, 303)
    assert main(["manifest", dsn(source), "--target", "orders", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["replica"] is False
    assert len(list((tmp_path / "store/orders/times").iterdir())) == 2
