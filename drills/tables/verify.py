"""Compares a table with a manifest: its settings and every item."""

from __future__ import annotations

from typing import Any

from drills.clock import Clock
from drills.model.finding import CheckResult, NotChecked
from drills.tables import items, settings
from drills.tables.manifest import TableManifest
from drills.tables.read import ReadOptions, scan, see


def verify(
    client: Any, table: str, expected: TableManifest, options: ReadOptions, clock: Clock
) -> tuple[CheckResult, CheckResult]:
    """Return the results of the settings and of the items. Raises what boto3 raises, and CheckUnavailable."""
    seen = see(client, table)
    unread = (*seen.unread, *(NotChecked(each, "not read of the source") for each in expected.unread))
    unread = tuple({each.what: each for each in unread}.values())
    configured = settings.compare(expected.settings, seen.settings, unread)
    if seen.settings["key_schema"] != expected.settings.get("key_schema"):
        # the keys are others, so that no item can be found again
        told = f"no item compared: the key is {seen.settings['key_schema']}, not {expected.settings.get('key_schema')}"
        return configured, CheckResult(items.CHECK, "not verified", told, unverified=1)
    return configured, items.judge(expected.items, scan(client, seen, options, clock))
