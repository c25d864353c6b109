"""Checks use one another's connections, and nothing that one of them did in a session is met by the next."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from drills.checks.base.pool import RECOVERY_SECONDS, pooled
from drills.checks.base.session import Connection, SingleDatabase, database_names, snapshot
from drills.sandbox.postgres.cluster import Cluster
from tests.support.clock import HandClock
from tests.support.cluster import default, state

__all__ = ["default", "state"]
pytestmark = pytest.mark.postgres


@pytest.fixture
def opened(default: Cluster) -> tuple[Callable[[str], Connection], list[Connection]]:
    """A connector, and the connections that it has opened."""
    found: list[Connection] = []

    def connect(database: str) -> Connection:
        found.append(default.connect(database))
        return found[-1]

    return connect, found


Opened = tuple[Callable[[str], Connection], list[Connection]]


def test_a_connection_is_used_again_as_if_it_were_new(opened: Opened) -> None:
    """One process serves block after block, with the settings that a new session has; it is closed in the end."""
    connect, found = opened
    with connect("postgres") as new:
        as_new = new.execute("show search_path").fetchone()
    with pooled(connect) as again:
        with snapshot(again, "postgres") as first:
            assert first.execute("show search_path").fetchone() == ("",) != as_new
        with again("postgres") as second:
            assert second.execute("show search_path").fetchone() == as_new

    assert first is second
    assert [connection.closed for connection in found] == [True, True]


def test_two_at_once_are_two(opened: Opened) -> None:
    """What is in use is given to nobody else, and each database has connections of its own."""
    connect, found = opened
    with pooled(connect) as again:
        with again("postgres") as one, again("postgres") as other, again("template1") as third:
            assert len({one.info.backend_pid, other.info.backend_pid, third.info.backend_pid}) == 3
        with again("postgres"), again("postgres"), again("template1"):
            pass

    assert len(found) == 3


def test_what_failed_is_not_used_again(opened: Opened) -> None:
    """Neither a connection in whose block something went wrong, nor one whose process has ended since."""
    connect, found = opened
    with pooled(connect) as again:
        with pytest.raises(psycopg.errors.DivisionByZero), again("postgres") as failed:
            failed.execute("select 1 / 0")
        with again("postgres") as ended, connect("postgres") as other:
            other.execute("select pg_terminate_backend(%s, 60000)", [ended.info.backend_pid])
        with again("postgres") as alive:
            assert alive.execute("select 1").fetchone() == (1,)

    assert [connection.closed for connection in found] == [True] * 4


def test_a_connector_to_one_database_stays_one(opened: Opened) -> None:
    """It is asked for by the manifest's name, and leads to the copy's database."""
    connect, found = opened
    with pooled(SingleDatabase(lambda: connect("template1"), "orders")) as again:
        assert database_names(again) == ("orders",)
        with again("orders") as one:
            assert one.info.dbname == "template1"
        with again("anything") as other:
            assert other is one

    assert len(found) == 1


class Recovering:
    """A connector to a server that refuses for a while after its first connection, as one that recovers from a crash."""

    def __init__(self, cluster: Cluster, clock: HandClock, seconds: float) -> None:
        self._cluster, self._clock = cluster, clock
        self._back_at = clock.monotonic() + seconds
        self._entered = False

    def __call__(self, database: str) -> Connection:
        """Connect, or refuse as PostgreSQL does."""
        if self._entered and self._clock.monotonic() < self._back_at:
            raise psycopg.OperationalError("FATAL:  the database system is in recovery mode")
        self._entered = True
        return self._cluster.connect(database)


def test_a_server_that_recovers_is_waited_for(default: Cluster) -> None:
    """A server that has been entered before is given time to come back, so that a crash costs one reading alone."""
    clock = HandClock()
    recovering = Recovering(default, clock, RECOVERY_SECONDS / 2)
    with pooled(recovering, clock) as connect, connect("postgres"), connect("postgres") as second:
        assert second.execute("select 1").fetchone() == (1,)

    assert RECOVERY_SECONDS / 2 <= clock.slept < RECOVERY_SECONDS


def test_a_server_that_does_not_come_back_is_waited_for_once(default: Cluster) -> None:
    """After a wait in vain each refusal is final, so that twenty checks do not wait twenty times."""
    clock = HandClock()
    with pooled(Recovering(default, clock, 10 * RECOVERY_SECONDS), clock) as connect, connect("postgres"):
        for _ in range(2):
            with pytest.raises(psycopg.OperationalError, match="recovery mode"), connect("postgres"):
                pass

    assert RECOVERY_SECONDS <= clock.slept < RECOVERY_SECONDS + 1


def test_a_database_that_alone_cannot_be_entered_is_not_waited_for(default: Cluster) -> None:
    """Where the server answers, a refusal is the database's own."""
    clock = HandClock()
    with pooled(default.connect, clock) as connect, connect("postgres"), pytest.raises(psycopg.OperationalError):
        connect("nowhere").__enter__()

    assert clock.slept == 0
