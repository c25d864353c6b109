"""The parts that the commands share: one sentence for wrong usage, help with examples and exit codes, shared options.

Loads nothing but argparse: `drills --help` answers at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from drills.errors import USAGE, ConfigError
from drills.files import work_in
from drills.printable import printable
from drills.redaction import hide_arguments

# the folder that the suite runs from: features, steps and reports lie in it
CHECKOUT = Path(__file__).resolve().parents[2]

OUT = Path("reports/out")  # in which each run has its folder

EXIT_CODES = """\
exit codes: 0 all promises held; 10 an objective was missed; 11 verification failed; 12 the drill could not run or could
not verify; 13 something made by the drill is still there; 14 its evidence was not sealed; 2 wrong usage or configuration"""


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
    the project's folder (`project_folder`), and what was given is read from the caller's.
    """

    example: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    exit_codes: str = EXIT_CODES
    parents: tuple[Parser, ...] = ()
    paths: tuple[str, ...] = ()


class Entry(NamedTuple):
    """A command: the module whose `COMMAND` it is, and what it does, for `drills --help`."""

    module: str
    summary: str


def help_texts(summary: str, example: str, exit_codes: str = EXIT_CODES) -> dict[str, Any]:
    """Return the arguments of `add_parser` for a command: its help, with examples and exit codes at the end."""
    return {
        "help": summary,
        "description": f"{summary[0].upper()}{summary[1:]}.",
        "epilog": f"{example}\n{exit_codes}",
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }


def project_folder() -> Path:
    """Return the folder that a command works in: this one when it has a drill.toml, else the checkout of the suite.

    ConfigError where the suite was installed without its checkout: features, steps and reports belong to it.
    """
    if not (CHECKOUT / "features").is_dir():
        raise ConfigError(
            f"expected the checkout of the suite around {CHECKOUT / 'drills'}, found no features there: clone the "
            "repository, and run `tox -e drill` in the clone"
        )
    here = Path.cwd()
    return here if (here / "drill.toml").is_file() else CHECKOUT


def _absolute(given: Any) -> Any:
    """Return a path as it is read from here; what is kept as a pydantic.SecretStr, since it may be a URL, stays one."""
    if hasattr(given, "get_secret_value"):
        return type(given)(_absolute(given.get_secret_value()))
    elsewhere = given == "-" or "://" in given or given.startswith(("env:", "arn:"))
    return given if elsewhere else str(Path(given).absolute())


def word_or_folder(given: str) -> str:
    """Return a folder that is there as it is read from the caller's; any other text, such as one of our words, as it is."""
    return str(Path(given).absolute()) if given.strip() and Path(given).is_dir() else given


def enter_project(options: argparse.Namespace, paths: Sequence[str]) -> None:
    """Work in the project's folder; paths that were given stay relative to the folder that the caller is in."""
    folder = project_folder()
    if folder == Path.cwd():
        return
    for name in paths:
        value = getattr(options, name, None)  # of a command with parts, one part alone may have it
        if value is None:
            continue
        setattr(options, name, [_absolute(each) for each in value] if isinstance(value, list) else _absolute(value))
    print(f"drills: working in {folder}", file=sys.stderr)
    work_in(folder)


def folder_to_write(option: str, given: str) -> Path:
    """Return the folder that an option names for several files. Raises ConfigError for "-", which means standard output."""
    if given == "-":
        raise ConfigError(
            f'{option}: expected the name of a folder, found "-": several files are written, and none of them to standard '
            f"output: type {option} FOLDER"
        )
    return Path(given)


def run_folder(given: str) -> Path:
    """Return the folder of a run; `latest` is a file with the folder's name where there are no symlinks. Raises ConfigError."""
    folder = Path(given)
    if folder.is_file() and folder.name == "latest":
        return folder.parent / folder.read_text(encoding="utf-8").strip()
    if folder.is_file():
        raise ConfigError(f"expected the folder of a run, found the file {folder}: give its folder")
    return folder


def _config_options(default: str | None = None) -> Parser:
    parser = Parser(add_help=False, argument_default=default)
    parser.add_argument("--config", metavar="FILE", help="configuration file (default: drill.toml of this folder)")
    return parser


def target_options(default: str | None = None) -> Parser:
    """Return the options that lead to a target; `default` is argparse.SUPPRESS for a part of a command that has them itself."""
    parser = Parser(add_help=False, argument_default=default, parents=[_config_options(default)])
    parser.add_argument("--profile", metavar="NAME", help="profile of the configuration")
    parser.add_argument("--target", metavar="NAME", help="target of the configuration")
    parser.add_argument(
        "--endpoint-url", metavar="URL", help="where a sandbox or an endpoint answers (sandbox: AWS_ENDPOINT_URL)"
    )
    return parser


CONFIG_OPTIONS = _config_options()
TARGET_OPTIONS = target_options()


def check_output(path: str | None) -> None:
    """Refuse what cannot be a file to write, before all is read that shall be in it; "-" and None are standard output."""
    if path in (None, "-"):
        return
    named = Path(str(path))
    if not named.parent.is_dir():
        raise ConfigError(f"--output: expected a folder that is there, found none at {named.parent}: make it first")
    if named.is_dir():
        raise ConfigError(f"--output: expected a file, found the folder {named}: name a file in it")


def text_of_manifest(option: str, path: str, command: str) -> str:
    """Return the text of the manifest that an option names. Raises ConfigError, with the command that takes one."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "bytes that are no text"
        raise ConfigError(
            f"{option}: expected a manifest that can be read, found {path}: {reason}: take one with {command}"
        ) from error
