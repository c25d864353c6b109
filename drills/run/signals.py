"""The signals that stop a run, as lines on the supervisor's lifeline, and what is done when nobody reads the output."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from drills.clock import SystemClock, wait_until
from drills.interruption import SIGNALS
from drills.run import lifeline

STOP_SIGNALS = SIGNALS


@contextlib.contextmanager
def _handled(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Let `handle` have the signals that stop a run, and restore their handlers.

    One that is ignored stays so: nohup, a background job of a shell, or `ignore` meanwhile, which outlasts the block.
    """
    old = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    for number, handler in old.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in old.items():
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, handler)


@contextlib.contextmanager
def held() -> Iterator[list[str]]:
    """Hold the signals that stop a run, so that what is begun here is brought to its end; give their names as they come.

    A child that is started meanwhile has none of it, and a signal that the whole group gets ends it.
    """
    came: list[str] = []
    with _handled(lambda number, _frame: came.append(signal.Signals(number).name)):
        yield came


@contextlib.contextmanager
def interrupting() -> Iterator[None]:
    """Let a signal that stops a run raise KeyboardInterrupt with the signal's name."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    with _handled(interrupt):
        yield


def output_closed() -> str:
    """Return why the output is closed: a process that ends closes its pipes just before its children are orphans."""
    if lifeline.under_tox():
        with contextlib.suppress(TimeoutError):
            wait_until(lifeline.parent_gone, 5.0, SystemClock(), every=0.01)
            return "tox is gone"
    return "the output was closed"


@contextlib.contextmanager
def to_lifeline(writer: int, reasons: list[str]) -> Iterator[Callable[[str], None]]:
    """Turn signals into lines on the lifeline; `report(reason)`, which is yielded, does the same for other reasons.

    Every reason is added to `reasons`.
    """

    lock, is_open = threading.RLock(), True  # reentrant: a signal handler may interrupt the thread that holds it

    def report(reason: str) -> None:
        reasons.append(reason)
        with lock, contextlib.suppress(OSError):  # nobody reads any more: the supervisor has ended
            if is_open:
                os.write(writer, f"{reason}\n".encode())

    def handle(number: int, _frame: FrameType | None) -> None:
        report(signal.Signals(number).name)

    os.set_blocking(writer, False)
    with _handled(handle):
        try:
            yield report
        finally:
            with lock:
                is_open = False
                os.close(writer)


def ignore() -> None:
    """Ignore the signals that stop a run; the processes that are started from here on inherit that."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def silence() -> None:
    """Send stdout and stderr nowhere when their reader, tox or the terminal, has gone: writing would be an error."""
    for fd in (1, 2):
        poll = select.poll()
        poll.register(fd, 0)  # only that the other end has gone
        if poll.poll(0):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, fd)
            os.close(null)
