"""The installed command, as a user calls it: from any folder, with a bare environment."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from drills.cli import main as cli
from tests.support.paths import CHECKOUT, DRILLS


def call(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command in a folder."""
    return subprocess.run(
        [DRILLS, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", ["", *cli.COMMANDS])
def test_each_command_starts_in_any_folder(tmp_path: Path, command: str) -> None:
    """`drills NAME --help` answers with an example and the exit codes, wherever it is called."""
    said = call(tmp_path, *([command] if command else []), "--help")

    assert (said.returncode, said.stderr) == (0, "")
    assert "exit codes: 0" in said.stdout
    assert not command or f"drills {command}" in said.stdout.partition("example")[2]


def test_a_folder_with_a_drill_toml_is_the_project(tmp_path: Path) -> None:
    """What a command keeps is kept below the folder whose drill.toml it reads."""
    (tmp_path / "drill.toml").write_text("[drill]\nhistory = 'mine.jsonl'\n")

    assert call(tmp_path, "history").stdout == "no run is kept in mine.jsonl yet\n"


def test_elsewhere_a_command_works_in_the_checkout_and_says_so(tmp_path: Path) -> None:
    """Nothing is left in a folder that is no project; a path that was given is read from there."""
    (tmp_path / "own.toml").write_text("[drill]\nhistory = '/nowhere/at/all.jsonl'\n")

    said = call(tmp_path, "history", "--config", "own.toml")

    assert said.stdout == "no run is kept in /nowhere/at/all.jsonl yet\n"
    assert said.stderr == f"drills: working in {CHECKOUT}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["own.toml"]


def test_without_its_checkout_the_suite_says_what_it_needs(tmp_path: Path) -> None:
    """An engine that was copied alone has no features: one sentence, exit code 2."""
    alone = tmp_path / "alone"
    alone.mkdir()
    subprocess.run(["cp", "-r", str(CHECKOUT / "drills"), str(alone)], check=True)

    said = call(tmp_path, "history", PYTHONPATH=str(alone))

    assert said.returncode == 2
    assert said.stderr.startswith(f"drills: expected the checkout of the suite around {alone / 'drills'}")
    assert said.stderr.count("\n") == 1
