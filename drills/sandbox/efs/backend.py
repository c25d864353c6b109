"""The EFS of the sandbox: that of moto, whose file systems AWS Backup copies and restores. No file system here has contents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import moto.efs.urls
from moto.efs.models import EFSBackend, FileSystem, efs_backends
from moto.kms.models import kms_backends

from drills.sandbox.base.moto_backends import install_backend

AWS_KEY = "alias/aws/elasticfilesystem"


@dataclass(frozen=True, slots=True)
class FileSystemImage:
    """A file system at one instant: what AWS Backup has of it, which are its metadata and its size."""

    id: str
    arn: str
    size: int
    performance_mode: str
    encrypted: bool
    tags: tuple[dict[str, str], ...]
    taken_at: datetime


class RestoredFileSystem(FileSystem):
    """A file system of moto that is `creating` until it is ready."""

    def __init__(self, made: FileSystem, size: int, is_ready: Callable[[], bool]) -> None:
        vars(self).update(vars(made))
        self._size_value = size
        self._is_ready = is_ready

    def info_json(self) -> dict[str, Any]:
        """Return the description with the state as it is now."""
        return super().info_json() | {"LifeCycleState": "available" if self._is_ready() else "creating"}


class SandboxEFS(EFSBackend):
    """The EFS of one region. `images` are what AWS Backup has of file systems, of all regions, by the ARN of their point."""

    def __init__(self, region_name: str, account_id: str, images: dict[str, FileSystemImage]) -> None:
        self.images = images
        self.copied_at: dict[str, datetime] = {}  # by the id of what is restored: when all its files are there
        super().__init__(region_name, account_id)

    @property
    def _url_module(self) -> Any:
        return moto.efs.urls

    def create_file_system(self, **wanted: Any) -> FileSystem:  # type: ignore[override]
        """Make a file system; an encrypted one under AWS's own key where none is named, which moto leaves out."""
        if wanted["encrypted"] and not wanted["kms_key_id"]:
            key = kms_backends[self.account_id][self.region_name].describe_key(AWS_KEY)
            key.key_manager = "AWS"
            wanted |= {"kms_key_id": key.arn}
        return super().create_file_system(**wanted)

    def rename(self, made: str, wanted: str, size: int) -> bool:
        """Give a file system another id, and a size; False where there is none, or one of that id already."""
        if made not in self.file_systems_by_id or wanted in self.file_systems_by_id:
            return False
        file_system = self.file_systems_by_id[wanted] = self.file_systems_by_id.pop(made)
        tags = self.list_tags_for_resource(made)
        file_system.file_system_id, file_system._size_value = wanted, size
        file_system.file_system_arn = file_system.file_system_arn.replace(made, wanted)
        self.tagging_service.delete_all_tags_for_resource(made)
        self.tagging_service.tag_resource(wanted, tags)
        return True


def install() -> None:
    """Make this the EFS of moto; before its first request."""
    install_backend(efs_backends, SandboxEFS, images={})
