"""What a selection of a backup plan means, without a sandbox. Source: AWS Backup API reference, BackupSelection."""

from __future__ import annotations

from typing import Any

import pytest
from moto.core.exceptions import JsonRESTError

from drills.sandbox.backup.selections import read_selection, selects

ARN = "arn:aws:rds:eu-central-1:123456789012:db:orders"
TAGS = {"backup": "daily", "team": "orders"}


def listed(key: str, value: str) -> dict[str, str]:
    """A member of ListOfTags."""
    return {"ConditionType": "STRINGEQUALS", "ConditionKey": key, "ConditionValue": value}


def condition(key: str, value: str) -> dict[str, str]:
    """A member of Conditions."""
    return {"ConditionKey": f"aws:ResourceTag/{key}", "ConditionValue": value}


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
    assert selects(selection, ARN, TAGS) is expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"SelectionName": "s"}, "IamRoleArn is required"),
        ({"SelectionName": "s s", "IamRoleArn": "r"}, "name"),
        ({"SelectionName": "s", "IamRoleArn": "r", "Resources": ["arn:aws:s3:::*-logs"]}, "at its end"),
        ({"SelectionName": "s", "IamRoleArn": "r", "Resources": ["orders"]}, "Invalid ARN"),
        ({"SelectionName": "s", "IamRoleArn": "r", "Resources": ["arn:aws:rds:*"] * 31}, "at most"),
        ({"SelectionName": "s", "IamRoleArn": "r", "Conditions": {"StringIs": []}}, "StringEquals"),
        (
            {
                "SelectionName": "s",
                "IamRoleArn": "r",
                "Conditions": {"StringEquals": [{"ConditionKey": "backup", "ConditionValue": "x"}]},
            },
            "aws:ResourceTag",
        ),
    ],
    ids=str,
)
def test_a_selection_that_cannot_be_is_refused(given: dict[str, Any], words: str) -> None:
    """The error says which member and why."""
    with pytest.raises(JsonRESTError, match=words):
        read_selection(given)
