"""Preflight of a table, a volume and a file system against a sandbox: by what it reads there, and by reading alone."""

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
from drills.config.profiles import SandboxProfile
from drills.history import forecasts
from drills.model.finding import CheckResult
from drills.preflight import judge
from drills.preflight.facts import PreflightFacts
from drills.preflight.kinds import file_system, table
from drills.preflight.kinds.volume import QUOTAS
from drills.preflight.read import read
from drills.preflight.resource.judge import MANAGED
from drills.preflight.sides import Sides
from drills.run.scene.protection import TRUST
from tests.support.policies import VALUES, actions_of, allowed, policy
from tests.support.protected import VAULT
from tests.support.protected_resources import ProtectedResources, protected_resources

pytestmark = pytest.mark.sandbox

WORDS = ("table", "volume", "file_system")
DRILLS = "drills"
NAMES = {"table": "orders", "volume": "vol-", "file_system": "fs-"}


@dataclass(frozen=True)
class Foreseen:
    """The sandbox with one of each kind, clients that read alone, and the role whose rights are foreseen."""

    made: ProtectedResources
    reading: Clients
    role: str

    def facts(self, word: str, **changes: Any) -> PreflightFacts:
        """What preflight reads now; `changes` replaces fields of the target."""
        target = self.made.targets[word].model_copy(update=changes)
        preflight = target.preflight.model_copy(update={"principal": self.role})
        sides = Sides(word, target.model_copy(update={"preflight": preflight}), self.reading, self.reading)
        return read(sides, self.made.sandbox.control.now())

    def results(self, word: str, **changes: Any) -> dict[str, CheckResult]:
        """What is foreseen of it, by the name of the judgement."""
        return {each.name: each for each in judge.judge(self.facts(word, **changes))}


def let(clients: Clients, role: str, *names: str) -> None:
    """Give a role policies of infra/iam, with the role that restores filled in."""
    for name in names:
        document = json.dumps(policy(name)).replace(
            VALUES["restore_role_arn"], f"arn:aws:iam::{clients.account}:role/*"
        )
        clients.client("iam").put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document)


@pytest.fixture(scope="module")
def foreseen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Foreseen]:
    """One sandbox for the module: AWS's own policy for the role that restores, those of infra/iam for the one that drills."""
    with protected_resources(tmp_path_factory.mktemp("foreseen")) as made:
        made.sandbox.control.clear_faults()
        iam = made.clients.client("iam")
        iam.attach_role_policy(RoleName=made.role_arn.rsplit("/", 1)[-1], PolicyArn=MANAGED)
        role = iam.create_role(RoleName=DRILLS, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        let(made.clients, DRILLS, "dynamodb", "ebs", "efs")
        profile = SandboxProfile(region=made.sandbox.region)
        opened = session.open_clients(profile, environment={}, endpoint_url=made.sandbox.endpoint, role="reads")
        yield Foreseen(made, session.identify(opened), role)


@pytest.mark.parametrize("word", WORDS)
def test_a_restore_is_foreseen_by_reading_alone_and_its_policies_allow_each_call(foreseen: Foreseen, word: str) -> None:
    """Everything is known and met; the request is one that botocore's model takes; posture's two policies are enough."""
    control = foreseen.made.sandbox.control
    before = len(control.calls())
    facts = foreseen.facts(word)
    called = {f"{call['service']}:{call['operation']}" for call in control.calls()[before:] if call["operation"]}
    results = judge.judge(facts)

    for each in results:
        if each.name != "capacity":
            assert (each.outcome, each.not_checked, each.findings) == ("met", (), ()), each
    assert (judge.foreseen(results), judge.exit_codes(results)) == ("accepted", ())
    assert facts.restore
    model = foreseen.made.clients.backup.meta.service_model.operation_model(facts.restore.request.operation)
    assert set(facts.restore.request.parameters) <= set(model.input_shape.members)
    reads = {each for each in called if each.split(":")[1].startswith(("Describe", "Get", "List"))}
    assert called - reads == {"iam:SimulatePrincipalPolicy"}
    assert actions_of(called) - allowed("posture") - allowed("posture-resources") == set()


def test_what_the_account_has_now_is_what_is_foreseen_by(foreseen: Foreseen) -> None:
    """A role whose trust or policy is taken away, and one that may no longer pass it on."""
    iam, arn = foreseen.made.clients.client("iam"), foreseen.made.role_arn
    name = arn.rsplit("/", 1)[-1]
    trust: Any = TRUST["Statement"][0]
    nobody = {**TRUST, "Statement": [{**trust, "Principal": {"Service": "ec2.amazonaws.com"}}]}
    deny = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "iam:PassRole", "Resource": "*"}]}
    try:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(nobody))
        iam.put_role_policy(RoleName=DRILLS, PolicyName="freeze", PolicyDocument=json.dumps(deny))
        found = foreseen.results("table")
    finally:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(TRUST))
        iam.delete_role_policy(RoleName=DRILLS, PolicyName="freeze")

    (untrusted,) = found["restore role"].findings
    (denied,) = found["permissions"].findings
    assert untrusted.expected == "a trust policy that lets backup.amazonaws.com assume it"
    assert denied.expected == f"to be allowed iam:PassRole on {arn}"


