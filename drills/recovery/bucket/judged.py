"""Judges what was observed of a bucket that was restored to. Pure: the drill and a replay of it call the same."""

from __future__ import annotations

from drills.model.finding import CheckResult
from drills.recovery.bucket import settings
from drills.recovery.resource.observed import CopySeen, SettingsSeen

AVAILABLE = "available"


def available(seen: CopySeen) -> CheckResult:
    """Return that the objects are there, as AWS Backup says: its job has ended, and S3 lists the bucket."""
    told = f"the restore to the bucket {seen.id} is {seen.state}, and S3 lists its objects"
    return CheckResult(AVAILABLE, "met", told, blocking=True, compared=1)


def compare_settings(seen: SettingsSeen) -> CheckResult:
    """Return what of the source's settings is to be set up by hand. Where the source is gone nobody knows them."""
    return settings.FAMILIES.compare_copy(seen.expected or {}, seen.found, seen.unread, source=seen.of_source)
