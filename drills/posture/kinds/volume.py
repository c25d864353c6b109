"""EBS volumes: encryption, and the snapshot that is the newest recovery point.

Source: EC2 API reference, Volume and Snapshot; user guide, "Archive Amazon EBS snapshots".
"""

from __future__ import annotations

from dataclasses import dataclass

from drills.aws import owned
from drills.aws.calls.answers import first
from drills.aws.read import none_if_missing
from drills.aws.session import Clients
from drills.aws.settings import read_or_not_verified
from drills.model.finding import CheckResult
from drills.model.parity import NotVerified
from drills.model.point import RecoveryPoint
from drills.posture.copies import copies
from drills.posture.facts import Document, PostureFacts
from drills.posture.judgement import Judgement
from drills.posture.kinds import encrypted
from drills.posture.kinds.kind import Source, SourceKind
from drills.posture.opt_in import opt_in
from drills.posture.points import newest
from drills.posture.restore_tests import restore_testing
from drills.posture.subjects import VOLUME
from drills.recovery.schedule import worst_case_of_resource
from drills.recovery.volume.points import points_of
from drills.recovery.volume.settings import tells_its_volume

_SNAPSHOT = "snap-"  # what the id of each begins with


@dataclass(frozen=True, slots=True)
class VolumeFacts:
    """The KeyMetadata of a volume's key, and the snapshot of its newest usable point; None for what is not there."""

    key: Document | NotVerified | None
    snapshot: Document | NotVerified | None


def _describe(clients: Clients, name: str) -> Source | None:
    described = owned.volume(clients, name)
    if described is None:
        return None
    arn = VOLUME.arn.format(region=clients.region, account=clients.account, name=name)
    return Source(arn, described, lambda: described.get("Tags") or ())


def _points(clients: Clients, name: str, vault: str | None) -> tuple[RecoveryPoint, ...]:
    return points_of(clients, name, vault) if vault else ()


def _own(clients: Clients, facts: PostureFacts) -> VolumeFacts:
    point = newest(facts)
    taken = point is not None and point.snapshot_id.startswith(_SNAPSHOT)
    return VolumeFacts(
        encrypted.read_key(clients, (facts.instance or {}).get("KmsKeyId")),
        read_or_not_verified("ec2:DescribeSnapshots", lambda: _snapshot(clients, point.snapshot_id))
        if point and taken
        else None,
    )


def _snapshot(clients: Clients, number: str) -> Document | None:
    return first(none_if_missing(lambda: clients.ec2.describe_snapshots(SnapshotIds=[number])["Snapshots"]))


# -- judgements -------------------------------------------------------------------------------------------------------


def encryption(facts: PostureFacts) -> CheckResult:
    """Judge the volume's own key: no instance attaches it without."""
    key = facts.own.key if isinstance(facts.own, VolumeFacts) else None
    return encrypted.judge(facts, key, facts.subject.unencrypted)


def lineage(facts: PostureFacts) -> CheckResult:
    """Judge that the newest usable point is a snapshot of this volume that can be restored at once."""
    judged = Judgement("lineage")
    judged.was_read("recovery points", facts.points)
    point, own = newest(facts), facts.own
    if point is None or not isinstance(own, VolumeFacts):
        return judged.result("", nothing="" if judged.unread else "there is no usable recovery point")
    number = point.snapshot_id
    if not number.startswith(_SNAPSHOT):
        nothing = "the newest point is no snapshot of EC2, as none is in a logically air-gapped vault"
        return judged.result("", nothing=nothing, requirement="optional")
    if not judged.was_read(number, own.snapshot) or isinstance(own.snapshot, NotVerified):
        return judged.result("")
    judged.count()
    if own.snapshot is None:
        judged.find(
            "error",
            number,
            expected=f"the snapshot that the vault {facts.vault} lists as a recovery point",
            found="none in EC2: it cannot be restored",
            remedy=f"see who deleted it in CloudTrail, and {facts.back_up}",
        )
        return judged.result("")
    _can_be_restored(judged, facts, number, own.snapshot)
    taken_of = str(own.snapshot.get("VolumeId") or "")
    if not tells_its_volume(own.snapshot):
        return judged.result(
            f"the newest point is {number}, a copy, of which EC2 does not tell from which volume it was taken"
        )
    if taken_of != facts.instance_id:
        judged.find(
            "error",
            number,
            expected=f"a snapshot of {facts.instance_id}",
            found=f"one of {taken_of}",
            remedy=f"see who changed the vault {facts.vault}, and {facts.back_up}",
        )
    return judged.result(f"the newest point is {number}, which was taken of {taken_of}")


def _can_be_restored(judged: Judgement, facts: PostureFacts, number: str, snapshot: Document) -> None:
    """Judge the state of a snapshot and where it is stored."""
    if snapshot.get("State") != "completed":
        judged.find(
            "error",
            number,
            expected="a snapshot that is completed",
            found=str(snapshot.get("State")),
            remedy=f"aws ec2 describe-snapshots --snapshot-ids {number}: see its StateMessage, and {facts.back_up}",
        )
    if snapshot.get("StorageTier") == "archive":
        judged.find(
            "error",
            number,
            expected="a snapshot that can be restored at once",
            found="it is archived: bringing it back takes up to three days",
            remedy=f"aws ec2 restore-snapshot-tier --snapshot-id {number} --permanent-restore",
        )


KIND = SourceKind(
    subject=VOLUME,
    describe=_describe,
    points=_points,
    points_need="backup:ListRecoveryPointsByBackupVault",
    worst_case=worst_case_of_resource,
    own=_own,
    judgements=(opt_in, copies, restore_testing, encryption, lineage),
)
