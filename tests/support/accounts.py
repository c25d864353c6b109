"""A second account of a sandbox, in which production's backups are copied and recovered, as a team would set it up."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any

from tests.support.rds import ROLE, eventually
from tests.support.sandbox import RunningSandbox

HOME, RECOVERY = "123456789012", "222222222222"
EXTERNAL_ID = "a-drill-of-ours"


def document(principal: str, action: str, **more: Any) -> str:
    """A policy of one statement that lets a principal do something."""
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@dataclass(frozen=True)
class RecoveryAccount:
    """The account that copies go to; its owner's role and the drill's, which wants an external id."""

    sandbox: RunningSandbox
    keys: dict[str, str]

    @property
    def role_arn(self) -> str:
        """The role that drills restore in."""
        return f"arn:aws:iam::{RECOVERY}:role/drill"

    def client(self, service: str, region: str = "") -> Any:
        """A client of the account's owner."""
        return self.sandbox.client(service, **self.keys, region_name=region or self.sandbox.region)

    def make_vault(self, name: str, *, key: bool = True, opened: bool = True) -> str:
        """A vault with a key of the account's own, which production may copy into; its ARN."""
        wanted = {"EncryptionKeyArn": self.client("kms").create_key()["KeyMetadata"]["Arn"]} if key else {}
        backup = self.client("backup")
        arn = backup.create_backup_vault(BackupVaultName=name, **wanted)["BackupVaultArn"]
        if opened:
            allowed = document(f"arn:aws:iam::{HOME}:root", "backup:CopyIntoBackupVault", Resource="*")
            backup.put_backup_vault_access_policy(BackupVaultName=name, Policy=allowed)
        return str(arn)


def open_account(sandbox: RunningSandbox) -> RecoveryAccount:
    """Make the drill's role in the other account, as the owner of that account."""
    owner = assume(sandbox, f"arn:aws:iam::{RECOVERY}:role/owner")
    made = RecoveryAccount(sandbox, owner)
    condition = {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}
    trust = document(f"arn:aws:iam::{HOME}:root", "sts:AssumeRole", Condition=condition)
    made.client("iam").create_role(RoleName="drill", AssumeRolePolicyDocument=trust)
    return made


@dataclass(frozen=True)
class Elsewhere(RunningSandbox):
    """A sandbox as an account of its own sees it, in which nothing is that another test knows of."""

    account: str
    assumed: dict[str, str]

    def client(self, service: str, **options: Any) -> Any:
        """A client of that account."""
        return super().client(service, **(self.assumed | options))


def new_account(sandbox: RunningSandbox) -> Elsewhere:
    """An account that nobody has used: what cannot be removed, such as a point that is locked, stays there."""
    account = str(10**11 + secrets.randbelow(9 * 10**11))
    own = {"account": account, "assumed": assume(sandbox, f"arn:aws:iam::{account}:role/owner")}
    return Elsewhere(**(vars(sandbox) | own))


def assume(sandbox: RunningSandbox, role_arn: str, **more: str) -> dict[str, str]:
    """Assume a role; its keys as boto3's clients take them."""
    given = sandbox.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="test", **more)["Credentials"]
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }


def lend_key(sandbox: RunningSandbox, key_arn: str) -> None:
    """Let the other account use a key of this one."""
    policy = json.loads(document(f"arn:aws:iam::{RECOVERY}:root", "kms:*", Resource="*"))
    policy["Statement"] += json.loads(document(f"arn:aws:iam::{HOME}:root", "kms:*", Resource="*"))["Statement"]
    sandbox.client("kms").put_key_policy(KeyId=key_arn, PolicyName="default", Policy=json.dumps(policy))


def copied(sandbox: RunningSandbox, point: str, vault: str, into: str, **lifecycle: int) -> dict[str, Any]:
    """Copy a recovery point of a vault into the vault with that ARN; the ended job."""
    backup = sandbox.client("backup")
    job = backup.start_copy_job(
        RecoveryPointArn=point,
        SourceBackupVaultName=vault,
        DestinationBackupVaultArn=into,
        IamRoleArn=ROLE,
        Lifecycle=lifecycle,
    )["CopyJobId"]

    def ended() -> dict[str, Any] | None:
        seen: dict[str, Any] = backup.describe_copy_job(CopyJobId=job)["CopyJob"]
        return seen if seen["State"] in ("COMPLETED", "FAILED") else None

    return dict(eventually(ended, "the copy job"))
