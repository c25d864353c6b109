"""Vaults, jobs, copies, restores and restore tests of the sandbox's AWS Backup."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drills.aws.guarded.names import LOCK_PREFIX
from drills.cli import main as cli
from drills.record import load
from drills.replay.again import replay
from drills.replay.bundle import read
from tests.support.backup import OTHER_REGION, Shop, open_shop
from tests.support.rds import MASTER, ROLE, Instance, code, delete, eventually

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]
shop_fixture = open_shop


# -- vaults ------------------------------------------------------------------------------------------------------------


def test_a_lock_holds_points_and_refuses_retentions_and_becomes_immutable(shop: Shop) -> None:
    """API reference, PutBackupVaultLockConfiguration: min and max retention, no deletion, immutable from the lock date."""
    backup = shop.backup
    shop.vault("locked")
    backup.put_backup_vault_lock_configuration(
        BackupVaultName="locked", MinRetentionDays=7, MaxRetentionDays=30, ChangeableForDays=3
    )
    seen = backup.describe_backup_vault(BackupVaultName="locked")
    assert (seen["Locked"], seen["MinRetentionDays"], seen["MaxRetentionDays"]) == (True, 7, 30)
    assert timedelta(days=2, hours=23) < seen["LockDate"] - shop.sandbox.control.now() <= timedelta(days=3)
    for lifecycle in ({"DeleteAfterDays": 6}, {"DeleteAfterDays": 31}, {}):
        job = backup.start_backup_job(
            BackupVaultName="locked", ResourceArn=shop.arn, IamRoleArn=ROLE, Lifecycle=lifecycle
        )
        failed = shop.ended(job["BackupJobId"])
        assert failed["State"] == "FAILED"
        assert "lock" in failed["StatusMessage"]
    arn = shop.back_up("locked", Lifecycle={"DeleteAfterDays": 7})
    with pytest.raises(ClientError, match="Vault Lock") as refused:
        backup.delete_recovery_point(BackupVaultName="locked", RecoveryPointArn=arn)
    assert code(refused) == "InvalidRequestException"
    with pytest.raises(ClientError, match="Vault Lock"):
        backup.update_recovery_point_lifecycle(
            BackupVaultName="locked", RecoveryPointArn=arn, Lifecycle={"DeleteAfterDays": 8}
        )
    shop.forward(4)
    for change in (backup.put_backup_vault_lock_configuration, backup.delete_backup_vault_lock_configuration):
        with pytest.raises(ClientError, match="immutable") as refused:
            change(BackupVaultName="locked")
        assert code(refused) == "InvalidRequestException"
    shop.forward(4)
    assert shop.points("locked") == []


def test_the_tagging_api_lists_a_vault_with_its_tags(shop: Shop) -> None:
    """Resource Groups Tagging API reference, GetResources: resources of all services, found by a tag."""
    arn = shop.vault("tagged", BackupVaultTags={"stage": "tagged"})
    shop.backup.tag_resource(ResourceArn=arn, Tags={"owner": "orders"})

    tagging = shop.sandbox.client("resourcegroupstaggingapi")
    found = tagging.get_resources(TagFilters=[{"Key": "stage", "Values": ["tagged"]}])["ResourceTagMappingList"]

    tags = [{"Key": "stage", "Value": "tagged"}, {"Key": "owner", "Value": "orders"}]
    assert found == [{"ResourceARN": arn, "Tags": tags}]


def test_a_vault_has_its_key_and_the_point_its_sources(shop: Shop) -> None:
    """A point of an RDS instance carries the source's key (developer guide, "Encryption for backups in AWS Backup")."""
    key = shop.sandbox.client("kms").create_key()["KeyMetadata"]["Arn"]
    shop.vault("keyed", EncryptionKeyArn=key)
    assert shop.backup.describe_backup_vault(BackupVaultName="keyed")["EncryptionKeyArn"] == key
    arn = shop.back_up("keyed")
    point = shop.backup.describe_recovery_point(BackupVaultName="keyed", RecoveryPointArn=arn)
    assert point["EncryptionKeyArn"] == shop.orders.described()["KmsKeyId"] != key
    with pytest.raises(ClientError) as refused:
        shop.backup.delete_backup_vault(BackupVaultName="keyed")
    assert code(refused) == "InvalidRequestException"
    with pytest.raises(ClientError) as refused:
        shop.vault("keyless", EncryptionKeyArn=key[:-1] + "x")
    assert code(refused) == "InvalidParameterValueException"
    changed = shop.backup.update_recovery_point_lifecycle(
        BackupVaultName="keyed", RecoveryPointArn=arn, Lifecycle={"DeleteAfterDays": 5}
    )
    assert changed["CalculatedLifecycle"]["DeleteAt"] == point["CreationDate"] + timedelta(days=5)
    shop.backup.tag_resource(ResourceArn=arn, Tags={"why": "test"})
    shop.backup.untag_resource(ResourceArn=arn, TagKeyList=["backup"])
    assert shop.backup.list_tags(ResourceArn=arn)["Tags"] == {"why": "test"}
    topic = "arn:aws:sns:eu-central-1:123456789012:backups"
    shop.backup.put_backup_vault_notifications(
        BackupVaultName="keyed", SNSTopicArn=topic, BackupVaultEvents=["BACKUP_JOB_FAILED"]
    )
    assert shop.backup.get_backup_vault_notifications(BackupVaultName="keyed")["SNSTopicArn"] == topic


