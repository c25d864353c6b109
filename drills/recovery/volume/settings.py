"""The settings of an EBS volume, how a copy differs in them from its source, and whether it was made of the point. Pure.

EC2 API reference, Volume and Snapshot. Tags have the family `tag.KEY`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from drills.model.finding import CheckResult, Finding
from drills.model.settings.compared import ABSENT, Consequence, Families, of_tags, switch
from drills.recovery.resource.points import written

LINEAGE, CONTENTS = "lineage", "contents"
NOT_VERIFIED = (
    "the contents of the volume are not verified: no block of it was read and no file system looked at. That a restore "
    "was completed says nothing about what it brought back"
)
NAMES_NONE = "the recovery point lies with AWS Backup alone, in an air-gapped vault, and names no snapshot that it could be held to"
# by name: the member of the description
_MEMBERS: Mapping[str, str] = MappingProxyType(
    {
        **{"size": "Size", "type": "VolumeType", "iops": "Iops", "throughput": "Throughput"},
        **{"encryption": "Encrypted", "kms_key": "KmsKeyId", "zone": "AvailabilityZone"},
    }
)
FAMILIES = Families(
    "volume",
    restored={
        "size": Consequence("data do not fit, or storage is charged otherwise"),
        "type": Consequence("performance and price are others"),
        "iops": Consequence("reads and writes are slower, or charged otherwise"),
        "throughput": Consequence("reads and writes are slower, or charged otherwise"),
        "encryption": Consequence("who has the disk can read it, or cannot any more"),
        "kms_key": Consequence("another key decides who can read it"),
        "zone": Consequence("no instance of the source's zone can attach it"),
    },
    by_hand={
        "multi_attach": Consequence(
            "a second instance cannot attach it",
            gained="two instances can attach it at once, and write over each other",
        ),
        "tag": Consequence(
            "what goes by the tag takes the volume for another one, its own backups too",
            lost="what goes by the tag leaves the volume out, its own backups too",
            gained="what goes by the tag takes the volume in, and not the source",
        ),
    },
)
_OF_METADATA = {
    **{"size": "volumeSize", "type": "volumeType", "iops": "iops", "throughput": "throughput"},
    **{"encryption": "encrypted", "kms_key": "kmsKeyId", "zone": "availabilityZone"},
}


def of_volume(described: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings of a volume from its description; not AWS's own tags, nor those that a drill sets on its copy."""
    return of_description(described) | of_tags(described.get("Tags") or ())


def of_description(described: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings of a volume without its tags."""
    found = {name: written(described.get(member)) or ABSENT for name, member in _MEMBERS.items()}
    return found | {"multi_attach": switch(bool(described.get("MultiAttachEnabled")))}


def of_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that the metadata of a point tell, where the source is gone."""
    return {name: metadata[key] for name, key in _OF_METADATA.items() if key in metadata}


def judge_lineage(
    source: str, snapshot_id: str, copy: Mapping[str, Any], snapshots: Sequence[Mapping[str, Any]]
) -> CheckResult:
    """Judge whether the copy was made of the point's snapshot, and the snapshot of the source.

    Of a point that names no snapshot that is impossible, and no reason why the copy would not be usable.
    """
    made_of = str(copy.get("SnapshotId") or ABSENT)
    taken_of = str(snapshots[0].get("VolumeId") or ABSENT) if snapshots else ABSENT
    findings = []
    if snapshot_id and made_of != snapshot_id:
        findings.append(_lineage("snapshot", snapshot_id, made_of, "the copy was made of another snapshot"))
    known = bool(snapshots) and tells_its_volume(snapshots[0])
    if known and taken_of != source:
        findings.append(_lineage("volume", source, taken_of, "the snapshot was taken of another volume"))
    if findings:
        return CheckResult(LINEAGE, "missed", findings[0].message, blocking=True, compared=2, findings=tuple(findings))
    if not snapshot_id:
        told = f"the copy names {made_of}, which EC2 {_of_apart(snapshots, source)}: {NAMES_NONE}"
        return CheckResult(LINEAGE, "not verified", told, "impossible", blocking=True, compared=int(known))
    if not known:
        told = f"the copy was made of {made_of}, of which EC2 does not tell from which volume it was taken"
        return CheckResult(LINEAGE, "not verified", told, blocking=True, compared=1, unverified=1)
    told = f"the copy was made of {made_of}, which was taken of {source}"
    return CheckResult(LINEAGE, "met", told, blocking=True, compared=2)


def _of_apart(snapshots: Sequence[Mapping[str, Any]], source: str) -> str:
    """Return what EC2 tells of the snapshot that a copy names, where its point names none."""
    if not snapshots:
        return "does not show to this account"
    return f"calls one of {source}" if tells_its_volume(snapshots[0]) else "does not say of which volume it was taken"


def tells_its_volume(snapshot: Mapping[str, Any]) -> bool:
    """Return whether a snapshot names a volume: one that was copied names `vol-ffffffff` (EC2 API reference, CopySnapshot)."""
    return str(snapshot.get("VolumeId") or ABSENT).strip("vol-f") != ""


def _lineage(what: str, expected: str, found: str, consequence: str) -> Finding:
    return Finding(
        LINEAGE, "error", what, expected, found, f"{what}: expected {expected}, found {found}: {consequence}"
    )


def contents() -> CheckResult:
    """Say that the contents are not verified: the result of every drill of a volume."""
    return CheckResult(CONTENTS, "not verified", NOT_VERIFIED, unverified=1)
