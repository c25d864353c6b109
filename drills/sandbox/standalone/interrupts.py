"""Turns the signals that end a command into its error, so that what it began is ended."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

from drills.errors import SandboxError


class _SignalReceived(BaseException):
    """No Exception: a client of AWS takes one that is raised within its request for a lost connection, and tries again."""


@contextlib.contextmanager
def interruptible(outcome: str = "the sandbox has been ended") -> Iterator[None]:
    """Turn INT, TERM and HUP into a SandboxError, which says the `outcome` for what was begun."""

    def stop(number: int, _frame: object) -> None:
        raise _SignalReceived(signal.Signals(number).name)

    old = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    except _SignalReceived as received:
        raise SandboxError(f"interrupted by {received}; {outcome}") from None
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
