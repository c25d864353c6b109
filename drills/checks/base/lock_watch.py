"""Watches over a source while it is read, and lets go of it as soon as that could hurt.

A reading transaction holds light locks on every table that it has seen, and keeps dead rows from being removed. A change
of a table's definition that waits behind it makes the whole application wait behind that. So the watch looks twice a
second, from a connection of its own, whether anybody waits for one of its readers, and how old their snapshot is; then
it ends their sessions, which frees everything at once. A server process that listens to nothing (a search in a damaged
index) cannot be ended so; its reader hangs up all the same.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from drills.checks.base.session import Connection, Connector, pin
from drills.checks.base.timeouts import hang_up
from drills.clock import Clock
from drills.errors import CheckUnavailable

MAX_AGE_SECONDS = 600.0
LOCK_TIMEOUT = "2s"
_EVERY = 0.5
_WAITING = """
select count(*) from pg_catalog.pg_locks as l
where not l.granted and pg_catalog.pg_blocking_pids(l.pid) && %s::int[]
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a source is read: with how many connections, and for how long its snapshot may be held, in seconds."""

    workers: int = 1
    max_age: float = MAX_AGE_SECONDS


@dataclass
class _Watch:
    readers: Sequence[Connection]
    pids: list[int]
    ended: threading.Event = field(default_factory=threading.Event)
    reason: str = ""


@contextmanager
def watched(
    connect: Connector, database: str, readers: Sequence[Connection], reading: Reading, clock: Clock
) -> Iterator[None]:
    """Read in this context; CheckUnavailable, one sentence, when the watch had to end it.

    Sets a lock timeout and a statement timeout for the readers.
    """
    for reader in readers:
        reader.execute(f"set local lock_timeout = '{LOCK_TIMEOUT}'".encode())
        reader.execute(f"set local statement_timeout = {int(reading.max_age * 1000)}".encode())
    watch = _Watch(readers, [reader.info.backend_pid for reader in readers])
    with connect(database) as connection:
        pin(connection)
        thread = threading.Thread(target=_look, args=(connection, watch, reading, clock), daemon=True)
        thread.start()
        try:
            yield
        except psycopg.Error as error:
            watch.ended.set()
            thread.join()
            if watch.reason:
                raise CheckUnavailable(watch.reason) from error
            raise
        finally:
            watch.ended.set()
            thread.join()
    if watch.reason:
        raise CheckUnavailable(watch.reason)


def _look(connection: Connection, watch: _Watch, reading: Reading, clock: Clock) -> None:
    began = clock.monotonic()
    while not watch.ended.wait(_EVERY):
        try:
            row = connection.execute(_WAITING, (watch.pids,)).fetchone()
            if row and row[0]:
                watch.reason = (
                    "expected nobody to wait for the source while it is read, found a session that waits for a lock "
                    "behind it: the pass was ended; take the manifest when no table is being changed"
                )
            elif clock.monotonic() - began > reading.max_age:
                watch.reason = (
                    f"expected the source to be read within {reading.max_age:g} s, the most that its snapshot may be held, "
                    "it was not: the pass was ended; raise --max-age, use more --workers or read a replica"
                )
            if watch.reason:
                connection.execute(
                    "select pg_catalog.pg_terminate_backend(p) from unnest(%s::int[]) as p", (watch.pids,)
                )
                for reader in watch.readers:
                    hang_up(reader)
                return
        except psycopg.Error:
            return  # the server is gone, which the readers notice by themselves
