"""The installed command, as a user calls it: from any folder, with a bare environment."""

from __future__ import annotations

import argparse
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drills.cli import main as cli
from drills.cli.common import Command, Parser, enter_project
from drills.cli.evidence import PARTS, part_of
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


def options_of(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Every option and argument of a command, those of its parts too."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for part in action.choices.values():
                yield from options_of(part)
        else:
            yield action


def paths_of(command: Command) -> dict[str, argparse.Action]:
    """The options of a command that hold a path, by name."""
    parser = Parser(parents=command.parents)
    command.add_arguments(parser)
    return {action.dest: action for action in options_of(parser) if action.dest in command.paths}


WITH_PATHS = {name: cli.command_of(name) for name in cli.COMMANDS} | {name: part_of(name) for name in PARTS}


def as_text(value: Any) -> str:
    """What an option holds, also where it is kept as a secret."""
    return str(value.get_secret_value() if hasattr(value, "get_secret_value") else value)


@pytest.mark.parametrize("name", [name for name, command in WITH_PATHS.items() if command.paths])
def test_every_path_of_a_command_is_read_from_the_callers_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder without drill.toml, whichever type the option has; a URL stays as it is, and a secret stays one."""
    command = WITH_PATHS[name]
    for option, action in paths_of(command).items():
        monkeypatch.chdir(tmp_path)
        kind: Any = action.type or str
        for given, meant in (("own.file", str(tmp_path / "own.file")), ("s3://b/x", "s3://b/x")):
            many = action.nargs == "*" or isinstance(action, argparse._AppendAction)
            options = argparse.Namespace(**{option: [kind(given)] if many else kind(given)})
            enter_project(options, [option])
            monkeypatch.chdir(tmp_path)
            value = getattr(options, option)
            (found,) = value if many else (value,)
            assert (type(found), as_text(found)) == (type(kind(given)), meant)


def test_the_seed_of_a_run_is_read_from_the_callers_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dump beside the caller is looked for there, wherever the run works; one that is not there is wrong usage."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRILL_PROFILE", raising=False)

    assert cli.main(["run", "--seed", "mine.dump"]) == 2
    assert f"{tmp_path / 'mine.dump'}" in capsys.readouterr().err


def test_a_folder_of_postgresql_is_read_from_the_callers_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--postgres is a word of ours, which stays, or a folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pg/bin").mkdir(parents=True)

    for given, meant in (("system", "system"), ("bundled-9", "bundled-9"), ("pg/bin", str(tmp_path / "pg/bin"))):
        for called in (["run"], ["sandbox", "up"]):
            assert cli.parse([*called, "--postgres", given]).postgres == meant


def test_without_its_checkout_the_suite_says_what_it_needs(tmp_path: Path) -> None:
    """An engine that was copied alone has no features: one sentence, exit code 2."""
    alone = tmp_path / "alone"
    alone.mkdir()
    subprocess.run(["cp", "-r", str(CHECKOUT / "drills"), str(alone)], check=True)

    said = call(tmp_path, "history", PYTHONPATH=str(alone))

    assert said.returncode == 2
    assert said.stderr.startswith(f"drills: expected the checkout of the suite around {alone / 'drills'}")
    assert said.stderr.count("\n") == 1