@pytest.mark.parametrize(
    ("statement", "held"),
    [
        ({"Effect": "Deny", "Principal": "*", "Action": "backup:Delete*", "Resource": "*"}, True),
        (
            {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": ["backup:DeleteRecoveryPoint"], "Resource": "*"},
            True,
        ),
        ({"Effect": "Allow", "Principal": "*", "Action": "backup:*", "Resource": "*"}, False),
        ({"Effect": "Deny", "Principal": {"AWS": ROLE}, "Action": "backup:*", "Resource": "*"}, False),
    ],
    ids=str,
)
def test_a_policy_that_denies_everyone_the_deletion_is_honoured(
    shop: Shop, statement: dict[str, Any], held: bool
) -> None:
    """Developer guide, "Vault access policies"; a policy that names somebody is kept only: there are no identities."""
    name = f"policy-{abs(hash(str(statement)))}"
    shop.vault(name)
    arn = shop.back_up(name)
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    shop.backup.put_backup_vault_access_policy(BackupVaultName=name, Policy=policy)
    if held:
        with pytest.raises(ClientError, match="explicit deny in a resource based policy") as refused:
            shop.backup.delete_recovery_point(BackupVaultName=name, RecoveryPointArn=arn)
        assert code(refused) == "AccessDeniedException"
        shop.backup.delete_backup_vault_access_policy(BackupVaultName=name)
    shop.backup.delete_recovery_point(BackupVaultName=name, RecoveryPointArn=arn)
    shop.backup.delete_backup_vault(BackupVaultName=name)


# -- jobs --------------------------------------------------------------------------------------------------------------


def test_jobs_that_are_to_fail_do_so_at_60_percent(shop: Shop) -> None:
    """Backup, copy and restore jobs end in FAILED with a message and leave nothing; StopBackupJob is not for RDS."""
    shop.vault("failing")
    elsewhere = shop.vault("failing-copies")
    arn = shop.back_up("failing")
    for operation in ("StartBackupJob", "StartCopyJob", "StartRestoreJob"):
        shop.sandbox.control.arm("job-fails", service="backup", operation=operation, name="orders")
    job = shop.backup.start_backup_job(BackupVaultName="failing", ResourceArn=shop.arn, IamRoleArn=ROLE)["BackupJobId"]
    with pytest.raises(ClientError) as refused:
        shop.backup.stop_backup_job(BackupJobId=job)
    assert code(refused) == "InvalidRequestException"  # API reference, StopBackupJob: not supported for Amazon RDS
    seen = shop.ended(job)
    assert (seen["State"], seen["PercentDone"]) == ("FAILED", "60.0")
    assert "RecoveryPointArn" not in seen
    copy = shop.backup.start_copy_job(
        RecoveryPointArn=arn, SourceBackupVaultName="failing", DestinationBackupVaultArn=elsewhere, IamRoleArn=ROLE
    )["CopyJobId"]
    eventually(lambda: shop.backup.describe_copy_job(CopyJobId=copy)["CopyJob"]["State"] == "FAILED", "the copy job")
    assert shop.points("failing-copies") == []
    restored = shop.backup.start_restore_job(
        RecoveryPointArn=arn, Metadata={"DBInstanceIdentifier": "not-made"}, IamRoleArn=ROLE
    )["RestoreJobId"]
    eventually(lambda: shop.backup.describe_restore_job(RestoreJobId=restored)["Status"] == "FAILED", "the restore job")
    assert "60 %" in shop.backup.describe_restore_job(RestoreJobId=restored)["StatusMessage"]
    assert Instance(shop.sandbox, "not-made", "").gone()


def test_a_token_is_honoured_and_jobs_are_filtered_and_paged(shop: Shop) -> None:
    """API reference, StartBackupJob (IdempotencyToken), ListBackupJobs (filters, MaxResults, NextToken)."""
    shop.vault("tokens")
    wanted = {"BackupVaultName": "tokens", "ResourceArn": shop.arn, "IamRoleArn": ROLE, "IdempotencyToken": "once"}
    first = shop.backup.start_backup_job(**wanted)
    assert shop.backup.start_backup_job(**wanted)["BackupJobId"] == first["BackupJobId"]
    shop.ended(first["BackupJobId"])
    since = shop.sandbox.control.now()
    shop.back_up("tokens")

    def listed(**by: Any) -> list[dict[str, Any]]:
        return list(shop.backup.list_backup_jobs(ByBackupVaultName="tokens", **by)["BackupJobs"])

    assert len(listed()) == len(listed(ByState="COMPLETED")) == len(listed(ByResourceArn=shop.arn)) == 2
    assert listed(ByState="FAILED") == listed(ByResourceType="EBS") == listed(ByResourceArn="x") == []
    assert len(listed(ByCreatedAfter=since)) == len(listed(ByCreatedBefore=since)) == 1
    assert len(listed(ByCompleteAfter=since)) == 1
    page = shop.backup.list_backup_jobs(ByBackupVaultName="tokens", MaxResults=1)
    rest = shop.backup.list_backup_jobs(ByBackupVaultName="tokens", MaxResults=1, NextToken=page["NextToken"])
    assert {page["BackupJobs"][0]["BackupJobId"], rest["BackupJobs"][0]["BackupJobId"]} == {
        row["BackupJobId"] for row in listed()
    }


def test_a_copy_in_another_region_restores_there_under_its_vaults_key(shop: Shop) -> None:
    """Developer guide, "Encryption for backups": a copy is encrypted with the key of the destination vault."""
    there = shop.there()
    key = there.client("kms").create_key()["KeyMetadata"]["Arn"]
    target = there.client("backup").create_backup_vault(BackupVaultName="abroad", EncryptionKeyArn=key)
    shop.vault("home")
    arn = shop.back_up("home")
    job = shop.backup.start_copy_job(
        RecoveryPointArn=arn,
        SourceBackupVaultName="home",
        DestinationBackupVaultArn=target["BackupVaultArn"],
        IamRoleArn=ROLE,
        Lifecycle={"DeleteAfterDays": 3},
    )["CopyJobId"]
    eventually(lambda: shop.backup.describe_copy_job(CopyJobId=job)["CopyJob"]["State"] == "COMPLETED", "the copy job")
    copied = shop.backup.describe_copy_job(CopyJobId=job)["CopyJob"]["DestinationRecoveryPointArn"]
    assert copied.startswith(f"arn:aws:rds:{OTHER_REGION}:123456789012:snapshot:awsbackup:copyjob-")
    point = there.client("backup").describe_recovery_point(BackupVaultName="abroad", RecoveryPointArn=copied)
    assert point["EncryptionKeyArn"] == key
    assert point["ResourceArn"] == shop.arn
    shop.backup.delete_recovery_point(BackupVaultName="home", RecoveryPointArn=arn)
    restored = there.client("backup").start_restore_job(
        RecoveryPointArn=copied, Metadata={"DBInstanceIdentifier": "abroad"}, IamRoleArn=ROLE
    )["RestoreJobId"]
    eventually(
        lambda: there.client("backup").describe_restore_job(RestoreJobId=restored)["Status"] == "COMPLETED", "the job"
    )
    copy = Instance(there, "abroad", shop.orders.password)
    assert copy.described()["DBInstanceArn"].startswith(f"arn:aws:rds:{OTHER_REGION}:")
    assert copy.described()["KmsKeyId"] == key
    assert copy.value("SELECT count(*) FROM item") == 10
    copy.available()
    delete(copy)


# -- restores ----------------------------------------------------------------------------------------------------------


def test_a_restore_job_says_what_it_was_told_and_fails_without_its_key(shop: Shop) -> None:
    """API reference, GetRestoreJobMetadata, PutRestoreValidationResult, ListRestoreJobs; the KMS message is AWS's."""
    shop.vault("restores")
    there, target = shop.there(), shop.vault("sealed", EncryptionKeyArn=_key(shop))
    arn = shop.back_up("restores")
    metadata = {"DBInstanceIdentifier": "validated", "MultiAZ": "false"}
    wanted = {"RecoveryPointArn": arn, "Metadata": metadata, "IamRoleArn": ROLE, "IdempotencyToken": "r"}
    job = shop.backup.start_restore_job(**wanted)["RestoreJobId"]
    assert shop.backup.start_restore_job(**wanted)["RestoreJobId"] == job
    shop.sandbox.control.arm("stuck-creating", service="rds", name="unfinished")
    unfinished = Instance(shop.sandbox, "unfinished", "")
    running = shop.backup.start_restore_job(
        **wanted | {"Metadata": {"DBInstanceIdentifier": "unfinished"}, "IdempotencyToken": "u"}
    )
    with pytest.raises(ClientError) as refused:
        shop.backup.put_restore_validation_result(RestoreJobId=running["RestoreJobId"], ValidationStatus="SUCCESSFUL")
    assert code(refused) == "InvalidRequestException"
    delete(unfinished)
    eventually(lambda: shop.backup.describe_restore_job(RestoreJobId=job)["Status"] == "COMPLETED", "the restore job")
    assert shop.backup.get_restore_job_metadata(RestoreJobId=job)["Metadata"] == metadata
    shop.backup.put_restore_validation_result(
        RestoreJobId=job, ValidationStatus="FAILED", ValidationStatusMessage="rows are missing"
    )
    seen = shop.backup.describe_restore_job(RestoreJobId=job)
    assert (seen["ValidationStatus"], seen["ValidationStatusMessage"]) == ("FAILED", "rows are missing")
    assert job in [each["RestoreJobId"] for each in shop.backup.list_restore_jobs(ByStatus="COMPLETED")["RestoreJobs"]]
    protected = shop.backup.describe_protected_resource(ResourceArn=shop.arn)
    assert protected["LatestRestoreJobCreationDate"] == seen["CreationDate"]
    in_vault = shop.backup.list_protected_resources_by_backup_vault(BackupVaultName="restores")["Results"]
    assert [each["LastRecoveryPointArn"] for each in in_vault] == [arn]
    made = Instance(shop.sandbox, "validated", shop.orders.password)
    made.available()
    delete(made)

    copy = shop.backup.start_copy_job(
        RecoveryPointArn=arn, SourceBackupVaultName="restores", DestinationBackupVaultArn=target, IamRoleArn=ROLE
    )["CopyJobId"]
    eventually(lambda: shop.backup.describe_copy_job(CopyJobId=copy)["CopyJob"]["State"] == "COMPLETED", "the copy")
    (sealed,) = shop.points("sealed")
    shop.sandbox.client("kms").disable_key(KeyId=sealed["EncryptionKeyArn"].rsplit("/", 1)[1])
    job = shop.backup.start_restore_job(
        RecoveryPointArn=sealed["RecoveryPointArn"], Metadata={"DBInstanceIdentifier": "sealed"}, IamRoleArn=ROLE
    )["RestoreJobId"]
    failed = shop.backup.describe_restore_job(RestoreJobId=job)
    assert failed["Status"] == "FAILED"
    assert failed["StatusMessage"].startswith("The specified AWS KMS key ARN does not exist, is not enabled")
    assert there.client("backup").list_restore_jobs(ByStatus="PENDING")["RestoreJobs"] == []


def _key(shop: Shop) -> str:
    return str(shop.sandbox.client("kms").create_key()["KeyMetadata"]["Arn"])


def _testing_plan(shop: Shop, name: str) -> str:
    """A restore testing plan for the instance, each day at noon, whose tests wait 20 hours for a result; its ARN."""
    points = {"Algorithm": "LATEST_WITHIN_WINDOW", "IncludeVaults": ["*"], "RecoveryPointTypes": ["SNAPSHOT"]}
    plan = {
        "RestoreTestingPlanName": name,
        "ScheduleExpression": "cron(0 12 * * ? *)",
        "RecoveryPointSelection": points,
    }
    arn = shop.backup.create_restore_testing_plan(RestoreTestingPlan=plan)["RestoreTestingPlanArn"]
    selection = {
        "RestoreTestingSelectionName": "all",
        "IamRoleArn": ROLE,
        "ProtectedResourceType": "RDS",
        "ProtectedResourceArns": [shop.arn],
        "ValidationWindowHours": 20,
    }
    shop.backup.create_restore_testing_selection(RestoreTestingPlanName=name, RestoreTestingSelection=selection)
    return str(arn)


def _forward_to_noon(shop: Shop, days: int) -> datetime:
    """Move the clock to just after the noon of some days later; that noon."""
    now = shop.sandbox.control.now()
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=days)
    shop.sandbox.control.forward((noon - now).total_seconds() + 60)
    return noon


