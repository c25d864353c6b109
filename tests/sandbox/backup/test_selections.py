"""Which selections of a backup plan the sandbox refuses, without a sandbox. Source: AWS Backup API reference."""

from __future__ import annotations

from typing import Any

import pytest
from moto.core.exceptions import JsonRESTError

from drills.sandbox.backup.selections import read_selection


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
