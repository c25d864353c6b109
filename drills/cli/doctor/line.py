"""A line of `drills doctor`, and how an error becomes one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from drills.errors import COULD_NOT_RUN, DrillError

State = Literal["ok", "note", "problem"]


@dataclass(frozen=True, slots=True)
class Line:
    """What was looked at, how it is, and what to do: a problem keeps drills from running, with `code`; a note does not."""

    name: str
    state: State
    found: str
    remedy: str = ""
    code: int = 0


def problem(name: str, found: str, remedy: str = "", code: int = COULD_NOT_RUN) -> Line:
    """Return a line on what keeps drills from running."""
    return Line(name, "problem", found, remedy, code)


def looked_at(name: str, look: Callable[[], Line]) -> Line:
    """Return what a look finds; a DrillError, whose sentence says what to do, is a problem with its exit code."""
    try:
        return look()
    except DrillError as error:
        return problem(name, str(error), code=error.exit_code)
