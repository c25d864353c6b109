"""AWS Backup of EFS file systems: recovery points of its own, and restores to new file systems by their creation token."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from tests.support.accounts import copied
from tests.support.backup import OTHER_REGION
from tests.support.file_systems import ID, SIZE, VAULT, KeptFileSystem, kept_file_system
from tests.support.kept import forget
from tests.support.rds import code
from tests.support.sandbox import RunningSandbox

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def kept(beating: RunningSandbox) -> Iterator[KeptFileSystem]:
    """An encrypted file system with a tag, backed up on demand."""
    beating.control.clear_faults()
    with kept_file_system(beating) as made:
        yield made


def test_a_point_of_a_file_system_is_aws_backups_own_under_the_key_of_its_vault(kept: KeptFileSystem) -> None:
    """Its ARN is AWS Backup's, with the size and the tags of the file system; its metadata name the file system alone."""
    described = kept.efs.describe_file_systems(FileSystemId=ID)["FileSystems"][0]
    assert (described["FileSystemArn"], described["SizeInBytes"]["Value"]) == (kept.arn, SIZE)
    assert described["KmsKeyId"].startswith("arn:aws:kms:")
    assert kept.point.startswith(f"arn:aws:backup:{kept.sandbox.region}:123456789012:recovery-point:")
    (point,) = kept.backup.list_recovery_points_by_backup_vault(BackupVaultName=VAULT, ByResourceType="EFS")[
        "RecoveryPoints"
    ]
    vault = kept.backup.describe_backup_vault(BackupVaultName=VAULT)
    assert (point["ResourceArn"], point["EncryptionKeyArn"]) == (kept.arn, vault["EncryptionKeyArn"])
    assert (point["BackupSizeInBytes"], point["ResourceType"]) == (SIZE, "EFS")
    assert kept.backup.list_tags(ResourceArn=kept.point)["Tags"] == {"team": "files"}
    asked = {"BackupVaultName": VAULT, "RecoveryPointArn": kept.point}
    assert kept.backup.get_recovery_point_restore_metadata(**asked)["RestoreMetadata"] == {"file-system-id": ID}
    tested = kept.backup.get_restore_testing_inferred_metadata(**asked)["InferredMetadata"]
    assert (tested["newfilesystem"], tested["performancemode"]) == ("true", "generalPurpose")
    with pytest.raises(ClientError) as refused:
        kept.backup.stop_backup_job(BackupJobId=kept.job["BackupJobId"])
    assert code(refused) == "NotImplemented"


def test_a_restored_file_system_has_its_token_and_what_the_metadata_say(kept: KeptFileSystem) -> None:
    """It is found by its token before the job has ended, with size and tags of the backup; a second of the token fails."""
    key = kept.efs.describe_file_systems(FileSystemId=ID)["FileSystems"][0]["KmsKeyId"]
    job = kept.start("one", Encrypted="true", KmsKeyId=key, PerformanceMode="maxIO")
    assert len(kept.of_token("one")) == 1
    ended = kept.ended(job)
    (made,) = kept.of_token("one")
    assert (ended["Status"], ended["CreatedResourceArn"]) == ("COMPLETED", made["FileSystemArn"])
    assert (made["LifeCycleState"], made["SizeInBytes"]["Value"]) == ("available", SIZE)
    assert (made["Encrypted"], made["KmsKeyId"], made["PerformanceMode"]) == (True, key, "maxIO")
    assert made["Tags"] == [{"Key": "team", "Value": "files"}]
    again = kept.ended(kept.start("one"))
    assert (again["Status"], len(kept.of_token("one"))) == ("FAILED", 1)
    assert "already exists" in again["StatusMessage"]
    kept.efs.delete_file_system(FileSystemId=made["FileSystemId"])
    failed = kept.ended(kept.start("two", Encrypted="true", KmsKeyId="alias/none"))
    assert (failed["Status"], kept.of_token("two")) == ("FAILED", [])
    for refused in ({"newFileSystem": "false"}, {"itemsToRestore": '["/a"]'}):
        with pytest.raises(ClientError) as absent:
            kept.start("three", **refused)
        assert code(absent) == "NotImplemented"


def test_a_copy_in_another_region_restores_there(kept: KeptFileSystem) -> None:
    """Its point is AWS Backup's own of that region, and so is the file system; no other is made here."""
    there = RunningSandbox(**{**vars(kept.sandbox), "region": OTHER_REGION})
    abroad = there.client("backup")
    vault = abroad.create_backup_vault(BackupVaultName="files-abroad")["BackupVaultArn"]
    job = copied(kept.sandbox, kept.point, VAULT, vault)
    assert job["State"] == "COMPLETED", job
    copy = KeptFileSystem(there, kept.arn, {"RecoveryPointArn": job["DestinationRecoveryPointArn"]})
    assert copy.point.startswith(f"arn:aws:backup:{OTHER_REGION}:")
    assert copy.ended(copy.start("far"))["Status"] == "COMPLETED"
    (made,) = copy.of_token("far")
    assert (made["SizeInBytes"]["Value"], kept.of_token("far")) == (SIZE, [])
    copy.efs.delete_file_system(FileSystemId=made["FileSystemId"])
    forget(there, "files-abroad")
