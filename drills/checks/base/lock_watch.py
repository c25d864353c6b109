"""Watch a source while it is read, and end the reading as soon as it could hurt.

A reading transaction holds light locks on every table that it has read, and keeps dead rows from being removed. A change
of a table's definition that waits for it makes the whole application wait. So a thread with a connection of its own looks
twice a second whether a session waits for one of the readers, and how old their snapshot is; then it ends their sessions,
which releases everything at once. A server process that ignores requests (a search in a damaged index) cannot be ended
so; its reader disconnects all the same.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from drills.checks.base.session import Connection, Connector, pin
from drills.checks.base.timeouts import disconnect
from drills.clock import Clock
from drills.errors import CheckUnavailable
from drills.sql import execute

MAX_AGE_SECONDS = 600.0
LOCK_TIMEOUT = "2s"
_EVERY = 0.5
_WAITING = """
select count(*) from pg_catalog.pg_locks as l
where not l.granted and pg_catalog.pg_blocking_pids(l.pid) && %s::int[]
"""


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """With how many connections a source is read, and for how many seconds its snapshot may be held."""

    workers: int = 1
    max_age: float = MAX_AGE_SECONDS


@dataclass
class _Watch:
    readers: Sequence[Connection]
    pids: list[int]
    ended: threading.Event = field(default_factory=threading.Event)
    reason: str = ""


@contextmanager
def watch_locks(
    connect: Connector, database: str, readers: Sequence[Connection], limits: ReadLimits, clock: Clock
) -> Iterator[None]:
    """Watch the readers during the block; CheckUnavailable, one sentence, when the watch had to end them.

    Sets a lock timeout and a statement timeout for the readers. A block that has held them for too long is none that ended
    well, though the watch had not looked by then: its last query may have been cut off.
    """
    began = clock.monotonic()
    for reader in readers:
        execute(reader, f"set local lock_timeout = '{LOCK_TIMEOUT}'")
        execute(reader, f"set local statement_timeout = {int(limits.max_age * 1000)}")
    watch = _Watch(readers, [reader.info.backend_pid for reader in readers])
    with connect(database) as connection:
        pin(connection)
        thread = threading.Thread(target=_watch, args=(connection, watch, limits, clock, began), daemon=True)
        thread.start()
        try:
            yield
        except psycopg.Error as error:
            watch.ended.set()
            thread.join()
            if reason := watch.reason or _reason(False, clock.monotonic() - began, limits):
                raise CheckUnavailable(reason) from error
            raise
        finally:
            watch.ended.set()
            thread.join()
    if reason := watch.reason or _reason(False, clock.monotonic() - began, limits):
        raise CheckUnavailable(reason)


def _watch(connection: Connection, watch: _Watch, limits: ReadLimits, clock: Clock, began: float) -> None:
    while not watch.ended.wait(_EVERY):
        try:
            row = connection.execute(_WAITING, (watch.pids,)).fetchone()
            watch.reason = _reason(bool(row and row[0]), clock.monotonic() - began, limits)
            if watch.reason:
                connection.execute(
                    "select pg_catalog.pg_terminate_backend(p) from unnest(%s::int[]) as p", (watch.pids,)
                )
                for reader in watch.readers:
                    disconnect(reader)
                return
        except psycopg.Error:
            return  # the server is gone, which the readers notice by themselves


def _reason(blocks: bool, held: float, limits: ReadLimits) -> str:
    """Say why the reading must end, "" where it may go on."""
    if blocks:
        return (
            "expected nobody to wait for the source while it is read, found a session that waits for a lock "
            "behind it: the pass was ended; take the manifest when no table is being changed"
        )
    if held > limits.max_age:
        return (
            f"expected the source to be read within {limits.max_age:g} s, the most that its snapshot may be held, "
            "it was not: the pass was ended; raise --max-age, use more --workers or read a replica"
        )
    return ""
