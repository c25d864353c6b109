"""What the drill of what is no database observed, as the values that its pure judges take (drills/checks/observed.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from drills.buckets.objects import ObjectsSeen
from drills.model.finding import NotChecked
from drills.tables.fingerprint import Fingerprint


@dataclass(frozen=True, slots=True)
class CopySeen:
    """The copy that answered: its name, or its id where it has none, and the state that AWS called it by."""

    KIND: ClassVar[str] = "copy of a resource"
    id: str
    state: str


@dataclass(frozen=True, slots=True)
class SettingsSeen:
    """The settings of the copy beside those expected, None where nobody knows these; `unread` are not known of one of the two.

    `of_source` is False where the source is gone, and its recovery point alone told what is expected.
    """

    KIND: ClassVar[str] = "settings of a resource"
    expected: dict[str, str] | None
    found: dict[str, str]
    unread: tuple[NotChecked, ...] = ()
    of_source: bool = True


@dataclass(frozen=True, slots=True)
class ItemsSeen:
    """The sums of a table's items: no key and no value of one."""

    KIND: ClassVar[str] = "items of a table"
    found: Fingerprint


@dataclass(frozen=True, slots=True)
class LineageSeen:
    """The snapshot that a volume was made of, and the volume that it was taken of, as EC2 told."""

    KIND: ClassVar[str] = "lineage of a volume"
    copy: dict[str, Any]
    snapshots: tuple[dict[str, Any], ...]


KINDS: tuple[type[Any], ...] = (CopySeen, SettingsSeen, ItemsSeen, LineageSeen, ObjectsSeen)
