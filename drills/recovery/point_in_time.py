"""Restores to a moment: changes committed before it are there, later ones and those under way are not.

In the sandbox the stage crosses a moment with three marked transactions, and a scenario restores to it. Elsewhere a drill
writes nothing to the source, so that there is no marked moment; a moment of the owner's choice is drilled with `--sample`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from datetime import datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from drills.checks.base.runner import timed
from drills.checks.base.session import Connection, Connector
from drills.checks.canary import chain
from drills.checks.observed import Took
from drills.clock import wait_until
from drills.errors import CheckUnavailable
from drills.model import phases
from drills.model.finding import CheckResult, Finding
from drills.model.record import Restoration
from drills.recovery import choose
from drills.recovery.drill import Drill
from drills.recovery.judged import verdict_of
from drills.recovery.observed import MomentSeen
from drills.recovery.setup import Setup

NAME = "moment"
TABLE = f"{chain.SCHEMA}.marker"
BEFORE, AFTER, UNDER_WAY = "committed before the moment", "committed after the moment", "under way at the moment"
_QUERY = f"select name from {TABLE}"


def mark_moment(connect: Connector, database: str) -> datetime:
    """Commit a marked row, begin another, and commit a third; return the instant between, by the database's clock.

    The transaction that is under way at that instant is committed later, so that it is lost by the moment alone.
    """
    with connect(database) as session, connect(database) as other:
        session.execute(f"create table {TABLE} (name text primary key)")
        _mark(session, BEFORE)
        with other.transaction():
            _mark(other, UNDER_WAY)
            crossed: datetime = _instant(session)
            _mark(session, AFTER)
    return crossed


def _mark(session: Connection, name: str) -> None:
    session.execute(f"insert into {TABLE} values (%s)", (name,))


def _instant(session: Connection) -> datetime:
    row = session.execute("select pg_catalog.clock_timestamp()").fetchone()
    if row is None:
        raise AssertionError("a select without from gives one row")
    return row[0]  # type: ignore[no-any-return]  # timestamptz, which psycopg gives as an aware datetime


def restore(drill: Drill, setup: Setup, crossed: datetime, database: str) -> Restoration:
    """Restore to the marked moment and judge which of the marked rows are there."""
    journal = setup.journal
    disaster_at = drill.declare_disaster()
    journal.enter("restore to a point in time")
    _wait_until_restorable(setup, crossed, disaster_at)
    restored = drill.restore_moment(crossed)

    noted = dataclasses.replace(setup.observations, copy=restored.restoration.instance_id)

    def check() -> CheckResult:
        setup.observations.statements.check = NAME
        with restored.connect(database) as session:
            found = tuple(str(name) for (name,) in session.execute(_QUERY))
        noted.note(NAME, "", MomentSeen(found))
        return judge(found)

    result = timed(setup.clock, NAME, check)
    noted.note(NAME, "", Took(result.seconds))
    restoration = dataclasses.replace(restored.restoration, expectation="none", checks=(result,))
    journal.restoration(restoration)
    journal.verdict(verdict_of(result, result.requirement))
    journal.enter(phases.REMAINING)
    return restoration


def _wait_until_restorable(setup: Setup, moment: datetime, disaster_at: datetime) -> None:
    """Wait until the moment can be restored: the latest restorable time lags behind, on RDS by five minutes."""
    if moment > disaster_at:
        return
    latest: list[datetime] = []

    def restorable() -> bool:
        window = choose.restore_window(setup)
        latest[:] = [window.latest] if window else []
        return window is not None and window.latest >= moment

    try:
        wait_until(
            restorable,
            setup.target.timeout.total_seconds(),
            setup.clock,
            every=setup.poll_seconds,
            what="the moment to be restorable",
        )
    except TimeoutError as error:
        raise CheckUnavailable(
            f"{error}: expected LatestRestorableTime to reach {moment.isoformat()}, found "
            f"{latest[0].isoformat() if latest else 'none'}: see whether the clocks of AWS and of the source differ, or raise "
            f"{setup.timeout_key}"
        ) from error


def judge(found: Collection[str]) -> CheckResult:
    """Judge the marked rows in the copy: the one committed before the moment must be there, and no other. Pure."""
    findings = []
    if BEFORE not in found:
        findings.append(_finding(BEFORE, "there", "missing", "a change that was committed before the moment is lost"))
    if AFTER in found:
        findings.append(_finding(AFTER, "absent", "there", "the copy goes past the moment that was asked for"))
    if UNDER_WAY in found:
        findings.append(_finding(UNDER_WAY, "absent", "there", "a change that was not committed yet was kept"))
    sentence = (
        findings[0].message if findings else "3 marked changes: the one committed before the moment is there alone"
    )
    return CheckResult(NAME, "missed" if findings else "met", sentence, compared=3, findings=tuple(findings))


def _finding(name: str, expected: str, found: str, message: str) -> Finding:
    return Finding(NAME, "error", f"the change {name}", expected, found, message, _QUERY)


def moment_too_early(setup: Setup) -> datetime | None:
    """Return a second before the oldest automated backup had ended, None where there is none or AWS does not tell of it."""
    try:
        window = choose.restore_window(setup)
    except (ClientError, BotoCoreError):
        return None
    return window.earliest - timedelta(seconds=1) if window else None
