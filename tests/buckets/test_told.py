"""Whether two objects have the same content by what S3 tells of them: proved, disproved, or not known."""

from __future__ import annotations

from typing import Any

import pytest

from drills.buckets.told import Word, by_word, told

ONE, OTHER = '"9dd4e461268c8034f5c8564e155c67a6"', '"415290769594460e2e485922904f345d"'
KMS = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "key"}
OWN = {"ServerSideEncryption": "AES256"}


@pytest.mark.parametrize(
    ("source", "copy", "word"),
    [
        # an ETag is the MD5 of an object that was put whole under S3's own keys
        ({"ETag": ONE, **OWN}, {"ETag": ONE, **OWN}, "same"),
        ({"ETag": ONE, **OWN}, {"ETag": OTHER, **OWN}, "changed"),
        ({"ETag": ONE}, {"ETag": OTHER, **OWN}, "changed"),
        # and nothing of the content under a key of KMS, whether equal or not
        ({"ETag": ONE, **KMS}, {"ETag": OTHER, **KMS}, "unknown"),
        ({"ETag": ONE, **KMS}, {"ETag": ONE, **KMS}, "unknown"),
        ({"ETag": ONE, **OWN}, {"ETag": OTHER, **KMS}, "unknown"),
        # of parts it is the digest of their digests: the same proves, another one does not
        ({"ETag": '"a-2"', **OWN}, {"ETag": '"a-2"', **OWN}, "same"),
        ({"ETag": '"a-2"', **OWN}, {"ETag": '"b-3"', **OWN}, "unknown"),
        ({"ETag": '"a-2"', **OWN}, {"ETag": ONE, **OWN}, "unknown"),
        # a checksum of the full object proves either, whatever the encryption
        (
            {"ETag": ONE, **KMS, "ChecksumCRC64NVME": "x", "ChecksumType": "FULL_OBJECT"},
            {"ETag": OTHER, **KMS, "ChecksumCRC64NVME": "x", "ChecksumType": "FULL_OBJECT"},
            "same",
        ),
        (
            {"ETag": ONE, **KMS, "ChecksumCRC64NVME": "x", "ChecksumType": "FULL_OBJECT"},
            {"ETag": OTHER, **KMS, "ChecksumCRC64NVME": "y", "ChecksumType": "FULL_OBJECT"},
            "changed",
        ),
        # of several one that differs is enough; one that only one side has says nothing
        (
            {"ETag": ONE, **KMS, "ChecksumCRC32": "x", "ChecksumSHA256": "x"},
            {"ETag": OTHER, **KMS, "ChecksumCRC32": "x", "ChecksumSHA256": "y"},
            "changed",
        ),
        ({"ETag": ONE, **KMS, "ChecksumCRC32": "x"}, {"ETag": OTHER, **KMS, "ChecksumSHA256": "x"}, "unknown"),
        # a checksum of checksums proves that the parts are the same, and not that the content is another
        (
            {"ETag": ONE, **KMS, "ChecksumSHA256": "x-2", "ChecksumType": "COMPOSITE"},
            {"ETag": OTHER, **KMS, "ChecksumSHA256": "x-2", "ChecksumType": "COMPOSITE"},
            "same",
        ),
        (
            {"ETag": ONE, **KMS, "ChecksumSHA256": "x-2", "ChecksumType": "COMPOSITE"},
            {"ETag": OTHER, **KMS, "ChecksumSHA256": "y-3", "ChecksumType": "COMPOSITE"},
            "unknown",
        ),
        ({}, {}, "unknown"),
    ],
)
def test_what_s3_tells_proves_the_content_or_says_nothing(
    source: dict[str, Any], copy: dict[str, Any], word: Word
) -> None:
    """The same in both directions: nothing is taken for the same by accident."""
    assert by_word(told(source), told(copy)) == word
    assert by_word(told(copy), told(source)) == word


def test_what_is_compared_beside_the_content_is_told_apart() -> None:
    """Metadata of the user's, headers, encryption and the number of tags."""
    answer = {"ETag": ONE, **KMS, "Metadata": {"a": "1"}, "ContentType": "text/plain", "TagCount": 2}
    found = told(answer)

    assert (found.etag, found.encryption, found.tags) == (ONE.strip('"'), ("aws:kms", "key"), 2)
    assert found.metadata == {"a": "1"}
    assert "text/plain" in found.system
