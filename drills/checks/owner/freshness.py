"""The owner's own freshness queries: how new the data of a restored copy are, where no canary beats.

Each returns one instant, such as `select max(created_at) from shop.customer_order`. It is a lower bound of what the
copy reaches to, since nobody may have written for a while: the loss that follows from it is an upper bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import psycopg

from drills.checks.base.outcome import first_line
from drills.checks.base.session import Connector, names_of, snapshot
from drills.checks.base.timeouts import Unanswered, hang_up_after, limit, patience, unanswered
from drills.config.target import Freshness

_WITHIN = 300.0  # seconds for one query


@dataclass(frozen=True, slots=True)
class Fresh:
    """What one query said: an instant in UTC, or why it said none."""

    name: str
    at: datetime | None
    reason: str = ""


def observe(connect: Connector, queries: Sequence[Freshness], within: float = _WITHIN) -> tuple[Fresh, ...]:
    """Ask each query of its database, read-only; one that fails, or takes longer than that, says why and spoils no other."""
    return tuple(_ask(connect, query, within) for query in queries)


def _ask(connect: Connector, query: Freshness, within: float) -> Fresh:
    try:
        database = query.database or _only(names_of(connect))
        with snapshot(connect, database) as connection, patience(connection, hang_up_after(within)):
            limit(connection, within)
            rows = connection.execute(query.sql.encode()).fetchmany(2)
    except Unanswered:
        return Fresh(query.name, None, f"the query {unanswered(within)}")
    except psycopg.Error as error:
        return Fresh(query.name, None, f"the query failed: {first_line(error)}")
    except LookupError as error:
        return Fresh(query.name, None, str(error))
    if len(rows) != 1 or len(rows[0]) != 1:
        return Fresh(query.name, None, "expected one row of one column, found something else")
    return read(query.name, rows[0][0])


def read(name: str, value: Any) -> Fresh:
    """A value as an instant: a timestamp without a time zone and a date count as UTC. Pure."""
    if isinstance(value, datetime):
        return Fresh(name, value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC))
    if isinstance(value, date):
        return Fresh(name, datetime.combine(value, time(), UTC))
    if value is None:
        return Fresh(name, None, "it found no row")
    return Fresh(name, None, f"expected a timestamp, found a {type(value).__name__}")


def _only(names: Sequence[str]) -> str:
    """The one database that is not the maintenance database; LookupError naming them where there are several."""
    own = [name for name in names if name != "postgres"] or list(names)
    if len(own) != 1:
        raise LookupError(f"which database it is for is not said, and there are {', '.join(own)}: set its database")
    return own[0]
