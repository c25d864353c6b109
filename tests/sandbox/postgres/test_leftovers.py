"""What a killed run has left on this machine is ended and removed, and what a living one uses is not."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest

from drills import work_folder
from drills.clock import SystemClock, wait_until
from drills.sandbox.postgres import folders
from drills.sandbox.postgres.folders import prepare_state
from drills.sandbox.postgres.leftovers import remove_leftovers
from drills.sandbox.postgres.postmaster import alive, working_in
from tests.support.cluster import cluster_in, make, preferred, state  # noqa: F401


@pytest.mark.postgres
def test_the_servers_of_a_dead_run_end_and_those_of_a_living_one_go_on(state: Path) -> None:  # noqa: F811
    """The folder of the dead one is gone with its data; a sentence names it and counts its processes."""
    folders = prepare_state(state), prepare_state(state)
    servers = [cluster_in(folder, preferred(), "c") for folder in folders]
    for each in servers:
        make(each)
        each.start()
    dead, living = [psutil.Process(each.pid() or 0) for each in servers]
    os.close(work_folder.hold(folders[0]))
    held = work_folder.hold(folders[1])
    try:
        (line,) = remove_leftovers([state])

        assert line.startswith(f"removed {folders[0]} with ")
        assert line.endswith(" processes of PostgreSQL, which a run or sandbox that was killed had left")
        assert (alive(dead), folders[0].exists()) == (False, False)
        assert (alive(living), servers[1].pid()) == (True, living.pid)
    finally:
        os.close(held)
        for each in servers:
            each.kill()


def test_a_server_is_found_whatever_its_process_was_when_it_was_first_seen(tmp_path: Path) -> None:
    """pg_ctl becomes a shell and that becomes PostgreSQL, in one process; a look meanwhile hides no server from the next."""
    program = shutil.copy(os.path.realpath(shutil.which("sh") or "/bin/sh"), tmp_path / "postgres")
    with subprocess.Popen(
        ["sh", "-c", 'read -r _; exec "$0" -c "read -r _; :"', program], cwd=tmp_path, stdin=subprocess.PIPE
    ) as starting:
        assert starting.stdin is not None
        try:
            assert list(working_in(tmp_path)) == []
            starting.stdin.write(b"\n")
            starting.stdin.flush()
            wait_until(lambda: [each.pid for each in working_in(tmp_path)] == [starting.pid], 60, SystemClock())
        finally:
            starting.kill()


def test_what_is_written_after_the_end_of_a_server_goes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that outlives its server for a moment writes where everything has just been removed."""
    folder = tmp_path / "drills-b"
    folder.mkdir(mode=0o700)
    os.close(work_folder.hold(folder))
    late = [folder / "w1"]

    def remove(path: Path, **how: Any) -> None:
        removed(path, **how)
        while late:
            late.pop().mkdir(parents=True)

    removed = shutil.rmtree
    monkeypatch.setattr("shutil.rmtree", remove)
    (line,) = remove_leftovers([tmp_path])

    assert line.startswith(f"removed {folder}")
    assert not folder.exists()


def test_what_stays_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that cannot be removed is named, and what to do."""
    folder = tmp_path / "drills-a"
    folder.mkdir(mode=0o700)
    os.close(work_folder.hold(folder))
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)
    monkeypatch.setattr(folders, "_REMOVED_WITHIN", 0.0)

    assert list(remove_leftovers([tmp_path])) == [
        f"expected to remove {folder}, which a run or sandbox that was killed has left, found that it stays: remove it"
    ]
