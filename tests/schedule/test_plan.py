"""Selections and rules of AWS Backup as plain documents: which mean a resource, and what they come to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.schedule.plans import LongestDurations, rules_of
from drills.schedule.selections import selected_by

ARN = "arn:aws:rds:eu-central-1:123456789012:db:orders"
TAGS = {"backup": "daily", "stage": "production"}


def tag(key: str, value: str, prefix: str = "aws:ResourceTag/") -> dict[str, str]:
    """A condition on a tag."""
    return {"ConditionKey": prefix + key, "ConditionValue": value}


def listed(key: str, value: str) -> dict[str, str]:
    """A member of ListOfTags, whose key has no prefix."""
    return {"ConditionType": "STRINGEQUALS", **tag(key, value, "")}


@pytest.mark.parametrize(
    ("selection", "meant"),
    [
        ({"Resources": [ARN]}, True),
        ({"Resources": [ARN + "-2"]}, False),
        ({"Resources": ["arn:aws:rds:*:*:db:*"]}, True),
        ({"Resources": ["arn:aws:dynamodb:*"]}, False),
        ({"Resources": ["*"], "NotResources": ["arn:aws:rds:*"]}, False),
        ({"Resources": ["*"], "NotResources": ["arn:aws:s3:*"]}, True),
        ({"ListOfTags": [listed("backup", "hourly"), listed("stage", "production")]}, True),
        ({"ListOfTags": [listed("backup", "hourly")]}, False),
        ({"Resources": [ARN], "ListOfTags": [listed("backup", "hourly")]}, True),
        ({"Resources": ["*"], "Conditions": {"StringEquals": [tag("backup", "daily")]}}, True),
        ({"Resources": ["*"], "Conditions": {"StringEquals": [tag("backup", "daily"), tag("x", "y")]}}, False),
        ({"Resources": ["*"], "Conditions": {"StringNotEquals": [tag("stage", "test")]}}, True),
        ({"Resources": ["*"], "Conditions": {"StringNotEquals": [tag("absent", "test")]}}, True),
        ({"Resources": ["*"], "Conditions": {"StringLike": [tag("stage", "prod*")]}}, True),
        ({"Resources": ["*"], "Conditions": {"StringNotLike": [tag("stage", "prod*")]}}, False),
        ({"Resources": ["*"], "Conditions": {"StringLike": [tag("absent", "*")]}}, False),
        ({"Resources": ["arn:aws:rds:eu-central-1:123456789012:db:order[s]"]}, False),
        ({}, True),
    ],
)
def test_a_selection_means_what_the_api_reference_says(selection: dict[str, Any], meant: bool) -> None:
    """ARNs or listed tags, narrowed by all conditions, without what is excluded (BackupSelection, Conditions)."""
    assert (selected_by(selection, ARN, TAGS) is not None) is meant


@pytest.mark.parametrize(
    ("arn", "pattern", "how"),
    [
        (ARN, "arn:aws:rds:*:*:db:*", "everything"),
        (
            TABLE := "arn:aws:dynamodb:eu-central-1:123456789012:table/orders",
            "arn:aws:dynamodb:*:*:table/*",
            "everything",
        ),
        (TABLE, "arn:aws:dynamodb:*:*:table/ord*", "ARN"),
        ("arn:aws:ec2:eu-central-1:123456789012:volume/vol-1", "arn:aws:ec2:*:*:volume/*", "everything"),
        ("arn:aws:ec2:eu-central-1:123456789012:volume/vol-1", "arn:aws:ec2:*:*:volume/vol-1", "ARN"),
    ],
)
def test_a_pattern_of_every_name_includes_a_renamed_one_too(arn: str, pattern: str, how: str) -> None:
    """It is no selection by the ARN, of whatever kind; a pattern with a part of the name is."""
    assert selected_by({"Resources": [pattern]}, arn, {}) == how


@given(st.lists(st.sampled_from([ARN, "arn:aws:rds:*", "*", "arn:aws:s3:::bucket"]), max_size=3))
def test_what_is_excluded_is_never_meant(patterns: list[str]) -> None:
    """NotResources wins over every way of being named."""
    everything = {"Resources": ["*", *patterns], "ListOfTags": [listed("backup", "daily")], "NotResources": [ARN]}

    assert selected_by(everything, ARN, TAGS) is None


def document(**rule: Any) -> dict[str, Any]:
    """A plan of one rule."""
    return {"BackupPlanName": "nightly", "Rules": [{"RuleName": "only", "TargetBackupVaultName": "vault", **rule}]}


def test_what_a_rule_leaves_out_is_the_services_default() -> None:
    """05:00 UTC every day, 8 hours to start, 7 days to complete, kept for ever (API reference, BackupRule)."""
    (rule,) = rules_of([("id", document())], LongestDurations(timedelta(minutes=40))).rules

    assert (rule.name, rule.expression, rule.zone) == ("nightly/only", "cron(0 5 ? * * *)", "Etc/UTC")
    assert (rule.start_window, rule.completion_window) == (timedelta(hours=8), timedelta(days=7))
    assert (rule.backup, rule.retention_days, rule.plan) == (timedelta(minutes=40), None, "id")


def test_a_backup_that_was_never_seen_may_take_its_completion_window() -> None:
    """No number is made kinder by what is not known; it is noted."""
    found = rules_of([("id", document(CompletionWindowMinutes=600))], LongestDurations())

    assert found.rules[0].backup == timedelta(hours=10)
    assert found.notes == ("nightly/only: no completed backup was seen, so it may take its completion window of 10 h",)


def test_a_copy_is_a_rule_of_its_own_place() -> None:
    """There the copy's time is added, and continuous backup does not count."""
    action = {"DestinationBackupVaultArn": "arn:aws:backup:eu-west-1:123456789012:backup-vault:far"}
    raw = document(CopyActions=[action], EnableContinuousBackup=True, Lifecycle={"DeleteAfterDays": 35})
    found = rules_of([("id", raw)], LongestDurations(timedelta(hours=1), timedelta(hours=2)))

    (rule,), (copied,) = found.rules, found.copied
    assert (rule.continuous, rule.copy, rule.retention_days) == (True, timedelta(), 35)
    assert (copied.continuous, copied.copy, copied.name) == (False, timedelta(hours=2), "nightly/only, copied")
    assert found.vaults == ("vault",)


def test_what_aws_backup_does_not_back_up_continuously_loses_what_lies_between_two_runs() -> None:
    """Whatever the rule says: continuous backup is of some kinds alone, and of the others a point is made at each run."""
    (rule,) = rules_of([("id", document(EnableContinuousBackup=True))], LongestDurations(), continuous=False).rules

    assert (rule.continuous, rule.backup) == (False, rule.completion_window)


@pytest.mark.parametrize("expression", ["rate(1 day)", "cron(0 5 * * *)"])
def test_a_rule_that_cannot_be_judged_counts_for_nothing_and_is_named(expression: str) -> None:
    """It is no rule of AWS Backup."""
    found = rules_of([("id", document(ScheduleExpression=expression))], LongestDurations())

    assert found.rules == ()
    assert "nightly/only counts for nothing" in found.notes[0]
