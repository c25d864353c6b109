"""What AWS says is explained: its words, as public sources have them, lead to what they mean and what to type next."""

from __future__ import annotations

import re
from types import SimpleNamespace

import botocore.session
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from drills.aws.read import refusal
from drills.aws.remedies import advice, explain, page, remedies, remedy_of, remedy_of_error
from drills.errors import RestoreFailed
from drills.recovery.validation import follow
from drills.sandbox.door.responses import operation_model
from tests.support.clock import HandClock
from tests.support.paths import CHECKOUT

SAID = [
    ("AccessDenied", "User: arn:aws:sts::123456789012:assumed-role/drill/x is not authorized to perform: "
     "rds:RestoreDBInstanceFromDBSnapshot on resource: arn:aws:rds:eu-central-1:123456789012:db:drill-x with an explicit "
     "deny in a service control policy", "A service control policy denies it"),
    ("AccessDenied", "User: x is not authorized to perform: rds:CopyDBSnapshot because no identity-based policy allows the "
     "rds:CopyDBSnapshot action", "The role lacks the right"),
    ("AccessDeniedException", "User: x is not authorized to perform: backup:StartBackupJob with an explicit deny in a "
     "resource-based policy", "A policy of the resource denies it"),
    ("AccessDenied", "User: x is not authorized to perform: iam:PassRole on resource: y", "The role may not pass another role"),
    ("AccessDenied", "User: x is not authorized to perform: rds:AddTagsToResource because no permissions boundary allows the "
     "action", "A boundary or a session's policy denies it"),
    ("UnauthorizedOperation", "You are not authorized to perform this operation.", "The role lacks the right"),
    ("AccessDeniedException", "Insufficient privileges to perform this action.",
     "A shared vault is asked about without its account"),
    ("", "IAM Role arn:aws:iam::123456789012:role/r cannot be assumed by AWS Backup", "AWS Backup may not assume its role"),
    ("KMSKeyNotAccessibleFault", "The source snapshot KMS key [arn:aws:kms:k] does not exist, is not enabled or you do not have "
     "permissions to access it.", "The key cannot be used"),
    ("", "The specified AWS KMS key ARN does not exist, is not enabled or you do not have permissions to access it",
     "The key cannot be used"),
    ("", "Access denied to KMS key", "The key cannot be used"),
    ("", "Given key ID is not accessible. You must have DescribeKey permissions on the default CMK", "The key cannot be used"),
    ("InvalidSubnet", "No default subnet detected in VPC. Please contact AWS Support to recreate default Subnets.",
     "There is no default subnet"),
    ("InvalidParameterCombination", "Invalid storage size for engine name postgres and storage type gp3: 20",
     "The storage is too small or of a size that RDS does not have"),
    ("InvalidParameterCombination", "RDS does not support creating a DB instance with the following combination: "
     "DBInstanceClass=db.m4.large, Engine=postgres, EngineVersion=13.6", "The class does not go with the version"),
    ("InvalidParameterCombination", "Cannot find version 9.5 for postgres", "The version is no longer made"),
    ("InvalidParameterCombination", "The option group stage-options is associated with a different VPC than the request.",
     "The option group is of another VPC"),
    ("InvalidVPCNetworkStateFault", "The specified VPC vpc-0 is a shared VPC, please explicitly provide an EC2 security group.",
     "A shared VPC needs a security group"),
    ("InsufficientDBInstanceCapacity", "", "There is no capacity for the class"),
    ("InvalidDBCapacityReservationState", "", "The capacity reservation does not do"),
    ("VpcEncryptionControlViolationException", "", "The VPC enforces encryption in transit"),
    ("InstanceQuotaExceeded", "", "A quota is used up"),
    ("Throttling", "Rate exceeded", "AWS throttles the account"),
    ("ThrottlingException", "Rate exceeded", "AWS throttles the account"),
    ("ExpiredToken", "The security token included in the request is expired", "The credentials have ended or are not AWS's"),
    ("", "Backup job could not start because it is either inside or too close to the weekly maintenance window configured in RDS "
     "instance.", "The backup is too near to a window of RDS"),
]  # fmt: skip
# what the calls of a drill cannot meet: they name no directory, tenant database, network type, backup policy or Outpost
NOT_MET = re.compile(
    r"Domain|Tenant|NetworkType|BackupPolicy|DBSecurityGroup|CustomAvailabilityZone|ClusterSnapshot|UpgradeDependency"
)
CALLS = (
    "RestoreDBInstanceFromDBSnapshot", "RestoreDBInstanceToPointInTime", "CopyDBSnapshot", "ModifyDBInstance",
    "CreateDBParameterGroup", "CreateDBSubnetGroup", "DeleteDBSnapshot",
)  # fmt: skip


