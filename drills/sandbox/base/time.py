"""The sandbox's clock: this machine's clock, moved forward as tests request it.

Statuses, jobs, lifecycles and schedules follow this clock, so that a test need not wait for them. PostgreSQL follows the
machine's clock: what a session calls now() does not move.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from drills.clock import Clock, SystemClock


class SandboxClock:
    """A `drills.clock.Clock` that can be moved forward, never back. Threads may share it."""

    def __init__(self, base: Clock | None = None, skew: Callable[[], float] = lambda: 0.0) -> None:
        """`skew` returns the seconds by which instants, and not durations, are ahead of every other clock."""
        self._base = base or SystemClock()
        self._skew = skew
        self._ahead = 0.0
        # the machine's instant of each move, the seconds ahead from it on
        self._moves: list[tuple[datetime, float]] = []
        self._moved = threading.Condition()
        self._ended = False

    def now(self) -> datetime:
        """Return the sandbox's present instant, aware, in UTC."""
        return self._base.now() + timedelta(seconds=self._ahead + self._skew())

    def monotonic(self) -> float:
        """Return seconds that never go back; moving the clock forward counts as time that has passed."""
        return self._base.monotonic() + self._ahead

    def sleep(self, seconds: float) -> None:
        """Let `seconds` of the sandbox's time pass."""
        self.wait_until(self.monotonic() + seconds)

    def wait_until(self, monotonic: float) -> bool:
        """Wait for a value of `monotonic`; return False when `end` was called before."""
        with self._moved:
            while not self._ended and (remaining := monotonic - self.monotonic()) > 0:
                self._moved.wait(remaining)
            return not self._ended

    def forward(self, seconds: float) -> datetime:
        """Move the clock forward, wake whoever waits, and return the new instant. ValueError for a negative number."""
        if seconds < 0:
            raise ValueError(f"a clock moves forward, not by {seconds:g} s")
        with self._moved:
            self._ahead += seconds
            self._moves.append((self._base.now(), self._ahead))
            self._moved.notify_all()
        return self.now()

    def from_machine_time(self, instant: datetime) -> datetime:
        """Return what this clock showed at an instant of the machine's clock, which PostgreSQL follows."""
        ahead = 0.0
        for moved_at, ahead_since in self._moves:
            if instant < moved_at:
                break
            ahead = ahead_since
        return instant + timedelta(seconds=ahead)

    def to_machine_time(self, instant: datetime) -> datetime:
        """Return when, by the machine's clock, this one showed an instant; for a skipped one, when it was skipped."""
        ahead = timedelta()
        for moved_at, ahead_since in self._moves:
            if instant - ahead < moved_at:
                break
            if instant - timedelta(seconds=ahead_since) < moved_at:
                return moved_at
            ahead = timedelta(seconds=ahead_since)
        return instant - ahead

    def end(self) -> None:
        """Make every `wait_until` return, now and from now on."""
        with self._moved:
            self._ended = True
            self._moved.notify_all()
