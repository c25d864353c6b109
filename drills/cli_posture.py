"""`drills posture`: are the backups that a recovery needs there? By reading alone."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from drills.usage import add_place

COMMANDS = ("posture",)
EXAMPLE = """\
examples:
  drills posture --profile production               judge the target of drill.toml
  drills posture --target orders --json             the same as facts, for a monitor
  eval "$(drills sandbox up)"; drills posture       judge an instance of the sandbox that runs
Nothing is changed in AWS. The target's configuration is kept in the folder --store, for the day on which it is gone.
"""
EXIT_CODES = """\
exit codes: 0 everything is as it should be; 10 the RPO is missed; 11 the protection is not as it should be; 12 something
could not be read; 2 wrong usage or configuration"""


def add(commands: Any, described: Callable[..., dict[str, Any]]) -> None:
    """Add the command to the command line."""
    what = "judge whether the backups that a recovery needs are there"
    command = commands.add_parser("posture", **described(what, EXAMPLE, EXIT_CODES))
    add_place(command)
    command.add_argument(
        "--store", metavar="FOLDER", default="posture", help="where the configuration is kept (default: posture)"
    )
    command.add_argument("--json", action="store_true", help="print the results as JSON")


def run(options: argparse.Namespace) -> int:
    """Judge the target; the exit code. DrillError, one sentence, where nothing could be read."""
    from drills import posture_command  # loads boto3, which the other commands do not need

    return posture_command.run(options)
