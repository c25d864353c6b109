"""Many small tables are read by one query, and what is said of them is what a query for each would say."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from drills.checks import content, small
from drills.checks.content import Contents
from drills.checks.fingerprint import FAST, STABLE, Algorithm
from drills.checks.session import snapshot
from drills.config_models import TablePolicy
from drills.sandbox.postgres.cluster import Cluster
from tests.fix_cluster import default, state

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
def filled(default: Cluster) -> Iterator[Cluster]:
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
    monkeypatch.setattr(small, "_BYTES", -1)
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
