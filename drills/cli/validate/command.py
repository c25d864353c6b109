"""`drills validate`: checks what a restore test of AWS Backup made, and posts the result."""

from __future__ import annotations

import argparse
import sys
from datetime import timedelta
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import read as aws
from drills.aws.restore_jobs import describe_job, jobs_of_plan
from drills.cli.common import TARGET_OPTIONS, Command
from drills.cli.target import OpenTarget, open_target
from drills.cli.validate.event import AskedJob, job_of_event, job_of_option
from drills.cli.validate.one import validate
from drills.config.load import target_of
from drills.durations import parse_duration, show_duration
from drills.errors import ConfigError, DrillError
from drills.model.restore_job import RestoreJob
from drills.objectives.verdicts import PRECEDENCE

EXAMPLE = """\
examples:
  drills validate --restore-job 7F2B1C4E-…          the instance that this restore test made
  drills validate --event -                         the event of EventBridge about it, on stdin
  drills validate --plan monthly --since 40d        every completed test of a plan that has no result yet
  drills validate --restore-job ID --give-up        where it cannot be verified, post TIMED_OUT now
AWS Backup deletes the instance once a result is posted; drills deletes its lock alone. docs/validate.md has the event rule.
"""
EXIT_CODES = """\
exit codes: 0 verified, SUCCESSFUL is posted (or was before); 10 an objective was missed and 11 verification failed, FAILED is
posted; 12 it could not be verified or the result could not be posted; 13 its lock is still there; 14 the evidence was not sealed,
nothing is posted; 2 wrong usage or configuration, or an instance that no restore test made"""
SINCE = "2d"


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the options of `drills validate`."""
    which = command.add_mutually_exclusive_group()
    which.add_argument("--restore-job", metavar="ID-or-ARN", help="the restore job; waits for it where it still runs")
    which.add_argument("--event", metavar="FILE", help="an event of EventBridge about the job; - reads it from stdin")
    which.add_argument("--plan", metavar="NAME", help="a restore testing plan: its completed jobs without a result")
    command.add_argument("--since", metavar="DURATION", help=f"with --plan: how far back to look (default: {SINCE})")
    command.add_argument(
        "--give-up",
        action="store_true",
        help="post TIMED_OUT where it cannot be verified, so that AWS Backup deletes the instance now",
    )


def run(options: argparse.Namespace) -> int:
    """Validate what the options name; of several codes the gravest. Raises ConfigError before anything is begun."""
    if not (options.restore_job or options.event or options.plan):
        raise ConfigError("expected --restore-job, --event or --plan, found none of them: say what is to be validated")
    if options.since and not options.plan:
        raise ConfigError("--since: expected --plan beside it, found none: a job is named by itself")
    try:
        return _validate_plan(options) if options.plan else _validate_job(options, _asked(options))
    except (ClientError, BotoCoreError) as error:
        raise DrillError(aws.refusal(error)) from error


def _asked(options: argparse.Namespace) -> AskedJob:
    if options.restore_job:
        return job_of_option(options.restore_job)
    try:
        text = sys.stdin.read() if options.event == "-" else Path(options.event).read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no text"
        raise ConfigError(f"--event: expected the JSON of an event, found {options.event}: {reason}") from error
    return job_of_event(text)


def _validate_job(options: argparse.Namespace, asked: AskedJob) -> int:
    reached = open_target(options, restore_role="validator")
    where = reached.restore
    for what, wanted, found in (("account", asked.account, where.account), ("region", asked.region, where.region)):
        if wanted and wanted != found:
            raise ConfigError(
                f'expected a job of {what} {found}, where target "{reached.config.target_name}" restores, found one of '
                f"{wanted}: name the target with --target, or correct its restore table"
            )
    return _validate_one(options, reached, describe_job(where, asked.id))


def _validate_plan(options: argparse.Namespace) -> int:
    try:
        since = parse_duration(options.since or SINCE)
    except ValueError as error:
        raise ConfigError(f"--since: {error}") from error
    reached = open_target(options, restore_role="validator")
    jobs = list(jobs_of_plan(reached.restore, options.plan, reached.now - since))
    wanted = [job for job in jobs if not options.target or job.source == reached.config.target.instance]
    if not wanted:
        raise DrillError(_none_found(options, reached, since))
    codes = set()
    for job in wanted:
        try:
            codes.add(_validate_one(options, reached, job))
        except DrillError as error:
            print(f"drills: restore job {job.id}: {error}", file=sys.stderr)
            codes.add(error.exit_code)
    return next(code for code in (*PRECEDENCE, 0) if code in codes)


def _none_found(options: argparse.Namespace, reached: OpenTarget, since: timedelta) -> str:
    of = f" of {reached.config.target.instance}" if options.target else ""
    return (
        f"expected a completed restore test{of} of the plan {options.plan} in the last {show_duration(since.total_seconds())}, "
        "found none: AWS Backup leaves a resource without a fitting recovery point out and says nothing; see its restore jobs, "
        "or look further back with --since"
    )


def _validate_one(options: argparse.Namespace, reached: OpenTarget, job: RestoreJob) -> int:
    return validate(_fitting(options, reached, job), job, give_up=options.give_up)


def _fitting(options: argparse.Namespace, reached: OpenTarget, job: RestoreJob) -> OpenTarget:
    """Return the target whose source the job restored: the given one, or the first of the configuration that fits."""
    target = reached.config.target
    if (job.source, job.kind) == (target.instance, target.kind):
        return reached
    path = Path(options.config) if options.config else None
    name = None if options.target else target_of(path, job.source, job.kind)
    if name is None:
        of = f'target "{reached.config.target_name}"' if options.target else "a target of the configuration"
        raise ConfigError(
            f"expected a restore job of {of}, found one of {job.source or job.source_arn or 'an unknown resource'}: add a target "
            "with that instance, so that drills knows what it should contain"
        )
    of_job = argparse.Namespace(**(vars(options) | {"target": name}))
    found = open_target(of_job, restore_role="validator")
    if (found.restore.account, found.restore.region) != (reached.restore.account, reached.restore.region):
        raise ConfigError(
            f'expected the job {job.id} where target "{name}" restores, found it where '
            f'"{reached.config.target_name}" does: name the target with --target'
        )
    return found


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES, (TARGET_OPTIONS,), ("config", "event"))
