"""The price of a run in its record: estimated before it makes anything, and worked out when it has ended.

A run on AWS asks AWS's price list once, where its role may (`pricing:GetProducts`); every other, and what the list does not say,
goes by the table of prices in drills/objectives/prices.toml. Loads no boto3, which the command line of a run does not need.
"""

from __future__ import annotations

import dataclasses

from drills.config.load import Config
from drills.model.instance import Instance
from drills.model.price import Billed, Part, Price, RunPrice, UnitPrice
from drills.model.record import RunRecord
from drills.objectives import cost


def purposes(effective: Config) -> tuple[str, ...]:
    """Return what copies are restored for: the recovery, and beside it a moment and a copy that was damaged on purpose."""
    if effective.target.tier != "full":
        return ("recovery",)
    newest = effective.target.sample.kind == "newest"
    damaged = newest and "damages_backup" in effective.profile.allow
    return ("recovery", *(("moment",) if newest else ()), *(("rehearsal",) if damaged else ()))


def estimate(
    effective: Config,
    source: Instance | None = None,
    asked: tuple[UnitPrice, ...] = (),
    charged: tuple[Part, ...] = (),
) -> Price:
    """Return what the copies cost at most: each for as long as the run may take, with the class and the storage of the source.

    Before the source was read, the storage is not known, and the class is where drill.toml names it. Whether Extended Support is
    charged is known when a point is chosen; Serverless v2 has its most capacity for all of that time. `charged` is what a source
    that is no database is billed by.
    """
    seconds = effective.limits.total_seconds
    if other := effective.target.other:
        copy = Billed(effective.restore_region, "", seconds, kind=other.makes, parts=charged)
        return cost.price_of([copy], asked)
    named = effective.target.restore.instance_class
    copy = Billed(
        effective.restore_region,
        named or (source.instance_class if source else ""),
        seconds,
        source.storage_type if source else "",
        source.storage_gib if source else None,
        "unknown",
    )
    if effective.target.kind == "cluster":
        copy = cost.of_aurora(copy, source.scaling[1] if source and source.scaling else None)
    return cost.price_of([copy for _ in purposes(effective)], asked)


def at_end(record: RunRecord) -> RunPrice:
    """Return the price of a run that has ended, by the prices of its estimate."""
    known = record.price or RunPrice()
    return dataclasses.replace(known, used=cost.of_run(record, known.asked))
