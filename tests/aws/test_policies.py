"""The IAM policies of infra/iam: known to AWS, exactly what is called, and never a right to change the source."""

from __future__ import annotations

import ast
import functools
import json
import re
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from moto.iam.access_control import IAMPolicy, PermissionResult

from drills.aws.guarded import permits
from drills.aws.guarded.rules import CHANGES, MAKES
from drills.sandbox.door.calls import AwsRequest
from tests.support.enforcing import questions
from tests.support.evaluating import ALLOWED, REFUSED, Simulator
from tests.support.paths import CHECKOUT
from tests.support.policies import (
    ACCOUNT,
    FOLDER,
    NAMES,
    REGION,
    VALUES,
    actions_of,
    allowed,
    calls,
    listed,
    policy,
    statements,
)

RDS = f"arn:aws:rds:{REGION}:{ACCOUNT}"
CLUSTER, CLUSTER_COPY = f"{RDS}:cluster:orders", f"{RDS}:cluster:drill-20261123-120000-abcd-recovery"
SOURCE, COPY = f"{RDS}:db:orders", f"{RDS}:db:drill-20261123-120000-abcd-recovery"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:drill-20261123-120000-abcd-recovery-login-AbCdEf"
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders"
# the reference writes recovery points with a colon before their id, as RDS does; EC2 names a snapshot with a slash and no account
# (AWS Backup developer guide, "Restoring an Amazon EBS volume"), which the simulator does not know either
OTHER_FORMS = {"backup:StartRestoreJob": {"arn:${Partition}:ec2:${Region}::snapshot/${SnapshotId}"}}
VOLUME = f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/vol-1"
FILE_SYSTEM = f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/fs-1"
BUCKET, BUCKET_COPY = "arn:aws:s3:::invoices", "arn:aws:s3:::drill-20261123-120000-abcd-recovery"
OWN_VOLUME = {"aws:ResourceTag/drills:run": "r", "aws:ResourceTag/Name": "drill-r-j"}
NAMED = {"aws:RequestTag/drills:run": "r", "aws:RequestTag/Name": "drill-r-j"}
TABLE_COPY = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/drill-20261123-120000-abcd-recovery"
TEST, CLUSTER_TEST = f"{RDS}:db:awsbackup-restore-test-1", f"{RDS}:cluster:awsbackup-restore-test-1"
# characters of a managed policy, and of a role's inline ones together, without white space ("IAM and AWS STS quotas", User Guide)
LONGEST, LONGEST_INLINE = 6144, 10240


# -- the calls, both ways ---------------------------------------------------------------------------------------------


