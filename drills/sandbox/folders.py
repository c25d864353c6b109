"""The folders of a sandbox: reachable by the user that PostgreSQL runs as, closed to others, with short paths."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from drills.errors import SandboxError
from drills.sandbox.postgres.binaries import server_user
from drills.sandbox.postgres.runas import ServerUser, run_as

_STATE_LIMIT = 48  # bytes of the path that holds a sandbox's folder, so that a socket's path some folders below it fits
_FULL = re.compile(r"No space left on device|Disk quota exceeded|Read-only file system")


def says_full(words: str) -> bool:
    """Whether an error message, in English, says that nothing more can be written to a disk."""
    return bool(_FULL.search(words))


def disk_full(place: Path, words: str) -> SandboxError:
    """The error for a disk that takes nothing more."""
    return SandboxError(f"the disk that holds {place} is full: {words}; free some space or name another work folder")


@contextlib.contextmanager
def disk_errors(place: Path) -> Iterator[None]:
    """Turn an OSError while writing to `place` into a SandboxError."""
    try:
        yield
    except OSError as error:
        words = error.strerror or str(error)
        if says_full(words):
            raise disk_full(place, words) from error
        raise SandboxError(
            f"expected to write to {place}, but: {words}; name a work folder that can be written to"
        ) from error


def state_parent(user: ServerUser | None = None) -> Path:
    """The folder to make a sandbox's own folder in: TMPDIR, else /tmp, else /var/tmp.

    It can be entered by `user` (by default the one that the servers run as) and is short enough for the paths of
    sockets below it. Raises SandboxError when none will do.
    """
    user = user or server_user()
    problems = []
    for place in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):
        if problem := _unfit(place, user):
            problems.append(problem)
        else:
            return place.resolve()
    raise SandboxError(
        f"expected a folder for the sandbox's work, but {'; '.join(problems)}; set TMPDIR to another one"
    )


def prepare_state(parent: Path | None = None, user: ServerUser | None = None) -> Path:
    """Make the sandbox's work folder, a fresh one in `parent` or in `state_parent`.

    Mode 0711 when the servers run as another user, else 0700. Raises SandboxError.
    """
    user = user or server_user()
    if parent is not None and (problem := _unfit(parent.absolute(), user)):
        raise SandboxError(f"expected a folder for the sandbox's work, but {problem}; name another one")
    place = parent.resolve() if parent is not None else state_parent(user)
    with disk_errors(place):
        state = Path(tempfile.mkdtemp(prefix="drills-", dir=place))
        state.chmod(0o711 if user else 0o700)
    return state


def _unfit(place: Path, user: ServerUser | None) -> str:
    """What is wrong with a folder as the place of a sandbox's own; empty when nothing is."""
    if not place.is_dir():
        return f"{place} is no folder"
    if not os.access(place, os.W_OK | os.X_OK):
        return f"{place} cannot be written to"
    if len(os.fsencode(place.resolve())) > _STATE_LIMIT:
        return f"{place} is longer than {_STATE_LIMIT} bytes, too long for the paths of sockets below it"
    if user is not None and not _reachable(place, user):
        return f"{place} cannot be entered by the user {user.name}, whom PostgreSQL runs as"
    return ""


def _reachable(place: Path, user: ServerUser) -> bool:
    """Whether the user can enter the folder; tried, since access lists and mounts decide it too."""
    try:
        return run_as(user, ["/bin/sh", "-c", 'cd "$1"', "sh", str(place)], cwd=Path("/")).returncode == 0
    except OSError as error:  # a container in which root may not become somebody else
        raise SandboxError(
            f"expected to run PostgreSQL as the user {user.name}, because it refuses to run as root, but the system "
            f"forbids that: {error.strerror}; run as an ordinary user"
        ) from error


def own_folder(folder: Path, user: ServerUser | None) -> None:
    """Make `folder` with mode 0700 for the server's user; folders made above it can be passed through by that user."""
    for above in reversed(folder.parents):
        if not above.exists():
            above.mkdir(mode=0o700)
            if user is not None:
                above.chmod(0o711)
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    give(folder, user)


def give(path: Path, user: ServerUser | None) -> None:
    """Let the server's user own a file or folder, when there is such a user."""
    if user is not None:
        os.chown(path, user.uid, user.gid)
