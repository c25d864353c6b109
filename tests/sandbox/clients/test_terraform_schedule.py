"""infra/terraform/schedule, in the sandbox: what it makes, and whom it lets do what.

`tox -e terraform` applies it, where Terraform and its provider are found. No sandbox runs the image that drills there.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drills.aws.session import open_clients
from drills.config.evidence import EvidenceConfig
from drills.config.profiles import SandboxProfile
from drills.evidence.opening import open_signer, open_store
from drills.evidence.stored.keep import keep_manifest, open_manifest_store
from tests.infra import homes
from tests.sandbox.clients.terraform import Stack, Terraform, absent
from tests.support.clock import NOON
from tests.support.policies import VALUES, allowed
from tests.support.sandbox import end_sandbox, start_sandbox

ABSENT = absent(os.environ)
needs_terraform = pytest.mark.skipif(bool(ABSENT), reason=ABSENT)
FOLDER = homes.INFRA / "terraform/schedule"
TEXT = "".join(path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.tf")))
DAY = 86400
KMS_KEY = VALUES["manifest_key_arn"]


# -- without Terraform -------------------------------------------------------------------------------------------------


SOURCE = "postgresql://drills_manifest@replica.example.com/orders"
FILLED = {"${var.max_age_days}d": "35d", "var.target": "orders", "var.manifest_source": SOURCE, "one(": KMS_KEY}


@pytest.mark.parametrize("task", ["drill", "watch", "manifest"])
def test_each_command_is_one_of_the_suite(task: str) -> None:
    """The words of each task parse, with what Terraform fills in."""
    (line,) = re.findall(rf"(?s)    {task} = \{{\s*command\s*= \[(.*?)\]\n", TEXT)
    words = re.findall(r'"([^"]*)"|(var\.\w+|one\()', line)
    options = homes.parsed_words([FILLED.get(text or name, text or name) for text, name in words])
    assert (options["profile"], options["target"]) == ("live", "orders")
    assert options["json"] is (task == "watch")
    if task == "manifest":
        assert (options["dsn"].get_secret_value(), options["all_databases"], options["key"]) == (SOURCE, True, KMS_KEY)


def test_a_drill_is_monthly_and_the_watcher_keeps_out_of_its_way() -> None:
    """The watcher asks twice a day, so that no day is without a value, and when the longest drill has ended."""
    monthly, twice, daily = re.findall(r'default\s*= "cron\((.*?)\)"', TEXT)
    assert daily.split()[2:] == ["*", "*", "?", "*"]
    minute, hour, *rest = monthly.split()
    assert rest == ["1", "*", "?", "*"]
    asked = [int(each) for each in twice.split()[1].split(",")]
    assert len(asked) == 2
    assert twice.split()[2:] == ["*", "*", "?", "*"]
    assert min(asked) * 60 + int(twice.split()[0]) > int(hour) * 60 + int(minute) + homes.KILLED_AFTER / 60


def test_each_policy_is_there_and_filled_in() -> None:
    """The policies that a task names are files of infra/iam, and the stack has a value for each name in them."""
    named = {name for each in re.findall(r"policies = (.*)", TEXT) for name in re.findall(r'"([\w-]+)"', each)}
    assert named == {"drill", "evidence", "manifest", "manifest-reader", "metrics", "notices", "sweep", "watch"}
    values = re.findall(r"(?m)^ +(\w+)\s*=", re.findall(r"(?s)values = \{(.*?)\n  \}", TEXT)[0])
    for name in named:
        text = (homes.INFRA / f"iam/{name}.json").read_text(encoding="utf-8")
        assert set(re.findall(r"\$\{(\w+)\}", text)) <= set(values), name


@needs_terraform
@pytest.mark.slow
def test_the_configuration_is_valid_and_formatted(tmp_path: Path) -> None:
    """`terraform validate` and `terraform fmt -check` find nothing."""
    Terraform(tmp_path, os.environ, {}, "schedule").check()


# -- in the sandbox ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack in a sandbox of its own, deployed."""
    running = start_sandbox()
    try:
        ec2 = running.client("ec2")
        (vpc,) = [each["VpcId"] for each in ec2.describe_vpcs()["Vpcs"] if each["IsDefault"]]
        scratch = ec2.create_security_group(GroupName="recovery-scratch", Description="copies", VpcId=vpc)["GroupId"]
        subnets = [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"] if each["VpcId"] == vpc]
        variables = {
            "sandbox_endpoint": running.endpoint,
            "region": running.region,
            "target": "orders",
            "source_instance": "orders-prod",
            "snapshot_key_arn": running.client("kms").create_key()["KeyMetadata"]["Arn"],
            "scratch_subnet_group": "recovery-scratch",
            "scratch_security_group_id": scratch,
            "image": "000000000000.dkr.ecr.eu-central-1.amazonaws.com/dr-suite@sha256:" + "0" * 64,
            "vpc_id": vpc,
            "subnet_ids": json.dumps(subnets),
            "evidence_bucket": "evidence-of-orders",
            "manifest_source": SOURCE,
            "manifest_bucket": "manifests-of-orders",
            "manifest_password_arn": running.client("secretsmanager").create_secret(
                Name="orders/drills_manifest", SecretString="of the role"
            )["ARN"],
            "source_security_group_id": ec2.create_security_group(GroupName="orders", Description="source", VpcId=vpc)[
                "GroupId"
            ],
        }
        keys = running.variables
        made = Stack(running, Terraform(tmp_path_factory.mktemp("terraform"), os.environ, keys, "schedule"), variables)
        made.terraform.done("init", "-input=false")
        made.apply()
        yield made
    finally:
        end_sandbox(running)


@needs_terraform
@pytest.mark.terraform
@pytest.mark.sandbox
class TestTheStack:
    """The life of one stack, in the order of the tests."""

    def test_what_was_applied_differs_in_nothing(self, stack: Stack) -> None:
        """After `apply`, `plan -detailed-exitcode` says 0."""
        ran = stack.terraform.run("plan", "-detailed-exitcode", "-input=false", variables=stack.variables)
        assert ran.status == 0, ran.text

    def test_the_evidence_is_signed_and_locked_by_what_was_made(self, stack: Stack) -> None:
        """The suite takes the key for its own kind, and the bucket for one with Object Lock."""
        profile = SandboxProfile(region=stack.sandbox.region)
        clients = open_clients(profile, environment={}, endpoint_url=stack.sandbox.endpoint, role="evidence")
        config = EvidenceConfig.model_validate(
            {
                "key": stack.outputs["signing_key_arn"],
                "store": stack.outputs["store"],
                "lock": "governance",
                "retain": "365d",
            }
        )
        assert config.key
        assert open_signer(config.key, {}, lambda: clients).sign(b"x")
        store = open_store(config, lambda: clients)
        assert store
        store.check()
        store.put("a", b"x")
        s3 = stack.sandbox.client("s3")
        assert s3.head_object(Bucket="evidence-of-orders", Key="drills/a")["ObjectLockMode"] == "GOVERNANCE"

    def test_a_manifest_is_kept_by_what_was_made_and_its_password_is_in_no_definition(self, stack: Stack) -> None:
        """Signed by a key of its own, in a bucket that forgets; the task has the password from its secret."""
        profile = SandboxProfile(region=stack.sandbox.region)
        clients = open_clients(profile, environment={}, endpoint_url=stack.sandbox.endpoint, role="evidence")
        assert stack.outputs["manifest_key_arn"] != stack.outputs["signing_key_arn"]
        signer = open_signer(stack.outputs["manifest_key_arn"], {}, lambda: clients)
        store = open_manifest_store(stack.outputs["manifest_store"], lambda: clients)
        place = keep_manifest(store, b"{}", NOON, target="orders", signer=signer)
        rules = stack.sandbox.client("s3").get_bucket_lifecycle_configuration(Bucket="manifests-of-orders")["Rules"]
        assert place.entry.startswith("s3://manifests-of-orders/drills/orders/times/")
        assert [each["Expiration"]["Days"] for each in rules] == [400]
        arn = stack.outputs["task_definition_arns"]["manifest"]
        (container,) = stack.sandbox.client("ecs").describe_task_definition(taskDefinition=arn)["taskDefinition"][
            "containerDefinitions"
        ]
        assert [each["name"] for each in container["secrets"]] == ["PGPASSWORD"]
        assert "of the role" not in json.dumps(container)

    def test_each_task_has_the_policies_of_its_command_and_no_more(self, stack: Stack) -> None:
        """Those of infra/iam, filled in; the scheduler may start these tasks alone."""
        iam = stack.sandbox.client("iam")
        told = ("notices", "metrics")  # who drills and who watches tell of it
        tasks = {
            "drill": ("drill", "evidence", "sweep", "manifest-reader", *told),
            "watch": ("watch", *told),
            "manifest": ("manifest",),
        }
        for task, policies in tasks.items():
            found = set()
            for each in iam.list_attached_role_policies(RoleName=f"recovery-drills-{task}")["AttachedPolicies"]:
                version = iam.get_policy_version(PolicyArn=each["PolicyArn"], VersionId="v1")["PolicyVersion"]
                statements = version["Document"]["Statement"]
                assert "${" not in json.dumps(statements)
                found |= {action for one in statements if one["Effect"] == "Allow" for action in one["Action"]}
            assert found == set().union(*(allowed(name) for name in policies)) - {"secretsmanager:GetSecretValue"}, task
        started = iam.get_role_policy(RoleName="recovery-drills-scheduler", PolicyName="start")["PolicyDocument"]
        assert set(started["Statement"][0]["Resource"]) == set(stack.outputs["task_definition_arns"].values())

    def test_a_notice_goes_to_the_topic_that_was_made_and_its_addresses_are_read_where_there_are_any(
        self, stack: Stack
    ) -> None:
        """A role may look at and publish to this stack's topic alone, and read a secret only where one is named."""
        iam = stack.sandbox.client("iam")
        attached = iam.list_attached_role_policies(RoleName="recovery-drills-drill")["AttachedPolicies"]
        (arn,) = [each["PolicyArn"] for each in attached if each["PolicyName"] == "recovery-drills-drill-notices"]
        version = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
        (tells,) = version["Document"]["Statement"]
        actions = ["sns:GetTopicAttributes", "sns:Publish"]  # the doctor looks at the topic
        assert (tells["Action"], tells["Resource"]) == (actions, stack.outputs["topic_arn"])
        secret = VALUES["notices_secret_arn"]
        planned = stack.terraform.planned({**stack.variables, "notices_secret_arn": secret})
        changed = {name for name in planned if "notices" in name}
        assert changed == {f'aws_iam_policy.task["{task}-notices"]' for task in ("drill", "watch")}
        for name in changed:
            _, reads = json.loads(planned[name]["policy"])["Statement"]
            assert (reads["Action"], reads["Resource"]) == (["secretsmanager:GetSecretValue"], secret)

    def test_the_schedules_start_the_tasks(self, stack: Stack) -> None:
        """Monthly, twice a day and every day, without a second try, each its own task."""
        scheduler = stack.sandbox.client("scheduler")
        when = {"drill": "cron(17 3 1 * ? *)", "watch": "cron(41 11,23 * * ? *)", "manifest": "cron(43 2 * * ? *)"}
        for name, expression in when.items():
            found = scheduler.get_schedule(Name=f"recovery-drills-{name}")
            target = found["Target"]
            assert (found["ScheduleExpression"], found["State"]) == (expression, "ENABLED")
            assert target["EcsParameters"]["TaskDefinitionArn"] == stack.outputs["task_definition_arns"][name]
            assert target["RetryPolicy"]["MaximumRetryAttempts"] == 0

    def test_the_alarm_rings_for_an_age_that_is_too_high_or_missing(self, stack: Stack) -> None:
        """It looks at the metric that the filter makes of what the watcher prints, and tells the topic."""
        (alarm,) = stack.sandbox.client("cloudwatch").describe_alarms()["MetricAlarms"]
        logs = stack.sandbox.client("logs")
        (made,) = logs.describe_metric_filters(logGroupName="/recovery-drills/recovery-drills/watch")["metricFilters"]
        (transformed,) = made["metricTransformations"]
        assert (alarm["Threshold"], alarm["Period"], alarm["TreatMissingData"]) == (35 * DAY, DAY, "breaching")
        assert (alarm["MetricName"], alarm["Namespace"]) == (transformed["metricName"], transformed["metricNamespace"])
        assert transformed["metricValue"] == "$.last_success_age_seconds"
        assert alarm["AlarmActions"] == [stack.outputs["topic_arn"]]
        assert alarm["AlarmArn"] == stack.outputs["alarm_arn"]

    def test_a_task_that_failed_is_told_at_once(self, stack: Stack) -> None:
        """One rule takes tasks that ended with another code than 0, one those that could not start; each tells the topic.

        The sandbox evaluates no pattern of what is in a list of containers, so that the first is only compared.
        """
        events = stack.sandbox.client("events")
        (cluster,) = stack.sandbox.client("ecs").list_clusters()["clusterArns"]
        patterns = {}
        for name in ("failed", "not-started"):
            rule = f"recovery-drills-{name}"
            patterns[name] = json.loads(events.describe_rule(Name=rule)["EventPattern"])
            (target,) = events.list_targets_by_rule(Rule=rule)["Targets"]
            assert target["Arn"] == stack.outputs["topic_arn"]

        def is_told(**detail: Any) -> bool:
            event: dict[str, Any] = {
                "source": "aws.ecs",
                "detail-type": "ECS Task State Change",
                "account": "123456789012",
                "id": "1",
            }
            event |= {"time": "2026-12-01T04:00:00Z", "region": stack.sandbox.region, "resources": []}
            whole = json.dumps(event | {"detail": {"clusterArn": cluster, "lastStatus": "STOPPED", **detail}})
            pattern = json.dumps(patterns["not-started"])
            return bool(events.test_event_pattern(EventPattern=pattern, Event=whole)["Result"])

        assert is_told(stopCode="TaskFailedToStart")
        assert not is_told(stopCode="EssentialContainerExited")
        assert not is_told(stopCode="TaskFailedToStart", clusterArn=f"{cluster}-other")
        assert patterns["failed"]["detail"]["containers"] == {"exitCode": [{"anything-but": [0]}]}

    def test_evidence_outlives_the_stack(self, stack: Stack) -> None:
        """`destroy` is refused while the bucket holds evidence."""
        refused = stack.terraform.run("destroy", "-auto-approve", "-input=false", variables=stack.variables)
        assert refused.status == 1
        assert re.search(r"(?i)bucket[^\n]*empty", refused.text)
        assert stack.sandbox.client("s3").list_objects_v2(Bucket="evidence-of-orders")["KeyCount"] == 1
