"""The sandboxes that stand on their own: what is written down of each, and how whatever is left of one is ended.

`.sandbox/NAME/` in the checkout holds `state.json` (while one runs, or after it was killed), `sandbox.log`, and is
itself the lock that `up` and `down` take. The state names what is going to be made before it is made. A process counts
as the one that was written down only when it began in the same moment too: a pid may be somebody else's meanwhile.
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

from drills.clock import SystemClock, wait_until
from drills.errors import ConfigError, SandboxError
from drills.files import try_lock

CHECKOUT = Path(__file__).absolute().parents[3]
FOLDER = ".sandbox"
STATE, LOG = "state.json", "sandbox.log"
WORK_PREFIX = "drills-up-"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,30}")
_SAME_MOMENT = 1.0  # seconds; the kernel counts in ticks from a boot whose time of day may be corrected a little
_LOCK_WITHIN = 120.0
_CLOCK = SystemClock()


@dataclass(frozen=True, slots=True)
class Process:
    """A process and when it began (seconds since the epoch)."""

    pid: int
    began: float

    @classmethod
    def of(cls, pid: int) -> Process:
        """The process that has this pid now."""
        return cls(pid, psutil.Process(pid).create_time())

    def found(self) -> psutil.Process | None:
        """The process itself, None when it has ended, even if another one has its pid now."""
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.began) > _SAME_MOMENT or process.status() == psutil.STATUS_ZOMBIE:
                return None
        except psutil.Error:
            return None
        return process


@dataclass(frozen=True, slots=True)
class State:
    """One sandbox: its keeper, its server, its work folder, and once it answers what the server said."""

    name: str
    keeper: Process
    work: str
    since: str
    server: Process | None = None
    ready: dict[str, Any] = field(default_factory=dict)

    def with_(self, **changes: Any) -> State:
        """The same with other members."""
        return replace(self, **changes)


class Standing:
    """The files of one sandbox that stands on its own."""

    def __init__(self, name: str, checkout: Path = CHECKOUT) -> None:
        """Raises ConfigError for a name that is none."""
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"--name: expected up to 31 letters, digits, - and _, found {name!r}; choose another name"
            )
        self.name, self.folder = name, checkout / FOLDER / name
        self.state_path, self.log_path = self.folder / STATE, self.folder / LOG

    def read(self) -> State | None:
        """What is written down, None when nothing is. Raises SandboxError for a file that cannot be read."""
        try:
            given = json.loads(self.state_path.read_text(encoding="utf-8"))
            keeper, server = Process(**given.pop("keeper")), given.pop("server")
            return State(keeper=keeper, server=Process(**server) if server else None, **given)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise SandboxError(
                f"expected what `drills sandbox up` wrote in {self.state_path}, found something else ({error}); look "
                "for processes of PostgreSQL and remove that file"
            ) from error

    def write(self, state: State) -> None:
        """Write it down, whole or not at all, for the owner's eyes. Raises SandboxError."""
        half = self.state_path.with_suffix(".half")
        with self.writing():
            with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                json.dump(asdict(state), file, indent=2)
            half.replace(self.state_path)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock: one `up` or `down` of this sandbox at a time. The folder goes again when nothing is in it."""

        try:
            (held,) = wait_until(self._take, _LOCK_WITHIN, _CLOCK, every=0.02, what="the lock")
        except TimeoutError as error:
            raise SandboxError(
                f"expected another `drills sandbox` command on {self.folder} to end within {_LOCK_WITHIN:g} s, but it "
                "runs on; end it and try again"
            ) from error
        try:
            yield
        finally:
            self._remove_folder()
            os.close(held)

    def _take(self) -> list[int] | None:
        with self.writing():
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
    def writing(self) -> Iterator[None]:
        """Turn an OSError while the sandbox is written down into a SandboxError."""
        try:
            yield
        except OSError as error:
            raise SandboxError(
                f"expected to write down the sandbox in {self.folder}, but: {error.strerror}; use a checkout that you "
                "may write to, on a disk with room"
            ) from error

    def tidy(self) -> None:
        """Remove the folder when nothing is in it, unless somebody holds the lock, who will do that."""
        if self.folder.exists() and (held := self._take()):
            self._remove_folder()
            os.close(held[0])

    def _remove_folder(self) -> None:
        with contextlib.suppress(OSError):
            self.folder.rmdir()
            self.folder.parent.rmdir()

    def forget(self, *, keep_log: bool = False) -> None:
        """Remove what is written down."""
        for path in (self.state_path.with_suffix(".half"), self.state_path, *([] if keep_log else [self.log_path])):
            path.unlink(missing_ok=True)


def clear(state: State) -> list[str]:
    """End whatever is left of a sandbox and remove its work folder; what withstood both, normally nothing.

    Servers are found by the work folder that they run in, never by a pid in a file.
    """
    from drills.sandbox.postgres.postmaster import alive, kill_processes, sweep

    work = Path(state.work)
    mine = [found for each in (state.keeper, state.server) if each and (found := each.found())]
    own = [process for process in mine if process.pid != os.getpid()]
    kill_processes(own)
    if not work.name.startswith(WORK_PREFIX):
        return [state.work]  # nothing of ours has such a name: somebody has changed the file
    if work.exists() and any(work.iterdir()):  # an empty one has been cleared by the server itself
        sweep(work)
    shutil.rmtree(work, ignore_errors=True)
    left = [f"process {process.pid}" for process in own if alive(process)]
    return [*left, *([state.work] if os.path.lexists(work) else [])]
