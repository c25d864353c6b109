"""How long the local RDS tells of what happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from drills.sandbox.rds.instances import SandboxEvent, keep_event

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def event(name: str, before: timedelta) -> SandboxEvent:
    """An event so long before noon."""
    return SandboxEvent(name, "db-instance", "DB instance deleted", ("deletion",), f"arn:{name}", NOON - before)


def test_an_event_of_more_than_14_days_ago_is_forgotten() -> None:
    """With the next one; "for the past 14 days" (RDS API reference, DescribeEvents), else the list would grow for ever."""
    events: list[Any] = []
    for name, before in (("old", timedelta(days=14, seconds=1)), ("kept", timedelta(days=14)), ("new", timedelta(0))):
        keep_event(events, event(name, before))

    assert [each.source_identifier for each in events] == ["kept", "new"]
