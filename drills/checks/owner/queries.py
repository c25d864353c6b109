"""Time the owner's own queries on the copy: an instance that is "available" may still answer slowly.

RDS loads blocks from S3 when they are first read
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_RestoreFromSnapshot.html, lazy loading), so each query is
timed before anything else has read the data, and again. A copy is usable when each has met its target; one that has not
is run a few times more, since each run loads what it needs.

The queries run as the service would run them, with the server's own planner settings, read-only. Under EXPLAIN ANALYZE
the server executes a query and discards its rows: no value leaves the database. From PostgreSQL 17 on it turns the rows
into text as well (SERIALIZE); before that, values that are stored out of line may stay unread.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

from drills.checks.base import copy_code
from drills.checks.base.outcome import CheckOutcome, first_line, is_damage
from drills.checks.base.runner import build_result
from drills.checks.base.session import MAINTENANCE, Connection, Connector, database_names, snapshot
from drills.checks.base.timeouts import ServerUnresponsive, client_timeout, disconnect_after, unresponsive_reason
from drills.clock import Clock
from drills.durations import show_duration
from drills.model.finding import CheckResult, Finding, NotChecked
from drills.model.timing import QueryTiming
from drills.sql import execute

NAME = "queries"
OF_SAMPLE = "asks the sample application, and this is other data"
NONE_SET = "no query of the owner's is set for the target"
FURTHER_RUNS = 3  # of a query that has not met its target when it is warm
_SERIALIZING = 170000


@dataclass(frozen=True, slots=True)
class Query:
    """A query, its database, and its target in seconds; `database` "" is the only one; `skipped`: why it is not run."""

    name: str
    text: str
    target_seconds: float | None = None
    database: str = ""
    skipped: str = ""


def cold(
    connect: Connector, queries: Sequence[Query], clock: Clock, limit: float, *, trust_code: bool = False
) -> tuple[QueryTiming, ...]:
    """Run each query for the first time; `limit` is the most seconds that one may take.

    Without `trust_code` none is run that might call code of the copy with rights that could do harm.
    """
    databases = database_names(connect) if any(not query.skipped for query in queries) else ()
    code = dict[str, str]()
    for name in databases if not trust_code else ():
        with contextlib.suppress(psycopg.Error), snapshot(connect, name) as connection:
            code[name] = copy_code.find(connection, trusted=False).any
    return tuple(_run_cold(connect, query, databases, clock, limit, code) for query in queries)


def warm(
    connect: Connector, queries: Sequence[Query], timings: Sequence[QueryTiming], clock: Clock, limit: float
) -> tuple[QueryTiming, ...]:
    """Run each query that could run again, and those that are still too slow a few times more."""
    return tuple(
        _run_warm(connect, query, timing, clock, limit) for query, timing in zip(queries, timings, strict=True)
    )


def _run_cold(
    connect: Connector, query: Query, databases: Sequence[str], clock: Clock, limit: float, code: Mapping[str, str]
) -> QueryTiming:
    own = [name for name in databases if name != MAINTENANCE]
    database = query.database or (own[0] if len(own) == 1 else "")
    opening = QueryTiming(query.name, database, query.target_seconds)
    if query.skipped:
        return dataclasses.replace(opening, reason=query.skipped)
    if not database:
        needs = f"needs a database: there are {', '.join(own)}" if own else "needs a database, and there is none"
        return dataclasses.replace(opening, reason=needs)
    if reason := code.get(database):
        return dataclasses.replace(opening, reason=reason)
    return _run(connect, query, opening, clock, limit)


def _run_warm(connect: Connector, query: Query, timing: QueryTiming, clock: Clock, limit: float) -> QueryTiming:
    if not timing.seconds or timing.reason:
        return timing
    for _ in range(1 + FURTHER_RUNS):
        timing = _run(connect, query, timing, clock, limit)
        if timing.reason or timing.is_fast:
            break
    return timing


def _run(connect: Connector, query: Query, timing: QueryTiming, clock: Clock, limit: float) -> QueryTiming:
    try:
        with connect(timing.database) as connection:
            connection.execute("set default_transaction_read_only = on")
            connection.execute(b"set statement_timeout = %d" % max(1, round(limit * 1000)))
            began = clock.monotonic()
            with disconnect_after(connection, client_timeout(limit)):
                _explain(connection, query.text)
            took = clock.monotonic() - began
    except ServerUnresponsive:
        return dataclasses.replace(timing, reason=unresponsive_reason(limit))
    except psycopg.errors.QueryCanceled:
        return dataclasses.replace(timing, reason=f"timed out after {show_duration(limit)}")
    except psycopg.Error as error:
        kind = "damage: " if is_damage(error) else ""
        return dataclasses.replace(timing, reason=f"{kind}{first_line(error)}")
    return dataclasses.replace(timing, seconds=(*timing.seconds, took))


def _explain(connection: Connection, text: str) -> None:
    serialize = ", serialize text" if connection.info.server_version >= _SERIALIZING else ""
    # in binary: the extended protocol takes one statement alone
    execute(connection, f"explain (analyze, timing off{serialize}) {text}", binary=True)


def judge(timings: Sequence[QueryTiming]) -> CheckResult:
    """Judge whether each query met its target; with nothing to run the check is not verified. Pure."""
    if not timings:
        return CheckResult(NAME, "not verified", NONE_SET, "optional", not_checked=(NotChecked(NAME, NONE_SET),))
    outcome = CheckOutcome()
    for timing in timings:
        outcome += _judge(timing)
    if not outcome.compared and not outcome.unverified and not outcome.findings:
        sentence = f"{OF_SAMPLE}: {', '.join(timing.name for timing in timings)}"
        return CheckResult(NAME, "not verified", sentence, "optional", not_checked=outcome.not_checked)
    ran = [timing for timing in timings if timing.seconds]
    slowest = max(ran, key=lambda timing: timing.seconds[-1], default=None)
    praise = f"{slowest.name!r} took {show(slowest)}" if slowest else ""
    return build_result(NAME, outcome, "queries", praise, verb="timed")


def _judge(timing: QueryTiming) -> CheckOutcome:
    what = f"query {timing.name}"
    if timing.reason == OF_SAMPLE:
        return CheckOutcome(excluded=(NotChecked(what, timing.reason),))
    if timing.reason.startswith(("damage: ", "timed out")):
        message = f"{what}: {timing.reason}"
        return CheckOutcome(1, (Finding(NAME, "error", what, "an answer", timing.reason, message),))
    if timing.reason:
        return CheckOutcome(unverified=(NotChecked(what, timing.reason),))
    if timing.is_fast:
        return CheckOutcome(1)
    expected, found = f"at most {_exactly(timing.target_seconds or 0.0)}", show(timing)
    return CheckOutcome(1, (Finding(NAME, "error", what, expected, found, f"{what} is too slow: {found}, {expected}"),))


def show(timing: QueryTiming) -> str:
    """Describe a timing as in "1.2 s cold, 40 ms warm", and after how many runs, where one was not enough."""
    if timing.cold is None:
        return timing.reason or "not run"
    if timing.warm is None:
        return f"{_exactly(timing.cold)} cold"
    runs = f" in its run no. {len(timing.seconds)}" if len(timing.seconds) > 2 else ""
    return f"{_exactly(timing.cold)} cold, {_exactly(timing.warm)} warm{runs}"


def _exactly(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else show_duration(seconds)
