"""A clock that winds the sandbox's instead of waiting, so that hours of AWS pass in moments."""

from __future__ import annotations

from datetime import datetime

from drills.clock import SystemClock
from drills.sandbox_client import SandboxControl


class WindingClock:
    """Who sleeps on it moves the sandbox's clock forward by as much; what really takes time counts as well.

    `pause` is how long each sleep really takes (seconds), for the threads of the sandbox to see the new instant.
    """

    def __init__(self, control: SandboxControl, pause: float = 0.05) -> None:
        self._control, self._base, self._wound, self._pause = control, SystemClock(), 0.0, pause

    def now(self) -> datetime:
        """The sandbox's present instant."""
        return self._control.now()

    def monotonic(self) -> float:
        """Seconds, those that were wound among them."""
        return self._base.monotonic() + self._wound

    def sleep(self, seconds: float) -> None:
        """Wind the clock."""
        self._control.forward(seconds)
        self._wound += seconds
        self._base.sleep(self._pause)
