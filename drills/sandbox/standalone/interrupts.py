"""Turns the signals that end a command into its error, so that what it began is ended."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

from drills.errors import SandboxError


class _SignalReceived(BaseException):
    """No Exception: a client of AWS takes one that is raised within its request for a lost connection, and tries again."""


class Interrupts:
    """The signals that have come."""

    def __init__(self) -> None:
        self._deferred = False
        self._received = ""

    def stop(self, number: int, _frame: object) -> None:
        """Handle a signal."""
        self._received = signal.Signals(number).name
        if not self._deferred:
            raise _SignalReceived(self._received)

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Let what is begun within this be known before a signal ends it."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False
        if self._received:
            raise _SignalReceived(self._received)


@contextlib.contextmanager
def interruptible(outcome: str = "the sandbox has been ended") -> Iterator[Interrupts]:
    """Turn INT, TERM and HUP into a SandboxError, which says the `outcome` for what was begun."""
    interrupts = Interrupts()
    ending = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    old = {number: signal.signal(number, interrupts.stop) for number in ending}
    try:
        yield interrupts
    except _SignalReceived as received:
        raise SandboxError(f"interrupted by {received}; {outcome}") from None
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
