"""The help of every command and of every part of one: an example that can be typed, and what its exit codes mean."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator

import pytest

from drills.cli import main as cli

WORDS = re.compile(r"\s{2,}|\s+#")  # what stands between an example and the words about it
CONTINUED = re.compile(r"  +(?=--)")  # where a line of an example went on in the next
SHELLS_OWN = re.compile(r"[|<>`]|\$\(|…$")


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and all below it."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in dict.fromkeys(action.choices.values()):
                yield from parsers(each)


EVERY = list(parsers(cli.whole_parser()))
PARTS = [each for each in EVERY if each.prog != "drills"]


def examples(parser: argparse.ArgumentParser) -> list[str]:
    """The command lines of the examples in a help, without the words beside them."""
    shown = (parser.epilog or "").partition("examples:\n")[2].partition("exit codes:")[0]
    whole = shown.replace("\\\n", " ")
    lines = [WORDS.split(CONTINUED.sub(" ", line.strip()))[0] for line in whole.splitlines() if line.startswith("  ")]
    return [line for line in lines if line.startswith("drills ")]


def test_every_command_is_there() -> None:
    """The walk comes to each command and to the parts of those that have some."""
    names = {each.prog for each in PARTS}

    assert {name.split()[1] for name in names} == set(cli.COMMANDS)
    assert {"drills sandbox up", "drills evidence seal", "drills restore extend", "drills ledger check"} <= names


@pytest.mark.parametrize("parser", EVERY, ids=lambda parser: parser.prog)
def test_each_help_has_an_example_of_its_own_and_its_exit_codes(parser: argparse.ArgumentParser) -> None:
    """Whoever types --help at three in the morning copies a line."""
    assert any(each == parser.prog or each.startswith(f"{parser.prog} ") for each in examples(parser))
    assert "exit codes:" in (parser.epilog or "")


@pytest.mark.parametrize("parser", PARTS, ids=lambda parser: parser.prog)
def test_each_example_is_one_that_its_command_takes(parser: argparse.ArgumentParser) -> None:
    """An option that was renamed or a value that is none any more stands in no help."""
    for line in examples(parser):
        if SHELLS_OWN.search(line):
            continue
        words = shlex.split(line)[1:]
        given, rest = cli._split(words)
        cli.parse(given)
        assert "--" not in words or rest


@pytest.mark.parametrize("parser", EVERY, ids=lambda parser: parser.prog)
def test_each_option_says_what_it_is_for(parser: argparse.ArgumentParser) -> None:
    """None stands in a help without a word."""
    silent = [
        each.option_strings or each.dest for each in parser._actions if not each.help and each.metavar != "COMMAND"
    ]
    assert silent in ([], [[]], ["part"]), silent
