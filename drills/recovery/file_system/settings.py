"""The settings of an EFS file system, and what follows where a copy differs in them from its source. Pure.

Amazon EFS API reference: FileSystemDescription, and the answers of the operations that describe what belongs to a file system. A
restore can be given encryption, key and performance mode (AWS Backup API reference, StartRestoreJob).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drills.model.finding import CheckResult
from drills.model.settings.compared import ABSENT, OFF, Consequence, Families, of_tags, switch
from drills.plural import counted
from drills.recovery.resource.points import written

CONTENTS = "contents"
NOT_VERIFIED = (
    "the contents of the file system are not verified: nothing has mounted it, and no file of the directory "
    "aws-backup-restore_… was read, into which AWS Backup restores. That a restore was completed says nothing about the files"
)
FAMILIES = Families(
    "file system",
    restored={
        "encryption": Consequence("who has the disks can read it, or cannot any more"),
        "kms_key": Consequence("another key decides who can read it"),
        "performance_mode": Consequence("latency and the number of operations a second are others"),
    },
    by_hand={
        "throughput": Consequence("reads and writes are slower, or charged otherwise"),
        "zone": Consequence(
            "it is kept in another zone",
            lost="it is kept in several zones and charged otherwise",
            gained="it is kept in one zone alone, with which it is lost",
        ),
        "policy": Consequence(
            "others may mount it than the source",
            lost="who may mount it is limited by no policy: every client that reaches a mount target",
            gained="clients that its policy does not allow cannot mount it",
        ),
        "lifecycle": Consequence(
            "files move to other storage classes than those of the source",
            lost="files stay in the Standard class, which costs more",
            gained="files move to classes whose reads are charged, and those of the source do not",
        ),
        "backup_policy": Consequence(
            "it is backed up otherwise",
            lost="AWS's automatic backups leave it out",
            gained="AWS's automatic backups take it in, and not the source",
        ),
        "access_point": Consequence(
            "applications come to another directory, or as another user",
            lost="applications that mount by it cannot",
            gained="it can be mounted by it, and the source cannot",
        ),
        "mount_target": Consequence(
            "it is reached from another subnet",
            lost="no client of that zone can mount it",
            gained="clients of that zone can mount it, and not the source",
        ),
        "tag": Consequence(
            "what goes by the tag takes the file system for another one, its own backups too",
            lost="what goes by the tag leaves the file system out, its own backups too",
            gained="what goes by the tag takes the file system in, and not the source",
        ),
    },
)
_OF_METADATA = {"encryption": "encrypted", "kms_key": "kmskeyid", "performance_mode": "performancemode"}


@dataclass(frozen=True, slots=True)
class Answers:
    """What the operations beside DescribeFileSystems tell; None for what was refused, empty for what there is none of."""

    policy: str | None = ""
    lifecycle: Sequence[Mapping[str, str]] | None = ()
    backup: str | None = ""
    access_points: Sequence[Mapping[str, Any]] | None = ()
    mount_targets: Sequence[Mapping[str, Any]] | None = ()


def of_file_system(described: Mapping[str, Any], answers: Answers) -> dict[str, str]:
    """Return the settings of a file system; what was refused is left out."""
    found = of_description(described)
    if answers.policy is not None:
        found["policy"] = _digest(answers.policy) if answers.policy else OFF
    if answers.lifecycle is not None:
        rules = sorted(f"{name} {value}" for each in answers.lifecycle for name, value in each.items())
        found["lifecycle"] = ", ".join(rules) or OFF
    if answers.backup is not None:
        found["backup_policy"] = switch(answers.backup in ("ENABLED", "ENABLING"))
    for each in answers.access_points or ():
        found[f"access_point.{each.get('Name') or each['AccessPointId']}"] = _written_access_point(each)
    for each in answers.mount_targets or ():
        found[f"mount_target.{each.get('AvailabilityZoneName') or each['MountTargetId']}"] = str(each.get("SubnetId"))
    return found | of_tags(described.get("Tags") or ())


def of_description(described: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings that the description of a file system has, without its tags."""
    throughput = described.get("ProvisionedThroughputInMibps")
    return {
        "encryption": written(described.get("Encrypted", False)),
        "kms_key": str(described.get("KmsKeyId") or ABSENT),
        "performance_mode": str(described.get("PerformanceMode") or ABSENT),
        "throughput": f"{described.get('ThroughputMode')}{f', {throughput:g} MiB/s' if throughput else ''}",
        "zone": str(described.get("AvailabilityZoneName") or OFF),
    }


def of_metadata(told: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that the metadata of a point tell, where the source is gone."""
    return {name: told[key] for name, key in _OF_METADATA.items() if key in told}


def _digest(policy: str) -> str:
    """Return a policy as the number of its statements and a digest: it names accounts and roles, which no report needs."""
    document = json.loads(policy)
    statements = document.get("Statement", [])
    count = len(statements) if isinstance(statements, list) else 1
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    return f"{counted(count, 'statement')}, SHA-256 {digest[:16]}"


def _written_access_point(told: Mapping[str, Any]) -> str:
    root, user = told.get("RootDirectory") or {}, told.get("PosixUser") or {}
    who = f" as {user.get('Uid')}:{user.get('Gid')}" if user else ""
    return f"{root.get('Path', '/')}{who}"


def contents() -> CheckResult:
    """Say that the contents are not verified: the result of every drill of a file system."""
    return CheckResult(CONTENTS, "not verified", NOT_VERIFIED, unverified=1)
