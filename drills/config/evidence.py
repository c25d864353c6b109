"""`[evidence]` of drill.toml, and `[profiles.NAME.evidence]`, whose keys go before: where evidence goes and who signs it.

A key is named and never given: no private key stands in the file.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from drills.config.table import Table
from drills.config.values import HttpUrl, PathText, Span, path_from, refuse
from drills.durations import write_duration

FOLDER = "reports/evidence"
VARIABLE = "env:"
_KMS_KEY = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+")


def is_kms_key(key: str) -> bool:
    """Return whether a key is named by the ARN of AWS KMS."""
    return key.startswith("arn:")


def is_bucket(store: str) -> bool:
    """Return whether a store is a bucket of S3, and no folder."""
    return store.startswith("s3://")


def _key(raw: str, info: ValidationInfo) -> str:
    if "\n" in raw or "-----BEGIN" in raw:
        raise refuse("a file, env:NAME or the ARN of an AWS KMS key, and never the key itself")
    if raw.startswith(VARIABLE):
        if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", raw.removeprefix(VARIABLE)):
            raise refuse('"env:" and the NAME of an environment variable in capitals, and never the key itself')
        return raw
    if is_kms_key(raw):
        if not _KMS_KEY.fullmatch(raw):
            raise refuse(
                'the ARN of a key such as "arn:aws:kms:eu-central-1:000000000000:key/ID"; an alias can be moved', raw
            )
        return raw
    return path_from(raw, info)


def _store(raw: str, info: ValidationInfo) -> str:
    if "://" not in raw:
        return path_from(raw, info)
    parts = urlsplit(raw)
    bucket = re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", parts.netloc)
    if parts.scheme != "s3" or not bucket or parts.query or parts.fragment:
        raise refuse('a folder, or a bucket and a prefix such as "s3://evidence/drills"', raw)
    return raw.rstrip("/")


def _whole_days(raw: timedelta) -> timedelta:
    if raw < timedelta(days=1):
        raise refuse("a retention of at least 1d", write_duration(raw))
    return raw


Key = Annotated[str, AfterValidator(_key)]
StoreText = Annotated[str, AfterValidator(_store)]


class EvidenceConfig(Table):
    """Where bundles go and who signs them. `key` None: nothing is signed. `store` is a second place, under a lock as an option.

    `reviewer_keys` are public keys of reviewers who sign with keys of their own. `begins_with` are the runs with which a chain was
    begun anew on purpose, though the history knows earlier ones of its target.
    """

    folder: PathText = FOLDER
    key: Key | None = None
    public_key: PathText | None = None
    reviewer_keys: Annotated[tuple[PathText, ...], Field(strict=False)] = ()
    begins_with: Annotated[tuple[str, ...], Field(strict=False)] = ()
    timestamp_url: HttpUrl | None = None
    store: StoreText | None = None
    lock: Literal["governance", "compliance"] | None = None
    retain: Annotated[Span, AfterValidator(_whole_days)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> EvidenceConfig:
        if self.timestamp_url and not self.key:
            raise refuse("key beside timestamp_url, found timestamp_url alone: what is stamped is a signature")
        if (self.lock is None) != (self.retain is None):
            raise refuse("lock and retain together, found one of them alone")
        if self.lock and not is_bucket(self.store or ""):
            raise refuse('store = "s3://…" beside lock: a folder has no Object Lock')
        return self
