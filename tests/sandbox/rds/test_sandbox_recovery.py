"""A whole recovery through boto3 and psycopg alone, with what a drill meets on AWS."""

from __future__ import annotations

import secrets

import psutil
import psycopg
import pytest
from botocore.exceptions import ClientError

from tests.support.rds import MASTER, ROLE, Instance, code, delete, eventually, family, restore
from tests.support.sandbox import RunningSandbox

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]


# -- the story of a recovery -------------------------------------------------------------------------------------------


def test_a_restore_brings_rows_back_and_its_end_leaves_nothing(
    sandbox: RunningSandbox, source: Instance, point: str
) -> None:
    """Rows deleted after the backup are back in the restored instance, whose deletion leaves no process and no port."""
    rds, ec2 = sandbox.client("rds"), sandbox.client("ec2")
    scratch_group = ec2.create_security_group(GroupName="scratch", Description="no way out")
    group = ec2.describe_security_groups(GroupIds=[scratch_group["GroupId"]])["SecurityGroups"][0]
    ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]]
    rds.create_db_subnet_group(DBSubnetGroupName="scratch-net", DBSubnetGroupDescription="scratch", SubnetIds=subnets)
    rds.create_db_parameter_group(
        DBParameterGroupName="scratch-pg", DBParameterGroupFamily=family(sandbox), Description="scratch"
    )
    quiet = {"ParameterName": "max_logical_replication_workers", "ParameterValue": "0", "ApplyMethod": "pending-reboot"}
    rds.modify_db_parameter_group(DBParameterGroupName="scratch-pg", Parameters=[quiet])

    answer = rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="scratch",
        DBSnapshotIdentifier=point.split(":snapshot:")[1],
        DBSubnetGroupName="scratch-net",
        VpcSecurityGroupIds=[group["GroupId"]],
        DBParameterGroupName="scratch-pg",
        PubliclyAccessible=False,
        MultiAZ=False,
        DeletionProtection=False,
        BackupRetentionPeriod=0,
        EnableCloudwatchLogsExports=[],
        Tags=[{"Key": "drills:run", "Value": "1"}],
    )
    assert "Endpoint" not in answer["DBInstance"]
    scratch = Instance(sandbox, "scratch", source.password)
    seen = scratch.available()
    assert seen["TagList"] == [{"Key": "drills:run", "Value": "1"}]
    assert seen["PubliclyAccessible"] is False
    assert seen["BackupRetentionPeriod"] == 0
    assert seen["DBParameterGroups"] == [{"DBParameterGroupName": "scratch-pg", "ParameterApplyStatus": "in-sync"}]
    assert seen["DBSubnetGroup"]["DBSubnetGroupName"] == "scratch-net"
    assert [each["VpcSecurityGroupId"] for each in seen["VpcSecurityGroups"]] == [group["GroupId"]]

    scratch.password = secrets.token_urlsafe(16)
    answer = rds.modify_db_instance(
        DBInstanceIdentifier="scratch", MasterUserPassword=scratch.password, ApplyImmediately=True
    )
    assert answer["DBInstance"]["PendingModifiedValues"] == {"MasterUserPassword": "****"}
    scratch.available()
    assert scratch.value("SELECT count(*) FROM item") == 1000
    assert scratch.value("SHOW max_logical_replication_workers") == "0"
    assert source.value("SELECT count(*) FROM item") == 500

    pid, port = sandbox.control.instance("scratch")["pid"], seen["Endpoint"]["Port"]
    assert psutil.pid_exists(pid)
    for group_id, refused in ((group["GroupId"], "DependencyViolation"),):
        with pytest.raises(ClientError) as stopped:
            ec2.delete_security_group(GroupId=group_id)
        assert code(stopped) == refused
    with pytest.raises(ClientError) as stopped:
        rds.delete_db_parameter_group(DBParameterGroupName="scratch-pg")
    assert code(stopped) == "InvalidDBParameterGroupState"
    delete(scratch)
    assert not psutil.pid_exists(pid)
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(host="localhost", port=port, user=MASTER, dbname="app", connect_timeout=60)
    rds.delete_db_parameter_group(DBParameterGroupName="scratch-pg")
    rds.delete_db_subnet_group(DBSubnetGroupName="scratch-net")
    ec2.delete_security_group(GroupId=group["GroupId"])


