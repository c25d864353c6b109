"""Judges what was observed of a table that was restored. Pure: the drill and a replay of it call the same."""

from __future__ import annotations

import dataclasses

from drills.model.finding import CheckResult
from drills.model.settings.compared import CHECK as SETTINGS
from drills.recovery.resource.observed import CopySeen, ItemsSeen, SettingsSeen
from drills.tables import items, settings
from drills.tables.manifest import TableManifest

READABLE = "readable"
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


def compare_items(manifest: TableManifest | None, key_schema: str | None, seen: ItemsSeen) -> CheckResult:
    """Return whether the items are those of the manifest; `key_schema` is the copy's."""
    if manifest is None:
        return CheckResult(items.CHECK, "not verified", NO_MANIFEST, unverified=1)
    if manifest.settings.get("key_schema") != key_schema:
        return CheckResult(items.CHECK, "not verified", "no item compared: the key is another one", unverified=1)
    return items.judge(manifest.items, seen.found)
