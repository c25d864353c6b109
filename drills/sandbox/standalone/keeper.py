"""Keeps a standalone sandbox running: `python -m drills.sandbox.standalone.keeper NAME SERVER-ARGUMENT…`.

The sandbox's server ends when its lifeline does, and nothing ends PostgreSQL when the server is killed. The keeper holds
that lifeline, waits for SIGINT, SIGTERM or the server's end, and then removes whatever is left. It prints one JSON line,
the server's ready line: how to reach it, or why it could not start.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from drills import work_folder
from drills.clock import SystemClock
from drills.errors import COULD_NOT_RUN, LEFT_BEHIND, DrillError, SandboxError
from drills.sandbox.postgres.folders import disk_errors, state_parent
from drills.sandbox.postgres.runas import ServerUser
from drills.sandbox.standalone.files import CHECKOUT, WORK_PREFIX, Process, SandboxFiles, State, remove_remains

CLEANUP_SECONDS = 60.0  # that the server has for its own clean-up
READY_SECONDS = 120.0
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Report = Callable[[dict[str, Any]], None]


class Keeper:
    """One sandbox from its first file to its last. Must be used in the main thread, which signals come to."""

    def __init__(self, files: SandboxFiles, server_arguments: Sequence[str], user: ServerUser | None) -> None:
        self._files = files
        self._arguments = tuple(server_arguments)
        work = state_parent(user) / f"{WORK_PREFIX}{secrets.token_hex(3)}"  # short: paths of sockets lie below it
        now = SystemClock().now().isoformat(timespec="seconds")
        self.state = State(files.name, Process.of(os.getpid()), str(work), now)
        self._user = user
        self._received: list[int] = []
        self._held: int | None = None  # the work folder's mark, locked until this process ends
        self._wakeup, waker = os.pipe()
        for end in (self._wakeup, waker):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        for number in (*_ENDING, signal.SIGCHLD):  # SIGCHLD only wakes
            signal.signal(number, self._record)

    def _record(self, number: int, _frame: object) -> None:
        if number in _ENDING:
            self._received.append(number)

    def keep(self, report: Report) -> int:
        """Start the server, report its ready line, keep it until a signal or its end, and return the exit code."""
        self._files.write(self.state)
        try:
            code = self._run_server(report)
        finally:
            left = remove_remains(self.state)
            if not left:
                self._files.remove(keep_log=not self._received and bool(self.state.ready))
                self._files.remove_empty_folder()
        return LEFT_BEHIND if left else code

    def _run_server(self, report: Report) -> int:
        with disk_errors(Path(self.state.work)):
            os.mkdir(self.state.work, 0o700)
            os.chmod(self.state.work, 0o711 if self._user else 0o700)
            self._held = work_folder.hold(Path(self.state.work))
        with self._start_server() as server:
            self.state = self.state.with_(server=Process.of(server.pid))
            self._files.write(self.state)
            facts = self._read_ready_line(server)
            if "error" not in facts:
                self.state = self.state.with_(ready=facts)
                self._files.write(self.state)
            if not self._received:
                report(facts)
            while "error" not in facts and not self._received and server.poll() is None:
                self._wait([])
            ended_itself = server.poll() is not None
            self.state = self.state.with_(ending=True)
            with contextlib.suppress(SandboxError):  # on a full disk it ends all the same
                self._files.write(self.state)
            assert server.stdin
            with contextlib.suppress(OSError):
                server.stdin.close()
            try:
                status = server.wait(CLEANUP_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
                status = server.wait()
        if "error" in facts:
            return int(facts.get("exit_code", COULD_NOT_RUN))
        if ended_itself and not self._received:
            print(f"sandbox: the server ended by itself with status {status}", file=sys.stderr, flush=True)
            return COULD_NOT_RUN
        return 0

    def _start_server(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "drills.sandbox.server", "--state-parent", self.state.work, *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=CHECKOUT,
            # a sandbox that believed it had another AWS behind it would be none
            env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            start_new_session=True,
        )

    def _read_ready_line(self, server: subprocess.Popen[bytes]) -> dict[str, Any]:
        """Return the server's ready line, or an error in its place."""
        assert server.stdout
        line, deadline, clock = b"", SystemClock().monotonic() + READY_SECONDS, SystemClock()
        while not line.endswith(b"\n"):
            if self._received:
                return {"error": "the sandbox was ended before it answered", "exit_code": COULD_NOT_RUN}
            if clock.monotonic() > deadline:
                return {"error": f"expected the sandbox to answer within {READY_SECONDS:g} s; see its log"}
            if server.stdout in self._wait([server.stdout]):
                chunk = os.read(server.stdout.fileno(), 65536)
                if not chunk:
                    log = self._files.log_path
                    return {"error": f"expected the sandbox to start, but it ended without a message: see {log}"}
                line += chunk
        return dict(json.loads(line))

    def _wait(self, readable: list[Any]) -> list[Any]:
        """Wait for a signal or for something to read, at most for a second; return what can be read."""
        ready, _, _ = select.select([self._wakeup, *readable], [], [], 1.0)
        if self._wakeup in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wakeup, 4096)
        return ready


def begin(name: str, arguments: Sequence[str], log: BinaryIO) -> subprocess.Popen[bytes]:
    """Start a keeper in a session of its own, which writes what goes wrong to `log`."""
    return subprocess.Popen(
        [sys.executable, "-m", "drills.sandbox.standalone.keeper", name, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        cwd=CHECKOUT,
        start_new_session=True,
    )


def main(arguments: Sequence[str]) -> int:
    """Keep a sandbox of that name running; the caller has created its folder and holds its lock."""
    from drills.sandbox.postgres.binaries import server_user

    def report(facts: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # the process that started the keeper has ended
            print(json.dumps(facts), flush=True)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 1)
        os.close(null)

    try:
        keeper = Keeper(SandboxFiles(arguments[0]), arguments[1:], server_user())
        return keeper.keep(report)
    except DrillError as error:
        report({"error": str(error), "exit_code": error.exit_code})
        return error.exit_code
    except OSError as error:
        report({"error": f"the sandbox could not be started: {error}", "exit_code": SandboxError.exit_code})
        return SandboxError.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
