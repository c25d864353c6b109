"""Every relation with rows is read or listed, whatever its schema, and no lock outlives the query that needed it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.abc import Params

from drills.checks import manifest, suite
from drills.checks.base.batches import BATCH_SIZE
from drills.checks.base.lock_watch import ReadLimits
from drills.checks.base.session import Connection, SingleDatabase, snapshot
from drills.checks.catalog import check as catalog
from drills.checks.comparison import Comparison
from drills.checks.content.fingerprint import FAST, STABLE, Algorithm
from drills.checks.verify import Conditions, exit_code, verify
from drills.clock import SystemClock
from drills.sandbox.postgres.cluster import ADMIN, PORT, Cluster
from tests.support.cluster import PASSWORD, cluster_in, make, module_state, preferred

__all__ = ["module_state"]
pytestmark = pytest.mark.postgres

ROWS = "as select g as id, 'x' || g as t from generate_series(1, 50) as g"
USER = (
    f"create table information_schema.mine {ROWS}",
    f"create schema drill_canary; create table drill_canary.other {ROWS}",
    f"create table drill_canary.beat {ROWS}",
    f"create table member {ROWS}; alter extension plpgsql add table member",
    f"create table config {ROWS}; alter extension plpgsql add table config",
    "create table part (id int, t text) partition by range (id); create table part_1 partition of part default; "
    "insert into part select g, 'x' from generate_series(1, 50) as g",
    f"create unlogged table quick {ROWS}",
    f"create materialized view seen {ROWS}",
    "create foreign data wrapper far; create server far foreign data wrapper far; create foreign table away () server far",
    "update pg_catalog.pg_extension set extconfig = array['config'::regclass]::oid[], "
    "extcondition = array['where config.id > 10'] where extname = 'plpgsql'",
    "set allow_system_table_mods = on; create schema pg_app; "
    f"create table pg_app.t {ROWS}; create table pg_catalog.hidden {ROWS}",
)
READ = {
    *("information_schema.mine", "drill_canary.other", "drill_canary.beat", "public.member", "public.config"),
    *("public.part_1", "public.quick", "public.seen", "pg_app.t", "pg_catalog.hidden"),
}
MANY = 130


@pytest.fixture(scope="module")
def server(module_state: Path) -> Iterator[Cluster]:
    """A server with tables wherever one can make them, and a database of many tables."""
    cluster = cluster_in(module_state, preferred(), "scope")
    make(cluster)
    cluster.start()
    try:
        with cluster.connect() as session:
            session.execute("create database source")
            session.execute("create database many")
        with cluster.connect("source") as session:
            for statements in USER:
                session.execute(statements.encode())
        with cluster.connect("many") as session:
            session.execute(
                f"do $$ begin for i in 1..{MANY} loop execute format('create table t%s (id int primary key, s serial)', i); "
                "execute format('insert into t%s values (1), (2)', i); end loop; end $$"
            )
        yield cluster
    finally:
        cluster.kill()


class Counting(psycopg.Connection[Any]):
    """A connection that notes after each statement how many locks on a user's relations its transaction holds."""

    most: int = 0

    def execute(self, query: Any, params: Params | None = None, **others: Any) -> psycopg.Cursor[Any]:
        """Execute it, and count the locks that it left."""
        cursor = super().execute(query, params, **others)
        text = query if isinstance(query, str) else query.decode() if isinstance(query, bytes) else ""
        reads = text.lstrip().startswith(("select", "with"))  # the first query of a transaction settles its snapshot
        if reads and self.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS:
            row = (
                super()
                .execute("select count(*) from pg_locks where pid = pg_backend_pid() and relation >= 16384")
                .fetchone()
            )
            Counting.most = max(Counting.most, row[0] if row else 0)
        return cursor


def only(server: Cluster, database: str, kind: type[psycopg.Connection[Any]] = psycopg.Connection) -> SingleDatabase:
    """A connector to one database of the server, for a manifest of it under the name "source"."""

    @contextmanager
    def connect() -> Iterator[Connection]:
        with kind.connect(
            host=str(server.run_dir),
            port=PORT,
            user=ADMIN,
            password=PASSWORD,
            dbname=database,
            autocommit=True,
        ) as connection:
            yield connection

    return SingleDatabase(connect, "source")


def test_every_relation_with_rows_is_read_whatever_its_schema(server: Cluster) -> None:
    """Left out is what initdb made, known by its number; a foreign table is listed."""
    contents = manifest.take(only(server, "source")).databases["source"].contents

    assert set(contents.tables) == READ
    assert {table.rows for table in contents.tables.values()} == {50}
    assert contents.not_read == {"public.away": "foreign table: its rows are on another server"}
    config = contents.tables["public.config"]
    assert config.carried
    assert config.carried.rows == 40
    assert [name for name, table in contents.tables.items() if table.member] == ["public.config", "public.member"]


