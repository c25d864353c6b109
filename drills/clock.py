"""The only place that reads a clock or sleeps.

Durations come from the monotonic clock, instants are aware UTC datetimes. On Linux and macOS the monotonic clock is
one for the whole machine, so that phases written by one process can be closed by another.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """The time functions that the engine uses; tests pass a clock that they set by hand."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never jumps; only differences are meaningful."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""
        ...


class SystemClock:
    """This machine's clock."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds on the machine-wide monotonic clock."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block this thread for `seconds`."""
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """How many seconds each part of something took, by the part's name; a part that comes again is added to."""

    clock: Clock
    seconds: dict[str, float] = field(default_factory=dict)

    def part(self, name: str, do: Callable[[], T]) -> T:
        """Do a part, and note how long it took; one that raises is not noted."""
        began = self.clock.monotonic()
        done = do()
        self.seconds[name] = round(self.seconds.get(name, 0.0) + self.clock.monotonic() - began, 3)
        return done


async def pause(seconds: float) -> None:
    """Let `seconds` pass in a coroutine."""
    import asyncio  # whoever calls this has it; the others need not load it

    await asyncio.sleep(seconds)


def since_process_start() -> float:
    """Return the seconds since this process began, so that a run's wall clock has the interpreter's start in it.

    On Linux by the kernel's own count (proc(5), `starttime`, in ticks since boot); elsewhere the CPU time used so far,
    which is nearly all that starting up takes.
    """
    try:
        fields = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, ValueError, IndexError):
        return time.process_time()


def wait_until(
    probe: Callable[[], T | None], timeout: float, clock: Clock, *, every: float = 0.1, what: str = "condition"
) -> T:
    """Call `probe` every `every` seconds until it returns something other than None or False; return that.

    Raises TimeoutError with `what` and the number of attempts after `timeout` seconds.
    """
    deadline = clock.monotonic() + timeout
    attempts = 0
    while True:
        attempts += 1
        answer = probe()
        if answer is not None and answer is not False:
            return answer
        if clock.monotonic() >= deadline:
            raise TimeoutError(f"timed out after {timeout:g} s waiting for {what} ({attempts} attempts)")
        clock.sleep(every)