def test_restore_inherits_and_resets_as_aws_does(source: Instance, point: str) -> None:
    """A restore inherits and resets what the API reference of RestoreDBInstanceFromDBSnapshot lists."""
    before = source.described()
    plain = restore(source, point, "plain")
    seen = plain.available()
    assert seen["MultiAZ"] is False
    assert seen["DeletionProtection"] is False
    assert seen["IAMDatabaseAuthenticationEnabled"] is False
    assert seen["EnabledCloudwatchLogsExports"] == []
    assert seen["PubliclyAccessible"] is False
    assert seen["DBParameterGroups"][0]["DBParameterGroupName"] == f"default.{family(source.sandbox)}"
    assert seen["VpcSecurityGroups"] != before["VpcSecurityGroups"]
    assert seen["DbiResourceId"] != before["DbiResourceId"]
    for inherited in (
        "DBInstanceClass",
        "EngineVersion",
        "TagList",
        "MasterUsername",
        "BackupRetentionPeriod",
        "StorageEncrypted",
        "KmsKeyId",
    ):
        assert seen[inherited] == before[inherited], inherited
    assert plain.value("SHOW work_mem") == "4MB"
    assert source.value("SHOW work_mem") == "8MB"
    delete(plain)


def test_a_recovery_point_is_a_snapshot_of_its_own_kind(source: Instance, point: str) -> None:
    """The point is listed by vault, by resource and by RDS, with instants that order as they happened."""
    sandbox = source.sandbox
    rds, backup = sandbox.client("rds"), sandbox.client("backup")
    instance = source.described()
    in_vault = backup.list_recovery_points_by_backup_vault(BackupVaultName="main", ByResourceType="RDS")
    (listed,) = [each for each in in_vault["RecoveryPoints"] if each["RecoveryPointArn"] == point]
    assert listed["Status"] == "COMPLETED"
    assert listed["CreationDate"] <= listed["CompletionDate"]
    by_resource = backup.list_recovery_points_by_resource(ResourceArn=instance["DBInstanceArn"])["RecoveryPoints"]
    assert point in [each["RecoveryPointArn"] for each in by_resource]
    protected = backup.list_protected_resources()["Results"]
    assert instance["DBInstanceArn"] in [each["ResourceArn"] for each in protected]
    metadata = backup.get_recovery_point_restore_metadata(BackupVaultName="main", RecoveryPointArn=point)
    assert metadata["RestoreMetadata"]["DBParameterGroupName"] == "source-pg"
    assert metadata["RestoreMetadata"]["MultiAZ"] == "true"

    (snapshot,) = rds.describe_db_snapshots(DBInstanceIdentifier="source", SnapshotType="awsbackup")["DBSnapshots"]
    assert snapshot["DBSnapshotArn"] == point
    assert snapshot["DBSnapshotIdentifier"].startswith("awsbackup:job-")
    assert snapshot["DbiResourceId"] == instance["DbiResourceId"]
    assert snapshot["PercentProgress"] == 100
    assert snapshot["Encrypted"] is True
    assert snapshot["OriginalSnapshotCreateTime"] <= snapshot["SnapshotDatabaseTime"] <= listed["CompletionDate"]
    for asked in (
        {"DBSnapshotIdentifier": point},
        {"DBSnapshotIdentifier": snapshot["DBSnapshotIdentifier"]},
        {"DbiResourceId": instance["DbiResourceId"], "SnapshotType": "awsbackup"},
        {"Filters": [{"Name": "dbi-resource-id", "Values": [instance["DbiResourceId"]]}], "SnapshotType": "awsbackup"},
    ):
        assert [each["DBSnapshotArn"] for each in rds.describe_db_snapshots(**asked)["DBSnapshots"]] == [point]
    automated = rds.describe_db_snapshots(DBInstanceIdentifier="source", SnapshotType="automated")["DBSnapshots"]
    assert len(automated) == 1
    with pytest.raises(ClientError) as refused:
        rds.delete_db_snapshot(DBSnapshotIdentifier=snapshot["DBSnapshotIdentifier"])
    assert code(refused) == "InvalidDBSnapshotState"
    with pytest.raises(ClientError) as refused:
        backup.delete_backup_vault(BackupVaultName="main")
    assert code(refused) == "InvalidRequestException"


