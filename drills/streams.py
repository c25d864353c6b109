"""Standard streams whose reader may go before the command has ended (`drills … | head -1`)."""

from __future__ import annotations

import io
import os
import sys


class _Unbroken(io.FileIO):
    """A standard stream that takes what is written when its reader has gone (`drills … | head -1`)."""

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except BrokenPipeError:
            return memoryview(data).nbytes  # type: ignore[arg-type]


def outlive_readers() -> None:
    """Let a closed pipe behind stdout or stderr end nothing: the command goes on, and its exit code is its verdict's own."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        try:
            number = stream.fileno()
        except (AttributeError, OSError, ValueError):
            continue  # closed, or no file
        stream.flush()
        raw = _Unbroken(os.dup(number), "w")
        buffered = io.BufferedWriter(raw)
        made = io.TextIOWrapper(
            buffered,
            stream.encoding,
            stream.errors,
            line_buffering=name == "stderr" or stream.isatty(),
            write_through=False,
        )
        setattr(sys, name, made)
