"""An EBS volume in a sandbox that AWS Backup has backed up, and what tests do with its recovery point."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.kept import KeptSource, forget, take
from tests.support.rds import ROLE
from tests.support.sandbox import RunningSandbox

VAULT = "volume-vault"
SETTINGS = {"Size": 20, "VolumeType": "gp3", "Iops": 4000, "Throughput": 250, "Encrypted": True}


class KeptVolume(KeptSource):
    """A volume that AWS Backup has backed up."""

    @property
    def id(self) -> str:
        """Its id."""
        return self.arn.rpartition("/")[2]

    @property
    def ec2(self) -> Any:
        """EC2."""
        return self.sandbox.client("ec2")

    def metadata(self, vault: str = VAULT, **other: str) -> dict[str, str]:
        """The metadata of the point, with others in their place."""
        asked = {"BackupVaultName": vault, "RecoveryPointArn": self.point}
        return dict(self.backup.get_recovery_point_restore_metadata(**asked)["RestoreMetadata"]) | other

    def start(self, metadata: dict[str, str], **more: Any) -> str:
        """Begin a restore; the job's id."""
        asked = {"RecoveryPointArn": self.point, "IamRoleArn": ROLE, "Metadata": metadata} | more
        return str(self.backup.start_restore_job(**asked)["RestoreJobId"])

    def described(self, volume: str) -> dict[str, Any]:
        """A volume as DescribeVolumes shows it."""
        return dict(self.ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0])

    def restored(self, metadata: dict[str, str], **more: Any) -> dict[str, Any]:
        """A volume that a restore with these metadata made, which is there no longer."""
        job = self.ended(self.start(metadata, **more))
        assert job["Status"] == "COMPLETED", job
        made = self.described(job["CreatedResourceArn"].rpartition("/")[2])
        self.ec2.delete_volume(VolumeId=made["VolumeId"])
        return made


@contextmanager
def kept_volume(sandbox: RunningSandbox) -> Iterator[KeptVolume]:
    """An encrypted volume with performance of its own and a tag, backed up on demand."""
    ec2 = sandbox.client("ec2")
    tags = [{"ResourceType": "volume", "Tags": [{"Key": "team", "Value": "files"}]}]
    made = ec2.create_volume(AvailabilityZone=f"{sandbox.region}a", TagSpecifications=tags, **SETTINGS)["VolumeId"]
    arn = f"arn:aws:ec2:{sandbox.region}:123456789012:volume/{made}"
    sandbox.client("backup").create_backup_vault(BackupVaultName=VAULT)
    try:
        yield KeptVolume(sandbox, arn, take(sandbox, arn, VAULT))
    finally:
        forget(sandbox, VAULT)
        ec2.delete_volume(VolumeId=made)
