"""Logically air-gapped vaults of the sandbox: what they take, who restores from them, and who approves."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.accounts import HOME, copied, document, new_account
from tests.support.aurora import Cluster, create_cluster
from tests.support.backup import Shop, open_shop
from tests.support.kept import forget, take
from tests.support.rds import ROLE, code, eventually
from tests.support.sandbox import RunningSandbox
from tests.support.tables import ITEMS, VAULT, Kept, by_key, kept_table

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]
shop_fixture = open_shop
TEAM = "arn:aws:mpa:us-east-1:333333333333:approval-team/recovery"


@pytest.fixture(scope="module")
def kept(beating: RunningSandbox) -> Iterator[Kept]:
    """A table that was backed up on demand, in an account of its own: what is kept in an air-gapped vault cannot be removed."""
    with kept_table(new_account(beating)) as made:
        yield made


@pytest.fixture
def bunker(kept: Kept) -> dict[str, Any]:
    """An air-gapped vault of the test's own."""
    return made_vault(kept.sandbox)


def made_vault(sandbox: RunningSandbox) -> dict[str, Any]:
    """An air-gapped vault with a new name, as CreateLogicallyAirGappedBackupVault answers."""
    name = f"bunker-{secrets.token_hex(4)}"
    create = sandbox.client("backup").create_logically_air_gapped_backup_vault
    return dict(create(BackupVaultName=name, MinRetentionDays=7, MaxRetentionDays=30))


def kept_in(kept: Kept, vault: dict[str, Any]) -> str:
    """Copy the point of the table into a vault; the ARN of the copy."""
    done = copied(kept.sandbox, kept.point, VAULT, vault["BackupVaultArn"], DeleteAfterDays=7)
    assert done["State"] == "COMPLETED", done
    return str(done["DestinationRecoveryPointArn"])


def test_an_air_gapped_vault_is_locked_from_the_first_and_under_a_key_that_aws_owns(
    kept: Kept, bunker: dict[str, Any]
) -> None:
    """DescribeBackupVault says its type, lock and the type of its key; a copy in it has no key that can be named, and stays."""
    point = kept_in(kept, bunker)
    name = bunker["BackupVaultName"]
    seen = kept.backup.describe_backup_vault(BackupVaultName=name)
    assert (seen["VaultType"], seen["VaultState"]) == ("LOGICALLY_AIR_GAPPED_BACKUP_VAULT", "AVAILABLE")
    assert (seen["Locked"], seen["EncryptionKeyType"]) == (True, "AWS_OWNED_KMS_KEY")
    assert "EncryptionKeyArn" not in seen
    (row,) = kept.backup.list_recovery_points_by_backup_vault(BackupVaultName=name)["RecoveryPoints"]
    assert (row["RecoveryPointArn"], row["VaultType"]) == (point, seen["VaultType"])
    assert (row["IsEncrypted"], row["EncryptionKeyType"]) == (True, "AWS_OWNED_KMS_KEY")
    listed = kept.backup.list_backup_vaults(ByVaultType=seen["VaultType"])["BackupVaultList"]
    assert name in {each["BackupVaultName"] for each in listed}
    with pytest.raises(ClientError, match="Vault Lock"):
        kept.backup.delete_recovery_point(BackupVaultName=name, RecoveryPointArn=point)
    for days in ((6, 30), (31, 30)):
        with pytest.raises(ClientError) as refused:
            kept.backup.create_logically_air_gapped_backup_vault(
                BackupVaultName="wrong", MinRetentionDays=days[0], MaxRetentionDays=days[1]
            )
        assert code(refused) == "InvalidParameterValueException"


def test_a_point_of_an_rds_instance_is_not_copied_into_an_air_gapped_vault(shop: Shop) -> None:
    """Developer guide, "Feature availability by resource": RDS instances have no mark there."""
    shop.vault("airless")
    point, bunker = shop.back_up("airless"), made_vault(shop.sandbox)
    job = copied(shop.sandbox, point, "airless", bunker["BackupVaultArn"])
    assert (job["State"], "not supported" in job["StatusMessage"]) == ("FAILED", True), job
    shop.backup.delete_backup_vault(BackupVaultName=bunker["BackupVaultName"])


