"""A request that AWS would refuse is named, in each protocol, and nothing is found in one that it takes."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import pytest
from botocore.model import OperationModel
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from drills.aws.guarded.names import ScratchNames, scratch_tags
from drills.aws.scratch import Scratch
from drills.clock import SystemClock
from drills.config.target import RestoreConfig, Target
from drills.cutover.databases.cluster import with_end
from drills.errors import ConfigError
from drills.model.record import SCHEMA_VERSION, RunRecord
from drills.record import Journal, new_run_id
from drills.redaction import MASK
from drills.sandbox.door.contract import Contract
from drills.sandbox.door.requests import INSTANCE, judge, violations
from drills.sandbox.door.responses import operation_model
from tests.support.clock import NOON
from tests.support.points import point_of
from tests.support.recorded_answers import RecordedAnswer, answering_clients

RESTORE: dict[str, Any] = {
    "DBInstanceIdentifier": "drill-20261123-120000-abcd-recovery",
    "DBSnapshotIdentifier": "awsbackup:job-00000000-0000-4000-8000-000000000001",
    "VpcSecurityGroupIds": ["sg-0"],
    "PubliclyAccessible": False,
    "BackupRetentionPeriod": 0,
    "EnableCloudwatchLogsExports": [],
    "Tags": [{"Key": "drills:run", "Value": "20261123-120000-abcd"}, {"Key": "team", "Value": "Größe 1"}],
}


def model(service: str, operation: str) -> OperationModel:
    """botocore's model of an operation."""
    found = operation_model(service, operation)
    assert found is not None
    return found


def sent(service: str, operation: str, /, **members: Any) -> tuple[OperationModel, str, dict[str, Any]]:
    """A request as botocore writes it, and what is read of it from the wire."""
    of = model(service, operation)
    protocol = of.service_model.metadata["protocol"]
    written = create_serializer(protocol, include_validation=False).serialize_to_request(members, of)
    body: Any = written["body"]
    if protocol in ("query", "ec2"):
        return of, protocol, {key: value for key, value in body.items() if key not in ("Action", "Version")}
    inside = json.loads(body) if body and protocol != "rest-xml" else {}  # as the sandbox reads it
    inside |= dict(parse_qsl(urlsplit(written["url_path"]).query, keep_blank_values=True))
    shape: Any = of.input_shape
    outside = {
        shape.members[name].serialization.get("name", name): value
        for name, value in members.items()
        if "location" in shape.members[name].serialization
    }
    return of, protocol, inside | outside


def test_a_restore_as_a_drill_asks_for_it_violates_nothing() -> None:
    """A form with lists, an empty list, flags, numbers and tags in another alphabet."""
    assert violations(*sent("rds", "RestoreDBInstanceFromDBSnapshot", **RESTORE)) == []


