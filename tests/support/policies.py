"""The IAM policies of infra/iam with an account filled in, and what each command of the suite calls."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator
from string import Template
from typing import Any

from tests.support.paths import CHECKOUT

FOLDER = CHECKOUT / "infra/iam"
ACCOUNT, REGION = "123456789012", "eu-central-1"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/00000000-0000-4000-8000-000000000001"
VALUES = {
    "account": ACCOUNT,
    "region": REGION,
    "vault_account": "210987654321",
    "source": "orders",
    "renamed": "orders-old",
    "parameter_group": "drills-parameters",
    "subnet_group": "drills-subnets",
    "vault": "orders-vault",
    "vpc": "vpc-00000000000000001",
    "cluster": "orders",
    "service": "orders",
    "key_arn": KEY,
    "signing_key_arn": KEY.replace("0001", "0002"),
    "manifest_key_arn": KEY.replace("0001", "0003"),
    "backup_role_arn": f"arn:aws:iam::{ACCOUNT}:role/backup",
    "restore_role_arn": f"arn:aws:iam::{ACCOUNT}:role/restore",
    "monitoring_role_arn": f"arn:aws:iam::{ACCOUNT}:role/monitoring",
    "secret_arn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:orders/database-AbCdEf",
    "notices_secret_arn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:orders/notices-AbCdEf",
    "topic_arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:recovery-drills",
    "evidence_bucket": "orders-evidence",
    "manifest_bucket": "orders-manifests",
    "journal_bucket": "orders-journal",
    "bucket": "invoices",
}
NAMES = (
    "air-gapped",
    "aurora",
    "aurora-cutover",
    "aurora-reader",
    "aurora-validator",
    "backup",
    "cutover",
    "drill",
    "dynamodb",
    "dynamodb-reader",
    "ebs",
    "efs",
    "evidence",
    "lock",
    "manifest",
    "manifest-reader",
    "metrics",
    "notices",
    "posture",
    "posture-resources",
    "restore",
    "s3",
    "sweep",
    "validator",
    "watch",
)
# IAM's names of actions where they are not those of the operations (Service Authorization Reference, Amazon S3)
ACTIONS = {
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:GetBucketCors": "s3:GetBucketCORS",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "s3:GetBucketReplication": "s3:GetReplicationConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
}


@functools.cache
def policy(name: str, **others: str) -> dict[str, Any]:
    """A policy with the values filled in, some of them `others`."""
    text = Template((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    read: dict[str, Any] = json.loads(text.substitute(VALUES | others))
    return read


def statements(name: str, effect: str = "Allow") -> Iterator[dict[str, Any]]:
    """The statements of a policy with that effect."""
    return (each for each in policy(name)["Statement"] if each["Effect"] == effect)


def listed(value: str | list[str]) -> list[str]:
    """One or several as a list."""
    return [value] if isinstance(value, str) else value


def allowed(name: str) -> set[str]:
    """The actions that a policy allows."""
    return {action for each in statements(name) for action in listed(each["Action"])}


def actions_of(operations: Iterable[str]) -> set[str]:
    """The actions by which IAM allows operations such as "rds:DescribeDBInstances" or "rds.DescribeDBInstances"."""
    named = (each.replace(".", ":").replace("efs:", "elasticfilesystem:") for each in operations)
    named = (each.replace("service-quotas:", "servicequotas:") for each in named)
    return {ACTIONS.get(each, each) for each in named}


@functools.cache
def calls() -> dict[str, dict[str, Any]]:
    """What each command calls, as tests/support/calls.json has it: each policy's "calls" and "without a call", with reasons."""
    read: dict[str, dict[str, Any]] = json.loads((CHECKOUT / "tests/support/calls.json").read_text(encoding="utf-8"))
    return read


# what a whole run of the sample does not call, and why
RARELY: dict[str, set[str]] = {
    "drill": {
        "backup:ListProtectedResources",  # of a fleet, with --discover
        *("ec2:DescribeSubnets", "ec2:DescribeVpcs"),  # where the source is gone, or lies elsewhere
        "logs:DeleteLogGroup",  # where RDS has exported logs of the copy
        "pricing:GetProducts",  # on AWS alone
        "rds:DescribeDBEngineVersions",  # where the drill takes an older point
    },
    "aurora": {
        "rds:RestoreDBClusterToPointInTime",  # to a moment
        *("rds:CopyDBClusterSnapshot", "rds:DeleteDBClusterSnapshot"),  # to another key or region
    },
    "aurora-cutover": {
        "backup:StartRestoreJob",  # where AWS Backup restores
        *("rds:RestoreDBClusterToPointInTime", "rds:DescribeDBClusterAutomatedBackups"),  # to a moment
        "rds:RebootDBInstance",  # where a parameter group waits for it
        *("rds:DeleteDBCluster", "rds:DeleteDBInstance"),  # resume --remove-old
    },
    "aurora-reader": {"rds:DescribeDBClusterAutomatedBackups"},  # preflight, where a moment is drilled
    "cutover": {
        *("backup:StartRestoreJob", "backup:DescribeRestoreJob", "backup:ListRestoreJobs"),  # where AWS Backup restores
        *("backup:GetRecoveryPointRestoreMetadata", "backup:GetBackupPlan"),  # where the source is gone
        *("rds:RestoreDBInstanceToPointInTime", "rds:DescribeDBInstanceAutomatedBackups"),  # to a moment
        *(
            "rds:AddTagsToResource",
            "rds:RebootDBInstance",
            "rds:DescribeDBProxyTargets",
        ),  # where there is something of it
        "rds:DeleteDBInstance",  # resume --remove-old
        *("s3:GetObject", "s3:ListBucket", "s3:PutObject"),  # a journal in S3
    },
}
