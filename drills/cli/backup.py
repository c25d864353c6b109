"""`drills backup`: an on-demand backup with a mandatory end of life, followed to its end and verified in both places.

A recovery point of an RDS instance is a DB snapshot too; one that only the vault or only RDS has cannot be relied upon.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import guards
from drills.aws import read as aws
from drills.aws.calls.outcome import was_not_carried_out
from drills.aws.databases.kinds import KINDS
from drills.aws.guarded.names import scratch_tags
from drills.aws.remedies import advice, error_text, explain
from drills.aws.session import Clients
from drills.cli.common import TARGET_OPTIONS, Command
from drills.cli.target import OpenTarget, open_target
from drills.clock import Clock, SystemClock, wait_until
from drills.config.limits import timeout_key
from drills.config.load import Target
from drills.durations import parse_duration, show_duration
from drills.errors import VERIFICATION_FAILED, ConfigError, DrillError
from drills.model.finding import Finding
from drills.model.point import RecoveryPoint
from drills.plural import counted
from drills.posture import read as protection
from drills.posture.facts import Vault
from drills.record import new_run_id

EXAMPLE = """\
examples:
  drills backup --profile aws        --target myappdbprod --retain 1d
  drills backup --target myappdbprod --retain 7d --role-arn arn:aws:iam::000000000000:role/backup --json
The backup is tagged as made by a drill: no drill restores it by itself, and it counts for no freshness.
"""
EXIT_CODES = """\
exit codes: 0 the backup is in the vault and among the RDS snapshots; 11 it is in one of them only, or not as it was asked
for; 12 it could not be made; 2 wrong usage or configuration"""
ENDED = ("COMPLETED", "FAILED", "EXPIRED", "ABORTED", "PARTIAL")
LISTED_WITHIN = 120.0  # seconds; the vault and RDS list a point a little after its job has completed
SLACK = timedelta(minutes=5)  # between the end of life that was asked for and the one that is shown
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class BackupRequest:
    """The backup to make."""

    target: Target
    name: str
    arn: str
    vault: str
    role: str
    days: int
    run_id: str
    at: datetime

    @property
    def tags(self) -> dict[str, str]:
        """The tags of a drill, so that the point counts for no freshness, and those of the target."""
        ends = (self.at + self.days * DAY).isoformat(timespec="seconds")
        return scratch_tags(self.run_id, self.name, ends, self.target.tags)


@dataclass(frozen=True, slots=True)
class BackupResult:
    """The result of a completed job: the job, the point as both APIs show it, and the deviations from the request."""

    job: dict[str, Any]
    point: RecoveryPoint | None
    findings: tuple[Finding, ...]


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the options of `drills backup`."""
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
    """Make the backup that the options ask for."""
    if not options.retain:
        raise ConfigError(
            '--retain: expected how long the backup is kept, such as "1d", found none: without an end of life AWS Backup '
            "keeps it, and charges for it, for ever"
        )
    days = whole_days(options.retain)
    reached = open_target(options, source_role="backup")
    clock = SystemClock()
    try:
        request = _build_request(reached, days, options.role_arn, clock)
        result = back_up(reached.clients, request, clock, every=_every(reached), on_state=_print_state)
    except (ClientError, BotoCoreError) as error:
        raise DrillError(
            f"expected AWS Backup to back up {reached.config.target.instance}, found: "
            f"{explain(error, 'correct that and run again')}"
        ) from error
    if options.json:
        print(json.dumps(_facts(reached, request, result), indent=1, default=str))
    else:
        _show(reached, request, result)
    return VERIFICATION_FAILED if result.findings else 0


def whole_days(text: str) -> int:
    """Return the retention in days. ConfigError for what is no duration, or none of whole days."""
    try:
        duration = parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"--retain: {error}") from error
    if duration < DAY or duration % DAY:
        raise ConfigError(f'--retain: expected whole days, at least "1d", found "{text}": AWS Backup counts in days')
    return duration // DAY


def _every(reached: OpenTarget) -> float:
    return reached.config.profile.poll_every.total_seconds()


def _print_state(state: str) -> None:
    print(f"backup job {state}", file=sys.stderr, flush=True)


