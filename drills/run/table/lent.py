"""Lets another account of the sandbox own the vault that a table is drilled from: an air-gapped one, shared with the run's own.

The point of the table is copied into it as a copy action of a plan would, and lies there alone as far as the drill knows.
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
from drills.run.scene import plan

DAYS = {"MinRetentionDays": 7, "MaxRetentionDays": 30}
KEPT = {"DeleteAfterDays": 7}


def lend(clients: Clients, effective: Config, endpoint: str, point: str) -> str:
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
    owner.backup.put_backup_vault_access_policy(BackupVaultName=vault, Policy=_lets_in(clients.account))
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


def _lets_in(account: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "backup:CopyIntoBackupVault",
        "Resource": "*",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
