"""Work that is done with several connections at once, each in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import NoReturn

import psycopg

from drills.checks.base.session import Connection

_ASKED_EVERY = 0.2  # seconds: a query may be on its way to the server when it is cancelled


def side_by_side(connections: Sequence[Connection], work: Callable[[Connection], object]) -> None:
    """Do `work` with each connection, and raise the first error. Where this thread is interrupted, all of them are closed.

    Their queries are cancelled before: a server goes on with one whose client has gone until it has a row to send.
    """
    start, called_off = threading.Event(), threading.Event()

    def begin(connection: Connection) -> None:
        start.wait()
        if not called_off.is_set():
            work(connection)

    with ThreadPoolExecutor(len(connections)) as pool:
        doing = list[Future[None]]()
        try:
            doing += [pool.submit(begin, each) for each in connections]
            start.set()  # from here on each that works is among `doing`
            for each in doing:
                each.result()
        except BaseException as error:
            if not start.is_set():
                called_off.set()
                start.set()
            if isinstance(error, KeyboardInterrupt):
                _end(connections, doing)
            raise


class _Shut:
    """In the place of the lock that psycopg takes for each query: no further one is sent."""

    def __enter__(self) -> NoReturn:
        raise psycopg.OperationalError("the connection is closed: this command was interrupted")

    def __exit__(self, *_: object) -> None:
        """Nothing was taken."""


def _end(connections: Sequence[Connection], doing: Sequence[Future[None]]) -> None:
    for each in connections:
        each.lock = _Shut()  # type: ignore[assignment]
    while wait(doing, 0).not_done:
        for each in connections:
            with suppress(psycopg.Error):
                each.cancel_safe(timeout=1.0)
        wait(doing, _ASKED_EVERY)
    for each in connections:
        each.close()
