"""Judges what was observed of a volume that was restored. Pure: the drill and a replay of it call the same."""

from __future__ import annotations

from drills.model.finding import CheckResult
from drills.model.point import RecoveryPoint
from drills.recovery.resource.observed import CopySeen, LineageSeen, SettingsSeen
from drills.recovery.volume import settings

AVAILABLE = "available"


def available(seen: CopySeen) -> CheckResult:
    """Return that the copy is there. It answers to nobody unattached."""
    told = f"the volume {seen.id} is {seen.state}; no instance has attached it"
    return CheckResult(AVAILABLE, "met", told, blocking=True, compared=1)


def compare_settings(seen: SettingsSeen, *, lent: bool) -> CheckResult:
    """Return whether the copy is set up as its source, or as its recovery point tells; `lent` where that is another account's."""
    families, expected = settings.FAMILIES, seen.expected or {}
    return families.compare_copy(expected, seen.found, seen.unread, source=seen.of_source, lent=lent)


def lineage(point: RecoveryPoint, seen: LineageSeen) -> CheckResult:
    """Return whether the copy was made of the point's snapshot, and that of the source."""
    return settings.judge_lineage(point.instance_id, point.snapshot_id, seen.copy, seen.snapshots)
