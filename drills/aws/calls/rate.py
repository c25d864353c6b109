"""How often a process asks AWS: its requests are spread out, each try of a call counts, and all of its clients share one rate."""

from __future__ import annotations

import functools
import threading
from typing import Any

from drills.clock import Clock, SystemClock


class CallRate:
    """Lets at most `per_second` requests through in a second, and up to a second's worth at once. Threads may share it."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._per_second, self._clock = per_second, clock
        self._most = max(1.0, per_second)
        self._allowed, self._at = self._most, clock.monotonic()
        self._lock = threading.Lock()

    def watch(self, client: Any) -> None:
        """Delay this boto3 client's requests from now on."""
        client.meta.events.register_first("before-send", self._send, unique_id=f"drills-rate-{id(self)}")

    def _send(self, **_: Any) -> None:
        self._clock.sleep(self.claim())

    def claim(self) -> float:
        """Take a place in the row of requests; the seconds until it is reached."""
        with self._lock:
            now = self._clock.monotonic()
            self._allowed = min(self._most, self._allowed + (now - self._at) * self._per_second) - 1
            self._at = now
            return max(0.0, -self._allowed / self._per_second)


@functools.cache
def shared(per_second: float) -> CallRate:
    """Return the one rate of this process."""
    return CallRate(per_second, SystemClock())
