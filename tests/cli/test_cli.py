"""The command line by itself: what is refused before anything is made, and what its help says."""

from __future__ import annotations

import argparse
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from drills import __version__
from drills.cli import main as cli

TARGET = '[targets.orders]\ninstance = "orders"\n'
VAULT = TARGET + 'vault = "vault"\n'
AWAY = '[drill]\nprofile = "away"\n[profiles.away]\nkind = "endpoint"\n' + TARGET
REFUSED = {
    "unknown option": ("", ["run", "--nope"], "unrecognized arguments: --nope"),
    "unknown damage": ("", ["run", "--damage", "everything"], "invalid choice: 'everything'"),
    "no command": ("", [], "COMMAND"),
    "unknown command": ("", ["drill"], "invalid choice: 'drill'"),
    "unknown profile": ("", ["run", "--profile", "nope"], 'expected the name of a profile, found "nope"'),
    "unknown target": ("", ["run", "--target", "nope"], '"nope"'),
    "unknown scenario": ("", ["run", "--scenario", "flood"], 'found "flood"; there are none'),
    "no such file": ("", ["run", "--config", "none.toml"], "none.toml: expected a configuration file"),
    "no TOML": ("rto = = 1", ["run"], "drill.toml"),
    "bad duration": (TARGET + 'rto = "soon"\n', ["run"], "drill.toml: targets.orders.rto"),
    "an objective of zero": (
        TARGET + 'vault = "vault"\n',
        ["run", "--rpo", "0s"],
        "--rpo: expected a duration longer than zero",
    ),
    "unknown key": (TARGET + 'rta = "1h"\n', ["run"], "rta"),
    "no vault in the sandbox": (TARGET, ["run"], "targets.orders.vault: expected the vault"),
    "a seed elsewhere": (AWAY, ["run", "--seed", "my.dump"], '--seed: expected a profile of kind "sandbox"'),
    "damage elsewhere": (AWAY, ["run", "--damage", "row"], '--damage: expected a profile of kind "sandbox"'),
    "nothing allowed": (TARGET, ["run", "--profile", "aws"], "an empty list allows nothing"),
    "no manifest": (AWAY + 'manifest = "gone.json"\n', ["run"], "targets.orders.manifest: expected a stored manifest"),
    "a manifest that is gone": (
        VAULT + 'manifest = "gone.json"\n',
        ["run"],
        "targets.orders.manifest: expected a stored",
    ),
    "a sample that is no point": (VAULT + 'sample = "yesterday"\n', ["run"], "targets.orders.sample: expected"),
    "a sample of another target": (
        VAULT + '[targets.b]\ninstance = "b"\nsample = "Today"\n',
        ["run", "--target", "orders"],
        "b.sample",
    ),
    "no run": ("", ["report", "reports/out/none"], "expected the folder of a run"),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without settings, without the caller's choice of a profile."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drill.toml").touch()
    monkeypatch.delenv("DRILL_PROFILE", raising=False)
    return tmp_path


def ended(arguments: list[str]) -> int:
    """The exit status of a command line, whether main returns it or leaves with it."""
    try:
        return cli.main(arguments)
    except SystemExit as left:
        return int(left.code or 0)


@pytest.mark.parametrize("name", REFUSED)
def test_misuse_is_one_sentence(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, one line on stderr that names what is wrong, nothing on stdout, and no folder of a run."""
    config, arguments, words = REFUSED[name]
    if config:
        (folder / "drill.toml").write_text(config)

    status = ended(arguments)

    said = capsys.readouterr()
    assert status == 2
    assert words in said.err
    assert said.err.startswith("drills")
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert not (folder / "reports").exists()


@pytest.mark.parametrize(
    ("command", "code"), [("run", "10 an objective was missed"), ("report", "0 the reports are written")]
)
def test_help_has_an_example_and_the_exit_codes(command: str, code: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command says what it does, how it is called and what its exit codes mean."""
    assert ended([command, "--help"]) == 0

    said = capsys.readouterr().out
    assert f"  drills {command} " in said
    assert code in said


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is the package's."""
    assert ended(["--version"]) == 0
    assert capsys.readouterr().out == f"drills {__version__}\n"


def test_what_comes_after_the_first_dashes_is_pytests(capsys: pytest.CaptureFixture[str]) -> None:
    """Options after "--" are no options of ours: an unknown one before them is refused, the same one after is not."""
    assert ended(["run", "--collect-only", "--", "-k", "x"]) == 2
    assert "unrecognized arguments: --collect-only" in capsys.readouterr().err

    assert ended(["run", "--profile", "nope", "--", "--collect-only"]) == 2
    assert "--collect-only" not in capsys.readouterr().err


def test_a_fault_of_ours_is_no_usage_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An exception that nobody foresaw ends with 12 and says whose fault it is, and never with 1 or 2."""

    def fail(_name: str) -> None:
        raise LookupError("a slip")

    monkeypatch.setattr(cli, "command_of", fail)
    monkeypatch.setattr(cli, "parse", lambda _given: argparse.Namespace(command="schedule"))

    assert cli.main(["schedule"]) == 12
    assert "found LookupError, a fault of drills: report it" in capsys.readouterr().err


@pytest.mark.parametrize("number", cli.MACHINE, ids=errno.errorcode.__getitem__)
def test_what_the_machine_refuses_is_no_fault_of_ours(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk and the like are one sentence with the file, what was found and what to do, and 12."""

    def fail(_name: str) -> None:
        raise OSError(number, os.strerror(number), "reports/out/drill.json")

    monkeypatch.setattr(cli, "command_of", fail)
    monkeypatch.setattr(cli, "parse", lambda _given: argparse.Namespace(command="schedule"))

    assert cli.main(["schedule"]) == 12
    found = f"expected to use reports/out/drill.json, found: {os.strerror(number)}: {cli.MACHINE[number]}"
    assert capsys.readouterr().err == f"drills: {found}, and start it again\n"


# -- empty values ------------------------------------------------------------------------------------------------------


def leaves(
    parser: argparse.ArgumentParser, words: tuple[str, ...] = ()
) -> Iterator[tuple[argparse.ArgumentParser, tuple[str, ...]]]:
    """Yield each parser that has no commands below it, with the words that lead to it."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield parser, words
    for action in below:
        for name, child in action.choices.items():
            yield from leaves(child, (*words, name))


def filled(action: argparse.Action) -> str:
    """A value that the argument takes."""
    return str(next(iter(action.choices))) if action.choices else "1"


def empty_values() -> Iterator[tuple[str, ...]]:
    """Yield each command line that gives one option or one argument an empty value, and the others one that is there."""
    for command in cli.COMMANDS:
        (child,) = (
            action.choices[command]
            for action in cli.parser_for(command)._actions
            if isinstance(action, argparse._SubParsersAction)
        )
        for parser, words in leaves(child, (command,)):
            takers = [each for each in parser._actions if each.nargs != 0]
            places = [each for each in takers if not each.option_strings]
            for action in takers:
                given = ["" if each is action else filled(each) for each in places]
                needed = [
                    word
                    for each in takers
                    if each.required and each.option_strings
                    for word in (each.option_strings[0], filled(each))
                ]
                option = [action.option_strings[-1], ""] if action.option_strings else []
                yield (*words, *needed, *given, *option)


@pytest.mark.parametrize("arguments", list(empty_values()), ids=" ".join)
def test_an_empty_value_of_any_option_is_refused(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """A variable that a script did not set is no choice of the default: exit 2 and a sentence, for every command there is."""
    assert ended(list(arguments)) == 2

    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert "''" in said.err or "empty" in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("manifest", ""),
            "drills: DSN: expected a value (libpq URL or keyword string of the source, required without --from)",
        ),
        (("verify", "", "--against", "m"), "drills: DSN: expected a value"),
        (("verify", "postgresql://h/d", "--against", ""), "drills: --against: expected a value (the manifest)"),
        (("backup", "--retain", ""), "drills: --retain: expected a value"),
        (("schedule", "cron(0 5 ? * * *)", "--from", ""), "drills: --from: expected a value"),
        (("report", ""), "drills: run: expected a value"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_an_empty_value_is_called_by_the_name_that_the_help_has(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only what may be left out is said to be left out, and the command's name stands there once."""
    assert ended(list(arguments)) == 2

    error = capsys.readouterr().err
    assert error.startswith(said)
    assert ("leave it out" in error) == (arguments[0] in ("schedule", "report"))


@pytest.mark.parametrize("arguments", [["--seed", " "], ["--features", "a", "--features", ""], ["--", ""]])
def test_blanks_and_one_empty_value_among_others_are_refused(arguments: list[str]) -> None:
    """Neither what only looks empty nor the second of two values is overlooked, nor what goes to pytest."""
    assert ended(["run", *arguments]) == 2
