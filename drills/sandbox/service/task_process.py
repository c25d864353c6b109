"""One real process of an ECS task: the sandbox's web application, whatever image the task definition names.

Its standard input is a pipe from the sandbox: when the sandbox ends, by SIGKILL too, the process sees the end of it and
ends. It runs as the user that PostgreSQL runs as where that user can read this checkout and its Python, else as the
caller (a checkout below a folder of mode 0700 is nobody else's to read).
"""

from __future__ import annotations

import contextlib
import json
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import drills
from drills.errors import SandboxError
from drills.sandbox.postgres.runas import ServerUser, Streams, run_as, spawn

_HOME = Path(drills.__file__).resolve().parent.parent
_PROGRAM = "drills.sandbox.service.webapp"
_READY_WITHIN = 60.0  # seconds, on a machine that is busy
_RESERVED = ("PATH", "HOME", "TMPDIR", "PWD")  # of the container's file system; here they would steer Python
_RESERVED_PREFIXES = ("PYTHON", "LD_", "DYLD_")


class ProcessStarter:
    """Starts processes of the web application, as `user` where that user can read this checkout (tried once)."""

    def __init__(self, user: ServerUser | None) -> None:
        self._user = user
        self._tried = user is None
        self._lock = threading.Lock()

    def start(self, name: str, environment: Mapping[str, str]) -> TaskProcess:
        """Start a process and wait until it answers. Raises SandboxError when it does not, OSError when it cannot run."""
        passed = {key: value for key, value in environment.items() if not _is_reserved(key)}
        process = spawn(
            self._usable_user(),
            [sys.executable, "-m", _PROGRAM, "--task", name],
            _HOME,
            {**passed, "PYTHONDONTWRITEBYTECODE": "1"},
            Streams(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL),
        )
        try:
            return TaskProcess(process, _port_of(process))
        except BaseException:
            process.kill()
            process.communicate()
            raise

    def _usable_user(self) -> ServerUser | None:
        with self._lock:
            if not self._tried:
                command = [sys.executable, "-c", f"import {_PROGRAM}"]
                unreadable = True
                with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                    unreadable = run_as(self._user, command, cwd=_HOME, timeout=_READY_WITHIN).returncode != 0
                self._user = None if unreadable else self._user
                self._tried = True
        return self._user


class TaskProcess:
    """A process that answers on 127.0.0.1 at `port`."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.port = port
        self.pid = process.pid
        self._process = process

    def wait(self) -> int:
        """Wait for its end and return the exit code, as a container's: 128 plus the number of a signal."""
        assert self._process.stdout is not None
        assert self._process.stdin is not None
        while self._process.stdout.read(4096):
            pass
        code = self._process.wait()
        self._process.stdout.close()
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        return 128 - code if code < 0 else code

    def stop(self, timeout: float) -> None:
        """Send SIGTERM, and SIGKILL when it has not ended after `timeout` seconds."""
        with contextlib.suppress(OSError):
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Send SIGKILL."""
        with contextlib.suppress(OSError):
            self._process.kill()


def _is_reserved(name: str) -> bool:
    return name in _RESERVED or name.startswith(_RESERVED_PREFIXES)


def _port_of(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], _READY_WITHIN)
    line = process.stdout.readline() if ready else b""
    try:
        return int(json.loads(line)["port"])
    except (ValueError, KeyError, TypeError) as error:
        raise SandboxError(
            f"expected the web application to print its port within {_READY_WITHIN:.0f} s, found {line[:80]!r}; "
            "run `python -m drills.sandbox.service.webapp` by hand to see why"
        ) from error
