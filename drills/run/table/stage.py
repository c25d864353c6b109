"""Sets the scene in the sandbox for the drill of a DynamoDB table: a table with items, a manifest, a backup, and something to lose.

`python -m drills.run.table.stage FOLDER` is started by the supervisor before the features. Elsewhere than in the sandbox a drill
makes no backup and this is not run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drills.clock import SystemClock
from drills.errors import SandboxError
from drills.files import write_atomically
from drills.record import Journal
from drills.run import context
from drills.run.scene.lent import lend_as_asked
from drills.run.scene.resource import carry_out, open_scene, protect
from drills.sandbox_client import SandboxControl
from drills.tables.manifest import to_json
from drills.tables.read import ReadOptions, take_manifest

ITEMS_BEFORE, ITEMS_AFTER = 400, 25


def main(arguments: Sequence[str] | None = None) -> int:
    """Stage the run in FOLDER; 0, or the exit code of the error that is then in the run record."""
    return carry_out(arguments, _stage)


def _stage(folder: Path, journal: Journal) -> None:
    scene, clock = open_scene(folder), SystemClock()
    client, target = scene.clients.client("dynamodb"), scene.effective.target
    journal.enter("create the source")
    newest = target.items.newest or "placed_at"
    arn = _create(client, target.instance, dict(target.tags))
    journal.enter("load the data", note=f"{ITEMS_BEFORE} items of every type")
    _write(client, target.instance, newest, range(ITEMS_BEFORE), clock.now().timestamp())
    journal.enter("take the manifest")
    taken = take_manifest(client, target.instance, ReadOptions(), clock)
    write_atomically(folder / context.MANIFEST_NAME, to_json(taken))
    point = lend_as_asked(scene, protect(scene, arn, journal), journal)
    if scene.choices.damage:
        journal.enter("damage the backup", note="as --damage asked")
        for done in SandboxControl(scene.service.endpoint).damage(point, scene.choices.damage):
            journal.append("notes", f"damaged on purpose before the restore: {done['object']}: {done['what']}")
    journal.enter("write after the backup", note="what the disaster will take")
    _write(client, target.instance, newest, range(ITEMS_BEFORE, ITEMS_BEFORE + ITEMS_AFTER), clock.now().timestamp())
    journal.enter("collect the scenarios")


def _create(client: Any, name: str, tags: dict[str, str]) -> str:
    """Make the table with all that a restore brings back, and all that it does not; return its ARN."""
    made = client.create_table(
        TableName=name,
        AttributeDefinitions=[
            {"AttributeName": "customer", "AttributeType": "S"},
            {"AttributeName": "number", "AttributeType": "N"},
        ],
        KeySchema=[
            {"AttributeName": "customer", "KeyType": "HASH"},
            {"AttributeName": "number", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-number",
                "KeySchema": [{"AttributeName": "number", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        Tags=[{"Key": key, "Value": value} for key, value in {"team": "orders", **tags}.items()],
    )
    ttl = {"Enabled": True, "AttributeName": "expires"}
    client.update_time_to_live(TableName=name, TimeToLiveSpecification=ttl)
    return str(made["TableDescription"]["TableArn"])


def _write(client: Any, name: str, newest: str, numbers: range, now: float) -> None:
    for first in range(numbers.start, numbers.stop, 25):  # at most so many items a request (BatchWriteItem)
        wanted = range(first, min(first + 25, numbers.stop))
        puts = [{"PutRequest": {"Item": _item(number, newest, now)}} for number in wanted]
        left = client.batch_write_item(RequestItems={name: puts})["UnprocessedItems"]
        if left:
            raise SandboxError("expected the sandbox to take every item, found some that it left out")


def _item(number: int, newest: str, now: float) -> dict[str, Any]:
    """Return an item with a value of each type, and the instant at which it was written."""
    return {
        "customer": {"S": f"customer-{number % 40}"},
        "number": {"N": str(number)},
        newest: {"N": f"{now:.3f}"},
        "total": {"N": f"{number}.50"},
        "open": {"BOOL": number % 2 == 0},
        "note": {"NULL": True} if number % 3 == 0 else {"S": f"note {number}"},
        "picture": {"B": number.to_bytes(4, "big")},
        "labels": {"SS": ["new", f"batch-{number % 7}"]},
        "lines": {"L": [{"M": {"article": {"N": str(number % 11)}, "count": {"N": "1"}}}]},
    }


if __name__ == "__main__":
    raise SystemExit(main())
