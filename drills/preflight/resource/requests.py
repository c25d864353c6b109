"""The requests to simulate the rights of a restore by AWS Backup with: of who drills, and of the role that restores. Pure.

Whoever asks for a restore passes the role on (Service Authorization Reference, AWS Backup, StartRestoreJob: iam:PassRole), and AWS
Backup makes the copy in its name. What that needs is what AWS's own policy for it allows about the kind, without what removes
(AWS managed policy reference, AWSBackupServiceRolePolicyForRestores).
"""

from __future__ import annotations

from drills.aws.databases.kinds import INSTANCE
from drills.preflight.facts import OF_VAULT_KEY
from drills.preflight.resource.kind import BACKUP, ResourceKind, Wanted
from drills.preflight.rights import Simulated

# without which AWS Backup is not asked for a restore and not watched; that a vault may not be described stops no drill
READS = (
    *("backup:DescribeRestoreJob", "backup:GetRecoveryPointRestoreMetadata"),
    "backup:ListRecoveryPointsByBackupVault",
)


def of_drill(kind: ResourceKind, wanted: Wanted) -> tuple[Simulated, ...]:
    """Return the requests of a drill, from the first read to the clean-up."""
    passed = wanted.everywhere | {"iam:PassedToService": BACKUP}
    return (
        Simulated((*READS, *kind.reads), ("*",), wanted.everywhere),
        Simulated(("backup:StartRestoreJob",), (wanted.point.arn,), wanted.everywhere),
        Simulated(("iam:PassRole",), (wanted.role,), passed),
        *kind.of_drill(wanted),
        *_lock(wanted),
    )


def _lock(wanted: Wanted) -> tuple[Simulated, ...]:
    """Return those of the lock of the target, which is a parameter group of an instance's always."""
    if not wanted.lock:
        return ()
    group, arn = INSTANCE.group, (wanted.arn("rds", f"{INSTANCE.group_arn}:{wanted.lock}"),)
    return (
        Simulated((f"rds:Describe{group}s", "rds:ListTagsForResource"), ("*",), wanted.everywhere),
        Simulated((f"rds:Create{group}", "rds:AddTagsToResource"), arn, wanted.tagged),
        Simulated((f"rds:Delete{group}",), arn, wanted.own),
    )


def of_job(kind: ResourceKind, wanted: Wanted) -> tuple[Simulated, ...]:
    """Return those of the restore job, with the keys that it uses through the service."""
    used = wanted.everywhere | {
        "kms:ViaService": f"{kind.service}.{wanted.region}.amazonaws.com",
        "kms:CallerAccount": wanted.account,
        "kms:GrantIsForAWSResource": True,
    }
    keys = ((kind.key_actions, wanted.keys), (OF_VAULT_KEY, wanted.vault_keys))
    return (*kind.of_job(wanted), *(Simulated(actions, arns, used) for actions, arns in keys if arns))
