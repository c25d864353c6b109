"""AWS Backup of Aurora clusters: jobs, cluster snapshots as recovery points, copies and restores, with real data."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError

from drills.cli import main as cli
from drills.record import load
from drills.replay.again import replay
from drills.replay.bundle import read
from drills.sandbox.backup.air_gapped import UNENCRYPTED, refusal_of
from drills.sandbox.backup.models import AIR_GAPPED
from tests.support import policies
from tests.support.accounts import copied
from tests.support.aurora import ENGINE, Cluster, create_cluster
from tests.support.backup import OTHER_REGION, once_a_day
from tests.support.rds import MASTER, ROLE, code, eventually
from tests.support.sandbox import RunningSandbox

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]

VAULT = "aurora-vault"


@dataclasses.dataclass(frozen=True)
class Guarded:
    """A cluster with one row that AWS Backup has backed up: the job, the point, and a row that came later."""

    cluster: Cluster
    job: dict[str, Any]
    point: str

    @property
    def backup(self) -> Any:
        """AWS Backup."""
        return self.cluster.sandbox.client("backup")

    def restore(self, **metadata: str) -> dict[str, Any]:
        """A restore job once it has ended."""
        asked = {"RecoveryPointArn": self.point, "IamRoleArn": ROLE, "Metadata": metadata}
        job = self.backup.start_restore_job(**asked)["RestoreJobId"]

        def probe() -> dict[str, Any] | None:
            seen = dict(self.backup.describe_restore_job(RestoreJobId=job))
            return None if seen["Status"] in ("PENDING", "RUNNING") else seen

        return dict(eventually(probe, "the restore job to end"))


@pytest.fixture(scope="module")
def guarded(beating: RunningSandbox) -> Iterator[Guarded]:
    """An encrypted cluster, backed up on demand."""
    made = create_cluster(beating, "kept-safe", StorageEncrypted=True, Tags=[{"Key": "team", "Value": "books"}])
    made.writer()
    made.run("CREATE TABLE item AS SELECT 7 AS id")
    backup = beating.client("backup")
    backup.create_backup_vault(BackupVaultName=VAULT)
    asked = {"BackupVaultName": VAULT, "ResourceArn": made.described()["DBClusterArn"], "IamRoleArn": ROLE}
    job = backup.start_backup_job(**asked)["BackupJobId"]
    eventually(lambda: backup.describe_backup_job(BackupJobId=job)["State"] == "COMPLETED", "the backup job")
    made.available()
    made.run("INSERT INTO item VALUES (8)")
    described = dict(backup.describe_backup_job(BackupJobId=job))
    yield Guarded(made, described, described["RecoveryPointArn"])
    backup.delete_recovery_point(BackupVaultName=VAULT, RecoveryPointArn=described["RecoveryPointArn"])
    assert made.rds.describe_db_cluster_snapshots(SnapshotType="awsbackup")["DBClusterSnapshots"] == []
    made.remove()


def test_a_point_of_a_cluster_is_a_cluster_snapshot(guarded: Guarded) -> None:
    """Its ARN names a cluster snapshot `awsbackup:job-…` under the cluster's key; job, point and resource are of type Aurora."""
    backup, seen = guarded.backup, guarded.cluster.described()
    assert ":cluster-snapshot:awsbackup:job-" in guarded.point
    assert (guarded.job["ResourceType"], guarded.job["ResourceName"]) == ("Aurora", "kept-safe")
    (point,) = backup.list_recovery_points_by_backup_vault(BackupVaultName=VAULT, ByResourceType="Aurora")[
        "RecoveryPoints"
    ]
    assert (point["RecoveryPointArn"], point["ResourceArn"]) == (guarded.point, seen["DBClusterArn"])
    assert point["EncryptionKeyArn"] == seen["KmsKeyId"]
    assert (
        backup.list_recovery_points_by_backup_vault(BackupVaultName=VAULT, ByResourceType="RDS")["RecoveryPoints"] == []
    )
    by = {"DBClusterIdentifier": "kept-safe", "SnapshotType": "awsbackup"}
    (snapshot,) = guarded.cluster.rds.describe_db_cluster_snapshots(**by)["DBClusterSnapshots"]
    assert snapshot["DBClusterSnapshotArn"] == guarded.point
    assert snapshot["DbClusterResourceId"] == seen["DbClusterResourceId"]
    assert snapshot["TagList"] == [{"Key": "team", "Value": "books"}]
    with pytest.raises(ClientError) as refused:
        guarded.cluster.rds.delete_db_cluster_snapshot(
            DBClusterSnapshotIdentifier=snapshot["DBClusterSnapshotIdentifier"]
        )
    assert code(refused) == "InvalidDBClusterSnapshotStateFault"
    protected = backup.describe_protected_resource(ResourceArn=seen["DBClusterArn"])
    assert protected["ResourceType"] == "Aurora"
    with pytest.raises(ClientError) as refused:
        backup.stop_backup_job(BackupJobId=guarded.job["BackupJobId"])
    assert code(refused) == "InvalidRequestException"


