"""A private file that the processes of a run append to, one JSON object a line, so that an interrupted run has what there was.

Each line is written by one call to a file opened with O_APPEND, so that the lines of several processes do not mix
(https://man7.org/linux/man-pages/man2/open.2.html, O_APPEND).
"""

from __future__ import annotations

import json
import os
import threading
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


class Notebook:
    """The open file of one process; it is made when the first entry is added, and closed with the notebook."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._lock = threading.Lock()

    def add(self, entry: Mapping[str, Any]) -> None:
        """Append an entry, whole. Raises OSError."""
        line = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            if self._file < 0:
                self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
                # a process that drills again and again has new ones each time
                weakref.finalize(self, os.close, self._file)
            while line:
                line = line[os.write(self._file, line) :]


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the entries of a notebook; none where there is no file. A line that was torn by the end of a process is passed over."""
    try:
        lines = path.open(encoding="utf-8")
    except FileNotFoundError:
        return
    with lines:
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict):
                yield entry
