"""Lets another account of the sandbox own the vault that a target is drilled from: an air-gapped one, shared with the run's own.

The point of the source is copied into it as a copy action of a plan would, and lies there alone as far as the drill knows.
"""

from __future__ import annotations

import json
import os

from drills.aws import session
from drills.aws.session import Clients
from drills.clock import SystemClock, wait_until
from drills.config.load import Config
from drills.config.target import RestoreConfig
from drills.errors import SandboxError
from drills.record import Journal
from drills.run.scene import plan
from drills.run.scene.resource import Scene

DAYS = {"MinRetentionDays": 7, "MaxRetentionDays": 30}
KEPT = {"DeleteAfterDays": 7}
COPY = "backup:CopyIntoBackupVault"


def lend_as_asked(scene: Scene, point: str, journal: Journal) -> str:
    """Lend the vault of a point where the target says that another account owns it; return the ARN that a drill restores from."""
    if not scene.effective.target.vault_access.account:
        return point
    journal.enter("lend the vault", note="an air-gapped one, which another account owns and shares")
    return _lend(scene.clients, scene.effective, scene.service.endpoint, point)


def key_of_source(scene: Scene) -> dict[str, str]:
    """Return the key of a source whose vault is lent, as the request that makes it has it; nothing of any other source.

    AWS Backup copies nothing that it does not manage fully under a key of AWS's own into an air-gapped vault, and the account of
    the vault has to be let use the key.
    """
    account = scene.effective.target.vault_access.account
    if not account:
        return {}
    clients = scene.clients
    policy = _lets_in("kms:*", account, clients.account)
    made = clients.kms.create_key(Description="the source, whose vault is lent", Policy=policy)
    return {"KmsKeyId": str(made["KeyMetadata"]["Arn"])}


def _lend(clients: Clients, effective: Config, endpoint: str, point: str) -> str:
    """Copy a recovery point into the vault of that account, and share the vault; return the ARN of the copy."""
    target, account = effective.target, effective.target.vault_access.account
    vault = str(target.vault)
    owner = session.open_clients(
        effective.profile,
        environment=os.environ,
        endpoint_url=endpoint,
        restore=RestoreConfig(role_arn=f"arn:aws:iam::{account}:role/owner"),
        role="stage",
    )
    made = owner.backup.create_logically_air_gapped_backup_vault(BackupVaultName=vault, **DAYS)["BackupVaultArn"]
    owner.backup.put_backup_vault_access_policy(BackupVaultName=vault, Policy=_lets_in(COPY, clients.account))
    owner.client("ram").create_resource_share(name=vault, resourceArns=[made], principals=[clients.account])
    job = clients.backup.start_copy_job(
        RecoveryPointArn=point,
        SourceBackupVaultName=vault,
        DestinationBackupVaultArn=made,
        IamRoleArn=plan.role_arn(clients),
        Lifecycle=KEPT,
    )["CopyJobId"]

    def copied() -> str | None:
        seen = clients.backup.describe_copy_job(CopyJobId=job)["CopyJob"]
        if seen["State"] == "FAILED":
            raise SandboxError(f"expected the copy job to complete, found: {seen.get('StatusMessage', '')}")
        return str(seen["DestinationRecoveryPointArn"]) if seen["State"] == "COMPLETED" else None

    every = effective.profile.poll_every.total_seconds()
    return wait_until(copied, 60.0, SystemClock(), every=every, what="the copy")


def _lets_in(action: str, *accounts: str) -> str:
    roots = [f"arn:aws:iam::{each}:root" for each in accounts]
    statement = {"Effect": "Allow", "Principal": {"AWS": roots}, "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
