"""An S3 bucket in a sandbox that AWS Backup has backed up, and what tests do with its recovery point."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from tests.support.kept import KeptSource, forget, take
from tests.support.rds import ROLE
from tests.support.sandbox import RunningSandbox

VAULT, NAME = "buckets", "invoices"
OBJECTS = {"2026/a": b"first", "2026/b": b"second", "2025/c": b"third"}


class KeptBucket(KeptSource):
    """A bucket that AWS Backup has backed up."""

    @property
    def s3(self) -> Any:
        """S3."""
        return self.sandbox.client("s3")

    def start(self, bucket: str, **metadata: str) -> str:
        """Begin a restore to a bucket that is there; the job's id."""
        asked = {"DestinationBucketName": bucket, **metadata}
        started = self.backup.start_restore_job(RecoveryPointArn=self.point, IamRoleArn=ROLE, Metadata=asked)
        return str(started["RestoreJobId"])

    def content(self, bucket: str) -> dict[str, bytes]:
        """The objects of a bucket by their keys."""
        listed = self.s3.list_objects_v2(Bucket=bucket).get("Contents", ())
        return {each["Key"]: self.s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in listed}


def make_bucket(sandbox: RunningSandbox, name: str, *, versioned: bool = True, **tags: str) -> None:
    """Make a bucket."""
    where: dict[str, Any] = {"LocationConstraint": sandbox.region}
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    s3 = sandbox.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={**where, **({"Tags": listed} if listed else {})})
    if versioned:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})


def remove_bucket(s3: Any, name: str) -> None:
    """Remove a bucket with all versions of its objects; nothing where there is none."""
    with contextlib.suppress(ClientError):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                s3.delete_object(Bucket=name, Key=each["Key"], VersionId=each["VersionId"])
        s3.delete_bucket(Bucket=name)


def buckets_of(s3: Any) -> list[str]:
    """The names of the buckets that there are."""
    return [each["Name"] for each in s3.list_buckets()["Buckets"]]


@contextmanager
def kept_bucket(sandbox: RunningSandbox) -> Iterator[KeptBucket]:
    """A bucket with a tag and three objects, backed up on demand; afterwards no bucket is there."""
    s3 = sandbox.client("s3")
    make_bucket(sandbox, NAME, team="invoices")
    for key, body in OBJECTS.items():
        s3.put_object(Bucket=NAME, Key=key, Body=body, Metadata={"of": key}, Tagging="state=sent")
    sandbox.client("backup").create_backup_vault(BackupVaultName=VAULT)
    arn = f"arn:aws:s3:::{NAME}"
    try:
        yield KeptBucket(sandbox, arn, take(sandbox, arn, VAULT))
    finally:
        forget(sandbox, VAULT)
        for each in buckets_of(s3):
            remove_bucket(s3, each)
