"""Histories that look like real ones: a run a month of one target, whose recovery takes a little longer each time."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from drills.history.trend import trend_of
from drills.model.history import GroupKey, HistoryLine, RunOutcome, Trend
from drills.model.record import RunRecord
from tests.support.example_record import failing_drill

FIRST = datetime(2021, 2, 1, 4, 30, tzinfo=UTC)
MONTH = timedelta(days=30)
KEY = GroupKey(
    target="orders",
    profile="production",
    simulated=False,
    account="123456789012",
    region="eu-central-1",
    instance_id="myappdbprod",
    dbi_resource_id="db-7QXW3ZJ5LHO2KVRN",
    instance_class="db.t4g.medium",
    point_kind="awsbackup",
)


def line(index: int, at: datetime, outcome: RunOutcome = "passed", rta: float | None = 900.0) -> HistoryLine:
    """A run with an RTO of 30 minutes and an RPO of a day; a copy of 40 GiB that grows by one a run."""
    code = {"passed": 0, "objective missed": 10, "verification failed": 11, "could not run": 12, "left behind": 13}[
        outcome
    ]
    return HistoryLine(
        run_id=f"{at:%Y%m%d-%H%M%S}-{index:04x}",
        started_at=at,
        ended_at=at + timedelta(hours=1),
        key=KEY,
        outcome=outcome,
        code=code,
        all_codes=(code,),
        rta_seconds=rta,
        rpa_seconds=None if rta is None else 30_000.0 + 997 * (index * 7 % 11),
        rpa_source="canary",
        rto_seconds=1800.0,
        rpo_seconds=86_400.0,
        allocated_gib=40 + index,
        drill_every_seconds=timedelta(days=31).total_seconds(),
    )


def monthly(count: int) -> list[HistoryLine]:
    """Runs of `count` months: one in seven misses its RTO, single ones fail or cannot run, two months have none."""
    made, at = [], FIRST
    for index in range(count):
        outcome: RunOutcome = "passed"
        rta: float | None = 860.0 + 9 * index + 61 * (index * 5 % 7)
        if index % 7 == 6:
            outcome, rta = "objective missed", 1990.0
        if index % 23 == 4:
            outcome = "verification failed"
        if index % 11 == 8:
            outcome, rta = "could not run", None
        made.append(line(index, at, outcome, rta))
        at += MONTH * (3 if index % 13 == 9 else 1)
    return made


def trend(lines: Sequence[HistoryLine]) -> Trend:
    """The trend of these runs at the end of the last one."""
    as_of = lines[-1].ended_at if lines else FIRST
    assert as_of is not None
    return trend_of(lines, KEY, as_of)


def drill_with_history(count: int) -> RunRecord:
    """The failing drill on AWS, with the trend of `count` runs in its record."""
    return dataclasses.replace(failing_drill(), history=trend(monthly(count)))
