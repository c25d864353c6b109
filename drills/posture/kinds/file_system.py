"""EFS file systems: the key that they are encrypted with.

Source: Amazon EFS API reference, FileSystemDescription.
"""

from __future__ import annotations

from dataclasses import dataclass

from drills.aws.calls.answers import first
from drills.aws.read import none_if_missing
from drills.aws.session import Clients
from drills.model.finding import CheckResult
from drills.model.parity import NotVerified
from drills.model.point import RecoveryPoint
from drills.posture.copies import copies
from drills.posture.facts import Document, PostureFacts
from drills.posture.kinds import encrypted
from drills.posture.kinds.kind import Source, SourceKind
from drills.posture.opt_in import opt_in
from drills.posture.restore_tests import restore_testing
from drills.posture.subjects import FILE_SYSTEM
from drills.recovery.resource.points import points_of
from drills.recovery.schedule import worst_case_of_resource

_REMEDY = "restore a point of it by aws backup start-restore-job with Encrypted=true and KmsKeyId=KEY, and use that one"


@dataclass(frozen=True, slots=True)
class FileSystemFacts:
    """The KeyMetadata of a file system's key, None where there is none."""

    key: Document | NotVerified | None


def _describe(clients: Clients, name: str) -> Source | None:
    efs = clients.client("efs")
    described = first(none_if_missing(lambda: efs.describe_file_systems(FileSystemId=name)["FileSystems"]))
    if described is None:
        return None
    arn = FILE_SYSTEM.arn.format(region=clients.region, account=clients.account, name=name)
    return Source(str(described.get("FileSystemArn") or arn), described, lambda: described.get("Tags") or ())


def _points(clients: Clients, name: str, vault: str | None) -> tuple[RecoveryPoint, ...]:
    return points_of(clients, FILE_SYSTEM.protected, f"file-system/{name}", vault) if vault else ()


def _own(clients: Clients, facts: PostureFacts) -> FileSystemFacts:
    return FileSystemFacts(encrypted.read_key(clients, (facts.instance or {}).get("KmsKeyId")))


def encryption(facts: PostureFacts) -> CheckResult:
    """Judge the file system's own key: no client reads a file without."""
    key = facts.own.key if isinstance(facts.own, FileSystemFacts) else None
    return encrypted.judge(facts, key, _REMEDY)


KIND = SourceKind(
    subject=FILE_SYSTEM,
    describe=_describe,
    points=_points,
    points_need="backup:ListRecoveryPointsByBackupVault",
    worst_case=worst_case_of_resource,
    own=_own,
    judgements=(opt_in, copies, restore_testing, encryption),
)
