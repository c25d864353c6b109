"""The most data that a backup schedule can lose, with no missed run and with one. Pure; docs/schedule.md defines the terms.

A run that is scheduled for `s` holds the data of an instant from `s` to `s + start window`, and can be restored from
`backup + copy` later on. So it is *at the latest* usable at `s + late`, `late` being start window + backup + copy. Just
before an instant `t` the most that can be lost is `t` minus the latest `s` whose run must be usable by then: every run
that need not be usable is late, and every other one was early. The worst case is the largest such loss over all `t`.
For one rule that is `max(s[k+1] - s[k]) + late`; with one missed run `max(s[k+2] - s[k]) + late`.
"""

from __future__ import annotations

import bisect
import itertools
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from drills.schedule.cron import CronSchedule
from drills.schedule.firings import ClockChangeRule, Firings, Rate, ends, firings, least_end, read_expression

# "log files are uploaded to Amazon S3 every five minutes" (RDS user guide, "Restoring a DB instance to a specified time")
CONTINUOUS_LAG = timedelta(minutes=5)
NO_RATE = "rate() is no schedule of AWS Backup, which takes cron expressions only (API reference, BackupRuleInput)"


@dataclass(frozen=True, slots=True)
class ScheduleRule:
    """One rule that backs a resource up. `copy` is how long a copy takes where only the copy counts as usable.

    `retention_days` None means "for ever"; rules of one `plan` compete (`_not_passed_over`). A `continuous` rule bounds
    the loss by `CONTINUOUS_LAG`, whatever its expression.
    """

    name: str
    expression: str
    zone: str = "Etc/UTC"
    start_window: timedelta = timedelta()
    backup: timedelta = timedelta()
    copy: timedelta = timedelta()
    completion_window: timedelta | None = None
    continuous: bool = False
    plan: str = ""
    retention_days: int | None = None

    @property
    def late(self) -> int:
        """Seconds from the scheduled instant to the latest one at which its run is usable."""
        return round((self.start_window + self.backup + self.copy).total_seconds())


@dataclass(frozen=True, slots=True)
class LossInterval:
    """A loss of data in seconds, from when to when, and under which reading of a change of clocks ("" where all agree)."""

    seconds: float
    from_at: datetime | None = None
    to_at: datetime | None = None
    reading: str = ""


@dataclass(frozen=True, slots=True)
class ClockChangeResult:
    """The worst case under one handling of clock changes, in seconds."""

    reading: str
    worst_seconds: float | None
    one_missed_seconds: float | None


@dataclass(frozen=True, slots=True)
class ScheduleResult:
    """The largest gap and losses of some rules. `worst` None: nothing bounds the loss, and `unbounded` says why."""

    gap: LossInterval | None = None
    worst: LossInterval | None = None
    one_missed: LossInterval | None = None
    unbounded: str = ""
    readings: tuple[ClockChangeResult, ...] = ()
    notes: tuple[str, ...] = ()
    from_at: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class _ParsedRule:
    """A rule with its parsed schedule and zone."""

    rule: ScheduleRule
    schedule: CronSchedule | Rate
    zone: ZoneInfo


NOTHING = (-1, 0, 0)


@dataclass(frozen=True, slots=True)
class _LargestLosses:
    """The largest loss of each kind: seconds, from, to."""

    gap: tuple[int, int, int]
    worst: tuple[int, int, int]
    one_missed: tuple[int, int, int]
    notes: list[str]


