"""The protection of a staged source beside its plan: a key of its own, a role, a vault whose points nobody deletes.

A customer's account has these; without them the posture of a staged source would not be as it should be.
"""

from __future__ import annotations

import json

from drills.aws.session import Clients

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}  # fmt: skip
DENY_DELETION = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle"],
            "Resource": "*",
        }
    ],
}


def make_key(clients: Clients) -> str:
    """Return a key of the customer's, for the source and so for its recovery points; its ARN."""
    return str(clients.kms.create_key(Description="the source and its backups")["KeyMetadata"]["Arn"])


def protect(clients: Clients, vault: str, role: str) -> None:
    """Make the role that AWS Backup assumes, and a policy under which nobody deletes the vault's points."""
    clients.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(TRUST))
    clients.backup.put_backup_vault_access_policy(BackupVaultName=vault, Policy=json.dumps(DENY_DELETION))