def error(code: str, message: str = "no", operation: str = "RestoreDBInstanceFromDBSnapshot") -> ClientError:
    """A refusal of AWS."""
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@pytest.mark.parametrize(("code", "message", "title"), SAID, ids=lambda value: value[:40])
def test_the_words_of_aws_lead_to_their_remedy(code: str, message: str, title: str) -> None:
    """The strings are those of AWS's pages and of public issues; the same row is found in the sentence about the call."""
    found = remedy_of(code, message)

    assert found is not None
    assert found.title == title
    sentence = refusal(error(code, message), "the restore")
    assert sentence.endswith(found.sentence)
    assert message in sentence


@pytest.mark.parametrize("operation", CALLS)
def test_each_refusal_that_a_call_of_a_drill_can_meet_is_in_the_table(operation: str) -> None:
    """Every error that botocore's model declares for the calls that make, change and remove, but for what they never name."""
    model = operation_model("rds", operation)
    assert model is not None
    codes = {shape.metadata.get("error", {}).get("code", shape.name) for shape in model.error_shapes}
    unknown = {code for code in codes if remedy_of(code, "") is None and not NOT_MET.search(code)}

    assert unknown - {"DBInstanceNotFound", "InvalidDBSecurityGroupState"} == set()


def test_errors_of_the_client_have_remedies_too() -> None:
    """No answer, no credentials: botocore raises these itself."""
    for raised, title in (
        (EndpointConnectionError(endpoint_url="https://rds.example"), "Nothing answers"),
        (ReadTimeoutError(endpoint_url="https://rds.example"), "Nothing answers"),
        (NoCredentialsError(), "The credentials have ended or are not AWS's"),
    ):
        found = remedy_of_error(raised)
        assert found is not None
        assert found.title == title


def test_what_is_not_in_the_table_is_shown_as_it_is() -> None:
    """AWS's words and the caller's own advice; nothing is made up."""
    unknown = error("SomethingNew", "a new thing happened")

    assert remedy_of_error(unknown) is None
    assert explain(unknown, "run it again").endswith("a new thing happened; run it again")
    assert advice("a new thing happened", "look") == "look"


def test_a_failed_restore_job_says_what_to_do() -> None:
    """The StatusMessage of AWS Backup goes through the same table."""
    answer = {"RestoreJobId": "J", "Status": "FAILED", "StatusMessage": "No default subnet detected in VPC"}
    clients = SimpleNamespace(backup=SimpleNamespace(describe_restore_job=lambda **_: answer))

    with pytest.raises(RestoreFailed, match=r"No default subnet.*name a subnet_group in the target's restore table"):
        follow(clients, "J", HandClock(), every=15.0, timeout=60.0)  # type: ignore[arg-type]


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_text_of_aws_breaks_a_sentence(code: str, message: str) -> None:
    """Whatever AWS says, the sentence has its words and is one line."""
    sentence = refusal(error(code, message))

    assert "\n" not in sentence
    assert " ".join(message.split()) in sentence


def test_each_row_can_be_acted_on() -> None:
    """A row has a source and words of its own, and the commands that it names exist."""
    known = botocore.session.get_session()
    operations = {
        service: {xform_name(name, "-") for name in known.get_service_model(service).operation_names}
        for service in (
            "rds",
            "backup",
            "ec2",
            "iam",
            "kms",
            "sts",
            "organizations",
            "service-quotas",
            "cloudtrail",
            "account",
        )
    }
    titles = [row.title for row in remedies()]
    assert len(set(titles)) == len(titles)
    for row in remedies():
        assert row.source.startswith("https://")
        assert (row.title, bool(row.codes or row.says)) == (row.title, True)
        for service, operation in re.findall(r"\baws ([a-z-]+) ([a-z][a-z-]+)", row.next):
            assert service == "sso" or operation in operations[service], (row.title, service, operation)


def test_the_page_is_the_table() -> None:
    """docs/troubleshooting.md is what `python -m drills.aws.remedies` prints."""
    assert (CHECKOUT / "docs/troubleshooting.md").read_text(encoding="utf-8") == page(remedies())


def test_a_key_that_a_job_cannot_use_is_explained_without_rds_where_that_is_not_asked() -> None:
    """The message of a job is the same of a volume: what RDS needs is said of databases alone."""
    told = advice(
        "The specified AWS KMS key ARN does not exist, is not enabled or you do not have permissions to access it"
    )

    assert "RDS" not in told
    assert "of anything else the role that AWS Backup restores with" in told
