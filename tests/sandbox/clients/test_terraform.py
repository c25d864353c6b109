"""infra/terraform in the sandbox: Terraform and its AWS provider are a client that nobody here wrote.

What is expected of them is the providers' own contract: an apply that succeeds is one whose every answer the provider
could read, and a plan without a difference means that what was asked for is what is told.
"""

from __future__ import annotations

import configparser
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from drills.aws import session
from drills.clock import SystemClock, wait_until
from drills.config.profiles import SandboxProfile
from drills.config.target import Target
from drills.posture import read as posture
from drills.posture.facts import PostureFacts
from drills.posture.judge import exit_codes, judge
from tests.sandbox.clients.terraform import Stack, Terraform, absent, find_mirror
from tests.support.paths import CHECKOUT
from tests.support.sandbox import RunningSandbox, end_sandbox, start_sandbox
from tests.support.service import get

ABSENT = absent(os.environ)
needs_terraform = pytest.mark.skipif(bool(ABSENT), reason=ABSENT)
in_the_sandbox = [needs_terraform, pytest.mark.terraform, pytest.mark.postgres, pytest.mark.sandbox]


class DatabaseStack(Stack):
    """The deployed stack, with its database and its backups."""

    def connect(self) -> psycopg.Connection[Any]:
        """A session at the address and port that Terraform put out."""
        return psycopg.connect(
            host=self.outputs["address"],
            port=self.outputs["port"],
            user="owner",
            password=self.variables["master_password"],
            dbname="myapp",
            sslmode="verify-full",
            sslrootcert=self.sandbox.ca,
            autocommit=True,
        )

    def count(self) -> int:
        """How many items the database has."""
        with self.connect() as session:
            row = session.execute("SELECT count(*) FROM item").fetchone()
            assert row is not None
            return int(row[0])

    def back_up(self) -> str:
        """A recovery point in the stack's vault, under the stack's role; its ARN."""
        backup = self.sandbox.client("backup")
        job = backup.start_backup_job(
            BackupVaultName=self.outputs["vault"],
            ResourceArn=self.outputs["database_arn"],
            IamRoleArn=self.outputs["backup_role_arn"],
        )["BackupJobId"]

        def done() -> bool:
            state = backup.describe_backup_job(BackupJobId=job)["State"]
            assert state != "FAILED"
            return bool(state == "COMPLETED")

        wait_until(done, 60, SystemClock(), every=0.05, what="the backup job")
        return str(backup.describe_backup_job(BackupJobId=job)["RecoveryPointArn"])


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseStack]:
    """The stack in a sandbox of its own, deployed."""
    running = start_sandbox()
    try:
        variables = {
            "sandbox_endpoint": running.endpoint,
            "engine_version": str(running.postgres[0]["major"]),
            "master_password": secrets.token_urlsafe(16),
            "secret_recovery_days": "0",
        }
        made = DatabaseStack(
            running, Terraform(tmp_path_factory.mktemp("terraform"), os.environ, running.variables), variables
        )
        made.terraform.done("init", "-input=false")
        made.apply()
        yield made
    finally:
        end_sandbox(running)


@pytest.fixture(scope="module")
def point(stack: DatabaseStack) -> str:
    """A recovery point of the stack's database with a thousand rows; half of them are deleted after it."""
    with stack.connect() as session:
        session.execute("CREATE TABLE item (id int PRIMARY KEY)")
        session.execute("INSERT INTO item SELECT generate_series(1, 1000)")
    arn = stack.back_up()
    with stack.connect() as session:
        session.execute("DELETE FROM item WHERE id > 500")
    return arn


# -- without a sandbox -------------------------------------------------------------------------------------------------


@needs_terraform
@pytest.mark.slow
def test_the_configuration_is_valid_and_formatted(tmp_path: Path) -> None:
    """`terraform validate` and `terraform fmt -check` find nothing in infra/terraform."""
    Terraform(tmp_path, os.environ, {}).check()


def test_a_mirror_is_taken_where_the_provider_fits(tmp_path: Path) -> None:
    """The mirror that the environment names is taken, packed or not, if it has a version for this machine."""
    environment = {"DRILLS_TERRAFORM_MIRROR": str(tmp_path), "PATH": str(tmp_path)}
    assert find_mirror(environment) is None
    folder = tmp_path / "registry.terraform.io/hashicorp/aws"
    (folder / "5.100.0" / "plan9_mips").mkdir(parents=True)
    assert find_mirror(environment) is None
    for version, fits in (("6.1.0", False), ("5.89.9", False), ("5.90.0", True)):
        for here in ("linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64"):
            (folder / f"terraform-provider-aws_{version}_{here}.zip").touch()
        assert (find_mirror(environment) == tmp_path) is fits, version
    assert "terraform 1.11" in absent(environment)


