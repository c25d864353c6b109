"""Recovery points, and which one is drilled."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from drills.model.finding import Finding

USABLE = frozenset({"COMPLETED", "AVAILABLE", "available"})


SAMPLES = (
    'expected "newest", "oldest", "random", "copy", an ARN, a snapshot id, or a moment such as "2026-11-01T03:00:00Z"'
)


_SNAPSHOT_ID = re.compile(r"(?:[a-z]+:)?[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*")


_SEEDED = re.compile(r"random:([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Sample:
    """Which recovery point is drilled, and as the owner wrote it; `seed` is that of a random one, where it is given."""

    kind: Literal["newest", "oldest", "random", "copy", "named", "moment"]
    text: str
    seed: int | None = None
    moment: datetime | None = None

    def __str__(self) -> str:
        """As drill.toml writes it."""
        return self.text

    @property
    def judges_rpo(self) -> bool:
        """Whether its age says how much a disaster takes: only the newest point, or the newest copy elsewhere, does."""
        return self.kind in ("newest", "copy")

    @property
    def told(self) -> str:
        """What it is, for a sentence."""
        return {
            "newest": "the newest one",
            "oldest": "the oldest one that is still there",
            "random": "one at random",
            "copy": "the newest copy",
            "named": f"the named one, {self.text}",
            "moment": f"the moment {self.text}",
        }[self.kind]


NEWEST = Sample("newest", "newest")


_KEYWORDS = {"newest": NEWEST} | {
    sample.text: sample for sample in (Sample("oldest", "oldest"), Sample("random", "random"), Sample("copy", "copy"))
}


def parse_sample(text: str) -> Sample:
    """Read which recovery point is to be drilled. Raises ValueError saying what is allowed.

    A moment needs its offset from UTC: without one nobody knows which instant is meant.
    """
    cleaned = text.strip()
    if cleaned in _KEYWORDS:
        return _KEYWORDS[cleaned]
    if seeded := _SEEDED.fullmatch(cleaned):
        return Sample("random", cleaned, seed=int(seeded[1]))
    if cleaned[:4].isdigit():
        try:
            moment = datetime.fromisoformat(cleaned)
        except ValueError:
            raise ValueError(SAMPLES.removeprefix("expected ")) from None
        if moment.tzinfo is None:
            raise ValueError(f'a moment with its offset from UTC, such as "{cleaned}Z"')
        return Sample("moment", cleaned, moment=moment.astimezone(UTC))
    if near := difflib.get_close_matches(cleaned, _KEYWORDS, n=1, cutoff=0.8):
        raise ValueError(f'{SAMPLES.removeprefix("expected ")}; did you mean "{near[0]}"?')
    if (cleaned.startswith("arn:") and cleaned.count(":") >= 6) or _SNAPSHOT_ID.fullmatch(cleaned):
        return Sample("named", cleaned)
    raise ValueError(SAMPLES.removeprefix("expected "))


@dataclass(frozen=True, slots=True)
class Window:
    """From when until when an instance can be restored to a moment, as its automated backup says (RestoreWindow)."""

    earliest: datetime
    latest: datetime


@dataclass(frozen=True, slots=True)
class Choice:
    """The point chosen (None: there is none), the ones refused with the reason, and what is odd about the set.

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
    (`SnapshotDatabaseTime`, else `OriginalSnapshotCreateTime`, else the backup job's start).
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


@dataclass(frozen=True, slots=True)
class RefusedPoint:
    """A recovery point that was looked at and not taken, and why."""

    arn: str
    reason: str
