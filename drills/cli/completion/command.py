"""`drills completion`: prints the script by which a shell completes commands, options and their values.

The script is made of the parsers as they are, by shtab, and asks nothing when the tab key is pressed: no Python starts.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from drills.cli.common import Command
from drills.cli.completion.words import offered, pattern
from drills.errors import ConfigError

SHELLS = ("bash", "zsh", "fish")
EXAMPLE = """\
examples:
  drills completion bash > ~/.local/share/bash-completion/completions/drills
  drills completion zsh > ~/.zfunc/_drills          a folder of fpath, before compinit
  drills completion fish > ~/.config/fish/completions/drills.fish
  source <(drills completion bash)                  for this shell alone
Make it again after an update of drills. docs/completion.md tells where each shell looks.
"""
EXIT_CODES = "exit codes: 0 printed; 2 wrong usage, or shtab is not installed"
# by the last word of a metavar: what of it is a path on this machine
_FILES, _FOLDERS = ("FILE", "PUB", "BUNDLE"), ("FOLDER", "DIR")


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the shell."""
    command.add_argument("shell", choices=SHELLS, metavar="|".join(SHELLS), help="for which shell")


def run(options: argparse.Namespace) -> int:
    """Print the script. ConfigError where shtab is missing."""
    print(script(options.shell), end="")
    return 0


def script(shell: str) -> str:
    """Return the script for a shell: every command with its options. ConfigError where shtab is missing."""
    shtab = _shtab()
    from drills.cli.main import whole_parser  # which imports this module

    parser = whole_parser()
    for action in _actions(parser):
        kind = _path_of(action)
        if offered(action):
            action.complete = pattern(action)  # type: ignore[attr-defined]
        elif kind:
            action.complete = shtab.FILE if kind == "file" else shtab.DIRECTORY  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell=shell)).rstrip() + "\n"


def _shtab() -> ModuleType | Any:
    try:
        return importlib.import_module("shtab")
    except ImportError as error:
        raise ConfigError(
            "expected shtab, which makes the scripts, found none: type pip install '.[completion]' in the checkout"
        ) from error


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield every option and argument of a parser and of those below it."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for each in dict.fromkeys(action.choices.values()):
                yield from _actions(each)


def _path_of(action: argparse.Action) -> str:
    """Return "file" or "folder" for what takes a path, "" for everything else."""
    named = str(action.metavar or "").replace("-or-", " ").split()
    if action.choices or action.nargs == 0:
        return ""
    if any(each in _FILES for each in named):
        return "file"
    return "folder" if any(each in _FOLDERS for each in named) else ""


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES)
