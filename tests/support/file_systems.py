"""An EFS file system in a sandbox that AWS Backup has backed up, and what tests do with its recovery point."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from tests.support.kept import KeptSource, forget, take
from tests.support.rds import ROLE
from tests.support.sandbox import RunningSandbox

VAULT = "file-systems"
ID = "fs-00000000000000abc"
SIZE = 12345


class KeptFileSystem(KeptSource):
    """A file system that AWS Backup has backed up."""

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

    def of_token(self, token: str) -> list[dict[str, Any]]:
        """The file systems of a creation token."""
        return list(self.efs.describe_file_systems(CreationToken=token)["FileSystems"])


@contextmanager
def kept_file_system(sandbox: RunningSandbox) -> Iterator[KeptFileSystem]:
    """An encrypted file system with a tag, backed up on demand; afterwards no file system is there."""
    efs = sandbox.client("efs")
    tags = [{"Key": "team", "Value": "files"}]
    made = efs.create_file_system(CreationToken="source", PerformanceMode="maxIO", Encrypted=True, Tags=tags)
    sandbox.control.name_file_system(made["FileSystemId"], ID, SIZE)
    sandbox.client("backup").create_backup_vault(BackupVaultName=VAULT)
    arn = f"arn:aws:elasticfilesystem:{sandbox.region}:123456789012:file-system/{ID}"
    try:
        yield KeptFileSystem(sandbox, arn, take(sandbox, arn, VAULT))
    finally:
        forget(sandbox, VAULT)
        for each in efs.describe_file_systems()["FileSystems"]:
            with contextlib.suppress(ClientError):
                efs.delete_file_system(FileSystemId=each["FileSystemId"])
