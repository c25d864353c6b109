"""What a process holds in its memory is in no file when it ends badly, nor what it writes in anybody's sight."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from drills.files import append_privately
from tests.support.paths import CHECKOUT

# what a shell has put in the background ignores the signal, and so do its children
QUIT = "import os, signal; signal.signal(signal.SIGQUIT, signal.SIG_DFL); os.kill(os.getpid(), signal.SIGQUIT)"
FORBID = "from drills.private_process import forbid_core_dumps; forbid_core_dumps()"


def allowed() -> None:
    """In a child of its own: as much of a core file as the machine allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


def quit_in(folder: Path, program: str) -> int:
    """End a Python program by QUIT in a folder, with core files allowed; return its status."""
    words = [sys.executable, "-c", program]
    return subprocess.run(
        words, cwd=folder, env={"PYTHONPATH": str(CHECKOUT)}, preexec_fn=allowed, check=False
    ).returncode


@pytest.mark.parametrize("child", [False, True], ids=["itself", "what it starts"])
def test_quit_leaves_no_image_of_the_memory(tmp_path: Path, child: bool) -> None:
    """Of the process and of those that it starts; the limit cannot be raised again."""
    end = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {QUIT!r}])" if child else QUIT

    assert quit_in(tmp_path, f"{FORBID}\n{end}") == (0 if child else -3)
    assert list(tmp_path.iterdir()) == []


def test_without_it_there_would_be_one(tmp_path: Path) -> None:
    """Where this machine writes core files at all."""
    if (
        resource.getrlimit(resource.RLIMIT_CORE)[1] == 0
        or Path("/proc/sys/kernel/core_pattern").read_text().strip() != "core"
    ):
        pytest.skip("this machine writes no core files into the working folder")
    quit_in(tmp_path, QUIT)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_log_is_its_owners(tmp_path: Path) -> None:
    """From its first byte, and appended to."""
    for text in (b"a", b"b"):
        with append_privately(tmp_path / "x.log") as log:
            log.write(text)

    assert (tmp_path / "x.log").read_bytes() == b"ab"
    assert (tmp_path / "x.log").stat().st_mode & 0o777 == 0o600
