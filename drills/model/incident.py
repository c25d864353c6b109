"""A restore on the day of a disaster: what was asked for, and what of it stays until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

TRIGGER = "incident"  # why such a run is made, in its start record


@dataclass(frozen=True, slots=True)
class Incident:
    """What an incident asked for, and what it was handed.

    `asked` is the moment that the data must not go beyond, as it was written, the name of a recovery point, or "latest".
    `handed_over_at` is when the copy was available with its password in `secret`, the name of a secret in Secrets Manager; from
    then on the copy stays, whatever happens; `seconds` is how long that took from the call. `kept_until` is when a sweep may remove
    it, None while nothing stays. `reaches` says how far the data go, beside what was asked for. `reached_by` are the security
    groups that the copy is in. `hour` is what an hour of it costs. Both are words for people.
    """

    asked: str
    keep_seconds: float
    handed_over_at: datetime | None = None
    kept_until: datetime | None = None
    secret: str = ""
    username: str = ""
    reached_by: tuple[str, ...] = ()
    seconds: float | None = None
    reaches: str = ""
    hour: str = ""

    @property
    def stays(self) -> bool:
        """Whether there is a copy that stays."""
        return self.handed_over_at is not None
