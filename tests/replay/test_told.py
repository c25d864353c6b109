"""What the recorded calls tell of a table at its end."""

from __future__ import annotations

from typing import Any

import pytest

from drills.model.instance import TABLE
from drills.replay.resource.told import Told

NAME = "drill-20261123-120000-abcd-recovery"
ARN = f"arn:aws:dynamodb:eu-central-1:123456789012:table/{NAME}"


def described(status: str = "", error: str = "", name: str = NAME) -> dict[str, Any]:
    """A call of DescribeTable."""
    answer = {"Table": {"TableName": name, "TableStatus": status}} if status else None
    return call("DescribeTable", {"TableName": name}, answer, error)


def tags(error: str = "", arn: str = ARN) -> dict[str, Any]:
    """A call for the tags of a table."""
    return call("ListTagsOfResource", {"ResourceArn": arn}, None if error else {"Tags": []}, error)


def call(operation: str, parameters: dict[str, str], answer: dict[str, Any] | None, error: str) -> dict[str, Any]:
    """A recorded call."""
    told = {"code": error, "message": ""} if error else None
    return {
        "operation": f"dynamodb.{operation}",
        "process": "features",
        "parameters": parameters,
        "answer": answer,
        "error": told,
    }


@pytest.mark.parametrize(
    ("calls", "last"),
    [
        ([described("ACTIVE"), described("DELETING")], "DELETING"),
        ([described("DELETING"), described(error="ResourceNotFoundException")], ""),
        ([described("DELETING"), tags("ResourceNotFoundException")], ""),
        ([described("DELETING"), tags()], "DELETING"),
        ([described("DELETING"), described(error="ThrottlingException")], "DELETING"),
        ([described("DELETING"), tags("ResourceNotFoundException", f"{ARN}-other")], "DELETING"),
        ([tags("ResourceNotFoundException"), described("ACTIVE")], "ACTIVE"),
        ([described("DELETING"), described(error="ResourceNotFoundException", name="other")], "DELETING"),
        ([], ""),
    ],
)
def test_a_table_is_gone_when_an_answer_about_it_says_so(calls: list[dict[str, Any]], last: str) -> None:
    """It may be gone between the question for it and that for its tags; an answer about another table says nothing of it."""
    assert Told(calls, TABLE).last(NAME, "") == last
