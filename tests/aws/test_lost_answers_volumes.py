"""The same of an EBS volume: a call whose outcome is not known leaves nothing behind."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from drills.aws.guarded.guard import Guard, Protected
from drills.aws.guarded.names import scratch_tags
from drills.model.instance import Resource
from drills.record import Journal
from tests.aws.test_lost_answers import LOST, RUN, aws, clean, journal
from tests.support.lossy import LossyAws
from tests.support.tables import OF_VOLUMES

__all__ = ["aws", "journal"]
# no restore job, which moto has none of: the volume is found by its tag alone
NAME = f"drill-{RUN}-of-no-job"
TAGS = [
    {"Key": key, "Value": value} for key, value in scratch_tags(RUN, "disk", "2026-11-23T16:00:00+00:00", {}).items()
]
TAGS.append({"Key": "Name", "Value": NAME})


@pytest.fixture
def volume(aws: LossyAws, journal: Journal) -> str:
    """The id of the run's volume, tagged and in its record."""
    made: dict[str, Any] = aws.clients.ec2.create_volume(
        AvailabilityZone="eu-central-1a", Size=8, TagSpecifications=[{"ResourceType": "volume", "Tags": TAGS}]
    )
    known = Resource("ebs-volume", NAME, "made", aws.clients.account, aws.clients.region, resource_id=made["VolumeId"])
    journal.resource(dataclasses.replace(known, made_at=journal.clock.now()))
    return str(made["VolumeId"])


@pytest.mark.parametrize("how", LOST)
def test_a_volume_may_be_tagged_twice(aws: LossyAws, journal: Journal, volume: str, how: str) -> None:
    """The tags were set and the answer was lost: the same call is repeated without harm."""
    aws.lose("ec2", "CreateTags", how, times=1)
    guard = Guard(aws.clients, journal.record.owner, Protected.of(journal.record), journal.clock)

    for mine in guard.prove("ebs-volume", NAME):
        guard.change("ec2:CreateTags", mine, Tags=TAGS)

    assert aws.struck == {"CreateTags": 1}
    (found,) = aws.clients.ec2.describe_volumes(VolumeIds=[volume])["Volumes"]
    assert {each["Key"] for each in found["Tags"]} == {each["Key"] for each in TAGS}


@pytest.mark.parametrize("times", [1, 25])
@pytest.mark.parametrize("how", LOST)
def test_a_removal_whose_answer_is_lost(aws: LossyAws, journal: Journal, volume: str, how: str, times: int) -> None:
    """What has been removed is seen to be gone, also when more answers are lost than botocore repeats a call."""
    aws.lose("ec2", "DeleteVolume", how, times=times)

    assert clean(aws, journal) == ()

    assert set(aws.struck) == {"DeleteVolume"}
    assert {resource.state for resource in journal.record.resources} == {"gone"}
    assert volume not in [each["VolumeId"] for each in aws.clients.ec2.describe_volumes()["Volumes"]]


def test_every_call_about_volumes_is_tried_here() -> None:
    """A new one must come in; the restore itself is a job of AWS Backup, whose lost answer its token makes harmless."""
    assert {"ec2:CreateTags", "ec2:DeleteVolume"} == OF_VOLUMES
