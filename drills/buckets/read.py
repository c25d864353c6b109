"""Reads the objects of a bucket and of its copy through S3's API, and compares each: of as many as the budget allows the content.

Amazon S3 API reference: ListObjectVersions, ListObjectsV2, HeadObject and GetObject, each with ExpectedBucketOwner, so that a
bucket of another account is never read for one of this.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from drills.buckets.objects import Difference, ObjectsSeen, grouped
from drills.buckets.told import Told, by_word, told
from drills.buckets.versions import Version, Was, as_it_was

_MIB = 1024**2
_CHUNK = 1024**2
# where an object cannot be read: a right that is lacking, a version that was removed meanwhile, one in an archive
_UNREADABLE = frozenset(
    {"403", "404", "AccessDenied", "InvalidObjectState", "KMS.DisabledException", "NoSuchKey", "NoSuchVersion"}
)


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Which objects are looked at, how many versions at most, how many MiB are read of each side, by how many readers."""

    prefix: str = ""
    most: int = 100_000
    read_mib: int = 1024
    readers: int = 8


@dataclass(frozen=True, slots=True)
class Side:
    """A bucket, the client that reads it, and the account that owns it."""

    client: Any
    bucket: str
    owner: str

    @property
    def named(self) -> dict[str, str]:
        """The members by which a request names it."""
        return {"Bucket": self.bucket, "ExpectedBucketOwner": self.owner}


@dataclass(frozen=True, slots=True)
class Compared:
    """What was observed of the objects, and when the newest of those that are the same on both sides was written."""

    seen: ObjectsSeen
    newest: datetime | None


@dataclass(frozen=True, slots=True)
class _Pair:
    """An object that both sides have; `outcome` is what is known of its content, `differs` what else is other there."""

    key: str
    version: Version
    read: bool
    outcome: str
    differs: tuple[Difference, ...] = ()


class TooMany(Exception):
    """There are more objects or versions than may be listed."""


def compare(source: Side | None, copy: Side, began: datetime, ended: datetime, how: ReadOptions) -> Compared:
    """Compare a copy with its source as that was between two instants; None for one that is gone. Raises what boto3 raises."""
    try:
        found = dict(_objects(copy, how))
        if source is None:
            return Compared(ObjectsSeen(began, None, len(found)), None)
        was = as_it_was(_versions(source, how), began, ended)
    except TooMany:
        return Compared(ObjectsSeen(began, None, most=how.most), None)
    pairs = _compared(source, copy, list(_common(was, found)), how)
    return _seen(was, found, pairs, began)


def _seen(was: Was, found: dict[str, int], pairs: list[_Pair], began: datetime) -> Compared:
    common = {each.key for each in pairs}
    differing: list[tuple[Difference, str]] = [("missing", key) for key in was.objects if key not in found]
    differing += [("added", key) for key in found if key not in common | was.objects.keys() | was.in_flux | was.later]
    differing += [("later", key) for key in found if key in was.later]
    words: dict[str, Difference] = {"changed": "content", "unknown": "unread"}
    differing += [(words[each.outcome], each.key) for each in pairs if each.outcome in words]
    differing += [(what, each.key) for each in pairs for what in each.differs]
    same = [each for each in pairs if each.outcome == "same"]
    seen = ObjectsSeen(
        at=began,
        expected=len(was.objects),
        found=len(found),
        read=sum(each.read for each in pairs if each.outcome != "unknown"),
        told=sum(not each.read for each in same),
        differing=grouped(differing),
        in_flux=len(was.in_flux),
        newer=len(was.later - found.keys()),
    )
    return Compared(seen, max((each.version.at for each in same), default=None))


def _versions(side: Side, how: ReadOptions) -> Iterator[Version]:
    count = 0
    pages = side.client.get_paginator("list_object_versions").paginate(**side.named, Prefix=how.prefix)
    for page in pages:
        for member in ("Versions", "DeleteMarkers"):
            for raw in page.get(member) or ():
                count += 1
                if count > how.most:
                    raise TooMany
                yield Version(
                    key=str(raw["Key"]),
                    id=str(raw["VersionId"]),
                    size=int(raw.get("Size") or 0),
                    at=raw["LastModified"],
                    latest=bool(raw.get("IsLatest")),
                    marker=member == "DeleteMarkers",
                )


def _objects(side: Side, how: ReadOptions) -> Iterator[tuple[str, int]]:
    count = 0
    for page in side.client.get_paginator("list_objects_v2").paginate(**side.named, Prefix=how.prefix):
        for raw in page.get("Contents") or ():
            count += 1
            if count > how.most:
                raise TooMany
            yield str(raw["Key"]), int(raw["Size"])


def _common(was: Was, found: dict[str, int]) -> Iterator[tuple[Version, int]]:
    """Yield what both sides have, the smallest first: of these the most can be read."""
    both = (each for key, each in was.objects.items() if key in found)
    for each in sorted(both, key=lambda version: (version.size, version.key)):
        yield each, found[each.key]


def _compared(source: Side, copy: Side, common: list[tuple[Version, int]], how: ReadOptions) -> list[_Pair]:
    """Return each object that both sides have as it was compared. Raises what boto3 raises."""
    left = how.read_mib * _MIB
    asked: list[tuple[Version, bool]] = []
    pairs: list[_Pair] = []
    for version, size in common:
        if size != version.size:
            pairs.append(_Pair(version.key, version, read=False, outcome="changed"))
            continue
        left -= version.size
        asked.append((version, left >= 0))
    with ThreadPoolExecutor(how.readers, thread_name_prefix="objects") as threads:
        return pairs + list(threads.map(lambda each: _pair(source, copy, *each), asked))


def _pair(source: Side, copy: Side, version: Version, read: bool) -> _Pair:
    try:
        one, digest = _ask(source, version.key, version.id, read=read)
        other, of_copy = _ask(copy, version.key, "", read=read)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in _UNREADABLE:
            raise
        if read:  # what cannot be read can be asked for
            return _pair(source, copy, version, False)
        return _Pair(version.key, version, read=False, outcome="unknown")
    outcome = ("same" if digest == of_copy else "changed") if read else by_word(one, other)
    return _Pair(version.key, version, read, outcome, tuple(_differs(one, other)))


def _ask(side: Side, key: str, version: str, *, read: bool) -> tuple[Told, str]:
    """Return what S3 tells of an object, and the digest of its content where that is read."""
    asked = {**side.named, "Key": key, "ChecksumMode": "ENABLED", **({"VersionId": version} if version else {})}
    if not read:
        return told(side.client.head_object(**asked)), ""
    answer = side.client.get_object(**asked)
    return told(answer), _digest(answer["Body"].iter_chunks(_CHUNK))


def _digest(chunks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def _differs(source: Told, copy: Told) -> Iterator[Difference]:
    if source.metadata != copy.metadata:
        yield "metadata"
    if source.encryption != copy.encryption:
        yield "encryption"
    if source.system != copy.system:
        yield "system"
    if source.tags != copy.tags:
        yield "tags"
