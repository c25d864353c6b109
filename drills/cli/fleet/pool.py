"""Carries out commands of which a fixed number runs at once. One that fails, or cannot be started, stops no other.

Each is in a session of its own, so that a signal of the terminal comes once and through this process; its stdin is a lifeline,
which ends when this process does, by KILL too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from drills.clock import Clock
from drills.files import open_privately
from drills.run import lifeline

TICK = 0.05  # seconds between two polls of the commands
# of the environment of the whole, and none of its runs: the whole watches tox, and appends one summary for all
_OF_THE_WHOLE = frozenset({"TOX_ENV_NAME", "GITHUB_STEP_SUMMARY"})


@dataclass(frozen=True, slots=True)
class Event:
    """What became of a command. `status` is its exit status, negative where a signal ended it; `seconds` it took.

    "refused" is one that could not be started, and `why` says so; "left out" one that was not started since the pool was stopped.
    """

    name: str
    kind: Literal["began", "ended", "refused", "left out"]
    status: int = 0
    seconds: float = 0.0
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    began: float


def start_run(words: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start `drills run` with these words, as one of the whole; what it says goes to its log. Raises OSError."""
    environment = {key: value for key, value in os.environ.items() if key not in _OF_THE_WHOLE}
    with open_privately(log) as said:
        return subprocess.Popen(
            [sys.executable, "-m", "drills", "run", *words],
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            env=environment,
            start_new_session=True,
        )


def carry_out(
    names: Sequence[str],
    launch: Callable[[str], subprocess.Popen[bytes]],
    size: int,
    came: Sequence[str],
    clock: Clock,
) -> Iterator[Event]:
    """Start a command for each name, at most `size` at once, and yield what becomes of them; each name ends once.

    `came` gets the names of signals that stop the whole, and other reasons: the first one is passed on to each that runs, as
    TERM where it is no signal, and nothing more is started. Where the caller leaves, they are stopped and waited for all the same.
    """
    waiting, running = deque(names), dict[str, _Running]()
    passed_on = False
    try:
        while waiting or running:
            if came and not passed_on:
                passed_on = True
                _stop(running, came[0])
            while waiting and (came or len(running) < size):
                yield _next(waiting.popleft(), launch, running, came, clock)
            for name, each in list(running.items()):
                if lifeline.has_ended(each.process):
                    yield _end(name, running, clock)
            if running:
                clock.sleep(TICK)
    finally:
        if running and not passed_on:
            _stop(running, came[0] if came else "")
        for each in running.values():
            _wait(each)


def _next(
    name: str,
    launch: Callable[[str], subprocess.Popen[bytes]],
    running: dict[str, _Running],
    came: Sequence[str],
    clock: Clock,
) -> Event:
    if came:
        return Event(name, "left out", why=came[0])
    try:
        running[name] = _Running(launch(name), clock.monotonic())
    except OSError as error:
        return Event(name, "refused", why=f"expected to start its run, found: {error.strerror or error}")
    return Event(name, "began")


def _end(name: str, running: dict[str, _Running], clock: Clock) -> Event:
    ended = running.pop(name)
    return Event(name, "ended", _wait(ended), clock.monotonic() - ended.began)


def _wait(running: _Running) -> int:
    status = running.process.wait()
    if running.process.stdin:
        running.process.stdin.close()
    return status


def _stop(running: dict[str, _Running], reason: str) -> None:
    number = getattr(signal, reason, signal.SIGTERM) if reason.startswith("SIG") else signal.SIGTERM
    for each in running.values():
        each.process.send_signal(number)
