"""Detects that the process one works for has gone, and ends whole trees of processes.

A *lifeline* is a pipe whose write end only one process holds: when that process ends, by SIGKILL too, the reader sees
the end of the file. It needs no polling and no pid that may have been given to somebody else meanwhile.

As a program:

    python -m drills.run.lifeline -- COMMAND …      run COMMAND in a session of its own; end its whole tree when stdin ends
    python -m drills.run.lifeline -m MODULE ARG…    run a Python module in this process; end it when stdin ends
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import runpy
import select
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterable
from typing import IO, Protocol

import psutil

from drills.clock import SystemClock

_PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 15, 36  # linux/prctl.h
_TICK = 0.05  # seconds between two polls of the processes of this machine
_PARENT = os.getppid()


class Child(Protocol):
    """A child of this process: a `subprocess.Popen`, or a copy of this process (drills/run/warm.py)."""

    @property
    def pid(self) -> int:
        """Its process."""
        ...

    @property
    def returncode(self) -> int | None:
        """How it has ended; None until that was collected."""
        ...

    @property
    def stdin(self) -> IO[bytes] | None:
        """The write end of its standard input, where that is a pipe: its lifeline."""
        ...

    def wait(self) -> int:
        """Wait for its end, and collect it."""
        ...


def watch(fd: int, on_gone: Callable[[str], None]) -> None:
    """Call `on_gone` once, on a thread, with the first line that arrives on `fd`, or with "" when its writer has gone.

    `fd` is read through a copy, so that the caller may put something else in its place.
    """
    copy = os.dup(fd)  # not inherited by children: they must not hold the read end

    def read() -> None:
        with os.fdopen(copy, "rb", buffering=0) as line:
            try:
                text = line.read(200)
            except OSError:
                text = b""
        on_gone((text or b"").decode("ascii", "replace").strip().split("\n")[0])

    threading.Thread(target=read, name="lifeline", daemon=True).start()


def writer_gone(fd: int) -> bool:
    """Return whether nobody holds the write end of the lifeline `fd` any more, whatever was written to it before."""
    poll = select.poll()
    poll.register(fd, 0)  # only that the other end has gone
    return any(event & select.POLLHUP for _, event in poll.poll(0))


def end_when_orphaned(grace: float = 5.0) -> bool:
    """End this process and its whole group when stdin reaches its end, that is when the supervisor has gone.

    SIGTERM first, SIGKILL after `grace` seconds. stdin becomes the null device, so that no child reads the lifeline.
    Does nothing and returns False unless stdin is a pipe and this process leads its group, which is how the supervisor
    starts its commands: started by hand, the group would be the caller's.
    """
    if os.getpgrp() != os.getpid() or not stat.S_ISFIFO(os.fstat(0).st_mode):
        return False

    def gone(_message: str) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(0, signal.SIGTERM)
        SystemClock().sleep(grace)
        os.killpg(0, signal.SIGKILL)

    watch(0, gone)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return True


def under_tox() -> bool:
    """Return whether tox started this process: it sets TOX_ENV_NAME for its commands (tox documentation, "Injected …")."""
    return "TOX_ENV_NAME" in os.environ


def parent_gone() -> bool:
    """Return whether the process that started this one has gone, so that another one is the parent now."""
    if _PARENT == 1 and under_tox():  # either the parent went before it could be noted, or it is a container's first
        with contextlib.suppress(psutil.Error):
            return not any("tox" in word for word in psutil.Process(1).cmdline())
    return os.getppid() != _PARENT


def on_parent_gone(action: Callable[[], None], *, every: float = 0.2) -> None:
    """Call `action` once, on a thread, when the parent has gone; polls every `every` seconds.

    tox passes SIGTERM and SIGKILL on to nobody, and its commands hold no pipe of it that would close.
    """

    def poll() -> None:
        clock = SystemClock()
        while not parent_gone():
            clock.sleep(every)
        action()

    threading.Thread(target=poll, name="parent", daemon=True).start()


def watch_parents(report: Callable[[str], None], *, of_fleet: bool) -> None:
    """Report the end of tox where it has started this process, and of the fleet where stdin is the lifeline of one."""
    if under_tox():
        on_parent_gone(lambda: report("tox is gone"))
    if of_fleet:
        watch(0, lambda _message: report("the fleet is gone"))


def adopt_orphans(adopt: bool = True) -> bool:
    """Let every orphan below this process become its child instead of init's; False where the system cannot (macOS).

    Linux: prctl(2), PR_SET_CHILD_SUBREAPER. The adopter has to reap: `reap_adopted`.
    """
    if sys.platform != "linux":
        return False
    try:
        return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(adopt), 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False


def reap_adopted(own: Collection[int]) -> None:
    """Collect the exit status of adopted children that have ended; those in `own` are left to their `Popen`."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(ChildProcessError):
        while True:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is None or found.si_pid in own:
                return
            os.waitpid(found.si_pid, os.WNOHANG)


