"""Aggregates the runs of a period into the matrix for an auditor. Pure.

A simulated run stands apart, and meets no expectation: what was drilled in a sandbox alone was not drilled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from drills.history import trend
from reports import controls
from reports.audit.model import JUDGED, ControlInPeriod, Found, Matrix, MissedDrills, PeriodRun, Population
from reports.audit.span import Period


@dataclass(frozen=True, slots=True)
class Expected:
    """The drills that are expected of each target: how often, in seconds, by its name; None where nothing is declared."""

    every_seconds: Mapping[str, float | None]

    def of(self, target: str, runs: Sequence[PeriodRun]) -> float | None:
        """Return how often a drill of the target is due: as its configuration says, else as its newest run knew."""
        if target in self.every_seconds:
            return self.every_seconds[target]
        return next((each.drill_every_seconds for each in reversed(runs) if each.drill_every_seconds), None)


def matrix_of(found: Found, period: Period, expected: Expected, now: datetime, target: str | None = None) -> Matrix:
    """Return the matrix of a period, of one target or of all."""
    until = max(period.begin, min(period.end, now))
    keys = dict.fromkeys((each.target, each.profile, each.simulated) for each in found.runs)
    real = {name for name, _, simulated in keys if not simulated}
    for name, every in expected.every_seconds.items():
        if every and name not in real:
            keys[name, "", False] = None
    populations = [
        _population(key, found.runs, period, until, expected)
        for key in sorted(keys, key=lambda key: (key[2], key[0], key[1]))
        if target is None or key[0] == target
    ]
    shown = tuple(each for each in populations if each.runs or each.expected or each.missed)
    return Matrix(period, now, until, shown, controls_of([run for each in shown for run in each.runs]), found.problems)


def _population(
    key: tuple[str, str, bool], known: Sequence[PeriodRun], period: Period, until: datetime, expected: Expected
) -> Population:
    target, profile, simulated = key
    ours = [each for each in known if (each.target, each.profile, each.simulated) == key]
    runs = tuple(each for each in ours if period.begin <= each.started_at < period.end)
    every = None if simulated else expected.of(target, ours)
    if not every:
        return Population(target, profile, simulated, None, None, (), runs)
    interval = timedelta(seconds=every)
    judged = [each.started_at for each in ours if each.standing in JUDGED]
    least = (until - period.begin) // interval
    return Population(target, profile, simulated, every, least, missed_in(judged, interval, period.begin, until), runs)


def missed_in(
    judged: Sequence[datetime], every: timedelta, begin: datetime, until: datetime
) -> tuple[MissedDrills, ...]:
    """Return the stretches in which drills fell due, from `begin` on and before `until`, and none came.

    One is due `every` after the one before, and has come where one began within the grace; where none is known from before,
    counting begins with the period.
    """
    grace = timedelta(seconds=trend.grace_seconds(every.total_seconds()))
    before = [each for each in judged if each < begin]
    points = [max(before, default=begin), *sorted(each for each in judged if begin <= each < until), until]
    found = []
    for start, following in pairwise(points):
        first = max(1, _whole(begin - start, every))  # the first that does not fall due before the period
        count = _whole(following - grace - start, every) - first
        if count > 0:
            found.append(MissedDrills(start + first * every, start + (first + count - 1) * every, count))
    return tuple(found)


def _whole(length: timedelta, every: timedelta) -> int:
    """Return how many intervals it takes to fill a length."""
    return -(-length // every)


def controls_of(runs: Sequence[PeriodRun]) -> tuple[ControlInPeriod, ...]:
    """Return every control beside the runs; simulated ones and those without a bundle support none."""
    if not any(run.rows for run in runs):
        return ()
    return tuple(
        _control(framework.id, each.id, runs)
        for framework in controls.mapping().frameworks
        for each in framework.controls
    )


def _control(framework: str, control: str, runs: Sequence[PeriodRun]) -> ControlInPeriod:
    pairs = [(run, row) for run in runs for row in run.rows if (row.framework_id, row.control) == (framework, control)]
    pairs.sort(key=lambda pair: (not pair[0].simulated, pair[0].started_at))
    last = pairs[-1][1]
    supported = tuple(run for run, row in pairs if row.supported)
    return ControlInPeriod(
        last,
        supported,
        tuple(run for run, row in pairs if row.supported and row.failed),
        tuple(run for run, row in pairs if row.failed and not row.supported),
        "" if supported else last.sentence,
    )
