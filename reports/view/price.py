"""The price of a run in words: what its copies cost, and what that was estimated at. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from drills.model.price import Billed, RunPrice
from drills.model.record import RunRecord
from drills.objectives import cost


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
    """The classes and storage of copies, each once."""
    found = []
    for each in copies:
        size = "storage unknown" if each.storage_gib is None else f"{each.storage_gib:g} GiB of {each.storage_type}"
        found.append(f"{each.instance_class or 'an unknown class'}, {size}")
    return "; ".join(dict.fromkeys(found))
