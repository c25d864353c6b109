"""Runs PostgreSQL's programs on a seed: as the unprivileged user, with the caller's open files, and streamed output."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from drills.errors import SandboxError
from drills.sandbox.postgres.binaries import Binaries
from drills.sandbox.postgres.runas import ServerUser, Streams, spawn

_ERROR = re.compile(r"(?:\berror: |\bERROR:  |\bFATAL:  |\bfatal: )(.+)")
_LONGEST = 200  # characters of a program's message in an error


@dataclass(frozen=True, slots=True)
class Program:
    """A program with its arguments. `env` is its whole environment besides PATH and the locale."""

    binaries: Binaries
    name: str
    arguments: tuple[str, ...]
    env: Mapping[str, str]
    user: ServerUser | None
    cwd: Path

    def start(self, streams: Streams) -> subprocess.Popen[bytes]:
        """Start it. Raises SandboxError when it cannot be started."""
        command = [str(self.binaries.tool(self.name)), *self.arguments]
        try:
            return spawn(self.user, command, self.cwd, self.env, streams)
        except OSError as error:
            raise SandboxError(
                f"expected to run {command[0]}, but: {error.strerror}; choose another PostgreSQL with --postgres"
            ) from error


def run(program: Program, *, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None) -> str | None:
    """Run it to its end; return None when it succeeded, else its first error."""
    with TemporaryFile() as stderr:
        child = program.start(Streams(stdin or subprocess.DEVNULL, stdout or subprocess.DEVNULL, stderr))
        with _end_with(child):
            child.wait()
        return _first_error(child.returncode, stderr)


class Output:
    """The output lines of a running program."""

    def __init__(self, child: subprocess.Popen[bytes], stderr: IO[bytes]) -> None:
        self._child, self._stderr = child, stderr

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over the lines, their ends included, as the program writes them."""
        assert self._child.stdout is not None
        return iter(self._child.stdout)

    def finish(self) -> str | None:
        """Wait for the program's end, once its lines are read; return None when it succeeded, else its first error."""
        self._child.wait()
        return _first_error(self._child.returncode, self._stderr)


@contextmanager
def output(program: Program, *, stdin: IO[bytes] | None = None) -> Iterator[Output]:
    """Run it and yield its output line by line. Leaving the block early kills the program."""
    with TemporaryFile() as stderr:
        child = program.start(Streams(stdin or subprocess.DEVNULL, subprocess.PIPE, stderr))
        with _end_with(child):
            yield Output(child, stderr)


@contextmanager
def _end_with(child: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        if child.poll() is None:
            child.kill()
            child.wait()


def _first_error(status: int, stderr: IO[bytes]) -> str | None:
    if status == 0:
        return None
    stderr.seek(0)
    text = stderr.read(1 << 20).decode(errors="replace")
    found = _ERROR.search(text)
    message = found[1] if found else (text.strip().splitlines() or [f"exit status {status} without a message"])[0]
    message = message.strip().rstrip(".")
    return message if len(message) <= _LONGEST else message[:_LONGEST] + "…"
