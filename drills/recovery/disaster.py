"""The instant at which a drill says that the source was lost. Pure."""

from __future__ import annotations

import random
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from drills.model.point import USABLE, RecoveryPoint
from drills.model.timing import Disaster

Mode = Literal["now", "random", "before-next-point"]


def declare(mode: Mode, points: Sequence[RecoveryPoint], now: datetime, seed: int | None = None) -> Disaster:
    """Choose the disaster's instant.

    "now" is now. "random" lies within the last interval, from the newest point's completion to now, and carries the
    seed that gives the same instant again. "before-next-point" is the worst moment of the last full interval: just
    before the newest point became usable, when the one before it was all there was; with fewer than two points it is
    now. A drill that always strikes right after a backup looks better than the schedule is. What drills made is no
    part of the schedule.
    """
    usable = [p for p in points if p.status in USABLE and not p.made_by_drill]
    completed = sorted(p.completed_at for p in usable if p.completed_at and p.completed_at <= now)
    if mode == "random" and completed:
        seed = secrets.randbelow(2**31) if seed is None else seed
        span = (now - completed[-1]).total_seconds()
        at = completed[-1] + timedelta(seconds=random.Random(seed).uniform(0, span))
        return Disaster(at=at, mode=mode, seed=seed, declared_at=now)
    if mode == "before-next-point" and len(completed) > 1:
        return Disaster(at=completed[-1] - timedelta(microseconds=1), mode=mode, declared_at=now)
    return Disaster(at=now, mode=mode, seed=seed, declared_at=now)
