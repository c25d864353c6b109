"""Selects the recovery point that a drill restores. Pure.

Points are distinguished by the `DbiResourceId` of the instance that they were taken from: names are reused in the very
runbook that this project rehearses, resource ids are not.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from datetime import UTC, datetime

from drills.errors import OBJECTIVE_MISSED
from drills.model.finding import Finding, Verdict
from drills.model.instance import DatabaseKind
from drills.model.point import NEWEST, USABLE, Choice, PointSelector, RecoveryPoint, RefusedPoint, Window

VERDICT = "recovery point"


def choose(
    sample: PointSelector,
    points: Sequence[RecoveryPoint],
    *,
    dbi_resource_id: str | None,
    usable_at: datetime,
    kinds: Sequence[str] = (),
    seed: int = 0,
) -> Choice:
    """Choose the point that `sample` names among those that were usable at `usable_at`, the disaster time.

    `seed` draws the one at random, unless the sample has its own: the same seed and points give the same one. "copy" is
    the newest of the points that a copy job made. A named point is taken whatever its kind and whoever made it, and
    refused with the reason where it could not be restored; never is another one taken in its place. For a moment see
    `choose_moment`.
    """
    if sample.kind == "named":
        named = [point for point in points if sample.text in (point.arn, point.snapshot_id)]
        return _choose(named, dbi_resource_id, points, usable_at, (), by_name=True)
    if sample.kind == "copy":
        kinds = ("copy",)
    choice = _choose(points, dbi_resource_id, points, usable_at, kinds)
    refused = {one.arn for one in choice.refused}
    fit = sorted((p for p in points if p.arn not in refused), key=lambda point: (_dated(point, usable_at), point.arn))
    if sample.kind == "oldest" and fit:
        return Choice(fit[0], choice.refused, choice.findings)
    if sample.kind == "random" and fit:
        seed = seed if sample.seed is None else sample.seed
        return Choice(random.Random(seed).choice(fit), choice.refused, choice.findings, seed)
    return choice


def choose_moment(moment: datetime, window: Window | None, source: RecoveryPoint, *, usable_at: datetime) -> Choice:
    """Return the point that a restore to `moment` comes to; none where the moment lies outside of what can be restored.

    `source` says what is restored, with the moment and its window still to be filled in. A moment is never replaced by
    the nearest one that could be restored: whoever asked for it would look at other data than they think.
    """
    if window is None:
        reason = "the instance has no automated backup that reaches to a moment: see its backup retention period"
    elif moment < window.earliest:
        reason = f"before {_show_instant(window.earliest)}, when its oldest automated backup had ended"
    elif moment > usable_at:
        reason = f"after the disaster at {_show_instant(usable_at)}"
    elif moment > window.latest:
        reason = f"after {_show_instant(window.latest)}, the latest time that can be restored now"
    else:
        point = dataclasses.replace(source, data_time=moment, data_time_source="RestoreTime", completed_at=moment)
        return Choice(point, (), ())
    return Choice(None, (RefusedPoint(source.arn, f"{_show_instant(moment)} cannot be restored: {reason}"),), ())


def _show_instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


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
    return _choose(points, dbi_resource_id, points, usable_at, kinds)


def _choose(
    points: Sequence[RecoveryPoint],
    dbi_resource_id: str | None,
    known: Sequence[RecoveryPoint],
    usable_at: datetime,
    kinds: Sequence[str],
    *,
    by_name: bool = False,
) -> Choice:
    """Return the newest usable one of `points`; which instance they must be of is told from `known`, all of them."""
    ids = sorted({point.dbi_resource_id for point in known if point.dbi_resource_id})
    wanted = dbi_resource_id or _id_of_newest(known)
    findings = _several_ids(ids, wanted, known) if len(ids) > 1 else ()
    refused: list[RefusedPoint] = []
    fit: list[RecoveryPoint] = []
    for point in points:
        reason = _refusal(point, wanted, usable_at, kinds, by_name=by_name)
        if reason:
            refused.append(RefusedPoint(point.arn, reason))
        else:
            fit.append(point)
    newest = max(fit, key=lambda point: (_dated(point, usable_at), point.arn), default=None)
    return Choice(newest, tuple(refused), findings)


def _dated(point: RecoveryPoint, otherwise: datetime) -> datetime:
    return point.data_time or otherwise


def _refusal(
    point: RecoveryPoint, wanted: str | None, usable_at: datetime, kinds: Sequence[str], *, by_name: bool
) -> str:
    if point.made_by_drill and not by_name:
        return "made by a drill or on demand"
    if kinds and point.kind not in kinds:
        return f"kind {point.kind!r} is not eligible; eligible: {', '.join(kinds)}"
    if wanted and point.dbi_resource_id != wanted:
        return f"taken from another {_kind_of(wanted)} of that name ({point.dbi_resource_id or 'unknown'}), expected {wanted}"
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


def _kind_of(resource_id: str) -> DatabaseKind:
    """Return whose resource id it is: those of clusters begin so (Amazon RDS API reference, DBCluster)."""
    return "cluster" if resource_id.startswith("cluster-") else "instance"


def _several_ids(ids: Sequence[str], wanted: str | None, points: Sequence[RecoveryPoint]) -> tuple[Finding, ...]:
    name, of = points[0].instance_id, _kind_of(wanted or ids[0])
    finding = Finding(
        check="recovery point",
        severity="warning",
        object=name,
        expected=f"recovery points of one {of}",
        found=f"{len(ids)} {'DbClusterResourceIds' if of == 'cluster' else 'DbiResourceIds'}: {', '.join(ids)}",
        message=f"several {of}s were called {name!r}; only points of {wanted} were eligible",
    )
    return (finding,)


def judge(instance_id: str, vault: str | None, choice: Choice, sample: PointSelector = NEWEST) -> Verdict:
    """Return the verdict on the choice: the point and how far its data goes, or why there is none."""
    if choice.point is None:
        sentence = explain_none(instance_id, vault, choice, sample)
        return Verdict(VERDICT, "missed", sentence, exit_code=OBJECTIVE_MISSED)
    sentence = (
        f"{choice.point.snapshot_id or choice.point.arn}, data up to {choice.point.data_time:%Y-%m-%d %H:%M:%S} UTC"
    )
    return Verdict(VERDICT, "met", sentence, exit_code=OBJECTIVE_MISSED)


def explain_none(
    instance_id: str,
    vault: str | None,
    choice: Choice,
    sample: PointSelector = NEWEST,
    *,
    places: str = " and the RDS snapshots",
) -> str:
    """Return the sentence for a target without the wanted recovery point: what was expected, what was found, what to do.

    `places` is where its points are looked for beside the vault.
    """
    where = f"vault {vault!r}{places}" if vault else places.removeprefix(" and ")
    if not choice.refused:
        found = "there is none of that name" if sample.kind == "named" else "there is none at all"
    elif sample.kind in ("named", "moment"):
        found = choice.refused[0].reason
    else:
        reasons = "; ".join(f"{refused.arn.rsplit(':', 1)[-1]}: {refused.reason}" for refused in choice.refused[:3])
        more = f" and {len(choice.refused) - 3} more" if len(choice.refused) > 3 else ""
        found = f"{len(choice.refused)} found, none usable ({reasons}{more})"
    if sample.kind == "moment":
        return f"expected to restore {instance_id!r} to {sample.text}, {found}: ask for a moment between these"
    if sample.kind == "named":
        return f"expected the recovery point {sample.text} of {instance_id!r} in {where}, {found}: name another one"
    kind = {"newest": "", "copy": " that a copy job made"}.get(sample.kind, f" ({sample.description})")
    return (
        f"expected a usable recovery point of {instance_id!r}{kind} in {where}, {found}: "
        "see whether the backup plan selects it and why its last jobs did not complete"
    )
