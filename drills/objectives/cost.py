"""What the copies of a run cost, from the table of prices beside this module. Pure; what the table does not have is unknown.

Amazon RDS bills an instance by the second, for at least 10 minutes, and storage by the GiB-month
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_OnDemandDBInstances.html). Of an instance no provisioned IOPS and
throughput are counted. Capacity of DynamoDB is metered by the hour ("Understanding Amazon DynamoDB billing for global tables",
developer guide). EBS bills a volume by the second, for at least 60 seconds (https://aws.eu/ebs/pricing). What is charged of one,
of a cluster, of a table and of a file system drills/objectives/parts.py says. Only copies are counted: no transfer between regions,
no copied snapshot.
"""

from __future__ import annotations

import dataclasses
import functools
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from drills.model.engine import ENROLLED, EngineSupport
from drills.model.instance import NEVER_MADE, OTHERS, SCRATCH, WITH_SANDBOX, Resource, ResourceKind
from drills.model.price import Billed, Part, Price, SupportYears, UnitKind, UnitPrice
from drills.model.record import Restoration, RunRecord
from drills.objectives import parts

TABLE = Path(__file__).with_name("prices.toml")
LEAST_SECONDS = 600
LEAST_SHOWN = Decimal("0.0001")  # US dollars
HOURS_OF_MONTH = 730  # as AWS's own estimates count
YEARS_AT_FIRST = 2  # of Extended Support, at its first price
# of what is no instance: the least that it is billed for, and what is not known where nothing of it is
LEAST_OF: Mapping[ResourceKind, int] = MappingProxyType({"ebs-volume": 60})
UNPRICED: Mapping[ResourceKind, str] = MappingProxyType(
    {
        "dynamodb-table": "what a DynamoDB table costs, whose size and capacity are not known here",
        "ebs-volume": "what an EBS volume costs, whose type and size are not known here",
        "efs-file-system": "what an EFS file system costs, whose size is not known here",
        "s3-bucket": "what an S3 bucket and the requests to it cost, which is not in the table of prices",
    }
)
OF_CUTOVER = "what a cut-over has restored, which the cut-over does not remove"
_BILLED = frozenset({"db-instance", *(each.makes for each in OTHERS.values())})
_WORDS: Mapping[UnitKind, str] = MappingProxyType(
    {
        "hour": "{}",
        "acu_hour": "ACUs of {}",
        "rcu_hour": "read capacity of {}",
        "wcu_hour": "write capacity of {}",
        "gib_month": "{} storage",
        "iops_month": "IOPS of {}",
        "mibps_month": "throughput of {}",
        "gib": "{}",
        "million_io": "I/O requests of {}",
        "million_reads": "read units of {}",
    }
)


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars of what is known, and what of it is not, each with its reason. All unknown: `known` is None and never 0."""

    known: Decimal | None
    unknown: tuple[str, ...] = ()


@functools.cache
def prices() -> Mapping[str, Any]:
    """Return the table of prices as the file has it."""
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


def with_asked(table: Mapping[str, Any], asked: Iterable[UnitPrice]) -> Mapping[str, Any]:
    """Return the table with prices that AWS's price list gave in the place of its own."""
    found: dict[str, Any] = dict(table)
    for each in asked:
        region = dict(found.get(each.region, {}))
        found[each.region] = region | {each.kind: dict(region.get(each.kind, {})) | {each.name: each.usd}}
    return found


def cost_of(copies: Iterable[Billed], table: Mapping[str, Any]) -> Cost:
    """Return the cost of the copies by a table of prices."""
    found: list[Decimal] = []
    unknown: list[str] = []
    for copy in copies:
        for part in _amounts(copy, table):
            if isinstance(part, str):
                unknown.append(part)
            elif part is not None:
                found.append(part)
    return Cost(sum(found, Decimal(0)) if found else None, tuple(dict.fromkeys(unknown)))


def _amounts(copy: Billed, table: Mapping[str, Any]) -> tuple[Decimal | str | None, ...]:
    """Return what each part of a copy costs, or what is not known of it; None for what is not charged."""
    charged = tuple(_of_part(part, copy, table) for part in copy.parts)
    if copy.kind == "db-instance":
        return _of_instance(copy, table), _of_storage(copy, table), _of_support(copy, table), *charged
    return charged or (UNPRICED[copy.kind],)


