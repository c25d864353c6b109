"""What the command lines share: one sentence for wrong usage, and help with examples and exit codes. Loads nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from drills.errors import USAGE, DrillError

EXIT_CODES = """\
exit codes: 0 all promises held; 10 an objective was missed; 11 verification failed; 12 the drill could not run or could
not verify; 13 something made by the drill is still there; 2 wrong usage or configuration"""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence; argparse would print the whole usage before it."""

    def error(self, message: str) -> NoReturn:
        """Leave with the exit code of wrong usage."""
        self.exit(USAGE, f"{self.prog}: {message}: see {self.prog} --help\n")


def exit_code_of(carry_out: Callable[[], int]) -> int:
    """What `carry_out` returns; an error that a person must act upon is one sentence on stderr, and its own exit code."""
    try:
        return carry_out()
    except DrillError as error:
        print(f"drills: {error}", file=sys.stderr)
        return error.exit_code


def described(what: str, example: str, exit_codes: str = EXIT_CODES) -> dict[str, Any]:
    """The arguments of `add_parser` for a command: its help, with examples and exit codes at the end."""
    return {
        "help": what,
        "description": f"{what[0].upper()}{what[1:]}.",
        "epilog": f"{example}\n{exit_codes}",
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }


def add_place(command: Any) -> None:
    """The options that say which target is meant and where AWS is."""
    command.add_argument("--config", metavar="FILE", help="configuration file (default: drill.toml of this folder)")
    command.add_argument("--profile", metavar="NAME", help="profile of the configuration")
    command.add_argument("--target", metavar="NAME", help="target of the configuration")
    command.add_argument(
        "--endpoint-url", metavar="URL", help="where a sandbox or an endpoint answers (sandbox: AWS_ENDPOINT_URL)"
    )
