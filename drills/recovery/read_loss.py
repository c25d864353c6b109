"""Reads the newest instant of a restored copy's data, and records the data loss by each method."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import psycopg

from drills.checks import suite
from drills.checks.base.outcome import first_line
from drills.checks.base.session import Connector
from drills.checks.owner import freshness
from drills.checks.owner.freshness import FreshnessQuery, FreshnessResult
from drills.model.finding import CheckResult
from drills.model.point import RecoveryPoint
from drills.model.timing import DataLoss, WorstCase
from drills.objectives import data_loss
from drills.objectives.data_loss import NewestData, Reference
from drills.recovery.observed import LossSeen
from drills.recovery.setup import Setup

NewestCanary = Callable[[Connector], datetime | None]


def measure(
    setup: Setup,
    connect: Connector,
    point: RecoveryPoint,
    disaster_at: datetime,
    *,
    newest_canary: NewestCanary = suite.newest_canary,
) -> CheckResult:
    """Work out the losses of a recovery, record and judge them; return the result of comparing them.

    A moment is held against itself: what is lost before the disaster was chosen by whoever asked for that moment.
    """
    sample = setup.target.sample
    reference = Reference(sample.moment, "the moment") if sample.moment else Reference(disaster_at)
    journal = setup.journal
    found = newest_data(connect, setup.target.freshness, reference, newest_canary, trust_code=setup.target.trust_code)
    setup.observations.note(data_loss.NAME, "", LossSeen(found))
    data = data_loss.by_data(found, reference)
    planned = by_schedule(journal.record.worst_case)
    losses = (planned, data_loss.by_api(point, reference), data)
    rpa = data_loss.measure(data, reference)
    journal.update(losses=losses)
    journal.append("measurements", rpa)
    journal.verdict(data_loss.judge_rpo(losses, rpa, journal.record.objectives, sample))
    # an old recovery point is older than the schedule's worst case, and nothing is wrong with that
    compared = losses if sample.judges_rpo else losses[1:]
    return data_loss.compare(compared, setup.target.loss_tolerance.total_seconds())


def by_schedule(worst: WorstCase | None) -> DataLoss:
    """Return the worst case of the backup schedule as a data loss by policy."""
    if worst is None:
        return data_loss.by_policy(None)
    return data_loss.by_policy(worst.seconds, "the backup schedule" if worst.seconds is not None else worst.sentence)


def newest_data(
    connect: Connector,
    queries: Sequence[FreshnessQuery],
    reference: Reference,
    newest_canary: NewestCanary = suite.newest_canary,
    *,
    trust_code: bool = False,
) -> NewestData:
    """Return the newest instant in the copy: by the canary, else by the owner's freshness queries."""
    try:
        newest = newest_canary(connect)
    except psycopg.Error as error:
        return NewestData(None, f"the canary could not be read: {first_line(error)}")
    if newest:
        return NewestData(newest, "canary")
    return newest_answer(freshness.observe(connect, queries, trust_code=trust_code), reference)


def newest_answer(found: Sequence[FreshnessResult], reference: Reference) -> NewestData:
    """Return the newest instant of several queries. Pure.

    An instant after the reference (a date in the future, say) is ignored unless there is no other: then it is returned,
    to be reported as a contradiction.
    """
    if not found:
        return NewestData(None, "no canary in the copy, and no freshness query is configured")
    dated = [(fresh.at, fresh.name) for fresh in found if fresh.at is not None]
    if not dated:
        why = "; ".join(f"{data_loss.FRESHNESS} {fresh.name!r}: {fresh.reason}" for fresh in found)
        return NewestData(None, f"no canary in the copy, and {why}")
    before = [each for each in dated if each[0] <= reference.at]
    at, name = max(before) if before else min(dated)
    return NewestData(at, f"{data_loss.FRESHNESS} {name!r}", upper_bound=True)