@pytest.mark.parametrize("word", WORDS)
def test_a_key_that_is_disabled_is_foreseen(foreseen: Foreseen, word: str) -> None:
    """No backup job fails by it, and no restore works any more."""
    arns = tuple(foreseen.facts(word).keys)
    assert arns
    kms = foreseen.made.clients.kms
    for arn in arns:
        kms.disable_key(KeyId=arn)
    try:
        results = foreseen.results(word)
    finally:
        for arn in arns:
            kms.enable_key(KeyId=arn)

    assert [each.found for each in results["key"].findings] == ["Disabled"] * len(arns)
    assert judge.exit_codes(tuple(results.values()))[0] == 11


def test_the_sandbox_has_the_quotas_that_are_asked_for_and_no_others(foreseen: Foreseen) -> None:
    """Those that nobody has raised are AWS's defaults; of another one it says that there is none, as AWS does."""
    quotas = foreseen.reading.client("service-quotas")
    codes = [
        ("dynamodb", table.QUOTA),
        (file_system.SERVICE, file_system.QUOTA),
        *(("ebs", each) for each in QUOTAS.values()),
    ]
    for service, code in codes:
        asked = {"ServiceCode": service, "QuotaCode": code}
        applied = quotas.get_service_quota(**asked)["Quota"]
        assert applied["Value"] == quotas.get_aws_default_service_quota(**asked)["Quota"]["Value"] > 0
    for call in (quotas.get_service_quota, quotas.get_aws_default_service_quota):
        with pytest.raises(ClientError, match="NoSuchResourceException"):
            call(ServiceCode="dynamodb", QuotaCode="L-00000000")


def test_what_aws_refuses_to_say_is_not_known(foreseen: Foreseen) -> None:
    """Each call that is denied leaves what it would have said open, with the right that is lacking; nothing is raised."""
    control = foreseen.made.sandbox.control
    control.clear_faults()
    denied = {
        "DescribeBackupVault": "backup:DescribeBackupVault",
        "GetServiceQuota": "servicequotas:GetServiceQuota, servicequotas:GetAWSDefaultServiceQuota",
        "DescribeAvailabilityZones": "ec2:DescribeAvailabilityZones",
        "GetRole": "iam:GetRole",
        "SimulatePrincipalPolicy": "iam:SimulatePrincipalPolicy",
    }
    for operation in denied:
        control.arm("access-denied", operation=operation, times=None)
    try:
        results = tuple(foreseen.results("volume").values())
    finally:
        control.clear_faults()
    told = {left.reason.partition("needs ")[2] for each in results for left in each.not_checked}

    assert told == set(denied.values())
    assert (judge.foreseen(results), judge.exit_codes(results)) == ("not known", (12,))