def test_each_policy_file_is_tested() -> None:
    """A further file is one that nothing here reads."""
    assert {path.stem for path in FOLDER.glob("*.json")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_allows_what_its_command_calls_and_nothing_else(name: str) -> None:
    """Each call is allowed; each allowed action is called, or is one that AWS asks for with a call, with the reason."""
    known = calls()[name]

    assert allowed(name) == actions_of(known["calls"]) | set(known["without a call"])
    assert not actions_of(known["calls"]) & set(known["without a call"])
    assert all(known["without a call"].values())


@functools.cache
def named_in_code() -> frozenset[str]:
    """The operations that the engine's code names, as a method of boto3, as text for a paginator, or as the guard's own."""
    session = botocore.session.get_session()
    methods: dict[str, set[str]] = {}
    for service in (
        "application-autoscaling",
        "backup",
        "cloudwatch",
        "dynamodb",
        "ec2",
        "ecs",
        "efs",
        "iam",
        "kms",
        "logs",
        "pricing",
        "rds",
        "s3",
        "secretsmanager",
        "service-quotas",
        "sns",
        "sts",
    ):
        for operation in session.get_service_model(service).operation_names:
            methods.setdefault(xform_name(operation), set()).add(f"{service}:{operation}")
    found = {*MAKES, *CHANGES, *permits.CUTOVER, *permits.INCIDENT, "kms:Sign", "sns:Publish", "dynamodb:Scan"}
    for path in (CHECKOUT / "drills").rglob("*.py"):
        if path.is_relative_to(CHECKOUT / "drills/sandbox"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = (
                node.attr if isinstance(node, ast.Attribute) else node.value if isinstance(node, ast.Constant) else None
            )
            if isinstance(name, str) and "_" in name:
                found |= methods.get(name, set())
    return frozenset(found)


def test_what_is_called_stands_in_the_code_and_the_other_way_round() -> None:
    """An operation that is new in the code needs a policy, and one that has gone from it leaves the policies."""
    known = {call for name in NAMES for call in calls()[name]["calls"]}
    others = (
        ":ListTagsForResource",
        ":CopySnapshot",
        ":DescribeAccountAttributes",
        ":DescribeServices",
    )  # of services with a method of that name
    twins = {each for each in named_in_code() if each.endswith(others)}

    assert known <= named_in_code()
    assert named_in_code() - known - set(calls()["sandbox alone"]) - twins - {"sts:AssumeRole"} == set()


# -- what AWS knows of actions ------------------------------------------------------------------------------------------


@functools.cache
def reference(action: str) -> list[dict[str, Any]]:
    """What the Service Authorization Reference says of an action: one entry for each kind of resource."""
    actions = pytest.importorskip(
        "policy_sentry.querying.actions", reason="a dependency of the tests, which is not installed"
    )
    service, name = action.split(":")
    found: list[dict[str, Any]] = (actions.get_action_data(service, name) or {}).get(service, [])
    return found


def every_statement() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each statement of each policy, with the name of the policy."""
    for name in NAMES:
        for each in policy(name)["Statement"]:
            yield name, each


STATEMENTS = [pytest.param(each, id=f"{name}-{each['Sid']}") for name, each in every_statement()]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_aws_knows_each_action(statement: dict[str, Any]) -> None:
    """None is misspelt, and none is a pattern, which would come to allow what AWS adds."""
    assert [each for each in listed(statement["Action"]) if not reference(each)] == []


@pytest.mark.parametrize("statement", [each for each in STATEMENTS if "-Never" not in str(each.id)])
def test_each_resource_is_of_a_kind_that_an_action_of_the_statement_takes(statement: dict[str, Any]) -> None:
    """An ARN that no action of the statement is ever asked with allows nothing; an action without one is refused always."""
    for arn in listed(statement["Resource"]):
        if arn == "*":
            continue
        assert any(takes(action, arn) for action in listed(statement["Action"])), arn
    for action in listed(statement["Action"]):
        assert any(arn == "*" or takes(action, arn) for arn in listed(statement["Resource"])), action


def takes(action: str, arn: str) -> bool:
    """Whether a kind of resource of an action has ARNs such as this; a placeholder of the reference stands for anything."""
    forms = {each["resource_arn_format"] for each in reference(action)} | OTHER_FORMS.get(action, set())
    return any(re.fullmatch(pattern_of(form), arn) for form in forms)


def pattern_of(form: str) -> str:
    """The regular expression of an ARN's form in the reference; AWS's "*" alone means that the action takes no resource."""
    return re.sub(r"\\\$\\\{[^}]*\\\}", ".*", re.escape(form)).replace(r"\*", ".*") if form != "*" else r"\*"


@pytest.mark.parametrize("statement", [each for each in STATEMENTS if "Condition" in each.values[0]])  # type: ignore[operator]
def test_each_condition_is_one_that_every_action_has(statement: dict[str, Any]) -> None:
    """A condition on a key that a request does not have refuses it always, and a Null or a Bool might let it pass."""
    for conditions in statement["Condition"].values():
        for key in conditions:
            for action in listed(statement["Action"]):
                known = {each.split("/")[0] for entry in reference(action) for each in entry["condition_keys"]}
                assert key.split("/")[0] in known, f"{action}: {key}"


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_is_one_that_iam_takes(name: str) -> None:
    """Its size, the version of its language, and identifiers of statements that differ and have letters and digits alone."""
    read = policy(name)
    sids = [each["Sid"] for each in read["Statement"]]

    assert read["Version"] == "2012-10-17"
    assert size(name) <= LONGEST
    assert len(set(sids)) == len(sids)
    assert all(re.fullmatch("[A-Za-z0-9]+", sid) for sid in sids)


def size(name: str, **values: str) -> int:
    """The characters of a policy that IAM counts: all but white space."""
    return len(re.sub(r"\s", "", json.dumps(policy(name, **values))))


# the longest values: names of RDS, of vaults, of ECS, of secrets and of buckets (API references of each), a role without a path
LONGEST_VALUES = {
    "source": "a" * 63,
    "renamed": "a" * 63,
    "parameter_group": "a" * 255,
    "subnet_group": "a" * 255,
    "vault": "a" * 50,
    "cluster": "a" * 255,
    "service": "a" * 255,
    "backup_role_arn": f"arn:aws:iam::{ACCOUNT}:role/{'a' * 64}",
    "restore_role_arn": f"arn:aws:iam::{ACCOUNT}:role/{'a' * 64}",
    "monitoring_role_arn": f"arn:aws:iam::{ACCOUNT}:role/{'a' * 64}",
    "secret_arn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{'a' * 512}",
    "evidence_bucket": "a" * 63,
    "manifest_bucket": "a" * 63,
    "journal_bucket": "a" * 63,
    "bucket": "a" * 63,
}


def test_policies_stay_within_iams_sizes_whatever_the_names() -> None:
    """Each as a managed policy, the cut-over's with the longest names inline alone; those of one role together inline."""
    sizes = {name: size(name, **LONGEST_VALUES) for name in NAMES}
    one_role = ("drill", "sweep", "posture", "evidence", "manifest-reader")

    assert [name for name in NAMES if sizes[name] > LONGEST] == ["cutover"]
    assert sizes["cutover"] <= LONGEST_INLINE
    assert sum(sizes[name] for name in one_role) <= LONGEST_INLINE


# -- an evaluator that nobody here wrote: moto's ------------------------------------------------------------------------
# It matches actions and resources. Of conditions it knows StringEquals in trust policies alone and takes every other for met,
# and a Deny with NotResource for an Allow. So it is given the statements that allow, and says what they can allow at most.


def at_most(name: str, action: str, resource: str) -> bool:
    """Whether a policy can allow an action on a resource, with whatever conditions met."""
    allows = {"Version": "2012-10-17", "Statement": list(statements(name))}
    return IAMPolicy(json.dumps(allows)).is_action_permitted(action, resource) is PermissionResult.PERMITTED


HARM = (
    *(
        "rds:DeleteDBInstance",
        "rds:ModifyDBInstance",
        "rds:RebootDBInstance",
        "rds:StopDBInstance",
        "rds:AddTagsToResource",
    ),
    *(
        "rds:DeleteDBInstanceAutomatedBackup",
        "rds:PromoteReadReplica",
        "rds:RemoveTagsFromResource",
        "rds:CreateDBSnapshot",
    ),
)


@pytest.mark.parametrize("action", HARM)
@pytest.mark.parametrize("name", [name for name in NAMES if name != "cutover"])
def test_no_policy_but_the_cut_overs_can_change_the_source(name: str, action: str) -> None:
    """Whatever conditions are met: an instance that no drill has named is changed by nobody."""
    for resource in (SOURCE, f"{RDS}:db:orders-drill-1", f"{RDS}:db:mydrill-1", f"{RDS}:snapshot:nightly"):
        assert not at_most(name, action, resource)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("posture", set()),
        ("posture-resources", set()),
        ("evidence", {"kms:Sign", "s3:PutObject", "s3:PutObjectRetention"}),
        ("manifest", {"kms:Sign", "s3:PutObject"}),
        ("manifest-reader", set()),
    ],
)
def test_what_only_reads_can_change_no_database(name: str, changes: set[str]) -> None:
    """Posture and the reader have reads alone; evidence and manifests an object more in their own bucket, and a signature."""
    assert {each for each in allowed(name) if not permits.is_read(each)} == changes


