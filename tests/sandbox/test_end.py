"""How a sandbox ends, and why one could not start."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from drills.clock import SystemClock, wait_until
from drills.sandbox.postgres.postmaster import sweep
from tests.support.paths import CHECKOUT
from tests.support.rds import create
from tests.support.sandbox import RunningSandbox, end_sandbox, start_sandbox

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]


# -- the process -------------------------------------------------------------------------------------------------------


def _running_below(state: Path) -> list[int]:
    found = []
    for process in psutil.process_iter(["pid", "cmdline"]):
        if any(str(state) in part for part in process.info["cmdline"] or ()):
            found.append(process.info["pid"])
    return found


@pytest.fixture
def own() -> Iterator[RunningSandbox]:
    """A sandbox that the test ends as it likes."""
    running = start_sandbox()
    yield running
    if running.process.poll() is None:
        end_sandbox(running)


def test_the_end_of_the_lifeline_ends_everything(own: RunningSandbox) -> None:
    """When its owner lets go, the sandbox ends its servers, removes its folder and exits 0."""
    create(own, "short").available()
    create(own, "shorter")
    assert _running_below(own.state)
    assert end_sandbox(own) == 0
    assert not own.state.exists()
    assert _running_below(own.state) == []


def test_signals_end_it_once_and_cannot_spoil_the_clean_up(own: RunningSandbox) -> None:
    """SIGTERM ends the sandbox as the lifeline does, and more signals during the clean-up change nothing."""
    create(own, "short").available()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
        if own.process.poll() is None:
            own.process.send_signal(number)
    assert own.process.wait(timeout=60) == 0
    own.process.communicate()
    assert not own.state.exists()
    assert _running_below(own.state) == []


def test_nothing_outlives_a_sandbox_that_is_killed(own: RunningSandbox) -> None:
    """Its servers are ended and its folder is removed within seconds, although nobody is left to be told."""
    create(own, "short").available()
    assert _running_below(own.state)
    os.kill(own.process.pid, signal.SIGKILL)
    own.process.communicate()

    def gone() -> bool:
        return not own.state.exists() and not _running_below(own.state)

    wait_until(gone, 60.0, SystemClock(), what="the servers and their folder to be gone")
    assert sweep(own.state) == 0


def test_a_sandbox_that_died_fails_the_test_that_had_it(own: RunningSandbox) -> None:
    """A test does not pass when its sandbox has ended before its time, or badly."""
    os.kill(own.process.pid, signal.SIGKILL)
    own.process.wait(60)
    with pytest.raises(AssertionError, match="found that it had ended before with -9"):
        end_sandbox(own)


@pytest.mark.parametrize(
    ("arguments", "words", "status"),
    [
        (("--port", "{taken}"), "in use", 12),
        (("--postgres", "{empty}"), "found no usable", 12),
        (("--delays", '{"creatin": 1}'), "creating", 2),
        (("--state-parent", "{empty}/none"), "folder", 12),
    ],
)
def test_a_sandbox_that_cannot_start_says_why(
    sandbox: RunningSandbox, tmp_path: Path, arguments: tuple[str, str], words: str, status: int
) -> None:
    """A port in use, no PostgreSQL, bad delays or no folder: one JSON line, the exit code, nothing left behind."""
    option, value = arguments
    value = value.replace("{taken}", sandbox.endpoint.rsplit(":", 1)[1]).replace("{empty}", str(tmp_path))
    parent = ["--state-parent", str(tmp_path)] if option == "--delays" else []
    ended = subprocess.run(
        [sys.executable, "-m", "drills.sandbox.server", *parent, option, value],
        stdin=subprocess.PIPE,
        capture_output=True,
        timeout=60,
        check=False,
        cwd=CHECKOUT,
    )
    said = json.loads(ended.stdout)
    assert words in said["error"]
    assert said["exit_code"] == ended.returncode == status
    assert list(tmp_path.iterdir()) == []
