"""The sandbox's time: this machine's, plus what it has been wound forward.

Statuses, jobs, lifecycles and schedules go by this clock, so that a test need not wait for them. PostgreSQL goes by the
machine's: what a session calls now() does not move.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from drills.clock import Clock, SystemClock


class SandboxClock:
    """A `drills.clock.Clock` that can be wound forward, never back. Threads may share it."""

    def __init__(self, base: Clock | None = None) -> None:
        self._base = base or SystemClock()
        self._ahead = 0.0
        self._windings: list[tuple[datetime, float]] = []  # the machine's instant of each, and how far ahead since then
        self._moved = threading.Condition()
        self._ended = False

    def now(self) -> datetime:
        """The sandbox's present instant, aware, in UTC."""
        return self._base.now() + timedelta(seconds=self._ahead)

    def monotonic(self) -> float:
        """Seconds that never jump back; winding forward counts as time that has passed."""
        return self._base.monotonic() + self._ahead

    def sleep(self, seconds: float) -> None:
        """Let `seconds` of the sandbox's time pass."""
        self.wait_until(self.monotonic() + seconds)

    def wait_until(self, monotonic: float) -> bool:
        """Wait for an instant of `monotonic`; False when `end` came before it."""
        with self._moved:
            while not self._ended and (left := monotonic - self.monotonic()) > 0:
                self._moved.wait(left)
            return not self._ended

    def forward(self, seconds: float) -> datetime:
        """Wind the clock forward and wake whoever waits; the new instant. ValueError for less than nothing."""
        if seconds < 0:
            raise ValueError(f"a clock is wound forward, not by {seconds:g} s")
        with self._moved:
            self._ahead += seconds
            self._windings.append((self._base.now(), self._ahead))
            self._moved.notify_all()
        return self.now()

    def of_machine(self, instant: datetime) -> datetime:
        """What this clock showed at an instant of the machine's clock, which PostgreSQL goes by."""
        ahead = 0.0
        for wound_at, since in self._windings:
            if instant < wound_at:
                break
            ahead = since
        return instant + timedelta(seconds=ahead)

    def on_machine(self, instant: datetime) -> datetime:
        """When, by the machine's clock, this one showed an instant; one that was skipped is the moment of winding."""
        ahead = timedelta()
        for wound_at, since in self._windings:
            if instant - ahead < wound_at:
                break
            if instant - timedelta(seconds=since) < wound_at:
                return wound_at
            ahead = timedelta(seconds=since)
        return instant - ahead

    def end(self) -> None:
        """Let every `wait_until` return, now and from now on."""
        with self._moved:
            self._ended = True
            self._moved.notify_all()
