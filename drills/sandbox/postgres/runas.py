"""Running programs as the user that PostgreSQL runs as, in an environment that holds nothing of the caller's."""

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
    """What a program gets as its standard streams: a file, or one of subprocess' DEVNULL and PIPE."""

    stdin: IO[bytes] | int = subprocess.DEVNULL
    stdout: IO[bytes] | int = subprocess.PIPE
    stderr: IO[bytes] | int = subprocess.PIPE


def environment(bin_folder: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a program gets to see of the environment: nothing of the caller's PG* variables or locale."""
    return {"PATH": f"{bin_folder}:{os.defpath}", "LANG": "C.UTF-8", "LC_MESSAGES": "C", **(extra or {})}


def identity(user: ServerUser | None) -> dict[str, Any]:
    """The arguments of subprocess.Popen that make a child run as `user`; none for None."""
    return {} if user is None else {"user": user.uid, "group": user.gid, "extra_groups": []}


def spawn(
    user: ServerUser | None, command: list[str], cwd: Path, env: Mapping[str, str] | None, streams: Streams
) -> subprocess.Popen[bytes]:
    """Start a command as `user` (None: as ourselves), with no environment but PATH, LANG and `env`. Raises OSError.

    It leads a session of its own, so that a Ctrl-C in the terminal reaches only the caller, who decides what ends.
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
    """Run a command as `user` to its end (see `spawn`); output is text in which what is not UTF-8 is replaced.

    Raises OSError when it cannot be started, subprocess.TimeoutExpired (the command has been killed) after `timeout`
    seconds.
    """
    fed = stdin if isinstance(stdin, bytes) else None
    source = subprocess.PIPE if isinstance(stdin, bytes) else subprocess.DEVNULL if stdin is None else stdin
    with spawn(user, command, cwd, env, Streams(stdin=source)) as child:
        try:
            out, err = child.communicate(fed, timeout=timeout)
        except BaseException:
            child.kill()
            raise
    return subprocess.CompletedProcess(command, child.returncode, _text(out), _text(err))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
