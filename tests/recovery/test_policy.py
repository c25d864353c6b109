"""What the backup schedule can lose, read from AWS Backup and RDS of a sandbox whose clock is wound."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drills.aws import read as aws
from drills.aws import session
from drills.aws.session import Clients
from drills.clock import SystemClock
from drills.config.profiles import SandboxProfile
from drills.config.target import CheckRule, Target
from drills.model.finding import Verdict
from drills.model.record import RunRecord
from drills.model.timing import Objectives, WorstCase
from drills.record import Journal
from drills.recovery import schedule
from drills.recovery.setup import Setup
from drills.schedule import verdict as schedule_judge
from tests.support.backup import Shop, open_shop

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]
shop_fixture = open_shop
HOUR, DAY = 3600.0, 86_400.0


class WoundClock(SystemClock):
    """The sandbox's time."""

    def __init__(self, ahead: timedelta) -> None:
        self.ahead = ahead

    def now(self) -> datetime:
        """The time on this machine, wound as the sandbox is."""
        return super().now() + self.ahead


@pytest.fixture(name="clients", scope="module")
def open_clients(shop: Shop) -> Clients:
    """Clients of the sandbox, as a drill has them."""
    profile = SandboxProfile(region=shop.sandbox.region)
    return session.identify(
        session.open_clients(profile, environment={}, endpoint_url=shop.sandbox.endpoint, role="stage")
    )


@pytest.fixture(autouse=True)
def ended_plans(shop: Shop) -> Iterator[None]:
    """No test sees another one's plans."""
    yield
    for plan in shop.backup.list_backup_plans()["BackupPlansList"]:
        shop.end(plan)


def judged(
    clients: Clients, folder: Path, *, rpo: float | None = DAY, ahead: timedelta = timedelta(), **target: Any
) -> tuple[WorstCase | None, Verdict]:
    """The worst case of `orders` and the verdict in the record."""
    clock = WoundClock(ahead)
    objectives = Objectives(None, rpo)
    record = RunRecord(1, "run", "sandbox", True, clock.now(), "0", objectives=objectives)
    journal = Journal.create(folder, record, origin=clock.monotonic(), clock=clock)
    asked = Target(**{"instance": "orders", **target})
    found = schedule.judge(Setup("orders", asked, clients, clients, journal, clock, 0.1, None))
    (verdict,) = journal.record.verdicts
    assert journal.record.worst_case == found
    assert verdict.name == schedule_judge.NAME
    return found, verdict


def test_a_monthly_plan_misses_a_day_although_a_backup_was_made_just_now(
    shop: Shop, clients: Clients, tmp_path: Path
) -> None:
    """The backup on demand counts for nothing but the time that it took."""
    shop.vault("monthly")
    shop.select(shop.plan("monthly", "monthly", ScheduleExpression="cron(0 5 1 * ? *)", StartWindowMinutes=60))
    shop.back_up("monthly")
    found, verdict = judged(clients, tmp_path, vault="monthly")

    assert found
    assert found.seconds
    assert 31 * DAY + HOUR <= found.seconds < 31 * DAY + 2 * HOUR
    assert (found.observed_points, found.observed_seconds) == (0, None)
    assert (verdict.outcome, verdict.exit_code, verdict.requirement) == ("missed", 10, "required")
    assert "cron(0 5 1 * ? *) in Etc/UTC, start window 1 h, backup" in found.rules[0]


def test_plans_that_mean_the_instance_are_taken_together(shop: Shop, clients: Clients, tmp_path: Path) -> None:
    """By ARN, by a tag, and by a condition; those that exclude it or mean others do not count."""
    shop.vault("many")
    daily = {"ScheduleExpression": "cron(0 5 ? * * *)", "ScheduleExpressionTimezone": "Europe/Berlin"}
    tag = {"ConditionType": "STRINGEQUALS", "ConditionKey": "backup", "ConditionValue": "daily"}
    like = {"StringLike": [{"ConditionKey": "aws:ResourceTag/backup", "ConditionValue": "dai*"}]}
    shop.select(shop.plan("by-tag", "many", **daily), ListOfTags=[tag])
    shop.select(
        shop.plan("by-condition", "many", ScheduleExpression="cron(0 17 ? * * *)"), Conditions=like, Resources=["*"]
    )
    hourly = {"ScheduleExpression": "cron(0 * ? * * *)", "StartWindowMinutes": 60}
    shop.select(shop.plan("excluded", "many", **hourly), Resources=["*"], NotResources=[shop.arn])
    shop.select(shop.plan("others", "many", **hourly), Resources=[f"{shop.arn}-2"])
    shop.plan("nobody", "many", **hourly)
    found, verdict = judged(clients, tmp_path, rpo=30 * HOUR, vault="many")

    assert found
    assert sorted(rule.split(":")[0] for rule in found.rules) == ["by-condition/only", "by-tag/only"]
    assert found.gap_seconds == 14 * HOUR
    assert found.seconds
    assert 22 * HOUR <= found.seconds < 23 * HOUR
    assert verdict.outcome == "met"


