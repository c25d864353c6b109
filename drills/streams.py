"""Standard streams whose reader may go before the command has ended (`drills … | head -1`), or whose disk may be full."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator


class _Lasting(io.FileIO):
    """A standard stream that takes what is written where it can no longer be, and remembers why.

    `failure` is the first reason but a reader that has gone; with `breaks` every reason is raised.
    """

    failure: OSError | None = None
    breaks = False

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            if self.breaks:
                raise
            if not isinstance(error, BrokenPipeError):
                self.failure = self.failure or error
            return memoryview(data).nbytes  # type: ignore[arg-type]


def outlive_readers() -> None:
    """Let a stream that cannot be written to any more end nothing: the command goes on, and its verdict stays its own."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        try:
            number = stream.fileno()
        except (AttributeError, OSError, ValueError):
            continue  # closed, or no file
        if not isinstance(getattr(stream.buffer, "raw", None), _Lasting):
            stream.flush()
            buffered = io.BufferedWriter(_Lasting(number, "w", closefd=False))
            lines = name == "stderr" or stream.isatty()
            setattr(sys, name, io.TextIOWrapper(buffered, stream.encoding, stream.errors, line_buffering=lines))
    for raw in _installed():
        raw.breaks = False


def end_with_readers() -> None:
    """Raise what `outlive_readers` would pass over, until that is called again."""
    for raw in _installed():
        raw.breaks = True


def failure() -> OSError | None:
    """Return why not all of the output could be written, None where it was, or where its reader has gone."""
    outlive_readers()
    if sys.stdout:  # None where the process began without one
        sys.stdout.flush()
    return next((raw.failure for raw in _installed() if raw.failure), None)


def _installed() -> Iterator[_Lasting]:
    for stream in (sys.stdout, sys.stderr):
        raw = getattr(getattr(stream, "buffer", None), "raw", None)
        if isinstance(raw, _Lasting):
            yield raw
