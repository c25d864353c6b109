"""Reads a table through DynamoDB's API: its settings, and every item in segments, at no more than so many read units a second.

"Scanning tables in DynamoDB" of the developer guide: a parallel scan reads each segment page by page, a read unit is 4 KB read
strongly consistently or 8 KB that is not, and ConsumedCapacity says how many a page took.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from drills.clock import Clock
from drills.errors import CheckUnavailable
from drills.model.finding import NotChecked
from drills.tables.canonical import Unknown
from drills.tables.fingerprint import Fingerprint, Sums, merge
from drills.tables.manifest import TableManifest
from drills.tables.settings import of_table

SEGMENTS = 4
USUAL_CAPACITY = 1000.0  # read units a second, of a table that has none of its own
SHARE = 0.25  # of the read units that a table is provisioned with
_MILLISECONDS = 1e11  # as seconds, an instant of the year 5138
_REFUSED = "AccessDeniedException"


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a table is read: strongly consistently or not, in how many segments, at most at so many read units a second."""

    consistent: bool = True
    segments: int = SEGMENTS
    capacity: float | None = None  # None: what `capacity_of` says
    newest: str | None = None  # the attribute that says when an item was written


@dataclass(frozen=True, slots=True)
class Scanned:
    """Every item of a table, and the newest instant among those that have one in the attribute that is asked for.

    `units` are the read units that it took, None where DynamoDB did not tell those of each page.
    """

    items: Fingerprint
    newest: datetime | None
    units: float | None = None


@dataclass(slots=True)
class Pace:
    """Lets the threads of a scan take no more than so many read units a second together."""

    units: float
    clock: Clock
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _free_at: float = 0.0
    taken: float = 0.0
    told: bool = True  # of every page

    def took(self, units: float | None) -> None:
        """Wait until what was read is paid for; None is what DynamoDB did not tell."""
        with self._lock:
            now = self.clock.monotonic()
            self._free_at = max(self._free_at, now) + (units or 0.0) / self.units
            self.taken += units or 0.0
            self.told = self.told and units is not None
            wait = self._free_at - now
        if wait > 0:
            self.clock.sleep(wait)


@dataclass(frozen=True, slots=True)
class TableSeen:
    """A table's description, its settings, and those of them that could not be read."""

    described: Mapping[str, Any]
    settings: Mapping[str, str]
    unread: tuple[NotChecked, ...]

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the key's attributes, the partition key first."""
        schema = sorted(self.described["KeySchema"], key=lambda each: each["KeyType"] != "HASH")
        return tuple(each["AttributeName"] for each in schema)


def see(client: Any, table: str) -> TableSeen:
    """Return a table's settings; what may not be read is named and left out. Raises what boto3 raises where there is no table."""
    described = client.describe_table(TableName=table)["Table"]
    unread: list[NotChecked] = []

    def ask(family: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except ClientError as error:
            if error.response["Error"]["Code"] != _REFUSED:
                raise
            unread.append(NotChecked(family, " ".join(str(error).split())))
            return None

    tags = ask("tag", lambda: _tags(client, described["TableArn"]))
    expiry = ask("time_to_live", lambda: client.describe_time_to_live(TableName=table)["TimeToLiveDescription"])
    backups = ask(
        "point_in_time_recovery",
        lambda: client.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"],
    )
    return TableSeen(described, of_table(described, tags or (), expiry, backups), tuple(unread))


def _tags(client: Any, arn: str) -> list[Mapping[str, str]]:
    pages = client.get_paginator("list_tags_of_resource").paginate(ResourceArn=arn)
    return [tag for page in pages for tag in page["Tags"]]


def capacity_of(described: Mapping[str, Any], asked: float | None) -> float:
    """Return how many read units a second may be taken: as asked, else a share of what is provisioned, at most the usual. Pure."""
    if asked is not None:
        return asked
    provisioned = (described.get("ProvisionedThroughput") or {}).get("ReadCapacityUnits") or 0
    return min(USUAL_CAPACITY, max(1.0, provisioned * SHARE)) if provisioned else USUAL_CAPACITY


def scan(client: Any, seen: TableSeen, options: ReadOptions, clock: Clock) -> Fingerprint:
    """Read every item once; their fingerprint. Raises what `read_items` raises."""
    return read_items(client, seen, options, clock).items


def read_items(client: Any, seen: TableSeen, options: ReadOptions, clock: Clock) -> Scanned:
    """Read every item once. Raises CheckUnavailable for what is no known value, and what boto3 raises."""
    pace = Pace(capacity_of(seen.described, options.capacity), clock)
    stopped = threading.Event()

    def read(segment: int) -> Scanned:
        try:
            return _read_segment(client, seen, (segment, options), pace, stopped)
        except BaseException:
            stopped.set()  # the others need not go on
            raise

    with ThreadPoolExecutor(options.segments, thread_name_prefix="scan") as threads:
        try:
            parts = list(threads.map(read, range(options.segments)))
        except BaseException:
            stopped.set()
            raise
    newest = max((part.newest for part in parts if part.newest), default=None)
    return Scanned(merge([part.items for part in parts]), newest, pace.taken if pace.told else None)


def _read_segment(
    client: Any, seen: TableSeen, part: tuple[int, ReadOptions], pace: Pace, stopped: threading.Event
) -> Scanned:
    segment, options = part
    request: dict[str, Any] = {
        "TableName": seen.described["TableName"],
        "ConsistentRead": options.consistent,
        "ReturnConsumedCapacity": "TOTAL",
        "Segment": segment,
        "TotalSegments": options.segments,
    }
    sums = Sums(seen.key)
    newest: datetime | None = None
    while not stopped.is_set():
        page = client.scan(**request)
        try:
            sums.add(page["Items"])
        except Unknown as error:
            raise CheckUnavailable(
                f"expected items of DynamoDB's types in the table {request['TableName']}, found {error}: use a newer version"
            ) from error
        if options.newest:
            found = [at for item in page["Items"] if (at := instant_of(item.get(options.newest))) is not None]
            newest = max([*found, *([newest] if newest else [])], default=None)
        pace.took((page.get("ConsumedCapacity") or {}).get("CapacityUnits"))
        if not page.get("LastEvaluatedKey"):
            break
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
    return Scanned(sums.fingerprint(), newest)


def instant_of(value: Mapping[str, Any] | None) -> datetime | None:
    """Return the instant in an attribute: seconds or milliseconds since 1970, or ISO 8601 with its offset; else None. Pure."""
    if not value:
        return None
    try:
        if "N" in value:
            number = float(value["N"])
            return datetime.fromtimestamp(number / 1000 if number > _MILLISECONDS else number, UTC)
        at = datetime.fromisoformat(str(value.get("S", "")))
    except (ValueError, OverflowError, OSError):
        return None
    return at.astimezone(UTC) if at.tzinfo else None


def take_manifest(client: Any, table: str, options: ReadOptions, clock: Clock) -> TableManifest:
    """Return the manifest of a table. Raises what boto3 raises."""
    began = clock.now()
    seen = see(client, table)
    items = scan(client, seen, options, clock)
    return TableManifest(
        table=str(seen.described["TableName"]),
        table_id=str(seen.described.get("TableId", "")),
        began_at=began,
        ended_at=clock.now(),
        consistent=options.consistent,
        settings=seen.settings,
        unread=tuple(each.what for each in seen.unread),
        items=items,
    )
