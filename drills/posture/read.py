"""Reads the facts of a target's protection: plans, roles, vaults, jobs, points, keys, restore needs. Changes nothing.

What the caller may not read becomes a `NotVerified` with the right that is lacking; the other facts are read all the same.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from drills.aws import plans, settings
from drills.aws import read as aws
from drills.aws.databases.kinds import KINDS
from drills.aws.read import none_if_missing
from drills.aws.session import Clients
from drills.aws.settings import read_or_not_verified
from drills.config.load import Target
from drills.errors import DrillError
from drills.model.parity import NotVerified
from drills.model.point import RecoveryPoint
from drills.model.timing import WorstCase
from drills.posture.facts import (
    Document,
    Key,
    OwnerPolicy,
    PostureFacts,
    Protection,
    RestoreNeeds,
    StoredConfiguration,
    Vault,
)
from drills.recovery import schedule

POSTURE = "posture"  # what the calls are made for, in the record of them
JOBS_SINCE = timedelta(days=30)  # "jobs … of the last 30 days" (API reference, ListBackupJobs)


def read(clients: Clients, restore: Clients, target: Target, *, now: datetime, store: Path) -> PostureFacts:
    """Return every fact of the target's protection. `clients` are of the source's side, `restore` of the copy's.

    `store` is the folder with the stored configuration. An instance that cannot be asked for at all raises what boto3
    raises: without it nothing can be judged.
    """
    with clients.within(POSTURE):
        return _read(clients, restore, target, now, store)


def _read(clients: Clients, restore: Clients, target: Target, now: datetime, store: Path) -> PostureFacts:
    reader = _FactReader(clients, restore, target)
    raw = reader.instance()
    protections = read_or_not_verified("backup:ListBackupPlans", lambda: reader.protections(raw)) if raw else ()
    points = read_or_not_verified(
        "backup:ListRecoveryPointsByBackupVault, rds:DescribeDBSnapshots",
        lambda: aws.recovery_points(clients, target.instance, reader.existing_vault(), reader.kind),
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
        restore_role=target.restore.role_arn,
        instance=raw,
        protections=protections,
        jobs=read_or_not_verified("backup:ListBackupJobs", lambda: reader.jobs(now)),
        points=points,
        vault_points=read_or_not_verified("backup:ListRecoveryPointsByBackupVault", reader.vault_points),
        needs=reader.needs(raw),
        stored=_stored(store, clients, target),
        worst_case=read_or_not_verified(
            "backup:ListBackupPlans, backup:ListBackupJobs, backup:ListCopyJobs",
            lambda: _worst_case(clients, target, now),
        ),
        kind=reader.kind,
    )
    facts = dataclasses.replace(facts, vaults=reader.vaults(facts), keys=reader.keys(points))
    return dataclasses.replace(facts, roles=reader.roles(facts))


def _worst_case(clients: Clients, target: Target, now: datetime) -> WorstCase | None:
    instance = aws.describe_instance(clients, target.instance, KINDS[target.kind])
    return schedule.worst_case(clients, target, instance, now) if instance else None


def _document(raw: Any) -> Document:
    """Return a policy document, which some APIs return as text and others read."""
    read = json.loads(raw) if isinstance(raw, str) else raw
    if not isinstance(read, dict):
        raise DrillError("expected a policy document, found something else")
    return read


def _stored(store: Path, clients: Clients, target: Target) -> StoredConfiguration | NotVerified | None:
    of = clients.account, clients.region, target.instance, target.kind
    try:
        kept = settings.load(store, *of)
    except DrillError as error:
        return NotVerified(str(error))
    if kept is None:
        return None
    return StoredConfiguration(kept.dbi_resource_id, kept.taken_at, str(settings.stored_path(store, *of)))


class _FactReader:
    """Reads facts from AWS, each in a method of its own."""

    def __init__(self, clients: Clients, restore: Clients, target: Target) -> None:
        self._clients = clients
        self._restore = restore
        self._target = target
        self.kind = KINDS[target.kind]

    def instance(self) -> Document | None:
        """Return the member of DescribeDBInstances or DescribeDBClusters, None where there is nothing of that name."""
        return aws.raw_instance(self._clients, self._target.instance, self.kind)

    def arn(self) -> str:
        """Return the ARN of the instance or cluster, also when it is gone."""
        return f"arn:aws:rds:{self._clients.region}:{self._clients.account}:{self.kind.arn}:{self._target.instance}"

    # -- plans --------------------------------------------------------------------------------------------------------

    def protections(self, raw: Document) -> tuple[Protection, ...]:
        """Return every plan with a selection that means the instance."""
        tags = aws.tags_by_key(raw.get("TagList") or ())
        found, read = [], dict[str, Document]()
        for row, selection, by in plans.selections(self._clients, str(raw[self.kind.own_arn]), tags):
            plan_id = row["BackupPlanId"]
            if plan_id not in read:
                read[plan_id] = self._clients.backup.get_backup_plan(BackupPlanId=plan_id)
            since = max(read[plan_id]["CreationDate"], selection["CreationDate"])
            found.append(Protection(read[plan_id], selection["BackupSelection"], by, since))
        return tuple(found)

    def roles(self, facts: PostureFacts) -> dict[str, Document | NotVerified | None]:
        """Return the trust policy of each role that backs up: of the selections, and of the newest job where there is none."""
        protections = () if isinstance(facts.protections, NotVerified) else facts.protections
        arns = {str(each.selection["IamRoleArn"]) for each in protections}
        jobs = () if isinstance(facts.jobs, NotVerified) else facts.jobs
        if not arns and jobs:
            arns = {str(max(jobs, key=lambda each: each["CreationDate"])["IamRoleArn"])}

        def trust(arn: str) -> Document | None:
            name = arn.rsplit("/", 1)[-1]
            answer = none_if_missing(lambda: self._clients.client("iam").get_role(RoleName=name))
            return _document(answer["Role"]["AssumeRolePolicyDocument"]) if answer else None

        return {arn: read_or_not_verified("iam:GetRole", lambda arn=arn: trust(arn)) for arn in sorted(arns)}  # type: ignore[misc]

    # -- vaults, jobs, points, keys -----------------------------------------------------------------------------------

    def vaults(self, facts: PostureFacts) -> dict[str, Vault | NotVerified | None]:
        """Return the target's vault, those that rules write to, and those that they copy to, by ARN."""
        protections = () if isinstance(facts.protections, NotVerified) else facts.protections
        rules = [rule for each in protections for rule in each.rules]
        names = {rule["TargetBackupVaultName"] for rule in rules} | ({facts.vault} if facts.vault else set())
        copies = {copy["DestinationBackupVaultArn"] for rule in rules for copy in rule.get("CopyActions") or []}
        arns = sorted({facts.vault_arn(name) for name in names} | copies)
        return {arn: self.vault(arn) for arn in arns}

    def vault(self, arn: str) -> Vault | NotVerified | None:
        """Return a vault of this account, in whatever region; None where there is none."""
        _, _, _, region, account, _, name = arn.split(":", 6)
        if account != self._clients.account:
            return NotVerified(f"it lies in account {account}: run drills posture there")
        backup, kms = self._clients.client("backup", region), self._clients.client("kms", region)

        def read() -> Vault | None:
            described = none_if_missing(lambda: backup.describe_backup_vault(BackupVaultName=name))
            if described is None:
                return None
            return Vault(
                described,
                read_or_not_verified("backup:GetBackupVaultAccessPolicy", lambda: _policy_of(backup, name)),
                read_or_not_verified(
                    "kms:DescribeKey", lambda: aws.key_metadata(kms, str(described["EncryptionKeyArn"]))
                )
                if described.get("EncryptionKeyArn")
                else None,
            )

        return read_or_not_verified("backup:DescribeBackupVault", read)

    def existing_vault(self) -> str | None:
        """Return the target's vault where it exists: what is not there holds no points, and is a finding of its own."""
        name = self._target.vault
        if (
            not name
            or none_if_missing(lambda: self._clients.backup.describe_backup_vault(BackupVaultName=name)) is None
        ):
            return None
        return name

    def jobs(self, now: datetime) -> tuple[Document, ...]:
        """Return the instance's backup jobs of the last 30 days."""
        jobs = aws.pages(
            self._clients.backup,
            "list_backup_jobs",
            "BackupJobs",
            ByResourceArn=self.arn(),
            ByCreatedAfter=now - JOBS_SINCE,
        )
        return tuple(jobs)

    def vault_points(self) -> tuple[Document, ...]:
        """Return the instance's points as the target's vault lists them."""
        name = self.existing_vault()
        if name is None:
            return ()
        within = {"BackupVaultName": name, "ByResourceArn": self.arn()}
        points = aws.pages(self._clients.backup, "list_recovery_points_by_backup_vault", "RecoveryPoints", **within)
        return tuple(points)

    def keys(self, points: Iterable[RecoveryPoint] | NotVerified) -> dict[str, Key | NotVerified | None]:
        """Return the keys of the points, by ARN."""
        arns = set() if isinstance(points, NotVerified) else {each.kms_key_id for each in points if each.kms_key_id}
        return {arn: self._key(arn) for arn in sorted(arns)}

    def _key(self, arn: str) -> Key | NotVerified | None:
        parts = arn.split(":")
        kms = self._clients.client("kms", parts[3]) if len(parts) > 5 else self._clients.kms

        def policy() -> Document:
            return _document(kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"])

        def key() -> Key | None:
            metadata = aws.key_metadata(kms, arn)
            return Key(metadata, read_or_not_verified("kms:GetKeyPolicy", policy)) if metadata else None

        return read_or_not_verified("kms:DescribeKey", key)

    # -- what a restore needs -------------------------------------------------------------------------------------------

    def needs(self, raw: Document | None) -> RestoreNeeds | None:
        """Return the groups that drill.toml names for copies, else those of the instance where the copy lies beside it."""
        restore, there = self._target.restore, self._restore
        beside = (there.account, there.region) == (self._clients.account, self._clients.region)
        own = raw if raw is not None and beside else {}
        if raw is None and not (restore.subnet_group or restore.security_group or restore.parameter_group):
            return None
        named = own.get("DBSubnetGroup") or {}  # a cluster has its name alone
        subnets = restore.subnet_group or str(
            named.get("DBSubnetGroupName") or "" if isinstance(named, dict) else named
        )
        groups = (
            (restore.security_group,)
            if restore.security_group
            else tuple(each["VpcSecurityGroupId"] for each in own.get("VpcSecurityGroups") or [])
        )
        first: Document = next(iter(own.get("DBParameterGroups") or []), {})
        used = own.get("DBClusterParameterGroup") or first.get("DBParameterGroupName")
        parameters = restore.parameter_group or str(used or "")

        return RestoreNeeds(
            subnets,
            read_or_not_verified("rds:DescribeDBSubnetGroups", lambda: aws.subnet_group(there, subnets))
            if subnets
            else None,
            groups,
            read_or_not_verified(
                "ec2:DescribeSecurityGroups",
                lambda: tuple(each for each in groups if aws.has_security_group(there, each)),
            ),
            parameters,
            read_or_not_verified(
                f"rds:Describe{self.kind.group}s",
                lambda: aws.parameter_group(there, parameters, self.kind),
            )
            if parameters
            else None,
            read_or_not_verified("rds:DescribeAccountAttributes", lambda: aws.quotas(there)),
        )


def _policy_of(backup: Any, vault: str) -> Document | None:
    answer = none_if_missing(lambda: backup.get_backup_vault_access_policy(BackupVaultName=vault))
    return _document(answer["Policy"]) if answer and answer.get("Policy") else None


def backup_role(clients: Clients, target: Target, now: datetime) -> str:
    """Return the role of a plan that backs the instance up, else of its newest job, else ""."""
    reader = _FactReader(clients, clients, target)
    raw = reader.instance()
    protections = reader.protections(raw) if raw else ()
    if protections:
        return str(protections[0].selection["IamRoleArn"])
    jobs = reader.jobs(now)
    return str(max(jobs, key=lambda each: each["CreationDate"])["IamRoleArn"]) if jobs else ""


def vault_of(clients: Clients, target: Target) -> Vault | NotVerified | None:
    """Return the target's vault."""
    return _FactReader(clients, clients, target).vault(
        f"arn:aws:backup:{clients.region}:{clients.account}::{target.vault}"
    )


def store_and_read(clients: Clients, restore: Clients, target: Target, store: Path, now: datetime) -> PostureFacts:
    """Store the target's configuration, then read every fact. What cannot be stored is a finding, and no error."""
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
    return read(clients, restore, target, now=now, store=store)
