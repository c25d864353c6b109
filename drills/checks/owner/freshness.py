"""Ask the owner's freshness queries how new the data of a restored copy are, where no canary is written.

Each returns one instant, such as `select max(created_at) from shop.customer_order`. It is a lower bound of what the
copy reaches to, since nobody may have written for a while: the loss that follows from it is an upper bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Protocol

import psycopg

from drills.checks.base import copy_code
from drills.checks.base.outcome import first_line
from drills.checks.base.session import MAINTENANCE, Connector, database_names, snapshot
from drills.checks.base.timeouts import (
    ServerUnresponsive,
    client_timeout,
    disconnect_after,
    set_statement_timeout,
    unresponsive_reason,
)
from drills.sql import execute

_WITHIN = 300.0  # seconds for one query


class FreshnessQuery(Protocol):
    """A query of one instant, as drill.toml has it; `database` may be None where there is one alone."""

    @property
    def name(self) -> str:
        """Return the name that the owner gave it."""
        ...

    @property
    def sql(self) -> str:
        """Return its text."""
        ...

    @property
    def database(self) -> str | None:
        """Return the name of its database."""
        ...


@dataclass(frozen=True, slots=True)
class FreshnessResult:
    """The instant that one query returned, in UTC, or the reason why it returned none."""

    name: str
    at: datetime | None
    reason: str = ""


def observe(
    connect: Connector, queries: Sequence[FreshnessQuery], within: float = _WITHIN, *, trust_code: bool = False
) -> tuple[FreshnessResult, ...]:
    """Run each query in its database, read-only; one that fails or takes longer than `within` seconds returns the
    reason. So does one that might call code of the copy with rights that could do harm, unless `trust_code`.
    """
    return tuple(_ask(connect, query, within, trust_code) for query in queries)


def _ask(connect: Connector, query: FreshnessQuery, within: float, trust_code: bool) -> FreshnessResult:
    try:
        database = query.database or _only(database_names(connect))
        with snapshot(connect, database) as connection, disconnect_after(connection, client_timeout(within)):
            if reason := copy_code.find(connection, trusted=trust_code).any:
                return FreshnessResult(query.name, None, f"the query {reason}")
            copy_code.allow_views(connection)
            set_statement_timeout(connection, within)
            rows = execute(connection, query.sql).fetchmany(2)
    except ServerUnresponsive:
        return FreshnessResult(query.name, None, f"the query {unresponsive_reason(within)}")
    except psycopg.Error as error:
        return FreshnessResult(query.name, None, f"the query failed: {first_line(error)}")
    except LookupError as error:
        return FreshnessResult(query.name, None, str(error))
    if len(rows) != 1 or len(rows[0]) != 1:
        return FreshnessResult(query.name, None, "expected one row of one column, found something else")
    return read(query.name, rows[0][0])


def read(name: str, value: Any) -> FreshnessResult:
    """Return a value as an instant: a timestamp without a time zone and a date count as UTC. Pure."""
    if isinstance(value, datetime):
        return FreshnessResult(name, value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC))
    if isinstance(value, date):
        return FreshnessResult(name, datetime.combine(value, time(), UTC))
    if value is None:
        return FreshnessResult(name, None, "it found no row")
    return FreshnessResult(name, None, f"expected a timestamp, found a {type(value).__name__}")


def _only(names: Sequence[str]) -> str:
    """Return the one database that is not the maintenance database; LookupError naming them where there are several."""
    own = [name for name in names if name != MAINTENANCE] or list(names)
    if len(own) != 1:
        raise LookupError(f"expected its database to be named, since there are {', '.join(own)}: set its database")
    return own[0]