def test_tox_lets_the_variables_through_that_name_a_mirror() -> None:
    """What the tests read of the environment reaches them through tox too."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(CHECKOUT / "tox.ini", encoding="utf-8")
    assert {"DRILLS_TERRAFORM_MIRROR", "TF_CLI_CONFIG_FILE"} <= set(tox["testenv:tests"]["pass_env"].split())
    assert tox["testenv:terraform"]["pass_env"] == "{[testenv:tests]pass_env}"


# -- one stack, from its first apply to its end ------------------------------------------------------------------------


class TestTheStack:
    """The life of one stack, in the order of the tests."""

    pytestmark = in_the_sandbox

    def test_what_was_applied_differs_in_nothing(self, stack: DatabaseStack) -> None:
        """After `apply`, `plan -detailed-exitcode` says 0: all that was asked for is told as it was asked for."""
        ran = stack.terraform.run("plan", "-detailed-exitcode", "-input=false", variables=stack.variables)
        assert ran.status == 0, ran.text

    def test_the_plan_is_monthly_and_keeps_half_a_year(self, stack: DatabaseStack) -> None:
        """AWS Backup tells the plan, its vault and the selected database as the configuration has them."""
        backup, plan_id = stack.sandbox.client("backup"), stack.outputs["plan_id"]
        (rule,) = backup.get_backup_plan(BackupPlanId=plan_id)["BackupPlan"]["Rules"]
        assert rule["ScheduleExpression"] == "cron(0 3 1 * ? *)"
        assert rule["Lifecycle"]["DeleteAfterDays"] == 180
        assert rule["TargetBackupVaultName"] == stack.outputs["vault"]
        (row,) = backup.list_backup_selections(BackupPlanId=plan_id)["BackupSelectionsList"]
        chosen = backup.get_backup_selection(BackupPlanId=plan_id, SelectionId=row["SelectionId"])["BackupSelection"]
        assert chosen["Resources"] == [stack.outputs["database_arn"]]
        assert chosen["IamRoleArn"] == stack.outputs["backup_role_arn"]

    def test_the_daily_plan_selects_by_tag_into_a_locked_vault(self, stack: DatabaseStack) -> None:
        """Kept for 35 days, without continuous backup in the sandbox, in a vault with a lock that can be taken away."""
        backup, plan_id = stack.sandbox.client("backup"), stack.outputs["daily_plan_id"]
        (rule,) = backup.get_backup_plan(BackupPlanId=plan_id)["BackupPlan"]["Rules"]
        assert rule["Lifecycle"]["DeleteAfterDays"] == 35
        (row,) = backup.list_backup_selections(BackupPlanId=plan_id)["BackupSelectionsList"]
        chosen = backup.get_backup_selection(BackupPlanId=plan_id, SelectionId=row["SelectionId"])["BackupSelection"]
        assert [(tag["ConditionKey"], tag["ConditionValue"]) for tag in chosen["ListOfTags"]] == [("backup", "myapp")]
        vault = backup.describe_backup_vault(BackupVaultName=stack.outputs["vault"])
        assert (vault["Locked"], vault["MinRetentionDays"], vault.get("LockDate")) == (True, 7, None)

    def test_a_compliance_lock_needs_more_than_a_word(self, stack: DatabaseStack) -> None:
        """`vault_lock = "compliance"` alone is refused by the plan, with what else is to be set."""
        variables = stack.variables | {"vault_lock": "compliance"}
        ran = stack.terraform.run("plan", "-input=false", variables=variables)
        assert ran.status == 1
        assert "compliance_lock_cannot_be_undone" in ran.text

    def test_the_posture_of_the_stack_is_as_it_should_be(
        self, stack: DatabaseStack, point: str, tmp_path: Path
    ) -> None:
        """Nothing is missed but a daily RPO, which a daily plan without continuous backup cannot keep by an hour."""
        profile = SandboxProfile(region=stack.sandbox.region)
        clients = session.identify(
            session.open_clients(profile, environment={}, endpoint_url=stack.sandbox.endpoint, role="stage")
        )
        vault, now = stack.outputs["vault"], stack.sandbox.control.now()

        def look(rpo: str) -> PostureFacts:
            target = Target.model_validate({"instance": stack.outputs["database"], "vault": vault, "rpo": rpo})
            return posture.store_and_read(clients, clients, target, tmp_path, now)

        facts = look("26h")
        results = judge(facts)

        assert isinstance(facts.protections, tuple)
        assert {(each.name, each.by) for each in facts.protections} == {
            ("myapp-monthly", "ARN"),
            ("myapp-daily", "tag"),
        }
        assert [(each.name, each.sentence) for each in results if each.outcome == "missed"] == []
        assert exit_codes(results) == ()
        assert [each.name for each in judge(look("24h")) if each.outcome == "missed"] == ["schedule"]

    def test_a_snapshot_identifier_brings_its_rows_back(self, stack: DatabaseStack, point: str) -> None:
        """With `snapshot_identifier` set the instance is another one with the snapshot's rows, whether it stays set or not."""
        before = stack.outputs
        assert stack.count() == 500
        stack.variables["snapshot_identifier"] = point
        stack.apply()
        assert stack.count() == 1000
        assert stack.outputs["resource_id"] != before["resource_id"]
        assert [stack.outputs[name] for name in ("address", "port", "database_arn")] == [
            before[name] for name in ("address", "port", "database_arn")
        ]
        served = f"http://{stack.outputs['door']}/"
        wait_until(lambda: get(served).status == 200, 60, SystemClock(), every=0.2, what="the services to answer")
        without = {name: value for name, value in stack.variables.items() if name != "snapshot_identifier"}
        for variables in (stack.variables, without):
            ran = stack.terraform.run("plan", "-detailed-exitcode", "-input=false", variables=variables)
            assert ran.status == 0, ran.text

    def test_a_vault_with_a_point_stands_and_an_empty_stack_leaves_nothing(
        self, stack: DatabaseStack, point: str
    ) -> None:
        """`destroy` is refused while the vault holds a recovery point; once it holds none, nothing is left."""
        backup, kms = stack.sandbox.client("backup"), stack.sandbox.client("kms")
        destroy = ("destroy", "-auto-approve", "-input=false")
        refused = stack.terraform.run(*destroy, variables=stack.variables)
        assert refused.status == 1
        assert "contains recovery points" in " ".join(refused.text.split())
        (vault,) = backup.list_backup_vaults()["BackupVaultList"]
        assert vault["NumberOfRecoveryPoints"] == 1
        assert kms.describe_key(KeyId=vault["EncryptionKeyArn"])["KeyMetadata"]["KeyState"] == "Enabled"

        backup.delete_recovery_point(BackupVaultName=vault["BackupVaultName"], RecoveryPointArn=point)
        stack.terraform.done(*destroy, variables=stack.variables)
        assert stack.terraform.done("state", "list").strip() == ""
        assert _left(stack.sandbox) == {}
        assert kms.describe_key(KeyId=vault["EncryptionKeyArn"])["KeyMetadata"]["KeyState"] == "PendingDeletion"


