"""How `drills posture` shows what it has judged."""

from __future__ import annotations

import pytest

from drills.cli.posture import short_names

ACCOUNT, REGION = "123456789012", "eu-central-1"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"arn:aws:rds:{REGION}:{ACCOUNT}:db:orders", "orders"),
        (f"arn:aws-cn:rds:{REGION}:{ACCOUNT}:snapshot:awsbackup:job-1 is old", "awsbackup:job-1 is old"),
        (f"key arn:aws:kms:{REGION}:{ACCOUNT}:key/1-2", "key key/1-2"),
        (f"vault arn:aws:backup:{REGION}:{ACCOUNT}:backup-vault:nightly", "vault nightly"),
        (f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders", "orders"),
        (f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/vol-1 and arn:aws:ec2:{REGION}::snapshot/snap-1", "vol-1 and snap-1"),
        (f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/fs-1", "fs-1"),
        # what is elsewhere keeps its whole name: that it is elsewhere is what it says
        (f"arn:aws:rds:us-east-1:{ACCOUNT}:db:orders", f"arn:aws:rds:us-east-1:{ACCOUNT}:db:orders"),
        (f"arn:aws:rds:{REGION}:999999999999:db:orders", f"arn:aws:rds:{REGION}:999999999999:db:orders"),
        (f"arn:aws:iam::{ACCOUNT}:role/backup", f"arn:aws:iam::{ACCOUNT}:role/backup"),
        ("no name of AWS", "no name of AWS"),
    ],
)
def test_the_account_and_region_of_the_heading_are_not_repeated(text: str, shown: str) -> None:
    """Only what lies in both has a short name."""
    assert short_names(text, ACCOUNT, REGION) == shown
