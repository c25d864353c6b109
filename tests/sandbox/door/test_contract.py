"""The contract's check must see what is wrong, in each protocol, and find nothing in what is right."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.model import OperationModel, ServiceModel

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


def test_an_answer_without_a_body_has_its_status_for_a_code() -> None:
    """HeadBucket of S3: a word would have been read out of a body that HTTP does not let it have."""
    operation = model("s3", "HeadBucket")

    assert violations(operation, "rest-xml", 404, b"", "404") == []
    assert "without a body" in violations(operation, "rest-xml", 404, b"", "NoSuchBucket")[0]


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


def of_every_type(protocol: str, **more: Any) -> OperationModel:
    """An operation whose answer has a member of each type that botocore's models have; `more` are further shapes."""
    scalars = ("string", "boolean", "integer", "long", "float", "double", "timestamp", "blob")
    shapes: dict[str, Any] = {each: {"type": each} for each in scalars}
    shapes["colour"] = {"type": "string", "enum": ["red", "blue"]}
    shapes["names"] = {"type": "list", "member": {"shape": "string"}}
    shapes["flat"] = {"type": "list", "member": {"shape": "integer", "locationName": "n"}, "flattened": True}
    shapes["sizes"] = {"type": "map", "key": {"shape": "colour"}, "value": {"shape": "integer"}}
    shapes["entries"] = shapes["sizes"] | {"flattened": True}
    every = (*scalars, "colour", "names", "flat", "sizes", "entries")
    shapes["answer"] = {"type": "structure", "members": {f"{each}Of": {"shape": each} for each in every}}
    shapes["answer"]["members"]["header"] = {"shape": "string", "location": "header", "locationName": "x-h"}
    shapes |= more
    operation = {"name": "Op", "http": {"method": "POST", "requestUri": "/"}, "output": {"shape": "answer"}}
    if protocol == "query":
        operation["output"] = {"shape": "answer", "resultWrapper": "OpResult"}
    metadata = {"protocol": protocol, "apiVersion": "1", "endpointPrefix": "made", "serviceId": "made"}
    service = ServiceModel({"metadata": metadata, "operations": {"Op": operation}, "shapes": shapes}, "made")
    return service.operation_model("Op")


@pytest.mark.parametrize(
    ("member", "right", "wrong"),
    [
        ("stringOf", ["a", "", None], [1, True, ["a"]]),
        ("booleanOf", [True, False], ["true", 1]),
        ("integerOf", [0, -1], [1.5, "1", True]),
        ("longOf", [2**40], [0.5, False]),
        ("floatOf", [1, 0.5, "NaN", "-Infinity"], ["0.5", True]),
        ("doubleOf", [1e300, "Infinity"], ["much"]),
        ("timestampOf", [0, 1.25], ["2026-01-02T03:04:05Z", True]),
        ("blobOf", ["aGk=", ""], ["a", 1]),
        ("colourOf", ["red"], ["green"]),
        ("namesOf", [["a"], []], ["a", [1]]),
        ("sizesOf", [{"red": 1}], [{"green": 1}, {"red": "1"}, [1]]),
    ],
)
def test_each_type_of_a_json_answer_takes_its_values_and_no_others(
    member: str, right: list[object], wrong: list[object]
) -> None:
    """A client of another language reads no text as a number, and no number as a flag."""
    op = of_every_type("json")

    for each in right:
        assert violations(op, "json", 200, json.dumps({member: each}).encode()) == [], each
    for each in wrong:
        assert len(violations(op, "json", 200, json.dumps({member: each}).encode())) == 1, each


@pytest.mark.parametrize(
    ("inner", "wrong"),
    [
        (
            "<stringOf/><booleanOf>false</booleanOf><longOf>-7</longOf><floatOf>1.5e3</floatOf><doubleOf>NaN</doubleOf>",
            "",
        ),
        (
            "<blobOf>aGk=</blobOf><namesOf><member>a</member></namesOf><flatOf>1</flatOf>",
            "the model has no member flatOf",
        ),
        ("<n>1</n><n>2</n>", ""),
        ("<n>one</n>", "flatOf[]: 'one' is no integer"),
        ("<sizesOf><entry><key>red</key><value>1</value></entry></sizesOf>", ""),
        ("<sizesOf><entry><key>green</key></entry></sizesOf>", "'green' is none of red, blue"),
        ("<sizesOf><entry><size>1</size></entry></sizesOf>", "an element size in a map"),
        ("<entriesOf><key>red</key><value>1</value></entriesOf><entriesOf><key>blue</key></entriesOf>", ""),
        ("<entriesOf><key>red</key><value>x</value></entriesOf>", "entriesOf.value: 'x' is no integer"),
        ("<blobOf>a</blobOf>", "'a' is no blob"),
        ("<doubleOf>much</doubleOf>", "'much' is no double"),
        ("<header>a</header>", "the model has no member header"),
    ],
)
def test_each_type_of_an_xml_answer_takes_its_values_and_no_others(inner: str, wrong: str) -> None:
    """Flattened lists and maps stand without an element of their own, and are named as the model says."""
    op = of_every_type("query")
    body = f"<OpResponse><OpResult>{inner}</OpResult></OpResponse>".encode()
    found = violations(op, "query", 200, body)

    assert [wrong in each for each in found] == [True] * bool(wrong)


def test_a_payload_is_the_body_by_itself() -> None:
    """One of bytes is no document that could be wrong; one with members is read without the structure around it."""
    raw = {"type": "structure", "payload": "body", "members": {"body": {"shape": "blob"}}}
    inner = {"type": "structure", "payload": "body", "members": {"body": {"shape": "part"}}}
    part = {"type": "structure", "required": ["size"], "members": {"size": {"shape": "integer"}}}

    assert violations(of_every_type("rest-json", answer=raw), "rest-json", 200, b"\xff{") == []
    op = of_every_type("rest-json", answer=inner, part=part)
    assert violations(op, "rest-json", 200, b'{"size": 1}') == []
    assert violations(op, "rest-json", 200, b"{}") == [": the required member size is missing"]
    assert violations(op, "smithy", 200, b"{}") == []  # a protocol that is not read


def test_requests_that_aws_would_refuse_are_counted_by_what_is_wrong() -> None:
    """Only those that were accepted, and only of services that are emulated."""
    contract, op = Contract(), model("rds", "DeleteDBInstance")
    foreign = of_every_type("query")

    assert contract.check_request(op, "query", 400, {}) == ()
    assert contract.check_request(foreign, "query", 200, {}) == ()
    assert contract.check(foreign, "query", 200, b"no XML") == ()
    (found,) = contract.check_request(op, "query", 200, {})
    contract.check_request(op, "query", 200, {})
    seen = contract.as_json()
    assert (seen["checked"], seen["requests"]) == (0, 2)
    assert seen["refusable"] == {f"rds DeleteDBInstance, a request: {found}": 2}
