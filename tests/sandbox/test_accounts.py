"""Several accounts in one sandbox: copies of recovery points, shared snapshots, and the roles that lead there."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from drills.sandbox.sts import trusts
from tests.support.accounts import (
    EXTERNAL_ID,
    HOME,
    RECOVERY,
    RecoveryAccount,
    assume,
    copied,
    lend_key,
    open_account,
)
from tests.support.rds import Instance, back_up, code, create, delete, eventually
from tests.support.sandbox import RunningSandbox

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]


@pytest.fixture(scope="module")
def account(sandbox: RunningSandbox) -> RecoveryAccount:
    """The other account."""
    return open_account(sandbox)


@pytest.fixture(scope="module")
def source(sandbox: RunningSandbox) -> Any:
    """An instance under a key of production's own, with a row, in a vault."""
    key = sandbox.client("kms").create_key()["KeyMetadata"]["Arn"]
    made = create(sandbox, "two-accounts", StorageEncrypted=True, KmsKeyId=key)
    made.available()
    made.run("CREATE TABLE item AS SELECT 'kept' AS name")
    sandbox.client("backup").create_backup_vault(BackupVaultName="two-accounts")
    yield made
    delete(made)


@pytest.fixture(scope="module")
def point(source: Instance) -> str:
    """A recovery point of the source."""
    return back_up(source, "two-accounts")


def restored(account: RecoveryAccount, source: Instance, name: str, snapshot: str) -> str:
    """What an instance that is restored from a snapshot in the other account holds; the instance is removed."""
    rds = account.client("rds")
    rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=snapshot)

    def there() -> dict[str, Any] | None:
        (seen,) = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        return dict(seen) if seen["DBInstanceStatus"] == "available" else None

    seen = eventually(there, name)
    assert seen["DBInstanceArn"].split(":")[4] == RECOVERY
    address = seen["Endpoint"]
    with source.connect(host=address["Address"], port=address["Port"]) as session:
        row = session.execute("SELECT name FROM item").fetchone()
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    assert row is not None
    return str(row[0])


def test_a_copy_in_another_account_needs_its_vault_and_both_keys(
    sandbox: RunningSandbox, account: RecoveryAccount, source: Instance, point: str
) -> None:
    """Vault policy, a key lent by its owner, and a key of the customer's in the vault: each missing one fails the job."""
    closed = account.make_vault("closed", opened=False)
    managed = account.make_vault("managed", key=False)
    vault = account.make_vault("copies")
    key = source.described()["KmsKeyId"]

    def message(into: str) -> str:
        job = copied(sandbox, point, "two-accounts", into)
        assert job["State"] == "FAILED"
        return str(job["StatusMessage"])

    assert message(closed) == "Access Denied trying to call AWS Backup service"
    assert key in message(vault)
    lend_key(sandbox, key)
    assert "managed is encrypted with a key that AWS manages" in message(managed)
    elsewhere = account.client("backup", "us-east-1").create_backup_vault(BackupVaultName="far")["BackupVaultArn"]
    assert "another account and another region at once" in message(elsewhere)

    job = copied(sandbox, point, "two-accounts", vault)
    assert job["State"] == "COMPLETED", job
    (kept,) = account.client("backup").list_recovery_points_by_backup_vault(BackupVaultName="copies")["RecoveryPoints"]
    assert kept["RecoveryPointArn"] == job["DestinationRecoveryPointArn"]
    assert (kept["ResourceArn"], kept["SourceBackupVaultArn"].split(":")[4]) == (
        source.described()["DBInstanceArn"],
        HOME,
    )
    name = job["DestinationRecoveryPointArn"].split(":", 6)[6]
    assert restored(account, source, "from-a-copy", name) == "kept"
    seen = sandbox.client("rds").describe_db_snapshots(DBInstanceIdentifier=source.name)["DBSnapshots"]
    assert name not in [each["DBSnapshotIdentifier"] for each in seen]


def test_a_shared_snapshot_is_restored_by_arn_and_an_encrypted_one_through_a_copy(
    sandbox: RunningSandbox, account: RecoveryAccount, source: Instance
) -> None:
    """RDS User Guide, "Sharing a DB snapshot": by its ARN, listed as shared; an encrypted one needs a lent key and a copy."""
    rds, there = sandbox.client("rds"), account.client("rds")
    arn = rds.create_db_snapshot(DBInstanceIdentifier=source.name, DBSnapshotIdentifier="for-others")["DBSnapshot"][
        "DBSnapshotArn"
    ]
    source.available()

    def shared() -> list[str]:
        return [each["DBSnapshotArn"] for each in there.describe_db_snapshots(SnapshotType="shared")["DBSnapshots"]]

    def copy(**more: str) -> None:
        there.copy_db_snapshot(SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier="ours", **more)

    with pytest.raises(ClientError) as refused:
        copy()
    assert (code(refused), shared()) == ("DBSnapshotNotFound", [])
    rds.modify_db_snapshot_attribute(DBSnapshotIdentifier="for-others", AttributeName="restore", ValuesToAdd=[RECOVERY])
    assert shared() == [arn]
    assert arn not in [each["DBSnapshotArn"] for each in there.describe_db_snapshots()["DBSnapshots"]]
    assert arn in [each["DBSnapshotArn"] for each in there.describe_db_snapshots(IncludeShared=True)["DBSnapshots"]]

    with pytest.raises(ClientError, match="shared and encrypted"):
        there.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="never", DBSnapshotIdentifier=arn)
    with pytest.raises(ClientError, match="KmsKeyId is required"):
        copy()
    lend_key(sandbox, source.described()["KmsKeyId"])
    copy(KmsKeyId=account.client("kms").create_key()["KeyMetadata"]["Arn"])
    eventually(
        lambda: there.describe_db_snapshots(DBSnapshotIdentifier="ours")["DBSnapshots"][0]["Status"] == "available",
        "the copy",
    )
    assert restored(account, source, "from-a-share", "ours") == "kept"


def test_a_role_is_assumed_with_its_external_id_alone(sandbox: RunningSandbox, account: RecoveryAccount) -> None:
    """A trust policy that asks for an external id lets nobody in without it, and a role that trusts others nobody at all."""
    given = assume(sandbox, account.role_arn, ExternalId=EXTERNAL_ID)
    assert sandbox.client("sts", **given).get_caller_identity()["Account"] == RECOVERY
    for wrong in ({}, {"ExternalId": "another"}):
        with pytest.raises(ClientError) as refused:
            assume(sandbox, account.role_arn, **wrong)
        assert code(refused) == "AccessDenied"


@pytest.mark.parametrize(
    ("principal", "condition", "external_id", "trusted"),
    [
        ("arn:aws:iam::123456789012:root", {}, None, True),
        ("123456789012", {}, None, True),
        ("arn:aws:iam::123456789012:role/drill", {}, None, True),
        ("arn:aws:iam::999999999999:root", {}, None, False),
        ("*", {"StringEquals": {"sts:ExternalId": ["a", "b"]}}, "b", True),
        ("*", {"StringEquals": {"sts:ExternalId": "a"}}, "b", False),
        ("*", {"StringEquals": {"sts:ExternalId": "a"}}, None, False),
    ],
)
def test_trust_is_read_as_iam_reads_it(principal: str, condition: Any, external_id: str | None, trusted: bool) -> None:
    """An account, one of its principals or everybody, and each condition met."""
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole", "Condition": condition}
    assert trusts({"Statement": [statement]}, HOME, external_id) is trusted