def test_rows_lost_from_any_of_them_are_found_in_a_physical_copy(server: Cluster) -> None:
    """Each of the tables is emptied in a copy, and each is named."""
    expected = manifest.take(only(server, "source"))
    with server.connect() as session:
        session.execute("create database copy template source")
    with server.connect("copy") as session:
        session.execute("set allow_system_table_mods = on")
        for table in READ - {"public.seen", "public.quick"}:
            session.execute(f"delete from {table}".encode())

    results = {result.name: result for result in verify(only(server, "copy"), expected, clock=SystemClock())}

    found = {finding.object for finding in results["content"].findings}
    assert found == READ - {"public.seen", "public.quick"}
    assert [left.what for left in results["content"].not_checked] == ["public.away"]


def test_a_manifest_and_a_verification_hold_few_locks(server: Cluster) -> None:
    """A server with stock settings has room for some thousand locks: none stays once its query has ended.

    Each query over several tables reads 50, a lock each, and their indexes.
    """
    Counting.most = 0
    many = only(server, "many", Counting)

    expected = manifest.take(many, limits=ReadLimits(workers=2), clock=SystemClock())
    results = verify(many, expected, clock=SystemClock())

    assert {result.name for result in results if result.outcome == "missed"} == set()
    assert 0 < Counting.most <= 3 * BATCH_SIZE


def test_an_empty_database_is_not_verified_unless_it_is_expected_to_be(server: Cluster) -> None:
    """A wiped source and its copy do not differ, and that proves nothing."""
    empty = only(server, "postgres")
    expected = manifest.take(empty)

    wiped = verify(empty, expected, clock=SystemClock())
    meant = verify(empty, expected, clock=SystemClock(), under=Conditions(expects_nothing=True))

    assert (exit_code(wiped), exit_code(meant)) == (12, 0)
    assert "no row was compared" in next(result.sentence for result in wiped if result.name == "content")


TEXT = "create table word (id int primary key, t text); insert into word values (1, 'Grüße'), (2, 'plain')"


@pytest.mark.parametrize(
    ("encoding", "algorithm", "outcome"),
    [("LATIN1", STABLE, "met"), ("LATIN1", FAST, "not verified"), ("SQL_ASCII", STABLE, "not verified")],
)
def test_a_copy_in_another_encoding_has_the_same_rows(
    server: Cluster, encoding: str, algorithm: Algorithm, outcome: str
) -> None:
    """The portable fingerprint is of characters; any other is not verified; the encoding differs, and no row is accused."""
    name = f"enc_{encoding}_{algorithm[7]}".lower()
    with server.connect() as session:
        for each, of in ((name, encoding), (f"{name}_copy", "UTF8")):
            session.execute(f"create database {each} encoding '{of}' locale 'C' template template0".encode())
    for each, client in ((name, "LATIN1" if encoding == "SQL_ASCII" else "UTF8"), (f"{name}_copy", "UTF8")):
        with server.connect(each) as session:
            session.execute(f"set client_encoding = '{client}'".encode())
            session.execute(TEXT.encode("latin1" if client == "LATIN1" else "utf-8"))

    expected = manifest.take(only(server, name), algorithm=algorithm)
    comparison = Comparison(only(server, f"{name}_copy"), expected, SystemClock())
    (result,) = suite.run(comparison, ("content",))

    assert (result.outcome, result.findings) == (outcome, ())
    assert any("encoding is" in left.reason for left in result.not_checked)
    (definition,) = suite.run(comparison, ("catalog",))
    (finding,) = [each for each in definition.findings if "encoding" in each.expected]
    assert "its characters may be the same; the check of the content says how rows were compared" in finding.message
    with server.connect(f"{name}_copy") as session:
        session.execute("update word set t = 'Grosse' where id = 1; delete from word where id = 2")
    assert suite.run(comparison, ("content",))[0].outcome == "missed"


def test_a_catalog_that_is_read_in_portions_is_the_same(server: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with many views is asked for some at a time, since each locks its tables."""
    with snapshot(only(server, "source"), "source") as connection:
        whole = catalog.observe(connection)["relations"]
        monkeypatch.setattr(catalog, "_VIEWS_AT_ONCE", 1)
        assert catalog.observe(connection)["relations"] == whole
    assert "public.seen" in whole
