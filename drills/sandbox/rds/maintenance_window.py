"""When the next maintenance window of an instance begins, and which windows an instance has that names only one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from moto.rds.utils import valid_preferred_maintenance_window

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEK = timedelta(days=7)
# What moto gives an instance, and one some hours away.
_BACKUP = ("13:14-13:44", "04:14-04:44")
_MAINTENANCE = ("wed:06:38-wed:07:08", "wed:15:38-wed:16:08")


def seconds_until(window: str, now: datetime) -> float:
    """Return the seconds from `now` (aware) to a window such as "wed:06:38-wed:07:08" (UTC); 0 within the window."""
    start, end = (_since_monday(each) for each in window.lower().split("-"))
    utc = now.astimezone(UTC)
    midnight = utc.replace(hour=0, minute=0, second=0, microsecond=0)
    since_monday = utc - (midnight - timedelta(days=utc.weekday()))
    length = (end - start) % _WEEK
    since_start = (since_monday - start) % _WEEK
    return 0.0 if since_start < length else (_WEEK - since_start).total_seconds()


def windows_not_named(members: Mapping[str, str]) -> dict[str, str]:
    """Return the window that a request to create an instance leaves to RDS, where it names one of the two.

    RDS assigns a window at random from an eight-hour block of the region and refuses two that overlap (Amazon RDS User
    Guide, "Backup window" and "The Amazon RDS maintenance window"). Here the first that does not
    overlap is assigned; a window that is refused by itself leaves nothing to assign.
    """
    backup, maintenance = members.get("preferred_backup_window"), members.get("preferred_maintenance_window")
    if maintenance and not backup:
        free = next((each for each in _BACKUP if not valid_preferred_maintenance_window(maintenance, each)), None)
        return {"preferred_backup_window": free} if free else {}
    if backup and not maintenance:
        free = next((each for each in _MAINTENANCE if not valid_preferred_maintenance_window(each, backup)), None)
        return {"preferred_maintenance_window": free} if free else {}
    return {}


def _since_monday(text: str) -> timedelta:
    day, hour, minute = text.strip().split(":")
    return timedelta(days=_DAYS.index(day), hours=int(hour), minutes=int(minute))
