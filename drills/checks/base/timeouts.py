"""How long a client waits for a server that answers no cancel: a search in a damaged index can be a loop without an end.

A timeout and a cancel are requests, which a server process looks for now and then. In some loops it never does. Then the
client can only hang up; the process goes on until the server is stopped.
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
LONGEST = 3600.0  # seconds that one search in an index, or one rule of the owner's, may take


class Unanswered(CheckUnavailable):
    """The client hung up on a server that had not answered in time; the connection is lost."""


def hang_up_after(longest: float) -> float:
    """Seconds until the client hangs up: the server, which has `longest` for an answer, has time to say that it took longer."""
    return longest + max(1.0, longest / 60)


def unanswered(longest: float) -> str:
    """What there is to say of something that the client hung up on."""
    return (
        f"had no answer within {show_duration(longest)}, nor was it to be cancelled: an index may be damaged; a server "
        "process may go on until the server is stopped"
    )


def hang_up(connection: Connection) -> None:
    """Shut the line to a server; whoever waits for it is told that it has ended."""
    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def past_unanswered(look: Callable[[], Answer]) -> Answer:
    """Look again behind each search that was hung up on; who raises Unanswered has noted which one that was."""
    while True:
        with contextlib.suppress(Unanswered):
            return look()


def limit(connection: Connection, seconds: float) -> None:
    """Let the server give up a query of this transaction that takes longer."""
    connection.execute(b"set local statement_timeout = %d" % max(1, round(seconds * 1000)))


@contextlib.contextmanager
def patience(connection: Connection, seconds: float) -> Iterator[None]:
    """Wait no longer than this for what is asked in the block; Unanswered when it took longer."""
    hung_up = threading.Event()

    def give_up() -> None:
        hung_up.set()
        hang_up(connection)

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    except psycopg.Error as error:
        if hung_up.is_set():
            raise Unanswered(f"expected an answer of the server, it {unanswered(seconds)}") from error
        raise
    finally:
        timer.cancel()
