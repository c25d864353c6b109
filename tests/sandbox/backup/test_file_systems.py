"""AWS Backup of EFS file systems: recovery points of its own, and restores to new file systems by their creation token."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.accounts import copied
from tests.support.backup import OTHER_REGION
from tests.support.rds import ROLE, code, eventually
from tests.support.sandbox import RunningSandbox
from tests.support.tables import forget, take

pytestmark = pytest.mark.sandbox
VAULT = "file-systems"
ID = "fs-00000000000000abc"
SIZE = 12345


@dataclass(frozen=True)
class Kept:
    """A file system that AWS Backup has backed up, and the job."""

    sandbox: RunningSandbox
    arn: str
    job: dict[str, Any]

    @property
    def point(self) -> str:
        """The ARN of its recovery point."""
        return str(self.job["RecoveryPointArn"])

    @property
    def backup(self) -> Any:
        """AWS Backup."""
        return self.sandbox.client("backup")

    @property
    def efs(self) -> Any:
        """EFS."""
        return self.sandbox.client("efs")

    def start(self, token: str, point: str = "", **metadata: str) -> str:
        """Begin a restore to a new file system of that token; the job's id."""
        asked = {"file-system-id": ID, "CreationToken": token, "newFileSystem": "true", **metadata}
        started = self.backup.start_restore_job(
            RecoveryPointArn=point or self.point, IamRoleArn=ROLE, Metadata=asked, CopySourceTagsToRestoredResource=True
        )
        return str(started["RestoreJobId"])

    def ended(self, job: str) -> dict[str, Any]:
        """A restore job once it has ended."""

        def probe() -> dict[str, Any] | None:
            seen = dict(self.backup.describe_restore_job(RestoreJobId=job))
            return None if seen["Status"] in ("PENDING", "RUNNING") else seen

        return dict(eventually(probe, "the restore job to end"))

    def of_token(self, token: str) -> list[dict[str, Any]]:
        """The file systems of a creation token."""
        return list(self.efs.describe_file_systems(CreationToken=token)["FileSystems"])


@pytest.fixture(scope="module")
def kept(beating: RunningSandbox) -> Iterator[Kept]:
    """An encrypted file system with a tag, backed up on demand."""
    beating.control.clear_faults()
    efs = beating.client("efs")
    tags = [{"Key": "team", "Value": "files"}]
    made = efs.create_file_system(CreationToken="source", PerformanceMode="maxIO", Encrypted=True, Tags=tags)
    beating.control.name_file_system(made["FileSystemId"], ID, SIZE)
    beating.client("backup").create_backup_vault(BackupVaultName=VAULT)
    arn = f"arn:aws:elasticfilesystem:{beating.region}:123456789012:file-system/{ID}"
    try:
        yield Kept(beating, arn, take(beating, arn, VAULT))
    finally:
        forget(beating, VAULT)
        for each in efs.describe_file_systems()["FileSystems"]:
            with contextlib.suppress(ClientError):
                efs.delete_file_system(FileSystemId=each["FileSystemId"])


def test_a_point_of_a_file_system_is_aws_backups_own_under_the_key_of_its_vault(kept: Kept) -> None:
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


def test_a_restored_file_system_has_its_token_and_what_the_metadata_say(kept: Kept) -> None:
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


def test_a_copy_in_another_region_restores_there(kept: Kept) -> None:
    """Its point is AWS Backup's own of that region, and so is the file system; no other is made here."""
    there = RunningSandbox(**{**vars(kept.sandbox), "region": OTHER_REGION})
    abroad = there.client("backup")
    vault = abroad.create_backup_vault(BackupVaultName="files-abroad")["BackupVaultArn"]
    job = copied(kept.sandbox, kept.point, VAULT, vault)
    assert job["State"] == "COMPLETED", job
    copy = Kept(there, kept.arn, {"RecoveryPointArn": job["DestinationRecoveryPointArn"]})
    assert copy.point.startswith(f"arn:aws:backup:{OTHER_REGION}:")
    assert copy.ended(copy.start("far"))["Status"] == "COMPLETED"
    (made,) = copy.of_token("far")
    assert (made["SizeInBytes"]["Value"], kept.of_token("far")) == (SIZE, [])
    copy.efs.delete_file_system(FileSystemId=made["FileSystemId"])
    forget(there, "files-abroad")
