"""Which tier a run is: as the command line says, else the one that is due by the chain of the target's runs as it is here."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from zoneinfo import ZoneInfo

from drills.config.load import TIERS, Config
from drills.evidence.chain import Chain
from drills.evidence.check import is_chain
from drills.evidence.folder import read_chain
from drills.evidence.keeper import chain_of
from drills.evidence.recent.once import DONE
from drills.evidence.recent.tiers import due
from drills.history.line import why_no_drill
from drills.model.record import value_of
from drills.run.context import RunOptions


def choose(choices: RunOptions, config: Config, zone: ZoneInfo, now: datetime) -> tuple[RunOptions, tuple[str, ...]]:
    """Return the choices with the tier that is due, and a note why that is not the usual one."""
    table = config.target.tiers
    if "--tier" in choices.overrides or not (table.sample or table.full):
        return choices, ()
    folder = chain_of(config)
    chain = read_chain(folder)[0] if is_chain(folder) else Chain("")
    done = [
        (each.record.started_at, value_of(each.record.settings, "target.tier"))
        for each in chain.bundles
        if each.record.code in DONE and not why_no_drill(each.record)
    ]
    tier, why = due(table, config.target.tier, done, zone, now)
    if not why:
        return choices, ()
    return dataclasses.replace(choices, overrides={**choices.overrides, TIERS: tier}), (why,)
