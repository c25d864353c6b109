"""Operations that moto does not have but answers with success, or as if they were other operations.

Operations that moto refuses itself need no line here. moto routes these by the part of the URL that they share with
another operation, or has a method for them that does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

ABSENT: Mapping[str, frozenset[str]] = {
    "s3": frozenset(
        {
            "CreateBucketMetadataConfiguration", "CreateBucketMetadataTableConfiguration", "CreateSession",
            "DeleteBucketAnalyticsConfiguration", "DeleteBucketIntelligentTieringConfiguration",
            "DeleteBucketMetadataConfiguration", "DeleteBucketMetadataTableConfiguration",
            "DeleteBucketMetricsConfiguration", "DeleteObjectAnnotation", "GetBucketAbac",
            "GetBucketAnalyticsConfiguration", "GetBucketIntelligentTieringConfiguration",
            "GetBucketMetadataConfiguration", "GetBucketMetadataTableConfiguration", "GetBucketMetricsConfiguration",
            "GetBucketRequestPayment", "GetObjectAnnotation", "GetObjectTorrent", "ListBucketAnalyticsConfigurations",
            "ListBucketIntelligentTieringConfigurations", "ListBucketMetricsConfigurations", "ListDirectoryBuckets",
            "ListObjectAnnotations", "PutBucketAbac", "PutBucketAnalyticsConfiguration",
            "PutBucketIntelligentTieringConfiguration", "PutBucketMetricsConfiguration", "PutBucketRequestPayment",
            "PutObjectAnnotation", "RenameObject", "UpdateBucketMetadataAnnotationTableConfiguration",
            "UpdateBucketMetadataInventoryTableConfiguration", "UpdateBucketMetadataJournalTableConfiguration",
            "UpdateObjectEncryption", "WriteGetObjectResponse",
        }
    ),
}  # fmt: skip


def refuse_absent(service: str, operation: str) -> None:
    """Raise NotImplementedError for an operation that is absent."""
    if operation in ABSENT.get(service, ()):
        raise NotImplementedError(f"The operation {operation} is absent from this sandbox.")
