"""Which recovery point a drill restores. Pure.

Points are told apart by the `DbiResourceId` of the instance that they were taken from: names are reused in the very
runbook that this project rehearses, resource ids are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from drills.model import Finding, RecoveryPoint, RefusedPoint

USABLE = frozenset({"COMPLETED", "AVAILABLE", "available"})


@dataclass(frozen=True, slots=True)
class Choice:
    """The point chosen (None: there is none), the ones refused with the reason, and what is odd about the set."""

    point: RecoveryPoint | None
    refused: tuple[RefusedPoint, ...]
    findings: tuple[Finding, ...]


def choose_newest(
    points: Sequence[RecoveryPoint],
    *,
    dbi_resource_id: str | None,
    usable_at: datetime,
    kinds: Sequence[str] = (),
) -> Choice:
    """Choose the point whose data reach furthest among those that were usable at `usable_at`, the disaster time.

    `dbi_resource_id` is the living source's; without one (the source is gone) the id of the newest point counts.
    `kinds` limits what is eligible; empty allows every kind.
    """
    ids = sorted({point.dbi_resource_id for point in points if point.dbi_resource_id})
    wanted = dbi_resource_id or _id_of_newest(points)
    findings = _several_ids(ids, wanted, points) if len(ids) > 1 else ()
    refused: list[RefusedPoint] = []
    fit: list[RecoveryPoint] = []
    for point in points:
        reason = _refusal(point, wanted, usable_at, kinds)
        if reason:
            refused.append(RefusedPoint(point.arn, reason))
        else:
            fit.append(point)
    newest = max(fit, key=lambda point: (point.data_time or usable_at, point.arn), default=None)
    return Choice(newest, tuple(refused), findings)


def _refusal(point: RecoveryPoint, wanted: str | None, usable_at: datetime, kinds: Sequence[str]) -> str:
    if point.made_by_drill:
        return "made by a drill"
    if kinds and point.kind not in kinds:
        return f"kind {point.kind!r} is not eligible; eligible: {', '.join(kinds)}"
    if wanted and point.dbi_resource_id != wanted:
        return f"taken from another instance of that name ({point.dbi_resource_id or 'unknown'}), expected {wanted}"
    if point.status not in USABLE:
        return f"status {point.status}, expected COMPLETED or available"
    if point.expires_at and point.expires_at <= usable_at:
        return f"expired at {point.expires_at:%Y-%m-%d %H:%M:%S} UTC"
    if point.data_time is None:
        return "no API field says which instant its data reach to"
    usable_from = point.completed_at or point.created_at or point.data_time
    if usable_from > usable_at:
        return f"usable from {usable_from:%Y-%m-%d %H:%M:%S} UTC, after the disaster"
    return ""


def _id_of_newest(points: Sequence[RecoveryPoint]) -> str | None:
    dated = [point for point in points if point.dbi_resource_id and point.data_time and point.status in USABLE]
    newest = max(dated, key=lambda point: (point.data_time, point.arn), default=None)
    return newest.dbi_resource_id if newest else None


def _several_ids(ids: Sequence[str], wanted: str | None, points: Sequence[RecoveryPoint]) -> tuple[Finding, ...]:
    name = points[0].instance_id
    finding = Finding(
        check="recovery point",
        severity="warning",
        object=name,
        expected="recovery points of one instance",
        found=f"{len(ids)} DbiResourceIds: {', '.join(ids)}",
        message=f"several instances were called {name!r}; only points of {wanted} were eligible",
    )
    return (finding,)


def explain_none(instance_id: str, vault: str | None, choice: Choice) -> str:
    """One sentence for a target without a usable recovery point: where was looked, what was found, what to do."""
    where = f"vault {vault!r} and the RDS snapshots" if vault else "the RDS snapshots"
    if not choice.refused:
        found = "there is none at all"
    else:
        reasons = "; ".join(f"{refused.arn.rsplit(':', 1)[-1]}: {refused.reason}" for refused in choice.refused[:3])
        more = f" and {len(choice.refused) - 3} more" if len(choice.refused) > 3 else ""
        found = f"{len(choice.refused)} found, none usable ({reasons}{more})"
    return (
        f"expected a usable recovery point of {instance_id!r} in {where}, {found}: "
        "see whether the backup plan selects the instance and why its last jobs did not complete"
    )
