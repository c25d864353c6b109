"""What AWS Backup keeps of tables: each one's settings, tags and items as they were, which later writes do not change."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

from moto.dynamodb.models.table import Table

RawItem: TypeAlias = dict[str, Any]  # as the API has it: {"id": {"S": "a"}, …}

DAMAGES = {
    "item": "one item is lost",
    "attribute": "one attribute of one item has another value",
}


@dataclass(frozen=True, slots=True)
class TableImage:
    """A table at one instant. What a restore does not bring back (streams, time to live, tags) is not among `settings`.

    "Restoring a DynamoDB table from a backup" of the DynamoDB developer guide lists what has to be set up by hand.
    """

    name: str
    arn: str
    settings: dict[str, Any]
    tags: tuple[dict[str, str], ...]
    items: tuple[RawItem, ...]
    taken_at: datetime
    size_bytes: int

    @classmethod
    def of(cls, table: Table, taken_at: datetime) -> TableImage:
        """Copy a table as it is now."""
        settings = {
            "schema": table.schema,
            "attr": table.attr,
            "throughput": table.throughput,
            "billing_mode": table.billing_mode,
            "indexes": [index.describe() for index in table.indexes],
            "global_indexes": [index.describe() for index in table.global_indexes],
            "sse_specification": table.sse_specification,
        }
        found = table.all_items()
        items = tuple(copy.deepcopy(item.to_json()["Attributes"]) for item in found)
        tags, size = tuple(copy.deepcopy(table.tags)), sum(item.size() for item in found)
        return cls(table.name, table.table_arn, copy.deepcopy(settings), tags, items, taken_at, size)


class TableImages:
    """The images of all regions, by the ARN of their recovery point. Several points may share one."""

    def __init__(self) -> None:
        self._images: dict[str, TableImage] = {}

    def __getitem__(self, point_arn: str) -> TableImage:
        """Return the image of a recovery point, or raise KeyError."""
        return self._images[point_arn]

    def __contains__(self, point_arn: str) -> bool:
        """Return whether that recovery point is one of a table."""
        return point_arn in self._images

    def keep(self, point_arn: str, image: TableImage) -> None:
        """Keep an image as the data of a recovery point."""
        self._images[point_arn] = image

    def drop(self, point_arn: str) -> None:
        """Remove the image of a recovery point; do nothing for an unknown one."""
        self._images.pop(point_arn, None)

    def damage(self, point_arn: str, kind: str) -> dict[str, str]:
        """Damage an image that is kept, and no other that shares its items; return kind, object and action, as of a snapshot."""
        image = self._images[point_arn]
        if not image.items:
            return {"kind": kind, "object": "", "what": "the table has no items"}
        keys = {each["AttributeName"] for each in image.settings["schema"]}
        if kind == "item":
            items, what = image.items[:-1], "lost one item"
        else:
            items, what = _with_another_value(image.items, keys)
        if not what:
            return {"kind": kind, "object": "", "what": "no item has an attribute beside its key"}
        self._images[point_arn] = replace(image, items=items)
        return {"kind": kind, "object": f"table {image.name}", "what": what}


def _with_another_value(items: tuple[RawItem, ...], keys: set[str]) -> tuple[tuple[RawItem, ...], str]:
    for position, item in enumerate(items):
        name = next((each for each in sorted(item) if each not in keys), None)
        if name is not None:
            changed = item | {name: {"S": f"damaged {item[name]}"}}
            return (*items[:position], changed, *items[position + 1 :]), f"changed the attribute {name} of one item"
    return items, ""
