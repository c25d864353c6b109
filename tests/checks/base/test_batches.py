"""Many small tables are read by one query, with the result that a query for each would give."""

from __future__ import annotations

import secrets

import pytest

from drills.checks.base import batches
from drills.checks.base.copy_code import NOTHING
from drills.checks.base.outcome import CheckOutcome
from drills.checks.base.session import snapshot
from drills.checks.content import check as content
from drills.checks.content.check import Contents
from drills.checks.content.fingerprint import FAST, STABLE, Algorithm
from drills.checks.integrity import constraints, index_queries
from drills.checks.integrity import indexes as integrity_indexes
from drills.checks.integrity.indexes import Progress, Shown
from drills.model.policy import TablePolicy
from drills.sandbox.postgres.cluster import Cluster
from drills.sql import Quoted
from tests.support.cluster import default, state

__all__ = ["default", "state"]
pytestmark = pytest.mark.postgres

KEY = secrets.token_bytes(32)
TABLES = """
create table ints (id int primary key, t text);
insert into ints select g * 7 - 300, 'text ' || g from generate_series(1, 100) g;
create table far (id bigint primary key, t text);
insert into far values (-9223372036854775808, 'a'), (-3, 'b'), (70368744177665, 'c'), (9223372036854775807, 'd');
create table uuids (id uuid primary key, n int);
insert into uuids select md5(g::text)::uuid, g from generate_series(1, 50) g;
create table words (w text, n int, primary key (w, n));
insert into words select 'word ' || g, g from generate_series(1, 50) g;
create table keyless (w text);
insert into keyless values ('a'), (null), (''), ('a');
create table "Empty ""one"" table" (id int primary key);
create table bare ();
insert into bare default values;
create table parts (id int not null, v text) partition by range (id);
create table parts_1 partition of parts for values from (0) to (10);
insert into parts values (1, 'x'), (2, 'y');
create unlogged table cache (id int primary key);
insert into cache values (1);
create table large (id int primary key, pad text);
insert into large select g, repeat('x', 200) from generate_series(1, 5000) g;
"""


@pytest.fixture
def filled(default: Cluster) -> Cluster:
    """A server with small tables of every kind, and a large one."""
    with default.connect() as session:
        session.execute(TABLES)
    return default


