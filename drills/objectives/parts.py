"""What AWS charges of a copy by its description, beside the class and the storage of an instance. Pure.

An EBS volume is charged by the GiB that it has; beyond these gp3 by the IOPS above 3,000 and the MB/s above 125
(https://aws.eu/ebs/pricing), and io1 and io2 by all of their IOPS, of io2 at another price above 32,000
(https://www.hub.pointfive.co/inefficiencies/outdated-provisioned-iops-volume-type-for-high-i-o-workloads). Magnetic volumes are
charged by their requests too, of which there are none: nothing attaches a copy.

Aurora charges an instance by a price of its own, by the second and for at least 10 minutes; Serverless v2 by the capacity that it
used; storage by the GiB that is used, which no description has; and I/O requests, but of a cluster that is I/O-Optimized, whose
instances and storage have other prices ("DB instance billing for Aurora" and "Storage configurations for Amazon Aurora DB
clusters", Aurora User Guide).

A restore of a table is charged by the GiB, by DynamoDB where the point is its own and by AWS Backup where that manages it
("Metering, costs, and billing for AWS Backup", developer guide), one of a file system always by AWS Backup. The copy's storage is
charged by its class; reads of a table on demand by the unit, else the capacity of the table and its global indexes by the hour,
used or not (https://aws.amazon.com/dynamodb/pricing/). A size of 0 is none: DynamoDB counts it every six hours (API reference,
TableDescription).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from drills.model.price import Part, UnitKind

GP3_IOPS, GP3_MIBPS = 3000, 125  # that its storage has with it
GIB, UNIT = 2**30, 4096
RESTORE = "DynamoDB restore"  # of a point that AWS Backup does not manage
RESTORE_OF_ANY = f"{RESTORE} of a point that is not chosen yet"
IO2_IOPS = 32_000  # at the first price
CHEAPER = "EBS io2 above 32,000"
AURORA, SERVERLESS = "of Aurora", "db.serverless"
_OPTIMIZED = "aurora-iopt1"  # the storage type of what is I/O-Optimized (RDS API reference, DBCluster)


def class_of_aurora(instance_class: str, storage_type: str) -> str:
    """Return a class as it has a price of its own for Aurora; "" where the class is not known."""
    return f"{instance_class} {AURORA}{_optimized(storage_type)}" if instance_class else ""


def of_cluster(instance_class: str, storage_type: str, capacity: float | None = None) -> tuple[Part, ...]:
    """Return what is charged of a cluster beside the class of its instance and its storage; `capacity` in ACUs, None if unknown."""
    found = []
    if instance_class == SERVERLESS:
        found.append(Part("acu_hour", f"Aurora Serverless v2{_optimized(storage_type)}", capacity))
    if storage_type != _OPTIMIZED:
        found.append(Part("million_io", "Aurora", None))
    return tuple(found)


def _optimized(storage_type: str) -> str:
    return " I/O-Optimized" if storage_type == _OPTIMIZED else ""


def of_volume(described: Mapping[str, Any]) -> tuple[Part, ...]:
    """Return what is charged of a volume by its description (EC2 API reference, Volume); none where that tells no type."""
    kind, size = described.get("VolumeType"), described.get("Size")
    if not kind:
        return ()
    name, iops = f"EBS {kind}", described.get("Iops")
    storage = Part("gib_month", name, size)
    if kind == "gp3":
        throughput = described.get("Throughput")
        return (
            storage,
            *_above("iops_month", name, iops, GP3_IOPS),
            *_above("mibps_month", name, throughput, GP3_MIBPS),
        )
    if kind in ("io1", "io2"):
        first = iops if iops is None or kind == "io1" else min(iops, IO2_IOPS)
        cheaper = _above("iops_month", CHEAPER, iops, IO2_IOPS) if kind == "io2" and iops is not None else ()
        return storage, Part("iops_month", name, first), *cheaper
    return (storage,)


def _above(kind: UnitKind, name: str, amount: float | None, free: int) -> tuple[Part, ...]:
    """Return what is charged above what is free: nothing where there is no more than that."""
    if amount is None:
        return (Part(kind, name, None),)
    return (Part(kind, name, amount - free),) if amount > free else ()


def gib_of(size: float | None) -> float | None:
    """Return bytes as GiB, which DynamoDB and EFS bill as GB; None for a size that is not told."""
    return size / GIB if size else None


def of_table(described: Mapping[str, Any], point: str | None, gib: float | None) -> tuple[Part, ...]:
    """Return what is charged of a restored table by its description, the ARN of its point (None: none is chosen) and its size."""
    by_aws_backup = "AWS Backup restore of DynamoDB" if point and ":backup:" in point.partition("/")[0] else ""
    restored = by_aws_backup or (RESTORE if point else RESTORE_OF_ANY)
    rare = (described.get("TableClassSummary") or {}).get("TableClass") == "STANDARD_INFREQUENT_ACCESS"
    name = "DynamoDB Standard-IA" if rare else "DynamoDB"
    sized = Part("gib", restored, gib), Part("gib_month", name, gib)
    if (described.get("BillingModeSummary") or {}).get("BillingMode") == "PAY_PER_REQUEST":
        return *sized, Part("million_reads", name, None)
    tables = [described, *(described.get("GlobalSecondaryIndexes") or ())]
    reads, writes = (_provisioned(tables, f"{each}CapacityUnits") for each in ("Read", "Write"))
    return *sized, Part("rcu_hour", name, reads), Part("wcu_hour", name, writes)


def _provisioned(tables: Iterable[Mapping[str, Any]], member: str) -> float | None:
    """Return what a table and its indexes are provisioned with; None where one does not tell."""
    found = [(each.get("ProvisionedThroughput") or {}).get(member) for each in tables]
    known = [each for each in found if each is not None]
    return float(sum(known)) if len(known) == len(found) else None


def size_of_table(described: Mapping[str, Any]) -> float | None:
    """Return the GiB of a table with its indexes as DynamoDB counted them last, None where it has not."""
    indexes = [*(described.get("GlobalSecondaryIndexes") or ()), *(described.get("LocalSecondaryIndexes") or ())]
    return gib_of((described.get("TableSizeBytes") or 0) + sum(each.get("IndexSizeBytes") or 0 for each in indexes))


def reads_of(described: Mapping[str, Any]) -> float | None:
    """Return the units that one strongly consistent reading of a table takes, of 4 KiB each; None where its size is not told."""
    size = described.get("TableSizeBytes")
    return size / UNIT if size else None


def with_reads(charged: Iterable[Part], units: float | None) -> tuple[Part, ...]:
    """Return the parts of a table with the read units that were taken of it, None where that is not known."""
    millions = None if units is None else units / 1_000_000
    return tuple(
        dataclasses.replace(each, amount=millions) if each.kind == "million_reads" else each for each in charged
    )


def of_file_system(described: Mapping[str, Any], gib: float | None) -> tuple[Part, ...]:
    """Return what is charged of a restored file system by its description and the size of what was restored."""
    name = "EFS One Zone" if described.get("AvailabilityZoneName") else "EFS Standard"
    parts = [Part("gib", "EFS restore", gib), Part("gib_month", name, gib)]
    if described.get("ThroughputMode") == "provisioned":
        parts.append(Part("mibps_month", "EFS provisioned throughput", None))  # a part of it is free
    elif described.get("ThroughputMode") == "elastic":
        parts.append(Part("gib", "EFS elastic throughput", None))
    return tuple(parts)