def _build_request(reached: OpenTarget, days: int, role: str | None, clock: Clock) -> BackupRequest:
    """Return the request. Raises ConfigError without a vault or a role, or where the vault's lock forbids the retention."""
    config, clients = reached.config, reached.clients
    target = config.target
    sides = guards.Sides(clients.account, clients.region, reached.restore.account, reached.restore.region)
    instance = aws.describe_instance(clients, target.instance, KINDS[target.kind])
    if instance is None:
        what = "a cluster" if target.kind == "cluster" else "an instance"
        raise ConfigError(
            f'expected {what} "{target.instance}" in {clients.region}, found none: correct {target.kind} in drill.toml'
        )
    guards.check_source(config, instance, sides)
    if not target.vault:
        raise ConfigError(
            f"targets.{config.target_name}.vault: expected the vault that the backup goes to, found none; name one"
        )
    chosen = role or protection.backup_role(clients, target, reached.now)
    if not chosen:
        raise ConfigError(
            "--role-arn: expected the role that AWS Backup takes on, found none of a plan or of an earlier job; name one"
        )
    vault = protection.vault_of(clients, target)
    if not isinstance(vault, Vault):
        raise ConfigError(
            f"targets.{config.target_name}.vault: expected a vault that can be read, found none called "
            f"{target.vault}: aws backup create-backup-vault --backup-vault-name {target.vault}"
        )
    _within_lock(vault, days)
    name = config.target_name
    return BackupRequest(target, name, instance.arn, target.vault, chosen, days, new_run_id(clock.now()), reached.now)


def _within_lock(vault: Vault, days: int) -> None:
    low, high = vault.described.get("MinRetentionDays"), vault.described.get("MaxRetentionDays")
    if vault.described.get("Locked") and not (low or 1) <= days <= (high or days):
        limits = f"{low or 1} to {high} days" if high else f"at least {counted(low or 1, 'day')}"
        raise ConfigError(
            f"--retain: expected {limits}, as the lock of the vault {vault.name} demands, found {counted(days, 'day')}: "
            "choose another retention, or the job will fail"
        )


# -- making it --------------------------------------------------------------------------------------------------------


def back_up(
    clients: Clients, request: BackupRequest, clock: Clock, *, every: float, on_state: Callable[[str], None]
) -> BackupResult:
    """Start the job, follow it, and wait for its point. Raises DrillError where the job does not complete.

    `every` is the seconds between two polls; `on_state` is called with each state once.
    """
    job_id = _start(clients, request)
    job = _follow(clients, job_id, request, clock, every=every, on_state=on_state)
    arn = str(job.get("RecoveryPointArn") or "")

    seen: list[RecoveryPoint] = []
    kind = KINDS[request.target.kind]

    def listed() -> bool:
        points = aws.recovery_points(clients, request.target.instance, request.vault, kind)
        seen[:] = [each for each in points if each.arn == arn]
        return any(each.vault and each.snapshot_id for each in seen)

    with contextlib.suppress(TimeoutError):  # what is missing is judged
        wait_until(listed, LISTED_WITHIN, clock, every=every, what="the recovery point")
    point = seen[0] if seen else None
    return BackupResult(job, point, judge(request, arn, point))


def _start(clients: Clients, request: BackupRequest) -> str:
    """Return the id of the job; DrillError where no answer says whether it was started. Raises AWS's refusal as it is.

    Repeated with the same token the call starts no second job (AWS Backup API reference, StartBackupJob).
    """
    try:
        answer = clients.backup.start_backup_job(
            BackupVaultName=request.vault,
            ResourceArn=request.arn,
            IamRoleArn=request.role,
            IdempotencyToken=request.run_id,
            Lifecycle={"DeleteAfterDays": request.days},
            RecoveryPointTags=request.tags,
        )
    except (ClientError, BotoCoreError) as error:
        if was_not_carried_out(error):
            raise
        command = f"aws backup list-backup-jobs --by-backup-vault-name {request.vault} --by-resource-arn {request.arn}"
        raise DrillError(
            f"expected AWS Backup to say that the job is started, found: {error_text(error)}: whether it was is not known; "
            f"see with {command}. Its recovery point is removed after {counted(request.days, 'day')}"
        ) from error
    return str(answer["BackupJobId"])


def _follow(
    clients: Clients,
    job_id: str,
    request: BackupRequest,
    clock: Clock,
    *,
    every: float,
    on_state: Callable[[str], None],
) -> dict[str, Any]:
    """Return the job when it has ended; DrillError where that was not COMPLETED, or took longer than the target's timeout."""
    states: list[str] = []

    def ended() -> dict[str, Any] | None:
        job: dict[str, Any] = clients.backup.describe_backup_job(BackupJobId=job_id)
        if job["State"] not in states[-1:]:
            states.append(job["State"])
            on_state(job["State"])
        return job if job["State"] in ENDED else None

    timeout = request.target.timeout.total_seconds()
    command = f"aws backup describe-backup-job --backup-job-id {job_id}"
    try:
        job = wait_until(ended, timeout, clock, every=every, what="the backup job")
    except TimeoutError as error:
        raise DrillError(
            f"expected the backup job to end within {show_duration(timeout)}, it is still {states[-1]}: {command}, or raise "
            f"{timeout_key(request.name)}"
        ) from error
    if job["State"] != "COMPLETED":
        message = " ".join(str(job.get("StatusMessage") or "it says no more").split())
        raise DrillError(
            f"expected the backup job to complete, it is {job['State']}: {message}: {advice(message, command)}"
        )
    return job