@pytest.mark.parametrize(
    ("service", "operation", "members"),
    [
        ("ec2", "AuthorizeSecurityGroupIngress", {"GroupId": "sg-0", "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 5432,
         "ToPort": 5432, "IpRanges": [{"CidrIp": "10.0.0.1/32"}]}]}),
        ("ec2", "CreateSecurityGroup", {"GroupName": "drill-1", "Description": "admits the drill host, lets nothing out",
         "TagSpecifications": [{"ResourceType": "security-group", "Tags": [{"Key": "a", "Value": "b"}]}]}),
        ("ec2", "DescribeVpcs", {"Filters": [{"Name": "is-default", "Values": ["true"]}]}),
        ("backup", "StartBackupJob", {"BackupVaultName": "vault", "ResourceArn": "arn:aws:rds:r:1:db:orders",
         "IamRoleArn": "arn:aws:iam::1:role/r", "Lifecycle": {"DeleteAfterDays": 1}, "RecoveryPointTags": {"a": "b"}}),
        ("backup", "ListBackupJobs", {"ByResourceArn": "arn:aws:rds:r:1:db:orders", "ByState": "COMPLETED"}),
        ("backup", "PutRestoreValidationResult", {"RestoreJobId": "J", "ValidationStatus": "SUCCESSFUL"}),
        ("kms", "DescribeKey", {"KeyId": "arn:aws:kms:r:1:key/k"}),
        ("kms", "Sign", {"KeyId": "k", "Message": b"x" * 4096, "SigningAlgorithm": "ECDSA_SHA_256"}),
        ("s3", "GetObjectLockConfiguration", {"Bucket": "evidence"}),
        ("s3", "ListObjectVersions", {"Bucket": "evidence", "Prefix": "drills/", "MaxKeys": 10}),
        ("s3", "ListObjectsV2", {"Bucket": "evidence"}),
        ("s3", "PutBucketVersioning", {"Bucket": "evidence", "VersioningConfiguration": {"Status": "Enabled"}}),
        ("s3", "PutObject", {"Bucket": "evidence", "Key": "drill.json", "Body": b"{}", "ObjectLockMode": "GOVERNANCE"}),
        ("sts", "AssumeRole", {"RoleArn": "arn:aws:iam::123456789012:role/drill", "RoleSessionName": "postgresql-drill"}),
        ("ecs", "UpdateService", {"cluster": "c", "service": "s", "desiredCount": 0}),
        ("sns", "CreateTopic", {"Name": "drills", "Attributes": {"DisplayName": "x"}}),
        ("sns", "Publish", {"TopicArn": "arn:aws:sns:r:1:drills", "Message": "m",
         "MessageAttributes": {"kind": {"DataType": "String", "StringValue": "failure"}}}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_requests_of_each_protocol_violate_nothing(service: str, operation: str, members: dict[str, Any]) -> None:
    """As botocore writes them: query, ec2, JSON, and REST with JSON or XML; bytes are base64, a subresource of S3 has no value."""
    assert violations(*sent(service, operation, **members)) == []


@pytest.mark.parametrize(
    ("operation", "changes", "words"),
    [
        ("RestoreDBInstanceFromDBSnapshot", {"DBInstanceIdentifier": "drill--two"}, "1 to 63 letters"),
        ("RestoreDBInstanceFromDBSnapshot", {"DBInstanceIdentifier": "drill-"}, "no hyphen last"),
        ("RestoreDBInstanceFromDBSnapshot", {"DBInstanceIdentifier": "d" * 64}, "1 to 63 letters"),
        ("RestoreDBInstanceFromDBSnapshot", {"DBInstanceIdentifier": "1drill"}, "a letter first"),
        ("RestoreDBInstanceFromDBSnapshot", {"Tags": [{"Key": "rds:x", "Value": ""}]}, "without aws: or rds:"),
        ("RestoreDBInstanceFromDBSnapshot", {"Tags": [{"Key": "a!", "Value": ""}]}, "letters, digits, spaces"),
        ("RestoreDBInstanceFromDBSnapshot", {"Tags": [{"Key": "a", "Value": "b" * 257}]}, "at most 256"),
        ("RestoreDBInstanceFromDBSnapshot", {"Tags": [{"Key": f"a{n}", "Value": ""} for n in range(51)]}, "51 members"),
        ("RestoreDBInstanceFromDBSnapshot", {"BackupRetentionPeriod": 36}, "expected 0 to 35"),
        ("RestoreDBInstanceFromDBSnapshot", {"Port": 80}, "expected 1150 to 65535"),
        ("RestoreDBInstanceFromDBSnapshot", {"PubliclyAccessible": "no"}, "is no boolean"),
        ("RestoreDBInstanceFromDBSnapshot", {"DBInstanceIdentifier": None}, "DBInstanceIdentifier is missing"),
        ("ModifyDBInstance", {"DBInstanceIdentifier": "a", "MasterUserPassword": "a/bcdefgh"}, "printable ASCII"),
        ("ModifyDBInstance", {"DBInstanceIdentifier": "a", "NewDBInstanceIdentifier": "a--old"}, "single hyphens"),
        ("DescribeDBSnapshots", {"MaxRecords": 500}, "expected 20 to 100"),
        ("ModifyDBParameterGroup", {"DBParameterGroupName": "a", "Parameters": [{}] * 21}, "21 members"),
        ("CreateDBSubnetGroup", {"DBSubnetGroupName": "default", "DBSubnetGroupDescription": "d", "SubnetIds": ["s"]},
         "not default"),
    ],
)  # fmt: skip
def test_what_rds_refuses_is_named(operation: str, changes: dict[str, Any], words: str) -> None:
    """Names, lengths, characters, numbers, required members: the limits of the API reference."""
    members = RESTORE if operation.startswith("Restore") else {}
    whole = {key: value for key, value in {**members, **changes}.items() if value is not None}
    of = model("rds", operation)

    assert any(words in each for each in judge(of, whole)), judge(of, whole)


@pytest.mark.parametrize(
    ("service", "operation", "members", "words"),
    [
        ("backup", "StartBackupJob", {"BackupVaultName": "my vault"}, "does not match"),
        ("backup", "StartBackupJob", {"BackupVaultName": "v"}, "does not match"),
        ("backup", "PutRestoreValidationResult", {"RestoreJobId": "J", "ValidationStatus": "GOOD"}, "is none of"),
        ("ec2", "CreateSecurityGroup", {"GroupName": "sg-1", "Description": "d"}, "without sg-"),
        ("ec2", "CreateSecurityGroup", {"GroupName": "g", "Description": "größer"}, "EC2's characters"),
        ("ec2", "AuthorizeSecurityGroupIngress", {"IpPermissions": [{"FromPort": 70000}]}, "-1 to 65535"),
        ("sts", "AssumeRole", {"RoleArn": "arn:aws:iam::123456789012:role/drill", "RoleSessionName": "a b"}, "match"),
        ("rds", "DescribeDBInstances", {"Name": "orders"}, "no member Name"),
    ],
)
def test_what_other_services_refuse_is_named(service: str, operation: str, members: dict[str, Any], words: str) -> None:
    """The patterns, lengths and enumerated words of the model, which botocore itself does not hold."""
    found = judge(model(service, operation), members)

    assert any(words in each for each in found), found


@pytest.mark.parametrize(
    ("message", "words"), [("eHh4" * 1366, "4098 bytes is not within 1 and 4096"), ("x!", "2 characters are no base64")]
)
def test_bytes_are_measured_and_not_their_base64(message: str, words: str) -> None:
    """4,096 bytes are 5,464 characters of base64; what is refused is not shown, since it may be secret."""
    of, protocol, members = sent("kms", "Sign", KeyId="k", Message=b"x", SigningAlgorithm="ECDSA_SHA_256")

    assert violations(of, protocol, members | {"Message": message}) == [f"Message: {words}"]


@pytest.mark.parametrize("parameters", [{"Bucket": "evidence", "version": ""}, {"versions": ""}])
def test_a_request_of_s3_is_held_against_its_model(parameters: dict[str, str]) -> None:
    """Another subresource, and a request without its bucket, are named; the subresource of the operation is not."""
    assert len(violations(model("s3", "ListObjectVersions"), "rest-xml", parameters)) == 1


def test_only_what_was_accepted_counts() -> None:
    """A request that the sandbox has refused as AWS does is right so; one that it took is counted by its kind."""
    contract = Contract()
    of, protocol, form = sent("rds", "RestoreDBInstanceFromDBSnapshot", **{**RESTORE, "BackupRetentionPeriod": 99})

    assert contract.check_request(of, protocol, 400, form) == ()
    contract.check_request(of, protocol, 200, form)
    contract.check_request(of, protocol, 200, form)
    told = contract.as_json()
    assert told["requests"] == 2
    assert list(told["refusable"].values()) == [2]


def test_a_parameter_that_the_model_does_not_have_is_named() -> None:
    """A form may hold anything; what no member of the model is read from is left over."""
    of, protocol, form = sent("rds", "RestoreDBInstanceFromDBSnapshot", **RESTORE)

    assert violations(of, protocol, form | {"Tag.member.1.Key": "x"}) == ["the model has no parameter Tag.member.1.Key"]


# -- whatever drill.toml accepts, RDS takes ------------------------------------------------------------------------------------

text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=300)
identifiers = st.from_regex(re.compile(r"[A-Za-z](-?[A-Za-z0-9]){0,62}"), fullmatch=True)
ANSWERS: dict[str, dict[str, Any]] = {
    "rds.DescribeDBParameters": {"Parameters": [{"ParameterName": f"p{n}", "ParameterValue": "1"} for n in range(45)]},
    "ec2.CreateSecurityGroup": {"GroupId": "sg-00000000000000001"},
    "ec2.DescribeSecurityGroups": {"SecurityGroups": [{"IpPermissionsEgress": [{"IpProtocol": "-1"}]}]},
    "ec2.DescribeVpcs": {"Vpcs": [{"VpcId": "vpc-00000000000000001"}]},
    "ec2.DescribeSubnets": {"Subnets": [{"SubnetId": "subnet-00000000000000001"}]},
}


