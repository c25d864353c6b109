"""A DynamoDB table in a sandbox that AWS Backup has backed up, and what tests do with its recovery point."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.kept import KeptSource, forget, take
from tests.support.rds import ROLE, eventually
from tests.support.sandbox import RunningSandbox

VAULT = "table-vault"
# what a run changes and removes of tables, of volumes, of buckets, and of file systems
OF_TABLES = {"dynamodb:DeleteTable", "dynamodb:TagResource"}
OF_VOLUMES = {"ec2:CreateTags", "ec2:DeleteVolume"}
OF_BUCKETS = {"s3:CreateBucket", "s3:PutBucketVersioning", "s3:DeleteObjects", "s3:DeleteBucket"}
OF_FILE_SYSTEMS = {"efs:TagResource", "efs:DeleteFileSystem"}
ITEMS: list[dict[str, Any]] = [
    {"id": {"S": "a"}, "at": {"N": "1"}, "note": {"S": "first"}},
    {"id": {"S": "a"}, "at": {"N": "2"}, "tags": {"SS": ["x", "y"]}},
    {"id": {"S": "b"}, "at": {"N": "1"}, "blob": {"B": b"\x00\x01"}, "nested": {"M": {"l": {"L": [{"NULL": True}]}}}},
]


class Kept(KeptSource):
    """A table with three items that AWS Backup has backed up."""

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

    def status_of(self, table: str) -> str:
        """The status of a table."""
        return str(self.dynamodb.describe_table(TableName=table)["Table"]["TableStatus"])

    def remove(self, table: str) -> None:
        """Delete a table and wait until it is gone."""
        self.dynamodb.delete_table(TableName=table)
        eventually(lambda: table not in self.dynamodb.list_tables()["TableNames"], f"{table} to be gone")


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
    job = take(sandbox, made["TableArn"], VAULT)
    dynamodb.delete_item(TableName="orders", Key={"id": {"S": "b"}, "at": {"N": "1"}})
    dynamodb.put_item(TableName="orders", Item={"id": {"S": "a"}, "at": {"N": "1"}, "note": {"S": "later"}})
    kept = Kept(sandbox, made["TableArn"], job)
    try:
        yield kept
    finally:
        forget(sandbox, VAULT)
        kept.remove("orders")


def by_key(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Items in the order of their keys."""
    return sorted(items, key=lambda item: (item["id"]["S"], item["at"]["N"]))
