"""Preflight against a sandbox: what it reads is what AWS would refuse by, and it reads alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drills.aws import session
from drills.aws.session import Clients
from drills.cli import main as cli
from drills.config.load import Target
from drills.config.profiles import SandboxProfile
from drills.history import forecasts
from drills.model.parity import NotVerified
from drills.preflight import ends, judge
from drills.preflight.facts import PreflightFacts
from drills.preflight.read import read
from drills.preflight.sides import Sides
from tests.support.rds import create, eventually
from tests.support.sandbox import RunningSandbox

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]

NAME, ROLE = "foreseen", "restorer"
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
ALL = {"Effect": "Allow", "Action": ["rds:*", "ec2:*", "backup:*", "logs:*", "kms:*"], "Resource": "*"}


@dataclass(frozen=True)
class Foreseen:
    """The sandbox, clients that may change things, those that preflight has, the target, its key and the role that restores."""

    sandbox: RunningSandbox
    clients: Clients
    reading: Clients
    target: Target
    key: str
    role: str

    def facts(self, **changes: Any) -> PreflightFacts:
        """What preflight reads now, with clients that may do no more; `changes` replaces fields of the target."""
        target = self.target.model_copy(update=changes)
        return read(Sides(NAME, target, self.reading, self.reading), self.sandbox.control.now())

    def allow(self, *statements: dict[str, Any]) -> None:
        """Let the role do what the statements say."""
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        self.clients.client("iam").put_role_policy(RoleName=ROLE, PolicyName="drill", PolicyDocument=document)


@pytest.fixture(scope="module")
def foreseen(sandbox: RunningSandbox) -> Iterator[Foreseen]:
    """An instance under a key of its own with a snapshot, and a role that may do what a drill does."""
    profile = SandboxProfile(region=sandbox.region)
    clients, reading = (
        session.identify(session.open_clients(profile, environment={}, endpoint_url=sandbox.endpoint, role=role))
        for role in ("stage", "reads")
    )
    key = clients.kms.create_key()["KeyMetadata"]["Arn"]
    create(sandbox, NAME, StorageEncrypted=True, KmsKeyId=key).available()
    clients.rds.create_db_snapshot(DBInstanceIdentifier=NAME, DBSnapshotIdentifier="foreseen-1")
    described = {"DBSnapshotIdentifier": "foreseen-1"}
    eventually(lambda: clients.rds.describe_db_snapshots(**described)["DBSnapshots"][0]["Status"] == "available", "it")
    iam = clients.client("iam")
    role = iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    target = Target.model_validate({"instance": NAME, "preflight": {"principal": role}})
    made = Foreseen(sandbox, clients, reading, target, key, role)
    made.allow(ALL)
    yield made
    iam.delete_role_policy(RoleName=ROLE, PolicyName="drill")
    iam.delete_role(RoleName=ROLE)


def test_a_restore_is_foreseen_and_nothing_is_changed_by_looking(foreseen: Foreseen) -> None:
    """Everything is known and met; each call reads, and the request is one that botocore's model takes."""
    before = len(foreseen.sandbox.control.calls())
    facts = foreseen.facts()
    names = {call["operation"] for call in foreseen.sandbox.control.calls()[before:]}
    results = judge.judge(facts)

    assert {name for name in names if not name.startswith(("Describe", "Get", "List"))} == {"SimulatePrincipalPolicy"}
    assert [(each.name, each.outcome, each.not_checked) for each in results if each.name != "capacity"] == [
        (each.name, "met", ()) for each in results if each.name != "capacity"
    ]
    assert judge.foreseen(results) == "accepted"
    assert facts.restore
    model = foreseen.clients.rds.meta.service_model.operation_model(facts.restore.request.operation)
    assert set(facts.restore.request.parameters) <= set(model.input_shape.members)
    assert {"last recovery point", "certificate authority rds-ca-rsa2048-g1"} <= {
        each.what for each in ends.ends(facts)
    }


