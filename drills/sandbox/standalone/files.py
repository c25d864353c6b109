"""The files of a standalone sandbox, and the removal of whatever a sandbox has left behind.

`.sandbox/NAME/` in the checkout holds `state.json` (while a sandbox runs, and after it was killed), `sandbox.log` and, where
one was asked for, the folder `sample`; it is itself the lock that `up` and `down` take. The state names each process and
folder before it exists. A process is taken for the recorded one only if it began at the same time: another process may have
its pid meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from drills import work_folder
from drills.clock import SystemClock, wait_until
from drills.errors import ConfigError, SandboxError
from drills.files import try_lock

CHECKOUT = Path(__file__).absolute().parents[3]
FOLDER = ".sandbox"
STATE, LOG = "state.json", "sandbox.log"
WORK_PREFIX = f"{work_folder.PREFIX}up-"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,30}")
_SAME_TIME_SECONDS = 1.0  # the kernel counts ticks since a boot whose time of day may be corrected a little
_LOCK_SECONDS = 120.0
_CLOCK = SystemClock()


@dataclass(frozen=True, slots=True)
class Process:
    """A process and when it began (seconds since the epoch)."""

    pid: int
    began: float

    @classmethod
    def of(cls, pid: int) -> Process:
        """Return the process that has this pid now."""
        return cls(pid, psutil.Process(pid).create_time())

    def find(self) -> psutil.Process | None:
        """Return the process itself, None when it has ended, even if another one has its pid now."""
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.began) > _SAME_TIME_SECONDS or process.status() == psutil.STATUS_ZOMBIE:
                return None
        except psutil.Error:
            return None
        return process


@dataclass(frozen=True, slots=True)
class State:
    """One sandbox: its keeper, its server and its work folder; `ready` is the server's ready line, empty before it.

    `ending`: its keeper was told to end it, or its server has ended, and all that it started is being removed.
    """

    name: str
    keeper: Process
    work: str
    since: str
    server: Process | None = None
    ready: dict[str, Any] = field(default_factory=dict)
    ending: bool = False

    def with_(self, **changes: Any) -> State:
        """Return a copy with other members."""
        return replace(self, **changes)

    def memory(self) -> int:
        """Return the memory of the keeper and the server in bytes, without PostgreSQL."""
        total = 0
        for each in (self.keeper, self.server):
            process = each.find() if each else None
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss if process else 0
        return total


class SandboxFiles:
    """The files of one standalone sandbox."""

    def __init__(self, name: str, checkout: Path = CHECKOUT) -> None:
        """Raise ConfigError for a name that is not valid."""
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"--name: expected up to 31 letters, digits, - and _, found {name!r}; choose another name"
            )
        self.name, self.folder = name, checkout / FOLDER / name
        self.state_path, self.log_path = self.folder / STATE, self.folder / LOG
        self.sample = self.folder / "sample"

    def read(self) -> State | None:
        """Return the recorded state, None when there is none. Raises SandboxError for a file that cannot be read."""
        try:
            given = json.loads(self.state_path.read_text(encoding="utf-8"))
            keeper, server = Process(**given.pop("keeper")), given.pop("server")
            return State(keeper=keeper, server=Process(**server) if server else None, **given)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise SandboxError(
                f"expected the state that `drills sandbox up` writes in {self.state_path}, found something else ({error}); "
                "end any PostgreSQL processes of the sandbox and remove that file"
            ) from error

    def write(self, state: State) -> None:
        """Write the state, whole or not at all, readable by its owner only. Raises SandboxError."""
        half = self.state_path.with_suffix(".half")
        with self.write_errors():
            with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                json.dump(asdict(state), file, indent=2)
            half.replace(self.state_path)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock: one `up` or `down` of this sandbox at a time. An empty folder is removed at the end."""
        try:
            (held,) = wait_until(self._try_lock, _LOCK_SECONDS, _CLOCK, every=0.02, what="the lock")
        except TimeoutError as error:
            raise SandboxError(
                f"expected another `drills sandbox` command on {self.folder} to end within {_LOCK_SECONDS:g} s, but it "
                "runs on; end it and try again"
            ) from error
        try:
            yield
        finally:
            self._remove_folder()
            os.close(held)

    def _try_lock(self) -> list[int] | None:
        with self.write_errors():
            try:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                handle = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            except FileNotFoundError:  # the one before has just removed it
                return None
        with contextlib.suppress(FileNotFoundError):
            if try_lock(handle) and os.path.samestat(os.fstat(handle), os.stat(self.folder)):
                return [handle]
        os.close(handle)
        return None

    @contextlib.contextmanager
    def write_errors(self) -> Iterator[None]:
        """Turn an OSError while the state is written into a SandboxError."""
        try:
            yield
        except OSError as error:
            raise SandboxError(
                f"expected to write the sandbox's state to {self.folder}, but: {error.strerror}; use a checkout that you "
                "may write to, on a disk with free space"
            ) from error

    def remove_empty_folder(self) -> None:
        """Remove the folder when it is empty, unless another process holds the lock, which then removes it."""
        if self.folder.exists() and (held := self._try_lock()):
            self._remove_folder()
            os.close(held[0])

    def _remove_folder(self) -> None:
        with contextlib.suppress(OSError):
            self.folder.rmdir()
            self.folder.parent.rmdir()

    def remove(self, *, keep_log: bool = False) -> None:
        """Remove the files of the sample, the log, and the state last: without one the next sandbox may begin to write its own."""
        shutil.rmtree(self.sample, ignore_errors=True)
        for path in (*([] if keep_log else [self.log_path]), self.state_path.with_suffix(".half"), self.state_path):
            path.unlink(missing_ok=True)


def remove_remains(state: State) -> list[str]:
    """End the processes of a sandbox and remove its work folder; return what is left nevertheless, normally nothing.

    Servers are found by the work folder that they run in, never by a pid in a file.
    """
    from drills.sandbox.postgres.folders import remove_folder
    from drills.sandbox.postgres.postmaster import alive, kill_processes, sweep

    work = Path(state.work)
    found = [process for each in (state.keeper, state.server) if each and (process := each.find())]
    others = [process for process in found if process.pid != os.getpid()]
    kill_processes(others)
    if not work.name.startswith(WORK_PREFIX):
        return [state.work]  # no sandbox has such a work folder: the file has been changed
    if work.exists() and work_folder.is_used(work):  # the server itself empties it when it ends in order
        sweep(work)
    gone = remove_folder(work)
    left = [f"process {process.pid}" for process in others if alive(process)]
    return [*left, *([] if gone else [state.work])]