def test_an_account_restores_from_a_vault_that_is_shared_with_it_and_from_no_other(
    kept: Kept, bunker: dict[str, Any]
) -> None:
    """Each request about it names the account that owns it; what is restored lies in the account that asks, with the items."""
    point, name = kept_in(kept, bunker), bunker["BackupVaultName"]
    there, owner = new_account(kept.sandbox), kept.arn.split(":")[4]
    backup = there.client("backup")
    asked = {"BackupVaultName": name, "BackupVaultAccountId": owner}
    table = f"shared-{name}"
    request = {"RecoveryPointArn": point, "IamRoleArn": ROLE, "Metadata": {"targetTableName": table}}
    with pytest.raises(ClientError, match="Insufficient privileges") as refused:
        backup.describe_backup_vault(**asked)
    assert code(refused) == "AccessDeniedException"
    with pytest.raises(ClientError) as refused:
        backup.start_restore_job(**request)
    assert code(refused) == "ResourceNotFoundException"
    kept.sandbox.client("ram").create_resource_share(
        name=name, resourceArns=[bunker["BackupVaultArn"]], principals=[there.account]
    )
    with pytest.raises(ClientError) as refused:
        backup.describe_backup_vault(BackupVaultName=name)
    assert code(refused) == "ResourceNotFoundException"
    assert backup.describe_backup_vault(**asked)["BackupVaultArn"] == bunker["BackupVaultArn"]
    (row,) = backup.list_recovery_points_by_backup_vault(**asked)["RecoveryPoints"]
    assert (row["RecoveryPointArn"], row["ResourceArn"]) == (point, kept.arn)
    metadata = backup.get_recovery_point_restore_metadata(**asked, RecoveryPointArn=point)["RestoreMetadata"]
    assert metadata["targetTableName"] == "orders"
    assert backup.describe_recovery_point(**asked, RecoveryPointArn=point)["Status"] == "COMPLETED"
    job = backup.start_restore_job(**request)["RestoreJobId"]
    ended = eventually(lambda: _ended(backup, job), "the restore job to end")
    assert (ended["Status"], ended["BackupVaultArn"]) == ("COMPLETED", bunker["BackupVaultArn"]), ended
    assert f":{there.account}:table/{table}" in ended["CreatedResourceArn"]
    dynamodb = there.client("dynamodb")
    assert by_key(dynamodb.scan(TableName=table)["Items"]) == by_key(ITEMS)
    assert table not in kept.dynamodb.list_tables()["TableNames"]
    dynamodb.delete_table(TableName=table)


def test_a_vault_for_access_gives_access_once_its_team_has_approved(kept: Kept, bunker: dict[str, Any]) -> None:
    """Until then it is CREATING and empty; approved, the points of its source are listed and restored by its own name."""
    point, source = kept_in(kept, bunker), bunker["BackupVaultArn"]
    there = new_account(kept.sandbox)
    backup, name = there.client("backup"), f"access-to-{bunker['BackupVaultName']}"
    with pytest.raises(ClientError, match="no approval team"):
        backup.create_restore_access_backup_vault(SourceBackupVaultArn=source, BackupVaultName=name)
    kept.backup.associate_backup_vault_mpa_approval_team(
        BackupVaultName=bunker["BackupVaultName"], MpaApprovalTeamArn=TEAM
    )
    made = backup.create_restore_access_backup_vault(SourceBackupVaultArn=source, BackupVaultName=name)
    assert (made["VaultState"], made["RestoreAccessBackupVaultName"]) == ("CREATING", name)
    seen = backup.describe_backup_vault(BackupVaultName=name)
    assert (seen["VaultType"], seen["MpaApprovalTeamArn"]) == ("RESTORE_ACCESS_BACKUP_VAULT", TEAM)
    assert (seen["SourceBackupVaultArn"], ":session/recovery/" in seen["MpaSessionArn"]) == (source, True)
    assert backup.list_recovery_points_by_backup_vault(BackupVaultName=name)["RecoveryPoints"] == []
    kept.sandbox.control.decide(made["RestoreAccessBackupVaultArn"], approved=True)
    assert backup.describe_backup_vault(BackupVaultName=name)["VaultState"] == "AVAILABLE"
    (row,) = backup.list_recovery_points_by_backup_vault(BackupVaultName=name)["RecoveryPoints"]
    assert row["RecoveryPointArn"] == point
    table = f"approved-{bunker['BackupVaultName']}"
    job = backup.start_restore_job(RecoveryPointArn=point, IamRoleArn=ROLE, Metadata={"targetTableName": table})[
        "RestoreJobId"
    ]
    assert eventually(lambda: _ended(backup, job), "the restore job to end")["Status"] == "COMPLETED"
    there.client("dynamodb").delete_table(TableName=table)


