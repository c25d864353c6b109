"""The parts that the commands share: one sentence for wrong usage, help with examples and exit codes, shared options.

Loads nothing but argparse: `drills --help` answers at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from drills.errors import USAGE
from drills.printable import printable
from drills.redaction import hide_arguments

CHECKOUT = (
    Path(__file__).resolve().parents[2]
)  # the folder that the suite runs from: features, steps and reports lie in it

EXIT_CODES = """\
exit codes: 0 all promises held; 10 an objective was missed; 11 verification failed; 12 the drill could not run or could
not verify; 13 something made by the drill is still there; 2 wrong usage or configuration"""


class Parser(argparse.ArgumentParser):
    """A parser that names wrong usage in one sentence; argparse would print the whole usage before it."""

    arguments: Sequence[str] = ()  # the command line that is parsed: what of it can hold a password is not repeated

    def error(self, message: str) -> NoReturn:
        """Exit with the code of wrong usage."""
        told = printable(hide_arguments(message, Parser.arguments))
        self.exit(USAGE, f"{self.prog}: {told}: see {self.prog} --help\n")


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the command line, as its module offers it.

    `run` returns the exit code and raises DrillError, one sentence for the person who must act. `parents` are parsers whose
    options the command shares with others. `paths` names the options that hold a path; where there are any, the command works in
    the project's folder (`drills.cli.main.project_folder`), and what was given is read from the caller's.
    """

    example: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    exit_codes: str = EXIT_CODES
    parents: tuple[Parser, ...] = ()
    paths: tuple[str, ...] = ()


def help_texts(summary: str, example: str, exit_codes: str = EXIT_CODES) -> dict[str, Any]:
    """Return the arguments of `add_parser` for a command: its help, with examples and exit codes at the end."""
    return {
        "help": summary,
        "description": f"{summary[0].upper()}{summary[1:]}.",
        "epilog": f"{example}\n{exit_codes}",
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }


def _config_options() -> Parser:
    parser = Parser(add_help=False)
    parser.add_argument("--config", metavar="FILE", help="configuration file (default: drill.toml of this folder)")
    return parser


def _target_options() -> Parser:
    parser = Parser(add_help=False, parents=[_config_options()])
    parser.add_argument("--profile", metavar="NAME", help="profile of the configuration")
    parser.add_argument("--target", metavar="NAME", help="target of the configuration")
    parser.add_argument(
        "--endpoint-url", metavar="URL", help="where a sandbox or an endpoint answers (sandbox: AWS_ENDPOINT_URL)"
    )
    return parser


CONFIG_OPTIONS = _config_options()
TARGET_OPTIONS = _target_options()