def exact_duration(seconds: float) -> str:
    """Return a length of time to the minute, up to two days in hours: "25 h", "34 h 10 m", "31 d 4 h 30 m", "5 m"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24) if hours > 48 else (0, hours)
    parts = ((days, "d"), (hours, "h"), (minutes, "m"), (rest, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 s"


def work_out(rules: Sequence[ScheduleRule], start: datetime) -> ScheduleResult:
    """Return the worst case of all rules together, for a resource that they all back up, from `start` (aware) on.

    Raises ValueError for an expression or a zone that cannot be read.
    """
    begin = int(start.timestamp()) // 60 * 60
    notes: list[str] = []
    used = [each for rule in rules if (each := _usable(rule, begin, notes)) is not None]
    continuous = [rule.name for rule in rules if rule.continuous]
    unbounded = "; ".join(notes) if rules else "no rule backs it up"
    found = _worst_of(used, begin, notes) if used else ScheduleResult(unbounded=unbounded, notes=tuple(notes))
    return _with_continuous(found, continuous) if continuous else found


def _usable(rule: ScheduleRule, begin: int, notes: list[str]) -> _ParsedRule | None:
    """Return the rule, read; None where it counts for nothing, with the reason noted."""
    if rule.continuous and not rule.expression:
        return None
    schedule, zone = read_expression(rule.expression), _zone(rule.zone)
    window = rule.completion_window
    if isinstance(schedule, Rate):
        notes.append(f"{rule.name}: {NO_RATE}; it is worked out as another scheduler would run it")
    elif least_end(schedule, zone, begin) is None:
        notes.append(f"{rule.name} never fires again")
        return None
    elif ends(schedule):
        notes.append(f"{rule.name} ends with the year {schedule.years[-1]} and counts for nothing")
        return None
    elif schedule.years[0] > datetime.fromtimestamp(begin, UTC).year:
        notes.append(f"{rule.name} does not begin before the year {schedule.years[0]} and counts for nothing")
        return None
    if window is not None and rule.backup > window:
        notes.append(
            f"{rule.name}: a backup of {exact_duration(rule.backup.total_seconds())} is cancelled at the end of its "
            f"completion window of {exact_duration(window.total_seconds())}, so it counts for nothing"
        )
        return None
    return _ParsedRule(rule, schedule, zone)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"Expected a time zone of the IANA database such as Europe/Berlin, found {name!r}.") from error


def _with_continuous(found: ScheduleResult, names: Sequence[str]) -> ScheduleResult:
    """Bound the losses by continuous backup: by the lag of the log, with one missed upload by twice that."""
    lag = CONTINUOUS_LAG.total_seconds()
    worst = found.worst if found.worst and found.worst.seconds <= lag else LossInterval(lag)
    missed = found.one_missed if found.one_missed and found.one_missed.seconds <= 2 * lag else LossInterval(2 * lag)
    note = f"{', '.join(names)}: continuous, a log every {exact_duration(lag)}"
    return ScheduleResult(
        found.gap, worst, missed, "", found.readings, (*found.notes, note), found.from_at, found.until
    )


# -- the arithmetic ---------------------------------------------------------------------------------------------------


def _worst_of(used: Sequence[_ParsedRule], begin: int, notes: list[str]) -> ScheduleResult:
    lates = [each.rule.late for each in used]
    end = max(least_end(each.schedule, each.zone, begin) or begin for each in used) + max(lates) - min(lates)
    fired = [firings(each.schedule, each.zone, begin, end) for each in used]
    tops = {
        reading: _largest_losses(used, [each.under(reading) for each in fired], end) for reading in _readings(fired)
    }
    agreed = len({(top.gap[0], top.worst[0], top.one_missed[0]) for top in tops.values()}) == 1
    losses = []
    for kind in ("gap", "worst", "one_missed"):
        reading, (seconds, from_at, to_at) = max(
            ((reading, getattr(top, kind)) for reading, top in tops.items()), key=lambda pair: pair[1][0]
        )
        same = len({getattr(top, kind)[0] for top in tops.values()}) == 1
        losses.append(LossInterval(float(seconds), _at(from_at), _at(to_at), "" if same else str(reading)))
    gap, worst, one_missed = losses
    suppressed = next(iter(tops.values())).notes
    reads = () if agreed else tuple(_clock_change_result(reading, top) for reading, top in tops.items())
    return ScheduleResult(gap, worst, one_missed, "", reads, (*notes, *suppressed), _at(begin), _at(end))


def _clock_change_result(reading: ClockChangeRule, top: _LargestLosses) -> ClockChangeResult:
    return ClockChangeResult(str(reading), float(top.worst[0]), float(top.one_missed[0]))


def _readings(fired: Sequence[Firings]) -> list[ClockChangeRule]:
    """Return the readings that differ for these firings."""
    skipped = ("left out", "later") if any(each.skipped for each in fired) else ("left out",)
    repeated = ("first", "second", "both") if any(each.repeated for each in fired) else ("first",)
    return [ClockChangeRule(*each) for each in itertools.product(skipped, repeated)]  # type: ignore[arg-type]  # of literals


def _largest_losses(used: Sequence[_ParsedRule], fired: Sequence[list[int]], end: int) -> _LargestLosses:
    """Return the largest losses, each with the instants that it lies between."""
    notes: list[str] = []
    kept = _not_passed_over(used, fired, notes)
    runs = sorted(itertools.chain.from_iterable(kept))
    lates = {each.rule.late for each in used}
    if len(lates) == 1:  # the formula; the walk below comes to the same, and takes far longer
        worst, one_missed = (_stretched(_widest(runs, apart), *lates) for apart in (1, 2))
    else:
        worst, one_missed = _walk(used, kept, end)
    return _LargestLosses(_widest(runs, 1), worst, one_missed, notes)


def _widest(runs: Sequence[int], apart: int) -> tuple[int, int, int]:
    """Return the largest distance between a run and the one `apart` later: seconds, from, to; runs of one instant are two."""
    distances = list(map(operator.sub, itertools.islice(runs, apart, None), runs))
    if not distances:
        return NOTHING
    seconds = max(distances)
    index = distances.index(seconds)
    return seconds, runs[index], runs[index + apart]


def _stretched(loss: tuple[int, int, int], late: int) -> tuple[int, int, int]:
    seconds, from_at, to_at = loss
    return (seconds + late, from_at, to_at + late) if loss is not NOTHING else loss


def _walk(
    used: Sequence[_ParsedRule], kept: Sequence[list[int]], end: int
) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Go over the instants at which runs are usable at the latest, with what could be lost just before each."""
    runs = sorted((at + each.rule.late, at) for each, instants in zip(used, kept, strict=True) for at in instants)
    limit = end + min(each.rule.late for each in used)  # a run after `end` could be usable from here on
    newest = second = None
    worst, one_missed = NOTHING, NOTHING
    for usable, group in itertools.groupby(runs, key=operator.itemgetter(0)):
        if usable > limit:
            break
        if newest is not None and usable - newest > worst[0]:
            worst = (usable - newest, newest, usable)
        if second is not None and usable - second > one_missed[0]:
            one_missed = (usable - second, second, usable)
        for _, at in group:
            if newest is None or at >= newest:
                newest, second = at, newest
            elif second is None or at > second:
                second = at
    return worst, one_missed


