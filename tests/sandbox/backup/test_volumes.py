"""AWS Backup of EBS volumes: jobs, recovery points that are snapshots, copies, plans, and restores with their settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from tests.support.accounts import copied
from tests.support.backup import OTHER_REGION, once_a_day
from tests.support.kept import forget
from tests.support.rds import ROLE, code, eventually
from tests.support.sandbox import RunningSandbox
from tests.support.volumes import VAULT, KeptVolume, kept_volume

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def kept(beating: RunningSandbox) -> Iterator[KeptVolume]:
    """A volume that was backed up on demand."""
    with kept_volume(beating) as made:
        yield made


def test_a_point_of_a_volume_is_a_snapshot_of_ec2(kept: KeptVolume) -> None:
    """Its ARN is a snapshot's without an account, under the volume's own key, with its tags; what is of the type EBS says so."""
    volume = kept.described(kept.id)
    region, number = kept.sandbox.region, kept.point.rpartition("/")[2]
    assert kept.point == f"arn:aws:ec2:{region}::snapshot/{number}"
    assert (kept.job["ResourceType"], kept.job["ResourceName"]) == ("EBS", kept.id)
    listed = kept.backup.list_recovery_points_by_backup_vault(BackupVaultName=VAULT, ByResourceType="EBS")
    (point,) = listed["RecoveryPoints"]
    assert (point["RecoveryPointArn"], point["ResourceArn"], point["Status"]) == (kept.point, kept.arn, "COMPLETED")
    assert point["EncryptionKeyArn"] == volume["KmsKeyId"]
    (snapshot,) = kept.ec2.describe_snapshots(SnapshotIds=[number])["Snapshots"]
    assert (snapshot["VolumeId"], snapshot["VolumeSize"], snapshot["Encrypted"]) == (kept.id, 20, True)
    assert snapshot["Tags"] == [{"Key": "team", "Value": "files"}]
    assert kept.backup.list_tags(ResourceArn=kept.point)["Tags"] == {"team": "files"}
    with pytest.raises(ClientError) as refused:
        kept.backup.stop_backup_job(BackupJobId=kept.job["BackupJobId"])
    assert code(refused) == "NotImplemented"


def test_a_restored_volume_has_what_the_metadata_say_and_names_its_snapshot(kept: KeptVolume) -> None:
    """It is creating first; with the point's own metadata it is as its source was, and each one that is changed changes it."""
    metadata, source = kept.metadata(), kept.described(kept.id)
    assert metadata == {
        "volumeId": kept.id,
        "availabilityZone": source["AvailabilityZone"],
        "volumeType": "gp3",
        "volumeSize": "20",
        "iops": "4000",
        "throughput": "250",
        "encrypted": "true",
        "kmsKeyId": source["KmsKeyId"],
    }
    kept.sandbox.control.arm("stuck-creating", service="ec2", name=kept.id, seconds=600.0)
    job = kept.start(metadata)
    fresh = [each for each in kept.ec2.describe_volumes()["Volumes"] if each["VolumeId"] != kept.id]
    assert [each["State"] for each in fresh] == ["creating"]
    kept.sandbox.control.forward(601)
    ended = kept.ended(job)
    assert (ended["Status"], ended["ResourceType"]) == ("COMPLETED", "EBS")
    assert ended["CreatedResourceArn"].endswith(f"volume/{fresh[0]['VolumeId']}")
    made = kept.described(fresh[0]["VolumeId"])
    asked = {"BackupVaultName": VAULT, "RecoveryPointArn": kept.point}
    tested = kept.backup.get_restore_testing_inferred_metadata(**asked)["InferredMetadata"]
    assert tested == {"availabilityZone": source["AvailabilityZone"], "encrypted": "true"}
    assert made["SnapshotId"] == kept.point.rpartition("/")[2]
    assert made["State"] == "available"
    assert not made.get("Tags")
    for each in ("AvailabilityZone", "VolumeType", "Size", "Iops", "Throughput", "Encrypted", "KmsKeyId"):
        assert made[each] == source[each], each
    kept.ec2.delete_volume(VolumeId=made["VolumeId"])
    for name, value, member, expected in (
        ("availabilityZone", f"{kept.sandbox.region}b", "AvailabilityZone", f"{kept.sandbox.region}b"),
        ("volumeSize", "30", "Size", 30),
        ("iops", "5000", "Iops", 5000),
        ("throughput", "300", "Throughput", 300),
    ):
        assert kept.restored(metadata | {name: value})[member] == expected
    bare = kept.restored({"availabilityZone": metadata["availabilityZone"]}, CopySourceTagsToRestoredResource=True)
    assert (bare["VolumeType"], bare["Size"], bare["Encrypted"]) == ("gp2", 20, True)
    assert bare["Tags"] == [{"Key": "team", "Value": "files"}]