def test_an_instance_of_a_cluster_is_not_backed_up_by_itself(guarded: Guarded) -> None:
    """AWS Backup protects the cluster; a job for one of its instances is refused."""
    (member,) = guarded.cluster.described()["DBClusterMembers"]
    by = {"DBInstanceIdentifier": member["DBInstanceIdentifier"]}
    arn = guarded.cluster.rds.describe_db_instances(**by)["DBInstances"][0]["DBInstanceArn"]
    with pytest.raises(ClientError) as refused:
        guarded.backup.start_backup_job(BackupVaultName=VAULT, ResourceArn=arn, IamRoleArn=ROLE)
    assert code(refused) == "ResourceNotFoundException"


def test_a_point_is_restored_to_a_cluster_without_instances(guarded: Guarded) -> None:
    """The job creates the cluster and no instance (developer guide, "Restoring an Amazon Aurora cluster"); the data are there."""
    backup, vpc = guarded.backup, guarded.cluster.described()["VpcSecurityGroups"]
    asked = {"BackupVaultName": VAULT, "RecoveryPointArn": guarded.point}
    answer = backup.get_recovery_point_restore_metadata(**asked)
    metadata = answer["RestoreMetadata"]
    assert (answer["ResourceType"], metadata["Engine"]) == ("Aurora", ENGINE)
    assert (metadata["DBClusterIdentifier"], metadata["EngineMode"]) == ("kept-safe", "provisioned")
    assert json.loads(metadata["VpcSecurityGroupIds"]) == [each["VpcSecurityGroupId"] for each in vpc]
    ended = guarded.restore(**(metadata | {"DBClusterIdentifier": "kept-copy"}))
    assert (ended["Status"], ended["ResourceType"]) == ("COMPLETED", "Aurora"), ended
    assert ended["CreatedResourceArn"].endswith(":cluster:kept-copy")
    copy = Cluster(guarded.cluster.sandbox, "kept-copy", guarded.cluster.password)
    assert copy.described()["DBClusterMembers"] == []
    copy.writer()
    assert copy.value("SELECT string_agg(id::text, ',') FROM item") == "7"
    copy.remove()


def test_what_prevents_a_restore_is_a_failed_job(guarded: Guarded) -> None:
    """A name that is taken fails the job with RDS's reason; metadata without a cluster's name are refused."""
    failed = guarded.restore(DBClusterIdentifier="kept-safe")
    assert (failed["Status"], failed["StatusMessage"]) == ("FAILED", "DB Cluster already exists")
    with pytest.raises(ClientError) as refused:
        guarded.restore(DBInstanceIdentifier="kept-copy")
    assert code(refused) == "InvalidParameterValueException"


