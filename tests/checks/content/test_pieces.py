"""A large table that is shared out by ranges of its blocks has the sums that one query gives."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.checks.base.room import further
from drills.checks.base.session import Connection, shared_snapshot, snapshot
from drills.checks.content import check as content
from drills.checks.content import pieces, ranges, read, shares
from drills.checks.content.check import Contents
from drills.checks.content.fingerprint import STABLE
from drills.checks.content.pieces import Piece, Size
from drills.checks.content.shares import read_share
from drills.checks.content.summing import sum_rows
from drills.model.policy import TablePolicy
from drills.sandbox.postgres.cluster import ADMIN, Cluster
from tests.checks.content.test_ranges import ROWS, summed
from tests.support.cluster import cluster_in, make, module_state, preferred

__all__ = ["module_state"]
postgres = pytest.mark.postgres
KEY = b"k" * 32
TABLES = """
create table ints (id int primary key, t text);
insert into ints select g, 'text ' || g from generate_series(1, 20000) g;
delete from ints where id between 100 and 2000;
create table words (w text primary key, big text);
alter table words alter big set storage external;
insert into words select 'word ' || g, case when g % 10 = 0 then repeat('y', 5000) end from generate_series(1, 3000) g;
create table keyless as select g % 7 as n from generate_series(1, 20000) g;
create table parts (id int not null, v text) partition by range (id);
create table parts_1 partition of parts for values from (0) to (100000);
insert into parts select g, 'x' || g from generate_series(0, 20000) g;
create materialized view seen as select * from ints;
create table grows (id bigint primary key, at int not null);
insert into grows select g, g from generate_series(1, 20000) g;
create table little (id int primary key);
insert into little select generate_series(1, 5);
create table hidden as select g as id from generate_series(1, 20000) g;
create role reader login;
grant select on all tables in schema public to reader;
revoke select on hidden from reader;
"""
LARGE = {f"public.{name}" for name in ("ints", "words", "keyless", "parts_1", "seen", "grows", "hidden")}


@given(blocks=st.integers(1, 2**32 - 1), size=st.integers(1, 2**60), piece_bytes=st.integers(1, 2**50))
def test_the_pieces_of_a_table_cover_every_block_once(blocks: int, size: int, piece_bytes: int) -> None:
    """The first begins at block 0, each begins where the one before it ends, none is empty, and the last has no end."""
    piece_bytes = max(piece_bytes, size // 1000)
    found = pieces.split(Size(blocks, size), piece_bytes)

    assert (found[0].low, found[-1].high) == (0, None)
    assert all(one.high == other.low for one, other in itertools.pairwise(found))
    assert all(one.high is None or one.low < one.high for one in found)
    assert found[-1].low < blocks


@given(sizes=st.lists(st.integers(1, 2**50), min_size=1, max_size=9), connections=st.integers(1, 200))
def test_pieces_are_small_enough_to_keep_every_connection_busy(sizes: list[int], connections: int) -> None:
    """Four for each connection together, and none so small that its query costs more than its rows."""
    size = pieces.piece_size([Size(1, each) for each in sizes], connections)

    assert size >= pieces.LEAST_BYTES
    assert size == pieces.LEAST_BYTES or size * connections * 4 < sum(sizes) + connections * 4


@given(rows=ROWS, cut=st.lists(st.integers(0, 40), max_size=4))
def test_ranges_that_are_summed_piece_by_piece_are_those_of_the_table(rows: dict[int, int], cut: list[int]) -> None:
    """Sums are kept modulo 2^64 in a piece as in the table, wherever it is divided."""
    low, step = min(rows), (max(rows) - min(rows)) // ranges.CELLS + 1
    edges = [0, *sorted(cut), len(rows)]
    listed = list(rows.items())
    parts = [summed(dict(listed[one:other]), low, step) for one, other in itertools.pairwise(edges)]

    assert ranges.merge(parts) == summed(rows, low, step)


@pytest.fixture(scope="module")
def server(module_state: Any) -> Iterator[Cluster]:
    """A server with tables of several kinds, of some blocks each."""
    cluster = cluster_in(module_state, preferred(), "pieces")
    make(cluster)
    cluster.start()
    with cluster.connect() as session:
        session.execute(TABLES)
    yield cluster
    cluster.kill()


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Piece]]:
    """Pieces of a few blocks, those that are read in the order of their ends."""
    seen = list[tuple[str, Piece]]()
    real = sum_rows

    def noted(connection: Connection, table: Any, *given: Any, piece: Piece, **named: Any) -> Any:
        found = real(connection, table, *given, piece=piece, **named)
        seen.append((str(table.name), piece))
        return found

    monkeypatch.setattr(pieces, "LEAST_BYTES", 128 * 1024)
    monkeypatch.setattr(pieces, "_PIECES_EACH", 100)
    monkeypatch.setattr(shares, "sum_rows", noted)
    return seen


def observed(cluster: Cluster, workers: int, **how: Any) -> Contents:
    """The content of the server's database, read with so many connections."""
    with shared_snapshot(cluster.connect, "postgres", workers) as (first, *others):
        return content.observe(first, helpers=others, **how)


