"""Recovery points, and the selector of the one that is drilled."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from drills.model.finding import Finding
from drills.model.lineage import Lineage

USABLE = frozenset({"COMPLETED", "AVAILABLE", "available"})


SELECTORS = (
    'expected "newest", "oldest", "random", "copy", an ARN, a snapshot id, or a moment such as "2026-11-01T03:00:00Z"'
)


_SNAPSHOT_ID = re.compile(r"(?:[a-z]+:)?[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*")


_SEEDED = re.compile(r"random:([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class PointSelector:
    """The choice of the recovery point to drill, with its text in drill.toml; `seed` is that of a random one, if given."""

    kind: Literal["newest", "oldest", "random", "copy", "named", "moment"]
    text: str
    seed: int | None = None
    moment: datetime | None = None

    def __str__(self) -> str:
        """As drill.toml writes it."""
        return self.text

    @property
    def judges_rpo(self) -> bool:
        """Whether the RPO is judged by this point: only by the newest one, or by the newest copy elsewhere."""
        return self.kind in ("newest", "copy")

    @property
    def description(self) -> str:
        """The selected point in words, for a sentence."""
        return {
            "newest": "the newest one",
            "oldest": "the oldest one that is still there",
            "random": "one at random",
            "copy": "the newest copy",
            "named": f"the named one, {self.text}",
            "moment": f"the moment {self.text}",
        }[self.kind]


NEWEST = PointSelector("newest", "newest")


_KEYWORDS = {"newest": NEWEST} | {
    sample.text: sample
    for sample in (PointSelector("oldest", "oldest"), PointSelector("random", "random"), PointSelector("copy", "copy"))
}


def parse_point_selector(text: str) -> PointSelector:
    """Read which recovery point is to be drilled. Raises ValueError saying what is allowed.

    A moment needs its offset from UTC: without one nobody knows which instant is meant. One word without digits and hyphens is
    no snapshot's id here: "yesterday" is meant as something else.
    """
    cleaned = text.strip()
    if cleaned in _KEYWORDS:
        return _KEYWORDS[cleaned]
    if seeded := _SEEDED.fullmatch(cleaned):
        return PointSelector("random", cleaned, seed=int(seeded[1]))
    if cleaned[:4].isdigit():
        try:
            moment = datetime.fromisoformat(cleaned)
        except ValueError:
            raise ValueError(SELECTORS.removeprefix("expected ")) from None
        if moment.tzinfo is None:
            raise ValueError(f'a moment with its offset from UTC, such as "{cleaned}Z"')
        return PointSelector("moment", cleaned, moment=moment.astimezone(UTC))
    if near := difflib.get_close_matches(cleaned, _KEYWORDS, n=1, cutoff=0.8):
        raise ValueError(f'{SELECTORS.removeprefix("expected ")}; did you mean "{near[0]}"?')
    if cleaned.isalpha():
        raise ValueError(f"{SELECTORS.removeprefix('expected ')}; a snapshot whose id is one word is named by its ARN")
    if (cleaned.startswith("arn:") and cleaned.count(":") >= 6) or _SNAPSHOT_ID.fullmatch(cleaned):
        return PointSelector("named", cleaned)
    raise ValueError(SELECTORS.removeprefix("expected "))


@dataclass(frozen=True, slots=True)
class Window:
    """The period within which an instance can be restored to any moment (RestoreWindow of its automated backup)."""

    earliest: datetime
    latest: datetime


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen point (None: there is none), the refused ones with the reason, and findings about the set.

    `seed` is the one that a point at random was drawn with.
    """

    point: RecoveryPoint | None
    refused: tuple[RefusedPoint, ...]
    findings: tuple[Finding, ...]
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class RecoveryPoint:
    """One thing that can be restored, as the AWS Backup and RDS APIs describe it.

    `data_time` is the instant the data reaches to, and `data_time_source` the API field that said so
    (`SnapshotDatabaseTime`, else `OriginalSnapshotCreateTime`, else the backup job's start). `lineage` is read of the
    point that is restored.
    """

    arn: str
    kind: Literal["awsbackup", "manual", "automated", "continuous", "copy"]
    snapshot_id: str
    vault: str | None
    status: str
    instance_id: str
    dbi_resource_id: str | None
    created_at: datetime | None
    completed_at: datetime | None
    data_time: datetime | None
    data_time_source: str
    expires_at: datetime | None = None
    engine_version: str = ""
    allocated_gib: int | None = None
    encrypted: bool = False
    kms_key_id: str | None = None
    made_by_drill: bool = False
    lineage: Lineage | None = None


@dataclass(frozen=True, slots=True)
class RefusedPoint:
    """A recovery point that was considered and not chosen, and why."""

    arn: str
    reason: str
