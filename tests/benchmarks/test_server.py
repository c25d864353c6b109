"""The server that the benchmarks measure with: a private one that ends with its script."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from drills.sandbox.postgres.postmaster import working_in
from tests.support.cluster import usable
from tests.support.paths import CHECKOUT

SCRIPT = """
from benchmarks.server import server
with server() as made:
    print(made.folder, flush=True)
    input()
"""


@pytest.mark.postgres
def test_a_script_that_is_terminated_leaves_no_server_and_no_folder() -> None:
    """TERM, as `timeout` sends it, ends the server of a benchmark and removes its data."""
    usable("system")
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as script:
        assert script.stdout
        folder = Path(script.stdout.readline().strip())
        assert list(working_in(folder))
        script.send_signal(signal.SIGTERM)
        script.wait(timeout=60)

    assert script.returncode == 128 + signal.SIGTERM
    assert list(working_in(folder)) == []
    assert not folder.exists()
