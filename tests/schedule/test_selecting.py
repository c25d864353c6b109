"""What a selection of a backup plan means."""

from __future__ import annotations

from typing import Any

import pytest

from drills.schedule.selections import selected_by

ARN = "arn:aws:rds:eu-central-1:123456789012:db:orders"
TAG = {"ConditionType": "STRINGEQUALS", "ConditionKey": "backup", "ConditionValue": "daily"}
CONDITION = {"StringLike": [{"ConditionKey": "aws:ResourceTag/backup", "ConditionValue": "da*"}]}


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