def observed(cluster: Cluster, **how: object) -> Contents:
    """The content of the server's database."""
    with snapshot(cluster.connect, "postgres") as connection:
        return content.observe(connection, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize("ranged", [True, False], ids=["with ranges", "plain"])
@pytest.mark.parametrize("key", [KEY, None], ids=["keyed", "keyless"])
@pytest.mark.parametrize("algorithm", [FAST, STABLE])
def test_tables_come_to_the_same_together_and_alone(
    filled: Cluster, monkeypatch: pytest.MonkeyPatch, algorithm: Algorithm, key: bytes | None, ranged: bool
) -> None:
    """Counts, fingerprints and ranges do not depend on how many tables a query reads."""
    together = observed(filled, algorithm=algorithm, key=key, ranged=ranged)
    monkeypatch.setattr(batches, "_BYTES", -1)
    alone = observed(filled, algorithm=algorithm, key=key, ranged=ranged)

    assert together == alone
    assert len(together.tables) == 10
    assert together.tables["public.keyless"].rows == 4


def test_a_table_that_cannot_be_read_is_named_among_small_ones(filled: Cluster) -> None:
    """One that the reader may not read, and one whose row has no text, leave the others as they are."""
    before = observed(filled)
    with filled.connect() as session:
        session.execute("create role reader login; grant pg_read_all_data to reader")
        session.execute("create table hidden (id int); alter table hidden enable row level security")
        session.execute("create type odd as enum ('a'); create table failing as select 'a'::odd as value")
        session.execute("delete from pg_enum where enumtypid = 'odd'::regtype")
    with snapshot(filled.connect, "postgres") as connection:
        connection.execute("set local role reader")
        found = content.observe(connection)

    assert found.tables == before.tables
    assert found.unreadable.keys() | found.damaged.keys() == {"public.hidden", "public.failing"}
    assert found.unreadable["public.hidden"] == "needs BYPASSRLS or the owner's role on public.hidden"


def test_a_watermark_is_read_for_each_table_alone(filled: Cluster) -> None:
    """A policy that needs a condition of its own is kept among small tables."""
    policies = {"public.ints": TablePolicy("up to", column="id"), "public.words": TablePolicy("skip", reason="words")}
    found = observed(filled, policies=policies)

    assert (found.tables["public.ints"].column, found.tables["public.ints"].up_to) == ("id", "400")
    assert "public.words" not in found.tables
    assert found.tables["public.keyless"].column == ""


def test_a_locked_table_hides_no_other(filled: Cluster) -> None:
    """Where the sizes cannot be had, each table is read for itself, and the locked one alone is not."""
    with filled.connect() as other, other.transaction():
        other.execute("lock table ints in access exclusive mode")
        with snapshot(filled.connect, "postgres") as connection:
            connection.execute("set local lock_timeout = '50ms'")
            found = content.observe(connection)

    assert found.unreadable.keys() == {"public.ints"}
    assert len(found.tables) == 9


INDEXED = """
create schema other;
create table other.ints (id int, constraint ints_pkey primary key (id));
insert into other.ints select generate_series(1, 10);
create table many (id int primary key, a int, b text, unique (b), check (a > 0), check (b <> ''));
insert into many select g, g % 7 + 1, 'b ' || g from generate_series(1, 200) g;
create index mixed on many (a desc, b); create index part on many (b) where a > 3;
create index shout on many (upper(b)); create index nulls on many (b nulls first);
create table twice (id int primary key, n int); create index on twice (n); create index on twice (n, id);
insert into twice select g, g % 5 from generate_series(1, 100) g;
create table child (id int primary key, many int references many); insert into child select g, g from generate_series(1, 9) g;
"""


@pytest.fixture
def indexed(filled: Cluster) -> Cluster:
    """The same with indexes of several kinds, two of one name, and constraints."""
    with filled.connect() as session:
        session.execute(INDEXED)
    return filled


def run_both(cluster: Cluster) -> tuple[CheckOutcome, CheckOutcome]:
    """Return the outcomes for indexes and for constraints, which are the same whether the latter know what the former saw."""
    progress = Progress()
    with snapshot(cluster.connect, "postgres") as connection:
        on_the_way = constraints.conditions(connection, NOTHING, None)
        indexes = integrity_indexes.check(connection, progress, conditions=on_the_way)
    with snapshot(cluster.connect, "postgres") as connection:
        after = constraints.check(connection, None, progress.shown)
        assert after == constraints.check(connection, None)
        return indexes, after


def test_healthy_indexes_and_promises_are_proved_together(indexed: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many are verified as one by one, two indexes of one name and those of several orders among them."""
    with snapshot(indexed.connect, "postgres") as connection:
        by_table = index_queries.by_table(connection)
        on_the_way, shown = constraints.conditions(connection, NOTHING, None), Shown()
        verified = integrity_indexes.verify_together(connection, by_table, shown, on_the_way)
    together = run_both(indexed)
    monkeypatch.setattr(batches, "_BYTES", -1)

    assert verified == by_table.keys() - {"public.large", "public.twice"}, "one index of the latter is read for another"
    assert len(by_table[Quoted("public.many")]) == 6
    assert {("public.many", "not ((a > 0))"), ("public.many", "pg_catalog.num_nulls(id) > 0")} <= shown.unbroken
    assert run_both(indexed) == together
    assert together[0].findings == together[1].findings == ()


def test_a_broken_promise_is_named_among_those_that_are_kept(indexed: Cluster) -> None:
    """One row that breaks a constraint leaves all others validated."""
    before = run_both(indexed)[1]
    with indexed.connect() as session:
        session.execute("set session_replication_role = replica")
        session.execute("delete from many where id = 3")
        session.execute("alter table many drop constraint many_a_check")
        session.execute("update many set a = -1 where id = 5")
        session.execute("alter table many add constraint many_a_check check (a > 0) not valid")
        session.execute("update pg_constraint set convalidated = true where conname = 'many_a_check'")
    after = run_both(indexed)[1]

    assert sorted(finding.object for finding in after.findings) == [
        "constraint child_many_fkey on public.child",
        "constraint many_a_check on public.many",
    ]
    assert after.compared == before.compared


def test_a_condition_that_a_row_meets_is_not_taken_for_kept(indexed: Cluster) -> None:
    """Neither is one that cannot be evaluated, nor any that was asked beside that one."""
    table, other = Quoted("public.many"), Quoted("public.ints")
    with snapshot(indexed.connect, "postgres") as connection:
        by_table, met, failing = index_queries.by_table(connection), Shown(), Shown()
        integrity_indexes.verify_together(connection, by_table, met, {table: ["a = 1"], other: ["id is null"]})
        integrity_indexes.verify_together(
            connection, by_table, failing, {table: ["1 / (id - 5) > 2"], other: ["false"]}
        )

    assert met.unbroken == {(other, "id is null")}
    assert failing.unbroken == set()
    assert failing.unique == met.unique != set()


def test_an_index_without_a_row_is_named_among_those_that_are_whole(indexed: Cluster) -> None:
    """An index that leads to fewer rows than its table has is named, and the others stay verified."""
    with indexed.connect() as session:
        session.execute("update pg_index set indisready = false where indexrelid = 'shout'::regclass")
    with indexed.connect() as session:  # a new session does not write to an index that is not ready
        session.execute("insert into many values (1000, 1, 'new')")
        session.execute("update pg_index set indisready = true where indexrelid = 'shout'::regclass")
    found = run_both(indexed)[0]

    assert [(finding.object, finding.found) for finding in found.findings] == [("public.shout", "200 rows")]
