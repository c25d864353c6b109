"""A sandbox with an instance that is protected as posture asks for, and everything that a test may take away from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from drills.aws import session
from drills.aws.session import Clients
from drills.config.load import Target, load
from drills.config.profiles import SandboxProfile
from drills.posture import read as posture
from drills.posture.facts import PostureFacts
from tests.support.rds import Instance, create, eventually
from tests.support.sandbox import RunningSandbox, end_sandbox, start_sandbox

ROLE, VAULT, PLAN = "backup-role", "orders-vault", "orders-daily"
DAY = 86_400.0
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}  # fmt: skip
DENIES = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "backup:DeleteRecoveryPoint", "Resource": "*"}
    ],
}  # fmt: skip
CONFIG = f"""
[profiles.sandbox]
[targets.orders]
vault = "{VAULT}"
rpo = "26h"
[targets.orders.posture]
retention = "30d"
copies = 1
"""


@dataclass(frozen=True)
class Protected:
    """The sandbox, the instance `orders`, its plan, and the target as drill.toml describes it."""

    sandbox: RunningSandbox
    instance: Instance
    clients: Clients
    target: Target
    plan_id: str
    role_arn: str
    config: Path

    def facts(self, store: Path, **changes: Any) -> PostureFacts:
        """What posture reads now, by the sandbox's clock; `changes` replaces fields of the target."""
        target = self.target.model_copy(update=changes)
        now = self.sandbox.control.now()
        return posture.store_and_read(self.clients, self.clients, target, store, now)

    @property
    def arn(self) -> str:
        """The ARN of the instance."""
        return str(self.instance.described()["DBInstanceArn"])


def rule(**changes: Any) -> dict[str, Any]:
    """The rule of the plan: daily, kept for 35 days, copied to another vault."""
    return {
        "RuleName": "daily",
        "TargetBackupVaultName": VAULT,
        "ScheduleExpression": "cron(0 5 * * ? *)",
        "StartWindowMinutes": 60,
        "CompletionWindowMinutes": 120,
        "Lifecycle": {"DeleteAfterDays": 35},
        **changes,
    }


def protect(sandbox: RunningSandbox, clients: Clients) -> tuple[str, str]:
    """Vaults with key, lock and policy, a role, and a daily plan that selects by tag; plan id and role's ARN."""
    backup, key = clients.backup, clients.kms.create_key()["KeyMetadata"]["Arn"]
    for name in (VAULT, "copies"):
        backup.create_backup_vault(BackupVaultName=name, EncryptionKeyArn=key)
        backup.put_backup_vault_lock_configuration(BackupVaultName=name, MinRetentionDays=1, MaxRetentionDays=100)
        backup.put_backup_vault_access_policy(BackupVaultName=name, Policy=json.dumps(DENIES))
    role = clients.client("iam").create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    copy = {"DestinationBackupVaultArn": backup.describe_backup_vault(BackupVaultName="copies")["BackupVaultArn"]}
    rules = [rule(CopyActions=[copy | {"Lifecycle": {"DeleteAfterDays": 35}}])]
    plan = backup.create_backup_plan(BackupPlan={"BackupPlanName": PLAN, "Rules": rules})["BackupPlanId"]
    tag = {"ConditionType": "STRINGEQUALS", "ConditionKey": "backup", "ConditionValue": "daily"}
    selection = {"SelectionName": "tagged", "IamRoleArn": role, "ListOfTags": [tag]}
    backup.create_backup_selection(BackupPlanId=plan, BackupSelection=selection)
    return plan, role


@pytest.fixture(scope="module")
def protected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Protected]:
    """One for a module; four days have gone by in it."""
    sandbox = start_sandbox()
    profile = SandboxProfile(region=sandbox.region)
    clients = session.identify(
        session.open_clients(profile, environment={}, endpoint_url=sandbox.endpoint, role="stage")
    )
    plan, role = protect(sandbox, clients)
    key = clients.kms.create_key()["KeyMetadata"]["Arn"]
    instance = create(
        sandbox,
        "orders",
        BackupRetentionPeriod=7,
        StorageEncrypted=True,
        KmsKeyId=key,
        Tags=[{"Key": "backup", "Value": "daily"}],
    )
    instance.available()
    sandbox.control.forward(4 * DAY)
    settled(instance, clients, points=4)
    config = tmp_path_factory.mktemp("config") / "drill.toml"
    config.write_text(CONFIG)
    target = load(config, profile=None, target=None, environment={}).target
    yield Protected(sandbox, instance, clients, target, plan, role, config)
    end_sandbox(sandbox)


def settled(instance: Instance, clients: Clients, points: int) -> None:
    """Wait until so many points and their copies are completed, and the archive has caught up with the clock."""

    def probe() -> bool:
        vaults = (VAULT, "copies")
        listed = [clients.backup.list_recovery_points_by_backup_vault(BackupVaultName=each) for each in vaults]
        found = [[each["Status"] for each in answer["RecoveryPoints"]] for answer in listed]
        return all(len(each) >= points and set(each) == {"COMPLETED"} for each in found)

    eventually(probe, "the points of the plan and their copies")
    instance.available()
    instance.restorable_past(instance.sandbox.control.now())
