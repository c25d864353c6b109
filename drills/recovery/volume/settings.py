"""The settings of an EBS volume, how a copy differs in them from its source, and whether it was made of the point. Pure.

EC2 API reference, Volume and Snapshot. Tags have the family `tag.KEY`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from drills.model.finding import CheckResult, Finding, NotChecked
from drills.recovery.volume.points import written

CHECK, LINEAGE, CONTENTS = "settings", "lineage", "contents"
ABSENT = "not there"
NOT_VERIFIED = (
    "the contents of the volume are not verified: no block of it was read and no file system looked at. That it was restored from "
    "the snapshot of the source says nothing about what the snapshot holds"
)
# by name: the member of the description, and what follows where the copy has another value, which a restore brings back
RESTORED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "size": ("Size", "data do not fit, or storage is charged otherwise"),
        "type": ("VolumeType", "performance and price are others"),
        "iops": ("Iops", "reads and writes are slower, or charged otherwise"),
        "throughput": ("Throughput", "reads and writes are slower, or charged otherwise"),
        "encryption": ("Encrypted", "who has the disk can read it, or cannot any more"),
        "kms_key": ("KmsKeyId", "another key decides who can read it"),
        "zone": ("AvailabilityZone", "no instance of the source's zone can attach it"),
    }
)
# and which no restore job can ask for
BY_HAND: Mapping[str, str] = MappingProxyType(
    {
        "multi_attach": "a second instance cannot attach it",
        "tag": "what goes by the tag leaves the volume out, its own backups too",
    }
)
_OF_METADATA = {
    **{"size": "volumeSize", "type": "volumeType", "iops": "iops", "throughput": "throughput"},
    **{"encryption": "encrypted", "kms_key": "kmsKeyId", "zone": "availabilityZone"},
}


def of_volume(described: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings of a volume from its description; not AWS's own tags, nor those that a drill sets on its copy."""
    found = {name: written(described.get(member)) or ABSENT for name, (member, _) in RESTORED.items()}
    found["multi_attach"] = "on" if described.get("MultiAttachEnabled") else "off"
    of_drill = any(each["Key"].startswith("drills:") for each in described.get("Tags") or ())
    for tag in described.get("Tags") or ():
        if not tag["Key"].startswith(("aws:", "drills:")) and not (of_drill and tag["Key"] == "Name"):
            found[f"tag.{tag['Key']}"] = tag["Value"]
    return found


def of_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that the metadata of a point tell, where the source is gone."""
    return {name: metadata[key] for name, key in _OF_METADATA.items() if key in metadata}


def compare(expected: Mapping[str, str], found: Mapping[str, str], *, source: bool) -> CheckResult:
    """Judge the settings of a copy: beside those of its source, or where that is gone beside those that the point tells."""
    told = [name for name in (*RESTORED, *BY_HAND) if source or name in expected]
    names = sorted(name for name in expected.keys() | found.keys() if name.split(".")[0] in told)
    differs = (name for name in names if expected.get(name, ABSENT) != found.get(name, ABSENT))
    findings = tuple(_finding(name, expected.get(name, ABSENT), found.get(name, ABSENT)) for name in differs)
    unread = tuple(
        NotChecked(name, "the source is gone, and its recovery point does not tell it")
        for name in (*RESTORED, *BY_HAND)
        if name not in told
    )
    wrong = [each.object for each in findings if each.severity == "error"]
    by_hand = [each.object for each in findings if each.severity == "warning"]
    sentence = f"{len(names)} settings of the volume compared with {'the source' if source else 'the recovery point'}"
    sentence += f"; other than there: {', '.join(wrong)}" if wrong else ""
    sentence += f"; to be set up by hand after a restore: {', '.join(by_hand)}" if by_hand else ""
    sentence += f"; not compared: {', '.join(each.what for each in unread)}" if unread else ""
    outcome = "missed" if wrong else "not verified" if unread else "met"
    return CheckResult(
        CHECK,
        outcome,  # type: ignore[arg-type]
        sentence,
        blocking=True,
        compared=len(names),
        findings=findings,
        not_checked=unread,
        unverified=len(unread),
    )


def _finding(name: str, expected: str, found: str) -> Finding:
    restored = RESTORED.get(name)
    consequence = restored[1] if restored else BY_HAND[name.split(".")[0]]
    told = f"{name}: expected {expected}, found {found}: {consequence}"
    return Finding(CHECK, "error" if restored else "warning", name, expected, found, told)


def judge_lineage(
    source: str, snapshot_id: str, copy: Mapping[str, Any], snapshots: Sequence[Mapping[str, Any]]
) -> CheckResult:
    """Judge whether the copy was made of the point's snapshot, and the snapshot of the source.

    A snapshot that was copied names no volume of anybody (EC2 API reference, CopySnapshot: `vol-ffffffff`).
    """
    made_of = str(copy.get("SnapshotId") or ABSENT)
    taken_of = str(snapshots[0].get("VolumeId") or ABSENT) if snapshots else ABSENT
    findings = []
    if made_of != snapshot_id:
        findings.append(_lineage("snapshot", snapshot_id, made_of, "the copy was made of another snapshot"))
    known = bool(snapshots) and taken_of.strip("vol-f") != ""
    if known and taken_of != source:
        findings.append(_lineage("volume", source, taken_of, "the snapshot was taken of another volume"))
    if findings:
        return CheckResult(LINEAGE, "missed", findings[0].message, blocking=True, compared=2, findings=tuple(findings))
    if not known:
        told = f"the copy was made of {made_of}, of which EC2 does not tell from which volume it was taken"
        return CheckResult(LINEAGE, "not verified", told, blocking=True, compared=1, unverified=1)
    told = f"the copy was made of {made_of}, which was taken of {source}"
    return CheckResult(LINEAGE, "met", told, blocking=True, compared=2)


def _lineage(what: str, expected: str, found: str, consequence: str) -> Finding:
    return Finding(
        LINEAGE, "error", what, expected, found, f"{what}: expected {expected}, found {found}: {consequence}"
    )


def contents() -> CheckResult:
    """Say that the contents are not verified: the result of every drill of a volume."""
    return CheckResult(CONTENTS, "not verified", NOT_VERIFIED, unverified=1)
