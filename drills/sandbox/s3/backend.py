"""The S3 of the sandbox: that of moto, whose buckets AWS Backup copies and restores, and whose new ones are as those of AWS.

S3 user guide: a new bucket encrypts with S3's own keys ("Setting default server-side encryption behavior for Amazon S3 buckets")
and is closed to the public ("Blocking public access to your Amazon S3 storage"); API reference, CreateBucket: it has the tags of
the request. moto does none of these.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from xml.etree import ElementTree

import moto.s3.urls
from moto.core.common_types import TYPE_RESPONSE
from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey, PublicAccessBlock, S3Backend, s3_backends
from moto.s3.responses import S3Response

from drills.sandbox.base.moto_backends import install_backend
from drills.sandbox.base.url_table import UrlTable
from drills.sandbox.s3.images import BucketImage, BucketImages, StoredObject

AWS_OWNED = {"Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}}
PARTITION = "aws"


class SandboxS3Response(S3Response):
    """CreateBucket takes the tags of its request, which moto leaves out."""

    def _bucket_response_put(self, request: Any, bucket_name: str, querystring: dict[str, Any]) -> str | TYPE_RESPONSE:
        answer = super()._bucket_response_put(request, bucket_name, querystring)
        if not querystring and (tags := _tags_in(self.body)):  # what has a query sets something of a bucket
            self.backend.put_bucket_tagging(bucket_name, tags)
        return answer


def _tags_in(body: bytes | str) -> dict[str, str]:
    """Return the tags in the body of a CreateBucket."""
    if not body:
        return {}
    named = {"s3": "http://s3.amazonaws.com/doc/2006-03-01/"}
    found = ElementTree.fromstring(body).findall("s3:Tags/s3:Tag", named)
    return {each.findtext("s3:Key", "", named): each.findtext("s3:Value", "", named) for each in found}


_BUCKET, _EITHER, _KEY = (
    SandboxS3Response.bucket_dispatch,
    SandboxS3Response.ambiguous_dispatch,
    SandboxS3Response.key_dispatch,
)
_HANDLERS = {"bucket_dispatch": _BUCKET, "ambiguous_dispatch": _EITHER, "key_dispatch": _KEY}
_URLS = UrlTable(
    moto.s3.urls.url_bases,
    {path: _HANDLERS[handler.__name__] for path, handler in moto.s3.urls.url_paths.items()},
)


class SandboxS3(S3Backend):
    """The S3 of one account. `images` are what AWS Backup has of buckets, of all accounts, by the ARN of their point."""

    def __init__(self, region_name: str, account_id: str, images: BucketImages) -> None:
        self.images = images
        self.copied_at: dict[str, datetime] = {}  # by the name of what is restored to: when all its objects are there
        super().__init__(region_name, account_id)

    @property
    def _url_module(self) -> Any:
        return _URLS

    def create_bucket(self, bucket_name: str, region_name: str, bucket_namespace: str | None = None) -> FakeBucket:
        """CreateBucket, as AWS makes one."""
        made = super().create_bucket(bucket_name, region_name, bucket_namespace)
        made.encryption = AWS_OWNED
        made.public_access_block = PublicAccessBlock(True, True, True, True)
        made.ownership_rule = "BucketOwnerEnforced"  # type: ignore[assignment]
        return made

    def image_of(self, bucket: FakeBucket, taken_at: datetime) -> BucketImage:
        """Return a bucket as it is now: of each object the current version, none of what is deleted."""
        objects = {
            name: self._stored(current)
            for name, versions in bucket.keys.iterlists()
            if versions and isinstance(current := versions[-1], FakeKey) and not isinstance(current, FakeDeleteMarker)
        }
        tags = tuple(self.get_bucket_tagging(bucket.name)["Tags"])
        return BucketImage(bucket.name, tags, objects, taken_at)

    def _stored(self, key: FakeKey) -> StoredObject:
        tags = {each["Key"]: each["Value"] for each in self.get_object_tagging(key)["Tags"]}
        return StoredObject(
            key.value, dict(key.metadata), tags, key.encryption, key.kms_key_id, multipart="-" in key.etag
        )

    def bring_back(self, bucket: str, key: str, stored: StoredObject) -> None:
        """Put an object as it was, of which another version comes to be: whole, also where it was uploaded in parts."""
        made = self.put_object(bucket, key, stored.value, encryption=stored.encryption, kms_key_id=stored.kms_key_id)
        made.set_metadata(dict(stored.metadata))
        if stored.tags:
            self.put_object_tagging(made, stored.tags)


def of_account(account: str) -> SandboxS3:
    """Return the S3 of an account."""
    found = s3_backends[account][PARTITION]
    assert isinstance(found, SandboxS3)
    return found


def install() -> None:
    """Make this the S3 of moto; before its first request."""
    install_backend(s3_backends, SandboxS3, images=BucketImages())
