"""A command of a run that is a copy of the supervisor is what a new process would be."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

import pytest

from drills.run import warm
from drills.run.plan import Command
from drills.run.signals import STOP_SIGNALS
from tests.support.paths import CHECKOUT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="commands are copies on Linux alone"),
]

ANEW = [str(signal.default_int_handler if each == signal.SIGINT else signal.SIG_DFL) for each in STOP_SIGNALS]


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What a command finds itself to be, and how its end is noticed, by the way in which it ends."""
    argv = [sys.executable, "-m", "tests.support.copied", str(tmp_path_factory.mktemp("copied"))]
    done = subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return dict(json.loads(done.stdout))


def test_a_copy_has_nothing_of_the_supervisor_but_its_modules(ends: dict[str, dict[str, Any]]) -> None:
    """A group of its own, its three files, the given environment, umask and arguments, signals as anew, one thread and a name."""
    found = ends["well"]

    assert found["is a copy"]
    assert (found["arguments"], found["seen"], found["environment"]) == (["well"], ["well"], ["ONLY"])
    assert (found["leads its group"], found["umask"], found["name"]) == (True, 0o077, "drills stage of")
    assert (found["open"], found["more open"]) == ([0, 1, 2], 0)
    assert found["signals"] == ANEW
    assert found["threads"] == ["MainThread", "lifeline"]


def test_a_copy_ends_as_a_process_does(ends: dict[str, dict[str, Any]]) -> None:
    """By its status, a printed error, a signal of its own group or the end of its lifeline; what was buffered is written."""
    assert all(each["ended"] for each in ends.values())
    statuses = {way: each["status"] for way, each in ends.items()}
    assert statuses == {
        "well": 0,
        "by status": 7,
        "by error": 1,
        "by TERM": -signal.SIGTERM,
        "by INT": -signal.SIGINT,
        "by its lifeline": -signal.SIGTERM,
    }
    assert (ends["well"]["last"], ends["by status"]["last"]) == (["at the end"], ["at the end"])
    assert "ValueError: as it was asked to" in ends["by error"]["last"]
    assert "the handler of the original" not in str(ends)


def test_only_commands_of_ours_are_copies() -> None:
    """Another interpreter, a program and the local AWS are started as they are; their modules are not loaded either."""
    strange = [
        (sys.executable, "-c", "pass"),
        ("/usr/bin/python3", "-m", "drills.run.stage"),
        (sys.executable, "-m", "drills.sandbox.server"),
    ]
    assert [warm._needed_by(argv) for argv in strange] == [(), (), ()]
    assert not warm.Loading([Command("any", argv) for argv in strange]).load_next()


def test_what_is_loaded_before_the_features_leaves_pytest_its_own() -> None:
    """No step and no plug-in is loaded, whose assertions pytest rewrites as it loads them; then nothing is left to load.

    What botocore makes clients from is read, for every session and region.
    """
    look = """
import sys
from drills.run import warm
from drills.run.plan import Command
from drills.run.signals import STOP_SIGNALS
loading = warm.Loading([Command("features", (sys.executable, "-m", "drills.run.lifeline", "-m", "pytest"))])
parts = 0
while loading.load_next(): parts += 1
print(parts > 5, *sorted(sys.modules))
import botocore.loaders
from drills.aws import session
def read_again(*_): raise AssertionError("a model is read again")
botocore.loaders.JSONFileLoader.load_file = read_again
for service in ("rds", "ec2", "backup", "sts", "kms"):
    session._isolated_session("key", "secret", None).create_client(service, region_name="eu-west-1")
"""
    done = subprocess.run(
        [sys.executable, "-c", look], cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=True
    )

    several, *loaded = done.stdout.split()
    assert several == "True"
    assert {"pytest", "boto3", "drills.recovery.drill", "drills.run.cutover"} <= set(loaded)
    rewritten = {"steps", "reports", "conftest", "pytest_bdd", "allure_pytest"}
    assert not rewritten & {name.partition(".")[0] for name in loaded}
