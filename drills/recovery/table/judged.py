"""Judges what was observed of a table that was restored. Pure: the drill and a replay of it call the same."""

from __future__ import annotations

import dataclasses

from drills.model.finding import CheckResult
from drills.model.point import RecoveryPoint
from drills.model.record import Expectation
from drills.model.settings.compared import CHECK as SETTINGS
from drills.recovery.resource.observed import CopySeen, ItemsSeen, SettingsSeen
from drills.tables import items, settings
from drills.tables.manifest import TableManifest

READABLE = "readable"
LATER: Expectation = "stored later"
NO_MANIFEST = (
    "no item compared: there is no manifest of the source: take one with drills table manifest, and name it as the target's "
    "manifest"
)
NO_SOURCE = "nothing compared: the source is gone, and there is no manifest of it"


def readable(seen: CopySeen) -> CheckResult:
    """Return that the copy answered."""
    return CheckResult(READABLE, "met", f"the table {seen.id} is {seen.state} and answers", blocking=True, compared=1)


def compare_settings(seen: SettingsSeen) -> CheckResult:
    """Return whether the copy is set up as a restore sets it up."""
    if seen.expected is None:
        return CheckResult(SETTINGS, "not verified", NO_SOURCE, blocking=True, unverified=1)
    return dataclasses.replace(settings.compare(seen.expected, seen.found, seen.unread), blocking=True)


def expectation_of(manifest: TableManifest | None, given: Expectation, point: RecoveryPoint | None) -> Expectation:
    """Return what a manifest is worth beside the data of a point: a stored one may have been taken after them."""
    data_time = point.data_time if point else None
    if manifest is None or given != "stored" or data_time is None or manifest.ended_at <= data_time:
        return given
    return LATER


def compare_items(
    manifest: TableManifest | None, key_schema: str | None, seen: ItemsSeen, expectation: Expectation
) -> CheckResult:
    """Return whether the items are those of the manifest; `key_schema` is the copy's.

    A difference from a manifest that was taken later accuses nobody: what came between the two is in the manifest alone.
    """
    if manifest is None:
        return CheckResult(items.CHECK, "not verified", NO_MANIFEST, unverified=1)
    if manifest.settings.get("key_schema") != key_schema:
        return CheckResult(items.CHECK, "not verified", "no item compared: the key is another one", unverified=1)
    result = items.judge(manifest.items, seen.found)
    if expectation != LATER or result.outcome != "missed":
        return result
    since = (
        f"the manifest was taken until {manifest.ended_at:%Y-%m-%d %H:%M:%S} UTC, after the data of the recovery point"
    )
    told = f"{result.sentence}; {since}, and these may have changed between the two: take one before each backup"
    return dataclasses.replace(result, outcome="not verified", sentence=told, findings=(), unverified=1)
