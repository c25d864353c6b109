"""What of a schedule counts against the RPO, and what the gaps between recovery points show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.model.finding import Outcome, Verdict
from drills.model.record import RunRecord
from drills.objectives import verdicts
from drills.schedule.gaps import EndedJob, ExistingPoint, gaps
from drills.schedule.plans import PlannedRules
from drills.schedule.verdict import ScheduleFacts, verdict, worst_case
from drills.schedule.worst_case import ScheduleRule

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
DAY, HOUR = 86_400.0, 3600.0
MONTHLY = ScheduleRule("monthly", "cron(0 5 1 * ? *)")
HOURLY = ScheduleRule("hourly", "cron(0 * * * ? *)", start_window=timedelta(hours=1))
COPIED = ScheduleRule("monthly, copied", "cron(0 5 1 * ? *)", copy=timedelta(hours=2))


def point(hours_ago: float, took: float = 0.5, *, scheduled: bool = True) -> ExistingPoint:
    """A recovery point with data of that many hours ago."""
    at = NOW - timedelta(hours=hours_ago)
    return ExistingPoint(f"arn-{hours_ago}", at, at + timedelta(hours=took), scheduled)


def test_a_monthly_plan_fails_an_rpo_of_a_day_even_when_a_backup_is_an_hour_old() -> None:
    """The verdict is about the schedule, and the exit code that of an objective missed."""
    seen = ScheduleFacts(PlannedRules((MONTHLY,)), gaps=gaps([point(1)], [], NOW), points=1)
    found = worst_case(seen, (), NOW)
    judged = verdict(found, DAY, "required")

    assert (found.seconds, found.observed_seconds) == (31 * DAY, HOUR)
    assert (judged.name, judged.outcome, judged.exit_code) == ("rpo by policy", "missed", 10)
    assert "the schedule can lose 31 d" in judged.sentence
    assert verdicts.exit_codes(RunRecord(1, "r", "p", True, NOW, "0", verdicts=(judged,))) == (10,)


@pytest.mark.parametrize(
    ("planned", "retention", "kinds", "seconds"),
    [
        (PlannedRules((HOURLY,)), 7, (), 2 * HOUR),
        (PlannedRules((HOURLY,)), 7, ("continuous",), 300.0),
        (PlannedRules((HOURLY,)), 0, ("continuous",), 2 * HOUR),
        (PlannedRules((HOURLY, MONTHLY), (COPIED,)), 7, ("copy",), 31 * DAY + 2 * HOUR),
        (PlannedRules((HOURLY,)), 7, ("copy",), None),
        (PlannedRules(), 7, (), 300.0),
        (PlannedRules(), 0, (), None),
    ],
)
def test_what_is_judged_is_what_the_scenario_restores(
    planned: PlannedRules, retention: int, kinds: tuple[str, ...], seconds: float | None
) -> None:
    """RDS's own backups count for moments or where there is no plan; copies alone where only they are restored."""
    assert worst_case(ScheduleFacts(planned, retention), kinds, NOW).seconds == seconds


@pytest.mark.parametrize(
    ("rules", "rpo", "requirement", "outcome"),
    [
        ((HOURLY,), 2 * HOUR, "required", "met"),
        ((HOURLY,), 2 * HOUR - 1, "required", "missed"),
        ((HOURLY,), HOUR, "optional", "not verified"),
        ((), DAY, "required", "missed"),
    ],
)
def test_verdict_holds_the_worst_case_against_the_rpo(
    rules: tuple[ScheduleRule, ...], rpo: float, requirement: str, outcome: Outcome
) -> None:
    """Met up to the second; unbounded is missed; what the owner made optional is shown and counts not."""
    judged = verdict(worst_case(ScheduleFacts(PlannedRules(rules)), (), NOW), rpo, requirement)  # type: ignore[arg-type]  # a text

    assert judged.outcome == outcome


def test_without_an_rpo_there_is_no_verdict() -> None:
    """It is said, and optional."""
    judged: Verdict = verdict(worst_case(ScheduleFacts(PlannedRules((HOURLY,))), (), NOW), None, "required")

    assert (judged.outcome, judged.requirement) == ("not verified", "optional")
    assert judged.sentence.startswith("no RPO is set")


def test_gaps_show_what_failed_in_them() -> None:
    """From a point's data to the instant at which something newer can be restored; the last one is still open."""
    failed = EndedJob(NOW - timedelta(hours=60), "EXPIRED", "Backup job expired before\ncompletion.")
    jobs = [
        failed,
        EndedJob(NOW - timedelta(hours=70), "COMPLETED"),
        EndedJob(NOW - timedelta(hours=10), "FAILED", "no key"),
    ]
    found = gaps([point(96), point(24), point(72)], jobs, NOW)

    assert [gap.seconds / HOUR for gap in found] == [48.5, 24.5, 24]
    assert [job.state for job in found[0].jobs] == ["EXPIRED"]
    assert str(found[0].jobs[0]).endswith("UTC: Backup job expired before completion.")
    assert [job.message for job in found[2].jobs] == ["no key"]


def test_points_on_demand_count_for_nothing() -> None:
    """Neither do they close a gap, nor are they the newest."""
    scheduled = [point(72), point(48)]

    assert gaps([*scheduled, point(60, scheduled=False), point(1, scheduled=False)], [], NOW) == gaps(
        scheduled, [], NOW
    )
    assert gaps([point(1, scheduled=False)], [], NOW) == ()


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 30)), min_size=1, max_size=6))
def test_the_largest_gap_is_the_largest_loss_of_any_moment(several: list[tuple[int, int]]) -> None:
    """A plain walk over the hours: the newest data that could be restored just before each."""
    points = [point(100 - at, took) for at, took in several]
    lost = []
    for hour in range(101):
        moment = NOW - timedelta(hours=100 - hour)
        usable = [each.data_at for each in points if each.usable_at < moment]
        lost += [moment - max(usable)] if usable else []

    assert timedelta(seconds=gaps(points, [], NOW)[0].seconds) == max(lost)
