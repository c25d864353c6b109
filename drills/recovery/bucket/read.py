"""Reads an S3 bucket's settings through S3's API. No object is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from drills.aws.read import error_code, is_not_found
from drills.aws.session import Clients
from drills.buckets.read import Side
from drills.model.finding import NotChecked
from drills.recovery.bucket.settings import Answers, of_bucket

_REFUSED = "AccessDenied"
# what S3 answers where a bucket has none of something (API reference, "Error responses", and that of each operation)
_NONE = frozenset(
    {
        "NoSuchBucketPolicy",
        "NoSuchCORSConfiguration",
        "NoSuchLifecycleConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "NoSuchTagSet",
        "ObjectLockConfigurationNotFoundError",
        "OwnershipControlsNotFoundError",
        "ReplicationConfigurationNotFoundError",
        "ServerSideEncryptionConfigurationNotFoundError",
    }
)


@dataclass(frozen=True, slots=True)
class BucketSeen:
    """A bucket's settings, and the families of these that could not be read."""

    settings: Mapping[str, str]
    unread: tuple[NotChecked, ...]


def side_of(clients: Clients, bucket: str) -> Side:
    """Return a bucket as it is read: one of this account."""
    return Side(clients.client("s3"), bucket, clients.account)


def source_of(clients: Clients, bucket: str) -> BucketSeen | None:
    """Return a bucket, None where there is none. Raises what boto3 raises, where it is another account's."""
    side = side_of(clients, bucket)
    try:
        side.client.get_bucket_versioning(**side.named)
    except ClientError as error:
        if is_not_found(error):
            return None
        if error_code(error) != _REFUSED:
            raise
    return see(side)


def tags_of(clients: Clients, bucket: str) -> list[dict[str, str]]:
    """Return the tags of a bucket, of which there may be none. Raises what boto3 raises."""
    side = side_of(clients, bucket)
    try:
        return list(side.client.get_bucket_tagging(**side.named)["TagSet"])
    except ClientError as error:
        if error_code(error) != "NoSuchTagSet":
            raise
        return []


def see(side: Side) -> BucketSeen:
    """Return the settings of a bucket; what may not be read is named and left out."""
    unread: list[NotChecked] = []
    client = side.client
    asked: dict[str, Callable[..., Any]] = {
        "versioning": client.get_bucket_versioning,
        "encryption": client.get_bucket_encryption,
        "ownership": client.get_bucket_ownership_controls,
        "public_access": client.get_public_access_block,
        "policy": client.get_bucket_policy,
        "lifecycle": client.get_bucket_lifecycle_configuration,
        "cors": client.get_bucket_cors,
        "replication": client.get_bucket_replication,
        "notification": client.get_bucket_notification_configuration,
        "object_lock": client.get_object_lock_configuration,
        "tag": client.get_bucket_tagging,
    }

    def ask(family: str, call: Callable[..., Any]) -> dict[str, Any] | None:
        try:
            return dict(call(**side.named))
        except ClientError as error:
            if error_code(error) in _NONE:
                return {}
            if error_code(error) != _REFUSED:
                raise
            unread.append(NotChecked(family, " ".join(str(error).split())))
            return None

    answers = Answers(**{family: ask(family, call) for family, call in asked.items()})
    return BucketSeen(of_bucket(answers), tuple(unread))
