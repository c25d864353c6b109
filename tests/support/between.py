"""Lets another process be quick: what it does is done right before one step of the file system that the code under test takes.

The steps are those that CPython announces (PEP 578): a file is opened, linked, renamed or removed, a folder is listed or made.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

S = TypeVar("S")
T = TypeVar("T")
U = TypeVar("U")
_STEPS = frozenset(
    {"open", "os.listdir", "os.scandir", "os.rename", "os.link", "os.symlink", "os.mkdir", "os.rmdir", "os.remove"}
)
_armed: list[_Another] = []  # by the hook, which stays for as long as the process lives


class _Another:
    """Acts once, right before the step of that number (from 0) that the thread which armed it takes below a folder."""

    def __init__(self, step: int, below: Path, act: Callable[[], None]) -> None:
        self.acted = ""
        self._left, self._below, self._act = step, str(below), act
        self._thread = threading.get_ident()

    def see(self, event: str, path: str) -> None:
        """Count a step, and act at the one that is wanted."""
        if threading.get_ident() != self._thread or not path.startswith(self._below):
            return
        self._left -= 1
        if self._left < 0:
            _armed.clear()
            self.acted = f"{event} {path}"
            self._act()


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _armed and event in _STEPS and isinstance(arguments[0], str | bytes | os.PathLike):
        _armed[0].see(event, os.path.abspath(os.fsdecode(arguments[0])))


sys.addaudithook(_hook)


def at_every_step(
    made: Callable[[], S], below: Callable[[S], Path], work: Callable[[S], T], act: Callable[[S], U], stride: int = 1
) -> Iterator[tuple[str, S, T, U]]:
    """Do the work once for each step below a folder that it takes, with another's act right before that step.

    Each time with a state that was made anew, which all of them get. Yields the step, the state, and what both returned.
    With a stride of n only each nth step is tried, where the work does the same to one file after another.
    """
    for step in itertools.count(0, stride):
        state = made()
        acted: list[U] = []
        another = _Another(step, below(state), lambda: acted.append(act(state)))  # noqa: B023
        _armed.append(another)
        try:
            mine = work(state)
        finally:
            _armed.clear()
        if not acted:
            return
        yield another.acted, state, mine, acted[0]
