"""A run record that is kept in memory, and a clock that stands still: what the engine's functions need to run again."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from drills.model.record import RunRecord
from drills.record import Journal


class StandingClock:
    """Says one instant; nothing waits for it."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        """The instant."""
        return self._at

    def monotonic(self) -> float:
        """No time passes."""
        return 0.0

    def sleep(self, seconds: float) -> None:
        """Nothing that is judged again waits."""
        raise AssertionError(f"expected nothing to wait in a replay, found a wait of {seconds:g} s")


class MemoryJournal(Journal):
    """A journal that writes nothing."""

    def __init__(self, record: RunRecord, clock: StandingClock) -> None:
        super().__init__(Path(), record, clock, 0.0)

    def _save(self) -> None:
        """Nothing is written."""
