"""The time that the comparison of the content may take. It runs after RTA has stopped, and its time is the owner's
choice.
"""

from __future__ import annotations

from dataclasses import dataclass

from drills.clock import Clock
from drills.durations import show_duration

OUT_OF_TIME = "not compared for lack of time"


@dataclass(frozen=True, slots=True)
class Budget:
    """`seconds` from `began`, an instant of the monotonic clock."""

    seconds: float
    began: float
    clock: Clock

    @classmethod
    def starting(cls, seconds: float | None, clock: Clock) -> Budget | None:
        """Return a budget that runs from now on; None where there is no limit."""
        return None if seconds is None else cls(seconds, clock.monotonic(), clock)

    def left(self) -> float:
        """Return the seconds that are left, 0 where it is used up."""
        return max(0.0, self.began + self.seconds - self.clock.monotonic())

    @property
    def reason(self) -> str:
        """Say why a table was not compared."""
        return f"{OUT_OF_TIME}: the budget of {show_duration(self.seconds)} was used up"
