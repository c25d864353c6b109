"""Files that are written whole, that only their owner can read, that one process at a time uses, or that this user may not read."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NoReturn

from drills.clock import Clock, wait_until
from drills.errors import DrillError

_HALF = re.compile(r"\..+\.\d+-[0-9a-f]{8}", re.DOTALL)
_left: list[Path] = []  # the folder that the caller is in, where this process has gone to another


def work_in(folder: Path) -> None:
    """Go to another folder than the caller's, which is remembered: what is shown to the caller is typed there."""
    _left[:] = _left or [Path.cwd()]
    os.chdir(folder)


def callers_folder() -> Path:
    """Return the folder that the caller is in."""
    return _left[0] if _left else Path.cwd()


def forget_caller() -> None:
    """Let the folder of this process be its caller's again, when a command has ended."""
    _left.clear()


@contextmanager
def whole_or_gone(path: Path) -> Iterator[None]:
    """Remove a file that is written here where that fails, such as on a full disk."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise


def open_privately(path: Path) -> BinaryIO:
    """Open a new file for writing that only its owner can read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def append_privately(path: Path) -> BinaryIO:
    """Open a file for appending that only its owner can read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def append_or_discard(path: Path) -> BinaryIO:
    """Open a log as append_privately does; where the disk takes none, what is written goes nowhere."""
    try:
        return append_privately(path)
    except OSError:
        return open(os.devnull, "ab")


def half_of(path: Path) -> Path:
    """Return a name beside a file that is written whole, to write it under: another each time.

    Threads of a process may write one file at once, and so may processes in two containers, which can have the same pid.
    """
    return path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}")


def is_half(name: str) -> bool:
    """Return whether a file has a name that `half_of` gives."""
    return _HALF.fullmatch(name) is not None


def write_privately(path: Path, text: str) -> None:
    """Replace a file by one that only its owner can read, whole."""
    half = half_of(path)
    with whole_or_gone(half):
        with open_privately(half) as out:
            out.write(text.encode())
        half.replace(path)


def write_atomically(path: Path, text: str | bytes | Iterable[str]) -> None:
    """Replace `path` so that a reader, or a crash, sees the old text or the new one and nothing between.

    A long text may come in pieces, so that it is never in memory as a whole.
    """
    pieces: Iterable[str | bytes] = [text] if isinstance(text, str | bytes) else text
    half = half_of(path)
    with whole_or_gone(half):
        with half.open("wb") as out:
            for piece in pieces:
                out.write(piece if isinstance(piece, bytes) else piece.encode("utf-8"))
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


@contextmanager
def locked_folder(
    folder: Path, seconds: float, clock: Clock, *, waiting_for: str, shared: bool = False
) -> Iterator[None]:
    """Hold the lock of a folder, as `locked` does of an open file."""
    opened = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with locked(opened, seconds, clock, waiting_for=waiting_for, shared=shared):
            yield
    finally:
        os.close(opened)


class Unreadable(DrillError):
    """This user may not read a file or a folder of the evidence, so that nothing can be said of it."""


def refuse_unreadable(*paths: Path) -> None:
    """Raise Unreadable for the first of these that this user may not read; one that is not there, or a link, is passed over."""
    for path in paths:
        try:
            known = path.is_dir() and not path.is_symlink()
            wanted = os.R_OK | os.X_OK if known else os.R_OK
            if os.path.lexists(path) and not path.is_symlink() and not os.access(path, wanted):
                refuse(path)
            path.lstat()
        except PermissionError:
            refuse(path)
        except OSError:
            continue


def refuse_unreadable_below(folder: Path) -> None:
    """Raise Unreadable where this user may not read the folder, or anything in it or below."""
    refuse_unreadable(folder)
    waiting = [folder]
    while waiting:
        for path in sorted(waiting.pop().iterdir()):
            refuse_unreadable(path)
            if path.is_dir() and not path.is_symlink():
                waiting.append(path)


def refuse(path: Path | str) -> NoReturn:
    """Raise Unreadable of a path."""
    raise Unreadable(
        f"expected to read {path}, found that this user may not: nothing is said of this evidence; type the same as a user who may "
        "read it, or make it readable"
    )
