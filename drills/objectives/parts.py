"""What AWS charges of a copy that is no database, by its description: how much of what has a price of its own. Pure.

An EBS volume is charged by the GiB that it has; beyond these gp3 by the IOPS above 3,000 and the MB/s above 125
(https://aws.eu/ebs/pricing), and io1 and io2 by all of their IOPS, of io2 at another price above 32,000
(https://www.hub.pointfive.co/inefficiencies/outdated-provisioned-iops-volume-type-for-high-i-o-workloads). Magnetic volumes are
charged by their requests too, of which there are none: nothing attaches a copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drills.model.price import Part, UnitKind

GP3_IOPS, GP3_MIBPS = 3000, 125  # that its storage has with it
IO2_IOPS = 32_000  # at the first price
CHEAPER = "EBS io2 above 32,000"


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