def test_who_takes_manifests_reads_no_key_of_theirs() -> None:
    """Nor a manifest but those under a point, which it must see not to store another one: what it has stored is for the drill."""
    bucket = f"arn:aws:s3:::{VALUES['manifest_bucket']}/drills/orders"

    assert at_most("manifest", "s3:GetObject", f"{bucket}/points/arn:aws:backup:x/manifest.json")
    assert not at_most("manifest", "s3:GetObject", f"{bucket}/keys/20261129T031502Z-1f9a03c4.key")
    assert not at_most("manifest", "s3:GetObject", f"{bucket}/times/20261129T031502Z-1f9a03c4/manifest.json")
    assert at_most("manifest-reader", "s3:GetObject", f"{bucket}/keys/20261129T031502Z-1f9a03c4.key")


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        *(
            (action, COPY)
            for action in ("rds:RestoreDBInstanceFromDBSnapshot", "rds:ModifyDBInstance", "rds:DeleteDBInstance")
        ),
        ("rds:RestoreDBInstanceFromDBSnapshot", f"{RDS}:snapshot:awsbackup:job-1"),
        ("rds:RestoreDBInstanceFromDBSnapshot", f"{RDS}:subgrp:{VALUES['subnet_group']}"),
        ("rds:DeleteDBParameterGroup", f"{RDS}:pg:drill-20261123-120000-abcd-recovery-parameters"),
        ("rds:CreateDBParameterGroup", f"{RDS}:pg:drill-lock-0123456789abcdef-1"),
        ("rds:DeleteDBSnapshot", f"{RDS}:snapshot:drill-20261123-120000-abcd-recovery-copy"),
        (
            "logs:DeleteLogGroup",
            f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/rds/instance/drill-20261123-120000-abcd-recovery/postgresql",
        ),
    ],
)
def test_a_drill_can_do_what_it_does(action: str, resource: str) -> None:
    """Its own instance, groups, copies and logs, under the names that it gives."""
    assert at_most("drill", action, resource)


