"""The contract's check must see what is wrong, in each protocol, and find nothing in what is right."""

from __future__ import annotations

import json

import pytest
from botocore.model import OperationModel

from drills.sandbox.door.contract import Contract, violations
from drills.sandbox.door.responses import operation_model

EC2_GROUPS = "<DescribeSecurityGroupsResponse><requestId>r</requestId>{}</DescribeSecurityGroupsResponse>"


def model(service: str, operation: str) -> OperationModel:
    """botocore's model of an operation."""
    found = operation_model(service, operation)
    assert found is not None
    return found


def snapshots(inner: str) -> bytes:
    """An answer of DescribeDBSnapshots with one snapshot of these members."""
    one = f"<DBSnapshots><DBSnapshot>{inner}</DBSnapshot></DBSnapshots>"
    return (
        '<DescribeDBSnapshotsResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/">'
        f"<DescribeDBSnapshotsResult>{one}</DescribeDBSnapshotsResult>"
        "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></DescribeDBSnapshotsResponse>"
    ).encode()


def test_an_answer_as_aws_gives_it_violates_nothing() -> None:
    """A snapshot with a text, a number, a flag, an instant, an empty list and one with members."""
    body = snapshots(
        "<DBSnapshotIdentifier>awsbackup:job-1</DBSnapshotIdentifier><AllocatedStorage>20</AllocatedStorage>"
        "<Encrypted>true</Encrypted><SnapshotCreateTime>2026-01-02T03:04:05.678Z</SnapshotCreateTime>"
        "<ProcessorFeatures/><TagList><Tag><Key>team</Key><Value>orders</Value></Tag></TagList>"
    )
    assert violations(model("rds", "DescribeDBSnapshots"), "query", 200, body) == []


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        ("<Sise>20</Sise>", "no member Sise"),
        ("<AllocatedStorage>20 GiB</AllocatedStorage>", "'20 GiB' is no integer"),
        ("<AllocatedStorage/>", "'' is no integer"),
        ("<Encrypted>True</Encrypted>", "'True' is no boolean"),
        ("<SnapshotCreateTime>2026-01-02 03:04:05</SnapshotCreateTime>", "is no timestamp"),
        ("<SnapshotCreateTime>2026-01-02T03:04:05+00:00</SnapshotCreateTime>", "is no timestamp"),
        ("<TagList><member><Key>a</Key></member></TagList>", "an element member in a list of Tag"),
        ("<Status>available</Status><Status>creating</Status>", "more than once"),
        ("<Status><Value>available</Value></Status>", "elements where the model has a string"),
    ],
)
def test_what_a_query_answer_has_wrong_is_named(inner: str, words: str) -> None:
    """Members, types, forms and repetitions of an XML answer are held against the model."""
    (found,) = violations(model("rds", "DescribeDBSnapshots"), "query", 200, snapshots(inner))

    assert words in found
    assert "DBSnapshots[0]" in found


def test_a_query_answer_has_the_name_and_the_wrapper_of_its_operation() -> None:
    """Clients in other languages look for both."""
    op = model("rds", "DescribeDBSnapshots")
    assert (
        "expected one DescribeDBSnapshotsResult" in violations(op, "query", 200, b"<DescribeDBSnapshotsResponse/>")[0]
    )
    assert "the document is a Other" in violations(op, "query", 200, b"<Other/>")[0]
    assert "cannot be read" in violations(op, "query", 200, b"<Other>")[0]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"State": "DONE"}, "'DONE' is none of CREATED"),
        ({"Percent": "1"}, "no member Percent"),
        ({"CreationDate": "2026-01-02T03:04:05Z"}, "is no timestamp"),
        ({"IsParent": "false"}, "is no boolean"),
        ({"BackupSizeInBytes": 1.5}, "1.5 is no long"),
        (
            {"RecoveryPointLifecycle": {"DeleteAfterDays": "7"}},
            "RecoveryPointLifecycle.DeleteAfterDays: '7' is no long",
        ),
        ({"RecoveryPointLifecycle": {"Days": 7}}, "RecoveryPointLifecycle: the model has no member Days"),
        ({"ChildJobsInState": {"LOST": 1}}, "ChildJobsInState key: 'LOST' is none of"),
        ([], "is no structure"),
    ],
    ids=str,
)
def test_what_a_json_answer_has_wrong_is_named(answer: object, words: str) -> None:
    """Members, types and enum values of a JSON answer are held against the model, in lists and maps too."""
    (found,) = violations(model("backup", "DescribeBackupJob"), "rest-json", 200, json.dumps(answer).encode())

    assert words in found