def _of_part(part: Part, copy: Billed, table: Mapping[str, Any]) -> Decimal | str:
    words = _WORDS[part.kind].format(part.name)
    if part.amount is None:
        return f"{words}, of which it is not known how much there is"
    price = table.get(copy.region, {}).get(part.kind, {}).get(part.name)
    if price is None:
        return f"the price of {words} in {copy.region or 'an unknown region'}"
    seconds = max(copy.seconds, LEAST_OF.get(copy.kind, 0))
    return Decimal(price) * Decimal(str(part.amount)) * _times(part.kind, _hours(seconds))


def _times(kind: UnitKind, hours: Decimal) -> Decimal:
    """Return how many times the price of a unit is charged in so many hours; of capacity of DynamoDB each begun hour is."""
    if kind in ("rcu_hour", "wcu_hour"):
        return hours.to_integral_value(ROUND_CEILING)
    if kind.endswith("_month"):
        return hours / HOURS_OF_MONTH
    return hours if kind.endswith("hour") else Decimal(1)


def _of_instance(copy: Billed, table: Mapping[str, Any]) -> Decimal | str | None:
    if any(part.kind == "acu_hour" for part in copy.parts):
        return None  # it is charged by its capacity
    price = table.get(copy.region, {}).get("hour", {}).get(copy.instance_class)
    if price is None:
        return f"the price of {copy.instance_class or 'an unknown class'} in {copy.region or 'an unknown region'}"
    return Decimal(price) * _hours(max(copy.seconds, LEAST_SECONDS))


def _of_storage(copy: Billed, table: Mapping[str, Any]) -> Decimal | str:
    if copy.storage_gib is None:
        return "the storage, whose size is not known here"
    price = table.get(copy.region, {}).get("gib_month", {}).get(copy.storage_type)
    if price is None:
        return f"the price of {copy.storage_type or 'unknown'} storage in {copy.region or 'an unknown region'}"
    return Decimal(price) * Decimal(str(copy.storage_gib)) * _hours(copy.seconds) / HOURS_OF_MONTH


def _of_support(copy: Billed, table: Mapping[str, Any]) -> Decimal | str | None:
    if copy.extended_support is None:
        return None
    if copy.extended_support == "unknown":
        return "Extended Support, of which it is not known whether it is charged"
    price = table.get(copy.region, {}).get("extended_support", {}).get(copy.extended_support)
    processors = table.get("vcpus", {}).get(copy.instance_class)
    if price is None or processors is None:
        return (
            f"Extended Support of {copy.instance_class or 'an unknown class'} in {copy.region or 'an unknown region'}"
        )
    return Decimal(price) * int(processors) * _hours(max(copy.seconds, LEAST_SECONDS))


def _hours(seconds: float) -> Decimal:
    return Decimal(str(seconds)) / 3600


def copies_of(record: RunRecord) -> tuple[Billed, ...]:
    """Return the copies of a run as they are billed, from the request until each was seen to be gone: no less than AWS bills.

    A copy that is still there counts until the end of the run, and one whose request got no answer from the beginning of the run;
    what was certainly never made counts for nothing, nor what a cut-over has restored, which is no copy to be removed again.
    """
    restored = {each.instance_id: each for each in record.restorations}
    clusters = [each.id for each in record.resources if each.kind == "db-cluster"]
    found = []
    for each in record.resources:
        ended = each.gone_at or record.ended_at
        if each.kind not in _BILLED or _of_cutover(each, record.run_id) or ended is None:
            continue
        if each.made_at is None and each.note.endswith(NEVER_MADE):
            continue
        began = each.made_at or record.started_at
        seconds = max((ended - began).total_seconds(), 0.0)
        if each.kind != "db-instance":
            charged = restored[each.id].charged if each.id in restored else ()
            found.append(Billed(each.region, "", seconds, instance_id=each.id, kind=each.kind, parts=charged))
            continue
        cluster = next((copy for copy in clusters if each.id.startswith(f"{copy}-")), "")
        found.append(_instance(each, cluster, restored.get(cluster or each.id), began, seconds))
    return tuple(found)


def _of_cutover(made: Resource, run_id: str) -> bool:
    """Return whether a cut-over has left a resource; of a sandbox that ended its name tells it, which is not the run's."""
    ended = made.kind == "db-instance" and made.state == "gone" and made.note == WITH_SANDBOX
    return made.state in ("in use", "kept") or (ended and not made.id.startswith(f"{SCRATCH}{run_id}-"))


