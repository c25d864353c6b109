"""The runs that a history knows, and a word for each line of it that says nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from drills.history import store
from drills.model.history import HistoryLine
from drills.printable import printable


def known_runs(path: Path | None) -> tuple[HistoryLine, ...]:
    """Return the runs of a history, the default one without a path; what cannot be read is named on stderr."""
    place = path or store.DEFAULT
    found, problems = store.read(place)
    for each in problems:
        print(printable(f"drills: {place}: {each}: nothing is held against it"), file=sys.stderr)
    return found


def runs_by_now(path: Path | None) -> tuple[HistoryLine, ...]:
    """Return the runs of the same history once more, without a word of what cannot be read."""
    return store.read(path or store.DEFAULT)[0]
