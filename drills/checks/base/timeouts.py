"""Limit how long the client waits for a server that ignores cancel requests.

A statement timeout and a cancel are requests that a server process looks for now and then. A search in a damaged index
can be an endless loop in which it never does. The client can then only disconnect; the process goes on until the server
is stopped.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

import psycopg

from drills.checks.base.session import Connection
from drills.durations import show_duration
from drills.errors import CheckUnavailable

Answer = TypeVar("Answer")
DEFAULT_TIMEOUT = 3600.0  # seconds for one search in an index, or for one invariant of the owner's
LEAST_GRACE = 1.0  # seconds that the server has at least to report that something took longer


class ServerUnresponsive(CheckUnavailable):
    """The client disconnected from a server that had not answered in time."""


def client_timeout(timeout: float) -> float:
    """Return the seconds after which the client disconnects.

    The server has `timeout` seconds for an answer, and some more to report that it took longer.
    """
    return timeout + max(LEAST_GRACE, timeout / 60)


def unresponsive_reason(timeout: float) -> str:
    """Say why a query from which the client disconnected has no result."""
    return (
        f"timed out after {show_duration(timeout)} and ignored its cancellation: an index may be damaged; a server "
        "process may go on until the server is stopped"
    )


def disconnect(connection: Connection) -> None:
    """Shut a connection's socket down; whoever waits for an answer on it gets an error."""
    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def resume_after_disconnect(run: Callable[[], Answer]) -> Answer:
    """Call `run` again after each ServerUnresponsive; it has noted which query caused it, and skips that one."""
    while True:
        with contextlib.suppress(ServerUnresponsive):
            return run()


def set_statement_timeout(connection: Connection, seconds: float) -> None:
    """Set the statement timeout of the current transaction."""
    connection.execute(b"set local statement_timeout = %d" % max(1, round(seconds * 1000)))


@contextlib.contextmanager
def disconnect_after(connection: Connection, seconds: float) -> Iterator[None]:
    """Disconnect when the block takes longer than this, and raise ServerUnresponsive.

    A block that has ended is not disconnected from any more, however late the timer is; after one that ended while the timer
    disconnected nothing else could be read.
    """
    first = threading.Lock()  # taken once, by the end of the block or by the timer
    given_up = ServerUnresponsive(f"expected an answer of the server: it {unresponsive_reason(seconds)}")

    def give_up() -> None:
        if first.acquire(blocking=False):
            disconnect(connection)

    def ended_in_time() -> bool:
        timer.cancel()
        if first.acquire(blocking=False):
            return True
        timer.join()  # the number of the socket may be another one's as soon as the connection is closed
        return False

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    except psycopg.Error as error:
        if not ended_in_time():
            raise given_up from error
        raise
    except BaseException:
        ended_in_time()
        raise
    if not ended_in_time():
        raise given_up
