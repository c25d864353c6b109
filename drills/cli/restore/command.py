"""`drills restore`: restores on the day of a disaster, and keeps what it restored for longer, or ends it."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import read as aws
from drills.cli.common import TARGET_OPTIONS, Command, help_texts, target_options
from drills.cli.target import open_target
from drills.config.values import SECURITY_GROUP
from drills.durations import parse_duration
from drills.errors import ConfigError, DrillError
from drills.incident.choice import LATEST
from drills.incident.restore import Asked
from drills.record import RUN_ID

KEEP, LONGEST_KEEP = "4h", timedelta(days=30)
EXAMPLE = """\
examples:
  drills restore --target myappdbprod --keep 8h                        the newest data that there are
  drills restore --target myappdbprod --at 2026-11-29T02:55:00Z        nothing of after this instant: before the damage
  drills restore --target myappdbprod --at '20m ago'
  drills restore --target myappdbprod --recovery-point arn:aws:rds:…   this point and no other
  drills restore --target myappdbprod --security-group sg-0a1b2c3d     where the application can reach the copy
  drills restore extend 20261129-031502-ab12 --keep 8h            keep the copy for eight more hours, from now
  drills restore keep 20261129-031502-ab12                        keep the copy for good
  drills restore end 20261129-031502-ab12                         remove the copy now
The password is put into a secret of Secrets Manager and printed nowhere. docs/incident.md tells what to do at three in the morning.
"""
EXIT_CODES = """\
exit codes: 0 restored and verified; 10 a query of the owner's is too slow; 11 restored, and it differs from what it should
be; 12 not restored, as where there is no such point, or restored and not all of it verified; 13 something is still there that
should not be; 14 no evidence was sealed; 2 wrong usage or configuration. Whether there is a copy that stays, the output says, and
--json (copy)."""
_EXTEND = """\
examples:
  drills restore extend 20261129-031502-ab12 --keep 8h
  drills restore extend 20261129-031502-ab12 --target myappdbprod --keep 2d
"""
_KEEP = """\
examples:
  drills restore keep 20261129-031502-ab12
  drills restore keep 20261129-031502-ab12 --target myappdbprod
The tags drills:* come off everything that the restore has made: no sweep removes any of it from then on, and drills restore end
does not either. Asked again, it goes on where it was interrupted.
"""
_END = """\
examples:
  drills restore end 20261129-031502-ab12
  drills restore end 20261129-031502-ab12 --target myappdbprod
"""
_OTHER_CODES = (
    "exit codes: 0 done; 12 it could not be; 13 something of it is still there; 2 wrong usage or configuration"
)


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the options of `drills restore`, and its parts extend, keep and end."""
    which = command.add_mutually_exclusive_group()
    which.add_argument(
        "--at",
        metavar="TIME",
        help=f'no data of after this moment: ISO 8601 with its offset, or "20m ago" (default: {LATEST})',
    )
    which.add_argument("--recovery-point", metavar="ARN-or-ID", help="this recovery point or snapshot, and no other")
    command.add_argument(
        "--keep", metavar="DURATION", help=f"how long the copy stays once it is there (default: {KEEP})"
    )
    command.add_argument(
        "--security-group",
        metavar="ID",
        help="put the copy into this group (default: that of drills, which is shut off)",
    )
    command.add_argument(
        "--if-interrupted",
        choices=("remove", "keep"),
        default="remove",
        help="after Ctrl-C before the copy is handed over (default: %(default)s); afterwards it stays",
    )
    command.add_argument(
        "--json", action="store_true", help="print the facts as JSON at the end, the progress on stderr"
    )
    parts = command.add_subparsers(dest="part", metavar="extend|keep|end", required=False)
    again = [target_options(argparse.SUPPRESS)]
    extend = parts.add_parser(
        "extend", parents=again, **help_texts("keep the copy of an earlier restore longer", _EXTEND, _OTHER_CODES)
    )
    keep = parts.add_parser(
        "keep", parents=again, **help_texts("keep the copy of an earlier restore for good", _KEEP, _OTHER_CODES)
    )
    end = parts.add_parser(
        "end", parents=again, **help_texts("remove the copy of an earlier restore now", _END, _OTHER_CODES)
    )
    extend.add_argument("--keep", metavar="DURATION", required=True, help="how much longer, counted from now")
    for each in (extend, keep, end):
        each.add_argument(
            "run", metavar="RUN", help="the id of the restore: printed by it, and its folder's name in reports/out"
        )


