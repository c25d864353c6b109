"""The command line: which commands there are and the module of each, and what all of them have in common.

The command line is the one room of the engine that knows the sandbox and the reports; here the parts are put together. A
command's module is loaded when the command is called: what a run needs takes half a second to load.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import sys
import traceback
from collections.abc import Collection, Sequence

from drills import __version__, interruption, streams
from drills.cli.common import EXIT_CODES, Command, Entry, Parser, enter_project, help_texts
from drills.cli.interrupted import left_by
from drills.errors import COULD_NOT_RUN, ConfigError, DrillError
from drills.files import forget_caller
from drills.printable import printable, printable_lines
from drills.redaction import clean_error, hide_arguments

# What the machine refuses is no fault of drills.
MACHINE = {
    errno.ENOSPC: "make room there",
    errno.EDQUOT: "make room there",
    errno.EROFS: "let that folder be written",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "raise the machine's limit of open files",
}

EXAMPLE = """\
examples:
  drills demo                                what this is about, in about a minute
  drills run                                 drill the sample application in the sandbox
  drills run --help                          each command has examples of its own
"""
COMMANDS = {
    "run": Entry("run", "run the features and write the reports"),
    "report": Entry("report", "make the reports of a run again"),
    "sandbox": Entry("sandbox", "an AWS on this machine, for any AWS client: up, down, status"),
    "backup": Entry("backup", "make a backup of the target, and see it in the vault and among the snapshots"),
    "canary": Entry("canary", "write the canary on a source"),
    "cutover": Entry("cutover", "rehearse the real recovery: stop, rename, restore, compare, verify, start"),
    "completion": Entry("completion.command", "print the script by which a shell completes commands and options"),
    "demo": Entry("demo.command", "drill a good and a damaged backup side by side, in about a minute"),
    "doctor": Entry(
        "doctor.command", "look at what a drill needs of this machine, drill.toml and AWS, with each remedy"
    ),
    "evidence": Entry("evidence", "make signing keys; seal, review and verify the evidence of runs"),
    "files": Entry(
        "files.command", "fingerprint the files of a file system, and compare a restored one with a manifest"
    ),
    "gate": Entry("evidence.gate", "let a release pass only after a recent, signed drill of each target"),
    "history": Entry("history", "show earlier runs and their trend"),
    "init": Entry("init.command", "look into the account and write a drill.toml, a first feature and a policy"),
    "ledger": Entry("evidence.ledger", "list the chain of all runs, and check that drills go on"),
    "localstack": Entry("localstack.command", "start LocalStack, make a source there, and drill it"),
    "metrics": Entry(
        "outputs.metrics", "print the numbers of a run for monitoring, or write them where drill.toml says"
    ),
    "notices": Entry("outputs.notices", "show what is told of a run, send it again, or send a trial"),
    "posture": Entry("posture", "judge whether the backups that a recovery needs are there"),
    "preflight": Entry("preflight.command", "foresee whether a restore would be accepted now, and until when"),
    "restore": Entry("restore.command", "restore on the day of a disaster: the path of a drill, and the copy stays"),
    "schedule": Entry("schedule", "work out what a backup schedule can lose at worst"),
    "validate": Entry("validate.command", "validate what a restore test of AWS Backup made, and post the result"),
    "sweep": Entry("sweep.command", "remove what earlier runs left in AWS, once it is past its time"),
    "steps": Entry("steps", "list the steps that a feature can be written with"),
    "table": Entry("table.command", "fingerprint a DynamoDB table, and compare one with a manifest"),
    "manifest": Entry("manifest.command", "fingerprint a database, for a file or for the store that drills search"),
    "verify": Entry("verify", "compare a database with a manifest"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command and return its exit code; an error is one sentence on stderr.

    `arguments` None: those of this process, whose output is looked after too. Output that could not be written is 12 where the
    command ended with 0. Interrupted is raised once it is said what is left.
    """
    if arguments is not None:
        return _carry_out(arguments)
    streams.outlive_readers()
    try:
        code = _carry_out(sys.argv[1:])
    except interruption.Interrupted:
        streams.failure()  # what was printed until then
        raise
    except SystemExit as ended:  # by argparse: help, or wrong usage
        code = ended.code if isinstance(ended.code, int) else 0
    if error := streams.failure():
        print(f"drills: expected to write the output, found: {error.strerror}: not all of it is there", file=sys.stderr)
        return code or COULD_NOT_RUN
    return code


def _carry_out(arguments: Sequence[str]) -> int:
    given, pytest_arguments = _split(arguments)
    try:
        options = parse(given)
        if any(not each.strip() for each in pytest_arguments):
            raise ConfigError("--: expected arguments for pytest, found an empty one: leave it out")
        options.pytest_arguments = pytest_arguments
        command = command_of(options.command)
        # a run ends in order while its progress is followed: when nobody reads it any more
        if options.command == "run":
            streams.end_with_readers()
        if command.paths:
            enter_project(options, command.paths)
        interruption.end_in_order()
        return command.run(options)
    except interruption.Interrupted as stop:
        print(f"drills: interrupted by {stop}: {left_by(options)}", file=sys.stderr)
        raise
    except DrillError as error:
        print(printable(hide_arguments(f"drills: {error}", given)), file=sys.stderr)
        return error.exit_code
    except OSError as error:
        if not (remedy := MACHINE.get(error.errno or 0)):
            return _our_fault(error, given)
        wanted = f"to use {error.filename}" if error.filename else "to go on"
        sentence = f"drills: expected {wanted}, found: {error.strerror}: {remedy}, and start it again"
        print(printable(hide_arguments(sentence, given)), file=sys.stderr)
        return COULD_NOT_RUN
    except Exception as error:
        return _our_fault(error, given)
    finally:
        forget_caller()


def _our_fault(error: Exception, given: Sequence[str]) -> int:
    """Say what is no usage error, and no 1 that says nothing."""
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


def whole_parser() -> Parser:
    """Return the parser with the options of every command, whose modules are all loaded for it."""
    return _parser(COMMANDS)


def parser_for(called: str) -> Parser:
    """Return the parser of `drills` with the options of the command that is called; "" for the parser without any."""
    return _parser((called,))


def _parser(loaded: Collection[str]) -> Parser:
    parser = Parser(
        prog="drills",
        description="Disaster-recovery drills for PostgreSQL on AWS (RDS and AWS Backup).",
        epilog=f"{EXAMPLE}\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"drills {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, entry in COMMANDS.items():
        if name not in loaded:
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
            if value is None:  # a command whose parts may be left out
                continue
            _refuse_empty(action.choices[str(value)], options)
            continue
        values = value if isinstance(value, list) else [value]
        if any(_is_blank(each) for each in values):
            name = action.option_strings[-1] if action.option_strings else str(action.metavar or action.dest)
            # what a command needs is required of the parser, or by its help
            needed = action.required or "required" in (action.help or "")
            remedy = "say which" if needed else "leave it out, or say which"
            raise ConfigError(f"{name}: expected a value ({action.help}), found an empty one: {remedy}")


def _is_blank(value: object) -> bool:
    # a pydantic.SecretStr, which is not imported here: `drills --help` has to start at once
    text = value.get_secret_value() if hasattr(value, "get_secret_value") else value
    return isinstance(text, str) and not text.strip()


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
