"""DynamoDB tables: what their restore needs.

Sources: AWS managed policy reference, AWSBackupServiceRolePolicyForRestores; DynamoDB developer guide, "Encryption at rest: how it
works" (the actions of its key), "Using IAM with backup and restore" (RestoreTableFromAwsBackup); Service Authorization Reference,
Amazon DynamoDB, RestoreTableFromBackup, with the actions that it depends on. The quota is that of the tables of a region.
"""

from __future__ import annotations

from collections.abc import Mapping

from drills.aws.read import pages
from drills.aws.session import Clients
from drills.aws.settings import read_or_not_verified
from drills.model.parity import NotVerified
from drills.model.point import RecoveryPoint
from drills.posture.kinds import table
from drills.preflight import ends, judge, key, rights
from drills.preflight.facts import Document, Quota, Room
from drills.preflight.resource import judge as by_backup
from drills.preflight.resource.kind import ResourceKind, Wanted
from drills.preflight.resource.quotas import most_of
from drills.preflight.rights import Simulated
from drills.preflight.sides import Sides
from drills.recovery.resource.points import points_of, told_of
from drills.recovery.resource.vault import owner_of
from drills.recovery.table.restore import COPIES, metadata_of

SERVICE, QUOTA = "dynamodb", "L-F98FE922"  # "Maximum number of tables"
# of items, on which the restore of a backup that DynamoDB keeps depends
_ITEMS = ("BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem")


def _points(sides: Sides) -> tuple[RecoveryPoint, ...]:
    target = sides.target
    named, vault = f"table/{target.instance}", str(target.vault)
    return points_of(sides.clients, table.KIND.subject.protected, named, vault, owner_of(sides))


def _metadata(sides: Sides, point: RecoveryPoint, source: Document | None) -> dict[str, str]:
    return metadata_of(told_of(sides.scratch_clients, point, owner_of(sides)))


def _copy_key(metadata: Mapping[str, str]) -> str:
    return metadata.get("kmsMasterKeyArn", "") if metadata.get("encryptionType") == "KMS" else ""


def _of_drill(wanted: Wanted) -> tuple[Simulated, ...]:
    copy = wanted.arn(SERVICE, f"table/{wanted.name}")
    both = (wanted.arn(SERVICE, f"table/{wanted.source}"), copy)
    return (
        Simulated(("dynamodb:DescribeTable",), both, wanted.everywhere),
        Simulated(("dynamodb:ListTagsOfResource",), (copy,), wanted.everywhere),
        Simulated(("dynamodb:TagResource",), (copy,), wanted.tagged),
        Simulated(("dynamodb:Scan", "dynamodb:DeleteTable"), (copy,), wanted.own),
    )


def _of_job(wanted: Wanted) -> tuple[Simulated, ...]:
    """Return those of a point that AWS Backup keeps itself, or that DynamoDB does, as its ARN says."""
    copy = (wanted.arn(SERVICE, f"table/{wanted.name}"),)
    if wanted.point.arn.split(":")[2] != SERVICE:
        return (Simulated(("dynamodb:RestoreTableFromAwsBackup", "dynamodb:DescribeTable"), copy, wanted.everywhere),)
    items = tuple(f"dynamodb:{each}" for each in _ITEMS)
    return (
        Simulated(("dynamodb:RestoreTableFromBackup",), (wanted.point.arn,), wanted.everywhere),
        Simulated((*items, "dynamodb:DescribeTable"), copy, wanted.everywhere),
    )


def _room(clients: Clients, wanted: Wanted) -> Room:
    taken = read_or_not_verified(
        "dynamodb:ListTables",
        lambda: frozenset(map(str, pages(clients.client("dynamodb"), "list_tables", "TableNames"))),
    )
    used = taken if isinstance(taken, NotVerified) else len(taken)
    return Room((Quota("of tables in the region", SERVICE, 1, used, most_of(clients, SERVICE, QUOTA)),), taken)


KIND = ResourceKind(
    source=table.KIND,
    copies=COPIES,
    described_by="dynamodb:DescribeTable",
    points=_points,
    identity=lambda name, described: str((described or {}).get("TableId", "")),
    metadata=_metadata,
    copy_key=_copy_key,
    service=SERVICE,
    key_actions=(
        *("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"),
        *("kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"),
    ),
    reads=(),
    of_drill=_of_drill,
    of_job=_of_job,
    room=_room,
    judgements=(
        *(judge.point, rights.judge, by_backup.restore_role, key.judge, by_backup.vault),
        *(by_backup.quotas, by_backup.name, by_backup.capacity, ends.judge),
    ),
)
