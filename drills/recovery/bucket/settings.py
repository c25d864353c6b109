"""The settings of an S3 bucket, and what follows where a bucket that is restored to does not have them. Pure.

A restore brings back objects with their tags and metadata, and no setting of their bucket (AWS Backup developer guide, "Restore S3
data using AWS Backup"): every one is to be set up by hand. The run makes the bucket, with versioning, which a restore asks for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drills.model.settings.compared import ABSENT, OFF, Consequence, Families, of_tags, switch
from drills.plural import counted

BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
FAMILIES = Families(
    "bucket",
    restored={},
    by_hand={
        "versioning": Consequence(
            "overwritten and deleted objects are kept otherwise",
            lost="what is overwritten or deleted is gone, and AWS Backup does not back it up",
            gained="what is overwritten or deleted is kept and charged, and not of the source",
        ),
        "encryption": Consequence("new objects are encrypted under another key"),
        "ownership": Consequence("other accounts own what they write, or ACLs count that did not"),
        "public_access": Consequence(
            "others may be let in than to the source",
            lost="a policy or an ACL can make it public",
            gained="readers that the source is public for are refused",
        ),
        "policy": Consequence(
            "others may read or write it than the source",
            lost="who reads it from elsewhere is refused, and what the policy refuses is allowed",
            gained="others are let in or refused than of the source",
        ),
        "lifecycle": Consequence(
            "objects expire or move otherwise",
            lost="nothing expires or moves, which costs more",
            gained="objects of the copy expire or move, and those of the source do not",
        ),
        "cors": Consequence(
            "pages of other sites can use it than the source",
            lost="pages of other sites cannot use it",
            gained="pages of other sites can use it, and not the source",
        ),
        "replication": Consequence(
            "it is replicated elsewhere",
            lost="nothing of it is replicated",
            gained="it is replicated and charged for, and the source is not",
        ),
        "notification": Consequence(
            "others are told of its objects",
            lost="nobody is told of its objects",
            gained="others are told of its objects, and not of the source's",
        ),
        "object_lock": Consequence(
            "objects are kept from deletion for another time",
            lost="nothing keeps its objects from being deleted",
            gained="its objects cannot be deleted, and those of the source can",
        ),
        "tag": Consequence(
            "what goes by the tag takes the bucket for another one, its own backups too",
            lost="what goes by the tag leaves the bucket out, its own backups too",
            gained="what goes by the tag takes the bucket in, and not the source",
        ),
    },
)


@dataclass(frozen=True, slots=True)
class Answers:
    """What S3 tells of a bucket, an empty answer where there is nothing of it; None for what was refused."""

    versioning: Mapping[str, Any] | None
    encryption: Mapping[str, Any] | None
    ownership: Mapping[str, Any] | None
    public_access: Mapping[str, Any] | None
    policy: Mapping[str, Any] | None
    lifecycle: Mapping[str, Any] | None
    cors: Mapping[str, Any] | None
    replication: Mapping[str, Any] | None
    notification: Mapping[str, Any] | None
    object_lock: Mapping[str, Any] | None
    tag: Mapping[str, Any] | None


def of_bucket(answers: Answers) -> dict[str, str]:
    """Return the settings of a bucket; what was refused is left out."""
    written = {
        "versioning": lambda told: switch(is_versioned(told)),
        "encryption": _encryption,
        "ownership": ownership_of,
        "public_access": _public_access,
        "policy": lambda told: _digest(json.loads(told["Policy"]), "Statement", "statement") if told else OFF,
        "lifecycle": lambda told: _digest(told, "Rules", "rule"),
        "cors": lambda told: _digest(told, "CORSRules", "rule"),
        "replication": lambda told: _digest(told.get("ReplicationConfiguration") or {}, "Rules", "rule"),
        "notification": _notification,
        "object_lock": _object_lock,
    }
    asked = {name: getattr(answers, name) for name in written}
    found = {name: written[name](told) for name, told in asked.items() if told is not None}
    return found | of_tags((answers.tag or {}).get("TagSet") or ())


def of_told(answers: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the settings whose answers are recorded whole, by the operation that told them."""
    readers: dict[str, tuple[str, Callable[[Mapping[str, Any]], str]]] = {
        "s3.GetBucketVersioning": ("versioning", lambda told: switch(is_versioned(told))),
        "s3.GetBucketOwnershipControls": ("ownership", ownership_of),
        "s3.GetPublicAccessBlock": ("public_access", _public_access),
    }
    return {name: read(answers[operation]) for operation, (name, read) in readers.items() if operation in answers}


def is_versioned(told: Mapping[str, Any]) -> bool:
    """Return whether GetBucketVersioning tells that versions are kept."""
    return told.get("Status") == "Enabled"


def ownership_of(told: Mapping[str, Any]) -> str:
    """Return the object ownership of GetBucketOwnershipControls."""
    rules: Sequence[Mapping[str, str]] = (told.get("OwnershipControls") or {}).get("Rules") or ()
    return str(rules[0]["ObjectOwnership"]) if rules else ABSENT


def open_to_the_public(told: Mapping[str, Any]) -> list[str]:
    """Return what of the four blocks of GetPublicAccessBlock is not on."""
    found = told.get("PublicAccessBlockConfiguration") or {}
    return [each for each in BLOCKS if not found.get(each)]


def _public_access(told: Mapping[str, Any]) -> str:
    off = open_to_the_public(told)
    return OFF if len(off) == len(BLOCKS) else f"blocked but for {', '.join(off)}" if off else "blocked"


def _encryption(told: Mapping[str, Any]) -> str:
    rules = (told.get("ServerSideEncryptionConfiguration") or {}).get("Rules") or ()
    default = (rules[0].get("ApplyServerSideEncryptionByDefault") or {}) if rules else {}
    return f"{default.get('SSEAlgorithm') or OFF} {default.get('KMSMasterKeyID') or ''}".strip()


def _notification(told: Mapping[str, Any]) -> str:
    known = {name: value for name, value in told.items() if name.endswith(("Configurations", "Configuration"))}
    return _digest({"of": list(known.items())}, "of", "kind") if known else OFF


def _object_lock(told: Mapping[str, Any]) -> str:
    found = told.get("ObjectLockConfiguration") or {}
    if found.get("ObjectLockEnabled") != "Enabled":
        return OFF
    kept = (found.get("Rule") or {}).get("DefaultRetention") or {}
    return " ".join(["on", *(f"{name} {value}" for name, value in sorted(kept.items()))])


def _digest(document: Mapping[str, Any], member: str, word: str) -> str:
    """Return a document as the number of what it has and a digest: it names accounts and roles, which no report needs."""
    rules = document.get(member) or ()
    if not rules:
        return OFF
    count = len(rules) if isinstance(rules, list) else 1
    known = {name: value for name, value in document.items() if name != "ResponseMetadata"}
    digest = hashlib.sha256(json.dumps(known, sort_keys=True, default=str).encode()).hexdigest()
    return f"{counted(count, word)}, sha256 {digest[:12]}"
