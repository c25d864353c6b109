"""Reads an EFS file system and what belongs to it, through EFS's API. No file is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from drills.aws.read import error_code, is_not_found, pages
from drills.aws.session import Clients
from drills.model.finding import NotChecked
from drills.recovery.file_system.settings import Answers, of_file_system

_REFUSED = "AccessDeniedException"
_NONE = "PolicyNotFound"  # of a policy, and of the backup policy of a file system that never had one


@dataclass(frozen=True, slots=True)
class FileSystemSeen:
    """A file system's description, its settings, and the families of these that could not be read."""

    described: Mapping[str, Any]
    settings: Mapping[str, str]
    unread: tuple[NotChecked, ...]


def source_of(clients: Clients, file_system: str) -> FileSystemSeen | None:
    """Return a file system by its id, None where there is none. Raises what boto3 raises."""
    try:
        found = clients.client("efs").describe_file_systems(FileSystemId=file_system)["FileSystems"]
    except ClientError as error:
        if is_not_found(error):
            return None
        raise
    return see(clients, found[0]) if found else None


def see(clients: Clients, described: Mapping[str, Any]) -> FileSystemSeen:
    """Return the settings of a file system that was described; what may not be read is named and left out."""
    client, asked = clients.client("efs"), {"FileSystemId": described["FileSystemId"]}
    unread: list[NotChecked] = []

    def ask(family: str, call: Callable[[], Any], none: Any = ()) -> Any:
        try:
            return call()
        except ClientError as error:
            if error_code(error) == _NONE:
                return none
            if error_code(error) != _REFUSED:
                raise
            unread.append(NotChecked(family, " ".join(str(error).split())))
            return None

    answers = Answers(
        policy=ask("policy", lambda: client.describe_file_system_policy(**asked)["Policy"], ""),
        lifecycle=ask("lifecycle", lambda: client.describe_lifecycle_configuration(**asked)["LifecyclePolicies"]),
        backup=ask("backup_policy", lambda: client.describe_backup_policy(**asked)["BackupPolicy"]["Status"], ""),
        access_points=ask("access_point", lambda: [*pages(client, "describe_access_points", "AccessPoints", **asked)]),
        mount_targets=ask("mount_target", lambda: [*pages(client, "describe_mount_targets", "MountTargets", **asked)]),
    )
    return FileSystemSeen(described, of_file_system(described, answers), tuple(unread))
