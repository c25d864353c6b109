"""Judges what was observed of a file system that was restored. Pure: the drill and a replay of it call the same."""

from __future__ import annotations

from drills.model.finding import CheckResult
from drills.recovery.file_system import settings
from drills.recovery.resource.observed import CopySeen, SettingsSeen

AVAILABLE = "available"


def available(seen: CopySeen) -> CheckResult:
    """Return that the copy is there. It answers to nobody who has not mounted it."""
    told = f"the file system {seen.id} is {seen.state}; nothing has mounted it"
    return CheckResult(AVAILABLE, "met", told, blocking=True, compared=1)


def compare_settings(seen: SettingsSeen, *, lent: bool) -> CheckResult:
    """Return whether the copy is set up as its source, or as its recovery point tells; `lent` where that is another account's."""
    families, expected = settings.FAMILIES, seen.expected or {}
    return families.compare_copy(expected, seen.found, seen.unread, source=seen.of_source, lent=lent)
