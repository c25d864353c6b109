"""Starts LocalStack in Docker through the `localstack` package, and ends it; says in one sentence what is missing for that.

The package is a command line alone, which needs Docker and a token (https://docs.localstack.cloud/aws/getting-started/auth-token/).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from drills.aws.endpoint_health import Health, read_health
from drills.clock import Clock, wait_until
from drills.errors import LEFT_BEHIND, DrillError

TOKEN = "LOCALSTACK_AUTH_TOKEN"
URL = "http://localhost:4566"  # where LocalStack listens unless it is told otherwise
_ASKED_WITHIN = 30.0  # seconds for Docker's answer
_STARTED_WITHIN = 600.0  # seconds, in which the image may have to be pulled
_READY_WITHIN = 180.0  # seconds from the start of the container to its health page
_STOPPED_WITHIN = 120.0  # seconds


@contextlib.contextmanager
def started(environment: Mapping[str, str], clock: Clock) -> Iterator[tuple[str, Health]]:
    """Start LocalStack and yield its URL and its health page; it is stopped at the end. DrillError where it cannot be started."""
    program = _program()
    if missing := _missing(program, environment):
        raise DrillError(
            f"expected Docker, {TOKEN} and the localstack package to start LocalStack, found {'; '.join(missing)}; add what is "
            "missing, or name a LocalStack that runs by --endpoint-url"
        )
    if _answers(URL):
        raise DrillError(
            f"expected {URL} to be free for LocalStack, found that something answers there: to drill that, --endpoint-url {URL}"
        )
    try:
        _call([program, "start", "-d", "--no-banner"], environment, _STARTED_WITHIN)
        yield URL, wait_for_health(URL, clock, _READY_WITHIN)
    except BaseException:
        with contextlib.suppress(DrillError):
            _call([program, "stop"], environment, _STOPPED_WITHIN)
        raise
    try:
        _call([program, "stop"], environment, _STOPPED_WITHIN)
    except DrillError as error:
        raise StillRuns(f"expected LocalStack to end, found: {error}: docker ps shows what runs") from error


class StillRuns(DrillError):
    """The container could not be ended."""

    exit_code = LEFT_BEHIND


def _answers(url: str) -> bool:
    try:
        read_health(url, timeout=2.0)
    except DrillError:
        return False
    return True


def wait_for_health(url: str, clock: Clock, timeout: float) -> Health:
    """Return the health page of an endpoint once it is there. DrillError where none comes within the seconds of `timeout`."""

    def ask() -> Health | None:
        with contextlib.suppress(DrillError):
            return read_health(url, timeout=5.0)
        return None

    try:
        return wait_until(ask, timeout, clock, every=0.5, what="its health page")
    except TimeoutError as error:
        raise DrillError(
            f"expected the health page of LocalStack at {url} within {timeout:g} s, found none: see localstack logs"
        ) from error


def _program() -> str:
    """Return the program of the localstack package beside this Python or on PATH, "" where there is none."""
    beside = Path(sys.executable).with_name("localstack")
    return str(beside) if beside.exists() else shutil.which("localstack") or ""


def _missing(program: str, environment: Mapping[str, str]) -> list[str]:
    docker = shutil.which("docker")
    reason = _why_not(docker, environment) if docker else "no program of that name"
    told = {
        f"no Docker that answers ({reason})": bool(reason),
        f"no {TOKEN}": not environment.get(TOKEN, "").strip(),
        "no localstack program (pip install '.[localstack]')": not program,
    }
    return [sentence for sentence, lacks in told.items() if lacks]


def _why_not(docker: str, environment: Mapping[str, str]) -> str:
    """Return why Docker's engine does not answer, "" where it does."""
    try:
        _call([docker, "version", "--format", "{{.Server.Version}}"], environment, _ASKED_WITHIN)
    except DrillError as error:
        return str(error)
    return ""


def _call(command: list[str], environment: Mapping[str, str], timeout: float) -> None:
    """Run a program to its end. DrillError with the last line that it wrote where it fails; the token is in no argument."""
    name = " ".join([Path(command[0]).name, *command[1:]])
    variables = {**os.environ, **environment, "DISABLE_EVENTS": "1"}  # no usage statistics are sent
    try:
        done = subprocess.run(
            command,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DrillError(f"{name}: {type(error).__name__}") from error
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "no word about it").splitlines()
        raise DrillError(f"{name} ended with {done.returncode}: {lines[-1].strip().rstrip('.')}")
