"""Runs programs as the user that PostgreSQL runs as, in an environment without the caller's variables."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any


@dataclass(frozen=True, slots=True)
class ServerUser:
    """The unprivileged user that PostgreSQL runs as when the caller is root."""

    uid: int
    gid: int
    name: str


@dataclass(frozen=True, slots=True)
class Streams:
    """The standard streams of a program: files, or DEVNULL and PIPE of subprocess."""

    stdin: IO[bytes] | int = subprocess.DEVNULL
    stdout: IO[bytes] | int = subprocess.PIPE
    stderr: IO[bytes] | int = subprocess.PIPE


def environment(bin_folder: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a program's environment, without the caller's PG* variables and locale."""
    return {"PATH": f"{bin_folder}:{os.defpath}", "LANG": "C.UTF-8", "LC_MESSAGES": "C", **(extra or {})}


def identity(user: ServerUser | None) -> dict[str, Any]:
    """Return the arguments of subprocess.Popen that make a child run as `user`; none for None."""
    return {} if user is None else {"user": user.uid, "group": user.gid, "extra_groups": []}


def spawn(
    user: ServerUser | None, command: list[str], cwd: Path, env: Mapping[str, str] | None, streams: Streams
) -> subprocess.Popen[bytes]:
    """Start a command as `user` (None: the caller), with no environment but PATH, LANG and `env`. Raises OSError.

    It leads a session of its own, so that a Ctrl-C in the terminal reaches the caller alone.
    """
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=environment(Path(command[0]).parent, env),
        stdin=streams.stdin,
        stdout=streams.stdout,
        stderr=streams.stderr,
        start_new_session=True,
        **identity(user),
    )


def run_as(
    user: ServerUser | None,
    command: list[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: IO[bytes] | bytes | None = None,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command as `user` to its end (see `spawn`); output is text, with bytes that are not UTF-8 replaced.

    Raises OSError when it cannot be started, subprocess.TimeoutExpired (the command has been killed) after `timeout`
    seconds.
    """
    data = stdin if isinstance(stdin, bytes) else None
    source = subprocess.PIPE if isinstance(stdin, bytes) else subprocess.DEVNULL if stdin is None else stdin
    with spawn(user, command, cwd, env, Streams(stdin=source)) as child:
        try:
            out, err = child.communicate(data, timeout=timeout)
        except BaseException:
            child.kill()
            raise
    return subprocess.CompletedProcess(command, child.returncode, _decode(out), _decode(err))


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "replace")
