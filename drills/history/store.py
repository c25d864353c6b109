"""The history file: one line of JSON per run, appended under a lock so that two runs at once lose nothing.

A history that cannot be written or read is a sentence in the report and never a failed drill.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from drills.clock import Clock, SystemClock
from drills.files import locked
from drills.history import trend
from drills.history.line import read_lines, write_line
from drills.model.history import HistoryLine, Trend

DEFAULT = Path("reports/history.jsonl")
LOCK_SECONDS = 20.0
NOT_ADDED = "the run could not be added to the history"


def add(path: Path, line: HistoryLine, clock: Clock) -> Trend:
    """Append a run and return the trend of its group, with the problems of the file."""
    failed = append(path, line, clock)
    lines, problems = read(path, clock)
    if failed:
        lines, problems = (*lines, line), (failed, *problems)
    key = trend.group_for(line, lines)
    as_of = line.ended_at or line.started_at
    return trend.trend_of(lines, key, as_of, not_counted=line.not_counted, problems=problems)


def append(path: Path, line: HistoryLine, clock: Clock | None = None) -> str:
    """Add a run to the history at `path`; "" when it is there, else why it is not."""
    try:
        append_text(path, write_line(line), clock)
    except (OSError, TimeoutError) as error:
        return (
            f"{NOT_ADDED} {path}: {why(error)}: it counts in no trend; make the place "
            "writable, or name another one as [drill] history"
        )
    return ""


def append_text(path: Path, text: str, clock: Clock | None = None) -> None:
    """Append a line whole or not at all: a full disk leaves the file as it was. Raises OSError, TimeoutError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        with _locked(file, clock or SystemClock(), path):
            _regular(file)
            size = os.fstat(file).st_size
            cut_off = size > 0 and os.pread(file, 1, size - 1) != b"\n"
            _write_whole(file, ("\n" if cut_off else "") + text + "\n", size)
    finally:
        os.close(file)


def _locked(file: int, clock: Clock, path: Path, *, shared: bool = False) -> AbstractContextManager[None]:
    return locked(file, LOCK_SECONDS, clock, waiting_for=f"another run to let go of {path}", shared=shared)


def _write_whole(file: int, text: str, size: int) -> None:
    left = text.encode()
    try:
        while left:
            left = left[os.write(file, left) :]
        os.fsync(file)
    except OSError:
        with suppress(OSError):
            os.ftruncate(file, size)
        raise


def read(path: Path, clock: Clock | None = None) -> tuple[tuple[HistoryLine, ...], tuple[str, ...]]:
    """Return the runs that the history at `path` holds, oldest first, and what could not be read; no file is no run yet."""
    try:
        text = read_text(path, clock)
    except FileNotFoundError:
        return (), ()
    except (OSError, TimeoutError) as error:
        return (), (f"the history {path} could not be read: {why(error)}: earlier runs are not known",)
    return read_lines(text)


def read_text(path: Path, clock: Clock | None = None) -> str:
    """Return the whole file, read under the lock that is held while a line is added. Raises OSError, TimeoutError."""
    with path.open("rb") as file, _locked(file.fileno(), clock or SystemClock(), path, shared=True):
        _regular(file.fileno())
        return file.read().decode("utf-8", "replace")


def _regular(file: int) -> None:
    if not stat.S_ISREG(os.fstat(file).st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")


def why(error: Exception) -> str:
    """Return what is wrong with a file, in words."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
