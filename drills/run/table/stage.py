"""Sets the scene in the sandbox for the drill of a DynamoDB table: a table with items, a manifest, a backup, and something to lose.

`python -m drills.run.table.stage FOLDER` is started by the supervisor before the features. Elsewhere than in the sandbox a drill
makes no backup and this is not run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws.recorder import CallRecorder
from drills.aws.session import Clients
from drills.clock import SystemClock, wait_until
from drills.config.load import Config
from drills.errors import COULD_NOT_RUN, DrillError, SandboxError
from drills.files import write_atomically
from drills.record import Journal
from drills.run import context, lifeline
from drills.run.scene import plan
from drills.run.table.lent import lend
from drills.sandbox_client import SandboxControl
from drills.tables.manifest import to_json
from drills.tables.read import ReadOptions, take_manifest

ITEMS_BEFORE, ITEMS_AFTER = 400, 25


def main(arguments: Sequence[str] | None = None) -> int:
    """Stage the run in FOLDER; 0, or the exit code of the error that is then in the run record."""
    return carry_out(arguments, _stage)


def carry_out(arguments: Sequence[str] | None, stage: Callable[[Path, Journal], None]) -> int:
    """Set a scene in the folder that the arguments name; 0, or the exit code of the error that is then in the run record."""
    lifeline.end_when_orphaned()
    (folder,) = map(Path, sys.argv[1:] if arguments is None else arguments)
    journal = Journal.open(folder)
    try:
        stage(folder, journal)
    except DrillError as error:
        journal.failure(str(error), error.exit_code)
        return error.exit_code
    except (ClientError, BotoCoreError, TimeoutError, OSError) as error:
        sentence = f"expected to set the scene in the sandbox, found: {' '.join(str(error).split())}: see stage.log"
        journal.failure(sentence, COULD_NOT_RUN)
        raise
    return 0


def _stage(folder: Path, journal: Journal) -> None:
    choices, service = context.read(folder), context.local_aws_of(folder)
    if service is None:
        raise SandboxError("expected the local AWS to answer before the scene is set, found none")
    effective, clock = choices.effective(), SystemClock()
    clients, _ = context.identified_clients(effective, service, CallRecorder(folder, "stage"), "stage")
    client, target = clients.client("dynamodb"), effective.target
    journal.enter("create the source")
    newest = target.items.newest or "placed_at"
    arn = _create(client, target.instance, dict(target.tags))
    journal.enter("load the data", note=f"{ITEMS_BEFORE} items of every type")
    _write(client, target.instance, newest, range(ITEMS_BEFORE), clock.now().timestamp())
    journal.enter("take the manifest")
    taken = take_manifest(client, target.instance, ReadOptions(), clock)
    write_atomically(folder / context.MANIFEST_NAME, to_json(taken))
    point = protect(clients, effective, arn, journal)
    if target.vault_access.account:
        journal.enter("lend the vault", note="an air-gapped one, which another account owns and shares")
        point = lend(clients, effective, service.endpoint, point)
    if choices.damage:
        journal.enter("damage the backup", note="as --damage asked")
        for done in SandboxControl(service.endpoint).damage(point, choices.damage):
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


def protect(clients: Clients, effective: Config, arn: str, journal: Journal) -> str:
    """Make the vault, back the source up, and make its plan; return the ARN of the newest recovery point."""
    journal.enter("back up", note="AWS Backup, on demand, beside a plan")
    target, poll = effective.target, effective.profile.poll_every.total_seconds()
    clients.backup.create_backup_vault(BackupVaultName=target.vault)
    for _ in range(1 if target.sample.kind == "newest" else 2):
        point = back_up(clients, arn, str(target.vault), poll)
    journal.append("notes", plan.make(clients, plan.wanted(effective, clients), SystemClock().now()))
    return point


def back_up(clients: Clients, arn: str, vault: str, poll: float) -> str:
    """Back a resource up on demand and return the ARN of the recovery point once the job has completed."""
    asked = {"BackupVaultName": vault, "ResourceArn": arn, "IamRoleArn": plan.role_arn(clients)}
    job = clients.backup.start_backup_job(**asked)["BackupJobId"]

    def completed() -> bool:
        seen = clients.backup.describe_backup_job(BackupJobId=job)
        if seen["State"] in ("FAILED", "ABORTED", "EXPIRED"):
            raise SandboxError(
                f"expected the backup job to complete, found it {seen['State']}: {seen.get('StatusMessage', '')}"
            )
        return bool(seen["State"] == "COMPLETED")

    wait_until(completed, 60.0, SystemClock(), every=poll, what="the backup")
    return str(clients.backup.describe_backup_job(BackupJobId=job)["RecoveryPointArn"])


if __name__ == "__main__":
    raise SystemExit(main())
