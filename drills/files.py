"""Files that are written whole, or readable by their owner only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO


def open_privately(path: Path) -> BinaryIO:
    """Open a new file for writing that only its owner can read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def write_privately(path: Path, text: str) -> None:
    """Replace a file by one that only its owner can read, whole."""
    half = path.with_name(f"{path.name}.half")
    with open_privately(half) as out:
        out.write(text.encode())
    half.replace(path)


def write_atomically(path: Path, text: str) -> None:
    """Replace `path` so that a reader, or a crash, sees the old text or the new one and nothing between."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    with half.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    half.replace(path)
