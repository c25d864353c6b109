"""What a selection of a backup plan means."""

from __future__ import annotations

from typing import Any

import pytest

from drills.schedule.selections import selected_by

ARN = "arn:aws:rds:eu-central-1:123456789012:db:orders"
TAG = {"ConditionType": "STRINGEQUALS", "ConditionKey": "backup", "ConditionValue": "daily"}
TAGS = {"backup": "daily", "team": "orders"}
CONDITION = {"StringLike": [{"ConditionKey": "aws:ResourceTag/backup", "ConditionValue": "da*"}]}


def listed(key: str, value: str) -> dict[str, str]:
    """A member of ListOfTags."""
    return {"ConditionType": "STRINGEQUALS", "ConditionKey": key, "ConditionValue": value}


def condition(key: str, value: str) -> dict[str, str]:
    """A member of Conditions."""
    return {"ConditionKey": f"aws:ResourceTag/{key}", "ConditionValue": value}


@pytest.mark.parametrize(
    ("selection", "by"),
    [
        ({"Resources": [ARN]}, "ARN"),
        ({"Resources": [ARN[:-2] + "*"]}, "ARN"),
        ({"Resources": [ARN.removesuffix("orders") + "*"]}, "everything"),
        ({"Resources": ["*"]}, "everything"),
        ({"Resources": ["*"], "Conditions": CONDITION}, "tag"),
        ({"Resources": ["*"], "NotResources": [ARN]}, None),
        ({"Resources": [ARN], "Conditions": {"StringEquals": [CONDITION["StringLike"][0]]}}, None),
        ({"Resources": ["arn:aws:rds:eu-central-1:123456789012:db:others"]}, None),
        ({"ListOfTags": [TAG]}, "tag"),
        ({"ListOfTags": [TAG | {"ConditionValue": "weekly"}]}, None),
        ({"ListOfTags": [TAG], "Resources": [ARN]}, "tag"),
        ({"Conditions": {"StringNotEquals": [{"ConditionKey": "aws:ResourceTag/x", "ConditionValue": "y"}]}}, "tag"),
        ({}, "everything"),
    ],
)
def test_a_selection_names_an_instance_by_arn_or_by_tag(selection: dict[str, Any], by: str | None) -> None:
    """ARNs and listed tags are joined by OR, conditions by AND (BackupSelection, AWS Backup API reference)."""
    assert selected_by(selection, ARN, {"backup": "daily"}) == by


def test_a_pattern_for_clusters_of_any_name_is_wide() -> None:
    """So a renamed cluster stays included, as a renamed instance does."""
    cluster = "arn:aws:rds:eu-central-1:123456789012:cluster:ledger"
    assert selected_by({"Resources": ["arn:aws:rds:*:*:cluster:*"]}, cluster, {}) == "everything"
    assert selected_by({"Resources": ["arn:aws:rds:*:*:cluster:led*"]}, cluster, {}) == "ARN"


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"Resources": [ARN]}, True),
        ({"Resources": ["arn:aws:rds:eu-central-1:123456789012:db:ord*"]}, True),
        ({"Resources": ["arn:aws:rds:*:*:db:*"]}, True),
        ({"Resources": ["*"]}, True),
        ({"Resources": [ARN + "2", "arn:aws:dynamodb:*"]}, False),
        ({"Resources": [ARN + "2", ARN]}, True),
        ({"Resources": ["*"], "NotResources": [ARN]}, False),
        ({"Resources": ["*"], "NotResources": [ARN[:-3] + "*"]}, False),
        ({"ListOfTags": [listed("backup", "daily")]}, True),
        ({"ListOfTags": [listed("backup", "weekly")]}, False),
        ({"ListOfTags": [listed("backup", "weekly"), listed("team", "orders")]}, True),
        ({"ListOfTags": [listed("backup", "Daily")]}, False),
        ({"Conditions": {"StringEquals": [condition("backup", "daily"), condition("team", "orders")]}}, True),
        ({"Conditions": {"StringEquals": [condition("backup", "daily"), condition("team", "x")]}}, False),
        ({"Conditions": {"StringLike": [condition("backup", "*ail*")]}}, True),
        ({"Conditions": {"StringLike": [condition("backup", "d?ily")]}}, False),
        ({"Conditions": {"StringNotLike": [condition("team", "ord*")]}}, False),
        ({"Conditions": {"StringNotEquals": [condition("stage", "test")]}}, True),
        ({"Resources": [ARN], "Conditions": {"StringEquals": [condition("backup", "weekly")]}}, False),
        ({}, True),
    ],
    ids=str,
)
def test_a_selection_means_what_the_reference_says(selection: dict[str, Any], expected: bool) -> None:
    """ARNs and listed tags are joined by OR, conditions by AND; excluded ARNs go; all is case sensitive."""
    assert (selected_by(selection, ARN, TAGS) is not None) is expected
