"""Duplicates are folded: of the same about a target one notice goes out in a period, and the next says how many more came.

What was told since the last success is the same, however findings alternate: a run's and the ledger's, say. A success that was told
ends that, and so does a finding for a success: each change between the two is told.

What was told is kept in a file of the project, under a lock. Where that cannot be read or written, a notice is sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from drills.clock import SystemClock
from drills.files import locked_folder, write_privately
from drills.model.notice import Notice

DEFAULT = Path("reports/notices.json")
LOCK_SECONDS = 60.0  # of a notice that others send meanwhile


def period_of(kind: str, now: datetime) -> str:
    """Return the day, the week (ISO 8601) or the month of an instant, in UTC."""
    return now.strftime({"day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}[kind])


def key_of(notice: Notice, period: str) -> str:
    """Return the key by which a service can fold on its own: the target and the period."""
    return f"{notice.profile}/{notice.target}/{period}"


@dataclass(frozen=True, slots=True)
class Told:
    """What was last told of a target, and how many duplicates were folded since; `problem` is why that is not known."""

    duplicate: bool = False
    folded: int = 0
    problem: str = ""


class Folding:
    """The file of what was told."""

    def __init__(self, path: Path, kind: str, now: datetime) -> None:
        self._path = path
        self.period = period_of(kind, now)

    @contextmanager
    def alone(self) -> Iterator[str]:
        """Let no other command look until the end of the block; yields why that cannot be, "" where it is so.

        A notice is looked up, sent and noted in one block: of two commands that end at once one alone sends.
        """
        with ExitStack() as stack:
            problem = ""
            try:
                stack.enter_context(self._held())
            except (OSError, TimeoutError) as error:
                problem = _why(self._path, error)
            yield problem

    def look(self, notice: Notice) -> Told:
        """Say whether the notice is a duplicate, and count it then."""
        try:
            known = self._read()
            last = known.get(_name(notice))
            if not isinstance(last, dict):
                return Told()
            told = _told(last)
            folded = sum(told.values())
            same = last.get("period") == self.period and notice.signature in told
            if same:
                told[notice.signature] += 1
                known[_name(notice)] = {**last, "told": told}
                self._write(known)
            return Told(same, folded)
        except (OSError, ValueError, TypeError) as error:
            return Told(problem=_why(self._path, error))

    def note(self, notice: Notice) -> str:
        """Keep that the notice was told; return why that is not kept, "" where it is."""
        try:
            try:
                known = self._read()
            except (ValueError, TypeError):
                known = {}
            earlier = self._earlier(known.get(_name(notice)), notice)
            told = {**dict.fromkeys(earlier, 0), notice.signature: 0}
            known[_name(notice)] = {"period": self.period, "told": told, "quiet": notice.quiet}
            self._write(known)
        except OSError as error:
            return _why(self._path, error)
        return ""

    def _earlier(self, last: Any, notice: Notice) -> list[str]:
        """Return what else was told that stays told beside the notice: findings of the period, beside a finding."""
        if notice.quiet or not isinstance(last, dict) or last.get("quiet") or last.get("period") != self.period:
            return []
        try:
            return list(_told(last))
        except (ValueError, TypeError):
            return []

    @contextmanager
    def _held(self) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        what = f"another command to let go of {self._path}"
        with locked_folder(self._path.parent, LOCK_SECONDS, SystemClock(), waiting_for=what):
            yield

    def _read(self) -> dict[str, Any]:
        try:
            known = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        if not isinstance(known, dict):
            raise TypeError("no object of JSON")
        return known

    def _write(self, known: dict[str, Any]) -> None:
        write_privately(self._path, json.dumps(known, indent=1, sort_keys=True) + "\n")


def _told(last: dict[str, Any]) -> dict[str, int]:
    """Return how often each signature was folded since it was told. Raises ValueError, TypeError."""
    return {str(signature): int(folded) for signature, folded in dict(last.get("told", {})).items()}


def _name(notice: Notice) -> str:
    return f"{notice.profile}/{notice.target}"


def _why(path: Path, error: Exception) -> str:
    found = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{path}: expected to keep what was told, found: {found}: duplicates are not folded"