def run(options: argparse.Namespace) -> int:
    """Restore, extend, keep or end; the exit code. Raises DrillError."""
    try:
        if options.part:
            return _afterwards(options)
        asked = asked_of(options, datetime.now(UTC))
        from drills.cli.restore import one  # loads the checks, which the other parts do not need

        reached = open_target(options, restore_role="incident")
        return one.restore(reached, asked, keep_interrupted=options.if_interrupted == "keep", as_json=options.json)
    except (ClientError, BotoCoreError) as error:
        raise DrillError(aws.refusal(error)) from error


def _afterwards(options: argparse.Namespace) -> int:
    from drills.cli.restore import afterwards

    if not RUN_ID.fullmatch(options.run):
        raise ConfigError(
            f"RUN: expected the id of a restore such as 20261129-031502-ab12, found {options.run}: the restore has printed it, "
            "reports/out has a folder of that name, and drills sweep --dry-run shows it in the names of what there is"
        )
    keep = keep_of(options.keep) if options.part == "extend" else None
    reached = open_target(options, restore_role="incident")
    if options.part == "keep":
        return afterwards.keep(reached, options.run)
    return afterwards.extend(reached, options.run, keep) if keep else afterwards.end(reached, options.run)


def asked_of(options: argparse.Namespace, now: datetime) -> Asked:
    """Return what the options ask for. Raises ConfigError."""
    group = options.security_group or ""
    if group and not re.fullmatch(SECURITY_GROUP, group):
        raise ConfigError(f'--security-group: expected the id of a group such as "sg-0a1b2c3d", found {group}')
    return Asked(keep_of(options.keep or KEEP), moment_of(options.at, now), options.recovery_point or "", group)


def keep_of(text: str) -> timedelta:
    """Return how long a copy is to stay. Raises ConfigError for none, and for more than a month."""
    try:
        keep = parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"--keep: {error}") from error
    if keep <= timedelta():
        raise ConfigError(f"--keep: expected more than nothing, found {text}: a copy stays for 4h where it is left out")
    if keep > LONGEST_KEEP:
        raise ConfigError(
            f"--keep: expected at most {LONGEST_KEEP.days}d, found {text}: extend it later, or keep the copy for good with drills "
            "restore keep RUN"
        )
    return keep


def moment_of(text: str | None, now: datetime) -> datetime | None:
    """Return the moment of --at; None for the newest data. Raises ConfigError for what is no moment, or lies in the future."""
    if text is None or text.strip() in (LATEST, "now"):
        return None
    cleaned = text.strip()
    if cleaned.endswith(" ago"):
        try:
            return now - parse_duration(cleaned.removesuffix(" ago"))
        except (ValueError, OverflowError) as error:
            raise ConfigError(f"--at: {error}") from error
    try:
        moment = datetime.fromisoformat(cleaned)
    except ValueError as error:
        example = f"{now:%Y-%m-%dT%H:%M:%SZ}"
        raise ConfigError(
            f'--at: expected a moment such as "{example}", "20m ago" or "{LATEST}", found "{cleaned}"'
        ) from error
    if moment.tzinfo is None:
        raise ConfigError(
            f'--at: expected a moment with its offset from UTC, found "{cleaned}": write "{cleaned}Z" for UTC, or '
            f'"{cleaned}{datetime.now().astimezone():%z}" for this machine\'s time'
        )
    if moment > now:
        raise ConfigError(
            f"--at: expected a moment in the past, found {moment:%Y-%m-%d %H:%M:%S %z}; now is {now:%H:%M:%S} UTC"
        )
    return moment.astimezone(UTC)


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES, (TARGET_OPTIONS,), ("config",))
