"""What preflight foresaw of a restore, and how a drill scores it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Foreseen = Literal["accepted", "refused", "not known"]
Score = Literal["hit", "miss", "not scored"]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What preflight foresaw at an instant: whether a restore of the target would be accepted, and why not.

    `dbi_resource_id` is the instance's, "" where it was gone. `vault` is the target's, None where it names none, and of forecasts
    that were kept before it was noted. `reasons` say why it would be refused, or why that is not known.
    """

    at: datetime
    target: str
    simulated: bool
    account: str
    region: str
    instance_id: str
    dbi_resource_id: str
    foreseen: Foreseen
    reasons: tuple[str, ...] = ()
    point: str = ""
    all_codes: tuple[int, ...] = ()
    vault: str | None = None


@dataclass(frozen=True, slots=True)
class ScoredForecast:
    """The newest forecast before a drill, and whether it came true. `sentence` says both."""

    score: Score
    sentence: str
    foreseen: Foreseen | None = None
    at: datetime | None = None
    reasons: tuple[str, ...] = ()
