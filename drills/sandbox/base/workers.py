"""The threads of the sandbox: background work that ends with the sandbox."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from drills.sandbox.base.errors import Ending
from drills.sandbox.base.time import SandboxClock

log = logging.getLogger(__name__)

_JOIN_TIMEOUT = 20.0  # seconds for a thread to end


class Workers:
    """Runs work in threads and waits for the sandbox's clock."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._threads: set[threading.Thread] = set()
        self._endings: list[Callable[[], object]] = []
        self._of_thread = threading.local()
        self._closed = False
        self._lock = threading.Lock()  # between the start of a thread and the end of all

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Run `work` in a thread that `close` waits for; log what it raises, except Ending. After `close` nothing is begun."""
        asked_at = self._clock.monotonic()

        def run() -> None:
            self._of_thread.asked_at = asked_at
            try:
                work()
            except Ending:
                pass
            except Exception:
                log.exception("%s failed", name)
            finally:
                self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=run, name=name, daemon=True)
        with self._lock:
            if not self._closed:
                self._threads.add(thread)
                thread.start()

    def asked_at(self) -> float:
        """Return the monotonic instant at which this thread's work was asked for.

        The thread may come to run much later, and the clock may be moved before: that time has passed too.
        """
        return float(self._of_thread.asked_at)

    def at_least(self, started: float, seconds: float) -> None:
        """Wait until `seconds` have passed since the monotonic instant `started`; raise Ending when the sandbox ends."""
        if not self._clock.wait_until(started + seconds):
            raise Ending("The sandbox is being ended.")

    def at_end(self, action: Callable[[], object]) -> None:
        """Call `action` when the sandbox ends, before `close` waits for threads: it ends what they wait for."""
        self._endings.append(action)

    def close(self) -> None:
        """End the clock, call the actions of `at_end`, and wait for the threads."""
        self._clock.end()
        with self._lock:
            self._closed = True
        for action in self._endings:
            action()
        for thread in list(self._threads):
            thread.join(timeout=_JOIN_TIMEOUT)