def test_a_required_member_is_missed() -> None:
    """`GetRestoreTestingPlan` must have its plan's name."""
    plan = {"RestoreTestingPlan": {"RestoreTestingPlanName": "p"}}
    found = violations(model("backup", "GetRestoreTestingPlan"), "rest-json", 200, json.dumps(plan).encode())

    assert "RestoreTestingPlan: the required member ScheduleExpression is missing" in found


def test_an_ec2_answer_is_checked_by_its_own_names() -> None:
    """EC2's lists are of `item`, and the request's id stands beside the members."""
    op = model("ec2", "DescribeSecurityGroups")
    good = EC2_GROUPS.format("<securityGroupInfo><item><groupId>sg-1</groupId></item></securityGroupInfo>")
    bad = EC2_GROUPS.format("<securityGroupInfo><item><GroupId>sg-1</GroupId></item></securityGroupInfo>")

    assert violations(op, "ec2", 200, good.encode()) == []
    assert violations(op, "ec2", 200, bad.encode()) == ["SecurityGroups[0]: the model has no member GroupId"]


def test_an_answer_of_headers_alone_has_no_body() -> None:
    """CreateBucket says all in headers; DescribeDBInstances does not."""
    assert violations(model("s3", "CreateBucket"), "rest-xml", 200, b"") == []
    assert "cannot be read" in violations(model("rds", "DescribeDBInstances"), "query", 200, b"")[0]


@pytest.mark.parametrize(
    ("service", "operation", "status", "code", "right"),
    [
        ("rds", "DescribeDBInstances", 404, "DBInstanceNotFound", True),
        ("rds", "DescribeDBInstances", 400, "DBInstanceNotFound", False),
        ("rds", "DescribeDBInstances", 404, "DBSnapshotNotFound", False),
        ("rds", "DescribeDBInstances", 400, "Throttling", True),
        ("backup", "DescribeBackupJob", 400, "ResourceNotFoundException", True),
        ("backup", "DescribeBackupJob", 400, "KeyError", False),
        ("ec2", "DeleteSecurityGroup", 400, "DependencyViolation", True),
        ("ec2", "DeleteSecurityGroup", 400, "500", False),
    ],
)
def test_an_error_is_one_that_the_operation_declares(
    service: str, operation: str, status: int, code: str, right: bool
) -> None:
    """With the status that the model has for it, or one of the common errors of every service."""
    assert (violations(model(service, operation), "", status, b"", code) == []) is right


def test_each_kind_of_violation_is_kept_once_and_counted() -> None:
    """Two answers with the same fault in other rows are one line."""
    contract, op = Contract(), model("backup", "ListBackupJobs")
    rows = json.dumps({"BackupJobs": [{"State": "RUNNING"}, {"State": "LATE"}]})
    for body in (rows, rows.replace('{"State": "RUNNING"}, ', "")):
        contract.check(op, "rest-json", 200, body.encode())

    seen = contract.as_json()
    assert seen["checked"] == 2
    ((sentence, times),) = seen["violations"].items()
    assert sentence.startswith("backup ListBackupJobs: BackupJobs[].State: 'LATE' is none of")
    assert times == 2
