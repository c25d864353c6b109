"""What AWS charges of a copy by its description, beside the class and the storage of an instance. Pure.

An EBS volume is charged by the GiB that it has; beyond these gp3 by the IOPS above 3,000 and the MB/s above 125
(https://aws.eu/ebs/pricing), and io1 and io2 by all of their IOPS, of io2 at another price above 32,000
(https://www.hub.pointfive.co/inefficiencies/outdated-provisioned-iops-volume-type-for-high-i-o-workloads). Magnetic volumes are
charged by their requests too, of which there are none: nothing attaches a copy.

Aurora charges an instance by a price of its own, by the second and for at least 10 minutes; Serverless v2 by the capacity that it
used; storage by the GiB that is used, which no description has; and I/O requests, but of a cluster that is I/O-Optimized, whose
instances and storage have other prices ("DB instance billing for Aurora" and "Storage configurations for Amazon Aurora DB
clusters", Aurora User Guide).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drills.model.price import Part, UnitKind

GP3_IOPS, GP3_MIBPS = 3000, 125  # that its storage has with it
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
