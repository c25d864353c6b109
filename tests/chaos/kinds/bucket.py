"""An S3 bucket with a few objects, backed up by AWS Backup."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.chaos.cases import BUCKET
from tests.chaos.kinds.kind import LocalAws, configure, written
from tests.support.buckets import NAME, VAULT, kept_bucket
from tests.support.rds import ROLE
from tests.support.runs import Place
from tests.support.sandbox import RunningSandbox, end_sandbox, start_sandbox


class Bucket:
    """A bucket with a tag, and all versions of its objects."""

    plan = BUCKET
    target = "invoices"

    @contextmanager
    def opened(self, place: Place) -> Iterator[RunningSandbox]:
        """A sandbox with the bucket and its backup."""
        running = start_sandbox()
        words = {"kind": "bucket", "source": NAME, "vault": VAULT, "restore": f'backup_role_arn = "{ROLE}"'}
        try:
            with kept_bucket(running):
                configure(place, running, target=self.target, **words)
                yield running
        finally:
            end_sandbox(running)

    def described(self, aws: LocalAws) -> Any:
        """The settings of the bucket that a drill could change."""
        s3, asked = aws.client("s3"), {"Bucket": NAME}
        told = (s3.get_bucket_versioning(**asked), s3.get_bucket_tagging(**asked), s3.get_public_access_block(**asked))
        return [{name: value for name, value in each.items() if name != "ResponseMetadata"} for each in told]

    def content(self, aws: LocalAws) -> str:
        """Every version of every object, and its content."""
        s3 = aws.client("s3")
        listed = s3.list_object_versions(Bucket=NAME)
        found = [
            {**each, "body": s3.get_object(Bucket=NAME, Key=each["Key"], VersionId=each["VersionId"])["Body"].read()}
            for each in listed.get("Versions", ())
        ]
        return written([*found, *listed.get("DeleteMarkers", ())])
