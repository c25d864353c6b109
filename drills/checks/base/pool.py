"""A pool of connections for consecutive checks: a server process that has opened ten thousand tables has them cached.

Each check reads in a transaction of its own. The session's settings are reset before the next one, and a connection on
which anything failed is closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg
from psycopg.pq import TransactionStatus

from drills.checks.base.session import MAINTENANCE, Connection, Connector, SingleDatabase
from drills.clock import Clock, SystemClock

# A page that is not what its table expects can crash the server process that reads it. The server then ends all
# sessions, recovers, and accepts no connection meanwhile
# (https://www.postgresql.org/docs/current/errcodes-appendix.html, cannot_connect_now).
RECOVERY_SECONDS = 30.0
_TRY_AGAIN_EVERY = 0.25  # seconds


@contextmanager
def pooled(connect: Connector, clock: Clock | None = None) -> Iterator[Connector]:
    """Give a connector that opens a connection only where none is free; all are closed at the end of the block.

    A server that has been entered once is given RECOVERY_SECONDS to come back, once: after that each refusal is final.
    """
    free: dict[str, list[Connection]] = {}
    entering = _Entering(connect, clock or SystemClock())
    with ExitStack() as opened:

        @contextmanager
        def borrow(database: str) -> Iterator[Connection]:
            idle = free.setdefault(database, [])
            connection = _reset(idle) or entering.enter(database, opened)
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            if connection.info.transaction_status == TransactionStatus.IDLE:
                idle.append(connection)
            else:
                connection.close()

        name = connect.name if isinstance(connect, SingleDatabase) else ""
        yield SingleDatabase(lambda: borrow(name), name) if name else borrow


class _Entering:
    """Opens connections, and waits for a server that recovers."""

    def __init__(self, connect: Connector, clock: Clock) -> None:
        self._connect = connect
        self._clock = clock
        self._waits = False  # until it has been entered it is not known to be there at all

    def enter(self, database: str, opened: ExitStack) -> Connection:
        """Open a connection that `opened` closes. Raises psycopg.OperationalError where the server does not come back."""
        deadline = self._clock.monotonic() + RECOVERY_SECONDS
        while True:
            try:
                connection = opened.enter_context(self._connect(database))
            except psycopg.OperationalError:
                if not self._waits or self._is_entered(MAINTENANCE):
                    raise  # this database alone cannot be entered
                if self._clock.monotonic() >= deadline:
                    self._waits = False
                    raise
                self._clock.sleep(_TRY_AGAIN_EVERY)
            else:
                self._waits = True
                return connection

    def _is_entered(self, database: str) -> bool:
        try:
            with self._connect(database):
                return True
        except psycopg.OperationalError:
            return False


def _reset(free: list[Connection]) -> Connection | None:
    """Take a free connection and reset its settings; None where no server process of a free one still answers."""
    while free:
        connection = free.pop()
        try:
            connection.execute("reset all")
        except psycopg.Error:
            connection.close()
        else:
            return connection
    return None
