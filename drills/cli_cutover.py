"""`drills cutover`: the recovery quickstart as a journalled plan that can be gone on with, and undone."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

COMMANDS = ("cutover",)
EXAMPLE = """\
examples:
  drills cutover plan --target orders                           every call that would be made; changes nothing
  drills cutover run --target orders --confirm orders-prod      from the newest recovery point
  drills cutover run --target orders --before 2026-11-23T14:05:00Z --confirm orders-prod
  drills cutover resume --target orders --confirm orders-prod   go on where it stopped, from any machine
  drills cutover rollback --target orders --confirm orders-prod bring the old instance back; deletes nothing
The journal and the lock are where cutover.journal of the target says; docs/cutover.md tells the steps.
"""


def add(commands: Any, described: Callable[[str, str], dict[str, Any]]) -> None:
    """Add the command to the command line."""
    cutover = commands.add_parser(
        "cutover", **described("rehearse the real recovery: stop, rename, restore, compare, verify, start", EXAMPLE)
    )
    cutover.add_argument("action", choices=("plan", "run", "resume", "rollback"), metavar="plan|run|resume|rollback")
    cutover.add_argument("id", nargs="?", help="resume, rollback: which cut-over (default: the target's last one)")
    cutover.add_argument("--config", metavar="FILE", help="configuration file (default: drill.toml of this folder)")
    cutover.add_argument("--profile", metavar="NAME", help="profile of the configuration")
    cutover.add_argument("--target", metavar="NAME", help="target of the configuration")
    cutover.add_argument("--endpoint-url", metavar="URL", help="where the AWS APIs answer (sandbox: AWS_ENDPOINT_URL)")
    point = cutover.add_argument_group("plan, run: what is restored (default: the newest recovery point)")
    point.add_argument("--point", default="", metavar="NAME-or-ARN", help="this recovery point")
    point.add_argument("--before", metavar="TIME", help="the last recovery point whose data end before this instant")
    point.add_argument("--at", metavar="TIME", help='this moment (point-in-time), or "latest"')
    point.add_argument("--job", action="store_true", help="through a restore job of AWS Backup")
    cutover.add_argument(
        "--count", action="append", default=[], metavar="CLUSTER/SERVICE=N", help="plan, run: start so many tasks again"
    )
    cutover.add_argument(
        "--confirm", metavar="INSTANCE", help="the name of the instance, instead of typing it when asked"
    )
    cutover.add_argument("--accept-sessions", action="store_true", help="sessions that are still connected may stay")
    cutover.add_argument("--switched", action="store_true", help="the application was led to the new address by hand")
    cutover.add_argument(
        "--discard-writes-since", metavar="TIME", help="rollback: lose what was written since writes were opened"
    )
    cutover.add_argument("--remove-old", metavar="NAME", help="resume: remove the renamed instance of this name")
    cutover.add_argument("--json", action="store_true", help="print the facts as JSON")


def run(options: argparse.Namespace) -> int:
    """Carry out one of the four; DrillError, with where everything is and what to type next, where it could not."""
    from drills.cutover import command  # loads boto3, which the command line of a run in the sandbox never needs

    return command.run(options)
