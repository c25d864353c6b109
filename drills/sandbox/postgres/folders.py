"""Creates the folders of a sandbox: with short paths, open to the user that PostgreSQL runs as and closed to others."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from drills.clock import SystemClock, wait_until
from drills.errors import SandboxError
from drills.sandbox.postgres.binaries import server_user
from drills.sandbox.postgres.runas import ServerUser, run_as
from drills.work_folder import PREFIX

# of the path that holds a sandbox's folder, so that the path of a socket some folders below it is short enough
_MAX_PATH_BYTES = 48
_REMOVED_WITHIN = 5.0  # seconds for the last program that writes to a folder to end
_FULL = re.compile(r"No space left on device|Disk quota exceeded|Read-only file system")


def is_disk_full(message: str) -> bool:
    """Return whether an error message, in English, means that nothing more can be written to a disk."""
    return bool(_FULL.search(message))


def disk_full_error(place: Path, message: str) -> SandboxError:
    """Return the error for a full disk that holds `place`."""
    return SandboxError(f"the disk that holds {place} is full: {message}; free some space or name another work folder")


@contextlib.contextmanager
def disk_errors(place: Path) -> Iterator[None]:
    """Turn an OSError while writing to `place` into a SandboxError."""
    try:
        yield
    except OSError as error:
        message = error.strerror or str(error)
        if is_disk_full(message):
            raise disk_full_error(place, message) from error
        raise SandboxError(
            f"expected to write to {place}, but: {message}; name a work folder that can be written to"
        ) from error


def state_parent(user: ServerUser | None = None) -> Path:
    """Return the folder to create a sandbox's own folder in: TMPDIR, else /tmp, else /var/tmp.

    `user` (by default the one that the servers run as) can enter it, and it is short enough for the paths of sockets
    below it. Raises SandboxError when none of the three is.
    """
    user = user or server_user()
    problems = []
    for place in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):
        if problem := _unsuitable(place, user):
            problems.append(problem)
        else:
            return place.resolve()
    raise SandboxError(
        f"expected a folder for the sandbox's work, but {'; '.join(problems)}; set TMPDIR to another one"
    )


def prepare_state(parent: Path | None = None, user: ServerUser | None = None) -> Path:
    """Create the sandbox's work folder in `parent` or in `state_parent`, and return it.

    Mode 0711 when the servers run as another user, else 0700. Raises SandboxError.
    """
    user = user or server_user()
    if parent is not None and (problem := _unsuitable(parent.absolute(), user)):
        raise SandboxError(f"expected a folder for the sandbox's work, but {problem}; name another one")
    place = parent.resolve() if parent is not None else state_parent(user)
    with disk_errors(place):
        state = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        state.chmod(0o711 if user else 0o700)
    return state


def _unsuitable(place: Path, user: ServerUser | None) -> str:
    """Return why a folder cannot hold a sandbox's own folder; empty when it can."""
    if not place.is_dir():
        return f"{place} is not a folder"
    if not os.access(place, os.W_OK | os.X_OK):
        return f"{place} cannot be written to"
    if len(os.fsencode(place.resolve())) > _MAX_PATH_BYTES:
        return f"{place} is longer than {_MAX_PATH_BYTES} bytes, too long for the paths of sockets below it"
    if user is not None and not _reachable(place, user):
        return f"{place} cannot be entered by the user {user.name}, whom PostgreSQL runs as"
    return ""


def _reachable(place: Path, user: ServerUser) -> bool:
    """Return whether the user can enter the folder; it is tried, since access lists and mounts matter too."""
    try:
        return run_as(user, ["/bin/sh", "-c", 'cd "$1"', "sh", str(place)], cwd=Path("/")).returncode == 0
    except OSError as error:  # a container in which root may not become another user
        raise SandboxError(
            f"expected to run PostgreSQL as the user {user.name}, because it refuses to run as root, but the system "
            f"forbids that: {error.strerror}; run as an ordinary user"
        ) from error


def create_private_folder(folder: Path, user: ServerUser | None) -> None:
    """Create `folder` with mode 0700 for the server's user, who can pass through the folders created above it."""
    for above in reversed(folder.parents):
        if not above.exists():
            above.mkdir(mode=0o700)
            if user is not None:
                above.chmod(0o711)
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    change_owner(folder, user)


def remove_folder(folder: Path) -> bool:
    """Remove a folder with all that is in it, and return whether it is gone; again while something is written to it.

    A program that a server has started, such as the one that archives, outlives a killed server for a moment.
    """

    def gone() -> bool:
        shutil.rmtree(folder, ignore_errors=True)
        return not os.path.lexists(folder)

    with contextlib.suppress(TimeoutError):
        wait_until(gone, _REMOVED_WITHIN, SystemClock(), every=0.05, what=f"{folder} to be gone")
    return not os.path.lexists(folder)


def change_owner(path: Path, user: ServerUser | None) -> None:
    """Make the server's user the owner of a file or folder, when there is such a user."""
    if user is not None:
        os.chown(path, user.uid, user.gid)