# -- and one that knows conditions --------------------------------------------------------------------------------------

OWN = {"aws:ResourceTag/drills:run": "20261123-120000-abcd"}
GIVEN = {"aws:RequestTag/drills:run": "20261123-120000-abcd", "rds:PubliclyAccessible": "false"}
DECISIONS: list[tuple[str, str, str, dict[str, str], bool]] = [
    ("drill", "rds:DeleteDBInstance", COPY, OWN, True),
    ("drill", "rds:ModifyDBInstance", COPY, OWN, True),
    ("drill", "rds:DeleteDBInstance", COPY, {}, False),
    ("drill", "rds:ModifyDBInstance", COPY, {}, False),
    ("drill", "rds:DeleteDBInstance", SOURCE, {}, False),
    ("drill", "rds:DeleteDBInstance", SOURCE, OWN, False),
    ("drill", "rds:ModifyDBInstance", SOURCE, OWN, False),
    ("drill", "rds:RebootDBInstance", SOURCE, OWN, False),
    ("drill", "rds:RestoreDBInstanceFromDBSnapshot", COPY, GIVEN, True),
    ("drill", "rds:RestoreDBInstanceFromDBSnapshot", COPY, GIVEN | {"rds:PubliclyAccessible": "true"}, False),
    ("drill", "rds:RestoreDBInstanceFromDBSnapshot", COPY, {"rds:PubliclyAccessible": "false"}, False),
    ("drill", "rds:RestoreDBInstanceFromDBSnapshot", f"{RDS}:db:orders-2", GIVEN, False),
    ("drill", "rds:AddTagsToResource", SOURCE, GIVEN, False),
    ("drill", "backup:DeleteRecoveryPoint", f"{RDS}:snapshot:awsbackup:job-1", OWN, False),
    ("sweep", "rds:DeleteDBInstance", COPY, OWN, True),
    ("sweep", "rds:DeleteDBInstance", COPY, {}, False),
    ("sweep", "rds:DeleteDBInstance", SOURCE, OWN, False),
    ("aurora", "rds:RestoreDBClusterFromSnapshot", CLUSTER_COPY, GIVEN, True),
    ("aurora", "rds:RestoreDBClusterFromSnapshot", CLUSTER_COPY, {}, False),
    ("aurora", "rds:RestoreDBClusterFromSnapshot", CLUSTER, GIVEN, False),
    ("aurora", "rds:CreateDBInstance", CLUSTER_COPY, GIVEN, True),
    ("aurora", "rds:CreateDBInstance", CLUSTER_COPY, GIVEN | {"rds:PubliclyAccessible": "true"}, False),
    ("aurora", "rds:CreateDBInstance", CLUSTER, GIVEN, False),
    ("aurora", "rds:ModifyDBCluster", CLUSTER_COPY, OWN, True),
    ("aurora", "rds:ModifyDBCluster", CLUSTER_COPY, {}, False),
    ("aurora", "rds:ModifyDBCluster", CLUSTER, OWN, False),
    ("aurora", "rds:DeleteDBCluster", CLUSTER_COPY, OWN, True),
    ("aurora", "rds:DeleteDBCluster", CLUSTER, OWN, False),
    ("sweep", "rds:DeleteDBCluster", CLUSTER_COPY, OWN, True),
    ("sweep", "rds:DeleteDBCluster", CLUSTER_COPY, {}, False),
    ("sweep", "rds:DeleteDBCluster", CLUSTER, OWN, False),
    ("ebs", "ec2:DeleteVolume", VOLUME, OWN_VOLUME, True),
    ("ebs", "ec2:DeleteVolume", VOLUME, {}, False),
    ("ebs", "ec2:DeleteVolume", VOLUME, {"aws:ResourceTag/drills:run": "r"}, False),
    ("ebs", "ec2:CreateTags", VOLUME, NAMED, True),
    ("ebs", "ec2:CreateTags", VOLUME, {**NAMED, **OWN_VOLUME}, True),
    ("ebs", "ec2:CreateTags", VOLUME, {**NAMED, "aws:ResourceTag/Name": "of somebody"}, False),
    ("ebs", "ec2:CreateTags", VOLUME, {"aws:RequestTag/drills:run": "r"}, False),
    ("ebs", "backup:StartRestoreJob", f"{RDS}:snapshot:awsbackup:job-1", {}, False),
    ("lock", "rds:CreateDBParameterGroup", f"{RDS}:pg:drill-lock-0123456789abcdef-1", GIVEN, True),
    ("lock", "rds:CreateDBParameterGroup", f"{RDS}:pg:drill-lock-0123456789abcdef-1", {}, False),
    ("lock", "rds:CreateDBParameterGroup", f"{RDS}:pg:drill-20261123-120000-abcd-recovery-parameters", GIVEN, False),
    ("lock", "rds:DeleteDBParameterGroup", f"{RDS}:pg:drill-lock-0123456789abcdef-1", OWN, True),
    ("lock", "rds:DeleteDBParameterGroup", f"{RDS}:pg:production", OWN, False),
    ("efs", "elasticfilesystem:DeleteFileSystem", FILE_SYSTEM, OWN_VOLUME, True),
    ("efs", "elasticfilesystem:DeleteFileSystem", FILE_SYSTEM, {}, False),
    ("efs", "elasticfilesystem:DeleteFileSystem", FILE_SYSTEM, {"aws:ResourceTag/drills:run": "r"}, False),
    ("efs", "elasticfilesystem:TagResource", FILE_SYSTEM, NAMED, True),
    ("efs", "elasticfilesystem:TagResource", FILE_SYSTEM, {**NAMED, **OWN_VOLUME}, True),
    ("efs", "elasticfilesystem:TagResource", FILE_SYSTEM, {**NAMED, "aws:ResourceTag/Name": "of somebody"}, False),
    ("efs", "elasticfilesystem:TagResource", FILE_SYSTEM, {"aws:RequestTag/drills:run": "r"}, False),
    ("efs", "backup:StartRestoreJob", f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:1", {}, True),
    ("efs", "backup:StartRestoreJob", f"{RDS}:snapshot:awsbackup:job-1", {}, False),
    ("s3", "s3:DeleteBucket", BUCKET_COPY, {}, True),
    ("s3", "s3:DeleteBucket", BUCKET, {}, False),
    ("s3", "s3:DeleteObjectVersion", f"{BUCKET_COPY}/2026/a", {}, True),
    ("s3", "s3:DeleteObjectVersion", f"{BUCKET}/2026/a", {}, False),
    ("s3", "s3:DeleteObject", f"{BUCKET}/drill-a/b", {}, False),
    ("s3", "s3:PutObject", f"{BUCKET_COPY}/2026/a", {}, False),
    ("s3", "s3:PutBucketVersioning", BUCKET, {}, False),
    ("s3", "s3:GetObjectVersion", f"{BUCKET}/2026/a", {}, True),
    ("s3", "s3:GetObject", "arn:aws:s3:::of-others/a", {}, False),
    ("s3", "backup:StartRestoreJob", f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:invoices-1", {}, True),
    ("dynamodb", "dynamodb:DeleteTable", TABLE_COPY, {}, True),
    ("dynamodb", "dynamodb:DeleteTable", TABLE, {}, False),
    ("dynamodb", "dynamodb:TagResource", TABLE, {}, False),
    ("dynamodb", "dynamodb:Scan", TABLE_COPY, {}, True),
    ("dynamodb", "dynamodb:Scan", TABLE, {}, False),
    ("dynamodb", "backup:StartRestoreJob", f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:1", {}, True),
    ("dynamodb", "backup:StartRestoreJob", f"{RDS}:snapshot:awsbackup:job-1", {}, False),
    ("dynamodb", "iam:PassRole", VALUES["restore_role_arn"], {"iam:PassedToService": "backup.amazonaws.com"}, True),
    ("dynamodb", "iam:PassRole", VALUES["restore_role_arn"], {"iam:PassedToService": "ec2.amazonaws.com"}, False),
    ("validator", "rds:ModifyDBInstance", TEST, {"aws:ResourceTag/awsbackup-restore-test": "1"}, True),
    ("validator", "rds:ModifyDBInstance", TEST, {}, False),
    ("aurora-validator", "rds:ModifyDBCluster", CLUSTER_TEST, {"aws:ResourceTag/awsbackup-restore-test": "1"}, True),
    ("aurora-validator", "rds:ModifyDBCluster", CLUSTER_TEST, {}, False),
    ("aurora-validator", "rds:ModifyDBCluster", CLUSTER, {"aws:ResourceTag/awsbackup-restore-test": "1"}, False),
    ("aurora-validator", "rds:CreateDBInstance", CLUSTER_TEST, GIVEN, True),
    ("aurora-validator", "rds:CreateDBInstance", CLUSTER, GIVEN, False),
    ("aurora-validator", "rds:DeleteDBInstance", COPY, OWN, True),
    ("aurora-validator", "rds:DeleteDBInstance", COPY, {}, False),
    ("validator", "rds:DeleteDBInstance", COPY, OWN, False),
    ("validator", "rds:ModifyDBInstance", SOURCE, {"aws:ResourceTag/awsbackup-restore-test": "1"}, False),
    ("validator", "rds:CreateDBParameterGroup", f"{RDS}:pg:drill-lock-0123456789abcdef-1", GIVEN, True),
    ("validator", "rds:CreateDBParameterGroup", f"{RDS}:pg:orders", GIVEN, False),
    ("validator", "rds:DeleteDBParameterGroup", f"{RDS}:pg:drill-lock-0123456789abcdef-1", OWN, True),
    ("validator", "rds:DeleteDBParameterGroup", f"{RDS}:pg:drill-20261123-120000-abcd-recovery-parameters", OWN, False),
    ("backup", "iam:PassRole", VALUES["backup_role_arn"], {"iam:PassedToService": "backup.amazonaws.com"}, True),
    ("backup", "iam:PassRole", VALUES["backup_role_arn"], {"iam:PassedToService": "ec2.amazonaws.com"}, False),
    (
        "backup",
        "iam:PassRole",
        f"arn:aws:iam::{ACCOUNT}:role/admin",
        {"iam:PassedToService": "backup.amazonaws.com"},
        False,
    ),
    ("cutover", "rds:ModifyDBInstance", SOURCE, {}, True),
    ("cutover", "rds:ModifyDBInstance", f"{RDS}:db:ordersarchive", {}, False),
    ("aurora-cutover", "rds:ModifyDBCluster", CLUSTER, {}, True),
    ("aurora-cutover", "rds:ModifyDBCluster", f"{RDS}:cluster:ordersarchive", {}, False),
    ("aurora-cutover", "rds:ModifyDBInstance", f"{RDS}:db:orders-old-1", {}, True),
    ("aurora-cutover", "rds:ModifyDBInstance", f"{RDS}:db:archive-1", {}, False),
    ("drill", "pricing:GetProducts", "*", {}, True),
    ("restore", "rds:DeleteDBInstance", SOURCE, OWN, False),
    ("restore", "rds:AddTagsToResource", SOURCE, OWN | GIVEN, False),
    ("restore", "rds:AddTagsToResource", COPY, OWN, True),
    ("restore", "rds:AddTagsToResource", COPY, {}, False),
    ("restore", "rds:RemoveTagsFromResource", COPY, OWN, True),
    ("restore", "rds:RemoveTagsFromResource", SOURCE, OWN, False),
    ("restore", "secretsmanager:UntagResource", SECRET, OWN, True),
    ("restore", "secretsmanager:UntagResource", SECRET, {}, False),
    ("restore", "secretsmanager:CreateSecret", SECRET, GIVEN, True),
    ("restore", "secretsmanager:CreateSecret", SECRET, {}, False),
    ("restore", "secretsmanager:DeleteSecret", SECRET, OWN, True),
    ("restore", "secretsmanager:DeleteSecret", VALUES["secret_arn"], OWN, False),
    ("sweep", "secretsmanager:DeleteSecret", SECRET, {}, False),
    ("evidence", "s3:DeleteObject", "arn:aws:s3:::orders-evidence/a", {}, False),
]


@pytest.mark.parametrize(("name", "action", "resource", "context", "allowed_then"), DECISIONS)
def test_conditions_hold_as_iam_evaluates_them(
    simulator: Simulator, name: str, action: str, resource: str, context: dict[str, str], allowed_then: bool
) -> None:
    """The npm package @cloud-copilot/iam-simulate decides each: it knows conditions and Deny."""
    decided = simulator.decide([policy(name)], action, resource, context)

    assert decided in ((ALLOWED,) if allowed_then else REFUSED)


def test_a_restore_to_a_moment_is_one_that_the_policy_allows(simulator: Simulator) -> None:
    """From the source's automated backup by the identity of the source, or by its name; public or without tag it is refused."""
    asked = {
        "TargetDBInstanceIdentifier": "drill-20261123-120000-abcd-moment",
        "DBParameterGroupName": "drill-20261123-120000-abcd-moment-parameters",
        "DBSubnetGroupName": VALUES["subnet_group"],
        "PubliclyAccessible": "false",
    }
    tag = {"Tags.Tag.1.Key": "drills:run", "Tags.Tag.1.Value": "20261123-120000-abcd"}

    def allowed(**given: str) -> bool:
        request = AwsRequest("rds", REGION, "RestoreDBInstanceToPointInTime", "query", given)
        every = questions(request, lambda arn: {}, lambda snapshot: "")
        return all(simulator.decide([policy("drill")], *each) == ALLOWED for each in every)

    assert allowed(**asked, **tag, SourceDBInstanceIdentifier=VALUES["source"])
    assert allowed(**asked, **tag, SourceDbiResourceId="db-A")
    assert not allowed(**asked, SourceDBInstanceIdentifier=VALUES["source"])
    assert not allowed(**asked | {"PubliclyAccessible": "true"}, **tag, SourceDBInstanceIdentifier=VALUES["source"])
    assert not allowed(**asked | {"TargetDBInstanceIdentifier": "orders-2"}, **tag, SourceDbiResourceId="db-A")
    assert not allowed(**asked | {"DBSubnetGroupName": "orders"}, **tag, SourceDbiResourceId="db-A")
