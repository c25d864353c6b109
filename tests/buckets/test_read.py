"""The objects of two buckets, compared through S3's API as moto has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from drills.buckets.objects import judge
from drills.buckets.read import Compared, ReadOptions, Side, compare

REGION, ACCOUNT = "eu-central-1", "123456789012"
LATER = datetime(
    2100, 1, 1, tzinfo=UTC
)  # a backup that began and ended then: all that is written here was there before
KMS: dict[str, Any] = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:aws:kms:eu-central-1:123456789012:key/1"}
Read = Callable[..., Compared]


@pytest.fixture
def s3() -> Iterator[Any]:
    """An S3 with a source that keeps versions and a copy, both of them empty."""
    with mock_aws():
        client = boto3.client("s3", region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b")
        for bucket in ("source", "copied"):
            client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        yield client


def put(s3: Any, *keys: str, body: bytes = b"content", **more: Any) -> None:
    """Put objects into both."""
    for key in keys:
        for bucket in ("source", "copied"):
            s3.put_object(Bucket=bucket, Key=key, Body=body, **more)


def compared(s3: Any, source: bool = True, at: datetime = LATER, **how: Any) -> Compared:
    """What the comparison observes."""
    side = Side(s3, "source", ACCOUNT) if source else None
    return compare(side, Side(s3, "copied", ACCOUNT), at, at, ReadOptions(**how))


def differing(found: Compared) -> dict[str, tuple[int, tuple[str, ...]]]:
    """The differences by what they are."""
    return {each.what: (each.count, each.keys) for each in found.seen.differing}


def test_every_object_is_read_and_the_newest_is_dated_by_the_source(s3: Any) -> None:
    """Of whatever size and encryption, and more than one page of them; what the copy was written at says nothing."""
    put(s3, *(f"2026/{number}" for number in range(5)))
    put(s3, "2026/ü +%", "empty", body=b"")
    put(s3, "kms", **KMS)
    found = compared(s3)

    assert (found.seen.expected, found.seen.found, found.seen.read, found.seen.told) == (8, 8, 8, 0)
    assert found.seen.differing == ()
    assert judge(found.seen).outcome == "met"
    dates = [each["LastModified"] for each in s3.list_objects_v2(Bucket="source")["Contents"]]
    assert found.newest == max(dates)


def test_each_difference_is_found(s3: Any) -> None:
    """An object that is lost, one that nobody wrote, a byte, a size, metadata, a header, a tag, another key; each by its key."""
    put(s3, "as it was", "lost", "byte", "cut", "metadata", "header", "tag", "key")
    s3.delete_object(Bucket="copied", Key="lost")
    changes: dict[str, dict[str, Any]] = {
        "byte": {"Body": b"contenT"},
        "cut": {"Body": b"conten"},
        "metadata": {"Metadata": {"a": "1"}},
        "header": {"ContentType": "text/html"},
        "tag": {"Tagging": "a=b"},
        "key": KMS,
        "extra": {},
    }
    for key, change in changes.items():
        s3.put_object(Bucket="copied", Key=key, **{"Body": b"content", **change})

    assert differing(compared(s3)) == {
        "missing": (1, ("lost",)),
        "added": (1, ("extra",)),
        "content": (2, ("byte", "cut")),
        "metadata": (1, ("metadata",)),
        "system": (1, ("header",)),
        "tags": (1, ("tag",)),
        "encryption": (1, ("key",)),
    }


def test_what_the_budget_does_not_reach_is_compared_by_what_s3_tells(s3: Any) -> None:
    """The smallest are read first; of the rest what S3's words do not prove is not compared."""
    mib = b"x" * 1024**2
    put(s3, "small")
    put(s3, "large", body=mib + b"y")
    put(s3, "kms", body=mib + b"z", **KMS, ChecksumAlgorithm="SHA256")
    found = compared(s3, read_mib=1)

    assert (found.seen.read, found.seen.told) == (1, 2)
    assert judge(found.seen).outcome == "not verified"
    s3.put_object(Bucket="copied", Key="kms", Body=mib + b"z", **KMS)  # with another checksum than that of the source
    found = compared(s3, read_mib=1)
    assert (found.seen.told, differing(found)) == (1, {"unread": (1, ("kms",))})
    s3.put_object(Bucket="copied", Key="large", Body=mib + b"Y")
    assert differing(compared(s3, read_mib=0))["content"] == (1, ("large",))


def test_what_may_not_be_read_is_not_compared_and_other_errors_are_raised(s3: Any) -> None:
    """A right that is lacking is said as such; an AWS that fails ends the drill."""
    put(s3, "a")

    class Refusing:
        def __init__(self, code: str) -> None:
            self.code = code

        def __getattr__(self, name: str) -> Any:
            def refuse(**_: Any) -> None:
                raise ClientError({"Error": {"Code": self.code, "Message": ""}}, name)

            return refuse if name in ("get_object", "head_object") else getattr(s3, name)

    def read(code: str) -> Compared:
        copy = Side(Refusing(code), "copied", ACCOUNT)
        return compare(Side(s3, "source", ACCOUNT), copy, LATER, LATER, ReadOptions())

    found = read("AccessDenied")
    assert (differing(found), found.newest) == ({"unread": (1, ("a",))}, None)
    with pytest.raises(ClientError, match="InternalError"):
        read("InternalError")


def test_a_folder_alone_is_compared_and_a_limit_ends_the_listing(s3: Any) -> None:
    """Outside of it nothing is missed; versions count, also those that are not current."""
    put(s3, "2026/a", "2026/b")
    s3.put_object(Bucket="source", Key="2025/old", Body=b"")
    assert compared(s3, prefix="2026/").seen.expected == 2
    for _ in range(3):
        s3.put_object(Bucket="source", Key="2026/a", Body=b"content")

    assert judge(compared(s3, prefix="2026/", most=5).seen).outcome == "met"
    cut = compared(s3, prefix="2026/", most=4).seen
    assert (cut.expected, cut.most) == (None, 4)
    assert compared(s3, prefix="2026/", most=1).seen.most == 1


def test_what_came_after_the_backup_is_left_out_and_a_source_that_is_gone_proves_nothing(s3: Any) -> None:
    """An object of the copy of which the source has later versions alone is not compared."""
    put(s3, "a")
    before = datetime.now(UTC) - timedelta(hours=1)
    found = compared(s3, at=before)

    assert (found.seen.expected, differing(found), found.seen.newer) == (0, {"later": (1, ("a",))}, 0)
    s3.delete_object(Bucket="copied", Key="a")
    assert compared(s3, at=before).seen.newer == 1
    gone = compared(s3, source=False)
    assert (gone.seen.expected, gone.newest) == (None, None)
