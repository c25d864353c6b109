"""Backup plans of the sandbox: what is stored and refused, and what their schedules create while the clock is moved forward."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psutil
import pytest
from botocore.exceptions import ClientError

from tests.support.backup import DAY, Shop, open_shop
from tests.support.rds import ROLE, code, delete, eventually, restore

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]
shop_fixture = open_shop


# -- plans -------------------------------------------------------------------------------------------------------------


def test_a_plan_has_the_services_defaults_and_a_version_for_every_update(shop: Shop) -> None:
    """A rule shows 8 hours, 7 days and 05:00 UTC unless told otherwise (API reference, BackupRuleInput, UpdateBackupPlan)."""
    shop.vault("plans")
    made = shop.plan("versions", "plans")
    seen = shop.backup.get_backup_plan(BackupPlanId=made["BackupPlanId"])
    rule = seen["BackupPlan"]["Rules"][0]
    assert rule["ScheduleExpression"] == "cron(0 5 ? * * *)"
    assert (rule["StartWindowMinutes"], rule["CompletionWindowMinutes"]) == (480, 10080)
    assert rule["RuleId"]

    rules = [{"RuleName": "other", "TargetBackupVaultName": "plans", "Lifecycle": {"DeleteAfterDays": 180}}]
    changed = shop.backup.update_backup_plan(
        BackupPlanId=made["BackupPlanId"], BackupPlan={"BackupPlanName": "versions", "Rules": rules}
    )
    assert changed["VersionId"] != made["VersionId"]
    first = shop.backup.get_backup_plan(BackupPlanId=made["BackupPlanId"], VersionId=made["VersionId"])
    last = shop.backup.get_backup_plan(BackupPlanId=made["BackupPlanId"])
    assert first["BackupPlan"]["Rules"][0]["RuleName"] == "only"
    assert last["BackupPlan"]["Rules"][0]["Lifecycle"] == {"DeleteAfterDays": 180}
    versions = shop.backup.list_backup_plan_versions(BackupPlanId=made["BackupPlanId"])["BackupPlanVersionsList"]
    assert [each["VersionId"] for each in versions] == [changed["VersionId"], made["VersionId"]]
    shop.end(made)
    assert made["BackupPlanId"] not in [each["BackupPlanId"] for each in _plans(shop)]
    assert made["BackupPlanId"] in [each["BackupPlanId"] for each in _plans(shop, IncludeDeleted=True)]


def _plans(shop: Shop, **more: Any) -> list[dict[str, Any]]:
    return list(shop.backup.list_backup_plans(**more)["BackupPlansList"])


def test_a_plan_with_selections_cannot_be_deleted(shop: Shop) -> None:
    """API reference, DeleteBackupPlan: "only … after all associated selections of resources have been deleted"."""
    shop.vault("kept")
    made = shop.plan("kept", "kept", ScheduleExpression="cron(0 5 1 1 ? *)")
    selection = shop.select(
        made, ListOfTags=[{"ConditionType": "STRINGEQUALS", "ConditionKey": "a", "ConditionValue": "b"}]
    )
    with pytest.raises(ClientError) as refused:
        shop.backup.delete_backup_plan(BackupPlanId=made["BackupPlanId"])
    assert code(refused) == "InvalidRequestException"
    seen = shop.backup.get_backup_selection(BackupPlanId=made["BackupPlanId"], SelectionId=selection)
    assert seen["BackupSelection"]["ListOfTags"][0]["ConditionKey"] == "a"
    shop.end(made)
    with pytest.raises(ClientError) as refused:
        shop.backup.get_backup_plan(BackupPlanId=made["BackupPlanId"])
    assert code(refused) == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"ScheduleExpression": "rate(1 day)"}, "Expected cron"),
        ({"ScheduleExpression": "cron(0 5 * * * *)"}, "Expected [?]"),
        ({"ScheduleExpressionTimezone": "Mars/Olympus"}, "time zone"),
        ({"StartWindowMinutes": 59}, "StartWindowMinutes"),
        ({"StartWindowMinutes": 120, "CompletionWindowMinutes": 60}, "CompletionWindowMinutes"),
        ({"TargetBackupVaultName": "nowhere"}, "nowhere"),
        ({"EnableContinuousBackup": True}, "EnableContinuousBackup .* absent"),
        ({"Lifecycle": {"MoveToColdStorageAfterDays": 30, "DeleteAfterDays": 60}}, "90 days"),
        ({"CopyActions": [{"DestinationBackupVaultArn": "arn:aws:s3:::bucket"}]}, "vault ARN"),
    ],
    ids=str,
)
def test_a_rule_that_cannot_be_is_refused(shop: Shop, rule: dict[str, Any], words: str) -> None:
    """InvalidParameterValueException says what is wrong (API reference, BackupRuleInput, Lifecycle); rate() is no cron."""
    with pytest.raises(ClientError, match=words) as refused:
        shop.plan("refused", _any_vault(shop), **rule)
    assert code(refused) == "InvalidParameterValueException"


def _any_vault(shop: Shop) -> str:
    names = [each["BackupVaultName"] for each in shop.backup.list_backup_vaults()["BackupVaultList"]]
    if "refusing" not in names:
        shop.vault("refusing")
    return "refusing"


def test_the_same_document_twice_already_exists_and_a_request_id_is_repeated(shop: Shop) -> None:
    """API reference, CreateBackupPlan: AlreadyExistsException; a CreatorRequestId that matches returns the plan."""
    shop.vault("twice")
    document = {"BackupPlanName": "twice", "Rules": [{"RuleName": "r", "TargetBackupVaultName": "twice"}]}
    made = shop.backup.create_backup_plan(BackupPlan=document, CreatorRequestId="one")
    assert (
        shop.backup.create_backup_plan(BackupPlan=document, CreatorRequestId="one")["BackupPlanId"]
        == made["BackupPlanId"]
    )
    with pytest.raises(ClientError) as refused:
        shop.backup.create_backup_plan(BackupPlan=document)
    assert code(refused) == "AlreadyExistsException"
    shop.end(made)


def _processor_seconds(shop: Shop) -> float:
    """What the sandbox has taken of the processors, which says how much it does however busy the machine is."""
    taken = psutil.Process(shop.sandbox.process.pid).cpu_times()
    return float(taken.user + taken.system)


# -- schedules ---------------------------------------------------------------------------------------------------------


def test_three_months_of_a_daily_plan_take_seconds_and_leave_what_its_lifecycle_keeps(shop: Shop) -> None:
    """Points stand at 05:00 of Berlin's clocks on the last 35 days, expired ones are gone, and each restores.

    AWS Backup developer guide, "Creating a backup plan"; API reference, Lifecycle, ListBackupJobs (30 days).
    """
    shop.vault("months")
    plan = shop.plan(
        "months",
        "months",
        ScheduleExpression="cron(0 5 * * ? *)",
        ScheduleExpressionTimezone="Europe/Berlin",
        Lifecycle={"DeleteAfterDays": 35},
        RecoveryPointTags={"plan": "months"},
    )
    shop.select(
        plan, Conditions={"StringEquals": [{"ConditionKey": "aws:ResourceTag/backup", "ConditionValue": "daily"}]}
    )
    began = _processor_seconds(shop)
    shop.forward(92)
    assert _processor_seconds(shop) - began < 30
    shop.backup.delete_backup_selection(
        BackupPlanId=plan["BackupPlanId"],
        SelectionId=shop.backup.list_backup_selections(BackupPlanId=plan["BackupPlanId"])["BackupSelectionsList"][0][
            "SelectionId"
        ],
    )
    points = shop.points("months")
    assert len(points) == 35
    berlin = ZoneInfo("Europe/Berlin")
    assert {(p["CreationDate"].astimezone(berlin).hour, p["CreationDate"].minute) for p in points} == {(5, 0)}
    assert shop.span(points) <= {timedelta(days=1), timedelta(hours=23), timedelta(hours=25)}
    assert {p["Status"] for p in points} == {"COMPLETED"}
    assert {p["CreatedBy"]["BackupPlanId"] for p in points} == {plan["BackupPlanId"]}
    assert points[0]["CalculatedLifecycle"]["DeleteAt"] == points[0]["CreationDate"] + timedelta(days=35)
    jobs = shop.backup.list_backup_jobs(ByBackupVaultName="months", ByState="COMPLETED")["BackupJobs"]
    assert len(jobs) == 30
    assert jobs[0]["RecoveryPointArn"] == points[-1]["RecoveryPointArn"]
    rds = shop.sandbox.client("rds")
    (snapshot,) = rds.describe_db_snapshots(DBSnapshotIdentifier=points[0]["RecoveryPointArn"])["DBSnapshots"]
    assert snapshot["SnapshotCreateTime"] == points[0]["CreationDate"]
    assert snapshot["TagList"] == [{"Key": "backup", "Value": "daily"}, {"Key": "plan", "Value": "months"}]

    # the points share their data until one of them is changed
    oldest, newest = points[0]["RecoveryPointArn"], points[-1]["RecoveryPointArn"]
    with shop.orders.connect() as session:
        session.execute("DELETE FROM item WHERE id > 5")
    assert shop.sandbox.control.damage(newest, ["row"])[0]["object"]
    shop.backup.delete_recovery_point(BackupVaultName="months", RecoveryPointArn=points[1]["RecoveryPointArn"])
    copy = restore(shop.orders, oldest, "three-months-old", BackupRetentionPeriod=0)
    copy.available()
    assert copy.value("SELECT count(*) FROM item") == 10
    delete(copy)
    broken = restore(shop.orders, newest, "damaged", BackupRetentionPeriod=0)
    broken.available()
    assert broken.value("SELECT count(*) FROM item") == 9
    delete(broken)
    shop.forward(40)
    assert shop.points("months") == []
    with shop.orders.connect() as session:
        session.execute("INSERT INTO item SELECT generate_series(6, 10)")
    shop.end(plan)


def test_a_schedule_fires_while_the_sandbox_runs(shop: Shop) -> None:
    """A rule for every minute makes a job when the minute comes, named after its rule (API reference, RecoveryPointCreator)."""
    shop.vault("minutes")
    plan = shop.plan("minutes", "minutes", ScheduleExpression="cron(* * * * ? *)", StartWindowMinutes=60)
    shop.select(plan)
    now = shop.sandbox.control.now()
    shop.sandbox.control.forward(57 - now.second if now.second < 57 else 0)

    def jobs() -> list[dict[str, Any]] | None:
        return shop.backup.list_backup_jobs(ByBackupVaultName="minutes", ByState="COMPLETED")["BackupJobs"] or None

    try:
        job = eventually(jobs, "the job of the next minute")[-1]
    finally:
        shop.end(plan)
    assert job["CreationDate"].second == 0
    assert job["StartBy"] == job["CreationDate"] + timedelta(hours=1)
    assert job["CreatedBy"]["BackupRuleCron"] == "cron(* * * * ? *)"


def test_a_point_that_the_vault_does_not_let_go_is_expired(shop: Shop) -> None:
    """EXPIRED: "exceeded its retention period, but AWS Backup … is otherwise unable to delete it" (DescribeRecoveryPoint)."""
    shop.vault("held")
    policy = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", '
        '"Action": "backup:DeleteRecoveryPoint", "Resource": "*"}]}'
    )
    shop.backup.put_backup_vault_access_policy(BackupVaultName="held", Policy=policy)
    arn = shop.back_up("held", Lifecycle={"DeleteAfterDays": 1})
    with pytest.raises(ClientError) as refused:
        shop.backup.delete_recovery_point(BackupVaultName="held", RecoveryPointArn=arn)
    assert code(refused) == "AccessDeniedException"
    shop.forward(2)
    assert [point["Status"] for point in shop.points("held")] == ["EXPIRED"]
    assert "policy" in shop.points("held")[0]["StatusMessage"]
    assert shop.backup.get_backup_vault_access_policy(BackupVaultName="held")["Policy"] == policy
    shop.backup.delete_backup_vault_access_policy(BackupVaultName="held")
    eventually(lambda: not shop.points("held"), "the point to go")
    shop.backup.delete_backup_vault(BackupVaultName="held")


def test_a_rule_copies_what_it_made_to_another_region(shop: Shop) -> None:
    """CopyActions leave copies with their own lifecycle in the other region's vault (API reference, CopyAction)."""
    shop.vault("near")
    far = shop.there().client("backup").create_backup_vault(BackupVaultName="far")["BackupVaultArn"]
    plan = shop.plan(
        "copies",
        "near",
        Lifecycle={"DeleteAfterDays": 2},
        CopyActions=[{"DestinationBackupVaultArn": far, "Lifecycle": {"DeleteAfterDays": 10}}],
    )
    shop.select(plan)
    shop.forward(20)
    shop.end(plan)
    assert len(shop.points("near")) == 2
    copies = shop.there().client("backup").list_recovery_points_by_backup_vault(BackupVaultName="far")["RecoveryPoints"]
    assert len(copies) == 10
    jobs = shop.backup.list_copy_jobs(ByDestinationVaultArn=far)["CopyJobs"]
    assert {job["State"] for job in jobs} == {"COMPLETED"}
    assert len(jobs) == 20
    assert all(":snapshot:awsbackup:copyjob-" in each["RecoveryPointArn"] for each in copies)


