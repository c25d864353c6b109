"""S3 buckets: the versioning that AWS Backup asks for.

Source: AWS Backup developer guide, "Amazon S3 backups": S3 Versioning must be enabled on a bucket, and where it is turned off a
continuous backup stops.
"""

from __future__ import annotations

from drills.aws.read import none_if_missing
from drills.aws.session import Clients
from drills.model.finding import CheckResult
from drills.model.point import RecoveryPoint
from drills.posture.copies import copies
from drills.posture.facts import PostureFacts
from drills.posture.judgement import Judgement
from drills.posture.kinds.kind import Source, SourceKind
from drills.posture.opt_in import opt_in
from drills.posture.restore_tests import restore_testing
from drills.posture.subjects import BUCKET
from drills.recovery.bucket.points import points_of
from drills.recovery.bucket.read import tags_of
from drills.recovery.bucket.settings import is_versioned
from drills.recovery.schedule import worst_case_of_resource


def _describe(clients: Clients, name: str) -> Source | None:
    s3, asked = clients.client("s3"), {"Bucket": name, "ExpectedBucketOwner": clients.account}
    told = none_if_missing(lambda: s3.get_bucket_versioning(**asked))
    if told is None:
        return None
    described = {"Name": name, "Versioning": is_versioned(told)}
    return Source(BUCKET.arn.format(name=name), described, lambda: tags_of(clients, name))


def _points(clients: Clients, name: str, vault: str | None) -> tuple[RecoveryPoint, ...]:
    return points_of(clients, name, vault) if vault else ()


def versioning(facts: PostureFacts) -> CheckResult:
    """Judge that the bucket keeps versions: AWS Backup backs up none that does not."""
    judged = Judgement("versioning")
    if facts.instance is None:
        return judged.result("", nothing="there is no bucket")
    judged.count()
    if not facts.instance["Versioning"]:
        judged.find(
            "error",
            facts.arn,
            expected="a bucket that keeps versions, without which AWS Backup makes no recovery point of it",
            found="versioning is off",
            remedy=f"aws s3api put-bucket-versioning --bucket {facts.instance_id} --versioning-configuration Status=Enabled",
        )
        return judged.result("versioning is off")
    return judged.result("versioning is on")


KIND = SourceKind(
    subject=BUCKET,
    describe=_describe,
    points=_points,
    points_need="backup:ListRecoveryPointsByBackupVault",
    worst_case=worst_case_of_resource,
    own=lambda clients, facts: None,
    judgements=(opt_in, copies, restore_testing, versioning),
)
