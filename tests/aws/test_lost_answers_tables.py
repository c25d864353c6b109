"""The same of a DynamoDB table: a call whose outcome is not known leaves nothing behind, and what a restore made is tagged."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from drills.aws.guarded.guard import Guard, Protected
from drills.aws.guarded.names import ScratchNames, scratch_tags
from drills.model.instance import Resource
from drills.record import Journal
from tests.aws.test_lost_answers import LOST, RUN, aws, clean, journal, there
from tests.support.lossy import LossyAws
from tests.support.tables import OF_TABLES

__all__ = ["aws", "journal"]
NAME = ScratchNames.of(RUN, "recovery").instance
TAGS = [
    {"Key": key, "Value": value} for key, value in scratch_tags(RUN, "orders", "2026-11-23T16:00:00+00:00", {}).items()
]


@pytest.fixture
def table(aws: LossyAws, journal: Journal) -> dict[str, Any]:
    """The run's table, tagged and in its record."""
    made: dict[str, Any] = aws.clients.client("dynamodb").create_table(
        TableName=NAME,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=TAGS,
    )["TableDescription"]
    known = Resource("dynamodb-table", NAME, "made", aws.clients.account, aws.clients.region)
    journal.resource(dataclasses.replace(known, made_at=journal.clock.now()))
    return made


@pytest.mark.parametrize("how", LOST)
def test_a_table_may_be_tagged_twice(aws: LossyAws, journal: Journal, table: dict[str, Any], how: str) -> None:
    """The tags were set and the answer was lost: the same call is repeated without harm."""
    aws.lose("dynamodb", "TagResource", how, times=1)
    guard = Guard(aws.clients, journal.record.owner, Protected.of(journal.record), journal.clock)

    for mine in guard.prove("dynamodb-table", NAME):
        guard.change("dynamodb:TagResource", mine, Tags=TAGS)

    assert aws.struck == {"TagResource": 1}
    found = aws.clients.client("dynamodb").list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
    assert {each["Key"] for each in found} == {each["Key"] for each in TAGS}  # moto keeps a tag twice


@pytest.mark.parametrize("times", [1, 25])
@pytest.mark.parametrize("how", LOST)
def test_a_removal_whose_answer_is_lost(
    aws: LossyAws, journal: Journal, table: dict[str, Any], how: str, times: int
) -> None:
    """What has been removed is seen to be gone, also when more answers are lost than botocore repeats a call."""
    aws.lose("dynamodb", "DeleteTable", how, times=times)

    assert clean(aws, journal) == ()

    assert set(aws.struck) == {"DeleteTable"}
    assert {resource.state for resource in journal.record.resources} == {"gone"}
    assert not there(aws, "dynamodb-table", NAME)


def test_every_call_about_tables_is_tried_here() -> None:
    """A new one must come in; the restore itself is a job of AWS Backup, whose lost answer its token makes harmless."""
    assert {"dynamodb:TagResource", "dynamodb:DeleteTable"} == OF_TABLES