def test_a_job_waits_for_its_instance_and_expires(shop: Shop) -> None:
    """CREATED "until it has successfully begun or until the start window time has run out", then EXPIRED (BackupRuleInput)."""
    rds = shop.sandbox.client("rds")
    shop.vault("waiting")
    major = shop.sandbox.postgres[0]["major"]
    rds.create_db_parameter_group(
        DBParameterGroupName="bad", DBParameterGroupFamily=f"postgres{major}", Description="starts no server"
    )
    bad = {"ParameterName": "max_connections", "ParameterValue": "many", "ApplyMethod": "pending-reboot"}
    rds.modify_db_parameter_group(DBParameterGroupName="bad", Parameters=[bad])
    broken = restore(shop.orders, shop.back_up("waiting"), "never", DBParameterGroupName="bad", BackupRetentionPeriod=0)
    eventually(lambda: broken.described()["DBInstanceStatus"] == "incompatible-parameters", "the failure")
    job = shop.backup.start_backup_job(
        BackupVaultName="waiting",
        ResourceArn=broken.described()["DBInstanceArn"],
        IamRoleArn=ROLE,
        StartWindowMinutes=60,
    )["BackupJobId"]
    assert shop.backup.describe_backup_job(BackupJobId=job)["State"] == "CREATED"
    shop.sandbox.control.forward(DAY / 24 - 60)
    assert shop.backup.describe_backup_job(BackupJobId=job)["State"] == "CREATED"
    shop.sandbox.control.forward(120)
    seen = shop.backup.describe_backup_job(BackupJobId=job)
    assert seen["State"] == "EXPIRED"
    assert seen["CompletionDate"] == seen["StartBy"]
    assert "start window" in seen["StatusMessage"]
    assert "RecoveryPointArn" not in seen
    delete(broken)


def test_a_rule_whose_vault_is_gone_fails_and_later_ones_run(shop: Shop) -> None:
    """A vault may be deleted though a plan names it (DeleteBackupVault); the job says so and nothing else suffers."""
    for name in ("gone", "there"):
        shop.vault(name)
    rules = [{"RuleName": name, "TargetBackupVaultName": name} for name in ("gone", "there")]
    plan = shop.backup.create_backup_plan(BackupPlan={"BackupPlanName": "half", "Rules": rules})
    shop.select(plan)
    shop.backup.delete_backup_vault(BackupVaultName="gone")
    shop.forward(1)
    shop.end(plan)
    (job,) = shop.backup.list_backup_jobs(ByBackupVaultName="gone")["BackupJobs"]
    assert job["State"] == "FAILED"
    assert job["StatusMessage"] == "Backup vault gone not found"
    assert len(shop.points("there")) == 1
