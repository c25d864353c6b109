"""EBS volumes: what their restore needs.

Sources: AWS managed policy reference, AWSBackupServiceRolePolicyForRestores; Amazon EBS user guide, "Requirements for Amazon EBS
encryption" (the actions of the key); EC2 API reference, DescribeAvailabilityZones and CreateVolume. The quotas are those of the
storage of each type, in TiB, as OpenStack's Nodepool asks for them (VOLUME_QUOTA_CODES of its driver for AWS).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from drills.aws.calls.answers import first
from drills.aws.read import pages
from drills.aws.session import Clients
from drills.aws.settings import read_or_not_verified
from drills.model.parity import NotVerified
from drills.model.point import RecoveryPoint
from drills.posture.kinds import volume
from drills.preflight import ends, judge, key, rights
from drills.preflight.facts import Document, Quota, Room, Zone
from drills.preflight.resource import judge as by_backup
from drills.preflight.resource.kind import ResourceKind, Wanted
from drills.preflight.resource.quotas import most_of
from drills.preflight.rights import NO_ID, Simulated
from drills.preflight.sides import Sides
from drills.recovery.resource.vault import owner_of
from drills.recovery.volume.points import points_of, restore_metadata
from drills.recovery.volume.restore import COPIES

ANY, ANY_SNAPSHOT = f"volume/vol{NO_ID}", f"snapshot/snap{NO_ID}"
GIB_IN_TIB = 1024
# "Storage for ... volumes, in TiB", by the type
QUOTAS: Mapping[str, str] = MappingProxyType(
    {
        "gp2": "L-D18FCD1D",
        "gp3": "L-7A658B76",
        "io1": "L-FD252861",
        "io2": "L-09BD8365",
        "sc1": "L-17AF77E8",
        "st1": "L-82ACEF56",
        "standard": "L-9CF3C2EB",
    }
)


def _points(sides: Sides) -> tuple[RecoveryPoint, ...]:
    return points_of(sides.clients, sides.target.instance, str(sides.target.vault), owner_of(sides))


def _metadata(sides: Sides, point: RecoveryPoint, source: Document | None) -> dict[str, str]:
    return restore_metadata(sides, point, source)


def _copy_key(metadata: Mapping[str, str]) -> str:
    return metadata.get("kmsKeyId", "") if metadata.get("encrypted") == "true" else ""


def _of_drill(wanted: Wanted) -> tuple[Simulated, ...]:
    copy = (wanted.arn("ec2", ANY),)
    return (
        Simulated(("ec2:CreateTags",), copy, wanted.tagged),
        Simulated(("ec2:DeleteVolume",), copy, wanted.own),
    )


def _of_job(wanted: Wanted) -> tuple[Simulated, ...]:
    """Return those of a snapshot; of a point that lies with AWS Backup alone, of some snapshot that it makes on the way."""
    own = (
        wanted.point.arn if wanted.point.snapshot_id else f"arn:{wanted.partition}:ec2:{wanted.region}::{ANY_SNAPSHOT}"
    )
    return (
        Simulated(("ec2:CreateVolume",), (own, wanted.arn("ec2", ANY)), wanted.everywhere),
        Simulated(("ec2:DescribeSnapshots", "ec2:DescribeVolumes"), ("*",), wanted.everywhere),
    )


def _room(clients: Clients, wanted: Wanted) -> Room:
    of = wanted.metadata.get("availabilityZone", "")
    described = read_or_not_verified("ec2:DescribeAvailabilityZones", lambda: _zone(clients, of)) if of else None
    return Room((_storage(clients, wanted.metadata),), zone=Zone(of, described))


def _zone(clients: Clients, name: str) -> Document | None:
    """Return a zone that this account has, None where it has none of that name."""
    named = [{"Name": "zone-name", "Values": [name]}]
    return first(clients.ec2.describe_availability_zones(Filters=named)["AvailabilityZones"])


def _storage(clients: Clients, metadata: Mapping[str, str]) -> Quota:
    """Return the quota of the storage of the copy's type, in TiB."""
    of, size = metadata.get("volumeType", ""), metadata.get("volumeSize", "")
    more = int(size) / GIB_IN_TIB if size.isdigit() else NotVerified("neither the point nor the source tells the size")
    what = f"of the storage of {of or 'such'} volumes, in TiB,"
    if of not in QUOTAS:
        told = f"no code is known of the quota of {of}" if of else "neither the point nor the source tells the type"
        return Quota(what, "ebs", more, NotVerified(told), NotVerified(told))
    used = read_or_not_verified("ec2:DescribeVolumes", lambda: _used(clients, of))
    return Quota(what, "ebs", more, used, most_of(clients, "ebs", QUOTAS[of]))


def _used(clients: Clients, of: str) -> float:
    filters = [{"Name": "volume-type", "Values": [of]}]
    return (
        sum(int(each["Size"]) for each in pages(clients.ec2, "describe_volumes", "Volumes", Filters=filters))
        / GIB_IN_TIB
    )


KIND = ResourceKind(
    source=volume.KIND,
    copies=COPIES,
    described_by="ec2:DescribeVolumes",
    points=_points,
    identity=lambda name, _: name,
    metadata=_metadata,
    copy_key=_copy_key,
    service="ec2",
    key_actions=(
        *("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext"),
        *("kms:ReEncryptFrom", "kms:ReEncryptTo"),
    ),
    reads=("ec2:DescribeSnapshots", "ec2:DescribeVolumes"),
    of_drill=_of_drill,
    of_job=_of_job,
    room=_room,
    judgements=(
        *(judge.point, rights.judge, by_backup.restore_role, key.judge, by_backup.vault),
        *(by_backup.quotas, by_backup.zone, by_backup.capacity, ends.judge),
    ),
)
