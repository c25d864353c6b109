"""The same of an EFS file system: a call whose outcome is not known leaves nothing behind."""

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
from tests.support.tables import OF_FILE_SYSTEMS

__all__ = ["aws", "journal"]
NAME = ScratchNames.of(RUN, "recovery").instance
TAGS = [
    {"Key": key, "Value": value} for key, value in scratch_tags(RUN, "media", "2026-11-23T16:00:00+00:00", {}).items()
]


@pytest.fixture
def file_system(aws: LossyAws, journal: Journal) -> str:
    """The id of the run's file system, which has no tag yet, and is in its record."""
    made: dict[str, Any] = aws.clients.client("efs").create_file_system(CreationToken=NAME)
    known = Resource("efs-file-system", NAME, "made", aws.clients.account, aws.clients.region)
    journal.resource(dataclasses.replace(known, made_at=journal.clock.now()))
    return str(made["FileSystemId"])


@pytest.mark.parametrize("how", LOST)
def test_a_file_system_may_be_tagged_twice(aws: LossyAws, journal: Journal, file_system: str, how: str) -> None:
    """The tags were set and the answer was lost: the same call is repeated without harm."""
    aws.lose("efs", "TagResource", how, times=1)
    guard = Guard(aws.clients, journal.record.owner, Protected.of(journal.record), journal.clock)

    for mine in guard.prove("efs-file-system", NAME):
        guard.change("efs:TagResource", mine, Tags=TAGS)

    assert aws.struck == {"TagResource": 1}
    (found,) = aws.clients.client("efs").describe_file_systems(FileSystemId=file_system)["FileSystems"]
    assert sorted(found["Tags"], key=lambda each: str(each["Key"])) == sorted(TAGS, key=lambda each: each["Key"])


@pytest.mark.parametrize("times", [1, 25])
@pytest.mark.parametrize("how", LOST)
def test_a_removal_whose_answer_is_lost(
    aws: LossyAws, journal: Journal, file_system: str, how: str, times: int
) -> None:
    """What has been removed is seen to be gone, also when more answers are lost than botocore repeats a call."""
    aws.lose("efs", "DeleteFileSystem", how, times=times)

    assert clean(aws, journal) == ()

    assert set(aws.struck) == {"DeleteFileSystem"}
    assert {resource.state for resource in journal.record.resources} == {"gone"}
    assert file_system.startswith("fs-")
    assert not there(aws, "efs-file-system", NAME)


def test_a_file_system_that_somebody_has_mounted_is_left_with_the_reason(
    aws: LossyAws, journal: Journal, file_system: str
) -> None:
    """EFS refuses to delete one that has mount targets; which these are is for a person to say."""
    subnet = aws.clients.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    efs = aws.clients.client("efs")
    target = efs.create_mount_target(FileSystemId=file_system, SubnetId=subnet)["MountTargetId"]

    (left,) = clean(aws, journal)

    assert "FileSystemInUse" in left.note
    (found,) = efs.describe_file_systems(FileSystemId=file_system)["FileSystems"]
    tags = {each["Key"]: each["Value"] for each in found["Tags"]}
    assert tags == {"drills:run": RUN, "Name": NAME}  # by which the rights of a drill let it be removed
    assert (
        f"aws efs delete-file-system --file-system-id $(aws efs describe-file-systems --creation-token {NAME}"
        in left.note
    )
    efs.delete_mount_target(MountTargetId=target)
    journal.update(clean_up_seconds=0.0)  # another clean-up, with time of its own
    assert clean(aws, journal) == ()


def test_every_call_about_file_systems_is_tried_here() -> None:
    """A new one must come in; the restore itself is a job of AWS Backup, whose lost answer its token makes harmless."""
    assert {"efs:TagResource", "efs:DeleteFileSystem"} == OF_FILE_SYSTEMS
