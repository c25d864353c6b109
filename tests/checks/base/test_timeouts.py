"""A server process that listens to no cancel does not hold the verifier for ever."""

from __future__ import annotations

import struct
import threading
from pathlib import Path
from typing import ClassVar

import psycopg
import pytest

from drills.checks import manifest, self_checks
from drills.checks.base import timeouts
from drills.checks.base.lock_watch import ReadLimits
from drills.checks.base.session import Connection, snapshot
from drills.checks.base.timeouts import ServerUnresponsive, client_timeout
from drills.checks.comparison import CheckRun, Comparison
from drills.checks.content import check as content
from drills.checks.integrity import indexes
from drills.checks.integrity.indexes import Progress
from drills.checks.owner import freshness, invariants, queries
from drills.checks.owner.invariants import Invariant, InvariantSet
from drills.checks.owner.queries import Query
from drills.clock import SystemClock
from drills.config.target import Freshness
from drills.errors import CheckUnavailable
from drills.model.policy import TablePolicy
from drills.recovery.hydration.hydrate import hydrate
from drills.sandbox.postgres.cluster import Cluster
from tests.support.cluster import default, state

__all__ = ["default", "state"]
pytestmark = pytest.mark.postgres

PAGE, OPAQUE = 8192, struct.Struct("<IHH")  # GinPageOpaqueData: right link, count, flags (access/ginblock.h)
DATA, LEAF, NONE = 1, 2, 0xFFFFFFFF
TREE, TREE_LEAF = struct.Struct("<IIIHH"), 1  # BTPageOpaqueData: links, level, flags, cycle (access/nbtree.h)
TABLES = """
create table looping (id int primary key, tags int[]);
insert into looping select g, '{1}' from generate_series(1, 20000) g;
create index looping_tags on looping using gin (tags);
create table sound (id int primary key, tags int[]);
insert into sound select g, '{1}' from generate_series(1, 200) g;
create index sound_tags on sound using gin (tags);
create function searched() returns bigint language sql set enable_seqscan = off set enable_bitmapscan = on
    as 'select count(*) from public.looping where tags @> ''{1}''';
vacuum analyze;
"""
SEARCH = "select 1 where public.searched() < 0"
LIMIT = 4.0  # seconds: a search without an end takes all of them, and whatever answers has as long on a busy machine
TIMED_OUT = "timed out after 4.0 s"


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


