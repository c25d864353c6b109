"""S3 buckets as AWS Backup sees them: their recovery points are its own resources, and a restore fills a bucket that is there.

Source: AWS Backup developer guide, "Restore S3 data using AWS Backup" and "Amazon S3 backups": a bucket without versioning is not
backed up, and none is restored to; of each object its latest version comes back, with tags and metadata; `ItemsToRestore` are S3
URIs of objects or folders. Its sentences of the refusals are the sandbox's own. A new bucket is made by whoever restores: the guide
names no metadata for one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from moto.backup.exceptions import InvalidParameterValueException
from moto.core.exceptions import ServiceException
from moto.s3.models import FakeBucket

from drills.sandbox.backup.kinds.protected import Late, NewPoint, Protected, RestoreState, Taken
from drills.sandbox.s3.backend import SandboxS3
from drills.sandbox.s3.images import StoredObject
from drills.sandbox.state import DataPlane


class NotVersioned(ServiceException):
    """A bucket keeps no versions, and is not backed up."""

    code = "InvalidRequestException"


@dataclass(frozen=True, slots=True)
class ProtectedBucket:
    """A bucket that can be backed up: its key is not its backups', which are under that of the vault."""

    resource_id: str
    tags: Sequence[Mapping[str, str]]
    status: str = "available"
    kms_key_id: None = None

    @property
    def arn(self) -> str:
        """Its ARN, which names neither region nor account."""
        return f"arn:aws:s3:::{self.resource_id}"

    @property
    def server_id(self) -> str:
        """Its ARN: no two buckets have the same data."""
        return self.arn


class Buckets:
    """The buckets of one account in one region."""

    def __init__(self, s3: SandboxS3, plane: DataPlane, region: str) -> None:
        self._s3 = s3
        self._plane = plane
        self._region = region

    def all(self) -> Sequence[Protected]:
        """Return every bucket of the region."""
        own = (each for each in list(self._s3.buckets.values()) if each.region_name == self._region)
        return [ProtectedBucket(each.name, self._s3.get_bucket_tagging(each.name)["Tags"]) for each in own]

    def point_arn(self, resource_arn: str, name: str) -> str:
        """Return the ARN of a recovery point; of `name` the UUID counts."""
        bucket, number = resource_arn.rpartition(":")[2], name.partition("job-")[2]
        return f"arn:aws:backup:{self._region}:{self._s3.account_id}:recovery-point:{bucket}-{number}"

    def take(self, resource: Protected, wanted: NewPoint) -> Taken:
        """Copy a bucket as it is now; refused where it keeps no versions."""
        if not self._s3.buckets[resource.resource_id].is_versioned:
            raise NotVersioned(f"S3 Versioning is not enabled on the bucket {resource.resource_id}.")
        arn = self.point_arn(resource.arn, wanted.name)
        self.take_late(arn, resource, self._plane.instant())
        return Taken(arn, None)

    def take_late(self, point_arn: str, resource: Protected, taken_at: datetime) -> None:
        """Copy a bucket as it is now; KeyError where it is gone."""
        self._s3.images.keep(point_arn, self._s3.image_of(self._s3.buckets[resource.resource_id], taken_at))

    def share(self, from_arn: str, point_arn: str, taken_at: datetime | None = None) -> None:
        """Give a point what another has."""
        image = self._s3.images[from_arn]
        self._s3.images.keep(point_arn, replace(image, taken_at=taken_at or image.taken_at))

    def register(self, point_arn: str, resource: Protected, wanted: NewPoint, late: Late) -> None:
        """Do nothing: a point of a bucket is no resource of S3."""

    def size_of(self, point_arn: str) -> int:
        """Return the bytes of the objects."""
        return self._s3.images[point_arn].size

    def set_tags(self, point_arn: str, tags: list[dict[str, str]]) -> None:
        """Do nothing: the tags of the point are AWS Backup's own."""

    def source_of(self, point_arn: str) -> Protected:
        """Return the bucket as it was when it was backed up."""
        image = self._s3.images[point_arn]
        return ProtectedBucket(image.name, image.tags)

    def remove(self, point_arn: str) -> None:
        """Forget what a point has of its bucket."""
        self._s3.images.drop(point_arn)

    def restore_metadata(self, point_arn: str) -> dict[str, Any]:
        """Return nothing: AWS publishes no list of what it returns for a bucket."""
        return {}

    def restore(self, point_arn: str, parameters: Mapping[str, Any]) -> str:
        """Restore a point to a bucket that is there; whatever prevents it is AWS Backup's error."""
        image, name = self._s3.images[point_arn], str(parameters["destination_bucket_name"])
        if parameters.get("new_bucket") or parameters.get("restore_time") or parameters.get("restore_acls"):
            raise NotImplementedError("NewBucket, RestoreTime and RestoreACLs are absent from this sandbox.")
        if parameters.get("encryption_type", "original") != "original":
            raise NotImplementedError("Another EncryptionType than original is absent from this sandbox.")
        bucket = self._destination(name)
        wanted = self._items(image.name, image.objects, parameters.get("items_to_restore"))
        there = {key for key, versions in bucket.keys.iterlists() if versions}
        for key, each in wanted.items():
            if key not in there:
                self._s3.bring_back(name, key, each)
        self._s3.copied_at[name] = self._plane.instant(self._plane.delays.creating)
        return ProtectedBucket(name, ()).arn

    def _destination(self, name: str) -> FakeBucket:
        bucket = self._s3.buckets.get(name)
        if bucket is None or bucket.region_name != self._region:
            raise InvalidParameterValueException(
                f"The destination bucket {name} does not exist in this account and Region."
            )
        if not bucket.is_versioned:
            raise InvalidParameterValueException(f"S3 Versioning is not enabled on the destination bucket {name}.")
        return bucket

    @staticmethod
    def _items(
        source: str, objects: Mapping[str, StoredObject], items: Sequence[str] | None
    ) -> dict[str, StoredObject]:
        if items is None:
            return dict(objects)
        start = f"s3://{source}/"
        if len(items) > 5 or not all(each.startswith(start) for each in items):
            raise InvalidParameterValueException(f"ItemsToRestore must be up to five URIs that begin with {start}.")
        named = [each.removeprefix(start) for each in items]
        return {
            key: each
            for key, each in objects.items()
            if any(key == name or (name.endswith("/") and key.startswith(name)) for name in named)
        }

    def state(self, name: str, point_arn: str) -> RestoreState:
        """Return how far the restore to a bucket is."""
        if name not in self._s3.buckets:
            return "failed"
        return "available" if self._plane.instant() >= self._s3.copied_at[name] else "running"