@postgres
@pytest.mark.parametrize("how", [{}, {"algorithm": STABLE, "ranged": True, "key": KEY}])
def test_tables_that_are_shared_out_have_the_sums_that_one_query_gives(
    server: Cluster, small_pieces: list[tuple[str, Piece]], how: dict[str, Any]
) -> None:
    """With TOAST, gaps, partitions and materialised views, with ranges of keys and without, by any number of connections."""
    alone = observed(server, 1, **how)
    assert small_pieces == []

    for workers in (2, 3):
        small_pieces.clear()
        assert observed(server, workers, **how) == alone
        assert {name for name, _ in small_pieces} == LARGE
        assert len(small_pieces) > 2 * len(LARGE)


@postgres
def test_rows_up_to_a_watermark_are_shared_out_too(server: Cluster, small_pieces: list[tuple[str, Piece]]) -> None:
    """On a copy, where the manifest says up to which value they are read; on the source it is not known before."""
    policies = {"public.grows": TablePolicy("up to", column="at")}
    taken = observed(server, 2, policies=policies)
    assert "public.grows" not in {name for name, _ in small_pieces}
    with server.connect() as session:
        session.execute("insert into grows select g, g from generate_series(20001, 24000) g")

    found = observed(server, 2, policies=policies, expected=taken)

    assert found.tables["public.grows"] == taken.tables["public.grows"]
    assert "public.grows" in {name for name, _ in small_pieces}


@postgres
def test_a_piece_is_read_by_a_scan_of_its_blocks_alone(server: Cluster) -> None:
    """The plan is a TID range scan, for a table without statistics, for either end and for both."""
    with snapshot(server.connect, "postgres") as connection:
        connection.execute(pieces.SETTINGS)
        for piece in (Piece(0, 3), Piece(3, 9), Piece(9, None)):
            query = f"explain select count(*) from only public.ints as r where {piece.condition}"
            plan = "\n".join(row[0] for row in connection.execute(query.encode()))
            assert "Tid Range Scan" in plan


@postgres
@pytest.mark.parametrize(
    "meanwhile",
    [
        "vacuum full ints",
        "insert into ints select g, 'later' from generate_series(100001, 105000) g",
        "delete from ints where id % 3 = 0",
    ],
)
def test_what_happens_to_a_table_between_its_pieces_makes_no_difference(
    server: Cluster, small_pieces: list[tuple[str, Piece]], monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    """All connections see one instant; a table that was written into another file between two pieces is read whole."""
    with server.connect() as admin:
        admin.execute("create database spoilt template postgres")
    try:
        with shared_snapshot(lambda name: server.connect("spoilt"), "spoilt", 1) as (first,):
            before = content.observe(first)
        real: Callable[..., bool] = read_share
        done = list[str]()

        def changed_after_the_first(connection: Connection, share: Any, *given: Any) -> bool:
            ended = real(connection, share, *given)
            if share.of.table.name == "public.ints" and not done:
                done.append(meanwhile)
                with server.connect("spoilt") as session:
                    session.execute(meanwhile.encode())
            return ended

        monkeypatch.setattr(read, "read_share", changed_after_the_first)
        # one thread, so that nothing is being read while the table is changed; the pieces are those for two connections
        with shared_snapshot(lambda name: server.connect("spoilt"), "spoilt", 1) as (first,):
            monkeypatch.setattr(read, "_jobs", lambda *given, jobs=read._jobs: jobs(*given[:-1], 2))
            after = content.observe(first)
    finally:
        with server.connect() as admin:
            admin.execute("drop database spoilt with (force)")

    assert done
    assert after == before


@postgres
def test_what_is_wrong_with_a_table_is_said_as_without_pieces(
    server: Cluster, small_pieces: list[tuple[str, Piece]]
) -> None:
    """A right that is lacking, and a damaged page: the same words, and no sums."""
    with server.connect() as session:
        session.execute("create table torn as select g as id, repeat('z', 90) as pad from generate_series(1, 40000) g")
        path = session.execute("select pg_relation_filepath('torn')").fetchone()
    server.stop()
    assert path
    with (server.data / path[0]).open("r+b") as file:
        file.seek(300 * 8192)
        file.write(b"\xff" * 64)
    server.start()

    def read_by(user: str, workers: int) -> Contents:
        with shared_snapshot(lambda name: server.connect(), "postgres", workers) as readers:
            for each in readers:
                each.execute(f"set local role {user}".encode())
            return content.observe(readers[0], helpers=readers[1:])

    try:
        one, two = read_by("reader", 1), read_by("reader", 2)
        assert one == two
        assert two.unreadable["public.hidden"] == "needs SELECT on public.hidden"
        one, two = observed(server, 1), observed(server, 2)
        assert "invalid page" in two.damaged["public.torn"]
        assert one == two
    finally:
        with server.connect() as session:
            session.execute("drop table torn")


@postgres
def test_no_more_connections_are_opened_than_there_is_room_for(server: Cluster) -> None:
    """The limits of the server, of the database and of the login are kept, and a few connections are left to others."""
    with server.connect() as admin, server.connect() as connection:
        assert further(connection, 2) == 2
        assert 80 < further(connection, 1000) < 100
        admin.execute("alter database postgres connection limit 7")
        try:
            assert further(connection, 1000) <= 2
        finally:
            admin.execute("alter database postgres connection limit -1")
        admin.execute(f"alter role {ADMIN} connection limit 3".encode())
        try:
            assert further(connection, 1000) == 0
        finally:
            admin.execute(f"alter role {ADMIN} connection limit -1".encode())
