"""Work with several connections at once, and its end when it is interrupted."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from drills.checks.base.session import Connection
from drills.checks.base.side_by_side import side_by_side
from tests.support.checked import Checked, checked
from tests.support.cluster import module_state
from tests.support.service import eventually

__all__ = ["checked", "module_state"]
pytestmark = [pytest.mark.postgres, pytest.mark.parametrize("checked", ["bundled-18"], indirect=True)]


def sleeping(checked: Checked) -> int:
    """How many sessions have a query of the test as their newest."""
    with checked.cluster.connect() as session:
        query = "select count(*) from pg_stat_activity where query like '%pg_sleep(600)%' and pid <> pg_backend_pid()"
        return int((session.execute(query.encode()).fetchone() or (0,))[0])


def test_an_interruption_cancels_the_queries_and_closes_the_connections(checked: Checked) -> None:
    """Work that goes on after a query that was cancelled finds its connection closed; the server has no session left."""
    begun, lost = threading.Barrier(3, timeout=120), []

    def work(connection: Connection) -> None:
        begun.wait()
        for _ in range(10):
            try:
                connection.execute("select pg_catalog.pg_sleep(600)")
            except psycopg.errors.QueryCanceled:
                continue
            except psycopg.OperationalError as error:
                lost.append(str(error))
                raise

    def interrupt() -> None:
        begun.wait()
        eventually(lambda: sleeping(checked) == 2, "both queries to be at work")
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with checked.connect("orders") as one, checked.connect("orders") as two:
            striker = threading.Thread(target=interrupt)
            striker.start()
            with pytest.raises(KeyboardInterrupt):
                side_by_side((one, two), work)
            striker.join()
            assert (one.closed, two.closed, lost) == (
                True,
                True,
                ["the connection is closed: this command was interrupted"] * 2,
            )
    finally:
        signal.signal(signal.SIGINT, before)
    eventually(lambda: sleeping(checked) == 0, "their sessions to be gone")


@pytest.mark.parametrize("threads", [1, 2])
def test_an_interruption_while_it_is_handed_out_lets_none_of_it_begin(
    checked: Checked, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    """Whichever of the threads is there by then: what would go on behind the interruption has nobody to cancel it."""
    submit, given, done = ThreadPoolExecutor.submit, [0], []

    def interrupted(pool: ThreadPoolExecutor, *work: Any) -> Future[Any]:
        future = submit(pool, *work)
        given[0] += 1
        if given[0] == threads:
            raise KeyboardInterrupt
        return future

    def work(connection: Connection) -> None:
        connection.execute("select 1")
        done.append(connection)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
    with checked.connect("orders") as one, checked.connect("orders") as two:
        with pytest.raises(KeyboardInterrupt):
            side_by_side((one, two), work)
        assert (one.closed, two.closed, done) == (True, True, [])


def test_an_error_of_one_is_raised(checked: Checked) -> None:
    """The others end their work before."""
    with (
        checked.connect("orders") as one,
        checked.connect("orders") as two,
        pytest.raises(psycopg.errors.DivisionByZero),
    ):
        side_by_side((one, two), lambda each: each.execute("select 1 / 0" if each is two else "select 1"))