def test_a_role_that_may_not_restore_is_foreseen(foreseen: Foreseen) -> None:
    """By the policies that the account has now: an explicit deny, a missing right, a boundary of its own."""
    deny = {"Effect": "Deny", "Action": "rds:RestoreDBInstance*", "Resource": "*"}
    try:
        foreseen.allow(ALL, deny)
        denied = judge.judge(foreseen.facts())
        foreseen.allow({**ALL, "Action": ["rds:Describe*", "rds:RestoreDBInstance*", "kms:*"]})
        lacking = judge.judge(foreseen.facts())
    finally:
        foreseen.allow(ALL)

    assert judge.reasons(denied)[0].endswith("prediction: a policy denies it")
    assert judge.foreseen(lacking) == "refused"
    (finding,) = next(each for each in lacking if each.name == "permissions").findings
    assert "ec2:CreateSecurityGroup" in finding.expected
    assert "rds:RestoreDBInstanceFromDBSnapshot" not in finding.expected


def test_a_key_that_is_disabled_is_foreseen_as_aws_would_refuse(foreseen: Foreseen) -> None:
    """And the restore that is asked for then is refused for that reason."""
    foreseen.clients.kms.disable_key(KeyId=foreseen.key)
    try:
        facts = foreseen.facts()
        results = judge.judge(facts)
        assert facts.restore
        groups: dict[str, Any] = {
            "DBSubnetGroupName": "default",
            "DBParameterGroupName": None,
            "VpcSecurityGroupIds": [],
        }
        request = {k: v for k, v in (facts.restore.request.parameters | groups).items() if v is not None}
        with pytest.raises(ClientError, match="KMSKeyNotAccessible"):
            foreseen.clients.rds.restore_db_instance_from_db_snapshot(**request)
    finally:
        foreseen.clients.kms.enable_key(KeyId=foreseen.key)
        foreseen.clients.rds.start_db_instance(DBInstanceIdentifier=NAME)

    assert (judge.foreseen(results), judge.exit_codes(results)[0]) == ("refused", 11)
    assert [each for each in judge.reasons(results) if each.startswith("key: ")]


def test_what_aws_refuses_to_say_is_not_known(foreseen: Foreseen) -> None:
    """Each call that is denied leaves what it would have said open, with the right that is lacking; nothing is raised."""
    control = foreseen.sandbox.control
    denied = (
        "DescribeAccountAttributes",
        "SimulatePrincipalPolicy",
        "DescribeSubnets",
        "DescribeKey",
        "DescribeDBInstances",
    )
    for operation in denied:
        control.arm("access-denied", operation=operation, times=None)
    try:
        facts = foreseen.facts()
    finally:
        control.clear_faults()
    results = judge.judge(facts)

    assert isinstance(facts.quotas, NotVerified)
    assert 12 in judge.exit_codes(results)
    told = {left.reason for each in results for left in each.not_checked}
    assert {
        "AccessDenied: needs rds:DescribeAccountAttributes",
        "AccessDenied: needs iam:SimulatePrincipalPolicy",
    } <= told
    assert judge.foreseen(results) == "not known"


def test_the_command_tells_and_keeps_what_it_foresees(
    foreseen: Foreseen, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As facts with the request and the dates, as a page, and as a line for the next drill; 0 where nothing is against it."""
    config = tmp_path / "drill.toml"
    config.write_text(
        f'[drill]\nhistory = "{tmp_path / "history.jsonl"}"\n[profiles.sandbox]\n[targets.{NAME}]\n'
        f'[targets.{NAME}.preflight]\nprincipal = "{foreseen.role}"\n'
    )
    options = ["preflight", "--config", str(config), "--endpoint-url", foreseen.sandbox.endpoint]

    assert cli.main([*options, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["foreseen"], facts["all_codes"], facts["simulated"]) == ("accepted", [], True)
    assert facts["request"]["parameters"]["EngineLifecycleSupport"] == "open-source-rds-extended-support-disabled"
    assert [each["days"] for each in facts["dates"] if each["at"] is None] == [None] * 2

    assert cli.main(options) == 0
    page = capsys.readouterr().out
    assert "SIMULATED: says nothing about recovery on AWS" in page
    assert "the call that would be made now: RestoreDBInstanceFromDBSnapshot" in page
    assert "foreseen: a restore would be accepted" in page
    kept = forecasts.read(tmp_path / forecasts.FILE)
    assert [(each.foreseen, each.instance_id) for each in kept] == [("accepted", NAME)] * 2


def test_a_target_without_a_point_is_foreseen_as_refused(foreseen: Foreseen) -> None:
    """There is nothing that could be restored, and no request to show."""
    facts = foreseen.facts(instance="not-there")
    results = judge.judge(facts)

    assert facts.restore is None
    assert (judge.foreseen(results), judge.exit_codes(results)) == ("refused", (11,))