def test_a_point_is_copied_to_another_region(guarded: Guarded) -> None:
    """The copy is a cluster snapshot `awsbackup:copyjob-…` there, under the key of the destination vault."""
    sandbox = guarded.cluster.sandbox
    there = dataclasses.replace(sandbox, region=OTHER_REGION)
    vault = there.client("backup").create_backup_vault(BackupVaultName="aurora-abroad")
    job = guarded.backup.start_copy_job(
        RecoveryPointArn=guarded.point,
        SourceBackupVaultName=VAULT,
        DestinationBackupVaultArn=vault["BackupVaultArn"],
        IamRoleArn=ROLE,
    )["CopyJobId"]

    def ended() -> dict[str, Any] | None:
        seen = dict(guarded.backup.describe_copy_job(CopyJobId=job)["CopyJob"])
        return seen if seen["State"] == "COMPLETED" else None

    seen = dict(eventually(ended, "the copy job"))
    assert seen["ResourceType"] == "Aurora"
    arn = seen["DestinationRecoveryPointArn"]
    assert f":{OTHER_REGION}:" in arn
    assert ":cluster-snapshot:awsbackup:copyjob-" in arn
    (snapshot,) = there.client("rds").describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=arn)[
        "DBClusterSnapshots"
    ]
    assert snapshot["KmsKeyId"] != guarded.cluster.described()["KmsKeyId"]
    there.client("backup").delete_recovery_point(BackupVaultName="aurora-abroad", RecoveryPointArn=arn)


def test_a_cluster_under_a_key_of_aws_own_is_not_copied_into_an_air_gapped_vault(guarded: Guarded) -> None:
    """Developer guide, "Primary backups to logically air-gapped vaults"; nor is an unencrypted one, which has no key at all."""
    asked = {"BackupVaultName": "airless-clusters", "MinRetentionDays": 7, "MaxRetentionDays": 30}
    made = guarded.backup.create_logically_air_gapped_backup_vault(**asked)["BackupVaultArn"]
    job = copied(guarded.cluster.sandbox, guarded.point, VAULT, made, DeleteAfterDays=7)
    assert (job["State"], "AWS managed keys are not supported" in job["StatusMessage"]) == ("FAILED", True), job
    guarded.backup.delete_backup_vault(BackupVaultName="airless-clusters")
    bunker, point = Mock(vault_type=AIR_GAPPED), Mock(resource_type="Aurora", kms_key_id=None)
    assert refusal_of(bunker, point, Mock()) == UNENCRYPTED


def test_a_plan_backs_up_clusters_that_its_selection_names(guarded: Guarded) -> None:
    """A selection by tag includes the cluster and not its instance; winding the clock over it leaves a point with data."""
    sandbox, backup = guarded.cluster.sandbox, guarded.backup
    rule = {"RuleName": "daily", "TargetBackupVaultName": VAULT, "ScheduleExpression": once_a_day(sandbox.control)}
    plan = backup.create_backup_plan(BackupPlan={"BackupPlanName": "books", "Rules": [rule]})["BackupPlanId"]
    tag = {"ConditionType": "STRINGEQUALS", "ConditionKey": "team", "ConditionValue": "books"}
    selection = {"SelectionName": "books", "IamRoleArn": ROLE, "ListOfTags": [tag]}
    chosen = backup.create_backup_selection(BackupPlanId=plan, BackupSelection=selection)["SelectionId"]
    sandbox.control.forward(86_400)
    arn = guarded.cluster.described()["DBClusterArn"]
    points = backup.list_recovery_points_by_resource(ResourceArn=arn)["RecoveryPoints"]
    (planned,) = [each for each in points if each["RecoveryPointArn"] != guarded.point]
    assert ":cluster-snapshot:awsbackup:job-" in planned["RecoveryPointArn"]
    assert planned["BackupSizeBytes"] > 0
    backup.delete_backup_selection(BackupPlanId=plan, SelectionId=chosen)
    backup.delete_backup_plan(BackupPlanId=plan)
    named = {"BackupVaultName": VAULT, "RecoveryPointArn": planned["RecoveryPointArn"]}
    eventually(lambda: backup.describe_recovery_point(**named)["Status"] == "COMPLETED", "the point")
    backup.delete_recovery_point(**named)


