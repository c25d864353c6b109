"""Checks use one another's connections, and nothing that one of them did in a session is met by the next."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from drills.checks.base.pool import pooled
from drills.checks.base.session import Connection, SingleDatabase, database_names, snapshot
from drills.sandbox.postgres.cluster import Cluster
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
            other.execute("select pg_terminate_backend(%s, 5000)", [ended.info.backend_pid])
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
