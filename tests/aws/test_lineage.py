"""The lineage of a recovery point: what AWS says of it, and what it does not."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any
from unittest.mock import MagicMock

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from drills.aws.lineage import lineage_of, read_lineage
from drills.aws.session import Clients
from drills.model.lineage import UNKNOWN, Lineage
from tests.support.clock import NOON
from tests.support.points import POINT, point_of

VAULT_ARN = "arn:aws:backup:eu-central-1:123456789012:backup-vault:vault"
OTHER_ARN = "arn:aws:backup:eu-west-1:123456789012:backup-vault:other"
DESCRIBED = {
    "RecoveryPointArn": POINT.arn,
    "BackupVaultArn": VAULT_ARN,
    "ResourceArn": "arn:aws:rds:eu-central-1:123456789012:db:orders",
    "VaultType": "BACKUP_VAULT",
    "InitiationDate": NOON - timedelta(hours=4),
    "IsParent": False,
    "CreatedBy": {
        "BackupPlanName": "nightly",
        "BackupPlanId": "1",
        "BackupRuleName": "night",
        "BackupRuleCron": "cron(0 3 * * ? *)",
        "BackupRuleTimezone": "Europe/Berlin",
    },
}


def _clients(**kms: Any) -> tuple[Clients, MagicMock]:
    rds, backup, keys = MagicMock(), MagicMock(), MagicMock(**kms)
    backup.describe_recovery_point.return_value = DESCRIBED
    backup.describe_backup_vault.return_value = {"VaultType": "BACKUP_VAULT", "Locked": True, "LockDate": NOON}
    other = {"RecoveryPointArn": "another", "VaultLockState": "UNLOCKED", "ParentJobId": "wrong"}
    own = {"RecoveryPointArn": POINT.arn, "VaultLockState": "LOCKED"}
    backup.get_paginator.return_value.paginate.return_value = [{"BackupJobs": [other]}, {"BackupJobs": [own]}]
    snapshot = {"StorageEncryptionType": "sse-kms", "KmsKeyId": "arn:aws:kms:eu-central-1:1:key/k"}
    rds.describe_db_snapshots.return_value = {"DBSnapshots": [snapshot]}
    keys.describe_key.return_value = {"KeyMetadata": {"KeyManager": "CUSTOMER"}}
    made = Clients(rds, backup, MagicMock(), MagicMock(), MagicMock(), MagicMock(), keys, region="eu-central-1")
    return made, keys


def test_everything_that_aws_says_is_in_the_lineage() -> None:
    """Vault, lock, key, rule and job are read from the calls that know them; the job is the point's own, on any page."""
    clients, _ = _clients()
    assert read_lineage(clients, POINT) == Lineage(
        vault_type="BACKUP_VAULT",
        vault_locked=True,
        vault_lock_date=NOON,
        vault_lock_at_backup="LOCKED",
        storage_encryption="sse-kms",
        key_manager="CUSTOMER",
        initiated_at=NOON - timedelta(hours=4),
        plan="nightly",
        rule="night",
        rule_cron="cron(0 3 * * ? *)",
        rule_timezone="Europe/Berlin",
        is_parent=False,
        parent="",
        copied_from="",
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeKey"), "AccessDeniedException"),
        (EndpointConnectionError(endpoint_url="https://kms"), "EndpointConnectionError"),
    ],
)
def test_a_call_that_is_refused_leaves_its_part_unknown_and_is_named(error: Exception, said: str) -> None:
    """Missing rights for one call cost that part alone, never the drill."""
    clients, keys = _clients()
    keys.describe_key.side_effect = error
    found = read_lineage(clients, POINT)
    assert found.key_manager == UNKNOWN
    assert found.vault_locked is True
    assert found.not_read == (f"DescribeKey: {said}",)


def test_what_aws_does_not_say_is_unknown() -> None:
    """Nothing is concluded from an absent member: neither "not locked" nor "no parent" nor "no copy"."""
    assert lineage_of({}, {}, {}, {}, {}) == Lineage()


def test_a_snapshot_outside_of_a_vault_asks_no_vault() -> None:
    """A manual snapshot lies in no vault of AWS Backup; its own encryption is read all the same."""
    clients, _ = _clients()
    found = read_lineage(clients, point_of("mine", vault=None, kind="manual"))
    assert found.storage_encryption == "sse-kms"
    assert found.vault_type == UNKNOWN
    clients.backup.describe_recovery_point.assert_not_called()


def test_the_snapshot_of_a_cluster_is_asked_for_as_one() -> None:
    """By its own operation; the key that it is under, and the cluster snapshot that it was copied from, are read as of others."""
    clients, keys = _clients()
    raw = {"KmsKeyId": "arn:aws:kms:eu-central-1:1:key/c", "SourceDBClusterSnapshotArn": "arn:aws:rds:eu-west-1:1:s"}
    clients.rds.describe_db_cluster_snapshots.return_value = {"DBClusterSnapshots": [raw]}
    arn = "arn:aws:rds:eu-central-1:123456789012:cluster-snapshot:mine"
    found = read_lineage(clients, dataclasses.replace(point_of("mine", vault=None, kind="manual"), arn=arn))
    asked = {"DBClusterSnapshotIdentifier": "mine", "SnapshotType": "manual"}
    clients.rds.describe_db_cluster_snapshots.assert_called_once_with(**asked)
    keys.describe_key.assert_called_once_with(KeyId="arn:aws:kms:eu-central-1:1:key/c")
    assert (found.copied_from, found.key_manager, found.not_read) == ("arn:aws:rds:eu-west-1:1:s", "CUSTOMER", ())


@pytest.mark.parametrize(
    ("point", "snapshot", "origin"),
    [
        (DESCRIBED | {"SourceBackupVaultArn": OTHER_ARN}, {}, OTHER_ARN),
        (DESCRIBED | {"SourceBackupVaultArn": VAULT_ARN}, {}, ""),
        (
            DESCRIBED,
            {"SourceDBSnapshotIdentifier": "arn:aws:rds:eu-west-1:1:snapshot:s"},
            "arn:aws:rds:eu-west-1:1:snapshot:s",
        ),
        (DESCRIBED, {}, ""),
    ],
)
def test_a_copy_names_what_it_was_copied_from(point: dict[str, Any], snapshot: dict[str, Any], origin: str) -> None:
    """A point whose source vault is its own is no copy (DescribeRecoveryPoint, SourceBackupVaultArn)."""
    assert lineage_of(point, {}, {}, snapshot, {}).copied_from == origin


def test_a_part_of_a_composite_names_its_parent() -> None:
    """The composite recovery point, else the job that is the parent of the point's own."""
    assert lineage_of(DESCRIBED | {"ParentRecoveryPointArn": "whole"}, {}, {}, {}, {}).parent == "whole"
    assert lineage_of(DESCRIBED, {}, {"ParentJobId": "whole job"}, {}, {}).parent == "whole job"