def make_a_loop_in_a_tree(path: Path) -> None:
    """The same of a B-tree's last leaf, which whoever looks for the largest key goes to."""
    content = bytearray(path.read_bytes())
    for end in range(2 * PAGE, len(content) + 1, PAGE):
        left, right, level, flags, cycle = TREE.unpack_from(content, end - TREE.size)
        if flags & TREE_LEAF and not right:
            TREE.pack_into(content, end - TREE.size, left, end // PAGE - 1, level, flags, cycle)
            path.write_bytes(content)
            return
    raise AssertionError("expected a last leaf, found none")


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client hangs up soon after the server's own limit, which a server that listens to nothing lets pass anyway."""
    monkeypatch.setattr(timeouts, "LEAST_GRACE", 0.2)


@pytest.fixture
def looping(default: Cluster, soon: None) -> Cluster:
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
    """The damaged index is not verified, with what may be left on the server; what comes after it is verified."""
    result = self_checks.check_indexes(
        CheckRun(Comparison(looping.connect, None, SystemClock(), trust_code=True)), LIMIT
    )

    assert result.outcome == "not verified"
    assert [left.what for left in result.not_checked] == ["index public.looping_pkey", "index public.looping_tags"]
    assert TIMED_OUT in result.not_checked[0].reason
    assert result.compared == 2


def test_a_connection_that_was_given_up_leaves_what_was_known(looping: Cluster) -> None:
    """A second connection looks at nothing twice."""
    progress = Progress()
    with pytest.raises(ServerUnresponsive), snapshot(looping.connect, "postgres") as connection:
        indexes.check(connection, progress, LIMIT)
    assert set(progress.done) >= {"public.looping"}
    with snapshot(looping.connect, "postgres") as connection:
        assert indexes.check(connection, progress, LIMIT).compared == 2


def test_the_owners_query_without_an_answer_is_a_finding(looping: Cluster) -> None:
    """It is asked no second time, and the next one is asked."""
    wanted = [Query(name, text, database="postgres") for name, text in (("looping", SEARCH), ("sound", "select 1"))]
    timings = queries.cold(looping.connect, wanted, SystemClock(), LIMIT, trust_code=True)
    timings = queries.warm(looping.connect, wanted, timings, SystemClock(), LIMIT)
    result = queries.judge(timings)

    assert f"{TIMED_OUT} and ignored its cancellation" in timings[0].reason
    assert [len(timing.seconds) for timing in timings] == [0, 2]
    assert (result.outcome, [finding.object for finding in result.findings]) == ("missed", ["query looping"])


def test_the_owners_rule_without_an_answer_is_not_verified(looping: Cluster) -> None:
    """Those before and after it are evaluated, each once."""
    rules = InvariantSet((
        Invariant("before", "It holds.", "select 1 where false"),
        Invariant("looping", "All are found.", SEARCH),
        Invariant("behind", "It is broken.", "select 1"),
    ))  # fmt: skip
    result = invariants.check(looping.connect, rules, LIMIT, trust_code=True)

    assert [finding.object for finding in result.findings] == ["invariant behind"]
    assert result.compared == 2
    assert [left.what for left in result.not_checked] == ["invariant looping"]
    assert f"{TIMED_OUT} and ignored its cancellation" in result.not_checked[0].reason


def test_a_server_that_listens_is_asked_to_stop(default: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection to it is used further; so it is though the server says late that it took too long."""
    monkeypatch.setattr(timeouts, "LEAST_GRACE", 300.0)
    rules = InvariantSet((
        Invariant("slow", "It is quick.", "select pg_sleep(600)"),
        Invariant("behind", "It is broken.", "select 1"),
    ))  # fmt: skip
    result = invariants.check(default.connect, rules, LIMIT, trust_code=True)

    assert [finding.object for finding in result.findings] == ["invariant behind"]
    assert [(left.what, left.reason) for left in result.not_checked] == [("invariant slow", TIMED_OUT)]


def test_a_freshness_query_without_an_answer_tells_no_instant(looping: Cluster) -> None:
    """It says why, and the next one is asked."""
    asked = [
        Freshness(name=name, sql=sql)
        for name, sql in (("looping", f"select now() from ({SEARCH}) as s"), ("sound", "select now()"))
    ]
    first, second = freshness.observe(looping.connect, asked, LIMIT, trust_code=True)

    assert first.at is None
    assert f"{TIMED_OUT} and ignored its cancellation" in first.reason
    assert second.at is not None


def test_an_index_without_an_end_does_not_end_the_hydration(looping: Cluster) -> None:
    """What the damaged index belongs to is named, each table and each sound index is read."""
    found = hydrate(looping.connect, SystemClock(), LIMIT)

    with snapshot(looping.connect, "postgres") as connection:
        ((size,),) = connection.execute(
            "select sum(pg_relation_size(c.oid)) from pg_class as c where relnamespace = 'public'::regnamespace "
            "and relname not like 'looping\\_%'"
        ).fetchall()
    assert [left.what for left in found.not_read] == ["index public.looping_pkey", "index public.looping_tags"]
    assert TIMED_OUT in found.not_read[0].reason
    assert found.size_bytes >= size


def break_the_tree(cluster: Cluster) -> None:
    """Damage looping_pkey."""
    with cluster.connect() as session:
        ((path,),) = session.execute("select pg_relation_filepath('looping_pkey')").fetchall()
    cluster.stop()
    make_a_loop_in_a_tree(cluster.data / path)
    cluster.start({"ignore_checksum_failure": "on"})


@pytest.fixture
def growing(default: Cluster, soon: None) -> Cluster:
    """A server with a table that has a B-tree of many pages, and statistics."""
    with default.connect() as session:
        for statement in (*TABLES.split(";")[:2], "vacuum analyze"):
            session.execute(statement.encode())
    return default


def test_a_source_that_does_not_answer_is_let_go_of(growing: Cluster) -> None:
    """A manifest asks for the largest key; the pass ends when its time is over, though the server does not listen."""
    break_the_tree(growing)

    with pytest.raises(CheckUnavailable, match=r"read within 1 s, the most that its snapshot may be held"):
        manifest.take(growing.connect, limits=ReadLimits(max_age=1.0))


def test_a_watermark_keeps_the_planner_out_of_the_index(growing: Cluster) -> None:
    """A constant beyond the statistics is looked up in the index by the planner, which listens to no cancel there."""
    policies = {"public.looping": TablePolicy("up to", column="id")}
    expected = manifest.take(growing.connect, policies=policies).databases["postgres"].contents
    break_the_tree(growing)

    with snapshot(growing.connect, "postgres") as connection, timeouts.disconnect_after(connection, 120):
        found = content.observe(connection, policies=policies, expected=expected)
    assert content.judge(expected, found, policies).findings == ()
    assert found.tables["public.looping"].up_to == "20000"


def test_a_view_that_cannot_be_planned_in_time_is_not_verified(growing: Cluster) -> None:
    """The others are planned."""
    with growing.connect() as session:
        session.execute("create view behind as select 1")
        session.execute("create view at_the_end as select * from looping where id > 19999")
    break_the_tree(growing)

    result = self_checks.check_views(CheckRun(Comparison(growing.connect, None, SystemClock(), trust_code=True)), LIMIT)
    assert (result.outcome, result.compared) == ("not verified", 1)
    assert [left.what for left in result.not_checked] == ["view public.at_the_end"]
    assert f"{TIMED_OUT} and ignored its cancellation" in result.not_checked[0].reason


class HeldTimer(threading.Timer):
    """A timer that does what it has to when the test says so, and at no other time."""

    made: ClassVar[list[HeldTimer]]

    def start(self) -> None:
        """Wait for the test."""
        self.made.append(self)

    def join(self, timeout: float | None = None) -> None:
        """It has no thread that could go on."""

    def ring(self) -> None:
        """The time is over."""
        self.function()


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> list[HeldTimer]:
    """The timers that were started, in the place of real ones."""
    HeldTimer.made = []
    monkeypatch.setattr(threading, "Timer", HeldTimer)
    return HeldTimer.made


def test_an_answer_in_time_ends_the_waiting(default: Cluster, timers: list[HeldTimer]) -> None:
    """A connection that answered is used further, though the timer was on its way when it did."""
    with snapshot(default.connect, "postgres") as connection:
        with timeouts.disconnect_after(connection, 30):
            connection.execute("select 1")
        timers[0].ring()
        assert connection.execute("select 2").fetchone() == (2,)


def answered_late(connection: Connection, timers: list[HeldTimer], fails: bool) -> None:
    """A block whose timer rings after its query was answered, and which may ask another one."""
    with timeouts.disconnect_after(connection, 30):
        connection.execute("select 1")
        timers[0].ring()
        if fails:
            connection.execute("select 2")


@pytest.mark.parametrize("fails", [False, True])
def test_an_answer_that_came_while_the_timer_hung_up_is_none(
    default: Cluster, timers: list[HeldTimer], fails: bool
) -> None:
    """Nothing can be read on that connection any more: it is the server's silence, and no loss of a connection."""
    with default.connect() as connection:
        with pytest.raises(ServerUnresponsive, match=r"timed out after 30\.0 s"):
            answered_late(connection, timers, fails)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 3")


def test_an_error_of_another_kind_ends_the_waiting_too(default: Cluster, timers: list[HeldTimer]) -> None:
    """An interruption is handed on as it is, and the connection is used by those who clean up."""
    with default.connect() as connection:
        with pytest.raises(KeyboardInterrupt), timeouts.disconnect_after(connection, 30):
            raise KeyboardInterrupt
        timers[0].ring()
        assert connection.execute("select 2").fetchone() == (2,)


def test_the_server_may_say_first_that_it_took_too_long() -> None:
    """The client hangs up after the server's own limit, not before."""
    assert client_timeout(3600) == 3660
    assert client_timeout(1) == 2
