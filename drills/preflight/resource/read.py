"""Reads the facts that AWS Backup's restore of a target is foreseen by, which is no database. Changes nothing."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any

from drills.aws.databases.requests import RestoreRequest
from drills.aws.guarded.names import LOCK_PREFIX, ScratchName, scratch_tags
from drills.aws.guarded.requests import RESTORE_JOB, named, restore_job
from drills.aws.read import none_if_missing
from drills.aws.settings import read_or_not_verified
from drills.model.parity import NotVerified
from drills.model.point import Choice, RecoveryPoint
from drills.posture.backup_reader import read_trust
from drills.preflight.facts import (
    Document,
    KeyUse,
    PreflightFacts,
    ResourceFacts,
    Restore,
    RestoreRole,
    Rights,
)
from drills.preflight.kinds.all_kinds import kind_of
from drills.preflight.principal import principal_of
from drills.preflight.read_key import arns_of, read_key
from drills.preflight.resource import quotas, requests
from drills.preflight.resource.kind import Wanted
from drills.preflight.sides import Sides
from drills.preflight.simulate import simulate
from drills.record import new_run_id
from drills.recovery import selection
from drills.recovery.resource import vault as vaults
from drills.recovery.resource.drill import judge_choice
from drills.recovery.resource.restoring import role_of
from drills.recovery.resource.vault import Vault

OWNED_BY_AWS = "AWS_OWNED_KMS_KEY"  # EncryptionKeyType of a vault (AWS Backup API reference, DescribeBackupVault)
A_LOCK = f"{LOCK_PREFIX}{'0' * 16}-1"  # the form of a lock's name


def read_resource(sides: Sides, now: datetime) -> PreflightFacts:
    """Return every fact of a target that is no database. Raises ConfigError where drill.toml names no role that restores."""
    return _Reader(sides, now).facts()


class _Reader:
    """Reads facts from AWS in the order of a drill: the vault, the points, the source, then what belongs to the restore."""

    def __init__(self, sides: Sides, now: datetime) -> None:
        self._sides = sides
        self._target = sides.target
        self._there = sides.scratch_clients
        self._kind = kind_of(sides.target)
        self._role = role_of(sides, self._kind.copies)
        self._now = now

    def facts(self) -> PreflightFacts:
        """Return all of them; those of a restore where there is a point to restore."""
        target, config, kind = self._target, self._target.preflight, self._kind
        vault = read_or_not_verified(
            "backup:DescribeBackupVault", lambda: none_if_missing(lambda: vaults.describe(self._sides))
        )
        points = self._points(vault)
        source = read_or_not_verified(kind.described_by, self._source)
        described = None if isinstance(source, NotVerified) else source
        choice = self._choice(points, source)
        wanted = self._wanted(choice, described)
        if isinstance(wanted, NotVerified):
            choice, wanted = wanted, None
        resource = ResourceFacts(
            word=kind.copies.word,
            judgements=kind.judgements,
            vault=vault,
            none="" if isinstance(choice, NotVerified) else judge_choice(kind.copies.word, target, choice).sentence,
        )
        facts = PreflightFacts(
            now=self._now,
            account=self._there.account,
            region=self._there.region,
            instance_id=target.instance,
            dbi_resource_id=kind.identity(target.instance, described),
            vault=target.vault,
            ends_within=config.ends_within,
            points_end_within=config.points_end_within,
            choice=choice,
            points=points,
            instance=source,
            restore=None,
            locked=self._sides.locked,
            resource=resource,
        )
        return facts if wanted is None else dataclasses.replace(facts, **self._of_restore(wanted, resource))

    # -- the point and the request --------------------------------------------------------------------------------------

    def _points(self, vault: Vault | NotVerified | None) -> tuple[RecoveryPoint, ...] | NotVerified:
        if isinstance(vault, Vault) and vault.state == "CREATING":
            return NotVerified(f"access to the vault {vault.name} has not been approved yet")
        found = read_or_not_verified(
            "backup:ListRecoveryPointsByBackupVault",
            lambda: none_if_missing(lambda: self._kind.points(self._sides)) or (),
        )
        if isinstance(found, NotVerified) or not isinstance(vault, Vault):
            return found
        return tuple(
            dataclasses.replace(each, lineage=vault.lineage) for each in found
        )  # by which a restore knows a lent one

    def _source(self) -> Document | None:
        found = self._kind.source.describe(self._sides.clients, self._target.instance)
        return found.described if found else None

    def _choice(
        self, points: tuple[RecoveryPoint, ...] | NotVerified, source: Document | NotVerified | None
    ) -> Choice | NotVerified:
        """Return the point that a drill would choose now, for one at random the newest; a source that it may not read ends it."""
        if isinstance(points, NotVerified):
            return points
        if isinstance(source, NotVerified):
            return source
        sample = self._target.sample
        if sample.kind == "random":
            return selection.choose_newest(points, dbi_resource_id=None, usable_at=self._now)
        return selection.choose(sample, points, dbi_resource_id=None, usable_at=self._now)

    def _wanted(self, choice: Choice | NotVerified, source: Document | None) -> Wanted | NotVerified | None:
        """Return the restore that a drill would ask for, with the metadata that it would give."""
        if isinstance(choice, NotVerified) or choice.point is None:
            return None
        point, copies = choice.point, self._kind.copies
        metadata = read_or_not_verified(
            "backup:GetRecoveryPointRestoreMetadata", lambda: self._kind.metadata(self._sides, point, source)
        )
        if isinstance(metadata, NotVerified):
            return metadata
        run_id = new_run_id(self._now)
        name = ScratchName(run_id, "recovery")
        expires = self._sides.expires(self._now).isoformat(timespec="seconds")
        tags = scratch_tags(run_id, self._sides.name, expires, self._target.tags)
        return Wanted(
            point=point,
            source=self._target.instance,
            role=self._role,
            name=name,
            metadata=named(metadata, copies.named_by, name) if copies.named_by else metadata,
            tags=tags | ({"Name": str(name)} if copies.name_tag else {}),
            account=self._there.account,
            region=self._there.region,
            lock=A_LOCK if self._sides.locked else "",
        )

    # -- what belongs to the restore ------------------------------------------------------------------------------------

    def _of_restore(self, wanted: Wanted, resource: ResourceFacts) -> dict[str, Any]:
        request = restore_job(wanted.point.arn, wanted.role, wanted.metadata, wanted.name)
        owned = isinstance(resource.vault, Vault) and resource.vault.key_type == OWNED_BY_AWS
        used = self._used_keys(wanted)
        own = wanted.point.kms_key_id if wanted.point.encrypted and not owned else None
        keys = {each: read_key(self._there, each) for each in dict.fromkeys((*((own,) if own else ()), *used))}
        of_vault = {arn: key for arn, key in keys.items() if arn not in used}
        wanted = dataclasses.replace(
            wanted,
            keys=tuple(arns_of({each: keys[each] for each in used})),
            vault_keys=tuple(arns_of(of_vault)),
        )
        role = self._restore_role(wanted)
        room = self._kind.room(self._there, wanted)
        if wanted.lock:
            room = dataclasses.replace(room, quotas=(*room.quotas, quotas.of_lock(self._there)))
        return {
            "restore": Restore(wanted.point, RestoreRequest(RESTORE_JOB, request), False, "", ""),
            "rights": self._rights(wanted),
            "keys": keys,
            "resource": dataclasses.replace(
                resource,
                role=role,
                room=room,
                key_use=KeyUse(role.rights, self._kind.key_actions, self._kind.service, frozenset(used), owned),
                name=str(wanted.name) if self._kind.copies.named_by else "",
            ),
        }

    def _used_keys(self, wanted: Wanted) -> tuple[str, ...]:
        """Return the keys that the copy is made with: its own, and that of a snapshot which the service itself keeps.

        A point that AWS Backup keeps is under the key of its vault ("Encryption for backups in AWS Backup").
        """
        point, copy = wanted.point, self._kind.copy_key(wanted.metadata)
        own = point.kms_key_id if point.encrypted and point.arn.split(":")[2] != "backup" else None
        return tuple(dict.fromkeys(each for each in (own, copy) if each))

    def _rights(self, wanted: Wanted) -> Rights:
        principal = principal_of(self._target, self._there)
        if isinstance(principal, NotVerified):
            return Rights(principal, principal, ())
        return Rights(principal, simulate(self._there, principal, requests.of_drill(self._kind, wanted)), ())

    def _restore_role(self, wanted: Wanted) -> RestoreRole:
        trust = read_or_not_verified("iam:GetRole", lambda: read_trust(self._there, wanted.role))
        gone = NotVerified("there is no such role")
        decisions = gone if trust is None else simulate(self._there, wanted.role, requests.of_job(self._kind, wanted))
        return RestoreRole(wanted.role, trust, Rights(wanted.role, decisions, ()))
