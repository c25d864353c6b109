"""What S3 tells of an object without that its content is read, and whether two have the same content by that. Pure.

Amazon S3 API reference, Object: the ETag of an object that was put whole and is encrypted with S3's own keys is the MD5 digest of
its content; that of one that was uploaded in parts, or is encrypted with a key of KMS, is not. User guide, "Checking object
integrity in Amazon S3": a checksum is of the full object, or of the checksums of its parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Word = Literal["same", "changed", "unknown"]
_SYSTEM = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "WebsiteRedirectLocation",
)
_CHECKSUM = "Checksum"
_NOT_OF_CONTENT = frozenset({"ChecksumType"})


@dataclass(frozen=True, slots=True)
class Told:
    """What HeadObject and GetObject tell of an object beside its content."""

    etag: str
    encryption: tuple[str, str] = ("", "")
    checksums: Mapping[str, str] = field(default_factory=dict)
    whole: bool = True  # whether the checksums are of the full object
    metadata: Mapping[str, str] = field(default_factory=dict)
    system: tuple[str, ...] = ()
    tags: int = 0


def told(answer: Mapping[str, Any]) -> Told:
    """Return what an answer tells."""
    names = (each for each in answer if each.startswith(_CHECKSUM) and each not in _NOT_OF_CONTENT)
    checksums = {name: str(answer[name]) for name in names if answer[name]}
    kind = answer.get("ChecksumType")
    return Told(
        etag=str(answer.get("ETag") or "").strip('"'),
        encryption=(str(answer.get("ServerSideEncryption") or ""), str(answer.get("SSEKMSKeyId") or "")),
        checksums=checksums,
        whole=kind == "FULL_OBJECT" or (not kind and not any("-" in each for each in checksums.values())),
        metadata={str(name): str(value) for name, value in (answer.get("Metadata") or {}).items()},
        system=tuple(str(answer.get(name) or "") for name in _SYSTEM),
        tags=int(answer.get("TagCount") or 0),
    )


def by_word(source: Told, copy: Told) -> Word:
    """Return whether two objects of one size have the same content, as far as S3's words prove it."""
    own = all(each.encryption[0] in ("", "AES256") for each in (source, copy))
    whole = all(each.etag and "-" not in each.etag for each in (source, copy))
    if own and whole:
        return "same" if source.etag == copy.etag else "changed"
    both = source.checksums.keys() & copy.checksums.keys()
    if both and source.whole and copy.whole:
        return "same" if all(source.checksums[each] == copy.checksums[each] for each in both) else "changed"
    # of parts: the same parts give the same, and other parts of the same content another one
    same = any(source.checksums[each] == copy.checksums[each] for each in both) or (own and source.etag == copy.etag)
    return "same" if same and source.etag else "unknown"
