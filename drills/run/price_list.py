"""Asks AWS's price list for what a copy costs: an instance on-demand, Single-AZ, PostgreSQL, without a licence; parts of others.

The list is asked in us-east-1, wherever the copy is: it has an endpoint in few regions ("AWS Price List endpoints and quotas",
AWS General Reference). Each member of PriceList is JSON as text, with a product and its terms (GetProducts, API reference).
A price is taken where exactly one fits, and otherwise none: none is guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws.remedies import error_text
from drills.aws.session import Clients
from drills.errors import DrillError
from drills.model.price import Billed, Part, UnitKind, UnitPrice
from drills.objectives.parts import AURORA, RESTORE, RESTORE_OF_ANY, SERVERLESS

REGION = "us-east-1"
RIGHT = "pricing:GetProducts"
# the attribute volumeType of RDS's storage in the price list, as infracost asks for it:
# infracost/infracost, internal/resources/aws/db_instance.go
VOLUMES: Mapping[str, str] = {
    "gp2": "General Purpose",
    "gp3": "General Purpose-GP3",
    "io1": "Provisioned IOPS",
}
# of a class PostgreSQL's; a storage type has been seen under PostgreSQL's name and, in the file of infracost, under "Any"
_ENGINES = ("PostgreSQL", "Any")
_UNITS: Mapping[UnitKind, Mapping[str, int]] = {"hour": {"Hrs": 1}, "gib_month": {"GB-Mo": 1}}


@dataclass(frozen=True, slots=True)
class Listed:
    """How the list has a price: of which service, with which attributes, under which usage type after the region's own prefix.

    `units` has how many of ours each unit of the list is.
    """

    service: str
    family: str
    attributes: Mapping[str, str]
    usage: str
    units: Mapping[str, int | Decimal]


# usage types of EBS after "EBS:": infracost/infracost, internal/resources/aws/ebs_volume.go, whose unit of throughput is GiBps-mo;
# GB-month is the unit of io2 in copies of the list
_EBS_USAGE: Mapping[str, str] = {"io1": ".piops", "standard": ""}  # of other types their own name
_EBS: Mapping[UnitKind, tuple[str, str, Mapping[str, int]]] = {
    "gib_month": ("Storage", "VolumeUsage", {"GB-Mo": 1, "GB-month": 1}),
    "iops_month": ("System Operation", "VolumeP-IOPS", {"IOPS-Mo": 1}),
    "mibps_month": ("Provisioned Throughput", "VolumeP-Throughput", {"GiBps-mo": 1024, "MiBps-Mo": 1}),
}


_GB, _GB_MONTH = {"GB": 1}, {"GB-Mo": 1}
# of DynamoDB and EFS: infracost/infracost, internal/resources/aws/dynamodb_table.go, backup_vault.go and efs_file_system.go; units
# of DynamoDB are those of SavingsPlanRateUnit. How the list has the restore of a file system no public source shows without doubt
_OTHERS: Mapping[tuple[UnitKind, str], Listed] = {
    ("gib", RESTORE): Listed("AmazonDynamoDB", "Amazon DynamoDB Restore Data Size", {}, "RestoreDataSize-Bytes", _GB),
    ("gib_month", "DynamoDB"): Listed("AmazonDynamoDB", "Database Storage", {}, "TimedStorage-ByteHrs", _GB_MONTH),
    ("million_reads", "DynamoDB"): Listed(
        "AmazonDynamoDB",
        "Amazon DynamoDB PayPerRequest Throughput",
        {"group": "DDB-ReadUnits"},
        "ReadRequestUnits",
        {"ReadRequestUnits": Decimal("0.000001")},
    ),
    ("rcu_hour", "DynamoDB"): Listed(
        "AmazonDynamoDB",
        "Provisioned IOPS",
        {"group": "DDB-ReadUnits"},
        "ReadCapacityUnit-Hrs",
        {"ReadCapacityUnit-Hrs": 1},
    ),
    ("wcu_hour", "DynamoDB"): Listed(
        "AmazonDynamoDB",
        "Provisioned IOPS",
        {"group": "DDB-WriteUnits"},
        "WriteCapacityUnit-Hrs",
        {"WriteCapacityUnit-Hrs": 1},
    ),
    ("gib_month", "EFS Standard"): Listed("AmazonEFS", "Storage", {}, "TimedStorage-ByteHrs", _GB_MONTH),
    ("gib_month", "EFS One Zone"): Listed("AmazonEFS", "Storage", {}, "TimedStorage-Z-ByteHrs", _GB_MONTH),
}


def listed_as(kind: UnitKind, name: str) -> Listed | None:
    """Return how the list has the price of a part, None where no public source shows it. Pure."""
    if kind in ("hour", "acu_hour"):
        return _of_aurora(kind, name)
    if (kind, name) in _OTHERS:
        return _OTHERS[kind, name]
    service, _, of = name.partition(" ")
    if service == "EBS" and kind in _EBS and " " not in of:
        family, usage, units = _EBS[kind]
        return Listed("AmazonEC2", family, {"volumeApiName": of}, f"EBS:{usage}{_EBS_USAGE.get(of, f'.{of}')}", units)
    return None


def _of_aurora(kind: UnitKind, name: str) -> Listed | None:
    """Return how the list has an instance or Serverless v2 of Aurora (infracost, internal/resources/aws/rds_cluster_instance.go).

    The usage type of an instance can have a shorter name of its class. That of Serverless v2 and its unit are those of
    SavingsPlanRateUnit and of the bills that people show.
    """
    of_class, aurora, _ = name.partition(f" {AURORA}")
    engine, mode = {"databaseEngine": "Aurora PostgreSQL"}, "IOOptimized" if "I/O-Optimized" in name else ""
    if kind == "acu_hour":
        return Listed("AmazonRDS", "ServerlessV2", engine, f"Aurora:ServerlessV2{mode}Usage", {"ACU-Hr": 1})
    if not of_class or not aurora or of_class == SERVERLESS:
        return None
    attributes = engine | {"instanceType": of_class}
    return Listed("AmazonRDS", "Database Instance", attributes, f"InstanceUsage{mode}:", {"Hrs": 1})


def ask_about(clients: Clients, copy: Billed) -> tuple[tuple[UnitPrice, ...], str]:
    """Return the prices of what a copy is billed by, and why one that was asked for is not among them."""
    if copy.kind == "db-instance" and AURORA not in copy.instance_class:
        return ask(clients, copy.region, copy.instance_class, copy.storage_type)
    of_class = (Part("hour", copy.instance_class, 1),) if copy.instance_class else ()
    return ask_for(clients, copy.region, (*of_class, *copy.parts))


def ask_for(clients: Clients, region: str, parts: Iterable[Part]) -> tuple[tuple[UnitPrice, ...], str]:
    """Return the prices of parts in a region, and why one that was asked for is not among them."""
    found: list[UnitPrice] = []
    missing: list[str] = []
    wanted = dict.fromkeys((part.kind, RESTORE if part.name == RESTORE_OF_ANY else part.name) for part in parts)
    try:
        for kind, name in wanted:
            listed = listed_as(kind, name)
            if listed is None:
                continue
            fields = {"regionCode": region, "productFamily": listed.family} | dict(listed.attributes)
            products = _products(clients.client("pricing", REGION), fields, listed.service)
            _keep(_one_price(of_usage(products, listed.usage), listed.units, region, kind, name), found, missing)
    except (ClientError, BotoCoreError, DrillError) as error:
        return tuple(found), _not_asked(error)
    return tuple(found), "; ".join(missing)


def of_usage(products: Iterable[Mapping[str, Any]], usage: str) -> list[Mapping[str, Any]]:
    """Return the products of a usage type, which can have the prefix of its region, and no other; of one to a colon each. Pure."""
    rest = ".*" if usage.endswith(":") else ""
    wanted = re.compile(rf"((?!IA-)[A-Z]{{2,4}}[0-9]?-)?{re.escape(usage)}{rest}")
    return [each for each in products if wanted.fullmatch(str(_attributes(each).get("usagetype", "")))]


def ask(clients: Clients, region: str, instance_class: str, storage_type: str) -> tuple[tuple[UnitPrice, ...], str]:
    """Return the prices of a class and of a storage type in a region, and why one that was asked for is not among them."""
    wanted: list[tuple[UnitKind, str, dict[str, str]]] = []
    if instance_class:
        of_class = {"productFamily": "Database Instance", "databaseEngine": _ENGINES[0], "instanceType": instance_class}
        wanted.append(("hour", instance_class, of_class))
    if storage_type in VOLUMES:
        volume = {"productFamily": "Database Storage", "volumeType": VOLUMES[storage_type]}
        wanted.append(("gib_month", storage_type, volume))
    found: list[UnitPrice] = []
    missing: list[str] = []
    try:
        pricing = clients.client("pricing", REGION)
        for kind, name, fields in wanted:
            products = _products(pricing, {"deploymentOption": "Single-AZ", "regionCode": region} | fields)
            _keep(price_of(products, region, kind, name), found, missing)
    except (ClientError, BotoCoreError, DrillError) as error:
        return tuple(found), _not_asked(error)
    return tuple(found), "; ".join(missing)


def _keep(price: UnitPrice | str, found: list[UnitPrice], missing: list[str]) -> None:
    if isinstance(price, str):
        missing.append(price)
    else:
        found.append(price)


def _not_asked(error: ClientError | BotoCoreError | DrillError) -> str:
    told = str(error) if isinstance(error, DrillError) else error_text(error)
    return f"AWS's price list could not be asked ({RIGHT}): {told}"


def _products(pricing: Any, fields: dict[str, str], service: str = "AmazonRDS") -> list[Mapping[str, Any]]:
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in fields.items()]
    listed = pricing.get_paginator("get_products").paginate(
        ServiceCode=service, FormatVersion="aws_v1", Filters=filters
    )
    return [json.loads(each) for answer in listed for each in answer.get("PriceList") or ()]


def price_of(products: Iterable[Mapping[str, Any]], region: str, kind: UnitKind, name: str) -> UnitPrice | str:
    """Return the one on-demand price above 0 that products of RDS have in their unit, or what was found in place of it. Pure."""
    return _one_price(_of_postgresql(products), _UNITS[kind], region, kind, name)


def _one_price(
    products: Iterable[Mapping[str, Any]], units: Mapping[str, int | Decimal], region: str, kind: UnitKind, name: str
) -> UnitPrice | str:
    prices: dict[Decimal, str] = {}
    for product in products:
        terms = (product.get("terms") or {}).get("OnDemand") or {}
        for term in terms.values():
            for rate in (term.get("priceDimensions") or {}).values():
                amount, of_ours = _amount(rate), units.get(str(rate.get("unit")))
                if amount and of_ours:
                    prices[amount / of_ours] = str(product.get("publicationDate", ""))
    what = f"the price list of {region} for {name}"
    if len(prices) != 1:
        return f"expected one price in {what}, found {len(prices) or 'none'}"
    ((amount, published),) = prices.items()
    return UnitPrice(region, kind, name, f"{amount.normalize():f}", published)


def _of_postgresql(products: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the products of PostgreSQL, else those of any engine."""
    by_engine: dict[str, list[Mapping[str, Any]]] = {}
    for each in products:
        by_engine.setdefault(str(_attributes(each).get("databaseEngine", "")), []).append(each)
    return next((by_engine[name] for name in _ENGINES if name in by_engine), [])


def _attributes(product: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (product.get("product") or {}).get("attributes") or {}
    return found


def _amount(rate: Mapping[str, Any]) -> Decimal | None:
    """Return a rate's price in US dollars, None where it has none that is a number above 0."""
    try:
        amount = Decimal(str((rate.get("pricePerUnit") or {}).get("USD", "")))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount > 0 else None