class Asked:
    """Clients that keep what is asked of them, each request validated as botocore does and as AWS does."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.operations: set[str] = set()
        self.clients = answering_clients(self._answer)
        for service in (self.clients.rds, self.clients.ec2):
            service.meta.events.register("before-parameter-build", self._ask)

    def _answer(self, of: OperationModel) -> bytes:
        name = f"{of.service_model.service_name}.{of.name}"
        return RecordedAnswer("", "", "", name, {}, ANSWERS.get(name, {})).on_the_wire()

    def _ask(self, params: dict[str, Any], model: OperationModel, **_: Any) -> None:
        report = ParamValidator().validate(params, cast("Any", model.input_shape))
        self.operations.add(model.name)
        self.wrong += [report.generate_report()] if report.has_errors() else []
        self.wrong += [f"{model.name}: {each}" for each in judge(model, params)]


@pytest.fixture(scope="module")
def asked() -> Asked:
    """One set of clients, made once."""
    return Asked()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(
    name=text,
    instance=identifiers,
    tags=st.dictionaries(text, text, max_size=4) | st.dictionaries(st.from_regex(r"[a-z]{1,9}", fullmatch=True), text),
    at=st.datetimes(datetime(2026, 1, 1), datetime(2099, 1, 1)),
)
def test_whatever_the_configuration_accepts_leads_to_requests_that_aws_takes(
    asked: Asked, tmp_path_factory: pytest.TempPathFactory, name: str, instance: str, tags: dict[str, str], at: datetime
) -> None:
    """Any name of a target, instance and tag: the groups, the restore and the copy are asked for within AWS's limits."""
    given_target = {"instance": instance, "tags": tags}
    assume(accepted(given_target))
    run_id = new_run_id(at.replace(tzinfo=UTC))
    folder = tmp_path_factory.mktemp("run")
    record = RunRecord(SCHEMA_VERSION, run_id, "aws", False, NOON, "0")
    journal = Journal.create(folder, record, origin=0, clock=SystemClock())
    point = point_of("nightly", kind="manual", vault=None, status="available", engine_version="16.4")
    own = scratch_tags(run_id, name, "2026-11-23T16:00:00+00:00", tags)
    scratch = Scratch(asked.clients, RestoreConfig(), journal, own)
    source = cast(
        "Any", SimpleNamespace(parameter_group="g", engine_version="16.4", vpc_id="vpc-0", subnet_ids=("s-0",))
    )
    asked.wrong.clear()

    for purpose in ("recovery", "rehearsal", "moment"):
        names = ScratchNames.of(run_id, purpose)
        groups = scratch.make_groups(names, point, source)
        scratch.restore(names, groups, point)
        scratch.copy_snapshot(point, names.snapshot, source_region="eu-west-1")

    assert asked.wrong == []
    assert {"CreateSecurityGroup", "CreateDBParameterGroup", "CopyDBSnapshot"} <= asked.operations


def accepted(target: dict[str, Any]) -> bool:
    """Whether drill.toml takes a table of a target."""
    try:
        Target.model_validate(target)
    except (ValueError, ConfigError):
        return False
    return True


@given(identifiers)
def test_the_names_of_a_cut_over_are_names_of_instances(instance: str) -> None:
    """A long name is cut where it is, also right after a hyphen."""
    for end in ("-old", "-restored"):
        assert INSTANCE.keeps(with_end(instance, end))
        assert with_end(instance, end).endswith(end)


def test_every_request_of_a_kept_call_log_is_judged(tmp_path: Path) -> None:
    """A call log of a run is read as it is kept: numbers as text, secrets as stars."""
    of, protocol, form = sent(
        "rds", "ModifyDBInstance", DBInstanceIdentifier="a", MasterUserPassword=MASK, ApplyImmediately=True
    )
    kept = tmp_path / "calls.json"
    kept.write_text(json.dumps([form]))

    assert violations(of, protocol, json.loads(kept.read_text())[0]) == []
