"""Allure's own history: what its page tells of earlier runs of the same scenarios.

A file for each group of runs, beside the runs' folders, so that simulated runs never stand among those of AWS. Allure gets a
copy that holds the runs before this one alone: a report that is made again shows the same, and no run is added twice.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from drills.history.store import append_text
from drills.model.record import RunRecord

FOLDER = "allure-history"
SHOWN = 30
RUN = "drill_run"


@dataclass(frozen=True, slots=True)
class AllureHistory:
    """The history of the group that a run belongs to; one that does not count sees it and is not added."""

    path: Path
    run_id: str
    counts: bool

    def earlier(self) -> str:
        """The lines of the runs before this one, as Allure reads them: oldest first, whole lines only, the newest 30."""
        lines = {run: line for run, line in self._lines() if run < self.run_id}  # ids begin with the instant
        return "".join(json.dumps(lines[run]) + "\n" for run in sorted(lines)[-SHOWN:])

    def keep(self, line: str) -> None:
        """Add what Allure wrote about this run, once. Raises OSError and TimeoutError."""
        if self.counts and self.run_id not in (run for run, _ in self._lines()):
            append_text(self.path, json.dumps({RUN: self.run_id} | json.loads(line)))

    def _lines(self) -> Iterator[tuple[str, dict[str, Any]]]:
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return
        for line in text.splitlines():
            try:
                raw = json.loads(line)
                run = str(raw.pop(RUN))
            except (ValueError, LookupError, TypeError, AttributeError):
                continue  # cut off by a crash, or not ours: Allure would refuse the whole file
            yield run, raw


def of(record: RunRecord, folder: Path) -> AllureHistory | None:
    """The history that the run in `folder` belongs to; None where no history is kept."""
    if record.history is None:
        return None
    key = record.history.key
    parts = astuple(key) if key.tier != "full" else astuple(key)[:-1]  # as before there were tiers
    group = hashlib.sha256(repr(parts).encode()).hexdigest()[:10]
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", f"{key.target}-{key.profile}")[:60]
    place = folder.absolute().parent / FOLDER / f"{name}-{group}.jsonl"
    return AllureHistory(place, record.run_id, not record.history.not_counted)
