"""Reads a key of KMS: its metadata, its policy and its grants, each with the right that is lacking where it may not be read."""

from __future__ import annotations

import json

from drills.aws import read as aws
from drills.aws.read import pages
from drills.aws.session import Clients
from drills.aws.settings import read_or_not_verified
from drills.model.parity import NotVerified
from drills.preflight.facts import Document, Key


def read_key(clients: Clients, key_id: str) -> Key | NotVerified | None:
    """Return a key by its ARN or id, None where there is none."""
    parts = key_id.split(":")
    kms = clients.client("kms", parts[3] if len(parts) > 5 else clients.region)

    def policy() -> Document:
        found = json.loads(kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"])
        return dict(found)

    def grants() -> tuple[Document, ...]:
        return tuple(pages(kms, "list_grants", "Grants", KeyId=key_id))

    def key() -> Key | None:
        metadata = aws.key_metadata(kms, key_id)
        if metadata is None:
            return None
        return Key(
            metadata,
            read_or_not_verified("kms:GetKeyPolicy", policy),
            read_or_not_verified("kms:ListGrants", grants),
        )

    return read_or_not_verified("kms:DescribeKey", key)


def arns_of(keys: dict[str, Key | NotVerified | None]) -> list[str]:
    """Return the ARNs of the keys that were read. Pure."""
    return [str(each.metadata["Arn"]) for each in keys.values() if isinstance(each, Key)]
