"""Statistics over the runs of one group: median, maximum, margin, pass rate, warnings, missed drills. Pure.

Few runs prove little, and nothing here says more than they do:

- The pass rate has a lower bound, exact and one-sided with 95 % confidence (C. J. Clopper and E. S. Pearson, "The use of
  confidence or fiducial limits illustrated in the case of the binomial", Biometrika 26, 1934): 12 of 12 prove 77.9 %.
  Wilson's interval would promise more than such small numbers hold.
- A 95th percentile is given from 59 runs on, as the order statistic that lies above it with 95 % confidence whatever the
  distribution is (H. A. David and H. N. Nagaraja, "Order Statistics", 7.1): 1 - 0.95^59 is the first to reach 95 %.
- The slope is the median of the slopes between all pairs of runs (P. K. Sen, "Estimates of the regression coefficient
  based on Kendall's tau", 1968): one run in an odd hour does not tilt it, as it would tilt least squares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from math import ceil, comb
from statistics import median
from typing import Literal

from drills.durations import show_duration
from drills.history.line import agrees, is_complete
from drills.model.history import DrillGap, GroupKey, HistoryLine, HistoryPoint, Series, SizeOf, Trend
from drills.objectives.data_loss import FRESHNESS

CONFIDENCE = 0.95
RUNS_FOR_P95 = 59
RECENT = 3
USED_UP = 0.8
SLOPE_OVER = 12
SLOPE_FROM = 5
AHEAD = 6
MAX_RUNS = 200
JUDGED = ("passed", "objective missed", "verification failed", "left behind", "not sealed")


def pass_rate_at_least(passed: int, judged: int) -> float | None:
    """Return the share of passes that `passed` of `judged` runs prove, 0 to 1, with 95 % confidence; None without a run."""
    if judged == 0:
        return None
    low, high = 0.0, passed / judged
    for _ in range(60):
        rate = (low + high) / 2
        if _at_least(passed, judged, rate) < 1 - CONFIDENCE:
            low = rate
        else:
            high = rate
    return low


def _at_least(count: int, runs: int, rate: float) -> float:
    """Return the probability that `count` or more of `runs` pass when each does with probability `rate`."""
    return sum(comb(runs, each) * rate**each * (1 - rate) ** (runs - each) for each in range(count, runs + 1))


def p95_at_most(values: Sequence[float]) -> float | None:
    """Return an upper bound of the 95th percentile with 95 % confidence: the smallest value that is one; None below 59 values."""
    count = len(values)
    if count < RUNS_FOR_P95:
        return None
    below = 0.0
    for rank in range(1, count + 1):  # the value of this rank lies above when at most rank - 1 values lie below
        below += comb(count, rank - 1) * 0.95 ** (rank - 1) * 0.05 ** (count - rank + 1)
        if below >= CONFIDENCE:
            return sorted(values)[rank - 1]
    raise AssertionError("unreachable: from 59 values on the largest is a bound")


def slope_of(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the rise of a value per run, and the fitted value at the last run; None below 5 values."""
    if len(values) < SLOPE_FROM:
        return None
    steps = [(values[j] - values[i]) / (j - i) for j in range(len(values)) for i in range(j)]
    slope = median(steps)
    return slope, median(value - slope * index for index, value in enumerate(values)) + slope * (len(values) - 1)


def method_of(line: HistoryLine) -> str:
    """Return the method by which the RPA of a run was measured: "canary", "freshness query"; "" where it was not."""
    if line.rpa_seconds is None:
        return ""
    return FRESHNESS if line.rpa_source.startswith(FRESHNESS) else line.rpa_source


def rpa_series(lines: Sequence[HistoryLine]) -> tuple[Series, ...]:
    """Return a series for each method, the one of the newest number first; the other ones give no warnings."""
    methods = dict.fromkeys(
        method_of(line) for line in reversed(lines) if counts(line) and line.rpa_seconds is not None
    )
    found = [series_of("RPA", lines, method) for method in methods] or [series_of("RPA", lines)]
    return (found[0], *(replace(each, warnings=()) for each in found[1:]))


def series_of(name: Literal["RTA", "RPA"], lines: Sequence[HistoryLine], method: str = "") -> Series:
    """Return the statistics of one actual, oldest first; of an RPA those of one method.

    The numbers of a copy that failed its verification do not count: it was no recovery.
    """
    objective = next((_objective(name, line) for line in reversed(lines) if _objective(name, line) is not None), None)
    ours = [line for line in lines if counts(line) and (name == "RTA" or method_of(line) == method)]
    values = [value for line in ours if (value := _actual(name, line)) is not None]
    if not values:
        return Series(name, 0, objective, method=method)
    slope = slope_of(values[-SLOPE_OVER:])
    return Series(
        name,
        len(values),
        objective,
        last=values[-1],
        median=median(values),
        maximum=max(values),
        margin=None if objective is None else objective - max(values),
        p95=p95_at_most(values),
        slope=slope[0] if slope else None,
        warnings=warnings_of(name, values, objective),
        method=method,
    )


def _actual(name: str, line: HistoryLine) -> float | None:
    return line.rta_seconds if name == "RTA" else line.rpa_seconds


def _objective(name: str, line: HistoryLine) -> float | None:
    return line.rto_seconds if name == "RTA" else line.rpo_seconds


