"""Reads what AWS Backup, KMS and IAM tell of the backups of any source: plans, roles, vaults, jobs, points, keys, restore tests.

What the caller may not read becomes a `NotVerified` with the right that is lacking; the other facts are read all the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from drills.aws import plans
from drills.aws import read as aws
from drills.aws.read import none_if_missing
from drills.aws.session import Clients
from drills.aws.settings import read_or_not_verified
from drills.errors import DrillError
from drills.model.parity import NotVerified
from drills.model.point import RecoveryPoint
from drills.posture.facts import Document, Key, PostureFacts, Protection, RestoreTest, Vault
from drills.schedule.selections import selected_by

JOBS_SINCE = timedelta(days=30)  # "jobs … of the last 30 days" (API reference, ListBackupJobs)


class BackupReader:
    """Reads facts about one source, which has this ARN and this vault, each in a method of its own."""

    def __init__(self, clients: Clients, arn: str, vault: str | None) -> None:
        self._clients = clients
        self._arn = arn
        self._vault = vault

    # -- plans --------------------------------------------------------------------------------------------------------

    def protections(self, source: plans.BackedUp) -> tuple[Protection, ...]:
        """Return every plan with a selection that means the source."""
        found, read = [], dict[str, Document]()
        for row, selection, by in plans.selections(self._clients, source.arn, dict(source.tags)):
            plan_id = row["BackupPlanId"]
            if plan_id not in read:
                read[plan_id] = self._clients.backup.get_backup_plan(BackupPlanId=plan_id)
            since = max(read[plan_id]["CreationDate"], selection["CreationDate"])
            found.append(Protection(read[plan_id], selection["BackupSelection"], by, since))
        return tuple(found)

    def roles(self, facts: PostureFacts) -> dict[str, Document | NotVerified | None]:
        """Return the trust policy of each role that backs up: of the selections, and of the newest job where there is none.

        Of what is no database AWS Backup also assumes the role that restores.
        """
        protections = () if isinstance(facts.protections, NotVerified) else facts.protections
        arns = {str(each.selection["IamRoleArn"]) for each in protections}
        jobs = () if isinstance(facts.jobs, NotVerified) else facts.jobs
        if not arns and jobs:
            arns = {str(max(jobs, key=lambda each: each["CreationDate"])["IamRoleArn"])}
        if facts.restore_role and not facts.subject.is_database:
            arns.add(facts.restore_role)

        def trust(arn: str) -> Document | NotVerified | None:
            return read_or_not_verified("iam:GetRole", lambda: read_trust(self._clients, arn))

        return {arn: trust(arn) for arn in sorted(arns)}

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
        name = self._vault
        if not name:
            return None
        found = none_if_missing(lambda: self._clients.backup.describe_backup_vault(BackupVaultName=name))
        return None if found is None else name

    def jobs(self, now: datetime) -> tuple[Document, ...]:
        """Return the source's backup jobs of the last 30 days."""
        jobs = aws.pages(
            self._clients.backup,
            "list_backup_jobs",
            "BackupJobs",
            ByResourceArn=self._arn,
            ByCreatedAfter=now - JOBS_SINCE,
        )
        return tuple(jobs)

    def vault_points(self) -> tuple[Document, ...]:
        """Return the source's points as the target's vault lists them."""
        name = self.existing_vault()
        if name is None:
            return ()
        within = {"BackupVaultName": name, "ByResourceArn": self._arn}
        points = aws.pages(self._clients.backup, "list_recovery_points_by_backup_vault", "RecoveryPoints", **within)
        return tuple(points)

    def region_settings(self) -> Document:
        """Return which types AWS Backup backs up in the region, and which it manages fully."""
        answer: Document = self._clients.backup.describe_region_settings()
        return answer

    def copies(self, facts: PostureFacts) -> dict[str, tuple[Document, ...] | NotVerified]:
        """Return the source's points in each vault that a rule copies to, of those that are there and of this account."""
        protections = () if isinstance(facts.protections, NotVerified) else facts.protections
        actions = (copy for each in protections for rule in each.rules for copy in rule.get("CopyActions") or [])
        arns = {str(each["DestinationBackupVaultArn"]) for each in actions}
        return {arn: self._copies_in(arn) for arn in sorted(arns) if isinstance(facts.vaults.get(arn), Vault)}

    def _copies_in(self, arn: str) -> tuple[Document, ...] | NotVerified:
        _, _, _, region, _, _, name = arn.split(":", 6)
        backup, within = self._clients.client("backup", region), {"BackupVaultName": name, "ByResourceArn": self._arn}
        return read_or_not_verified(
            "backup:ListRecoveryPointsByBackupVault",
            lambda: tuple(aws.pages(backup, "list_recovery_points_by_backup_vault", "RecoveryPoints", **within)),
        )

    def keys(self, points: Iterable[RecoveryPoint] | NotVerified) -> dict[str, Key | NotVerified | None]:
        """Return the keys of the points, by ARN."""
        arns = set() if isinstance(points, NotVerified) else {each.kms_key_id for each in points if each.kms_key_id}
        return {arn: self._key(arn) for arn in sorted(arns)}

    def _key(self, arn: str) -> Key | NotVerified | None:
        kms = kms_of(self._clients, arn)

        def policy() -> Document:
            return _document(kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"])

        def key() -> Key | None:
            metadata = aws.key_metadata(kms, arn)
            return Key(metadata, read_or_not_verified("kms:GetKeyPolicy", policy)) if metadata else None

        return read_or_not_verified("kms:DescribeKey", key)

    # -- restore tests ------------------------------------------------------------------------------------------------

    def tests(self, protected: str, source: plans.BackedUp, now: datetime) -> Iterator[RestoreTest]:
        """Yield the restore testing plans that test the source, which is of this type, with their jobs."""
        backup = self._clients.backup
        for row in aws.pages(backup, "list_restore_testing_plans", "RestoreTestingPlans"):
            plan = {"RestoreTestingPlanName": row["RestoreTestingPlanName"]}
            listed = aws.pages(backup, "list_restore_testing_selections", "RestoreTestingSelections", **plan)
            names = [
                each["RestoreTestingSelectionName"] for each in listed if each["ProtectedResourceType"] == protected
            ]
            selections = (
                backup.get_restore_testing_selection(**plan, RestoreTestingSelectionName=name)[
                    "RestoreTestingSelection"
                ]
                for name in names
            )
            if any(selected_by(_as_backed_up(each), source.arn, dict(source.tags)) for each in selections):
                described = backup.get_restore_testing_plan(**plan)["RestoreTestingPlan"]
                yield RestoreTest(described, self._test_jobs(str(described["RestoreTestingPlanArn"]), now - JOBS_SINCE))

    def _test_jobs(self, plan: str, since: datetime) -> tuple[Document, ...] | NotVerified:
        def read() -> tuple[Document, ...]:
            asked = {"ByRestoreTestingPlanArn": plan, "ByCreatedAfter": since}
            listed = aws.pages(self._clients.backup, "list_restore_jobs", "RestoreJobs", **asked)
            return tuple(each for each in listed if each.get("SourceResourceArn") == self._arn)

        return read_or_not_verified("backup:ListRestoreJobs", read)


def _as_backed_up(selection: Document) -> dict[str, Any]:
    """Return a selection of restore tests as one of a plan has it: the members of its conditions have other names there."""
    conditions = {
        operator: [{"ConditionKey": each["Key"], "ConditionValue": each["Value"]} for each in wanted or ()]
        for operator, wanted in (selection.get("ProtectedResourceConditions") or {}).items()
    }
    return {"Resources": selection.get("ProtectedResourceArns") or ["*"], "Conditions": conditions}


def kms_of(clients: Clients, key: str) -> Any:
    """Return a client of KMS in the region of a key."""
    parts = key.split(":")
    return clients.client("kms", parts[3]) if len(parts) > 5 else clients.kms


def read_trust(clients: Clients, arn: str) -> Document | None:
    """Return the trust policy of a role of this account, None where there is none of that ARN. Raises what boto3 raises."""
    answer = none_if_missing(lambda: clients.client("iam").get_role(RoleName=arn.rsplit("/", 1)[-1]))
    if answer is None or answer["Role"].get("Arn", arn) != arn:  # of its name there can be one of another path
        return None
    return _document(answer["Role"]["AssumeRolePolicyDocument"])


def _document(raw: Any) -> Document:
    """Return a policy document, which some APIs return as text and others read."""
    read = json.loads(raw) if isinstance(raw, str) else raw
    if not isinstance(read, dict):
        raise DrillError("expected a policy document, found something else")
    return read


def _policy_of(backup: Any, vault: str) -> Document | None:
    answer = none_if_missing(lambda: backup.get_backup_vault_access_policy(BackupVaultName=vault))
    return _document(answer["Policy"]) if answer and answer.get("Policy") else None
