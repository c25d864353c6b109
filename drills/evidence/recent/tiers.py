"""Which tier of a target's runs is due, by the runs that its chain has. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from drills.config.objectives import TiersTable
from drills.model.period import PeriodKind, period_of
from drills.model.policy import Tier, rank


def due(
    table: TiersTable, usual: Tier, done: Iterable[tuple[datetime, str]], zone: ZoneInfo, now: datetime
) -> tuple[Tier, str]:
    """Return the tier of a run that begins now, and why it is not the usual one, "" where it is.

    `done` are the runs that count, with the instant at which each began: the fullest tier that has none in its period is due, and
    a fuller run stands for a lighter one.
    """
    known = list(done)
    wanted: tuple[tuple[Tier, PeriodKind | None], ...] = (("full", table.full), ("sample", table.sample))
    for tier, kind in wanted:
        if kind is None or rank(tier) <= rank(usual):
            continue
        period = period_of(kind, zone, now)
        if not any(period.holds(at) and rank(of) >= rank(tier) for at, of in known):
            return tier, f"a run of tier {tier} is due once a {kind}, and none is known in {period.name}"
    return usual, ""