def test_a_restore_test_of_a_cluster_is_validated_end_to_end(
    guarded: Guarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """AWS Backup makes a cluster without an instance: the validation gives it one, checks it, and removes that before it posts."""
    cluster, backup, control = guarded.cluster, guarded.backup, guarded.cluster.sandbox.control
    (tmp_path / "drill.toml").write_text(
        f'[profiles.sandbox]\npoll_every = "30ms"\n[targets.{cluster.name}]\ncluster = "{cluster.name}"\nrto = "1h"\n'
        'manifest = "kept.json"\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PGSSLROOTCERT", cluster.sandbox.ca)
    monkeypatch.setenv("AWS_ENDPOINT_URL", cluster.sandbox.endpoint)
    monkeypatch.setenv("PGPASSWORD", cluster.password)
    dsn = f"host=localhost port={cluster.described()['Port']} user={MASTER} dbname=app sslmode=verify-full"
    assert cli.main(["manifest", dsn, "-o", "kept.json"]) == 0
    asked = {"BackupVaultName": VAULT, "ResourceArn": cluster.described()["DBClusterArn"], "IamRoleArn": ROLE}
    newer = {"BackupJobId": backup.start_backup_job(**asked)["BackupJobId"]}
    eventually(lambda: backup.describe_backup_job(**newer)["State"] == "COMPLETED", "the backup job")
    cluster.available()
    monkeypatch.delenv("PGPASSWORD")
    plan = {
        "RestoreTestingPlanName": "clusters",
        "ScheduleExpression": "cron(0 12 * * ? *)",
        "RecoveryPointSelection": {
            "Algorithm": "LATEST_WITHIN_WINDOW",
            "IncludeVaults": ["*"],
            "RecoveryPointTypes": ["SNAPSHOT"],
        },
    }
    arn = backup.create_restore_testing_plan(RestoreTestingPlan=plan)["RestoreTestingPlanArn"]
    selection = {
        "RestoreTestingSelectionName": "all",
        "IamRoleArn": ROLE,
        "ProtectedResourceType": "Aurora",
        "ProtectedResourceArns": [cluster.described()["DBClusterArn"]],
        "ValidationWindowHours": 20,
    }
    backup.create_restore_testing_selection(RestoreTestingPlanName="clusters", RestoreTestingSelection=selection)
    now = control.now()
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=1)
    control.forward((noon - now).total_seconds() + 60)

    def job() -> dict[str, Any]:
        found = backup.list_restore_jobs(ByRestoreTestingPlanArn=arn)["RestoreJobs"]
        return dict(found[0]) if found else {}

    eventually(lambda: job().get("Status") == "COMPLETED", "the restore test")
    made = job()["CreatedResourceArn"].rpartition(":")[2]
    assert made.startswith("awsbackup-restore-test-")
    assert cluster.rds.describe_db_clusters(DBClusterIdentifier=made)["DBClusters"][0]["DBClusterMembers"] == []

    code = cli.main(["validate", "--restore-job", job()["RestoreJobId"]])
    record = load(tmp_path / "reports/out/latest")
    assert code == 0, (record.unverified, record.failures, capsys.readouterr())
    outcomes = {each.name: each.outcome for each in record.restorations[0].checks}
    assert (outcomes["connection"], outcomes["content"], job()["ValidationStatus"]) == ("met", "met", "SUCCESSFUL")
    kinds = {each.kind: each.state for each in record.resources}
    assert kinds == {"db-instance": "gone", "db-parameter-group": "gone"}
    (bundle,) = (tmp_path / f"reports/evidence/sandbox-{cluster.name}").glob("0001-*")
    assert replay(read(bundle)).differences == []
    asked_of = (tmp_path / "reports/out/latest/raw/aws").glob("*.json")
    called = policies.actions_of({json.loads(path.read_text())["operation"] for path in asked_of})
    assert called <= policies.allowed("validator") | policies.allowed("aurora-validator")
    assert policies.actions_of(policies.calls()["aurora-validator"]["calls"]) <= called
    eventually(lambda: job().get("DeletionStatus") == "SUCCESSFUL", "AWS Backup to delete the cluster")
    backup.delete_restore_testing_selection(RestoreTestingPlanName="clusters", RestoreTestingSelectionName="all")
    backup.delete_restore_testing_plan(RestoreTestingPlanName="clusters")
    point = backup.describe_backup_job(**newer)["RecoveryPointArn"]
    backup.delete_recovery_point(BackupVaultName=VAULT, RecoveryPointArn=point)
