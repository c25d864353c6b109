"""EFS file systems as AWS Backup sees them: their recovery points are its own resources, and a restore makes a new file system.

Source: AWS Backup developer guide, "Restore an Amazon EFS file system" and "Encryption for backups in AWS Backup"; API reference,
StartRestoreJob, which names the metadata. A restore brings back the files alone: policy, lifecycle, throughput mode, access points
and mount targets are not among the metadata.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from moto.efs.models import FileSystem

from drills.sandbox.backup.kinds.protected import Late, NewPoint, Protected, RestoreState, Taken
from drills.sandbox.efs.backend import FileSystemImage, RestoredFileSystem, SandboxEFS
from drills.sandbox.rds.keys import Keys
from drills.sandbox.state import DataPlane

_FIRST_AVAILABLE = (
    0.5  # of the time of a restore: then there is a file system, into which the files are still being copied
)


@dataclass(frozen=True, slots=True)
class ProtectedFileSystem:
    """A file system that can be backed up: its key is not its backups', which are under that of the vault."""

    resource_id: str
    arn: str
    tags: Sequence[Mapping[str, str]]
    status: str = "available"
    kms_key_id: None = None

    @property
    def server_id(self) -> str:
        """Its ARN: no two file systems have the same data."""
        return self.arn


class FileSystems:
    """The file systems of one region."""

    def __init__(self, efs: SandboxEFS, plane: DataPlane) -> None:
        self._efs = efs
        self._plane = plane

    def all(self) -> Sequence[Protected]:
        """Return every file system; one that is still being made cannot be backed up yet."""
        return [
            ProtectedFileSystem(
                each.file_system_id,
                each.file_system_arn,
                self._efs.list_tags_for_resource(each.file_system_id),
                each.info_json()["LifeCycleState"],
            )
            for each in list(self._efs.file_systems_by_id.values())
        ]

    def _image(self, made: FileSystem, taken_at: datetime) -> FileSystemImage:
        tags = tuple(self._efs.list_tags_for_resource(made.file_system_id))
        size = int(made.size_in_bytes["Value"])
        encrypted = bool(made.encrypted)
        return FileSystemImage(
            made.file_system_id, made.file_system_arn, size, made.performance_mode, encrypted, tags, taken_at
        )

    def point_arn(self, resource_arn: str, name: str) -> str:
        """Return the ARN of a recovery point; of `name` the UUID counts."""
        number = name.partition("job-")[2].upper()
        return f"arn:aws:backup:{self._efs.region_name}:{self._efs.account_id}:recovery-point:{number}"

    def take(self, resource: Protected, wanted: NewPoint) -> Taken:
        """Copy a file system as it is now."""
        arn = self.point_arn(resource.arn, wanted.name)
        self.take_late(arn, resource, self._plane.instant())
        return Taken(arn, None)

    def take_late(self, point_arn: str, resource: Protected, taken_at: datetime) -> None:
        """Copy a file system as it is now; KeyError where it is gone."""
        self._efs.images[point_arn] = self._image(self._efs.file_systems_by_id[resource.resource_id], taken_at)

    def share(self, from_arn: str, point_arn: str, taken_at: datetime | None = None) -> None:
        """Give a point what another has."""
        image = self._efs.images[from_arn]
        self._efs.images[point_arn] = replace(image, taken_at=taken_at or image.taken_at)

    def register(self, point_arn: str, resource: Protected, wanted: NewPoint, late: Late) -> None:
        """Do nothing: a point of a file system is no resource of EFS."""

    def size_of(self, point_arn: str) -> int:
        """Return the size of the file system."""
        return self._efs.images[point_arn].size

    def set_tags(self, point_arn: str, tags: list[dict[str, str]]) -> None:
        """Do nothing: the tags of the point are AWS Backup's own."""

    def source_of(self, point_arn: str) -> Protected:
        """Return the file system as it was when it was backed up."""
        image = self._efs.images[point_arn]
        return ProtectedFileSystem(image.id, image.arn, image.tags)

    def remove(self, point_arn: str) -> None:
        """Forget what a point has of its file system."""
        self._efs.images.pop(point_arn, None)

    def restore_metadata(self, point_arn: str) -> dict[str, Any]:
        """Return the id of the file system, which is all that AWS says it returns of one (API reference, StartRestoreJob)."""
        return {"file-system-id": self._efs.images[point_arn].id}

    def restore(self, point_arn: str, parameters: Mapping[str, Any]) -> str:
        """Restore a point to a new file system, which is `creating` first; whatever prevents it is EFS's error."""
        image = self._efs.images[point_arn]
        if not parameters.get("new_file_system"):
            raise NotImplementedError("A restore to an existing EFS file system is absent from this sandbox.")
        if parameters.get("items_to_restore"):
            raise NotImplementedError("The restore of single items of an EFS file system is absent from this sandbox.")
        key = Keys(self._efs.account_id, self._efs.region_name).check(parameters.get("kms_key_id"))
        made = self._efs.create_file_system(
            creation_token=parameters["creation_token"],
            performance_mode=parameters.get("performance_mode", "generalPurpose"),
            encrypted=parameters.get("encrypted", False),
            kms_key_id=key or "",
            throughput_mode="",
            provisioned_throughput_in_mibps=0,
            availability_zone_name="",
            backup=False,
            tags=list(parameters.get("tags", ())),
        )
        takes = self._plane.delays.creating
        available = self._plane.instant(takes * _FIRST_AVAILABLE)
        restored = RestoredFileSystem(made, image.size, lambda: self._plane.instant() >= available)  # type: ignore[abstract]
        self._efs.file_systems_by_id[made.file_system_id] = restored
        self._efs.copied_at[made.file_system_id] = self._plane.instant(takes)
        return str(made.file_system_arn)

    def state(self, name: str, created_arn: str) -> RestoreState:
        """Return how far the restore to a file system is: its files are copied once it is available."""
        if name not in self._efs.file_systems_by_id:
            return "failed"
        return "available" if self._plane.instant() >= self._efs.copied_at[name] else "running"
