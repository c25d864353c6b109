"""The settings of a table beside its items, and how two tables differ in them. Pure.

Settings have flat names; `index.NAME` and `tag.KEY` are families. What a restore brings back and what has to be set up by hand
after it follows "Restoring a DynamoDB table from a backup" of the DynamoDB developer guide.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from drills.model.finding import CheckResult, NotChecked
from drills.model.settings.compared import OFF, Consequence, Families, Settings, of_tags, switch

# by name or family: what a restore brings back
RESTORED: Mapping[str, Consequence] = MappingProxyType(
    {
        "key_schema": Consequence("items are found by another key"),
        "key_types": Consequence("keys are of another type"),
        "index": Consequence(
            "queries on the index find other items or attributes",
            lost="queries on the index fail",
            gained="it is charged for, and the source has no such index",
        ),
        "billing_mode": Consequence("requests are throttled or charged otherwise"),
        "read_capacity": Consequence("reads are throttled or charged otherwise"),
        "write_capacity": Consequence("writes are throttled or charged otherwise"),
        "encryption": Consequence("other keys decide who can read it"),
        "kms_key": Consequence("another key decides who can read it"),
    }
)
# and what no restore brings back: each is to be set up by hand before the copy takes the place of the source
BY_HAND: Mapping[str, Consequence] = MappingProxyType(
    {
        "stream": Consequence(
            "what reads the stream sees other parts of each change",
            lost="what reads the stream sees no change",
            gained="changes of the copy are streamed, and those of the source are not",
        ),
        "time_to_live": Consequence(
            "items of the copy expire by another attribute",
            lost="nothing expires",
            gained="items of the copy expire and are deleted, and those of the source are not",
        ),
        "tag": Consequence(
            "what goes by the tag takes the table for another one, its own backups too",
            lost="what goes by the tag leaves the table out, its own backups too",
            gained="what goes by the tag takes the table in, and not the source",
        ),
        "point_in_time_recovery": Consequence(
            "the copy can go back to other moments",
            lost="there is no moment to go back to",
            gained="the copy can go back to moments and is charged for it, and the source cannot",
        ),
        "deletion_protection": Consequence(
            "it is protected otherwise",
            lost="anybody with the right can delete it",
            gained="nobody can delete the copy before the protection is off",
        ),
        "table_class": Consequence("storage and requests are charged otherwise"),
    }
)


def of_table(
    described: Mapping[str, Any],
    tags: Sequence[Mapping[str, str]],
    time_to_live: Mapping[str, Any] | None,
    backups: Mapping[str, Any] | None,
) -> dict[str, str]:
    """Return the settings of a table from the answers about it; None for one that was refused, which leaves its settings out.

    `described` is `Table` of DescribeTable, `time_to_live` and `backups` are the descriptions of the operations about these.
    """
    found = _of_description(described) | of_tags(tags)
    if time_to_live is not None:
        on = time_to_live.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
        found["time_to_live"] = f"on {time_to_live.get('AttributeName')}" if on else OFF
    if backups is not None:
        moment = backups.get("PointInTimeRecoveryDescription") or {}
        found["point_in_time_recovery"] = switch(moment.get("PointInTimeRecoveryStatus") == "ENABLED")
    return found


def _of_description(described: Mapping[str, Any]) -> dict[str, str]:
    keys = described["KeySchema"]
    types = {each["AttributeName"]: each["AttributeType"] for each in described.get("AttributeDefinitions", ())}
    mode = (described.get("BillingModeSummary") or {}).get("BillingMode") or "PROVISIONED"
    found = {
        "key_schema": _written_keys(keys),
        "key_types": ", ".join(f"{each['AttributeName']} {types.get(each['AttributeName'], '?')}" for each in keys),
        "billing_mode": mode,
        "deletion_protection": switch(bool(described.get("DeletionProtectionEnabled"))),
        "table_class": (described.get("TableClassSummary") or {}).get("TableClass") or "STANDARD",
    }
    if mode == "PROVISIONED":
        capacity = described.get("ProvisionedThroughput") or {}
        found["read_capacity"] = str(capacity.get("ReadCapacityUnits", 0))
        found["write_capacity"] = str(capacity.get("WriteCapacityUnits", 0))
    stream = described.get("StreamSpecification") or {}
    found["stream"] = str(stream.get("StreamViewType")) if stream.get("StreamEnabled") else OFF
    encryption = described.get("SSEDescription") or {}
    by_kms = encryption.get("Status") in ("ENABLED", "ENABLING", "UPDATING")
    found["encryption"] = str(encryption.get("SSEType") or "KMS") if by_kms else "key of DynamoDB"
    found["kms_key"] = str(encryption.get("KMSMasterKeyArn", "")) if by_kms else "none"
    return found | dict(_indexes(described, types, with_capacity=mode == "PROVISIONED"))


def _indexes(
    described: Mapping[str, Any], types: Mapping[str, str], *, with_capacity: bool
) -> Iterator[tuple[str, str]]:
    for kind, member in (("global", "GlobalSecondaryIndexes"), ("local", "LocalSecondaryIndexes")):
        for index in described.get(member) or ():
            projection = index.get("Projection") or {}
            attributes = ", ".join(sorted(projection.get("NonKeyAttributes") or ()))
            names = [each["AttributeName"] for each in index["KeySchema"]]
            told = {
                "kind": kind,
                "keys": _written_keys(index["KeySchema"]),
                "types": ", ".join(f"{name} {types.get(name, '?')}" for name in names),
                "projection": f"{projection.get('ProjectionType', '')} {attributes}".strip(),
            }
            capacity = index.get("ProvisionedThroughput") or {}
            if with_capacity and kind == "global":
                units = f"{capacity.get('ReadCapacityUnits', 0)} read, {capacity.get('WriteCapacityUnits', 0)} write"
                told["capacity"] = units
            yield f"index.{index['IndexName']}", json.dumps(told, sort_keys=True)


def _written_keys(schema: Sequence[Mapping[str, str]]) -> str:
    return ", ".join(f"{each['AttributeName']} {each['KeyType']}" for each in schema)


def compare(expected: Settings, found: Settings, unread: Sequence[NotChecked] = ()) -> CheckResult:
    """Judge the settings of a copy beside those of its source; `unread` are those that could not be read of one of the two."""
    return Families("table", RESTORED, BY_HAND).compare(expected, found, unread)