def _instance(made: Resource, cluster: str, copy: Restoration | None, began: datetime, seconds: float) -> Billed:
    """Return an instance as it is billed, by what was restored, None where that is not known."""
    if copy is None:
        return Billed(made.region, "", seconds, instance_id=made.id)
    support = support_charged(copy.engine, began)
    billed = Billed(made.region, copy.instance_class, seconds, copy.storage_type, copy.storage_gib, support, made.id)
    return of_aurora(billed) if cluster else billed


def of_aurora(copy: Billed, capacity: float | None = None) -> Billed:
    """Return an instance as it is billed in a cluster of Aurora, with its capacity in ACUs where that is known."""
    charged = parts.of_cluster(copy.instance_class, copy.storage_type, capacity)
    of_class = parts.class_of_aurora(copy.instance_class, copy.storage_type)
    return dataclasses.replace(copy, instance_class=of_class, parts=charged)


def support_charged(engine: EngineSupport | None, at: datetime) -> SupportYears | None:
    """Return which stretch of Extended Support is charged for a copy at an instant, None where none is.

    It is for what is enrolled and past its standard support, at another price in the third year. PostgreSQL 11 was charged a month
    after its end of standard support (aws-samples/rds-extended-support-cost-estimator): so no less is counted than is charged.
    """
    if engine is None or engine.setting != ENROLLED:
        return None
    if engine.standard_until is None:
        return "unknown"
    if at <= engine.standard_until:
        return None
    return "year_3" if at >= _years_after(engine.standard_until, YEARS_AT_FIRST) else "years_1_and_2"


def _years_after(instant: datetime, years: int) -> datetime:
    try:
        return instant.replace(year=instant.year + years)
    except ValueError:  # the 29th of February
        return instant.replace(year=instant.year + years, day=28)


def price_of(copies: Iterable[Billed], asked: Iterable[UnitPrice] = ()) -> Price:
    """Return the price of copies, as a run record keeps it."""
    billed, table = tuple(copies), with_asked(prices(), asked)
    cost = cost_of(billed, table)
    return Price(None if cost.known is None else f"{cost.known:f}", cost.unknown, billed, str(table["date"]))


def of_run(record: RunRecord, asked: Iterable[UnitPrice] = ()) -> Price:
    """Return the price of the copies that a run made; what a cut-over has restored beside them is named, and not in it."""
    price = price_of(copies_of(record), asked)
    moved = any(each.kind == "db-instance" and _of_cutover(each, record.run_id) for each in record.resources)
    if record.incident or not moved:  # the copy of an incident is kept too
        return price
    return dataclasses.replace(price, unknown=(*price.unknown, OF_CUTOVER))


def told(price: Price, *, simulated: bool, asked: Iterable[UnitPrice] = ()) -> str:
    """Return a price that a record keeps in words."""
    known = None if price.usd is None else Decimal(price.usd)
    return sentence(Cost(known, price.unknown), simulated=simulated, date=price.prices_of, asked=tuple(asked))


def sentence(cost: Cost, *, simulated: bool, date: str, asked: tuple[UnitPrice, ...] = ()) -> str:
    """Return the cost in words, with the date of the prices; a simulated run "would cost", and what is unknown is never 0."""
    unknown = "; ".join(cost.unknown)
    if cost.known is None and not unknown:
        return "no copy was made"
    of_list = sorted({each.published[:10] for each in asked if each.published})
    source = f"the prices of {date}"
    if asked:
        source = f"AWS's price list{f' of {of_list[-1]}' if of_list else ''}, else the table of {date}"
    if cost.known is None:
        return f"unknown by {source}: {unknown}"
    verb = "would cost" if simulated else "cost"
    rest = f", without {unknown}" if unknown else ""
    return f"{verb} {about(cost.known)} by {source}{rest}"


def about(amount: Decimal) -> str:
    """Return an amount of US dollars in words, with the places that it needs; what four do not show is said to be less."""
    if 0 < amount < LEAST_SHOWN:
        return f"less than ${LEAST_SHOWN}"
    return f"about ${amount:.2f}" if amount == 0 or amount >= Decimal("0.01") else f"about ${amount:.4f}"
