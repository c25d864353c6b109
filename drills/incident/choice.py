"""Which point an incident restores: the newest data that do not go beyond a moment, of a snapshot or of an automated backup. Pure.

A drill never takes another moment than the one asked for. In an incident the moment is a limit, the instant before the damage:
whatever comes nearest to it from before is what people want, and how far before it is, is said.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from drills.aws.guarded.names import PREFIX
from drills.durations import show_duration
from drills.model.finding import Finding
from drills.model.point import Choice, PointSelector, RecoveryPoint, RefusedPoint, Window
from drills.recovery import selection

LATEST = "latest"
NOT_NEWER = "its data reach beyond the moment asked for"


@dataclass(frozen=True, slots=True)
class Continuous:
    """An automated backup, also of an instance that is gone, and the period that it can be restored to."""

    point: RecoveryPoint
    window: Window | None


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to restore from; `living` is the DbiResourceId of the source, None where it is gone.

    `why_no_moment` says why no moment can be restored to, "" where one can.
    """

    points: tuple[RecoveryPoint, ...]
    continuous: tuple[Continuous, ...] = ()
    living: str | None = None
    why_no_moment: str = ""


def choose(known: Known, not_after: datetime | None, now: datetime) -> Choice:
    """Choose the point whose data reach furthest and not beyond `not_after`, else now; none with the reason of each.

    Of the instances that ever had the name the living one's come first, then those of the one with the newest data: an instance
    that somebody has made anew under the name holds nothing from before it was made.
    """
    limit = min(not_after, now) if not_after else now
    points = tuple(map(_as_backup, known.points))
    fit, refused = _snapshots(points, limit, now)
    moments, without = _moments(known, limit)
    candidates = [*fit, *moments]
    by_id = dict.fromkeys(
        filter(None, (known.living, *(each.dbi_resource_id for each in sorted(candidates, key=_reach, reverse=True))))
    )
    for resource_id in by_id:
        own = [each for each in candidates if each.dbi_resource_id == resource_id]
        if own:
            chosen = max(own, key=_reach)
            return Choice(chosen, (*refused, *without), tuple(_several(candidates, chosen, known.living)))
    return Choice(None, (*refused, *without), ())


def choose_named(known: Known, name: str, now: datetime) -> Choice:
    """Return the point of that ARN or snapshot id, of whichever instance that had the name; none with the reason."""
    named = [each for each in map(_as_backup, known.points) if name in (each.arn, each.snapshot_id)]
    own = named[0].dbi_resource_id if named else None
    return selection.choose(PointSelector("named", name), named, dbi_resource_id=own, usable_at=now)


def distance(point: RecoveryPoint, not_after: datetime | None, now: datetime) -> str:
    """Return which instant the data of a point reach to, and how far before the wanted moment that is, in words."""
    limit = min(not_after, now) if not_after else now
    if point.data_time is None:
        return "which instant its data reach to is not known"
    gap, of = (limit - point.data_time).total_seconds(), "the moment asked for" if not_after else "this was called"
    how = "exactly as asked for" if not_after and gap == 0 else f"{show_duration(max(gap, 0.0))} before {of}"
    return f"data up to {point.data_time:%Y-%m-%d %H:%M:%S} UTC, {how}"


def _as_backup(point: RecoveryPoint) -> RecoveryPoint:
    """Return a point as one that counts: a backup on demand is no part of a schedule, and a fine thing to have in an incident.

    What a drill itself has copied stays its own: it may be damaged on purpose.
    """
    return dataclasses.replace(point, made_by_drill=point.snapshot_id.startswith(PREFIX))


def _snapshots(
    points: Sequence[RecoveryPoint], limit: datetime, now: datetime
) -> tuple[list[RecoveryPoint], list[RefusedPoint]]:
    """Return the snapshots that can be restored now and do not go beyond the limit, and why the others are none of them."""
    fit, refused = [], []
    for resource_id in dict.fromkeys(each.dbi_resource_id for each in points):
        own = [each for each in points if each.dbi_resource_id == resource_id]
        chosen = selection.choose_newest(own, dbi_resource_id=resource_id, usable_at=now)
        reasons = {one.arn: one.reason for one in chosen.refused}
        for each in own:
            reason = reasons.get(each.arn) or (NOT_NEWER if each.data_time and each.data_time > limit else "")
            if reason:
                refused.append(RefusedPoint(each.arn, reason))
            else:
                fit.append(each)
    return fit, refused


def _moments(known: Known, limit: datetime) -> tuple[list[RecoveryPoint], list[RefusedPoint]]:
    """Return each automated backup at the last moment that it can be restored to, and why the others give none."""
    fit, refused = [], []
    for each in known.continuous:
        window = each.window
        if known.why_no_moment:
            refused.append(RefusedPoint(each.point.arn, known.why_no_moment))
        elif window is None:
            refused.append(RefusedPoint(each.point.arn, "it can be restored to no moment yet"))
        elif limit < window.earliest:
            reason = f"it begins at {window.earliest:%Y-%m-%d %H:%M:%S} UTC, after the moment asked for"
            refused.append(RefusedPoint(each.point.arn, reason))
        else:
            at = _whole_second(min(limit, window.latest), window)
            fit.append(dataclasses.replace(each.point, data_time=at, data_time_source="RestoreTime", completed_at=at))
    return fit, refused


def _whole_second(at: datetime, window: Window) -> datetime:
    """Return the instant without its fraction, which RDS's own times do not have, unless that is too early."""
    floor = at - timedelta(microseconds=at.microsecond)
    return floor if floor >= window.earliest else at


def _reach(point: RecoveryPoint) -> tuple[datetime, bool, str]:
    """Return what the better of two points has more of: data, and then a snapshot, which is restored sooner than a moment."""
    assert point.data_time
    return point.data_time, point.kind != "continuous", point.arn


def _several(candidates: Iterable[RecoveryPoint], chosen: RecoveryPoint, living: str | None) -> Iterator[Finding]:
    """Yield a warning where several instances had the name, or the chosen point is not the living one's."""
    ids = sorted({each.dbi_resource_id for each in candidates if each.dbi_resource_id})
    if len(ids) < 2 and living in (None, chosen.dbi_resource_id):
        return
    of = chosen.dbi_resource_id or "an unknown instance"
    alive = (
        "the living one is" if living == of else f"the living one is {living}; found" if living else "none lives; found"
    )
    message = (
        f"several instances were called {chosen.instance_id!r} ({', '.join(ids)}): {alive} {of}, which is restored"
    )
    yield Finding(selection.VERDICT, "warning", chosen.instance_id, "points of one instance", ", ".join(ids), message)