@pytest.mark.parametrize(
    ("operation", "needs"),
    [
        ("ListRecoveryPointsByBackupVault", "backup:ListRecoveryPointsByBackupVault"),
        ("GetRecoveryPointRestoreMetadata", "backup:GetRecoveryPointRestoreMetadata"),
        ("DescribeTable", "dynamodb:DescribeTable"),
    ],
)
def test_without_what_the_request_is_made_of_there_is_none(foreseen: Foreseen, operation: str, needs: str) -> None:
    """And it is not known whether a restore would be accepted: a drill would come no further either."""
    control = foreseen.made.sandbox.control
    control.clear_faults()
    control.arm("access-denied", operation=operation, times=None)
    try:
        facts = foreseen.facts("table")
    finally:
        control.clear_faults()
    results = judge.judge(facts)

    assert facts.restore is None
    assert needs in next(each for each in results if each.name == "recovery point").not_checked[0].reason
    assert judge.foreseen(results) == "not known"


@pytest.mark.parametrize("word", WORDS)
def test_a_vault_and_a_point_that_are_not_there_are_foreseen_as_refused(foreseen: Foreseen, word: str) -> None:
    """A table, volume or file system that nobody backs up has no point; nor has a vault that is not there."""
    other = {"table": "other", "volume": "vol-00000000000000001", "file_system": "fs-00000001"}[word]
    for changes in ({"instance": other}, {"vault": "elsewhere"}):
        results = foreseen.results(word, **changes)
        point = results["recovery point"]
        assert (results["vault"].outcome, point.outcome) == (
            ("missed", "not verified") if "vault" in changes else ("met", "missed")
        )
        if point.findings:  # where the vault is not there nobody has looked, and no advice about a plan is due
            assert point.findings[0].message.startswith("expected a usable recovery point of the ")
        assert judge.exit_codes(tuple(results.values())) == (11,)


@pytest.mark.parametrize("word", WORDS)
def test_the_command_tells_and_keeps_what_it_foresees(
    foreseen: Foreseen, word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As facts with the request, as a page, and as a line for the next drill of that target to score."""
    history, config = tmp_path / "history.jsonl", tmp_path / "drill.toml"
    text = foreseen.made.config.read_text().replace(
        "[targets.", f'[targets.{word}.preflight]\nprincipal = "{foreseen.role}"\n[targets.', 1
    )
    config.write_text(f'[drill]\nhistory = "{history}"\n{text}')
    options = ["preflight", "--config", str(config), "--endpoint-url", foreseen.made.sandbox.endpoint, "--target", word]

    assert cli.main([*options, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["foreseen"], facts["all_codes"], facts["simulated"]) == ("accepted", [], True)
    assert (facts["request"]["operation"], facts["then"]) == ("StartRestoreJob", None)
    assert facts["request"]["parameters"]["IamRoleArn"] == foreseen.made.role_arn
    assert {each["what"] for each in facts["dates"]} == {"newest recovery point", "last recovery point"}

    assert cli.main(options) == 0
    page = capsys.readouterr().out
    assert "the call that would be made now: StartRestoreJob" in page
    assert "  Metadata: " in page
    assert "foreseen: a restore would be accepted" in page
    kept = forecasts.read(tmp_path / forecasts.FILE)
    assert [(each.foreseen, each.instance_id) for each in kept] == [
        ("accepted", foreseen.made.targets[word].instance)
    ] * 2
    assert {bool(each.dbi_resource_id) for each in kept} == {True}
    assert kept[0].instance_id.startswith(NAMES[word])
    assert facts["request"]["parameters"]["RecoveryPointArn"] == kept[0].point
    assert VAULT in page