def _not_passed_over(used: Sequence[_ParsedRule], fired: Sequence[list[int]], notes: list[str]) -> list[list[int]]:
    """Return the runs without those that AWS Backup skips for another rule of the plan that keeps its backups longer.

    Where the start windows of two rules of a plan overlap, the one with the shorter retention does not run (AWS Backup
    developer guide, "Backup plan options and configuration", overlapping backup rules).
    """
    kept = []
    for each, instants in zip(used, fired, strict=True):
        rivals = [
            (other.rule, theirs)
            for other, theirs in zip(used, fired, strict=True)
            if each.rule.plan and other.rule.plan == each.rule.plan and _longer(other.rule, each.rule)
        ]
        left = [at for at in instants if not any(_overlaps(at, each.rule, *rival) for rival in rivals)]
        if len(left) < len(instants):
            notes.append(
                f"{each.rule.name}: {len(instants) - len(left)} of {len(instants)} runs are left to rules of the same "
                "plan that keep their backups longer and whose start windows overlap"
            )
        kept.append(left)
    return kept


def _longer(one: ScheduleRule, other: ScheduleRule) -> bool:
    if other.retention_days is None:
        return False
    return one.retention_days is None or one.retention_days > other.retention_days


def _overlaps(at: int, rule: ScheduleRule, rival: ScheduleRule, theirs: list[int]) -> bool:
    """Return whether the start window of a run meets one of the rival's."""
    index = bisect.bisect_left(theirs, at + max(1, round(rule.start_window.total_seconds()))) - 1
    return index >= 0 and theirs[index] + rival.start_window.total_seconds() > at


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