def test_every_page_is_read(shop: Shop, clients: Clients) -> None:
    """A page of one row each gives what one page of all gives."""
    shop.vault("pages")
    for number in range(3):
        shop.plan(f"page-{number}", "pages", ScheduleExpression=f"cron(0 {number} 1 1 ? *)")
    names = [
        [row["BackupPlanName"] for row in aws.pages(clients.backup, "list_backup_plans", "BackupPlansList", **size)]
        for size in ({}, {"MaxResults": 1})
    ]

    assert names[0] == names[1]
    assert len(names[0]) == 3


def test_rds_own_backups_count_where_no_plan_does_or_moments_are_restored(
    shop: Shop, clients: Clients, tmp_path: Path
) -> None:
    """Five minutes by the RDS user guide; without them and without a plan nothing bounds the loss."""
    source = aws.describe_instance(clients, "orders")
    assert source
    kept = source.backup_retention_days
    outcomes = {}
    for days in (7, 0):
        clients.rds.modify_db_instance(DBInstanceIdentifier="orders", BackupRetentionPeriod=days, ApplyImmediately=True)
        shop.orders.available()
        folder = tmp_path / str(days)
        folder.mkdir()
        found, verdict = judged(clients, folder, vault=None)
        outcomes[days] = (found and found.seconds, verdict.outcome)
    clients.rds.modify_db_instance(DBInstanceIdentifier="orders", BackupRetentionPeriod=kept, ApplyImmediately=True)
    shop.orders.available()

    assert outcomes == {7: (300.0, "met"), 0: (None, "missed")}


def test_what_cannot_be_read_is_not_verified(shop: Shop, clients: Clients, tmp_path: Path) -> None:
    """Refused, it is required and so a run cannot pass, unless the owner made it optional; the sentence says why."""
    required, optional, gone = (tmp_path / name for name in ("required", "optional", "gone"))
    for folder in (required, optional, gone):
        folder.mkdir()
    checks = {schedule_judge.NAME: CheckRule("optional", "the role cannot read plans")}
    shop.sandbox.control.arm("access-denied", service="backup", operation="ListBackupPlans", times=2)
    _, first = judged(clients, required)
    target = Target(instance="orders").model_copy(update={"checks": checks})
    record = RunRecord(1, "run", "sandbox", True, datetime.now(UTC), "0", objectives=Objectives(None, DAY))
    journal = Journal.create(optional, record, origin=0.0)
    schedule.judge(Setup("orders", target, clients, clients, journal, SystemClock(), 0.1, None))
    (second,) = journal.record.verdicts
    _, third = judged(clients, gone, instance="nobody")

    assert [(each.outcome, each.requirement) for each in (first, second, third)] == [
        ("not verified", "required"),
        ("not verified", "optional"),
        ("not verified", "required"),
    ]
    assert "the backup plans could not be read" in first.sentence
    assert "there is no instance nobody" in third.sentence


def test_the_worst_observed_gap_shows_the_job_that_failed_in_it(shop: Shop, clients: Clients, tmp_path: Path) -> None:
    """A daily plan of which one run failed: two days between points; a backup on demand in between does not count."""
    shop.vault("daily")
    shop.select(shop.plan("daily", "daily", ScheduleExpression="cron(0 5 ? * * *)", Lifecycle={"DeleteAfterDays": 30}))
    shop.forward(2)
    shop.sandbox.control.arm("job-fails", service="backup", operation="StartBackupJob", name="orders")
    shop.forward(1)
    shop.back_up("daily")
    shop.forward(2)
    wound = shop.sandbox.control.now() - SystemClock().now()
    found, verdict = judged(clients, tmp_path, vault="daily", ahead=wound)

    assert found
    assert found.observed_points == 4
    assert found.observed_seconds == pytest.approx(2 * DAY, abs=60)
    (job,) = found.observed_jobs
    assert job.startswith("FAILED")
    assert (
        "the largest observed gap was 48 h" in verdict.sentence
        or "the largest observed gap was 2 d" in verdict.sentence
    )
    assert f"in which a job failed ({job})" in verdict.sentence
