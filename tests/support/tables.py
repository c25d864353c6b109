"""A DynamoDB table in a sandbox that AWS Backup has backed up, and what tests do with its recovery point."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.rds import ROLE, eventually
from tests.support.sandbox import RunningSandbox

VAULT = "table-vault"
# what a run changes and removes of tables, of volumes, and of file systems
OF_TABLES = {"dynamodb:DeleteTable", "dynamodb:TagResource"}
OF_VOLUMES = {"ec2:CreateTags", "ec2:DeleteVolume"}
OF_FILE_SYSTEMS = {"efs:TagResource", "efs:DeleteFileSystem"}
ITEMS: list[dict[str, Any]] = [
    {"id": {"S": "a"}, "at": {"N": "1"}, "note": {"S": "first"}},
    {"id": {"S": "a"}, "at": {"N": "2"}, "tags": {"SS": ["x", "y"]}},
    {"id": {"S": "b"}, "at": {"N": "1"}, "blob": {"B": b"\x00\x01"}, "nested": {"M": {"l": {"L": [{"NULL": True}]}}}},
]


@dataclasses.dataclass(frozen=True)
class Kept:
    """A table with three items that AWS Backup has backed up: the job, and the ARN of the point."""

    sandbox: RunningSandbox
    arn: str
    job: dict[str, Any]

    @property
    def point(self) -> str:
        """The ARN of its recovery point."""
        return str(self.job["RecoveryPointArn"])

    @property
    def backup(self) -> Any:
        """AWS Backup."""
        return self.sandbox.client("backup")

    @property
    def dynamodb(self) -> Any:
        """DynamoDB."""
        return self.sandbox.client("dynamodb")

    def take(self, vault: str = VAULT) -> dict[str, Any]:
        """A backup job on demand that has completed."""
        return take(self.sandbox, self.arn, vault)

    def start(self, point: str, table: str, **more: Any) -> str:
        """Begin a restore to a table; the job's id."""
        asked = {"RecoveryPointArn": point, "IamRoleArn": ROLE, "Metadata": {"targetTableName": table}} | more
        return str(self.backup.start_restore_job(**asked)["RestoreJobId"])

    def ended(self, job: str) -> dict[str, Any]:
        """A restore job once it has ended."""

        def probe() -> dict[str, Any] | None:
            seen = dict(self.backup.describe_restore_job(RestoreJobId=job))
            return None if seen["Status"] in ("PENDING", "RUNNING") else seen

        return dict(eventually(probe, "the restore job to end"))

    def status_of(self, table: str) -> str:
        """The status of a table."""
        return str(self.dynamodb.describe_table(TableName=table)["Table"]["TableStatus"])

    def remove(self, table: str) -> None:
        """Delete a table and wait until it is gone."""
        self.dynamodb.delete_table(TableName=table)
        eventually(lambda: table not in self.dynamodb.list_tables()["TableNames"], f"{table} to be gone")


def take(sandbox: RunningSandbox, arn: str, vault: str = VAULT) -> dict[str, Any]:
    """A backup job on demand of a table that has completed."""
    backup = sandbox.client("backup")
    job = backup.start_backup_job(BackupVaultName=vault, ResourceArn=arn, IamRoleArn=ROLE)["BackupJobId"]
    eventually(lambda: backup.describe_backup_job(BackupJobId=job)["State"] == "COMPLETED", "the backup job")
    return dict(backup.describe_backup_job(BackupJobId=job))


@contextmanager
def kept_table(sandbox: RunningSandbox) -> Iterator[Kept]:
    """A table with an index, a stream, time to live, tags and items, backed up on demand, and changed after it."""
    dynamodb = sandbox.client("dynamodb")
    made = dynamodb.create_table(
        TableName="orders",
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "at", "AttributeType": "N"},
        ],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-time",
                "KeySchema": [{"AttributeName": "at", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        Tags=[{"Key": "team", "Value": "sales"}],
    )["TableDescription"]
    dynamodb.update_time_to_live(
        TableName="orders", TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
    )
    for item in ITEMS:
        dynamodb.put_item(TableName="orders", Item=item)
    sandbox.client("backup").create_backup_vault(BackupVaultName=VAULT)
    job = take(sandbox, made["TableArn"])
    dynamodb.delete_item(TableName="orders", Key={"id": {"S": "b"}, "at": {"N": "1"}})
    dynamodb.put_item(TableName="orders", Item={"id": {"S": "a"}, "at": {"N": "1"}, "note": {"S": "later"}})
    kept = Kept(sandbox, made["TableArn"], job)
    try:
        yield kept
    finally:
        forget(sandbox, VAULT)
        kept.remove("orders")


def forget(sandbox: RunningSandbox, vault: str) -> None:
    """Remove a vault with every recovery point in it, and the plans that back up into it."""
    backup = sandbox.client("backup")
    for plan in plans_into(sandbox, vault):
        for selection in backup.list_backup_selections(BackupPlanId=plan)["BackupSelectionsList"]:
            backup.delete_backup_selection(BackupPlanId=plan, SelectionId=selection["SelectionId"])
        backup.delete_backup_plan(BackupPlanId=plan)
    for point in backup.list_recovery_points_by_backup_vault(BackupVaultName=vault)["RecoveryPoints"]:
        backup.delete_recovery_point(BackupVaultName=vault, RecoveryPointArn=point["RecoveryPointArn"])
    backup.delete_backup_vault(BackupVaultName=vault)


def plans_into(sandbox: RunningSandbox, vault: str) -> list[str]:
    """The ids of the plans that back up into a vault."""
    backup = sandbox.client("backup")
    ids = [each["BackupPlanId"] for each in backup.list_backup_plans()["BackupPlansList"]]
    rules = {each: backup.get_backup_plan(BackupPlanId=each)["BackupPlan"]["Rules"] for each in ids}
    return [each for each, of in rules.items() if any(rule["TargetBackupVaultName"] == vault for rule in of)]


def by_key(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Items in the order of their keys."""
    return sorted(items, key=lambda item: (item["id"]["S"], item["at"]["N"]))
