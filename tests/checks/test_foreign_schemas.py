"""Healthy copies of databases that others wrote: no check finds anything in them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drills.checks import manifest, suite
from drills.clock import SystemClock
from drills.sandbox.postgres.cluster import ADMIN, PORT, Cluster
from drills.sandbox.postgres.roles import prepare_roles
from tests.support.checked import MASTER, Checked
from tests.support.cluster import ORIGINS, cluster_in, make, module_state, usable

__all__ = ["module_state"]
pytestmark = pytest.mark.postgres

DATABASE = "others"
_JOBS = """
set role master;
select procrastinate_defer_jobs_v1(array_agg(row('mail', 'task ' || n, n % 5, null, null,
    jsonb_build_object('n', n), null)::procrastinate_job_to_defer_v1)) from generate_series(1, 500) n;
insert into procrastinate_workers default values;
"""


def run(cluster: Cluster, name: str, *arguments: str) -> None:
    """One of PostgreSQL's programs as the superuser."""
    where = (f"--host={cluster.run_dir}", f"--port={PORT}", f"--username={ADMIN}")
    done = cluster.run_tool(name, *where, *arguments, env={"PGPASSWORD": cluster._password}, timeout=120)
    assert done.returncode == 0, done.stderr


def pgbench(cluster: Cluster) -> None:
    """The tables of pgbench, partitioned, with foreign keys, and with rows that transactions have changed."""
    run(cluster, "pgbench", "--initialize", "--foreign-keys", "--partitions=3", "--quiet", DATABASE)
    run(cluster, "pgbench", "--no-vacuum", "--transactions=50", DATABASE)


def job_queue(cluster: Cluster) -> None:
    """The schema of procrastinate, a job queue: enums, composite types, triggers, functions and partial indexes."""
    spec = importlib.util.find_spec("procrastinate")
    assert spec is not None
    assert spec.submodule_search_locations
    schema = Path(spec.submodule_search_locations[0]) / "sql" / "schema.sql"
    with cluster.connect(DATABASE) as admin:
        admin.execute("set role master")
        admin.execute(schema.read_bytes())
        admin.execute(_JOBS)


@pytest.fixture(scope="module", params=ORIGINS)
def server(request: pytest.FixtureRequest, module_state: Path) -> Iterator[Checked]:
    """A server of each origin with the roles of RDS."""
    cluster = cluster_in(module_state, usable(request.param), request.param)
    checked = Checked(cluster, "a password of the tests")
    make(cluster)
    cluster.start({"max_logical_replication_workers": "0"})
    try:
        prepare_roles(cluster, MASTER, checked.password, None)
        yield checked
    finally:
        cluster.kill()


def wrong(checked: Checked, expected: manifest.Manifest) -> list[str]:
    """What the checks say against a copy: findings that are more than information, and what they could not verify."""
    comparison = suite.Comparison(checked.connect, expected, SystemClock())
    results = (*suite.blocking(comparison), *suite.remaining(comparison))
    findings = [
        finding.message for result in results for finding in result.findings if finding.severity != "information"
    ]
    return findings + [
        result.sentence for result in results if result.outcome == "not verified" and result.requirement == "required"
    ]


@pytest.mark.parametrize("fill", [pgbench, job_queue])
def test_a_healthy_copy_of_somebody_elses_database_gives_no_finding(
    server: Checked, module_state: Path, fill: Callable[[Cluster], None]
) -> None:
    """Neither a physical copy nor a dump that was restored is accused of anything."""
    with server.cluster.connect() as admin:
        admin.execute(f"drop database if exists {DATABASE} with (force)".encode())
        admin.execute(f"create database {DATABASE} owner {MASTER}".encode())
    fill(server.cluster)
    expected = manifest.take(server.connect)
    assert sum(table.rows for table in expected.databases[DATABASE].contents.tables.values()) >= 500
    with server.restored(module_state) as copy:
        assert wrong(copy, expected) == []

    dump = server.cluster.run_dir / "foreign.dump"
    run(server.cluster, "pg_dump", "--format=custom", f"--file={dump}", DATABASE)
    with server.cluster.connect() as admin:
        admin.execute(f"drop database {DATABASE} with (force)".encode())
        admin.execute(f"create database {DATABASE} owner {MASTER}".encode())
    run(server.cluster, "pg_restore", f"--dbname={DATABASE}", str(dump))
    assert wrong(server, expected) == []
