"""A KMS key that is disabled or deleted: nothing that it encrypts can be restored, copied or reached."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from tests.support.sandbox import RunningSandbox, end_sandbox, start_sandbox
from tests.support.service import DELAYS, Instance, eventually, make_instance

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]

DAY = 24 * 3600.0
RECOVERABLE = "inaccessible-encryption-credentials-recoverable"


@pytest.fixture(scope="module")
def aws() -> Iterator[RunningSandbox]:
    """A sandbox for this module, whose clock is wound by days."""
    running = start_sandbox(delays=DELAYS)
    yield running
    assert end_sandbox(running) == 0


def sealed(aws: RunningSandbox, name: str) -> tuple[Instance, str]:
    """An encrypted instance with a snapshot and a recovery point of its name, and its key's id."""
    key = str(aws.client("kms").create_key()["KeyMetadata"]["KeyId"])
    made = make_instance(aws, name, StorageEncrypted=True, KmsKeyId=key)
    aws.client("rds").create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=name)
    made.available()
    return made, key


def status(instance: Instance) -> str:
    """Return the instance's present status."""
    return str(instance.described()["DBInstanceStatus"])


def code_of(call: Callable[..., Any], **given: Any) -> str:
    """Return the error code of a refused call."""
    with pytest.raises(ClientError) as refused:
        call(**given)
    return str(refused.value.response["Error"]["Code"])


def test_a_disabled_key_stops_what_needs_it_until_it_is_enabled(aws: RunningSandbox) -> None:
    """KMSKeyNotAccessibleFault for restore, copy and create (RDS API reference); the instance is out of reach."""
    rds, kms = aws.client("rds"), aws.client("kms")
    made, key = sealed(aws, "sealed")
    kms.disable_key(KeyId=kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"])

    assert status(made) == RECOVERABLE
    with pytest.raises(psycopg.OperationalError):
        made.connect()
    restore = {"DBInstanceIdentifier": "sealed-2", "DBSnapshotIdentifier": "sealed"}
    copy = {"SourceDBSnapshotIdentifier": "sealed", "TargetDBSnapshotIdentifier": "sealed-copy"}
    snapshot = {"DBInstanceIdentifier": "sealed", "DBSnapshotIdentifier": "sealed-3"}
    assert code_of(rds.restore_db_instance_from_db_snapshot, **restore) == "KMSKeyNotAccessibleFault"
    assert code_of(rds.copy_db_snapshot, **copy) == "KMSKeyNotAccessibleFault"
    assert code_of(rds.create_db_snapshot, **snapshot) == "InvalidDBInstanceState"
    assert code_of(rds.start_db_instance, DBInstanceIdentifier="sealed") == "KMSKeyNotAccessibleFault"

    kms.enable_key(KeyId=key)
    assert status(made) == RECOVERABLE
    rds.start_db_instance(DBInstanceIdentifier="sealed")
    made.available()
    with made.connect() as session:
        assert session.execute("SELECT count(*) FROM shop.orders").fetchone() == (3,)
    rds.restore_db_instance_from_db_snapshot(**restore)
    Instance(aws, "sealed-2", made.password).available()


def test_aws_backup_cannot_use_a_disabled_key(aws: RunningSandbox) -> None:
    """A backup job of the instance makes no point, however long it waits; nothing is restored from the one before."""
    backup, rds = aws.client("backup"), aws.client("rds")
    made, key = sealed(aws, "vaulted")
    backup.create_backup_vault(BackupVaultName="vaulted")
    wanted = {
        "BackupVaultName": "vaulted",
        "ResourceArn": made.described()["DBInstanceArn"],
        "IamRoleArn": "arn:aws:iam::123456789012:role/backup",
    }
    first = backup.start_backup_job(**wanted)["BackupJobId"]
    eventually(lambda: backup.describe_backup_job(BackupJobId=first)["State"] == "COMPLETED", "the backup")
    point = backup.describe_backup_job(BackupJobId=first)["RecoveryPointArn"]
    made.available()
    aws.client("kms").disable_key(KeyId=key)

    second = backup.start_backup_job(**wanted)["BackupJobId"]
    aws.control.forward(9 * 3600.0)  # beyond the start window of eight hours
    ends = ("FAILED", "EXPIRED")
    eventually(lambda: backup.describe_backup_job(BackupJobId=second)["State"] in ends, "the job to end")
    points = backup.list_recovery_points_by_backup_vault(BackupVaultName="vaulted")["RecoveryPoints"]
    assert [each["RecoveryPointArn"] for each in points] == [point]
    restore = {"DBInstanceIdentifier": "vaulted-2", "DBSnapshotIdentifier": point}
    assert code_of(rds.restore_db_instance_from_db_snapshot, **restore) == "KMSKeyNotAccessibleFault"
    names = [each["DBInstanceIdentifier"] for each in rds.describe_db_instances()["DBInstances"]]
    assert "vaulted-2" not in names


def test_a_key_that_waits_for_its_deletion_can_be_kept(aws: RunningSandbox) -> None:
    """KMS API reference: PendingDeletion at once, Disabled after CancelKeyDeletion, KMSInvalidStateException else."""
    kms, rds = aws.client("kms"), aws.client("rds")
    made, key = sealed(aws, "kept")

    def state() -> str:
        return str(kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"])

    assert code_of(kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=5) == "ValidationException"
    assert code_of(kms.cancel_key_deletion, KeyId=key) == "KMSInvalidStateException"
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert (state(), status(made)) == ("PendingDeletion", RECOVERABLE)
    assert code_of(kms.enable_key, KeyId=key) == "KMSInvalidStateException"
    restore = {"DBInstanceIdentifier": "kept-2", "DBSnapshotIdentifier": "kept"}
    assert code_of(rds.restore_db_instance_from_db_snapshot, **restore) == "KMSKeyNotAccessibleFault"

    kms.cancel_key_deletion(KeyId=key)
    assert state() == "Disabled"
    kms.enable_key(KeyId=key)
    rds.start_db_instance(DBInstanceIdentifier="kept")
    made.available()


def test_a_deleted_key_takes_its_data_with_it(aws: RunningSandbox) -> None:
    """After the waiting period the key is gone, the instance is lost, and its snapshot cannot be restored."""
    kms, rds = aws.client("kms"), aws.client("rds")
    made, key = sealed(aws, "lost")
    kms.create_alias(AliasName="alias/lost", TargetKeyId=key)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)

    aws.control.forward(7 * DAY + 60)
    eventually(lambda: status(made) == "inaccessible-encryption-credentials", "the instance to be lost")
    eventually(lambda: key not in [each["KeyId"] for each in kms.list_keys()["Keys"]], "the key to be gone")
    assert code_of(kms.describe_key, KeyId=key) == "NotFoundException"
    assert "alias/lost" not in [each["AliasName"] for each in kms.list_aliases()["Aliases"]]
    restore = {"DBInstanceIdentifier": "lost-2", "DBSnapshotIdentifier": "lost"}
    assert code_of(rds.restore_db_instance_from_db_snapshot, **restore) == "KMSKeyNotAccessibleFault"
    assert code_of(rds.start_db_instance, DBInstanceIdentifier="lost") == "InvalidDBInstanceState"
    rds.delete_db_instance(DBInstanceIdentifier="lost", SkipFinalSnapshot=True)
