"""A pool of connections for consecutive checks: a server process that has opened ten thousand tables has them cached.

Each check reads in a transaction of its own. The session's settings are reset before the next one, and a connection on
which anything failed is closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg
from psycopg.pq import TransactionStatus

from drills.checks.base.session import Connection, Connector, SingleDatabase


@contextmanager
def pooled(connect: Connector) -> Iterator[Connector]:
    """Give a connector that opens a connection only where none is free; all are closed at the end of the block."""
    free: dict[str, list[Connection]] = {}
    with ExitStack() as opened:

        @contextmanager
        def borrow(database: str) -> Iterator[Connection]:
            idle = free.setdefault(database, [])
            connection = _reset(idle) or opened.enter_context(connect(database))
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