def test_restore_tests_run_on_their_schedule_and_clean_up(shop: Shop) -> None:
    """Developer guide, "Restore testing": a test restores the newest point, and its instance goes after the verdict."""
    shop.vault("tested")
    newest = shop.back_up("tested")
    backup, arn = shop.backup, _testing_plan(shop, "daily")
    inferred = backup.get_restore_testing_inferred_metadata(BackupVaultName="tested", RecoveryPointArn=newest)
    assert inferred["InferredMetadata"]["DBInstanceIdentifier"].startswith("awsbackup-restore-test-")
    assert inferred["InferredMetadata"]["MultiAZ"] == "false"
    noon = _forward_to_noon(shop, 3)

    def tests() -> list[dict[str, Any]]:
        found = backup.list_restore_jobs(ByRestoreTestingPlanArn=arn)["RestoreJobs"]
        return [row for row in found if row["Status"] == "COMPLETED"]

    eventually(lambda: [row["CreationDate"] for row in tests()[:1]] == [noon], "the last of the tests")
    last, *earlier = tests()
    assert {row["DeletionStatus"] for row in earlier} == {"SUCCESSFUL"}
    assert {row["ValidationStatus"] for row in earlier} == {"TIMED_OUT"}
    assert len(earlier) >= 2
    assert last["RecoveryPointArn"] == newest
    made = Instance(shop.sandbox, last["CreatedResourceArn"].rsplit(":", 1)[1], shop.orders.password)
    assert made.value("SELECT count(*) FROM item") == 10
    made.available()
    backup.put_restore_validation_result(RestoreJobId=last["RestoreJobId"], ValidationStatus="SUCCESSFUL")
    eventually(made.gone, "the tested instance to go")
    eventually(lambda: tests()[0].get("DeletionStatus") == "SUCCESSFUL", "the deletion to be told")
    with pytest.raises(ClientError) as refused:
        backup.delete_restore_testing_plan(RestoreTestingPlanName="daily")
    assert code(refused) == "InvalidRequestException"
    backup.delete_restore_testing_selection(RestoreTestingPlanName="daily", RestoreTestingSelectionName="all")
    backup.delete_restore_testing_plan(RestoreTestingPlanName="daily")


