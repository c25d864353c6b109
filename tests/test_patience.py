"""A server process that listens to no cancel does not hold the verifier for ever."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from drills.checks import integrity_indexes, intrinsic, patience
from drills.checks.integrity_indexes import Progress
from drills.checks.patience import Unanswered, hang_up_after
from drills.checks.session import snapshot
from drills.sandbox.postgres.cluster import Cluster
from tests.fix_cluster import default, state

__all__ = ["default", "state"]
pytestmark = pytest.mark.postgres

PAGE, OPAQUE = 8192, struct.Struct("<IHH")  # GinPageOpaqueData: right link, count, flags (access/ginblock.h)
DATA, LEAF, NONE = 1, 2, 0xFFFFFFFF
TABLES = """
create table looping (id int primary key, tags int[]);
insert into looping select g, '{1}' from generate_series(1, 20000) g;
create index looping_tags on looping using gin (tags);
create table sound (id int primary key, tags int[]);
insert into sound select g, '{1}' from generate_series(1, 200) g;
create index sound_tags on sound using gin (tags);
vacuum analyze;
"""


def make_a_loop(path: Path) -> None:
    """The last page of a posting list is followed by itself, as a write that went to a wrong place can leave it."""
    content = bytearray(path.read_bytes())
    for end in range(PAGE, len(content) + 1, PAGE):
        right, count, flags = OPAQUE.unpack_from(content, end - OPAQUE.size)
        if flags & (DATA | LEAF) == DATA | LEAF and right == NONE:
            OPAQUE.pack_into(content, end - OPAQUE.size, end // PAGE - 1, count, flags)
            path.write_bytes(content)
            return
    raise AssertionError("expected a posting list of pages, found none")


@pytest.fixture
def looping(default: Cluster) -> Cluster:
    """A server with an index in which a search never ends, and a sound one."""
    with default.connect() as session:
        for statement in TABLES.split(";"):
            session.execute(statement.encode())
        row = session.execute("select pg_relation_filepath('looping_tags')").fetchone()
    default.stop()
    assert row
    make_a_loop(default.data / row[0])
    default.start({"ignore_checksum_failure": "on"})
    return default


def test_a_search_without_an_end_is_given_up_and_the_others_go_on(looping: Cluster) -> None:
    """The damaged index is not verified, with what may be left on the server; what comes after it is proved."""
    result = intrinsic.indexes(looping.connect, {}, 1.0)

    assert result.outcome == "not verified"
    assert [left.what for left in result.not_checked] == ["index public.looping_pkey", "index public.looping_tags"]
    assert "no answer within 1.0 s" in result.not_checked[0].reason
    assert result.compared == 2


def test_a_connection_that_was_given_up_leaves_what_was_known(looping: Cluster) -> None:
    """A second connection looks at nothing twice."""
    progress = Progress()
    with pytest.raises(Unanswered), snapshot(looping.connect, "postgres") as connection:
        integrity_indexes.look(connection, progress, 1.0)
    assert set(progress.done) >= {"public.looping"}
    with snapshot(looping.connect, "postgres") as connection:
        assert integrity_indexes.look(connection, progress, 1.0).compared == 2


def test_an_answer_in_time_ends_the_waiting(default: Cluster) -> None:
    """A connection that answered is used further."""
    with snapshot(default.connect, "postgres") as connection:
        with patience.patience(connection, 30):
            connection.execute("select 1")
        assert connection.execute("select 2").fetchone() == (2,)


def test_the_server_may_say_first_that_it_took_too_long() -> None:
    """The client hangs up after the server's own limit, not before."""
    assert hang_up_after(3600) == 3660
    assert hang_up_after(1) == 2
