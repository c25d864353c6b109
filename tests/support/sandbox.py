"""A sandbox of its own process for the tests that need one: an AWS with real PostgreSQL behind its instances."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from drills.sandbox_client import SandboxControl, SandboxKeys, find_keys
from tests.support.paths import CHECKOUT

READY_WITHIN = 60.0  # seconds, on a machine that is busy
QUICK = '{"creating": 0.2, "modifying": 0.1, "backing-up": 0.1, "deleting": 0.1, "backup-job": 0.2, "snapshot": 0.1}'


@dataclass(frozen=True)
class RunningSandbox:
    """A running sandbox: its address, its CA, its work folder and the process that it is."""

    endpoint: str
    ca: str
    state: Path
    region: str
    postgres: tuple[dict[str, Any], ...]
    process: subprocess.Popen[bytes]
    log: int  # a descriptor of what it writes to standard error
    keys: SandboxKeys
    steady: bool  # whether its clock is not to be wound

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client that repeats nothing, so that an error is seen as it was sent."""
        usual = {
            "endpoint_url": self.endpoint,
            "region_name": self.region,
            "aws_access_key_id": self.keys.access_key,
            "aws_secret_access_key": self.keys.secret_key,
            "config": Config(retries={"mode": "standard", "total_max_attempts": 1}),
        }
        return boto3.client(service, **(usual | options))  # type: ignore[call-overload]

    @property
    def variables(self) -> dict[str, str]:
        """The keys as any AWS client takes them from the environment."""
        return {"AWS_ACCESS_KEY_ID": self.keys.access_key, "AWS_SECRET_ACCESS_KEY": self.keys.secret_key}

    @property
    def control(self) -> SandboxControl:
        """The sandbox's own API."""
        return (SteadyControl if self.steady else SandboxControl)(self.endpoint, self.keys)


class SteadyControl(SandboxControl):
    """The API of a sandbox whose clock others compare with this machine's."""

    def forward(self, seconds: float) -> datetime:
        """Refuse."""
        raise AssertionError(
            f"expected nobody to wind this sandbox by {seconds:g} s: take one of your own, or `beating`"
        )


def start_sandbox(*arguments: str, delays: str = QUICK, steady: bool = False) -> RunningSandbox:
    """Start a sandbox and wait for its line; the caller ends it with `end_sandbox`."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "drills.sandbox.server", "--check-contract", "--delays", delays, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=CHECKOUT,
        )
        log = os.dup(errors.fileno())
    assert process.stdout is not None
    there, _, _ = select.select([process.stdout], [], [], READY_WITHIN)
    said: dict[str, Any] = (
        json.loads(process.stdout.readline() or b'{"error": "it said nothing"}') if there else {"error": "too slow"}
    )
    if "error" in said:
        process.kill()
        process.communicate()
        raise AssertionError(f"the sandbox did not start: {said}{_text_of(log)}")
    return RunningSandbox(
        said["endpoint"],
        said["ca"],
        Path(said["state"]),
        said["region"],
        tuple(said["postgres"]),
        process,
        log,
        find_keys(said["endpoint"]),
        steady,
    )


def end_sandbox(running: RunningSandbox, *, timeout: float = 60.0, requests_are_noise: bool = False) -> int:
    """Let go of the lifeline and wait for the end; the exit status, which is 0.

    Fails where the sandbox has ended before, or ends badly, and where an answer did not keep the contract, or a request that was
    accepted; `requests_are_noise` where the test has made up requests that no client sends.
    """
    early = running.process.poll()
    contract = running.control.contract() if early is None else None
    running.process.communicate(timeout=timeout)
    status = running.process.returncode
    when = "ended" if early is None else "had ended before"
    assert (early, status) == (None, 0), (
        f"expected the sandbox to run until its end, found that it {when} with {status}:{_text_of(running.log)}"
    )
    os.close(running.log)
    wrong = [f"{how} ({times} times)" for how, times in contract["violations"].items()] if contract else []
    assert not wrong, "the sandbox answered what botocore's models do not allow:\n" + "\n".join(wrong)
    taken = [f"{how} ({times} times)" for how, times in contract["refusable"].items()] if contract else []
    assert requests_are_noise or not taken, "the sandbox accepted requests that AWS refuses:\n" + "\n".join(taken)
    return status


def _text_of(log: int) -> str:
    """What was written, at most a megabyte of it."""
    return "\n" + os.pread(log, 2**20, 0).decode(errors="replace")


@pytest.fixture(scope="session")
def sandbox() -> Iterator[RunningSandbox]:
    """One sandbox for the whole session; tests name their instances apart."""
    running = start_sandbox(steady=True)
    yield running
    end_sandbox(running)
