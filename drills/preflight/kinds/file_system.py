"""EFS file systems: what their restore needs.

Sources: AWS managed policy reference, AWSBackupServiceRolePolicyForRestores; Amazon EFS user guide, "Using AWS KMS keys for Amazon
EFS" (the required actions of the key). The quota is that of the file systems of an account in a region.
"""

from __future__ import annotations

from collections.abc import Mapping

from drills.aws.read import pages
from drills.aws.session import Clients
from drills.aws.settings import read_or_not_verified
from drills.model.parity import NotVerified
from drills.model.point import RecoveryPoint
from drills.posture.kinds import file_system
from drills.preflight import ends, judge, key, rights
from drills.preflight.facts import Document, Quota, Room
from drills.preflight.resource import judge as by_backup
from drills.preflight.resource.kind import ResourceKind, Wanted
from drills.preflight.resource.quotas import most_of
from drills.preflight.rights import NO_ID, Simulated
from drills.preflight.sides import Sides
from drills.recovery.file_system.restore import COPIES, metadata_of, told_here
from drills.recovery.resource.points import points_of
from drills.recovery.resource.vault import owner_of

SERVICE, QUOTA = "elasticfilesystem", "L-848C634D"  # "File systems per account"
ANY = f"file-system/fs{NO_ID}"


def _points(sides: Sides) -> tuple[RecoveryPoint, ...]:
    named, vault = f"file-system/{sides.target.instance}", str(sides.target.vault)
    return points_of(sides.clients, file_system.KIND.subject.protected, named, vault, owner_of(sides))


def _metadata(sides: Sides, point: RecoveryPoint, source: Document | None) -> dict[str, str]:
    return metadata_of(point, told_here(sides, point), source)


def _copy_key(metadata: Mapping[str, str]) -> str:
    return metadata.get("KmsKeyId", "")  # which what is not encrypted is given none of


def _of_drill(wanted: Wanted) -> tuple[Simulated, ...]:
    copy = (wanted.arn(SERVICE, ANY),)
    return (
        Simulated((f"{SERVICE}:TagResource",), copy, wanted.tagged),
        Simulated((f"{SERVICE}:DeleteFileSystem",), copy, wanted.own),
    )


def _of_job(wanted: Wanted) -> tuple[Simulated, ...]:
    actions = ("Restore", "CreateFileSystem", "DescribeFileSystems", "TagResource")
    return (Simulated(tuple(f"{SERVICE}:{each}" for each in actions), (wanted.arn(SERVICE, ANY),), wanted.everywhere),)


def _room(clients: Clients, wanted: Wanted) -> Room:
    taken = read_or_not_verified(
        f"{SERVICE}:DescribeFileSystems",
        lambda: tuple(
            str(each["CreationToken"]) for each in pages(clients.client("efs"), "describe_file_systems", "FileSystems")
        ),
    )
    used = taken if isinstance(taken, NotVerified) else len(taken)
    quota = Quota("of file systems in the region", SERVICE, 1, used, most_of(clients, SERVICE, QUOTA))
    return Room((quota,), taken if isinstance(taken, NotVerified) else frozenset(taken))


KIND = ResourceKind(
    source=file_system.KIND,
    copies=COPIES,
    described_by=f"{SERVICE}:DescribeFileSystems",
    points=_points,
    identity=lambda name, _: name,
    metadata=_metadata,
    copy_key=_copy_key,
    service=SERVICE,
    key_actions=("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext"),
    reads=(f"{SERVICE}:DescribeFileSystems",),
    of_drill=_of_drill,
    of_job=_of_job,
    room=_room,
    judgements=(
        *(judge.point, rights.judge, by_backup.restore_role, key.judge, by_backup.vault),
        *(by_backup.quotas, by_backup.name, by_backup.capacity, ends.judge),
    ),
)
