"""The server that the benchmarks measure with: a private one that ends with its script."""

from __future__ import annotations

import signal
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from benchmarks.server import Server
from drills.sandbox.postgres.postmaster import working_in
from tests.support.cluster import usable
from tests.support.paths import CHECKOUT

if typing.TYPE_CHECKING:
    from drills.sandbox.postgres.cluster import Cluster

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
        script.wait(timeout=300)

    assert script.returncode == 128 + signal.SIGTERM
    assert list(working_in(folder)) == []
    assert not folder.exists()


def test_memory_is_that_of_the_command_alone(tmp_path: Path) -> None:
    """What the measuring process holds is in no count, as it would be in that of a fork."""
    held = b"x" * 200_000_000
    running = Server(typing.cast("Cluster", None), tmp_path, {})
    took = running.run([sys.executable, "-SE", "-c", "sum(range(10**6))"])
    assert len(held) == 200_000_000
    assert 1 < took.peak < 100
    assert 0 < took.processors <= took.seconds * 1.5
    with pytest.raises(SystemExit, match=": 3: no"):
        running.run([sys.executable, "-SE", "-c", "import sys; sys.stderr.write('no'); sys.exit(3)"])
    assert running.run([sys.executable, "-SE", "-c", "raise SystemExit(3)"], codes=(3,)).peak > 1
