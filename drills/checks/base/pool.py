"""Connections that are used again by the next check: a server process that has opened ten thousand tables knows them.

Each check reads in a transaction of its own. What it set in its session is set back before another one begins, and a
connection in which anything went wrong is not used again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg
from psycopg.pq import TransactionStatus

from drills.checks.base.session import Connection, Connector, Single


@contextmanager
def kept(connect: Connector) -> Iterator[Connector]:
    """The same connector for the block: it opens a connection only where none is free, and all are closed behind it."""
    free: dict[str, list[Connection]] = {}
    with ExitStack() as opened:

        @contextmanager
        def borrow(database: str) -> Iterator[Connection]:
            mine = free.setdefault(database, [])
            connection = _reset(mine) or opened.enter_context(connect(database))
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            if connection.info.transaction_status == TransactionStatus.IDLE:
                mine.append(connection)
            else:
                connection.close()

        name = connect.name if isinstance(connect, Single) else ""
        yield Single(lambda: borrow(name), name) if name else borrow


def _reset(free: list[Connection]) -> Connection | None:
    """A free connection with the settings of a new one; None where there is none whose server process still answers."""
    while free:
        connection = free.pop()
        try:
            connection.execute("reset all")
        except psycopg.Error:
            connection.close()
        else:
            return connection
    return None
