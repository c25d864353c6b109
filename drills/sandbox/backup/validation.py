"""Reads and validates what several operations of AWS Backup take: required members, lifecycles, windows, schedules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from moto.backup.exceptions import InvalidParameterValueException

from drills.sandbox.backup.errors import MissingParameterValueException
from drills.schedule.cron import CronSchedule, parse
from drills.schedule.plans import COMPLETION_WINDOW, DEFAULT_EXPRESSION, DEFAULT_ZONE, START_WINDOW

MAX_RETENTION_DAYS = 36_500
_MIN_START_MINUTES, _MAX_START_MINUTES = 60, 52_560_000


def require_members(request: Mapping[str, Any], *names: str) -> None:
    """Raise MissingParameterValueException for the first of these members that is missing or empty."""
    for name in names:
        if not request.get(name):
            raise MissingParameterValueException(name)


def read_lifecycle(request: Mapping[str, Any] | None) -> dict[str, int]:
    """Return a lifecycle in days; -1 means without end (API reference, Lifecycle)."""
    members = ("MoveToColdStorageAfterDays", "DeleteAfterDays")
    lifecycle = {name: int(request[name]) for name in members if request and name in request}
    for name, days in lifecycle.items():
        if days != -1 and not 1 <= days <= MAX_RETENTION_DAYS:
            raise InvalidParameterValueException(f"{name} must be -1 or 1 to {MAX_RETENTION_DAYS}, not {days}.")
    cold, delete = lifecycle.get("MoveToColdStorageAfterDays", -1), lifecycle.get("DeleteAfterDays", -1)
    if cold > 0 and 0 < delete < cold + 90:
        raise InvalidParameterValueException(
            "DeleteAfterDays must be at least 90 days after MoveToColdStorageAfterDays."
        )
    return lifecycle


def read_windows(start: Any, complete: Any) -> tuple[int, int]:
    """Return the start and completion windows in minutes, the service's defaults where none is given.

    A start window has at least 60 minutes (API reference, BackupRuleInput), and a completion window is not shorter.
    """
    default = int(COMPLETION_WINDOW.total_seconds() // 60)
    begin = int(START_WINDOW.total_seconds() // 60) if start is None else int(start)
    end = max(default, begin) if complete is None else int(complete)
    if not _MIN_START_MINUTES <= begin <= _MAX_START_MINUTES:
        raise InvalidParameterValueException(
            f"StartWindowMinutes must be {_MIN_START_MINUTES} to {_MAX_START_MINUTES}, not {begin}."
        )
    if end < begin:
        raise InvalidParameterValueException(
            f"CompletionWindowMinutes ({end}) must not be shorter than StartWindowMinutes ({begin})."
        )
    return begin, end


def read_schedule(expression: str | None, zone: str | None) -> tuple[CronSchedule, ZoneInfo]:
    """Return a schedule and its time zone; `rate()` is refused, as AWS Backup takes cron expressions only."""
    try:
        schedule = parse(expression or DEFAULT_EXPRESSION)
    except ValueError as error:
        raise InvalidParameterValueException(f"Invalid schedule expression: {error}") from error
    try:
        return schedule, ZoneInfo(zone or DEFAULT_ZONE)
    except (KeyError, ValueError, OSError) as error:
        raise InvalidParameterValueException(f"Invalid time zone: {zone}") from error
