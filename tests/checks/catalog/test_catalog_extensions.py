"""Rights on what PostgreSQL and extensions bring along, and what extensions hold: changes are named, honest copies equal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drills.checks.catalog import check as catalog
from drills.checks.catalog import unknown
from drills.checks.catalog.check import Catalog
from drills.checks.catalog.extensions import MEMBERS, SINCE, SINCE_FORMAT_3
from drills.checks.manifest import FORMAT
from drills.sandbox.postgres.cluster import ADMIN, Cluster
from drills.sandbox.postgres.roles import prepare_roles
from tests.checks.catalog.test_catalog import after, read
from tests.support.cluster import cluster_in, make, module_state, usable

__all__ = ["module_state"]
postgres = pytest.mark.postgres
EXTENSIONS = ("dblink", "hstore", "isn", "pg_stat_statements", "postgres_fdw")  # isn: casts, classes, many members
RIGHTS_ON_MEMBERS = """
revoke execute on function e.dblink_exec(text) from public;
grant usage on foreign data wrapper postgres_fdw to readers;
grant usage on type e.hstore to readers;
grant select on e.pg_stat_statements to readers;
"""
RIGHTS_ON_THE_SYSTEM = """
grant execute on function pg_ls_waldir(), pg_stat_reset() to readers;
grant select (rolname) on pg_authid to readers;
revoke select on pg_stat_activity from public;
alter function app.work() depends on extension plpgsql;
"""
CHANGED = [
    ("grant execute on function e.dblink_exec(text) to public", "e.dblink_exec(text)",
     "revoked EXECUTE from PUBLIC", "none"),
    ("revoke execute on function e.dblink_exec(text, text) from public", "e.dblink_exec(text,text)",
     "none", "revoked EXECUTE from PUBLIC"),
    ("revoke usage on foreign data wrapper postgres_fdw from readers", "foreign data wrapper postgres_fdw",
     "grant USAGE to readers", "none"),
    ("grant usage on foreign data wrapper postgres_fdw to readers with grant option", "foreign data wrapper postgres_fdw",
     "grant USAGE to readers", "grant USAGE to readers with grant option"),
    ("revoke usage on type e.hstore from readers", "e.hstore", "grant USAGE to readers", "none"),
    ("grant select (query) on e.pg_stat_statements to readers", "e.pg_stat_statements.query",
     "none", "grant SELECT to readers"),
    ("revoke select on pg_authid from readers; revoke select (rolname) on pg_authid from readers",
     "pg_catalog.pg_authid.rolname", "grant SELECT to readers", "none"),
    ("grant select on pg_stat_activity to public", "pg_stat_activity", "revoked SELECT from PUBLIC", "none"),
    ("alter extension hstore drop function e.skeys(e.hstore); drop function e.skeys(e.hstore)", "extension hstore",
     None, None),
    ("drop extension postgres_fdw", "extension postgres_fdw", "schema e; version 1.1", "none"),
    ("alter extension isn set schema app", "extension isn", "schema e", "schema app"),
    ("update pg_extension set extversion = '1.7' where extname = 'hstore'", "extension hstore",
     "version 1.8", "version 1.7"),
]  # fmt: skip


@contextmanager
def served(state: Path, origin: str, name: str) -> Iterator[Cluster]:
    """A server of an origin with the roles that RDS has, and one that reads."""
    cluster = cluster_in(state, usable(origin), name)
    make(cluster)
    cluster.start()
    try:
        prepare_roles(cluster, "master", "not a secret", "orders")
        with cluster.connect() as session:
            session.execute("create role readers")
            session.execute("create database source")
        with cluster.connect("source") as session:
            session.execute("create schema app; create schema e")
            session.execute("create function app.work() returns void language plpgsql as 'begin end'")
            session.execute(RIGHTS_ON_THE_SYSTEM.encode())
        yield cluster
    finally:
        cluster.kill()


@pytest.fixture(scope="module")
def extended(module_state: Path) -> Iterator[Cluster]:
    """The system's server, with some of PostgreSQL's own extensions and rights on their members."""
    with served(module_state, "system", "extended") as cluster:
        with cluster.connect("source") as session:
            there = {str(name) for (name,) in session.execute("select name from pg_available_extensions")}
            if not there.issuperset(EXTENSIONS):
                pytest.skip("this PostgreSQL comes without contrib")
            for name in EXTENSIONS:
                session.execute(f"create extension {name} schema e".encode())
            session.execute(RIGHTS_ON_MEMBERS.encode())
        yield cluster


@pytest.fixture(scope="module")
def before(extended: Cluster) -> Catalog:
    """Its catalog."""
    return read(extended, "source")


def restored(source: Cluster, to: Cluster) -> Catalog:
    """What a dump of the source holds once it is restored to a server."""
    dumped = source.run_dir / "source.sql"
    with to.connect() as session:
        session.execute("create database restored template template0 owner master")
    for cluster, tool, *arguments in (
        (source, "pg_dump", "-f", str(dumped), "source"),
        (to, "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(dumped), "restored"),
    ):
        where = ("-h", str(cluster.run_dir), "-U", ADMIN)
        done = cluster.run_tool(str(tool), *where, *map(str, arguments), env={"PGPASSWORD": cluster._password})
        assert done.returncode == 0, done.stderr
    try:
        return read(to, "restored")
    finally:
        with to.connect() as session:
            session.execute("drop database restored")


@postgres
@pytest.mark.parametrize(("change", "thing", "expected", "found"), CHANGED, ids=[case[0][:60] for case in CHANGED])
def test_what_changes_of_an_extension_is_named_alone(
    extended: Cluster, before: Catalog, change: str, thing: str, expected: str | None, found: str | None
) -> None:
    """One change gives one error; what goes with an extension or is of another version is not reported again."""
    (finding,) = catalog.judge(before, after(extended, "source", change))

    assert (finding.object, finding.severity) == (thing, "error")
    assert finding.expected == (expected or finding.expected)
    assert finding.found == (found or finding.found)
    with extended.connect("source") as session:
        session.execute(finding.query.encode())


@postgres
def test_a_lost_member_is_a_warning_on_another_server(extended: Cluster, before: Catalog) -> None:
    """An extension that was updated in place may hold more than the same version made anew by a dump."""
    change = "alter extension hstore drop function e.skeys(e.hstore); drop function e.skeys(e.hstore)"
    changed = after(extended, "source", change)

    (finding,) = catalog.judge(before, changed, lenient=catalog.LENIENT_TO_A_DUMP)

    assert (finding.object, finding.severity) == ("extension hstore", "warning")
    assert finding.expected.startswith("version 1.8 in schema e of PostgreSQL ")


@postgres
def test_a_dump_with_extensions_restored_is_equal(extended: Cluster, before: Catalog) -> None:
    """pg_dump carries the rights, and CREATE EXTENSION makes the same members again."""
    assert len(before["system grants"]) == 8
    assert restored(extended, extended) == before


@postgres
def test_a_dump_restored_to_another_version_has_the_same_rights(module_state: Path) -> None:
    """Rights are compared as their difference to what a server's own version grants; members are not compared across."""
    with served(module_state, "bundled-16", "older") as older, served(module_state, "bundled-18", "newer") as newer:
        source, copy = read(older, "source"), restored(older, newer)

    assert len(source["system grants"]) == 4
    assert source[MEMBERS].keys() == copy[MEMBERS].keys()
    assert source[MEMBERS] != copy[MEMBERS]
    wanted, found = ({name: side[name] for name in SINCE_FORMAT_3 if name in side} for side in (source, copy))
    assert catalog.judge(wanted, found) == ()


@postgres
def test_rights_of_the_service_are_not_the_users(extended: Cluster, before: Catalog) -> None:
    """What a service grants to its own roles on functions that are not the user's may be another on the next server."""
    change = "grant execute on function pg_read_file(text), pg_stat_reset(), e.dblink_exec(text) to rds_superuser"
    assert catalog.judge(before, after(extended, "source", change)) == ()


def test_what_an_older_manifest_could_not_hold_is_listed_and_not_compared() -> None:
    """A section that came with a later format is no addition of the copy's."""
    found: Catalog = {"shell types": {"s.t": '{"owner": "o"}'}, "relations": {"s.t": '{"kind": "table"}'}}

    assert catalog.restrict_to_format(SINCE, found) == found
    assert catalog.sections_unknown_to(FORMAT) == ()
    assert catalog.restrict_to_format(SINCE - 1, found) == {"relations": found["relations"]}
    assert [left.what for left in catalog.sections_unknown_to(SINCE - 1)] == [
        f"catalog: {name}" for name in (*SINCE_FORMAT_3, unknown.SECTION)
    ]
