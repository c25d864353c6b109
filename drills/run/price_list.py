"""Asks AWS's price list for what a copy costs: on-demand, Single-AZ, PostgreSQL, without a licence.

The list is asked in us-east-1, wherever the copy is: it has an endpoint in few regions ("AWS Price List endpoints and quotas",
AWS General Reference). Each member of PriceList is JSON as text, with a product and its terms (GetProducts, API reference).
A price is taken where exactly one fits, and otherwise none: none is guessed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws.remedies import error_text
from drills.aws.session import Clients
from drills.errors import DrillError
from drills.model.price import UnitKind, UnitPrice

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
_UNITS: Mapping[UnitKind, str] = {"hour": "Hrs", "gib_month": "GB-Mo"}


def ask(clients: Clients, region: str, instance_class: str, storage_type: str) -> tuple[tuple[UnitPrice, ...], str]:
    """Return the prices of a class and of a storage type in a region, and why one that was asked for is not among them."""
    wanted: list[tuple[UnitKind, str, dict[str, str]]] = []
    if instance_class:
        of_class = {"productFamily": "Database Instance", "databaseEngine": _ENGINES[0], "instanceType": instance_class}
        wanted.append(("hour", instance_class, of_class))
    if storage_type in VOLUMES:
        volume = {"productFamily": "Database Storage", "volumeType": VOLUMES[storage_type]}
        wanted.append(("gib_month", storage_type, volume))
    found, missing = [], []
    try:
        pricing = clients.client("pricing", REGION)
        for kind, name, fields in wanted:
            price = price_of(_products(pricing, {"regionCode": region} | fields), region, kind, name)
            if isinstance(price, str):
                missing.append(price)
            else:
                found.append(price)
    except (ClientError, BotoCoreError, DrillError) as error:
        told = error_text(error) if not isinstance(error, DrillError) else str(error)
        return tuple(found), f"AWS's price list could not be asked ({RIGHT}): {told}"
    return tuple(found), "; ".join(missing)


def _products(pricing: Any, fields: dict[str, str]) -> list[Mapping[str, Any]]:
    fields = {"deploymentOption": "Single-AZ"} | fields
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in fields.items()]
    listed = pricing.get_paginator("get_products").paginate(
        ServiceCode="AmazonRDS", FormatVersion="aws_v1", Filters=filters
    )
    return [json.loads(each) for answer in listed for each in answer.get("PriceList") or ()]


def price_of(products: Iterable[Mapping[str, Any]], region: str, kind: UnitKind, name: str) -> UnitPrice | str:
    """Return the one on-demand price above 0 that products have in their unit, or what was found in place of it. Pure."""
    prices: dict[Decimal, str] = {}
    for product in _of_postgresql(products):
        terms = (product.get("terms") or {}).get("OnDemand") or {}
        for term in terms.values():
            for rate in (term.get("priceDimensions") or {}).values():
                amount = _amount(rate)
                if rate.get("unit") == _UNITS[kind] and amount:
                    prices[amount] = str(product.get("publicationDate", ""))
    what = f"the price list of {region} for {name}"
    if len(prices) != 1:
        return f"expected one price in {what}, found {len(prices) or 'none'}"
    ((amount, published),) = prices.items()
    return UnitPrice(region, kind, name, f"{amount.normalize():f}", published)


def _of_postgresql(products: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the products of PostgreSQL, else those of any engine."""
    by_engine: dict[str, list[Mapping[str, Any]]] = {}
    for each in products:
        attributes = (each.get("product") or {}).get("attributes") or {}
        by_engine.setdefault(str(attributes.get("databaseEngine", "")), []).append(each)
    return next((by_engine[name] for name in _ENGINES if name in by_engine), [])


def _amount(rate: Mapping[str, Any]) -> Decimal | None:
    """Return a rate's price in US dollars, None where it has none that is a number above 0."""
    try:
        amount = Decimal(str((rate.get("pricePerUnit") or {}).get("USD", "")))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount > 0 else None