def _ended(backup: Any, job: str) -> dict[str, Any] | None:
    seen = dict(backup.describe_restore_job(RestoreJobId=job))
    return None if seen["Status"] in ("PENDING", "RUNNING") else seen


def test_an_encrypted_cluster_is_kept_there_and_restored_with_its_rows_and_no_snapshot_is_listed(
    beating: RunningSandbox,
) -> None:
    """The cluster needs a key of the customer's (developer guide, "Primary backups to logically air-gapped vaults")."""
    there = new_account(beating)
    key = beating.client("kms").create_key(Policy=_used_by(HOME, there.account))["KeyMetadata"]["Arn"]
    made = create_cluster(beating, "kept-apart", StorageEncrypted=True, KmsKeyId=key)
    made.writer()
    made.run("CREATE TABLE item AS SELECT 7 AS id")
    backup, lent = beating.client("backup"), made_vault(there)
    backup.create_backup_vault(BackupVaultName="of-clusters")
    point = take(beating, made.described()["DBClusterArn"], "of-clusters")["RecoveryPointArn"]
    made.available()
    made.run("INSERT INTO item VALUES (8)")
    allowed = document(f"arn:aws:iam::{HOME}:root", "backup:CopyIntoBackupVault", Resource="*")
    there.client("backup").put_backup_vault_access_policy(BackupVaultName=lent["BackupVaultName"], Policy=allowed)
    there.client("ram").create_resource_share(name="a", resourceArns=[lent["BackupVaultArn"]], principals=[HOME])
    job = copied(beating, point, "of-clusters", lent["BackupVaultArn"], DeleteAfterDays=7)
    assert job["State"] == "COMPLETED", job
    copy = job["DestinationRecoveryPointArn"]
    assert copy.startswith(f"arn:aws:backup:{beating.region}:{there.account}:recovery-point:")
    assert there.client("rds").describe_db_cluster_snapshots()["DBClusterSnapshots"] == []
    asked = {"BackupVaultName": lent["BackupVaultName"], "BackupVaultAccountId": there.account}
    told = backup.get_recovery_point_restore_metadata(**asked, RecoveryPointArn=copy)["RestoreMetadata"]
    assert (told["DBClusterIdentifier"], "KmsKeyId" in told) == ("kept-apart", False)
    request = {"RecoveryPointArn": copy, "IamRoleArn": ROLE}
    started = backup.start_restore_job(**request, Metadata=told | {"DBClusterIdentifier": "back-again"})["RestoreJobId"]
    ended = eventually(lambda: _ended(backup, started), "the restore job to end")
    assert (ended["Status"], ended["CreatedResourceArn"].split(":")[4:]) == (
        "COMPLETED",
        [HOME, "cluster", "back-again"],
    )
    back = Cluster(beating, "back-again", made.password)
    assert (back.described()["StorageEncrypted"], back.described()["KmsKeyId"] == key) == (True, False)
    back.writer()
    assert back.value("SELECT string_agg(id::text, ',') FROM item") == "7"
    back.remove()
    made.remove()
    forget(beating, "of-clusters")


def _used_by(*accounts: str) -> str:
    """A policy of a key that these accounts may use."""
    policies = [json.loads(document(f"arn:aws:iam::{each}:root", "kms:*", Resource="*")) for each in accounts]
    statements = [statement for policy in policies for statement in policy["Statement"]]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
