"""Operations that moto does not have but answers all the same, as if they had been carried out or were others.

What moto refuses itself needs no line here. These it routes by what a URL has in common with another operation, or has a
method for that does nothing.
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
    """NotImplementedError for an operation that is absent."""
    if operation in ABSENT.get(service, ()):
        raise NotImplementedError(f"The operation {operation} is absent from this sandbox.")
