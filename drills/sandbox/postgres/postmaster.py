"""Finds and kills PostgreSQL servers, also those of a process that has died.

A backend leads a session of its own (PostgreSQL calls setsid in each), so that no signal to a group or session reaches
a whole server: its processes are found as children, or by the data folder that each has as its working directory.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

from drills.clock import SystemClock, wait_until
from drills.sandbox.postgres.runas import ServerUser, run_as

_PROGRAMS = (
    "postgres",
    "postmaster",
    "initdb",
    "pg_resetwal",
    "pg_basebackup",
    "pg_dump",
    "pg_dumpall",
    "pg_restore",
    "psql",
)
_SERVER = ("postgres", "postmaster")
_IPC_RMID = 0  # <sys/ipc.h>, the same on Linux and macOS


def pid_of(data: Path) -> int | None:
    """Return the pid of the server that runs on the data folder, None for none, whatever a stale pid file says."""
    try:
        pid = int((data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
        found = psutil.Process(pid)
    except (OSError, ValueError, psutil.Error):
        return None
    return pid if _program(found) in _SERVER and _working_folder(found) == data.resolve() else None


def is_ready(data: Path) -> bool:
    """Return whether the server on the data folder accepts connections: line 8 of its pid file (miscadmin.h)."""
    with contextlib.suppress(OSError, IndexError):
        return (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[7].strip() == "ready"
    return False


def server_processes(pid: int) -> list[psutil.Process]:
    """Return a server's main process and its children."""
    with contextlib.suppress(psutil.Error):
        server = psutil.Process(pid)
        return [server, *server.children(recursive=True)]
    return []


def kill_processes(processes: Iterable[psutil.Process]) -> None:
    """Kill these processes and wait up to 10 s until they have ended or are zombies; never raises.

    They are stopped first, so that none starts another one meanwhile.
    """
    targets = list(processes)
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for process in targets:
            with contextlib.suppress(psutil.Error, OSError):
                process.send_signal(number)
    with contextlib.suppress(TimeoutError):
        wait_until(
            lambda: not any(map(alive, targets)), 10.0, SystemClock(), every=0.01, what="killed processes to end"
        )


def alive(process: psutil.Process) -> bool:
    """Return whether a process still runs; a zombie does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.AccessDenied:
        return True
    except psutil.Error:
        return False


def remove_shared_memory(data: Path) -> None:
    """Remove the shared memory segment that a killed server on `data` left in the kernel; never raises.

    Line 7 of postmaster.pid is the segment's key and id. A segment whose key has another id now is not touched.
    """
    try:
        key, segment = map(int, (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[6].split())
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.shmget(ctypes.c_int(key), ctypes.c_size_t(0), 0) == segment:
            libc.shmctl(segment, _IPC_RMID, None)
    except (OSError, ValueError, IndexError, AttributeError):
        return


def sweep(state: Path) -> int:
    """Kill every PostgreSQL server and tool that works below `state`, a sandbox's work folder; return their number.

    For use after a crash of the process that started them. A process is killed when it is a program of PostgreSQL and
    its working directory lies below `state`; a pid in a file is never trusted.
    """
    place = state.resolve()
    found = list(working_in(place))
    servers = [process for process in found if _parent(process) not in {other.pid for other in found}]
    for process in servers:
        if _program(process) in _SERVER:
            with contextlib.suppress(psutil.Error):
                # an immediate shutdown, in which the server removes its kernel objects
                process.send_signal(signal.SIGQUIT)
    with contextlib.suppress(TimeoutError):
        wait_until(lambda: not any(map(alive, servers)), 3.0, SystemClock(), every=0.02, what="servers to end")
    kill_processes(working_in(place))
    for pid_file in _pid_files(place):
        remove_shared_memory(pid_file.parent)
    return len(found)


def _pid_files(place: Path) -> Iterator[Path]:
    """Yield the pid files of servers below a folder, without reading the thousand files of each data folder."""
    for folder, below, files in os.walk(place):
        if "PG_VERSION" in files:  # a data folder, in which no other one lies
            below.clear()
        if "postmaster.pid" in files:
            yield Path(folder, "postmaster.pid")


def working_in(place: Path) -> Iterable[psutil.Process]:
    """Yield the running servers and tools of PostgreSQL whose working directory is `place` or lies below it."""
    place = place.resolve()
    for process in _processes():
        if process.pid != os.getpid() and _program(process) in _PROGRAMS and alive(process):
            folder = _working_folder(process)
            if folder is not None and folder.is_relative_to(place):
                yield process


def _processes() -> Iterable[psutil.Process]:
    """Yield every process as it is now: psutil's `process_iter` goes on showing the program that it saw first.

    pg_ctl becomes a shell and that becomes PostgreSQL, all in one process.
    """
    for pid in psutil.pids():
        with contextlib.suppress(psutil.NoSuchProcess):
            yield psutil.Process(pid)


def _program(process: psutil.Process) -> str:
    """Return the file name of the executable: a process can change its name, but not that."""
    for read in (process.exe, process.name):
        with contextlib.suppress(psutil.Error, OSError):
            if found := read():
                return Path(found.removesuffix(" (deleted)")).name
    return ""


def _working_folder(process: psutil.Process) -> Path | None:
    with contextlib.suppress(psutil.Error, OSError):
        return Path(process.cwd().removesuffix(" (deleted)"))
    return _read_as_its_user(process) if sys.platform == "linux" and os.geteuid() == 0 else None


def _read_as_its_user(process: psutil.Process) -> Path | None:
    """Return another user's process's folder: in a container, root may not read it itself (ptrace(2), CAP_SYS_PTRACE)."""
    with contextlib.suppress(psutil.Error, OSError):
        user = ServerUser(process.uids().real, process.gids().real, "")
        answer = run_as(user, ["readlink", f"/proc/{process.pid}/cwd"], cwd=Path("/"))
        if answer.returncode == 0:
            return Path(answer.stdout.removesuffix("\n").removesuffix(" (deleted)"))
    return None


def _parent(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return int(process.ppid())
    return 0