def test_what_prevents_a_restore_is_a_failed_job(kept: KeptVolume) -> None:
    """No such zone or key, or a size below the snapshot's, fails the job; metadata without a zone are refused."""
    for name, value, expected in (
        ("availabilityZone", "nowhere-1a", "does not exist"),
        ("volumeSize", "10", "smaller than snapshot"),
        ("kmsKeyId", "alias/none", "KMS key"),
    ):
        failed = kept.ended(kept.start(kept.metadata(**{name: value})))
        assert failed["Status"] == "FAILED"
        assert expected in failed["StatusMessage"]
    for metadata in ({"volumeSize": "20"}, kept.metadata(encrypted="perhaps")):
        with pytest.raises(ClientError) as refused:
            kept.start(metadata)
        assert code(refused) == "InvalidParameterValueException"
    kept.sandbox.control.arm("job-fails", service="backup", operation="StartRestoreJob", name=kept.id)
    assert kept.ended(kept.start(kept.metadata()))["Status"] == "FAILED"
    assert [each["VolumeId"] for each in kept.ec2.describe_volumes()["Volumes"]] == [kept.id]


def test_a_copy_in_another_region_is_under_the_key_of_its_vault(kept: KeptVolume) -> None:
    """It is a snapshot there, from which a volume is restored; deleting the point deletes the snapshot, and not its source."""
    there = dataclasses.replace(kept.sandbox, region=OTHER_REGION)
    vault = there.client("backup").create_backup_vault(BackupVaultName="volumes-abroad")["BackupVaultArn"]
    job = copied(kept.sandbox, kept.point, VAULT, vault)
    assert job["State"] == "COMPLETED", job
    copy = job["DestinationRecoveryPointArn"]
    assert copy.startswith(f"arn:aws:ec2:{OTHER_REGION}::snapshot/snap-")
    abroad = dataclasses.replace(kept, sandbox=there, job={"RecoveryPointArn": copy})
    key = there.client("backup").describe_backup_vault(BackupVaultName="volumes-abroad")["EncryptionKeyArn"]
    metadata = abroad.metadata("volumes-abroad", availabilityZone=f"{OTHER_REGION}a")
    assert metadata["kmsKeyId"] == key
    made = abroad.restored(metadata)
    assert (made["KmsKeyId"], made["SnapshotId"]) == (key, copy.rpartition("/")[2])
    forget(there, "volumes-abroad")
    with pytest.raises(ClientError) as gone:
        abroad.ec2.describe_snapshots(SnapshotIds=[copy.rpartition("/")[2]])
    assert code(gone) == "InvalidSnapshot.NotFound"
    assert kept.ec2.describe_snapshots(SnapshotIds=[kept.point.rpartition("/")[2]])["Snapshots"]


def test_a_volume_under_a_key_of_aws_own_is_not_copied_into_an_air_gapped_vault(kept: KeptVolume) -> None:
    """Developer guide, "Primary backups to logically air-gapped vaults": what is not fully managed needs another one."""
    asked = {"BackupVaultName": "airless-volumes", "MinRetentionDays": 7, "MaxRetentionDays": 30}
    made = kept.backup.create_logically_air_gapped_backup_vault(**asked)["BackupVaultArn"]
    job = copied(kept.sandbox, kept.point, VAULT, made, DeleteAfterDays=7)
    assert (job["State"], "AWS managed keys are not supported" in job["StatusMessage"]) == ("FAILED", True), job
    kept.backup.delete_backup_vault(BackupVaultName="airless-volumes")


def test_a_plan_backs_up_volumes_that_its_selection_names(kept: KeptVolume) -> None:
    """A selection by tag includes the volume; winding the clock over the schedule leaves a snapshot that can be restored."""
    rule = {"RuleName": "daily", "TargetBackupVaultName": VAULT, "ScheduleExpression": once_a_day(kept.sandbox.control)}
    plan = kept.backup.create_backup_plan(BackupPlan={"BackupPlanName": "volumes", "Rules": [rule]})["BackupPlanId"]
    tag = {"ConditionType": "STRINGEQUALS", "ConditionKey": "team", "ConditionValue": "files"}
    selection = {"SelectionName": "volumes", "IamRoleArn": ROLE, "ListOfTags": [tag]}
    chosen = kept.backup.create_backup_selection(BackupPlanId=plan, BackupSelection=selection)["SelectionId"]
    kept.sandbox.control.forward(86_400)
    points = kept.backup.list_recovery_points_by_resource(ResourceArn=kept.arn)["RecoveryPoints"]
    (planned,) = [each["RecoveryPointArn"] for each in points if each["RecoveryPointArn"] != kept.point]
    kept.backup.delete_backup_selection(BackupPlanId=plan, SelectionId=chosen)
    kept.backup.delete_backup_plan(BackupPlanId=plan)
    named = {"BackupVaultName": VAULT, "RecoveryPointArn": planned}
    eventually(lambda: kept.backup.describe_recovery_point(**named)["Status"] == "COMPLETED", "the point")
    later = dataclasses.replace(kept, job={"RecoveryPointArn": planned})
    assert later.restored(later.metadata())["SnapshotId"] == planned.rpartition("/")[2]
    kept.backup.delete_recovery_point(**named)
