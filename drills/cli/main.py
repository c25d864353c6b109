"""The command line: which commands there are and the module of each, and what all of them have in common.

The command line is the one room of the engine that knows the sandbox and the reports; here the parts are put together. A
command's module is loaded when the command is called: what a run needs takes half a second to load.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import traceback
from collections.abc import Sequence

from drills import __version__
from drills.cli.common import EXIT_CODES, Command, Entry, Parser, enter_project, help_texts
from drills.errors import COULD_NOT_RUN, ConfigError, DrillError
from drills.printable import printable, printable_lines
from drills.redaction import clean_error, hide_arguments
from drills.streams import outlive_readers

COMMANDS = {
    "run": Entry("run", "run the features and write the reports"),
    "report": Entry("report", "make the reports of a run again"),
    "sandbox": Entry("sandbox", "an AWS on this machine, for any AWS client: up, down, status"),
    "backup": Entry("backup", "make a backup of the target, and see it in the vault and among the snapshots"),
    "canary": Entry("canary", "write the canary on a source"),
    "cutover": Entry("cutover", "rehearse the real recovery: stop, rename, restore, compare, verify, start"),
    "evidence": Entry("evidence", "make signing keys; seal, review and verify the evidence of runs"),
    "history": Entry("history", "show earlier runs and their trend"),
    "ledger": Entry("evidence.ledger", "list the chain of all runs, and check that drills go on"),
    "posture": Entry("posture", "judge whether the backups that a recovery needs are there"),
    "schedule": Entry("schedule", "work out what a backup schedule can lose at worst"),
    "validate": Entry("validate.command", "validate what a restore test of AWS Backup made, and post the result"),
    "steps": Entry("steps", "list the steps that a feature can be written with"),
    "manifest": Entry("manifest", "fingerprint a database"),
    "verify": Entry("verify", "compare a database with a manifest"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command and return its exit code; an error is one sentence on stderr."""
    given, pytest_arguments = _split(sys.argv[1:] if arguments is None else arguments)
    try:
        options = parse(given)
        if any(not each.strip() for each in pytest_arguments):
            raise ConfigError("--: expected arguments for pytest, found an empty one: leave it out")
        options.pytest_arguments = pytest_arguments
        command = command_of(options.command)
        # a run ends in order while its progress is followed: when nobody reads it any more
        if arguments is None and options.command != "run":
            outlive_readers()
        if command.paths:
            enter_project(options, command.paths)
        return command.run(options)
    except DrillError as error:
        print(printable(hide_arguments(f"drills: {error}", given)), file=sys.stderr)
        return error.exit_code
    except Exception as error:  # a fault of ours is no usage error, and no 1 that says nothing
        clean_error(error)
        print(printable_lines(hide_arguments(traceback.format_exc(), given)), file=sys.stderr, end="")
        print(f"drills: expected to go on, found {type(error).__name__}, a fault of drills: report it", file=sys.stderr)
        return COULD_NOT_RUN


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse a command line. Loads the module of the command that is called and no other. Raises ConfigError for an empty value."""
    Parser.arguments = tuple(arguments)
    called = next((each for each in arguments if not each.startswith("-")), "")
    parser = parser_for(called)
    options = parser.parse_args(arguments)
    _refuse_empty(parser, options)
    return options


def parser_for(called: str) -> Parser:
    """Return the parser of `drills` with the options of the command that is called; "" for the parser without any."""
    parser = Parser(
        prog="drills",
        description="Disaster-recovery drills for PostgreSQL on AWS (RDS and AWS Backup).",
        epilog=EXIT_CODES,
    )
    parser.add_argument("--version", action="version", version=f"drills {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, entry in COMMANDS.items():
        if name != called:
            commands.add_parser(name, help=entry.summary)
            continue
        command = command_of(name)
        texts = help_texts(entry.summary, command.example, command.exit_codes)
        command.add_arguments(commands.add_parser(name, parents=command.parents, **texts))
    return parser


def _refuse_empty(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Refuse an empty value of any option or argument: a variable that a script did not set is no choice of the default."""
    for action in parser._actions:
        value = getattr(options, action.dest, None)
        if isinstance(action, argparse._SubParsersAction):
            _refuse_empty(action.choices[str(value)], options)
            continue
        values = value if isinstance(value, list) else [value]
        if any(isinstance(each, str) and not each.strip() for each in values):
            name = action.option_strings[-1] if action.option_strings else str(action.metavar or action.dest)
            # what a command needs is required of the parser, or by its help
            needed = action.required or "required" in (action.help or "")
            remedy = "say which" if needed else "leave it out, or say which"
            raise ConfigError(f"{name}: expected a value ({action.help}), found an empty one: {remedy}")


def command_of(name: str) -> Command:
    """Load the command of that name."""
    command: Command = importlib.import_module(f"drills.cli.{COMMANDS[name].module}").COMMAND
    return command


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return what stands before the first "--", and what stands after it for pytest."""
    given = list(arguments)
    if "--" not in given:
        return given, []
    at = given.index("--")
    return given[:at], given[at + 1 :]
