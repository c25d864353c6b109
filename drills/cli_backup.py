"""`drills backup`: an on-demand backup with a mandatory end of life, followed to its end."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from drills.errors import ConfigError
from drills.usage import add_place

COMMANDS = ("backup",)
EXAMPLE = """\
examples:
  drills backup --profile production --target orders --retain 1d
  drills backup --target orders --retain 7d --role-arn arn:aws:iam::000000000000:role/backup --json
The backup is tagged as made by a drill: no drill restores it by itself, and it counts for no freshness.
"""
EXIT_CODES = """\
exit codes: 0 the backup is in the vault and among the RDS snapshots; 11 it is in one of them only, or not as it was asked
for; 12 it could not be made; 2 wrong usage or configuration"""


def add(commands: Any, described: Callable[..., dict[str, Any]]) -> None:
    """Add the command to the command line."""
    what = "make a backup of the target, and see it in the vault and among the snapshots"
    command = commands.add_parser("backup", **described(what, EXAMPLE, EXIT_CODES))
    add_place(command)
    command.add_argument(
        "--retain", metavar="DURATION", help='how long it is kept, in whole days, such as "1d"; required'
    )
    command.add_argument(
        "--role-arn",
        metavar="ARN",
        help="the role that AWS Backup takes on (default: that of the plan or of the last job)",
    )
    command.add_argument("--json", action="store_true", help="print the facts as JSON")


def run(options: argparse.Namespace) -> int:
    """Make the backup; the exit code. DrillError, one sentence, where it could not be made."""
    if not options.retain:
        raise ConfigError(
            '--retain: expected how long the backup is kept, such as "1d", found none: without an end of life AWS Backup '
            "keeps it, and charges for it, for ever"
        )
    from drills import backup_command  # loads boto3, which the other commands do not need

    return backup_command.run(options)
