"""Work folders of runs and sandboxes, and how it is known that nobody uses one any more: its owner holds a lock while it lives.

A folder is abandoned when the lock of the file `.owner` in it is free. Neither its age nor its name says so: a folder without
that file is never touched, nor one of another user, nor what is reached through a link.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from drills.files import try_lock

OWNER = ".owner"
PREFIX = "drills-"  # of the names of all work folders
PLACES = ("/tmp", "/var/tmp", "/dev/shm")  # beside the folder for temporary files that is in force


def hold(folder: Path) -> int:
    """Say that this process uses a folder that it has made, until the open file that is returned is closed. Raises OSError.

    The lock is held before the file has its name: there is no moment at which the folder seems abandoned.
    """
    half = folder / f"{OWNER}.new"
    held = os.open(half, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try_lock(held)
    half.rename(folder / OWNER)
    return held


def is_held(folder: Path) -> bool:
    """Return whether the process that said that it uses a folder lives; False where none has said so."""
    try:
        opened = os.open(folder / OWNER, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not try_lock(opened, shared=True)  # another one who asks is no owner
    finally:
        os.close(opened)


def is_used(folder: Path) -> bool:
    """Return whether something lies in a folder beside the mark of its owner."""
    return any(path.name != OWNER for path in folder.iterdir())


def places() -> tuple[Path, ...]:
    """Return where work folders can lie."""
    named = (tempfile.gettempdir(), *PLACES)
    return tuple(dict.fromkeys(Path(each).resolve() for each in named if os.path.isdir(each)))


def abandoned(where: Sequence[Path]) -> Iterator[Path]:
    """Yield each work folder of this user whose owner has ended; no other process is given it until the next is asked for."""
    for place in where:
        for folder in sorted(place.glob(f"{PREFIX}*")):
            with _taken_over(folder) as mine:
                if mine:
                    yield folder


@contextmanager
def _taken_over(folder: Path) -> Iterator[bool]:
    opened: list[int] = []
    try:
        yield _take(folder, opened)
    finally:
        for each in opened:
            os.close(each)


def _take(folder: Path, opened: list[int]) -> bool:
    """Take the lock of a folder's owner. In a folder that others can write to its mark may be theirs."""
    try:
        opened.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC))
        found = os.fstat(opened[0])
        if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return False
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        opened.append(os.open(OWNER, flags, dir_fd=opened[0]))
        mark = os.fstat(opened[1])
        return stat.S_ISREG(mark.st_mode) and mark.st_uid == os.geteuid() and try_lock(opened[1])
    except OSError:
        return False