def _left(sandbox: RunningSandbox) -> dict[str, list[str]]:
    """What is there of what the stack makes, by what it is; a fresh account has none of it."""
    ask = sandbox.client
    groups = ask("ec2").describe_security_groups()["SecurityGroups"]
    clusters = ask("ecs").describe_clusters(clusters=ask("ecs").list_clusters()["clusterArns"])["clusters"]
    names = {
        "plans": [each["BackupPlanName"] for each in ask("backup").list_backup_plans()["BackupPlansList"]],
        "vaults": [each["BackupVaultName"] for each in ask("backup").list_backup_vaults()["BackupVaultList"]],
        "instances": [each["DBInstanceIdentifier"] for each in ask("rds").describe_db_instances()["DBInstances"]],
        "snapshots": [each["DBSnapshotIdentifier"] for each in ask("rds").describe_db_snapshots()["DBSnapshots"]],
        "subnet groups": [
            each["DBSubnetGroupName"] for each in ask("rds").describe_db_subnet_groups()["DBSubnetGroups"]
        ],
        "parameter groups": [
            each["DBParameterGroupName"] for each in ask("rds").describe_db_parameter_groups()["DBParameterGroups"]
        ],
        "security groups": [each["GroupName"] for each in groups if each["GroupName"] != "default"],
        "roles": [each["RoleName"] for each in ask("iam").list_roles()["Roles"]],
        "aliases": [each["AliasName"] for each in ask("kms").list_aliases()["Aliases"]],
        "secrets": [each["Name"] for each in ask("secretsmanager").list_secrets()["SecretList"]],
        "log groups": [each["logGroupName"] for each in ask("logs").describe_log_groups()["logGroups"]],
        "clusters": [each["clusterName"] for each in clusters if each["status"] != "INACTIVE"],
        "task definitions": ask("ecs").list_task_definitions()["taskDefinitionArns"],
        "load balancers": [
            each["LoadBalancerName"] for each in ask("elbv2").describe_load_balancers()["LoadBalancers"]
        ],
        "target groups": [each["TargetGroupName"] for each in ask("elbv2").describe_target_groups()["TargetGroups"]],
    }
    standing = {"subnet groups": ("default",), "parameter groups": ("default.",), "aliases": ("alias/aws/",)}
    left = {
        what: [name for name in found if not name.startswith(standing.get(what, ()))] for what, found in names.items()
    }
    return {what: found for what, found in left.items() if found}
