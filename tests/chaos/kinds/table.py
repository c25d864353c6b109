"""A DynamoDB table with items of every type, backed up by AWS Backup."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from drills.clock import SystemClock
from drills.files import write_atomically
from drills.tables.manifest import to_json
from drills.tables.read import ReadOptions, take_manifest
from tests.chaos.cases import TABLE
from tests.chaos.kinds.kind import LocalAws, configure, written
from tests.support.kept import take
from tests.support.rds import ROLE
from tests.support.runs import Place
from tests.support.sandbox import RunningSandbox, end_sandbox, start_sandbox
from tests.support.tables import ITEMS, VAULT, by_key

WRITTEN = 60  # items beside those of every type


class Table:
    """A table with an index, a stream and tags, and all of its items."""

    plan = TABLE
    target = "orders"

    @contextmanager
    def opened(self, place: Place) -> Iterator[RunningSandbox]:
        """A sandbox with the table, its manifest and its backup; an item is written after that."""
        running = start_sandbox()
        try:
            self._make(running, place)
            yield running
        finally:
            end_sandbox(running)

    def _make(self, running: RunningSandbox, place: Place) -> None:
        client, clock = running.client("dynamodb"), SystemClock()
        keys = (("id", "S", "HASH"), ("at", "N", "RANGE"))
        made = client.create_table(
            TableName=self.target,
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": type_} for name, type_, _ in keys],
            KeySchema=[{"AttributeName": name, "KeyType": part} for name, _, part in keys],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
            Tags=[{"Key": "team", "Value": "sales"}],
        )["TableDescription"]
        dated = {"placed_at": {"N": f"{clock.now().timestamp():.3f}"}}
        more = [{"id": {"S": f"c-{n % 7}"}, "at": {"N": str(100 + n)}} for n in range(WRITTEN)]
        for item in (*ITEMS, *more):
            client.put_item(TableName=self.target, Item=item | dated)
        stored = place.checkout / "orders.json"
        write_atomically(stored, to_json(take_manifest(client, self.target, ReadOptions(), clock)))
        running.client("backup").create_backup_vault(BackupVaultName=VAULT)
        take(running, made["TableArn"], VAULT)
        client.put_item(TableName=self.target, Item={"id": {"S": "later"}, "at": {"N": "1"}} | dated)
        more_said = f'manifest = "{stored}"\nitems = {{ newest = "placed_at" }}'
        words = {"kind": "table", "source": self.target, "vault": VAULT, "more": more_said}
        configure(place, running, target=self.target, restore=f'backup_role_arn = "{ROLE}"', **words)

    def described(self, aws: LocalAws) -> Any:
        """The table, its tags and its time to live."""
        client = aws.client("dynamodb")
        found = client.describe_table(TableName=self.target)["Table"]
        tags = client.list_tags_of_resource(ResourceArn=found["TableArn"])["Tags"]
        ttl = client.describe_time_to_live(TableName=self.target)["TimeToLiveDescription"]
        return [found, tags, ttl]

    def content(self, aws: LocalAws) -> str:
        """Every item."""
        return written(by_key(aws.client("dynamodb").scan(TableName=self.target, ConsistentRead=True)["Items"]))
