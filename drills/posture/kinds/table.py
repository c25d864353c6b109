"""DynamoDB tables: point-in-time recovery, deletion protection, and the key that they are encrypted with.

Source: DynamoDB API reference, TableDescription, SSEDescription and DescribeContinuousBackups.
"""

from __future__ import annotations

from dataclasses import dataclass

from drills.aws import read as aws
from drills.aws.read import none_if_missing
from drills.aws.session import Clients
from drills.aws.settings import read_or_not_verified
from drills.model.finding import CheckResult
from drills.model.parity import NotVerified
from drills.model.point import RecoveryPoint
from drills.posture.copies import copies
from drills.posture.facts import Document, PostureFacts
from drills.posture.judgement import Judgement
from drills.posture.keys import judge_enabled
from drills.posture.kinds.encrypted import read_key
from drills.posture.kinds.kind import Source, SourceKind
from drills.posture.lag import LAG_AT_MOST, find_lag
from drills.posture.opt_in import opt_in
from drills.posture.restore_tests import restore_testing
from drills.posture.subjects import TABLE
from drills.recovery.resource.points import points_of
from drills.recovery.schedule import worst_case_of_resource


@dataclass(frozen=True, slots=True)
class TableFacts:
    """DescribeContinuousBackups' answer about a table, and the KeyMetadata of its key, None where it has none of KMS."""

    backups: Document | NotVerified
    key: Document | NotVerified | None = None


def _describe(clients: Clients, name: str) -> Source | None:
    client = clients.client("dynamodb")
    described = none_if_missing(lambda: client.describe_table(TableName=name)["Table"])
    if described is None:
        return None
    arn = str(described.get("TableArn") or TABLE.arn.format(region=clients.region, account=clients.account, name=name))
    return Source(arn, described, lambda: aws.pages(client, "list_tags_of_resource", "Tags", ResourceArn=arn))


def _points(clients: Clients, name: str, vault: str | None) -> tuple[RecoveryPoint, ...]:
    return points_of(clients, TABLE.protected, f"table/{name}", vault) if vault else ()


def _own(clients: Clients, facts: PostureFacts) -> TableFacts | None:
    if facts.instance is None:
        return None
    client, arn = clients.client("dynamodb"), _key_of(facts.instance)
    backups = read_or_not_verified(
        "dynamodb:DescribeContinuousBackups",
        lambda: client.describe_continuous_backups(TableName=facts.instance_id)["ContinuousBackupsDescription"],
    )
    return TableFacts(backups, read_key(clients, arn))


def _key_of(described: Document) -> str:
    """Return the ARN of the key of KMS that a table is encrypted with, "" where DynamoDB's own encrypts it."""
    encryption = described.get("SSEDescription") or {}
    return str(encryption.get("KMSMasterKeyArn") or "") if encryption.get("Status") != "DISABLED" else ""


# -- judgements -------------------------------------------------------------------------------------------------------


def point_in_time_recovery(facts: PostureFacts) -> CheckResult:
    """Judge that point-in-time recovery is on, and that a moment of the last hour can be restored.

    Off is a warning: a drill restores recovery points, by whose age the RPO is judged.
    """
    judged = Judgement("point-in-time recovery")
    own = facts.own
    if not isinstance(own, TableFacts):
        return judged.result("", nothing="there is no table")
    if not judged.was_read("point-in-time recovery", own.backups) or isinstance(own.backups, NotVerified):
        return judged.result("")
    judged.count()
    moment = own.backups.get("PointInTimeRecoveryDescription") or {}
    latest = moment.get("LatestRestorableDateTime")
    if moment.get("PointInTimeRecoveryStatus") != "ENABLED":
        judged.find(
            "warning",
            facts.arn,
            expected="point-in-time recovery, without which no moment between two recovery points can be restored",
            found="it is off",
            remedy=f"aws dynamodb update-continuous-backups --table-name {facts.instance_id} "
            "--point-in-time-recovery-specification PointInTimeRecoveryEnabled=true",
        )
        return judged.result("point-in-time recovery is off")
    if latest is None or facts.now - latest > LAG_AT_MOST:
        remedy = (
            f"aws dynamodb describe-continuous-backups --table-name {facts.instance_id}: see why nothing newer is kept"
        )
        find_lag(judged, facts, "LatestRestorableDateTime", latest, remedy)
    reaches = f"reaches to {latest:%Y-%m-%d %H:%M:%S} UTC" if latest else "reaches to no moment"
    return judged.result(f"point-in-time recovery {reaches}")


def deletion_protection(facts: PostureFacts) -> CheckResult:
    """Judge that nobody deletes the table by a single call."""
    judged = Judgement("deletion protection")
    if facts.instance is None:
        return judged.result("", nothing="there is no table")
    judged.count()
    if not facts.instance.get("DeletionProtectionEnabled"):
        judged.find(
            "warning",
            facts.arn,
            expected="deletion protection",
            found="it is off: anybody with the right can delete the table",
            remedy=f"aws dynamodb update-table --table-name {facts.instance_id} --deletion-protection-enabled",
        )
        return judged.result("deletion protection is off")
    return judged.result("deletion protection is on")


def encryption(facts: PostureFacts) -> CheckResult:
    """Judge that the table's key of KMS works: without it neither the table nor its copies can be read."""
    judged = Judgement("encryption")
    if facts.instance is None or not isinstance(facts.own, TableFacts):
        return judged.result("", nothing="there is no table")
    arn = _key_of(facts.instance)
    if not arn:
        judged.count()
        return judged.result("encrypted under a key of DynamoDB's own, which nobody can disable")
    if judged.was_read(arn, facts.own.key) and not isinstance(facts.own.key, NotVerified):
        judged.count()
        judge_enabled(judged, arn, facts.own.key)
    since = (facts.instance.get("SSEDescription") or {}).get("InaccessibleEncryptionDateTime")
    if since is not None:
        judged.find(
            "error",
            facts.arn,
            expected="a table that can be read",
            found=f"its key cannot be used since {since:%Y-%m-%d %H:%M} UTC: DynamoDB archives the table after seven days",
            remedy=f"aws kms enable-key --key-id {arn}, and let the key's policy allow DynamoDB",
        )
    return judged.result("its key of KMS is enabled")


KIND = SourceKind(
    subject=TABLE,
    describe=_describe,
    points=_points,
    points_need="backup:ListRecoveryPointsByBackupVault",
    worst_case=worst_case_of_resource,
    own=_own,
    judgements=(opt_in, copies, restore_testing, point_in_time_recovery, deletion_protection, encryption),
    plans_need="backup:ListBackupPlans, dynamodb:ListTagsOfResource",
)
