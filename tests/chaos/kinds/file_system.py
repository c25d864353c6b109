"""An EFS file system, backed up by AWS Backup."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.chaos.cases import FILE_SYSTEM
from tests.chaos.kinds.kind import LocalAws, configure
from tests.support.file_systems import ID, VAULT, kept_file_system
from tests.support.rds import ROLE
from tests.support.runs import Place
from tests.support.sandbox import RunningSandbox, end_sandbox, start_sandbox


class FileSystem:
    """An encrypted file system with a tag. Nobody mounts it."""

    plan = FILE_SYSTEM
    target = "media"

    @contextmanager
    def opened(self, place: Place) -> Iterator[RunningSandbox]:
        """A sandbox with the file system and its backup."""
        running = start_sandbox()
        words = {"kind": "file_system", "source": ID, "vault": VAULT, "restore": f'backup_role_arn = "{ROLE}"'}
        try:
            with kept_file_system(running):
                configure(place, running, target=self.target, **words)
                yield running
        finally:
            end_sandbox(running)

    def described(self, aws: LocalAws) -> Any:
        """The file system of the source's id: it alone, without the instant of which its size is."""
        (found,) = aws.client("efs").describe_file_systems(FileSystemId=ID)["FileSystems"]
        return found | {"SizeInBytes": found["SizeInBytes"] | {"Timestamp": None}}

    def content(self, aws: LocalAws) -> str:
        """Nothing: no file is read."""
        return ""
