"""Restores a recovery point of a file system to a new file system, whose creation token is the run's own name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from drills.model.instance import FILE_SYSTEM, OTHERS
from drills.model.point import RecoveryPoint
from drills.model.record import Restoration
from drills.objectives.parts import of_file_system
from drills.recovery.resource.points import given_of, told_of, without_foreign_key
from drills.recovery.resource.restoring import Copies, restore_named
from drills.recovery.resource.vault import Drilled, is_lent, owner_of
from drills.recovery.setup import Setup

COPIES = Copies(
    kind="efs-file-system",
    word="file system",
    state="LifeCycleState",
    there=OTHERS[FILE_SYSTEM].there,
    tagging="efs:TagResource",
    named_by="CreationToken",
    name_tag=True,
    charged=lambda described, point, gib: of_file_system(described, gib),
)
# the members of a file system's description by the metadata that a restore takes (API reference, StartRestoreJob)
METADATA = {
    "file-system-id": "FileSystemId",
    "Encrypted": "Encrypted",
    "KmsKeyId": "KmsKeyId",
    "PerformanceMode": "PerformanceMode",
}
# where neither the point nor a source tells it, as a restore test of AWS Backup asks ("Restore testing inferred metadata")
_INFERRED = {"Encrypted": "true", "PerformanceMode": "generalPurpose"}


def metadata_of(point: RecoveryPoint, told: Mapping[str, str], source: Mapping[str, Any] | None) -> dict[str, str]:
    """Return what a restore to a new file system is given. Pure."""
    given = {**_INFERRED, "file-system-id": point.instance_id, **given_of(told, source, METADATA)}
    if given["Encrypted"] != "true":
        given.pop("KmsKeyId", None)
    return {**given, "newFileSystem": "true"}


def told_here(setup: Drilled, point: RecoveryPoint) -> dict[str, str]:
    """Return what a point tells the account that restores it: of a vault that is lent no key of another one's."""
    told = told_of(setup.clients, point, owner_of(setup))
    lent = is_lent(setup.target, point)
    return without_foreign_key(told, "kmskeyid", setup.scratch_clients.account) if lent else told


def restore(
    setup: Setup, point: RecoveryPoint, metadata: Mapping[str, str], enter: Callable[[str], None]
) -> Restoration:
    """Restore `point` and return the restoration once it is complete. Raises RestoreFailed, and what boto3 raises."""
    return restore_named(setup, COPIES, point, metadata, enter)
