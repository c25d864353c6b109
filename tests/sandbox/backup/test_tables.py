"""AWS Backup of DynamoDB tables: jobs, recovery points with the items as they were, copies, plans, restores and damage."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from drills.errors import ConfigError
from tests.support.accounts import copied
from tests.support.backup import OTHER_REGION, once_a_day
from tests.support.rds import ROLE, code, eventually
from tests.support.sandbox import RunningSandbox
from tests.support.tables import ITEMS, VAULT, Kept, by_key, kept_table

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def kept(beating: RunningSandbox) -> Iterator[Kept]:
    """A table that was backed up on demand."""
    with kept_table(beating) as made:
        yield made


def test_a_point_of_a_table_is_a_resource_of_aws_backup(kept: Kept) -> None:
    """Its ARN is AWS Backup's own, under the key of the vault; job, point and protected resource are of the type DynamoDB."""
    assert ":backup:" in kept.point
    assert ":recovery-point:" in kept.point
    assert (kept.job["ResourceType"], kept.job["ResourceName"]) == ("DynamoDB", "orders")
    listed = kept.backup.list_recovery_points_by_backup_vault(BackupVaultName=VAULT, ByResourceType="DynamoDB")
    (point,) = listed["RecoveryPoints"]
    assert (point["RecoveryPointArn"], point["ResourceArn"], point["Status"]) == (kept.point, kept.arn, "COMPLETED")
    seen = kept.backup.describe_recovery_point(BackupVaultName=VAULT, RecoveryPointArn=kept.point)
    vault = kept.backup.describe_backup_vault(BackupVaultName=VAULT)
    assert (seen["ResourceType"], seen["EncryptionKeyArn"]) == ("DynamoDB", vault["EncryptionKeyArn"])
    assert seen["BackupSizeInBytes"] > 0
    assert kept.backup.list_tags(ResourceArn=kept.point)["Tags"] == {"team": "sales"}
    assert kept.backup.describe_protected_resource(ResourceArn=kept.arn)["ResourceName"] == "orders"
    with pytest.raises(ClientError) as refused:
        kept.backup.stop_backup_job(BackupJobId=kept.job["BackupJobId"])
    assert code(refused) == "NotImplemented"


