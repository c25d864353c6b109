"""The facts of a restore by AWS Backup against which nothing stands, of each kind; a test takes away what it is about."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

from drills.aws.databases.requests import RestoreRequest
from drills.aws.guarded.names import ScratchName
from drills.aws.guarded.requests import RESTORE_JOB, named, restore_job
from drills.model.point import Choice, RecoveryPoint
from drills.preflight.facts import (
    Decision,
    Key,
    KeyUse,
    PreflightFacts,
    Quota,
    ResourceFacts,
    Restore,
    RestoreRole,
    Rights,
    Room,
    Zone,
)
from drills.preflight.kinds import file_system, table, volume
from drills.preflight.resource import requests
from drills.preflight.resource.kind import ResourceKind, Wanted
from drills.preflight.rights import Simulated
from drills.recovery.resource.vault import Vault
from drills.run.scene.protection import TRUST
from tests.support.clock import NOON
from tests.support.foreseen import ACCOUNT, KEY, POLICY, REGION, ROLE
from tests.support.points import point_of

RUN = "20261123-120000-abcd"
RESTORES = f"arn:aws:iam::{ACCOUNT}:role/restore"
ZONE = f"{REGION}a"
# by the word of the kind: what the target names, the ARN of its point, and the metadata that a drill would give
KINDS: dict[str, ResourceKind] = {each.copies.word: each for each in (table.KIND, volume.KIND, file_system.KIND)}
SOURCES = {"table": "orders", "volume": "vol-0123456789abcdef0", "file system": "fs-0123456789abcdef0"}
POINTS = {
    "table": f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:1",
    "volume": f"arn:aws:ec2:{REGION}::snapshot/snap-1",
    "file system": f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:2",
}
METADATA = {
    "table": {"encryptionType": "KMS", "kmsMasterKeyArn": KEY},
    "volume": {"availabilityZone": ZONE, "volumeType": "gp3", "volumeSize": "20", "encrypted": "true", "kmsKeyId": KEY},
    "file system": {"file-system-id": "fs-0123456789abcdef0", "Encrypted": "true", "KmsKeyId": KEY},
}


def point_of_kind(word: str) -> RecoveryPoint:
    """A usable point of such a resource, encrypted, that is deleted in 35 days."""
    found = point_of("one", encrypted=True, kms_key_id=KEY, expires_at=NOON + timedelta(days=35))
    named: dict[str, Any] = {
        "arn": POINTS[word],
        "snapshot_id": "snap-1" if word == "volume" else "",
        "instance_id": SOURCES[word],
    }
    return dataclasses.replace(found, **named, dbi_resource_id=None, vault="vault")


def wanted(word: str, **changes: Any) -> Wanted:
    """The restore that a drill of such a resource would ask for, with the lock of the target."""
    copies, name = KINDS[word].copies, ScratchName(RUN, "recovery")
    tags = {"drills:run": RUN, "drills:target": "orders"} | ({"Name": str(name)} if copies.name_tag else {})
    metadata = named(METADATA[word], copies.named_by, name) if copies.named_by else METADATA[word]
    made = Wanted(point_of_kind(word), SOURCES[word], RESTORES, name, metadata, tags, ACCOUNT, REGION, (KEY,))
    return dataclasses.replace(made, **{"lock": "drill-lock-0000000000000000-1"} | changes)


def allowed(asked: tuple[Simulated, ...]) -> tuple[Decision, ...]:
    """What the simulator says where everything is allowed."""
    return tuple(Decision(a, r, "allowed") for each in asked for a in each.actions for r in each.resources)


def foreseen(word: str) -> PreflightFacts:
    """Everything is there, and everything was read."""
    kind, asked = KINDS[word], wanted(word)
    by_role = Rights(RESTORES, allowed(requests.of_job(kind, asked)), ())
    point = asked.point
    request = RestoreRequest(RESTORE_JOB, restore_job(point.arn, asked.role, asked.metadata, asked.name))
    quota = Quota("of what is made", "dynamodb", 1, 3, 2500)
    return PreflightFacts(
        now=NOON,
        account=ACCOUNT,
        region=REGION,
        instance_id=SOURCES[word],
        dbi_resource_id=SOURCES[word],
        vault="vault",
        ends_within=timedelta(days=30),
        points_end_within=timedelta(days=1),
        choice=Choice(point, (), ()),
        restore=Restore(point, request, copied_first=False, instance_class="", storage_type=""),
        rights=Rights(ROLE, allowed(requests.of_drill(kind, asked)), ()),
        keys={KEY: Key({"KeyState": "Enabled", "Arn": KEY}, POLICY, ())},
        points=(point,),
        instance={},
        resource=ResourceFacts(
            word=word,
            judgements=kind.judgements,
            vault=Vault("vault", "BACKUP_VAULT", "AVAILABLE", locked=True),
            role=RestoreRole(RESTORES, TRUST, by_role),
            room=Room((quota,), frozenset({"orders"}), Zone(ZONE, {"State": "available"})),
            key_use=KeyUse(by_role, kind.key_actions, kind.service, frozenset({KEY})),
            name=str(asked.name) if kind.copies.named_by else "",
        ),
    )


def with_resource(facts: PreflightFacts, **changes: Any) -> PreflightFacts:
    """The facts with something changed of what is known of a target that is no database."""
    assert facts.resource
    return dataclasses.replace(facts, resource=dataclasses.replace(facts.resource, **changes))
