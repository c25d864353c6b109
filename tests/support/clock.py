"""A clock that only moves when somebody sleeps on it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class HandClock:
    """Starts at noon and at 1000 s; sleeping moves it on at once."""

    def __init__(self) -> None:
        self.slept = 0.0

    def now(self) -> datetime:
        """The instant that has been reached."""
        return NOON + timedelta(seconds=self.slept)

    def monotonic(self) -> float:
        """Seconds, from a start that means nothing."""
        return 1000.0 + self.slept

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.slept += seconds
