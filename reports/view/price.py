"""The price of a run in words: what its copies cost, and what that was estimated at. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from drills.model.price import Billed, RunPrice, UnitKind
from drills.model.record import RunRecord
from drills.objectives import cost

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
        "million_io": "million I/O requests",
        "million_reads": "million read units",
    }
)


def cost_line(record: RunRecord) -> str:
    """What the copies cost, or would cost on AWS; "unknown" with its reason where no price is known."""
    if record.incident and record.incident.hour:
        return f"an hour of the copy, which stays: {record.incident.hour}"
    kept = record.price or RunPrice()
    used = kept.used or cost.of_run(record)
    told = cost.told(used, simulated=record.simulated, asked=kept.asked)
    hours = sum(each.seconds for each in used.copies) / 3600
    billed = f" ({hours:.2f} h of {_copies(used.copies)})" if used.copies else ""
    return f"{told}{billed}" + (f"; {kept.note}" if kept.note else "")


def estimate_line(record: RunRecord) -> str:
    """What the run was estimated to cost at most before it made anything; "" in records of before it was kept."""
    if record.price is None or record.price.estimated is None:
        return ""
    return cost.told(record.price.estimated, simulated=True, asked=record.price.asked)


def _copies(copies: Sequence[Billed]) -> str:
    """What copies are billed by, each once: class and storage, or the parts of what is no database instance."""
    return "; ".join(dict.fromkeys(_instance(each) if each.kind == "db-instance" else _parts(each) for each in copies))


def _instance(copy: Billed) -> str:
    size = "storage unknown" if copy.storage_gib is None else f"{copy.storage_gib:g} GiB of {copy.storage_type}"
    return ", ".join((copy.instance_class or "an unknown class", size, *_amounts(copy)))


def _parts(copy: Billed) -> str:
    return ", ".join(_amounts(copy)) or f"{copy.kind}, of which nothing is known"


def _amounts(copy: Billed) -> list[str]:
    return [
        f"{'unknown' if each.amount is None else f'{each.amount:g}'} {_UNITS[each.kind]} of {each.name}"
        for each in copy.parts
    ]