def is_alive(process: psutil.Process) -> bool:
    """Return whether the process still runs; one that has ended and was not collected does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def has_ended(child: Child) -> bool:
    """Return whether a child has ended, without collecting it: until then its pid, and its group's, are nobody else's."""
    if child.returncode is not None:
        return True
    if sys.platform == "linux":  # one call; elsewhere what psutil finds out by several
        with contextlib.suppress(ChildProcessError):
            return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        return True
    try:
        return bool(psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def wait_end(child: Child, seconds: float) -> None:
    """Wait until a child has ended, at most `seconds`; where the system cannot tell (macOS) all of them."""
    if sys.platform != "linux":
        SystemClock().sleep(seconds)
        return
    with contextlib.suppress(OSError):  # its pid is nobody's any more
        ending = os.pidfd_open(child.pid)
        try:
            poll = select.poll()
            poll.register(ending, select.POLLIN)
            poll.poll(seconds * 1000)
        finally:
            os.close(ending)


def name_process(name: str) -> None:
    """Give this process a name that `ps -o comm` and `top` show, of 15 bytes at most, where the system has such names."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def descendants(pid: int) -> list[psutil.Process]:
    """Return every process below `pid` that is alive, children first."""
    try:
        return [found for found in psutil.Process(pid).children(recursive=True) if is_alive(found)]
    except psutil.NoSuchProcess:
        return []


def in_session(session: int) -> list[psutil.Process]:
    """Return every living process of a session but this one."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):
            if process.pid != os.getpid() and os.getsid(process.pid) == session and is_alive(process):
                found.append(process)
    return found


def in_group(group: int) -> list[psutil.Process]:
    """Return every living process of a process group."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):
            if os.getpgid(process.pid) == group and is_alive(process):
                found.append(process)
    return found


def wait_gone(find: Callable[[], Iterable[psutil.Process]], timeout: float, own: Collection[int] | None = None) -> bool:
    """Wait until `find` finds nothing, at most `timeout` seconds; whether that was so in the end.

    An adopter gives `own`, its children that are not to be collected; the adopted ones are collected meanwhile.
    """
    clock = SystemClock()
    deadline = clock.monotonic() + timeout
    while True:
        if own is not None:
            reap_adopted(own)
        if not list(find()):
            return True
        if clock.monotonic() >= deadline:
            return False
        clock.sleep(_TICK)


def kill(find: Callable[[], Iterable[psutil.Process]], own: Collection[int] | None = None, *, rounds: int = 20) -> bool:
    """Send SIGKILL to what `find` finds until it finds nothing more; False when something is left after `rounds` rounds."""
    for _ in range(rounds):
        for process in find():
            with contextlib.suppress(psutil.Error):
                process.kill()
        if wait_gone(find, 0.25, own):
            return True
    return False


def end_tree(child: Child, grace: float, own: Collection[int] | None = None) -> int:
    """End a child that leads its own group, the rest of the group and all its descendants; return its exit status.

    SIGTERM goes to the group, and after `grace` seconds SIGKILL to whatever is left of the group and to the
    descendants that it had, those in other groups and sessions included.
    """
    family = {found.pid: found for found in descendants(child.pid)}

    def left() -> list[psutil.Process]:
        members = {found.pid: found for found in (*in_group(child.pid), *descendants(child.pid))}
        family.update(members)
        return [found for found in family.values() if is_alive(found)]

    if child.returncode is None:
        _signal_group(child.pid, signal.SIGTERM)
        kept = None if own is None else {*own, child.pid}
        if not wait_gone(left, grace, kept):
            kill(left, kept)
    return child.wait()


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _run(command: list[str], grace: float) -> int:
    """Run `command` in a session of its own until it ends or stdin does; its status as a shell would give it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # a background job's shell may have had it ignored
    adopt_orphans()
    gone = threading.Event()
    watch(0, lambda _message: gone.set())
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    clock = SystemClock()
    while not gone.is_set() and not has_ended(child):
        reap_adopted({child.pid})
        clock.sleep(_TICK)
    if gone.is_set():
        _signal_group(child.pid, signal.SIGTERM)
        if not wait_gone(lambda: descendants(os.getpid()), grace, {child.pid}):
            kill(lambda: descendants(os.getpid()), {child.pid})
    status = child.wait()
    return 128 - status if status < 0 else status


def main(arguments: list[str], *, grace: float = 30.0) -> int:
    """Run `-- COMMAND …` or `-m MODULE …` (see the module's own words); 2 for wrong usage."""
    match arguments:
        case ["--", _, *_]:
            return _run(arguments[1:], grace)
        case ["-m", module, *rest]:
            end_when_orphaned()
            sys.argv[1:] = rest
            runpy.run_module(module, run_name="__main__", alter_sys=True)
            return 0
        case _:
            wanted = "expected '-- COMMAND …' or '-m MODULE ARG…'"
            print(f"{wanted}, found {arguments!r}: see the top of drills/run/lifeline.py", file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
