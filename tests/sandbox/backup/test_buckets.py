"""AWS Backup of S3 buckets: recovery points of its own, restores to buckets that are there, and damages; new buckets as on AWS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from drills.errors import ConfigError
from tests.support.buckets import NAME, OBJECTS, VAULT, KeptBucket, kept_bucket, make_bucket
from tests.support.kept import take
from tests.support.rds import ROLE, code
from tests.support.sandbox import RunningSandbox

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def kept(beating: RunningSandbox) -> Iterator[KeptBucket]:
    """A bucket with three objects, backed up on demand."""
    beating.control.clear_faults()
    with kept_bucket(beating) as made:
        yield made


def test_a_new_bucket_is_as_those_of_aws(kept: KeptBucket) -> None:
    """It has the tags of its request, encrypts by itself, is closed to the public, and has no ACLs."""
    asked = {"Bucket": NAME}
    assert kept.s3.get_bucket_tagging(**asked)["TagSet"] == [{"Key": "team", "Value": "invoices"}]
    assert set(kept.s3.get_public_access_block(**asked)["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = kept.s3.get_bucket_ownership_controls(**asked)["OwnershipControls"]["Rules"]
    assert rule == {"ObjectOwnership": "BucketOwnerEnforced"}
    assert kept.s3.head_object(**asked, Key="2026/a")["ServerSideEncryption"] == "AES256"
    make_bucket(kept.sandbox, "bare", versioned=False)
    with pytest.raises(ClientError) as none:
        kept.s3.get_bucket_tagging(Bucket="bare")
    assert code(none) == "NoSuchTagSet"


def test_a_point_of_a_bucket_is_aws_backups_own_under_the_key_of_its_vault(kept: KeptBucket) -> None:
    """Its ARN is AWS Backup's, with the size and the tags of the bucket; one without versioning is not backed up."""
    assert kept.point.startswith(f"arn:aws:backup:{kept.sandbox.region}:123456789012:recovery-point:{NAME}-")
    asked = {"BackupVaultName": VAULT, "ByResourceType": "S3"}
    (point,) = kept.backup.list_recovery_points_by_backup_vault(**asked)["RecoveryPoints"]
    vault = kept.backup.describe_backup_vault(BackupVaultName=VAULT)
    assert (point["ResourceArn"], point["EncryptionKeyArn"]) == (kept.arn, vault["EncryptionKeyArn"])
    assert point["BackupSizeInBytes"] == sum(map(len, OBJECTS.values()))
    assert kept.backup.list_tags(ResourceArn=kept.point)["Tags"] == {"team": "invoices"}
    make_bucket(kept.sandbox, "unversioned", versioned=False)
    wanted = {"BackupVaultName": VAULT, "ResourceArn": "arn:aws:s3:::unversioned", "IamRoleArn": ROLE}
    job = kept.backup.start_backup_job(**wanted)["BackupJobId"]
    failed = kept.backup.describe_backup_job(BackupJobId=job)
    assert (failed["State"], "Versioning is not enabled" in failed["StatusMessage"]) == ("FAILED", True)


def test_a_restore_fills_a_bucket_that_is_there_with_what_was_current(kept: KeptBucket) -> None:
    """With metadata and tags, a folder alone where that is asked; not over an object, and to none without versioning."""
    kept.s3.put_object(Bucket=NAME, Key="2026/a", Body=b"later")
    kept.s3.delete_object(Bucket=NAME, Key="2026/b")
    make_bucket(kept.sandbox, "whole")
    kept.s3.put_object(Bucket="whole", Key="2025/c", Body=b"there before")
    ended = kept.ended(kept.start("whole", EncryptionType="original", RestoreACLs="false"))
    assert (ended["Status"], ended["CreatedResourceArn"]) == ("COMPLETED", "arn:aws:s3:::whole")
    assert kept.content("whole") == {**OBJECTS, "2025/c": b"there before"}
    restored = kept.s3.head_object(Bucket="whole", Key="2026/a")
    assert (restored["Metadata"], restored["TagCount"]) == ({"of": "2026/a"}, 1)
    make_bucket(kept.sandbox, "folder")
    kept.ended(kept.start("folder", ItemsToRestore=f'["s3://{NAME}/2026/"]'))
    assert set(kept.content("folder")) == {"2026/a", "2026/b"}
    make_bucket(kept.sandbox, "no-versions", versioned=False)
    for bucket, why in (("nobody-has-it", "does not exist"), ("no-versions", "Versioning is not enabled")):
        failed = kept.ended(kept.start(bucket))
        assert (failed["Status"], why in failed["StatusMessage"]) == ("FAILED", True)
    with pytest.raises(ClientError) as absent:
        kept.start("whole", NewBucket="true")
    assert code(absent) == "NotImplemented"


@pytest.mark.parametrize(
    ("kind", "left"),
    [
        ("object", {"2026/a": b"first", "2026/b": b"second"}),
        ("bytes", {**OBJECTS, "2025/c": b"thire"}),
        ("truncated", {**OBJECTS, "2025/c": b"thir"}),
        ("extra", {**OBJECTS, "2025/c.extra": b"never written"}),
    ],
)
def test_a_damaged_point_restores_what_is_left(kept: KeptBucket, kind: str, left: dict[str, bytes]) -> None:
    """The point alone is damaged, and no other one of the bucket; another kind of damage is refused."""
    for key, body in OBJECTS.items():
        kept.s3.put_object(Bucket=NAME, Key=key, Body=body)
    job = take(kept.sandbox, kept.arn, VAULT)
    damaged = KeptBucket(kept.sandbox, kept.arn, job)
    (done,) = kept.sandbox.control.damage(damaged.point, [kind])
    assert (done["kind"], done["object"].startswith(f"{NAME}/2025/c")) == (kind, True)
    make_bucket(kept.sandbox, f"damaged-{kind}")
    damaged.ended(damaged.start(f"damaged-{kind}"))
    assert damaged.content(f"damaged-{kind}") == left
    with pytest.raises(ConfigError, match="object, bytes, truncated, extra"):
        kept.sandbox.control.damage(damaged.point, ["item"])