@pytest.fixture
def validating(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the target's drill.toml and the manifest of what the instance holds; commands run in it."""
    endpoint = shop.orders.described()["Endpoint"]
    dsn = f"host=localhost port={endpoint['Port']} user={MASTER} dbname=app sslmode=verify-full"
    (tmp_path / "drill.toml").write_text(
        '[profiles.sandbox]\npoll_every = "30ms"\n[targets.orders]\nrto = "1h"\nmanifest = "orders.json"\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PGSSLROOTCERT", shop.sandbox.ca)
    monkeypatch.setenv("PGPASSWORD", shop.orders.password)
    monkeypatch.setenv("AWS_ENDPOINT_URL", shop.sandbox.endpoint)
    assert cli.main(["manifest", dsn, "-o", "orders.json"]) == 0
    monkeypatch.delenv("PGPASSWORD")
    return tmp_path


def _derive_again(bundle: Path, codes: tuple[int, ...]) -> None:
    """Derive a validation's verdicts, result and codes from its bundle: nothing differs, and what is altered is named."""
    evidence = read(bundle)
    found, known = replay(evidence), evidence.record
    assert (found.differences, found.codes) == ([], codes)
    assert {f"verdicts[{each.name}]" for each in known.verdicts} <= set(found.derived)
    assert [each.what for each in found.not_derived if each.what.startswith("verdicts")] == []
    assert known.restore_test is not None
    praised = replace(known.restore_test, result="TIMED_OUT")
    altered = replace(known, restore_test=praised, verdicts=known.verdicts[1:])
    named = {each.what for each in replay(replace(evidence, record=altered)).differences}
    assert {"restore_test.result", f"verdicts[{known.verdicts[0].name}]"} <= named


def test_a_restore_test_is_validated_end_to_end(
    shop: Shop, validating: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Plan, restore job, the checks of a drill on its instance, the result in DescribeRestoreJob, and then the deletion."""
    shop.vault("validated")
    point = shop.back_up("validated")
    arn = _testing_plan(shop, "validated")
    _forward_to_noon(shop, 1)

    def job() -> dict[str, Any]:
        found = shop.backup.list_restore_jobs(ByRestoreTestingPlanArn=arn)["RestoreJobs"]
        return dict(found[0]) if found else {}

    def deleted() -> bool:
        return job().get("DeletionStatus") == "SUCCESSFUL"

    eventually(lambda: job().get("Status") == "COMPLETED", "the restore test")
    assert "ValidationStatus" not in job()
    assert cli.main(["validate", "--plan", "validated"]) == 0, capsys.readouterr()
    record, seen = load(validating / "reports/out/latest"), job()
    assert record.restore_test is not None
    (bundle,) = (validating / "reports/evidence/sandbox-orders").glob("0001-*")
    digest = hashlib.sha256((bundle / "SHA256SUMS").read_bytes()).hexdigest()
    posted = f"{record.restore_test.message} Evidence: SHA256SUMS {digest}"
    assert (seen["ValidationStatus"], seen["ValidationStatusMessage"]) == ("SUCCESSFUL", posted)
    assert load(bundle).restore_test == record.restore_test  # sealed before it was posted
    assert {verdict.name for verdict in record.verdicts if verdict.outcome == "met"} >= {
        "catalog",
        "content",
        "restore test",
    }
    kept = [each for each in record.resources if not (each.id.startswith(LOCK_PREFIX) and each.state == "gone")]
    assert kept == []  # nothing of the restore test is removed by drills
    _derive_again(bundle, (0,))
    eventually(deleted, "AWS Backup to delete the instance")

    event = {"source": "aws.backup", "detail-type": "Restore Job State Change"}
    (validating / "event.json").write_text(json.dumps(event | {"detail": {"restoreJobId": seen["RestoreJobId"]}}))
    assert cli.main(["validate", "--event", "event.json"]) == 0
    assert "SUCCESSFUL was posted before" in capsys.readouterr().out

    shop.sandbox.control.damage(point, ["row"])
    _forward_to_noon(shop, 1)
    eventually(
        lambda: job()["RestoreJobId"] != seen["RestoreJobId"] and job()["Status"] == "COMPLETED", "the next test"
    )
    assert cli.main(["validate", "--restore-job", job()["RestoreJobId"]]) == 11, capsys.readouterr()
    assert job()["ValidationStatus"] == "FAILED"
    assert "missed: content" in job()["ValidationStatusMessage"]
    _derive_again(next((validating / "reports/evidence/sandbox-orders").glob("0002-*")), (11,))
    eventually(deleted, "AWS Backup to delete the instance")
    assert cli.main(["validate", "--plan", "validated"]) == 11  # as posted


def test_what_no_restore_test_made_is_left_alone(
    shop: Shop, validating: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The master password is changed of nothing that somebody else restored, and no result is posted that could end it."""
    shop.vault("by-hand")
    request = {"RecoveryPointArn": shop.back_up("by-hand"), "IamRoleArn": ROLE, "ResourceType": "RDS"}
    job = shop.backup.start_restore_job(**request, Metadata={"DBInstanceIdentifier": "by-hand"})["RestoreJobId"]
    made = Instance(shop.sandbox, "by-hand", shop.orders.password)
    eventually(lambda: shop.backup.describe_restore_job(RestoreJobId=job)["Status"] == "COMPLETED", "the restore")
    assert cli.main(["validate", "--restore-job", job]) == 2
    assert "found that somebody started" in capsys.readouterr().err
    assert made.value("SELECT count(*) FROM item") == 10  # with the password that it was backed up with
    assert "ValidationStatus" not in shop.backup.describe_restore_job(RestoreJobId=job)
    assert not (validating / "reports/out/latest").exists()
    delete(made)
