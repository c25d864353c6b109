"""The gaps between the recovery points that exist, with the jobs that failed in them. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

NOT_DONE = ("FAILED", "EXPIRED", "ABORTED", "PARTIAL")


@dataclass(frozen=True, slots=True)
class ExistingPoint:
    """A recovery point: the instant its data reach to, since when it can be restored, and whether a schedule made it."""

    arn: str
    data_at: datetime
    usable_at: datetime
    scheduled: bool


@dataclass(frozen=True, slots=True)
class EndedJob:
    """A backup job that has ended: its creation, final state and AWS's message."""

    at: datetime
    state: str
    message: str = ""

    def __str__(self) -> str:
        """In words, in one line."""
        message = f": {' '.join(self.message.split())}" if self.message else ""
        return f"{self.state} {self.at:%Y-%m-%d %H:%M} UTC{message}"


@dataclass(frozen=True, slots=True)
class PointGap:
    """A period in which nothing newer than `from_at` could be restored, and the jobs that failed in it."""

    from_at: datetime
    to_at: datetime
    jobs: tuple[EndedJob, ...] = ()

    @property
    def seconds(self) -> float:
        """Its length, which is what a loss at its end would have cost."""
        return (self.to_at - self.from_at).total_seconds()


def gaps(points: Sequence[ExistingPoint], jobs: Sequence[EndedJob], now: datetime) -> tuple[PointGap, ...]:
    """Return the gaps up to `now`, the largest first; points that no schedule made count for nothing."""
    found: list[PointGap] = []
    newest: datetime | None = None
    scheduled = sorted((each for each in points if each.scheduled), key=lambda each: each.usable_at)
    for usable_at, group in itertools.groupby(scheduled, key=lambda each: each.usable_at):
        if newest is not None:
            found.append(_gap(newest, usable_at, jobs))
        newest = max([point.data_at for point in group] + ([newest] if newest else []))
    if newest is not None:
        found.append(_gap(newest, max(now, newest), jobs))
    return tuple(sorted(found, key=lambda gap: gap.seconds, reverse=True))


def _gap(from_at: datetime, to_at: datetime, jobs: Sequence[EndedJob]) -> PointGap:
    inside = sorted(
        (job for job in jobs if job.state in NOT_DONE and from_at <= job.at <= to_at), key=lambda job: job.at
    )
    return PointGap(from_at, to_at, tuple(inside))
