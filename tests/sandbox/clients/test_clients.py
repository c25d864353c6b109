"""What clients other than boto3 ask of the sandbox, and found missing at first."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.sandbox import RunningSandbox

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]


def test_the_parameters_of_a_group_come_in_pages(sandbox: RunningSandbox) -> None:
    """At most 100 rows come at once, and the markers lead through all of them (RDS API, DescribeDBParameters)."""
    rds = sandbox.client("rds")
    major = sandbox.postgres[0]["major"]
    rds.create_db_parameter_group(
        DBParameterGroupName="paged", DBParameterGroupFamily=f"postgres{major}", Description="read page by page"
    )
    pages = list(rds.get_paginator("describe_db_parameters").paginate(DBParameterGroupName="paged"))
    sizes = [len(page["Parameters"]) for page in pages]
    names = [row["ParameterName"] for page in pages for row in page["Parameters"]]
    assert len(sizes) > 1
    assert set(sizes[:-1]) == {100}
    assert len(names) == len(set(names))
    assert "work_mem" in names
    rds.delete_db_parameter_group(DBParameterGroupName="paged")


def test_awss_own_policies_can_be_attached(sandbox: RunningSandbox) -> None:
    """Both policies of AWS Backup's role are there (AWS Backup Developer Guide, "Managed policies for AWS Backup")."""
    iam = sandbox.client("iam")
    names = ["AWSBackupServiceRolePolicyForBackup", "AWSBackupServiceRolePolicyForRestores"]
    iam.create_role(RoleName="both", AssumeRolePolicyDocument="{}")
    for name in names:
        iam.attach_role_policy(RoleName="both", PolicyArn=f"arn:aws:iam::aws:policy/service-role/{name}")
    attached = iam.list_attached_role_policies(RoleName="both")["AttachedPolicies"]
    assert sorted(each["PolicyName"] for each in attached) == names


@pytest.mark.parametrize("slash", [True, False], ids=["with a slash", "without"])
def test_tags_are_found_however_the_path_ends(sandbox: RunningSandbox, slash: bool) -> None:
    """ListTags, TagResource and UntagResource of AWS Backup answer to paths with and without a slash at the end."""
    backup = sandbox.client("backup")

    def ends(request: Any, **_: Any) -> None:
        request.url = request.url.rstrip("/") + ("/" if slash else "")

    name = f"tagged-{slash}".lower()
    arn = backup.create_backup_vault(BackupVaultName=name, BackupVaultTags={"team": "orders"})["BackupVaultArn"]
    for operation in ("ListTags", "TagResource", "UntagResource"):
        backup.meta.events.register(f"request-created.backup.{operation}", ends)
    backup.tag_resource(ResourceArn=arn, Tags={"stage": "test"})
    assert backup.list_tags(ResourceArn=arn)["Tags"] == {"team": "orders", "stage": "test"}
    backup.untag_resource(ResourceArn=arn, TagKeyList=["team"])
    assert backup.list_tags(ResourceArn=arn)["Tags"] == {"stage": "test"}
    backup.delete_backup_vault(BackupVaultName=name)


def test_a_service_says_how_it_is_balanced(sandbox: RunningSandbox) -> None:
    """What is not asked for is ENABLED at first and stays as it is later (ECS API, CreateService and UpdateService)."""
    ecs = sandbox.client("ecs")
    ecs.create_cluster(clusterName="balanced")
    ecs.register_task_definition(
        family="balanced", containerDefinitions=[{"name": "one", "image": "one", "memory": 64}]
    )
    asked: dict[str, Any] = {"cluster": "balanced", "taskDefinition": "balanced", "desiredCount": 0}
    for name, more, told in (
        ("unsaid", {}, "ENABLED"),
        ("said", {"availabilityZoneRebalancing": "DISABLED"}, "DISABLED"),
    ):
        made = ecs.create_service(serviceName=name, **asked, **more)["service"]
        assert made["availabilityZoneRebalancing"] == told
        ecs.update_service(cluster="balanced", service=name, desiredCount=0)
        (seen,) = ecs.describe_services(cluster="balanced", services=[name])["services"]
        assert seen["availabilityZoneRebalancing"] == told
    ecs.update_service(cluster="balanced", service="said", availabilityZoneRebalancing="ENABLED")
    (seen,) = ecs.describe_services(cluster="balanced", services=["said"])["services"]
    assert seen["availabilityZoneRebalancing"] == "ENABLED"
    for name in ("unsaid", "said"):
        ecs.delete_service(cluster="balanced", service=name)


@pytest.mark.parametrize(
    ("operation", "has", "lacks"),
    [
        ("DescribeSecret", "VersionIdsToStages", "SecretVersionsToStages"),
        ("ListSecrets", "SecretVersionsToStages", "VersionIdsToStages"),
    ],
)
def test_a_secrets_versions_have_the_operations_name(
    sandbox: RunningSandbox, operation: str, has: str, lacks: str
) -> None:
    """The stages of the versions are called differently in both answers (Secrets Manager API reference)."""
    secrets = sandbox.client("secretsmanager")
    sent: list[dict[str, Any]] = []

    def keep(response_dict: dict[str, Any], **_: Any) -> None:
        sent.append(json.loads(response_dict["body"]))

    name = f"seen/{operation}"
    secrets.create_secret(Name=name, SecretString="something")
    secrets.meta.events.register(f"before-parse.secretsmanager.{operation}", keep)
    if operation == "DescribeSecret":
        secrets.describe_secret(SecretId=name)
        (told,) = sent
    else:
        secrets.list_secrets()
        (told,) = (each for each in sent[0]["SecretList"] if each["Name"] == name)
    assert list(told[has].values()) == [["AWSCURRENT"]]
    assert lacks not in told
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
