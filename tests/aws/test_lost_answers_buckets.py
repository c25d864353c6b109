"""The same of an S3 bucket: a call whose outcome is not known leaves nothing behind."""

from __future__ import annotations

import dataclasses

import pytest

from drills.aws.cleanup import removal_command
from drills.aws.guarded.guard import Guard, Protected
from drills.aws.guarded.names import ScratchName, scratch_tags
from drills.model.instance import Resource
from drills.record import Journal
from drills.recovery.bucket.restore import creation_of, make_bucket
from tests.aws.test_lost_answers import LOST, RUN, aws, clean, journal, there
from tests.support.lossy import LossyAws
from tests.support.tables import OF_BUCKETS

__all__ = ["aws", "journal"]
NAME = ScratchName(RUN, "recovery")
TAGS = scratch_tags(RUN, "invoices", "2026-11-23T16:00:00+00:00", {})


def guard_of(aws: LossyAws, journal: Journal) -> Guard:
    """The guard of the run."""
    return Guard(aws.clients, journal.record.owner, Protected.of(journal.record), journal.clock)


@pytest.fixture
def bucket(aws: LossyAws, journal: Journal) -> str:
    """The run's bucket with two versions and a delete marker, which is in its record."""
    s3 = aws.clients.client("s3")
    s3.create_bucket(Bucket=NAME, CreateBucketConfiguration={"LocationConstraint": aws.clients.region})
    tags = [{"Key": key, "Value": value} for key, value in TAGS.items()]
    s3.put_bucket_tagging(Bucket=NAME, Tagging={"TagSet": tags})  # which moto leaves out of CreateBucket
    s3.put_bucket_versioning(Bucket=NAME, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"2"):
        s3.put_object(Bucket=NAME, Key="a", Body=body)
    s3.delete_object(Bucket=NAME, Key="a")
    known = Resource("s3-bucket", NAME, "made", aws.clients.account, aws.clients.region)
    journal.resource(dataclasses.replace(known, made_at=journal.clock.now()))
    return NAME


@pytest.mark.parametrize("how", LOST)
def test_a_bucket_that_a_lost_request_has_made_is_taken(aws: LossyAws, journal: Journal, bucket: str, how: str) -> None:
    """The repetition is told that the bucket is this account's already; its tags say that it is the run's."""
    aws.lose("s3", "CreateBucket", how, times=1, carried_out=False)  # it was made before
    made = make_bucket(guard_of(aws, journal), NAME, creation_of(TAGS, aws.clients.region, ""))

    assert (made.name, made.raw["Name"]) == (bucket, bucket)
    assert aws.struck == {"CreateBucket": 1}


@pytest.mark.parametrize("how", LOST)
def test_versioning_may_be_turned_on_twice(aws: LossyAws, journal: Journal, bucket: str, how: str) -> None:
    """The same call is repeated without harm."""
    aws.lose("s3", "PutBucketVersioning", how, times=1)
    guard = guard_of(aws, journal)
    for mine in guard.prove("s3-bucket", bucket):
        guard.change("s3:PutBucketVersioning", mine, VersioningConfiguration={"Status": "Enabled"})

    assert aws.struck == {"PutBucketVersioning": 1}


@pytest.mark.parametrize("times", [1, 25])
@pytest.mark.parametrize("operation", ["DeleteObjects", "DeleteBucket"])
@pytest.mark.parametrize("how", LOST)
def test_a_removal_whose_answer_is_lost(
    aws: LossyAws, journal: Journal, bucket: str, how: str, operation: str, times: int
) -> None:
    """What has been removed is seen to be gone, also when more answers are lost than botocore repeats a call."""
    aws.lose("s3", operation, how, times=times)

    assert clean(aws, journal) == ()

    assert set(aws.struck) == {operation}
    assert {resource.state for resource in journal.record.resources} == {"gone"}
    assert not there(aws, "s3-bucket", bucket)


def test_what_a_restore_writes_while_the_bucket_is_removed_is_removed_too(
    aws: LossyAws, journal: Journal, bucket: str
) -> None:
    """S3 refuses to delete a bucket that is not empty: it is emptied again."""
    s3 = aws.clients.client("s3")
    aws.before("s3", "DeleteBucket", lambda: s3.put_object(Bucket=bucket, Key="late", Body=b"late"))

    assert clean(aws, journal) == ()
    assert not there(aws, "s3-bucket", bucket)


def test_an_object_that_may_not_be_deleted_leaves_the_bucket_with_the_reason(
    aws: LossyAws, journal: Journal, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DeleteObjects answers with success and names what it refused."""
    refused = {"Errors": [{"Code": "AccessDenied", "Message": "no", "Key": "a"}]}
    s3 = aws.clients.client("s3")
    monkeypatch.setattr(s3, "delete_objects", lambda **_: refused)

    (left,) = clean(aws, journal)

    assert "AccessDenied" in left.note
    assert "aws s3api delete-objects --bucket" in left.note
    assert removal_command(left) in left.note
    assert there(aws, "s3-bucket", bucket)


def test_every_call_about_buckets_is_tried_here() -> None:
    """A new one must come in; the restore itself is a job of AWS Backup, whose lost answer its token makes harmless."""
    assert {"s3:CreateBucket", "s3:PutBucketVersioning", "s3:DeleteObjects", "s3:DeleteBucket"} == OF_BUCKETS
