"""Runs that cannot go on: each ends with one sentence and the right exit code, and leaves nothing."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drills.sandbox.postgres import binaries
from tests.support.cluster import module_state, usable
from tests.support.runs import Place, Run, drills, made_place, nothing_left

__all__ = ["module_state"]
pytestmark = [pytest.mark.whole_run, pytest.mark.sandbox]


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """Where the runs of this module take place."""
    with made_place() as made:
        yield made


def judged(place: Place, run: Run, code: int, *words: str) -> None:
    """The run ended with the code and one sentence, the same in the record, on the terminal and in the summary."""
    assert run.status == code, run.out + run.err
    assert run.record.all_codes == (code,)
    for word in words:
        assert word in run.sentence
    assert run.sentence[:140] in run.out  # the middle of a long one stands in the summary
    assert "## What failed" in run.read("summary.md")
    assert "Traceback" not in run.out + run.err + run.sentence
    assert "\n" not in run.sentence
    nothing_left(place)


# -- this machine -----------------------------------------------------------------------------------------------------


def dead_server(folder: Path, real: binaries.Binaries, answered: str) -> Path:
    """A folder with PostgreSQL's programs, whose server answers some options and ends at once otherwise."""
    folder.mkdir()
    for tool in binaries.NEEDED:
        script = f'exec "{real.tool(tool)}" "$@"\n'
        if tool == "postgres":
            ends = 'echo "FATAL:  the licence of this server has ended" >&2; exit 1'
            script = f'case "$1" in {answered}) ;; *) {ends};; esac\n{script}'
        (folder / tool).write_text(f"#!/bin/sh\n{script}")
        (folder / tool).chmod(0o755)
    folder.chmod(0o755)
    return folder


def test_no_postgresql_there(place: Place) -> None:
    """--postgres with a folder that is not there: 12, naming it."""
    judged(place, drills(place, "run", "--postgres", "/nonexistent"), 12, "/nonexistent")


@pytest.mark.parametrize(
    ("answered", "words"),
    [
        ("--version", "could not list its settings"),
        ("--version|--describe-config", "the licence of this server has ended"),
    ],
    ids=["no settings", "no start"],
)
def test_postgresql_that_does_not_start(place: Place, module_state: Path, answered: str, words: str) -> None:
    """A server that ends at once: 12, one sentence with what the server said, nothing left running."""
    folder = place.root / f"dead-{len(answered)}"
    run = drills(place, "run", "--postgres", str(dead_server(folder, usable("bundled-16"), answered)))

    judged(place, run, 12, words)


def test_a_port_in_use(place: Place) -> None:
    """The port that the profile names is somebody else's: 12, naming it, and it stays theirs."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        (place.checkout / "port.toml").write_text(f"[profiles.sandbox]\nport = {port}\n")
        run = drills(place, "run", "--config", "port.toml")

    judged(place, run, 12, f"Port {port} on 127.0.0.1 is in use")


@contextmanager
def mounted(options: str, at: Path) -> Iterator[Path]:
    """A disk in memory; the test is skipped where one cannot be mounted."""
    at.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(at)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"a disk cannot be mounted here, which takes root and leave: {done.stderr.decode().strip()}")
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


@pytest.mark.parametrize("megabytes", [pytest.param(8, marks=pytest.mark.matrix), 48])
def test_a_full_disk(place: Place, megabytes: int) -> None:
    """The temporary folder has no room for a server, or none for its data: 12, a sentence that says so, nothing left."""
    with mounted(f"size={megabytes}m,mode=1777", place.root / "disk") as disk:
        run = drills(place, "run", environment={"TMPDIR": str(disk)})

        judged(place, run, 12, "is full")
        assert list(disk.iterdir()) == []


def test_a_checkout_that_cannot_be_written_to(place: Place) -> None:
    """One sentence that says where a run must be able to write; nothing is made."""
    with mounted("size=1m,ro", place.checkout / "reports" / "out"):
        run = drills(place, "run")

    assert (run.status, run.out) == (12, "")
    assert run.err.count("\n") == 1
    assert "expected to make the run's folder reports/out/" in run.err
    assert "Read-only file system" in run.err


# -- wrong usage ------------------------------------------------------------------------------------------------------


def test_misuse_is_one_sentence(place: Place) -> None:
    """Exit 2, one line on stderr, nothing on stdout, no folder made: of the process, as of the call (tests/cli/test_cli.py)."""
    run = drills(place, "run", "--profile", "nope")

    assert (run.status, run.out, run.folder) == (2, "", None)
    assert 'expected the name of a profile, found "nope"' in run.err
    assert run.err.count("\n") == 1
