"""Files that are written whole, that only their owner can read, or that one process at a time uses."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from drills.clock import Clock, wait_until


def open_privately(path: Path) -> BinaryIO:
    """Open a new file for writing that only its owner can read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def write_privately(path: Path, text: str) -> None:
    """Replace a file by one that only its owner can read, whole."""
    half = path.with_name(f"{path.name}.half")
    with open_privately(half) as out:
        out.write(text.encode())
    half.replace(path)


def write_atomically(path: Path, text: str | bytes) -> None:
    """Replace `path` so that a reader, or a crash, sees the old text or the new one and nothing between."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    with half.open("wb") as out:
        out.write(text if isinstance(text, bytes) else text.encode("utf-8"))
        out.flush()
        os.fsync(out.fileno())
    half.replace(path)


def try_lock(file: int, *, shared: bool = False) -> bool:
    """Lock an open file or folder without waiting; False while another holder excludes it. Raises OSError.

    The lock ends when the descriptor is closed, also by the end of the process (flock(2)). A shared lock excludes
    exclusive ones alone.
    """
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def locked(file: int, seconds: float, clock: Clock, *, waiting_for: str, shared: bool = False) -> Iterator[None]:
    """Hold the lock of an open file, waiting for it for at most `seconds`.

    Raises TimeoutError, whose message names `waiting_for`, and OSError.
    """
    wait_until(lambda: try_lock(file, shared=shared), seconds, clock, what=waiting_for)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
