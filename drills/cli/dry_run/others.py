"""What the drill of what is no database would do: the restore job that it asks AWS Backup for, and what its policy allows it."""

from __future__ import annotations

import functools
import json
from typing import Any

from drills.aws.guarded.names import ScratchName
from drills.aws.guarded.permits import is_read
from drills.cli.common import CHECKOUT
from drills.config.load import Config, SandboxProfile, Target
from drills.model.instance import BUCKET, FILE_SYSTEM, VOLUME, OtherKind
from drills.recovery.bucket import restore as buckets
from drills.recovery.file_system import restore as file_systems
from drills.recovery.table import restore as tables
from drills.recovery.volume import points as volumes

RUN = "RUN-ID"  # stands for the id that the run will have
JOB = "JOB-ID"  # and for that of the restore job
IAM = "infra/iam"


def name_of(kind: OtherKind) -> ScratchName:
    """Return the name of the copy: what has none of its own is called after the job that makes it."""
    return ScratchName(RUN, JOB if kind.record == VOLUME else "recovery")


def request(effective: Config) -> dict[str, Any]:
    """Return the request StartRestoreJob of the run; in words what only the recovery point tells."""
    target, kind, owner = effective.target, _kind(effective), effective.target.vault_access.account
    vault = f"{target.vault} of account {owner}" if owner else target.vault
    token = str(ScratchName(RUN, "recovery"))
    return {
        "RecoveryPointArn": f"that of the {target.sample.text} recovery point of {target.instance} in {vault}",
        "IamRoleArn": target.restore.backup_role_arn or "a role of the sandbox",
        "Metadata": _metadata(kind, target),
        "IdempotencyToken": token,
    }


def _metadata(kind: OtherKind, target: Target) -> dict[str, str]:
    if kind.record == BUCKET:
        told = buckets.metadata_of(target.instance, target.objects.prefix)
        return {**told, buckets.COPIES.named_by: str(name_of(kind))}
    if kind.record == VOLUME:
        return dict.fromkeys(volumes.METADATA, "as the recovery point tells, else as the source has it")
    if kind.record == FILE_SYSTEM:
        told = dict.fromkeys(file_systems.METADATA, "as the recovery point tells, else as the source has it")
        return {**told, "newFileSystem": "true", file_systems.COPIES.named_by: str(name_of(kind))}
    told = dict.fromkeys(tables.PASSED_ON, "as the recovery point tells, where it does")
    return {**told, tables.COPIES.named_by: str(name_of(kind))}


def is_locked(effective: Config) -> bool:
    """Return whether the run takes the lock of its target: each run in a sandbox has an AWS of its own."""
    return effective.target.restore.lock and not isinstance(effective.profile, SandboxProfile)


def policies(effective: Config) -> tuple[str, ...]:
    """Return the policies with the rights of the run, as paths in the checkout."""
    shared = effective.target.vault_access.account is not None
    further = {f"{IAM}/lock.json": is_locked(effective), f"{IAM}/air-gapped.json": shared}
    return (f"{IAM}/{_kind(effective).tag}.json", *(policy for policy, needed in further.items() if needed))


@functools.cache
def calls(policy: str) -> tuple[str, ...]:
    """Return the calls that a policy allows, which are those that the drill makes (tests/support/calls.json)."""
    document = json.loads((CHECKOUT / policy).read_text(encoding="utf-8"))
    allowed = (each["Action"] for each in document["Statement"] if each["Effect"] == "Allow")
    return tuple(sorted({action for actions in allowed for action in actions if not action.startswith("iam:")}))


def by_service(effective: Config, *, reads: bool) -> dict[str, list[str]]:
    """Return the calls that read, or those that change something, by service."""
    found: dict[str, list[str]] = {}
    every = dict.fromkeys(call for policy in policies(effective) for call in calls(policy))
    for each in (call for call in every if is_read(call) == reads):
        service, _, name = each.partition(":")
        found.setdefault(service, []).append(name)
    return found


def _kind(effective: Config) -> OtherKind:
    kind = effective.target.other
    assert kind is not None  # asked of what is no database alone
    return kind