def counts(line: HistoryLine) -> bool:
    """Return whether the numbers of a run count: it is a drill, and what it measured is the way to the right data."""
    return not line.not_counted and line.outcome != "verification failed"


def warnings_of(name: Literal["RTA", "RPA"], values: Sequence[float], objective: float | None) -> tuple[str, ...]:
    """Return warnings before the objective is missed: recent runs near it, or a rise that will reach it."""
    if objective is None or not values:
        return ()
    promised = "RTO" if name == "RTA" else "RPO"
    found = []
    recent = values[-RECENT:]
    if max(recent) > USED_UP * objective:
        which = "the last run" if len(recent) == 1 else f"one of the last {len(recent)} runs"
        found.append(
            f"{which} used {percent(max(recent) / objective)} of the {promised} of {show_duration(objective)} "
            f"({name} {show_duration(max(recent))}): more than {percent(USED_UP)}"
        )
    fitted = slope_of(values[-SLOPE_OVER:])
    if fitted and fitted[0] > 0 and fitted[1] + AHEAD * fitted[0] >= objective:
        runs = max(0, ceil((objective - fitted[1]) / fitted[0]))
        limit = f"the {promised} of {show_duration(objective)}"
        reached = f"reaches {limit} in {runs} run{'' if runs == 1 else 's'}" if runs else f"has reached {limit}"
        found.append(
            f"{name} rises by {show_duration(fitted[0])} a run (median of the slopes over the last "
            f"{len(values[-SLOPE_OVER:])} runs), which {reached}"
        )
    return tuple(found)


def percent(share: float) -> str:
    """Return a share as people write it: "80 %"."""
    return f"{share * 100:.0f} %"


def grace_seconds(every_seconds: float) -> float:
    """Return how late a drill may begin, in seconds, before it counts as missed: a tenth of the interval, at most a day.

    A scheduler starts a job some time after its minute, and a drill that waits for its turn begins later still.
    """
    return min(every_seconds / 10, 86400.0)


def gaps_of(lines: Sequence[HistoryLine], every_seconds: float | None, as_of: datetime) -> tuple[DrillGap, ...]:
    """Return the stretches between judged runs, and from the last until now, longer than the interval and its grace."""
    if not every_seconds:
        return ()
    instants = [line.started_at for line in lines if not line.not_counted and line.outcome in JUDGED]
    if not instants:
        return ()
    ends = [*instants[1:], max(as_of, instants[-1])]
    grace = grace_seconds(every_seconds)
    return tuple(
        DrillGap(begin, end, ceil((seconds - grace) / every_seconds) - 1)
        for begin, end in zip(instants, ends, strict=True)
        if (seconds := (end - begin).total_seconds()) > every_seconds + grace
    )


def group_for(line: HistoryLine, lines: Sequence[HistoryLine]) -> GroupKey:
    """Return the group of a run: its own, or where the run does not know it, the newest one that it may belong to."""
    if is_complete(line.key):
        return line.key
    blank = (each.key for each in reversed(lines) if is_complete(each.key) and agrees(_without_numbers(line), each.key))
    return next(blank, line.key)


def _without_numbers(line: HistoryLine) -> HistoryLine:
    return HistoryLine(line.run_id, line.started_at, line.ended_at, line.key, line.outcome, line.code)


def trend_of(
    lines: Sequence[HistoryLine], key: GroupKey, as_of: datetime, *, not_counted: str = "", problems: Sequence[str] = ()
) -> Trend:
    """Return the trend of a group out of all lines of a history, oldest first. Keeps the newest 200 runs of the group.

    Drills count as missed for the target as a whole: one from another kind of recovery point was a drill as well.
    """
    ours = [line for line in lines if not line.not_counted and agrees(line, key)][-MAX_RUNS:]
    of_target = [line for line in lines if _same_target(line, key)]
    judged = [line for line in ours if line.outcome in JUDGED]
    passed = sum(line.outcome == "passed" for line in judged)
    every = next((line.drill_every_seconds for line in reversed(of_target) if line.drill_every_seconds), None)
    sized = next((line for line in reversed(ours) if line.size_bytes or line.allocated_gib), None)
    size_of: SizeOf = "" if sized is None else "data" if sized.size_bytes else "storage"
    return Trend(
        as_of,
        key,
        tuple(_point(line, size_of) for line in ours),
        (series_of("RTA", ours), *rpa_series(ours)),
        passed,
        len(judged),
        sum(line.outcome == "could not run" for line in ours),
        pass_rate_at_least(passed, len(judged)),
        gaps_of(of_target, every, as_of),
        every,
        not_counted,
        sum(not line.not_counted and not agrees(line, key) for line in of_target),
        tuple(problems),
        size_of,
        sum(line.forecast == "hit" for line in ours),
        sum(line.forecast != "" for line in ours),
    )


def _same_target(line: HistoryLine, key: GroupKey) -> bool:
    return (line.key.target, line.key.profile, line.key.simulated) == (key.target, key.profile, key.simulated)


def _point(line: HistoryLine, size_of: SizeOf) -> HistoryPoint:
    storage = None if line.allocated_gib is None else line.allocated_gib * 2**30
    return HistoryPoint(
        line.run_id,
        line.started_at,
        line.outcome,
        line.rta_seconds,
        line.rpa_seconds,
        line.rto_seconds,
        line.rpo_seconds,
        {"data": line.size_bytes, "storage": storage, "": None}[size_of],
        method_of(line),
        line.not_verified,
    )
