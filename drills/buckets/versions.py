"""Which objects a bucket with versioning had at an instant, by the versions that it has now. Pure.

Amazon S3 user guide, "Retaining multiple versions of objects with S3 Versioning": another version is added where an object is
overwritten, and a delete marker where it is deleted, so that what was current before is still listed, newest first, until somebody
or a lifecycle rule removes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

MARGIN = timedelta(
    seconds=1
)  # the API dates a version in whole seconds (API reference, ListObjectVersions: LastModified)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object, or the marker that it was deleted."""

    key: str
    id: str
    size: int
    at: datetime
    latest: bool = False
    marker: bool = False


@dataclass(frozen=True, slots=True)
class Was:
    """The objects of a bucket as they were when it was backed up.

    `deleted` were deleted before; `in_flux` were written while the backup went on, or deleted and written within one second before
    it, so that nobody knows which of them it has; of `later` there are only versions that came afterwards: they are new, or what
    they were before has been removed.
    """

    objects: dict[str, Version] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    in_flux: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)


def as_it_was(versions: Iterable[Version], began: datetime, ended: datetime) -> Was:
    """Return the objects at the instant of a backup that lay between `began` and `ended`. The newest version of a key is first."""
    by_key: dict[str, list[Version]] = {}
    for each in versions:
        by_key.setdefault(each.key, []).append(each)
    was = Was()
    for key, listed in by_key.items():
        before = [each for each in listed if each.at < began - MARGIN]
        newest = _newest(before)
        undated = bool(before) and newest is None
        if undated or any(began - MARGIN <= each.at <= ended for each in listed):
            was.in_flux.add(key)
        elif newest is None:
            was.later.add(key)
        elif newest.marker:
            was.deleted.add(key)
        else:
            was.objects[key] = newest
    return was


def _newest(before: list[Version]) -> Version | None:
    """Return the newest of the versions of a key; None where there is none, or nobody knows whether a marker came before a version.

    The API lists versions and delete markers apart, each newest first.
    """
    if latest := next((each for each in before if each.latest), None):
        return latest
    at = max((each.at for each in before), default=None)
    newest = [each for each in before if each.at == at]
    return newest[0] if newest and len({each.marker for each in newest}) == 1 else None
