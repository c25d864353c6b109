"""The watch over a source that is read: what ends the reading, whether the watch or the reading is the first to notice."""

from __future__ import annotations

import psycopg
import pytest

from drills.checks.base.lock_watch import ReadLimits, watch_locks
from drills.checks.base.session import snapshot
from drills.clock import SystemClock
from drills.errors import CheckUnavailable
from drills.sandbox.postgres.cluster import Cluster
from tests.support.clock import HandClock
from tests.support.cluster import default, state

__all__ = ["default", "state"]
pytestmark = pytest.mark.postgres
TOO_LONG = "expected the source to be read within 60 s"


def read(server: Cluster, clock: HandClock, seconds: float, query: str) -> None:
    """Hold a snapshot for so long, and end with a query, before the watch has looked for the first time."""
    with (
        snapshot(server.connect, "postgres") as reader,
        watch_locks(server.connect, "postgres", [reader], ReadLimits(max_age=60.0), clock),
    ):
        clock.sleep(seconds)
        reader.execute(query.encode())


def test_a_snapshot_that_was_held_too_long_is_said_by_the_reading_itself(default: Cluster) -> None:
    """Its last query may have been cut off by its own limit, which is the same: what was read is not called whole."""
    with pytest.raises(CheckUnavailable, match=TOO_LONG):
        read(default, HandClock(), 61.0, "select 1")
    with pytest.raises(CheckUnavailable, match=TOO_LONG):
        read(default, HandClock(), 61.0, "select 1 / 0")


def test_an_error_within_the_time_is_the_readers_own(default: Cluster) -> None:
    """It is handed on as it is; a reading that ends within the time ends well."""
    read(default, HandClock(), 59.0, "select 1")
    with pytest.raises(psycopg.errors.DivisionByZero):
        read(default, HandClock(), 59.0, "select 1 / 0")


def test_whoever_waits_for_the_reader_ends_it(default: Cluster) -> None:
    """A change of a table is not held up: the reader's session is ended, which lets go of all that it has locked."""
    with default.connect() as session:
        session.execute("create table watched (id int)")
    with (
        pytest.raises(CheckUnavailable, match="found a session that waits for a lock behind it"),
        snapshot(default.connect, "postgres") as reader,
        watch_locks(default.connect, "postgres", [reader], ReadLimits(), SystemClock()),
    ):
        wait_behind(default, reader)


def wait_behind(server: Cluster, reader: psycopg.Connection[tuple[object, ...]]) -> None:
    """Change a table that the reader has read, which waits until the reader has let go of it."""
    reader.execute("select * from public.watched")
    with server.connect() as other:
        other.execute("alter table watched add column more int")
    reader.execute("select 1")