def snapshots_command(target: Target) -> str:
    """Return the command that lists the snapshots that AWS Backup has made of the target. Pure."""
    if target.kind == "cluster":
        return (
            f"aws rds describe-db-cluster-snapshots --snapshot-type awsbackup --db-cluster-identifier {target.instance}"
        )
    return f"aws rds describe-db-snapshots --snapshot-type awsbackup --db-instance-identifier {target.instance}"


# -- judging it -------------------------------------------------------------------------------------------------------


def judge(request: BackupRequest, arn: str, point: RecoveryPoint | None) -> tuple[Finding, ...]:
    """Return the deviations from the request: in the vault, among the snapshots, retention, tag. Pure."""
    found = []

    def find(expected: str, seen: str, remedy: str) -> None:
        found.append(Finding("backup", "error", arn or "the recovery point", expected, seen, remedy))

    command = f"aws backup describe-recovery-point --backup-vault-name {request.vault} --recovery-point-arn {arn}"
    if point is None:
        find(f"a recovery point in the vault {request.vault} and among the RDS snapshots", "none in either", command)
        return tuple(found)
    if not point.vault:
        find(f"a recovery point in the vault {request.vault}", "an RDS snapshot alone", command)
    if not point.snapshot_id:
        find(
            "an RDS snapshot",
            "a recovery point of the vault alone",
            snapshots_command(request.target),
        )
    ends = request.at + request.days * DAY
    if point.vault and (point.expires_at is None or point.expires_at > ends + DAY + SLACK):
        seen = f"until {point.expires_at:%Y-%m-%d %H:%M} UTC" if point.expires_at else "for ever"
        find(f"to be kept for {counted(request.days, 'day')}", seen, command)
    if point.snapshot_id and not point.made_by_drill:
        find(
            f"the tag {aws.RUN_TAG}, so that it counts for no freshness",
            "a snapshot without it",
            f"aws backup tag-resource --resource-arn {arn} --tags {aws.RUN_TAG}={request.run_id}",
        )
    return tuple(found)


def _facts(reached: OpenTarget, request: BackupRequest, result: BackupResult) -> dict[str, Any]:
    point = result.point
    return {
        "target": request.name,
        "instance": request.target.instance,
        "simulated": reached.config.simulated,
        "run_id": request.run_id,
        "job_id": result.job["BackupJobId"],
        "recovery_point": result.job.get("RecoveryPointArn"),
        "vault": point.vault if point else None,
        "snapshot": point.snapshot_id if point else None,
        "data_time": point.data_time if point else None,
        "expires_at": point.expires_at if point else None,
        "seconds": _seconds(result.job),
        "made_by_drill": bool(point and point.made_by_drill),
        "exit_code": VERIFICATION_FAILED if result.findings else 0,
        "findings": [
            {"expected": each.expected, "found": each.found, "to do": each.message} for each in result.findings
        ],
    }


def _seconds(job: dict[str, Any]) -> float | None:
    ended = job.get("CompletionDate")
    return (ended - job["CreationDate"]).total_seconds() if ended else None


def _show(reached: OpenTarget, request: BackupRequest, result: BackupResult) -> None:
    if reached.config.simulated:
        print("SIMULATED: says nothing about recovery on AWS")
    point, seconds = result.point, _seconds(result.job)
    took = f" in {show_duration(seconds)}" if seconds is not None else ""
    print(f"{request.target.instance} was backed up{took}: {result.job.get('RecoveryPointArn')}")
    if point is not None and not result.findings:
        print(f"in the vault {point.vault}, and among the RDS snapshots as {point.snapshot_id}")
        print(
            f"holds data of {point.data_time:%Y-%m-%d %H:%M:%S} UTC, is kept until {point.expires_at:%Y-%m-%d %H:%M} UTC"
        )
        print(f"tagged {aws.RUN_TAG}={request.run_id}: it counts for no freshness, and no drill restores it by itself")
    for finding in result.findings:
        print(f"expected {finding.expected}, found {finding.found}: {finding.message}")


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES, parents=(TARGET_OPTIONS,), paths=("config",))
