"""The worst case of a target's schedule as the run record holds it, and the verdict "rpo by policy". Pure.

What is judged is what the scenario restores. A scenario that restores copies counts rules that copy, with the copy's
time. RDS's own backups, which make any moment of the last days restorable but go with the instance and its account, count
where the scenario restores moments ("continuous"), or where no plan backs the instance up at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from drills import errors
from drills.model.finding import Outcome, Requirement, Verdict
from drills.model.timing import WorstCase
from drills.schedule.gaps import PointGap
from drills.schedule.plans import PlannedRules
from drills.schedule.worst_case import CONTINUOUS_LAG, ScheduleResult, ScheduleRule, exact_duration, work_out

NAME = "rpo by policy"
RDS_OWN = "RDS automated backups"


@dataclass(frozen=True, slots=True)
class ScheduleFacts:
    """The facts about a target's schedule: its rules, the retention of RDS's own backups, observed gaps, scheduled points."""

    planned: PlannedRules
    retention_days: int = 0
    gaps: tuple[PointGap, ...] = ()
    points: int = 0


def worst_case(seen: ScheduleFacts, kinds: Sequence[str], now: datetime) -> WorstCase:
    """Return the worst case of what the kinds of recovery points stand for that a scenario restores; none: all of them."""
    rules = _judged(seen, kinds)
    worst = work_out(rules, now)
    gap = seen.gaps[0] if seen.gaps else None
    notes = (*seen.planned.notes, *(() if worst.unbounded else worst.notes))
    return WorstCase(
        seconds=worst.worst.seconds if worst.worst else None,
        one_missed_seconds=worst.one_missed.seconds if worst.one_missed else None,
        sentence=_sentence(worst) + _observed(gap),
        rules=tuple(_describe(rule) for rule in rules),
        gap_seconds=worst.gap.seconds if worst.gap else None,
        gap_from=worst.gap.from_at if worst.gap else None,
        gap_to=worst.gap.to_at if worst.gap else None,
        from_at=worst.worst.from_at if worst.worst else None,
        to_at=worst.worst.to_at if worst.worst else None,
        reading=worst.worst.reading if worst.worst else "",
        notes=tuple(dict.fromkeys(notes)),
        continuous_seconds=CONTINUOUS_LAG.total_seconds() if seen.retention_days else None,
        observed_seconds=gap.seconds if gap else None,
        observed_from=gap.from_at if gap else None,
        observed_to=gap.to_at if gap else None,
        observed_points=seen.points,
        observed_jobs=tuple(str(job) for job in gap.jobs) if gap else (),
    )


def _judged(seen: ScheduleFacts, kinds: Sequence[str]) -> list[ScheduleRule]:
    """Return the rules whose backups the scenario restores."""
    copies_alone = "copy" in kinds and "awsbackup" not in kinds
    rules = list(seen.planned.copied if copies_alone else seen.planned.rules)
    if seen.retention_days and ("continuous" in kinds or not (rules or copies_alone)):
        rules.append(ScheduleRule(RDS_OWN, "", continuous=True))
    return rules


def _describe(rule: ScheduleRule) -> str:
    if not rule.expression:
        return f"{rule.name}, continuous"
    spans = (("start window", rule.start_window), ("backup", rule.backup), ("copy", rule.copy))
    parts = [f"{what} {exact_duration(span.total_seconds())}" for what, span in spans if span]
    return ", ".join(
        [f"{rule.name}: {rule.expression} in {rule.zone}", *parts, *(["continuous"] if rule.continuous else [])]
    )


def _sentence(worst: ScheduleResult) -> str:
    if worst.worst is None or worst.one_missed is None:
        return f"nothing bounds what the schedule can lose: {worst.unbounded}"
    loss, one_missed = (exact_duration(each.seconds) for each in (worst.worst, worst.one_missed))
    sentence = f"the schedule can lose {loss}, with one missed run {one_missed}"
    if worst.gap and worst.gap.from_at and worst.gap.to_at:
        sentence += (
            f"; its largest gap is {exact_duration(worst.gap.seconds)}, from {worst.gap.from_at:%Y-%m-%d %H:%M} to "
            f"{worst.gap.to_at:%Y-%m-%d %H:%M} UTC"
        )
    return sentence + (f", if {worst.worst.reading}" if worst.worst.reading else "")


def _observed(gap: PointGap | None) -> str:
    """Return the largest gap between the points that exist, and the first of the jobs that failed in it."""
    if gap is None:
        return ""
    text = f"; the largest observed gap was {exact_duration(gap.seconds)}, from {gap.from_at:%Y-%m-%d %H:%M} UTC"
    if gap.jobs:
        more = f" and {len(gap.jobs) - 1} more" if len(gap.jobs) > 1 else ""
        text += f", in which a job failed ({gap.jobs[0]}{more})"

    return text


def verdict(found: WorstCase, rpo_seconds: float | None, requirement: Requirement) -> Verdict:
    """Hold the worst case with no missed run against the RPO."""
    code = errors.OBJECTIVE_MISSED
    if rpo_seconds is None:
        return Verdict(NAME, "not verified", f"no RPO is set for the target; {found.sentence}", "optional", code)
    promised = f"the RPO of {exact_duration(rpo_seconds)}"
    if found.seconds is not None and found.seconds <= rpo_seconds:
        return Verdict(NAME, "met", f"{found.sentence}: within {promised}", requirement, code)
    outcome: Outcome = "missed" if requirement == "required" else "not verified"
    return Verdict(NAME, outcome, f"{found.sentence}: beyond {promised}", requirement, code)