def test_a_restored_table_has_the_items_of_the_backup_and_is_not_usable_before(kept: Kept) -> None:
    """It is CREATING and cannot be used, then ACTIVE with the items of the backup, without what AWS does not restore."""
    arguments = {"BackupVaultName": VAULT, "RecoveryPointArn": kept.point}
    metadata = kept.backup.get_recovery_point_restore_metadata(**arguments)
    assert metadata["ResourceType"] == "DynamoDB"
    assert metadata["RestoreMetadata"] == {"encryptionType": "Default", "targetTableName": "orders"}
    kept.sandbox.control.arm("stuck-creating", service="dynamodb", name="orders-copy", seconds=600.0)
    job = kept.start(kept.point, "orders-copy")
    made = kept.dynamodb.describe_table(TableName="orders-copy")["Table"]
    assert made["TableStatus"] == "CREATING"
    assert made["RestoreSummary"]["RestoreInProgress"]
    assert made["RestoreSummary"]["SourceBackupArn"] == kept.point
    for refused_call, expected in (
        (kept.dynamodb.scan, "ResourceNotFoundException"),
        (kept.dynamodb.delete_table, "ResourceInUseException"),
    ):
        with pytest.raises(ClientError) as refused:
            refused_call(TableName="orders-copy")
        assert code(refused) == expected
    kept.sandbox.control.forward(601)
    ended = kept.ended(job)
    assert (ended["Status"], ended["ResourceType"]) == ("COMPLETED", "DynamoDB"), ended
    assert ended["CreatedResourceArn"] == made["TableArn"]
    described = kept.dynamodb.describe_table(TableName="orders-copy")["Table"]
    source = kept.dynamodb.describe_table(TableName="orders")["Table"]
    assert described["TableStatus"] == "ACTIVE"
    assert described["TableId"] != source["TableId"]
    assert [each["IndexName"] for each in described["GlobalSecondaryIndexes"]] == ["by-time"]
    assert described["BillingModeSummary"] == source["BillingModeSummary"]
    assert "StreamSpecification" not in described
    assert kept.dynamodb.list_tags_of_resource(ResourceArn=described["TableArn"])["Tags"] == []
    ttl = kept.dynamodb.describe_time_to_live(TableName="orders-copy")["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "DISABLED"}
    assert by_key(kept.dynamodb.scan(TableName="orders-copy", ConsistentRead=True)["Items"]) == by_key(ITEMS)
    assert len(kept.dynamodb.scan(TableName="orders")["Items"]) == 2
    kept.remove("orders-copy")


def test_what_prevents_a_restore_is_a_failed_job(kept: Kept) -> None:
    """A name that is taken fails the job with DynamoDB's reason; metadata without a name, or of another encryption, are refused."""
    failed = kept.ended(kept.start(kept.point, "orders"))
    assert (failed["Status"], failed["StatusMessage"]) == ("FAILED", "Table already exists: orders")
    for metadata in ({"DBInstanceIdentifier": "x"}, {"targetTableName": "x", "encryptionType": "mine"}):
        with pytest.raises(ClientError) as refused:
            kept.start(kept.point, "x", Metadata=metadata)
        assert code(refused) == "InvalidParameterValueException"
    kept.sandbox.control.arm("job-fails", service="backup", operation="StartRestoreJob", name="orders")
    assert kept.ended(kept.start(kept.point, "orders-never"))["Status"] == "FAILED"
    assert "orders-never" not in kept.dynamodb.list_tables()["TableNames"]


def test_tags_are_copied_where_asked_and_a_key_is_taken(kept: Kept) -> None:
    """CopySourceTagsToRestoredResource gives the table the tags of the point; encryptionType KMS is a key of KMS."""
    metadata = {"TargetTableName": "orders-tagged", "EncryptionType": "KMS"}
    job = kept.start(kept.point, "", Metadata=metadata, CopySourceTagsToRestoredResource=True)
    table = kept.ended(job)["CreatedResourceArn"]
    assert kept.dynamodb.list_tags_of_resource(ResourceArn=table)["Tags"] == [{"Key": "team", "Value": "sales"}]
    assert kept.dynamodb.describe_table(TableName="orders-tagged")["Table"]["SSEDescription"]["SSEType"] == "KMS"
    kept.dynamodb.tag_resource(ResourceArn=table, Tags=[{"Key": "team", "Value": "drill"}])
    assert kept.dynamodb.list_tags_of_resource(ResourceArn=table)["Tags"] == [{"Key": "team", "Value": "drill"}]
    kept.remove("orders-tagged")


def test_a_damaged_point_is_restored_as_it_is_and_no_other_changes(kept: Kept) -> None:
    """An item can be lost from a point, and an attribute changed; the copy has the damage, a point that shared the data has not."""
    there = dataclasses.replace(kept.sandbox, region=OTHER_REGION)
    vault = there.client("backup").create_backup_vault(BackupVaultName="tables-abroad")["BackupVaultArn"]
    job = copied(kept.sandbox, kept.point, VAULT, vault)
    assert job["State"] == "COMPLETED", job
    copy = job["DestinationRecoveryPointArn"]
    assert f":{OTHER_REGION}:" in copy
    done = kept.sandbox.control.damage(copy, ["item", "attribute"])
    assert [(each["kind"], each["object"]) for each in done] == [
        ("item", "table orders"),
        ("attribute", "table orders"),
    ]
    with pytest.raises(ConfigError, match="kinds must be a list of item, attribute"):
        kept.sandbox.control.damage(copy, ["row"])
    abroad = dataclasses.replace(kept, sandbox=there)
    assert abroad.ended(abroad.start(copy, "orders-damaged"))["Status"] == "COMPLETED"
    found = by_key(abroad.dynamodb.scan(TableName="orders-damaged")["Items"])
    assert len(found) == len(ITEMS) - 1
    assert found[0]["note"]["S"].startswith("damaged")
    assert found[1] == ITEMS[1]
    abroad.remove("orders-damaged")
    kept.sandbox.control.set_point_status(copy, status="EXPIRED")
    seen = abroad.backup.describe_recovery_point(BackupVaultName="tables-abroad", RecoveryPointArn=copy)
    assert seen["Status"] == "EXPIRED"
    abroad.backup.delete_recovery_point(BackupVaultName="tables-abroad", RecoveryPointArn=copy)
    assert kept.ended(kept.start(kept.point, "orders-whole"))["Status"] == "COMPLETED"
    assert by_key(kept.dynamodb.scan(TableName="orders-whole")["Items"]) == by_key(ITEMS)
    kept.remove("orders-whole")


def test_a_plan_backs_up_tables_that_its_selection_names(kept: Kept) -> None:
    """A selection by tag includes the table; winding the clock over the schedule leaves a point with the items of now."""
    rule = {"RuleName": "daily", "TargetBackupVaultName": VAULT, "ScheduleExpression": once_a_day(kept.sandbox.control)}
    plan = kept.backup.create_backup_plan(BackupPlan={"BackupPlanName": "tables", "Rules": [rule]})["BackupPlanId"]
    tag = {"ConditionType": "STRINGEQUALS", "ConditionKey": "team", "ConditionValue": "sales"}
    selection = {"SelectionName": "tables", "IamRoleArn": ROLE, "ListOfTags": [tag]}
    chosen = kept.backup.create_backup_selection(BackupPlanId=plan, BackupSelection=selection)["SelectionId"]
    kept.sandbox.control.forward(86_400)
    points = kept.backup.list_recovery_points_by_resource(ResourceArn=kept.arn)["RecoveryPoints"]
    (planned,) = [each["RecoveryPointArn"] for each in points if each["RecoveryPointArn"] != kept.point]
    kept.backup.delete_backup_selection(BackupPlanId=plan, SelectionId=chosen)
    kept.backup.delete_backup_plan(BackupPlanId=plan)
    named = {"BackupVaultName": VAULT, "RecoveryPointArn": planned}
    eventually(lambda: kept.backup.describe_recovery_point(**named)["Status"] == "COMPLETED", "the point")
    assert kept.ended(kept.start(planned, "orders-planned"))["Status"] == "COMPLETED"
    assert len(kept.dynamodb.scan(TableName="orders-planned")["Items"]) == 2
    kept.remove("orders-planned")
    kept.backup.delete_recovery_point(**named)


def test_dynamodbs_own_backups_are_restored_as_well(kept: Kept) -> None:
    """RestoreTableFromBackup and RestoreTableToPointInTime make a table that is CREATING first, as the restore of a point does."""
    own = kept.dynamodb.create_backup(TableName="orders", BackupName="by-hand")["BackupDetails"]["BackupArn"]
    kept.dynamodb.restore_table_from_backup(TargetTableName="from-backup", BackupArn=own)
    kept.dynamodb.restore_table_to_point_in_time(
        SourceTableName="orders", TargetTableName="from-moment", UseLatestRestorableTime=True
    )
    for name in ("from-backup", "from-moment"):
        eventually(lambda: kept.status_of(name) == "ACTIVE", f"{name} to be ACTIVE")  # noqa: B023
        assert len(kept.dynamodb.scan(TableName=name)["Items"]) == 2
        kept.remove(name)
    kept.dynamodb.delete_backup(BackupArn=own)


def test_a_transaction_that_fails_changes_nothing(kept: Kept) -> None:
    """moto copies whole tables before a transaction, which the sandbox's own must allow."""
    wanted = {"Put": {"TableName": "orders", "Item": {"id": {"S": "z"}, "at": {"N": "9"}}}}
    refused_one = {
        "ConditionCheck": {
            "TableName": "orders",
            "Key": {"id": {"S": "q"}, "at": {"N": "1"}},
            "ConditionExpression": "attribute_exists(id)",
        }
    }
    with pytest.raises(ClientError) as refused:
        kept.dynamodb.transact_write_items(TransactItems=[wanted, refused_one])
    assert code(refused) == "TransactionCanceledException"
    assert len(kept.dynamodb.scan(TableName="orders")["Items"]) == 2
