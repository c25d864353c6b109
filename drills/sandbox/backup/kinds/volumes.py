"""EBS volumes as AWS Backup sees them: a recovery point is a snapshot of EC2, which belongs to the account and not to its ARN.

In a logically air-gapped vault it is none: its ARN has "`backup` in place of the underlying resource type" (developer guide,
"Logically air-gapped vault"). A volume that is restored from there names a snapshot that the account does not have.

Source: AWS Backup developer guide, "Restoring an Amazon EBS volume" and "Restore testing inferred metadata"
(https://docs.aws.amazon.com/aws-backup/latest/devguide/restore-testing-inferred-metadata.html), which name the metadata; what no
metadata name is as CreateVolume has it (EC2 API reference): `gp2`, and the size of the snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.elastic_block_store import Snapshot, Volume

from drills.sandbox.backup.kinds.protected import Late, NewPoint, Protected, RestoreState, Taken, is_apart
from drills.sandbox.ec2.backend import SandboxEC2
from drills.sandbox.ec2.volumes import RestoredVolume, VolumeImage
from drills.sandbox.rds.keys import Keys
from drills.sandbox.state import DataPlane

DESCRIPTION = "This snapshot is created by the AWS Backup service."
_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class ProtectedVolume:
    """A volume that can be backed up, attached or not."""

    resource_id: str
    arn: str
    kms_key_id: str | None
    tags: Sequence[Mapping[str, str]]
    status: str = "available"

    @property
    def server_id(self) -> str:
        """Its ARN: no two volumes have the same data."""
        return self.arn


class Volumes:
    """The volumes of one region."""

    def __init__(self, ec2: SandboxEC2, plane: DataPlane) -> None:
        self._ec2 = ec2
        self._plane = plane

    def all(self) -> Sequence[Protected]:
        """Return every volume; one that is still being made cannot be backed up yet."""
        found = [(each, self._image(each)) for each in list(self._ec2.volumes.values())]
        return [
            ProtectedVolume(
                image.id,
                image.arn,
                image.kms_key_id,
                image.tags,
                "creating" if each.status == "creating" else "available",
            )
            for each, image in found
        ]

    def _image(self, volume: Volume) -> VolumeImage:
        region, account = self._ec2.region_name, self._ec2.account_id
        return VolumeImage.of(volume, f"arn:aws:ec2:{region}:{account}:volume/{volume.id}", self._plane.instant())

    def point_arn(self, resource_arn: str, name: str) -> str:
        """Return the ARN of the snapshot that is the recovery point; of `name` the UUID counts."""
        number = name.partition("job-")[2].replace("-", "")[:17]
        return f"arn:aws:ec2:{self._ec2.region_name}::snapshot/snap-{number}"

    def take(self, resource: Protected, wanted: NewPoint) -> Taken:
        """Make a snapshot of a volume as it is now."""
        arn = self.point_arn(resource.arn, wanted.name)
        self.take_late(arn, resource, self._plane.instant())
        self._enter(arn, wanted.tags)
        return Taken(arn, resource.kms_key_id)

    def take_late(self, point_arn: str, resource: Protected, taken_at: datetime) -> None:
        """Copy a volume as it is now; KeyError where it is gone."""
        image = self._image(self._ec2.volumes[resource.resource_id])
        self._ec2.volume_images[point_arn] = replace(image, taken_at=taken_at)

    def share(self, from_arn: str, point_arn: str, taken_at: datetime | None = None) -> None:
        """Give a point what another has."""
        image = self._ec2.volume_images[from_arn]
        self._ec2.volume_images[point_arn] = replace(image, taken_at=taken_at or image.taken_at)

    def register(self, point_arn: str, resource: Protected, wanted: NewPoint, late: Late) -> None:
        """Enter the snapshot of a point that is there, under its own key: a copy is under that of its vault."""
        image = self._ec2.volume_images[point_arn]
        self._ec2.volume_images[point_arn] = replace(
            image, encrypted=late.kms_key_id is not None, kms_key_id=late.kms_key_id
        )
        self._enter(point_arn, wanted.tags)

    def _enter(self, point_arn: str, tags: list[dict[str, str]]) -> None:
        """Let EC2 have the snapshot of a point, but for one that lies with AWS Backup alone."""
        if is_apart(point_arn):
            return
        image, number = self._ec2.volume_images[point_arn], _snapshot_of(point_arn)
        made = Snapshot(self._ec2, number, image, DESCRIPTION, encrypted=image.encrypted, kms_key_id=image.kms_key_id)
        self._ec2.snapshots[number] = made
        self.set_tags(point_arn, tags)

    def size_of(self, point_arn: str) -> int:
        """Return the size of the volume: what its snapshot takes is told by no document."""
        return self._ec2.volume_images[point_arn].size * _GIB

    def set_tags(self, point_arn: str, tags: list[dict[str, str]]) -> None:
        """Give the snapshot the point's tags, and no other; those of one that lies with AWS Backup alone are its own."""
        if is_apart(point_arn):
            return
        number = _snapshot_of(point_arn)
        self._ec2.tags.pop(number, None)
        if tags:
            self._ec2.create_tags([number], {each["Key"]: each["Value"] for each in tags})

    def source_of(self, point_arn: str) -> Protected:
        """Return the volume as it was when it was backed up."""
        image = self._ec2.volume_images[point_arn]
        return ProtectedVolume(image.id, image.arn, image.kms_key_id, image.tags)

    def remove(self, point_arn: str) -> None:
        """Remove the snapshot of a point, and what is known of its volume."""
        self._ec2.volume_images.pop(point_arn, None)
        self._ec2.snapshots.pop(_snapshot_of(point_arn), None)
        self._ec2.tags.pop(_snapshot_of(point_arn), None)

    def restore_metadata(self, point_arn: str) -> dict[str, Any]:
        """Return the volume and its settings, by the names of the metadata of a restore."""
        image = self._ec2.volume_images[point_arn]
        return {
            "volumeId": image.id,
            "availabilityZone": image.zone,
            "volumeType": image.volume_type,
            "volumeSize": image.size,
            "iops": image.iops,
            "throughput": image.throughput,
            "encrypted": image.encrypted,
            "kmsKeyId": image.kms_key_id or None,
        }

    def restore(self, point_arn: str, parameters: Mapping[str, Any]) -> str:
        """Restore a point to a new volume, which is `creating` first; whatever prevents it is EC2's error."""
        image, zone = self._ec2.volume_images[point_arn], parameters["availability_zone"]
        if self._ec2.get_zone_by_name(zone) is None:
            raise EC2ClientError("InvalidZone.NotFound", f"The zone '{zone}' does not exist.")
        size = parameters.get("volume_size", image.size)
        if size < image.size:
            raise EC2ClientError(
                "InvalidParameterValue", f"Volume of {size}GiB is smaller than snapshot, which has {image.size}GiB"
            )
        encrypted = image.encrypted or parameters.get("encrypted", False)
        key = Keys(self._ec2.account_id, self._ec2.region_name).check(parameters.get("kms_key_id") or image.kms_key_id)
        made = self._ec2.create_volume(
            size=size,
            zone_name=zone,
            encrypted=encrypted,
            kms_key_id=key,
            volume_type=parameters.get("volume_type", "gp2"),
            iops=parameters.get("iops"),
            throughput=parameters.get("throughput"),
        )
        stuck = self._plane.faults.take("stuck-creating", service="ec2", name=image.id)
        ready = self._plane.instant(self._plane.delays.creating + (stuck.seconds if stuck else 0.0))
        restored = RestoredVolume(made, _snapshot_of(point_arn), lambda: self._plane.instant() >= ready)  # type: ignore[abstract]
        self._ec2.volumes[made.id] = restored
        tags = {each["Key"]: each["Value"] for each in parameters.get("tags", ())}
        if tags:
            self._ec2.create_tags([made.id], tags)
        return f"arn:aws:ec2:{self._ec2.region_name}:{self._ec2.account_id}:volume/{made.id}"

    def state(self, name: str, created_arn: str) -> RestoreState:
        """Return how far the restore to a volume is."""
        volume = self._ec2.volumes.get(name)
        if volume is None:
            return "failed"
        return "running" if volume.status == "creating" else "available"


def _snapshot_of(point_arn: str) -> str:
    if is_apart(point_arn):
        return f"snap-{point_arn.rpartition(':')[2].replace('-', '').lower()[:17]}"
    return point_arn.rpartition("/")[2]
