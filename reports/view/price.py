"""The price of a run in words: what its copies cost, and what that was estimated at. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from drills.durations import show_duration
from drills.model.instance import ResourceKind
from drills.model.price import Billed, Part, RunPrice, UnitKind
from drills.model.record import RunRecord
from drills.objectives import cost, parts

_UNITS: Mapping[UnitKind, str] = MappingProxyType(
    {
        "hour": "h",
        "acu_hour": "ACUs",
        "rcu_hour": "read capacity units",
        "wcu_hour": "write capacity units",
        "gib_month": "GiB",
        "iops_month": "IOPS",
        "mibps_month": "MiB/s",
        "gib": "GiB",
        "million_io": "I/O requests",
        "million_reads": "read units",
    }
)
_MILLIONS = frozenset({"million_io", "million_reads"})
_FREE: Mapping[tuple[UnitKind, str], int] = MappingProxyType(  # of which what is above it is charged
    {("iops_month", "EBS gp3"): parts.GP3_IOPS, ("mibps_month", "EBS gp3"): parts.GP3_MIBPS}
)
_LEAST: Mapping[ResourceKind, tuple[str, int]] = MappingProxyType(
    {
        "db-instance": ("an instance", cost.LEAST_SECONDS),
        "ebs-volume": ("a volume", cost.LEAST_OF["ebs-volume"]),
    }
)


def cost_line(record: RunRecord) -> str:
    """What the copies cost, or would cost on AWS; "unknown" with its reason where no price is known."""
    if record.incident and record.incident.hour:
        return f"an hour of the copy, which stays: {record.incident.hour}"
    kept = record.price or RunPrice()
    used = kept.used or cost.of_run(record)
    told = cost.told(used, simulated=record.simulated, asked=kept.asked)
    seconds = sum(each.seconds for each in used.copies)
    billed = f" ({show_duration(seconds)} of {_copies(used.copies)})" if used.copies else ""
    return f"{told}{billed}" + (f"; {kept.note}" if kept.note else "")


def estimate_line(record: RunRecord) -> str:
    """What the run was estimated to cost at most before it made anything; "" in records of before it was kept."""
    if record.price is None or record.price.estimated is None:
        return ""
    return cost.told(record.price.estimated, simulated=True, asked=record.price.asked)


def _copies(copies: Sequence[Billed]) -> str:
    """What copies are billed by, each once: class and storage, or the parts of what is no instance; and for how long at least."""
    each_once = [_instance(each) if each.kind == "db-instance" else _parts(each) for each in copies]
    return "; ".join(dict.fromkeys([*each_once, *filter(None, map(_least, copies))]))


def _least(copy: Billed) -> str:
    """For how long it is billed at least, where it was not there for as long; "" where that is not known."""
    named, least = _LEAST.get(copy.kind, ("", 0))
    by_capacity = any(each.kind == "acu_hour" for each in copy.parts)
    if by_capacity or copy.seconds >= least:
        return ""
    return f"{named} is billed for at least {show_duration(least)}"


def _instance(copy: Billed) -> str:
    size = "storage unknown" if copy.storage_gib is None else f"{_number(copy.storage_gib)} GiB of {copy.storage_type}"
    return ", ".join((copy.instance_class or "an unknown class", size, *map(_amount, copy.parts)))


def _parts(copy: Billed) -> str:
    return ", ".join(map(_amount, copy.parts)) or f"{copy.kind}, of which nothing is known"


def _amount(part: Part) -> str:
    free = _FREE.get((part.kind, part.name))
    above = f" above {free:,}" if free else ""
    number = "unknown"
    if part.amount is not None:
        number = f"{math.ceil(round(part.amount * 1_000_000, 3)):,}" if part.kind in _MILLIONS else _number(part.amount)
    return f"{number} {_UNITS[part.kind]}{above} of {part.name}"


def _number(amount: float) -> str:
    """An amount with two places at most, and what they do not show as less than that."""
    if 0 < amount < 0.01:
        return "less than 0.01"
    return f"{amount:,.2f}".rstrip("0").rstrip(".")