def test_snapshot_database_time_is_not_before_the_last_row_in_it(source: Instance) -> None:
    """Every commit before SnapshotDatabaseTime is in the copy, and none that came after the call returned."""
    rds = source.sandbox.client("rds")
    with source.connect() as session:
        session.execute("CREATE TABLE beat (at timestamptz)")
        session.execute("INSERT INTO beat VALUES (clock_timestamp())")
        rds.create_db_snapshot(DBInstanceIdentifier="source", DBSnapshotIdentifier="beaten")
        session.execute("INSERT INTO beat VALUES (clock_timestamp())")
        session.execute("INSERT INTO beat VALUES (clock_timestamp())")
    (snapshot,) = rds.describe_db_snapshots(DBSnapshotIdentifier="beaten")["DBSnapshots"]
    eventually(
        lambda: rds.describe_db_snapshots(DBSnapshotIdentifier="beaten")["DBSnapshots"][0]["Status"] == "available",
        "it",
    )
    copy = restore(source, "beaten", "beaten", BackupRetentionPeriod=0)
    copy.available()
    newest = copy.value("SELECT max(at) FROM beat")
    assert newest <= snapshot["SnapshotDatabaseTime"] <= source.value("SELECT max(at) FROM beat")
    assert copy.value("SELECT count(*) FROM beat") == 1
    delete(copy)
    rds.delete_db_snapshot(DBSnapshotIdentifier="beaten")
    with source.connect() as session:
        session.execute("DROP TABLE beat")


def test_restore_through_aws_backup_follows_the_instance(source: Instance, point: str) -> None:
    """StartRestoreJob runs until its instance is available, and names it then."""
    backup, control = source.sandbox.client("backup"), source.sandbox.control
    metadata = backup.get_recovery_point_restore_metadata(BackupVaultName="main", RecoveryPointArn=point)[
        "RestoreMetadata"
    ]
    metadata |= {"DeletionProtection": "false", "MultiAZ": "false"}

    def start(name: str) -> str:
        wanted = metadata | {"DBInstanceIdentifier": name}
        return str(backup.start_restore_job(RecoveryPointArn=point, Metadata=wanted, IamRoleArn=ROLE)["RestoreJobId"])

    control.arm("stuck-creating", service="rds", name="never-there")
    stuck, job = start("never-there"), start("by-backup")
    eventually(lambda: backup.describe_restore_job(RestoreJobId=job)["Status"] == "COMPLETED", "the restore job")
    restored = Instance(source.sandbox, "by-backup", source.password)
    assert backup.describe_restore_job(RestoreJobId=job)["CreatedResourceArn"] == restored.described()["DBInstanceArn"]
    assert restored.value("SELECT count(*) FROM item") == 1000
    restored.available()
    eventually(
        lambda: [each["struck"] for each in control.faults() if each["name"] == "never-there"] == [1], "the fault"
    )
    assert backup.describe_restore_job(RestoreJobId=stuck)["Status"] == "RUNNING"
    for each in (restored, Instance(source.sandbox, "never-there", "")):
        delete(each)
    control.clear_faults()


# -- instances ---------------------------------------------------------------------------------------------------------
