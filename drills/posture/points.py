"""Judges jobs and recovery points: success, age, missing periods, and retention."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from drills.aws.remedies import advice
from drills.durations import days_after, show_duration
from drills.model.finding import CheckResult
from drills.model.parity import NotVerified
from drills.model.point import RecoveryPoint
from drills.posture.facts import PostureFacts, Protection
from drills.posture.judgement import Judgement, count_noun
from drills.recovery.selection import choose_newest, explain_none
from drills.schedule import cron
from drills.schedule.plans import DEFAULT_EXPRESSION, DEFAULT_ZONE, START_WINDOW

PERIODS = 3  # how many past periods of a rule must each have left a point
LOOK_BACK = timedelta(days=366)
RUNNING = ("CREATED", "PENDING", "RUNNING")
SLACK = timedelta(minutes=5)  # between a lifecycle's end as it should be and as it is shown


def newest(facts: PostureFacts) -> RecoveryPoint | None:
    """Return the newest usable recovery point of the living source, None where there is none or it could not be read."""
    if isinstance(facts.points, NotVerified):
        return None
    return choose_newest(facts.points, dbi_resource_id=facts.resource_id, usable_at=facts.now).point


def jobs(facts: PostureFacts) -> CheckResult:
    """Return the last backup job that has ended has completed; one of a plan counts before those on demand."""
    judged = Judgement("jobs")
    ended: list[Mapping[str, Any]] = []
    if judged.was_read("backup jobs", facts.jobs) and not isinstance(facts.jobs, NotVerified):
        ended = [each for each in facts.jobs if each["State"] not in RUNNING]
        planned = [each for each in ended if each.get("CreatedBy")]
        last = max(planned or ended, key=lambda each: each["CreationDate"], default=None)
        judged.count(last is not None)
        if last is not None and last["State"] != "COMPLETED":
            message = " ".join(str(last.get("StatusMessage") or "it says no more").split())
            judged.find(
                "error",
                f"backup job {last['BackupJobId']}",
                expected="the last backup job COMPLETED",
                found=f"{last['State']}: {message}",
                remedy=advice(
                    message, f"aws backup describe-backup-job --backup-job-id {last['BackupJobId']}, correct that"
                )
                + f", and {facts.back_up}",
            )
        if last is None:
            judged.find(
                "error",
                facts.arn,
                expected="a backup job that has ended",
                found="none in the last 30 days, which is how long AWS Backup lists them",
                remedy=f"see whether a plan selects the {facts.subject.word}, and {facts.back_up}",
            )
    return judged.result("the last backup job completed")


def freshness(facts: PostureFacts) -> CheckResult:
    """Judge that the data since the newest usable point are within the RPO."""
    judged = Judgement("freshness")
    if not judged.was_read("recovery points", facts.points) or isinstance(facts.points, NotVerified):
        return judged.result("")
    choice = choose_newest(facts.points, dbi_resource_id=facts.resource_id, usable_at=facts.now)
    point, rpo = choice.point, facts.policy.rpo_seconds
    if point is None or point.data_time is None:
        judged.find(
            "error",
            facts.arn,
            expected="a usable recovery point",
            found="none",
            remedy=explain_none(facts.instance_id, facts.vault, choice, places=facts.subject.places),
        )
        return judged.result("")
    judged.count()
    age = (facts.now - point.data_time).total_seconds()
    if rpo is not None and age > rpo:
        judged.find(
            "error",
            point.arn,
            expected=f"data not older than the RPO of {show_duration(rpo)}",
            found=f"data of {point.data_time:%Y-%m-%d %H:%M} UTC, {show_duration(age)} old",
            remedy=f"let the plan back up more often{', or turn on continuous backup' if facts.subject.continuous else ''}; "
            f"now: {facts.back_up}",
        )
    return judged.result(f"the newest usable point holds data {show_duration(age)} old")


def periods(facts: PostureFacts) -> CheckResult:
    """Return each rule has left a point in each of its last periods."""
    judged = Judgement("periods")
    protections = () if isinstance(facts.protections, NotVerified) else facts.protections
    judged.was_read("backup plans", facts.protections)
    if judged.was_read("recovery points of the vault", facts.vault_points):
        for each in protections:
            for rule in each.rules:
                _rule_periods(judged, facts, each, rule)
    nothing = "" if judged.unread else "no rule has had a whole period yet"
    return judged.result(
        f"{count_noun(judged.compared, 'period')} examined, each with its point",
        nothing=nothing,
        requirement="optional",
    )


def _rule_periods(judged: Judgement, facts: PostureFacts, protection: Protection, rule: Mapping[str, Any]) -> None:
    if isinstance(facts.vault_points, NotVerified) or rule["TargetBackupVaultName"] != facts.vault:
        return
    made = sorted(
        each["CreationDate"]
        for each in facts.vault_points
        if (each.get("CreatedBy") or {}).get("BackupRuleId") == rule.get("RuleId")
    )
    days = (rule.get("Lifecycle") or {}).get("DeleteAfterDays") or -1
    kept_since = days_after(facts.now, -days) if days > 0 else facts.now - LOOK_BACK
    for start, end in _past(facts.now, rule, max(protection.since, facts.now - LOOK_BACK)):
        if start < kept_since:
            continue  # its point may have reached the end of its life
        judged.count()
        if not any(start <= at <= end for at in made):
            judged.find(
                "error",
                f"{protection.name}: {rule['RuleName']}",
                expected=f"a recovery point of the run of {start:%Y-%m-%d %H:%M} UTC",
                found="none",
                remedy=f"aws backup list-backup-jobs --by-resource-arn {facts.arn}, and correct what its job reports",
            )


def _past(now: datetime, rule: Mapping[str, Any], since: datetime) -> list[tuple[datetime, datetime]]:
    """Return the last firings whose runs must have begun by now, each with the end of its start window.

    A point has the instant at which its job began, so that a job that still runs has left one.
    """
    try:
        schedule = cron.parse(str(rule.get("ScheduleExpression") or DEFAULT_EXPRESSION))
        zone = ZoneInfo(str(rule.get("ScheduleExpressionTimezone") or DEFAULT_ZONE))
    except (ValueError, KeyError):
        return []
    minutes = rule.get("StartWindowMinutes")
    window = timedelta(minutes=minutes) if minutes else START_WINDOW
    over = [(start, start + window) for start in schedule.firings(zone, since, now) if start + window <= now]
    return over[-PERIODS:]


def retention(facts: PostureFacts) -> CheckResult:
    """Judge that no point of a plan expires before its rule says."""
    judged = Judgement("retention")
    judged.was_read("recovery points of the vault", facts.vault_points)
    protections = () if isinstance(facts.protections, NotVerified) else facts.protections
    judged.was_read("backup plans", facts.protections)
    days = {
        rule.get("RuleId"): (rule.get("Lifecycle") or {}).get("DeleteAfterDays")
        for each in protections
        for rule in each.rules
    }
    for point in () if isinstance(facts.vault_points, NotVerified) else facts.vault_points:
        by = point.get("CreatedBy") or {}
        if by.get("BackupRuleId") not in days or point.get("SourceBackupVaultArn"):
            continue
        judged.count()
        wanted, ends = days[by["BackupRuleId"]], (point.get("CalculatedLifecycle") or {}).get("DeleteAt")
        until = days_after(point["CreationDate"], wanted) if wanted and wanted > 0 else None
        if ends is not None and (until is None or until - ends > SLACK):
            judged.find(
                "error",
                str(point["RecoveryPointArn"]),
                expected=f"to be kept until {until:%Y-%m-%d %H:%M} UTC, as its rule says" if until else "to be kept",
                found=f"deleted at {ends:%Y-%m-%d %H:%M} UTC",
                remedy=f"aws backup update-recovery-point-lifecycle --backup-vault-name {facts.vault} "
                f"--recovery-point-arn {point['RecoveryPointArn']} --lifecycle DeleteAfterDays={wanted or -1}",
            )
    nothing = "" if judged.unread else "there is no point that a rule in force has made"
    return judged.result(
        f"{count_noun(judged.compared, 'point')} kept as the rules say", nothing=nothing, requirement="optional"
    )
