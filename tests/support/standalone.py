"""`drills sandbox …` as a user calls it, in a checkout of its own, so that the user's sandbox is not touched."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest

from drills.clock import SystemClock, wait_until
from drills.sandbox.postgres.postmaster import kill_processes, working_in
from tests.support.paths import CHECKOUT, DRILLS

CLOCK = SystemClock()
QUICK = '{"creating": 0.1, "modifying": 0.1, "backing-up": 0.1, "deleting": 0.1}'
_EXPORT = re.compile(r"^export (\w+)=(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Ended:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def facts(self) -> dict[str, Any]:
        """Standard output as the one JSON object that it must be."""
        return dict(json.loads(self.out))

    @property
    def exports(self) -> dict[str, str]:
        """The variables that standard output exports."""
        return dict(_EXPORT.findall(self.out))


@dataclass(frozen=True)
class Caller:
    """Calls `drills sandbox` for one name in one checkout."""

    checkout: Path
    name: str = "default"

    def start(self, action: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a command without waiting for it; its home folder is not there, so that nothing can be written to it."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PG"))}
        return subprocess.Popen(
            [DRILLS, "sandbox", action, "--name", self.name, *arguments],
            cwd=self.checkout,
            env={**kept, "HOME": "/nonexistent", "AWS_PROFILE": "not-there", "PYTHONPATH": str(self.checkout)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def call(self, action: str, *arguments: str) -> Ended:
        """Run a command to its end; it must have closed its output then."""
        return ended(self.start(action, *arguments))

    def up(self, *arguments: str) -> dict[str, Any]:
        """Start the sandbox, or find it running; return the facts."""
        result = self.call("up", "--json", "--delays", QUICK, *arguments)
        assert result.status == 0, result.err
        return result.facts

    def running(self) -> dict[str, Any] | None:
        """Return the facts of `status`, None while no sandbox runs."""
        result = self.call("status", "--json")
        return result.facts if result.status == 0 else None

    @property
    def folder(self) -> Path:
        """The folder of its files."""
        return self.checkout / ".sandbox" / self.name

    @property
    def state(self) -> dict[str, Any]:
        """The recorded state."""
        return dict(json.loads((self.folder / "state.json").read_text()))


def ended(process: subprocess.Popen[str], timeout: float = 90) -> Ended:
    """Wait for a command's end."""
    out, err = process.communicate(timeout=timeout)
    return Ended(process.returncode, out, err)


def client(environment: dict[str, str], service: str = "rds") -> Any:
    """Return a boto3 client that uses nothing but the environment that was printed."""
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )


def make_instance(facts: dict[str, Any], name: str = "orders") -> psutil.Process:
    """Create an instance; return the main process of its PostgreSQL as soon as that runs."""
    client(facts["environment"]).create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="app",
        MasterUserPassword="app-password",
    )
    return wait_until(
        lambda: next((each for each in servers(facts) if _has_a_port(each)), None), 60, CLOCK, what="PostgreSQL"
    )


def _has_a_port(process: psutil.Process) -> bool:
    """Return whether it is a server's main process; servers of initdb start and end meanwhile."""
    try:
        return "-p" in process.cmdline()
    except psutil.NoSuchProcess:
        return False


def servers(facts: dict[str, Any]) -> list[psutil.Process]:
    """Return the PostgreSQL processes of that sandbox."""
    return list(working_in(Path(facts["state"])))


def remains_of(facts: dict[str, Any]) -> list[Any]:
    """Return the processes and folders of a sandbox that still exist."""
    state = Path(facts["state"])
    named = [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if any(str(state.parent) in part for part in process.info["cmdline"] or ())
    ]
    return [*named, *servers(facts), *(place for place in (state, state.parent) if place.exists())]


def alive(pid: int) -> bool:
    """Return whether a process has not ended; one that nobody has waited for has."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill(*pids: int) -> None:
    """SIGKILL these processes so that none of them sees the others die."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in pids:
            os.kill(pid, number)


@pytest.fixture(scope="module")
def checkout() -> Iterator[Path]:
    """Yield a checkout with this one's engine in it; end whatever a failed test leaves in it."""
    place = Path(tempfile.mkdtemp(prefix="checkout-"))
    (place / "drills").symlink_to(CHECKOUT / "drills")
    yield place
    for folder in place.glob(".sandbox/*"):
        if (folder / "state.json").exists():
            Caller(place, folder.name).call("down")
    kill_processes(
        process for process in psutil.process_iter(["cmdline"]) if str(place) in (process.info["cmdline"] or ())
    )
    shutil.rmtree(place)
