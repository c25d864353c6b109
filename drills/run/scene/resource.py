"""What the stages share: the local AWS that a scene is set in; and of what is no database, the backup, its plan, and the errors.

A stage is a process of its own, which the supervisor starts with the folder of the run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws.recorder import CallRecorder
from drills.aws.session import Clients
from drills.clock import SystemClock, wait_until
from drills.config.load import Config
from drills.errors import COULD_NOT_RUN, DrillError, SandboxError
from drills.record import Journal
from drills.run import context, lifeline
from drills.run.scene import plan


@dataclass(frozen=True, slots=True)
class Scene:
    """What a run was asked for, and the local AWS that answers: its clients for the source's side and for that of the copies."""

    choices: context.RunOptions
    effective: Config
    service: context.LocalAws
    clients: Clients
    scratch_clients: Clients


def open_scene(folder: Path) -> Scene:
    """Return the scene of the run in this folder, which nobody has set yet. Raises SandboxError where no local AWS answers."""
    choices, service = context.read(folder), context.local_aws_of(folder)
    if service is None:
        raise SandboxError("expected the local AWS to answer before the scene is set, found none")
    effective = choices.effective()
    clients = context.identified_clients(effective, service, CallRecorder(folder, "stage"), "stage")
    return Scene(choices, effective, service, *clients)


def carry_out(arguments: Sequence[str] | None, stage: Callable[[Path, Journal], None]) -> int:
    """Set a scene in the folder that the arguments name; 0, or the exit code of the error that is then in the run record."""
    lifeline.end_when_orphaned()
    (folder,) = map(Path, sys.argv[1:] if arguments is None else arguments)
    journal = Journal.open(folder)
    try:
        stage(folder, journal)
    except DrillError as error:
        journal.failure(str(error), error.exit_code)
        return error.exit_code
    except (ClientError, BotoCoreError, TimeoutError, OSError) as error:
        sentence = f"expected to set the scene in the sandbox, found: {' '.join(str(error).split())}: see stage.log"
        journal.failure(sentence, COULD_NOT_RUN)
        raise
    return 0


def protect(scene: Scene, arn: str, journal: Journal) -> str:
    """Make the vault, back the source up, and make its plan; return the ARN of the newest recovery point."""
    journal.enter("back up", note="AWS Backup, on demand, beside a plan")
    clients, effective = scene.clients, scene.effective
    target, poll = effective.target, effective.profile.poll_every.total_seconds()
    clients.backup.create_backup_vault(BackupVaultName=target.vault)
    for _ in range(1 if target.sample.kind == "newest" else 2):
        point = back_up(clients, arn, str(target.vault), poll)
    journal.append("notes", plan.make(clients, plan.wanted(effective, clients), SystemClock().now()))
    return point


def back_up(clients: Clients, arn: str, vault: str, poll: float) -> str:
    """Back a resource up on demand and return the ARN of the recovery point once the job has completed."""
    asked = {"BackupVaultName": vault, "ResourceArn": arn, "IamRoleArn": plan.role_arn(clients)}
    job = clients.backup.start_backup_job(**asked)["BackupJobId"]

    def completed() -> bool:
        seen = clients.backup.describe_backup_job(BackupJobId=job)
        if seen["State"] in ("FAILED", "ABORTED", "EXPIRED"):
            raise SandboxError(
                f"expected the backup job to complete, found it {seen['State']}: {seen.get('StatusMessage', '')}"
            )
        return bool(seen["State"] == "COMPLETED")

    wait_until(completed, 60.0, SystemClock(), every=poll, what="the backup")
    return str(clients.backup.describe_backup_job(BackupJobId=job)["RecoveryPointArn"])
