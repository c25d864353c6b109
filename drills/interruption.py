"""The signals that end a command: at once while nothing has begun, then as an error, so that what was opened is closed.

Loads nothing that takes time: it is what a command begins with.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import NoReturn

_Handler = Callable[[int, FrameType | None], None]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """A signal came; its text is the signal's name."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def end_at_once() -> None:
    """From here on a signal says that nothing had begun, and ends this process by itself. One that is ignored stays so."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _nothing_begun)


def end_in_order() -> None:
    """From here on the first signal raises Interrupted, and the next one waits for nothing; only after `end_at_once`."""
    _replace(_nothing_begun, _raise)


def end_silently() -> None:
    """From here on a signal ends this process by itself: all is said."""
    for handler in (_nothing_begun, _raise, _again):
        _replace(handler, signal.SIG_DFL)


def die(number: int) -> NoReturn:
    """End this process by a signal, as whoever waits for it expects of one that was interrupted: 130 of a shell for INT."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # where the signal is blocked


def _replace(old: _Handler, new: _Handler | signal.Handlers) -> None:
    for number in SIGNALS:
        if signal.getsignal(number) is old:
            signal.signal(number, new)


def _nothing_begun(number: int, _frame: FrameType | None) -> None:
    _say(f"interrupted by {signal.Signals(number).name} before anything had begun: nothing was changed")
    die(number)


def _raise(number: int, _frame: FrameType | None) -> None:
    _replace(_raise, _again)
    raise Interrupted(number)


def _again(number: int, _frame: FrameType | None) -> None:
    _say(f"interrupted again, by {signal.Signals(number).name}: it ends at once, and what it had opened may be left")
    die(number)


def _say(sentence: str) -> None:
    with suppress(OSError):  # nobody reads it
        os.write(2, f"drills: {sentence}\n".encode())
