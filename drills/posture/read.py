"""Reads the facts of a target's protection: what AWS Backup tells of any source, and what its own kind does. Changes nothing.

What the caller may not read becomes a `NotVerified` with the right that is lacking; the other facts are read all the same.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime
from pathlib import Path

from drills.aws import settings
from drills.aws.databases.kinds import KINDS
from drills.aws.session import Clients
from drills.aws.settings import read_or_not_verified
from drills.config.load import Target
from drills.errors import DrillError
from drills.model.parity import NotVerified
from drills.posture.backup_reader import BackupReader
from drills.posture.copies import copies
from drills.posture.facts import OwnerPolicy, PostureFacts, RestoreTest, Vault
from drills.posture.kinds.all_kinds import kind_of
from drills.posture.kinds.kind import Source, SourceKind
from drills.posture.opt_in import opt_in
from drills.posture.restore_needs import read_needs, read_stored
from drills.posture.restore_tests import restore_testing

POSTURE = "posture"  # what the calls are made for, in the record of them


def read(clients: Clients, restore: Clients, target: Target, *, now: datetime, store: Path) -> PostureFacts:
    """Return every fact of the target's protection. `clients` are of the source's side, `restore` of the copy's.

    `store` is the folder with the stored configuration. A source that cannot be asked for at all raises what boto3
    raises: without it nothing can be judged.
    """
    with clients.within(POSTURE):
        kind = kind_of(target)
        facts = _of_backups(clients, restore, target, kind, now)
        if target.is_database:
            needs, stored = read_needs(clients, restore, target, facts.instance), read_stored(store, clients, target)
            return dataclasses.replace(facts, needs=needs, stored=stored)
        return dataclasses.replace(facts, own=kind.own(clients, facts))


def _of_backups(clients: Clients, restore: Clients, target: Target, kind: SourceKind, now: datetime) -> PostureFacts:
    """Return what is read of a source whatever it is."""
    source, reader = kind.describe(clients, target.instance), _reader(clients, target, kind)
    protections = read_or_not_verified(kind.plans_need, lambda: reader.protections(source)) if source else ()
    points = read_or_not_verified(
        kind.points_need, lambda: kind.points(clients, target.instance, reader.existing_vault())
    )
    facts = PostureFacts(
        now=now,
        account=clients.account,
        region=clients.region,
        instance_id=target.instance,
        vault=target.vault,
        policy=OwnerPolicy(
            target.rpo.total_seconds() if target.rpo else None, target.posture.retention, target.posture.copies
        ),
        restore_account=restore.account or clients.account,
        restore_role=target.restore.role_arn if target.is_database else target.restore.backup_role_arn,
        instance=source.described if source else None,
        protections=protections,
        jobs=read_or_not_verified("backup:ListBackupJobs", lambda: reader.jobs(now)),
        points=points,
        vault_points=read_or_not_verified("backup:ListRecoveryPointsByBackupVault", reader.vault_points),
        worst_case=read_or_not_verified(
            f"{kind.plans_need}, backup:ListBackupJobs, backup:ListCopyJobs",
            lambda: kind.worst_case(clients, target, source, now) if source else None,
        ),
        tests=_tests(reader, kind, source, now),
        subject=kind.subject,
    )
    facts = dataclasses.replace(facts, vaults=reader.vaults(facts), keys=reader.keys(points))
    if copies in kind.judgements:
        facts = dataclasses.replace(facts, copies=reader.copies(facts))
    if opt_in in kind.judgements:
        settings_of = read_or_not_verified("backup:DescribeRegionSettings", reader.region_settings)
        facts = dataclasses.replace(facts, region_settings=settings_of)
    return dataclasses.replace(facts, roles=reader.roles(facts))


def _tests(
    reader: BackupReader, kind: SourceKind, source: Source | None, now: datetime
) -> tuple[RestoreTest, ...] | NotVerified:
    """Return the restore testing plans that test the source: read where they are judged."""
    if source is None or restore_testing not in kind.judgements:
        return ()
    return read_or_not_verified(
        "backup:ListRestoreTestingPlans, backup:ListRestoreTestingSelections, backup:GetRestoreTestingSelection, "
        "backup:GetRestoreTestingPlan",
        lambda: tuple(reader.tests(kind.subject.protected, source, now)),
    )


def _reader(clients: Clients, target: Target, kind: SourceKind) -> BackupReader:
    arn = kind.subject.arn.format(region=clients.region, account=clients.account, name=target.instance)
    return BackupReader(clients, arn, target.vault)


def backup_role(clients: Clients, target: Target, now: datetime) -> str:
    """Return the role of a plan that backs the source up, else of its newest job, else ""."""
    kind = kind_of(target)
    source, reader = kind.describe(clients, target.instance), _reader(clients, target, kind)
    protections = reader.protections(source) if source else ()
    if protections:
        return str(protections[0].selection["IamRoleArn"])
    jobs = reader.jobs(now)
    return str(max(jobs, key=lambda each: each["CreationDate"])["IamRoleArn"]) if jobs else ""


def vault_of(clients: Clients, target: Target) -> Vault | NotVerified | None:
    """Return the target's vault."""
    return _reader(clients, target, kind_of(target)).vault(
        f"arn:aws:backup:{clients.region}:{clients.account}::{target.vault}"
    )


def store_and_read(clients: Clients, restore: Clients, target: Target, store: Path, now: datetime) -> PostureFacts:
    """Store the configuration of a database, then read every fact. What cannot be stored is a finding, and no error."""
    if target.is_database:
        _store(clients, target, store, now)
    return read(clients, restore, target, now=now, store=store)


def _store(clients: Clients, target: Target, store: Path, now: datetime) -> None:
    try:
        found = settings.read_settings(clients, target.instance, KINDS[target.kind])
        resource_id = str(found["dbi_resource_id"])
        settings.save(
            store,
            settings.StoredSettings(
                clients.account, clients.region, target.instance, resource_id, now, found, target.kind
            ),
        )
    except DrillError:  # no instance, or no folder to write to: judged by what is there
        pass
