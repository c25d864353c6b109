"""The sandbox through boto3 and psycopg alone: what a drill meets on AWS, it meets here."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from botocore.exceptions import ClientError

from drills.clock import SystemClock, wait_until
from drills.errors import ConfigError, SandboxError, SeedError
from drills.sandbox.postgres.postmaster import sweep
from drills.sandbox_control import SandboxControl
from tests.fix_sandbox import RunningSandbox, end_sandbox, start_sandbox

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]

ROLE = "arn:aws:iam::123456789012:role/backup"
MASTER = "owner"
CLOCK = SystemClock()


def eventually(probe: Callable[[], Any], what: str, timeout: float = 60.0) -> Any:
    """What `probe` returns once it is true."""
    return wait_until(probe, timeout, CLOCK, every=0.03, what=what)


@dataclass
class Database:
    """An instance of the sandbox with the password that the test gave it."""

    sandbox: RunningSandbox
    name: str
    password: str
    database: str = "app"

    def described(self) -> dict[str, Any]:
        """The instance as DescribeDBInstances shows it."""
        answer = self.sandbox.client("rds").describe_db_instances(DBInstanceIdentifier=self.name)
        return dict(answer["DBInstances"][0])

    def available(self) -> dict[str, Any]:
        """The instance once it is available and nothing is pending; a failure status ends the wait."""

        def probe() -> dict[str, Any] | None:
            seen = self.described()
            assert not seen["DBInstanceStatus"].startswith(("failed", "incompatible")), self.events()
            done = seen["DBInstanceStatus"] == "available" and not seen["PendingModifiedValues"]
            return seen if done else None

        return dict(eventually(probe, f"{self.name} to be available"))

    def events(self) -> list[str]:
        """The messages of the instance's events."""
        answer = self.sandbox.client("rds").describe_events(SourceIdentifier=self.name, SourceType="db-instance")
        return [event["Message"] for event in answer["Events"]]

    def connect(self, user: str = MASTER, database: str | None = None) -> psycopg.Connection[Any]:
        """A session over verified TLS, at the address that RDS returns."""
        endpoint = self.described()["Endpoint"]
        return psycopg.connect(
            host=endpoint["Address"],
            port=endpoint["Port"],
            user=user,
            password=self.password,
            dbname=database or self.database,
            sslmode="verify-full",
            sslrootcert=self.sandbox.ca,
            autocommit=True,
        )

    def value(self, query: str) -> Any:
        """The single value of a query."""
        with self.connect() as session:
            row = session.execute(query.encode()).fetchone()
            assert row is not None
            return row[0]

    def gone(self) -> bool:
        """Whether the instance is no longer described."""
        try:
            self.described()
        except ClientError as error:
            return bool(error.response["Error"]["Code"] == "DBInstanceNotFound")
        return False


def create(sandbox: RunningSandbox, name: str, **more: Any) -> Database:
    """A new instance, not waited for."""
    made = Database(sandbox, name, secrets.token_urlsafe(16))
    wanted: dict[str, Any] = {
        "DBInstanceIdentifier": name,
        "DBInstanceClass": "db.t4g.medium",
        "Engine": "postgres",
        "AllocatedStorage": 20,
        "MasterUsername": MASTER,
        "MasterUserPassword": made.password,
        "DBName": "app",
        "BackupRetentionPeriod": 0,
    }
    sandbox.client("rds").create_db_instance(**(wanted | more))
    return made


def back_up(database: Database, vault: str) -> str:
    """Back an instance up through AWS Backup; the recovery point's ARN."""
    backup = database.sandbox.client("backup")
    arn = database.described()["DBInstanceArn"]
    job = backup.start_backup_job(BackupVaultName=vault, ResourceArn=arn, IamRoleArn=ROLE)["BackupJobId"]
    eventually(lambda: backup.describe_backup_job(BackupJobId=job)["State"] == "COMPLETED", "the backup job")
    database.available()
    return str(backup.describe_backup_job(BackupJobId=job)["RecoveryPointArn"])


def restore(database: Database, snapshot: str, name: str, **more: Any) -> Database:
    """Restore a snapshot to a new instance, not waited for."""
    database.sandbox.client("rds").restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier=name, DBSnapshotIdentifier=snapshot, **more
    )
    return Database(database.sandbox, name, database.password)


def delete(database: Database) -> None:
    """Delete an instance and wait until it is gone."""
    database.sandbox.client("rds").delete_db_instance(DBInstanceIdentifier=database.name, SkipFinalSnapshot=True)
    eventually(database.gone, f"{database.name} to go")


def code(refused: pytest.ExceptionInfo[ClientError]) -> str:
    """The error code on the wire."""
    return str(refused.value.response["Error"]["Code"])


@pytest.fixture(scope="module")
def source(sandbox: RunningSandbox) -> Iterator[Database]:
    """An instance as a team would have it, with a thousand rows in a vault's recovery point and half of them lost."""
    rds, ec2 = sandbox.client("rds"), sandbox.client("ec2")
    rds.create_db_parameter_group(
        DBParameterGroupName="source-pg", DBParameterGroupFamily=family(sandbox), Description="of the source"
    )
    rds.modify_db_parameter_group(
        DBParameterGroupName="source-pg",
        Parameters=[{"ParameterName": "work_mem", "ParameterValue": "8192", "ApplyMethod": "immediate"}],
    )
    group = ec2.create_security_group(GroupName="source-clients", Description="clients")["GroupId"]
    made = create(
        sandbox,
        "source",
        DBParameterGroupName="source-pg",
        VpcSecurityGroupIds=[group],
        MultiAZ=True,
        DeletionProtection=True,
        EnableIAMDatabaseAuthentication=True,
        EnableCloudwatchLogsExports=["postgresql"],
        BackupRetentionPeriod=7,
        StorageEncrypted=True,
        Tags=[{"Key": "team", "Value": "orders"}],
    )
    made.available()
    sandbox.client("backup").create_backup_vault(BackupVaultName="main")
    yield made
    rds.modify_db_instance(DBInstanceIdentifier="source", DeletionProtection=False)
    delete(made)


@pytest.fixture(scope="module")
def point(source: Database) -> str:
    """The ARN of a recovery point of the source with a thousand rows; half of them are deleted after it."""
    with source.connect() as session:
        session.execute("CREATE TABLE item (id int PRIMARY KEY, note text)")
        session.execute("INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 1000) AS n")
    arn = back_up(source, "main")
    with source.connect() as session:
        session.execute("DELETE FROM item WHERE id > 500")
    return arn


def family(sandbox: RunningSandbox) -> str:
    """The parameter group family of the preferred server."""
    return f"postgres{sandbox.postgres[0]['major']}"


# -- the story of a recovery -------------------------------------------------------------------------------------------


def test_a_restore_brings_rows_back_and_its_end_leaves_nothing(
    sandbox: RunningSandbox, source: Database, point: str
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

    scratch = restore(
        source,
        point.split(":snapshot:")[1],
        "scratch",
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
    assert "Endpoint" not in scratch.described()
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
        psycopg.connect(host="localhost", port=port, user=MASTER, dbname="app", connect_timeout=3)
    rds.delete_db_parameter_group(DBParameterGroupName="scratch-pg")
    rds.delete_db_subnet_group(DBSubnetGroupName="scratch-net")
    ec2.delete_security_group(GroupId=group["GroupId"])


def test_restore_inherits_and_resets_as_aws_does(source: Database, point: str) -> None:
    """What a restore takes over and what it resets is as RestoreDBInstanceFromDBSnapshot says (notes 2.1)."""
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


def test_a_recovery_point_is_a_snapshot_of_its_own_kind(source: Database, point: str) -> None:
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


def test_snapshot_database_time_is_not_before_the_last_row_in_it(source: Database) -> None:
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


def test_restore_through_aws_backup_follows_the_instance(source: Database, point: str) -> None:
    """StartRestoreJob runs until its instance is available and names it."""
    backup = source.sandbox.client("backup")
    metadata = backup.get_recovery_point_restore_metadata(BackupVaultName="main", RecoveryPointArn=point)[
        "RestoreMetadata"
    ]
    metadata |= {"DBInstanceIdentifier": "by-backup", "DeletionProtection": "false", "MultiAZ": "false"}
    job = backup.start_restore_job(RecoveryPointArn=point, Metadata=metadata, IamRoleArn=ROLE)["RestoreJobId"]
    assert backup.describe_restore_job(RestoreJobId=job)["Status"] == "RUNNING"
    eventually(lambda: backup.describe_restore_job(RestoreJobId=job)["Status"] == "COMPLETED", "the restore job")
    restored = Database(source.sandbox, "by-backup", source.password)
    assert backup.describe_restore_job(RestoreJobId=job)["CreatedResourceArn"] == restored.described()["DBInstanceArn"]
    assert restored.value("SELECT count(*) FROM item") == 1000
    restored.available()
    delete(restored)


# -- instances ---------------------------------------------------------------------------------------------------------


def test_the_master_is_no_superuser_and_rdsadmin_is_out_of_reach(source: Database) -> None:
    """Roles are as on RDS: a master in rds_superuser, a bootstrap superuser and a database that are RDS's own."""
    assert source.value("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
    assert source.value("SELECT pg_has_role(current_user, 'rds_superuser', 'member')") is True
    assert source.value("SELECT rolcreatedb AND rolcreaterole FROM pg_roles WHERE rolname = current_user") is True
    assert source.value("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'app'") == MASTER
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        source.connect(database="rdsadmin")
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        source.connect(user="rdsadmin")
    with source.connect() as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute("ALTER SYSTEM SET work_mem = '1MB'")


def test_the_engine_version_picks_among_the_servers_at_hand(sandbox: RunningSandbox) -> None:
    """A major version chooses its server, an unknown one is InvalidParameterCombination, as on AWS."""
    rds = sandbox.client("rds")
    offered = [each["EngineVersion"] for each in rds.describe_db_engine_versions(Engine="postgres")["DBEngineVersions"]]
    assert offered == [each["version"] for each in sandbox.postgres]
    last = sandbox.postgres[-1]
    made = create(sandbox, "versioned", EngineVersion=str(last["major"]))
    assert made.available()["EngineVersion"] == last["version"]
    assert made.value("SHOW server_version_num").startswith(str(last["major"]))
    delete(made)
    with pytest.raises(ClientError) as refused:
        create(sandbox, "unversioned", EngineVersion="9.6")
    assert code(refused) == "InvalidParameterCombination"


def test_a_deleted_name_can_be_used_again(sandbox: RunningSandbox) -> None:
    """An instance made again under a deleted one's name is new: other resource id, no data, its own password."""
    first = create(sandbox, "again")
    before = first.available()
    with first.connect() as session:
        session.execute("CREATE TABLE gone ()")
    delete(first)
    second = create(sandbox, "again")
    after = second.available()
    assert after["DbiResourceId"] != before["DbiResourceId"]
    assert second.value("SELECT to_regclass('gone')") is None
    delete(second)


def test_a_renamed_instance_leaves_its_port_to_whoever_gets_the_name(source: Database, point: str) -> None:
    """After a rename the old port refuses; an instance restored under the old name answers there (decision 11)."""
    rds = source.sandbox.client("rds")
    live = restore(source, point, "live", BackupRetentionPeriod=0)
    port = live.available()["Endpoint"]["Port"]
    rds.modify_db_instance(DBInstanceIdentifier="live", NewDBInstanceIdentifier="live-old", ApplyImmediately=True)
    old = Database(source.sandbox, "live-old", source.password)
    eventually(lambda: not old.gone(), "the new name")
    assert old.available()["Endpoint"]["Port"] != port
    assert live.gone()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(host="localhost", port=port, user=MASTER, dbname="app", connect_timeout=3)
    again = restore(source, point, "live", BackupRetentionPeriod=0)
    assert again.available()["Endpoint"]["Port"] == port
    assert again.value("SELECT count(*) FROM item") == 1000
    delete(again)
    delete(old)


def test_changes_are_pending_until_they_are_applied(sandbox: RunningSandbox) -> None:
    """Without ApplyImmediately a change stays pending; with it, it is pending until the status is available again."""
    rds = sandbox.client("rds")
    made = create(sandbox, "changing")
    made.available()
    answer = rds.modify_db_instance(DBInstanceIdentifier="changing", DBInstanceClass="db.t4g.large")["DBInstance"]
    assert answer["PendingModifiedValues"] == {"DBInstanceClass": "db.t4g.large"}
    assert made.described()["DBInstanceClass"] == "db.t4g.medium"
    rds.modify_db_instance(DBInstanceIdentifier="changing", DBInstanceClass="db.t4g.large", ApplyImmediately=True)
    assert made.available()["DBInstanceClass"] == "db.t4g.large"
    rds.modify_db_instance(DBInstanceIdentifier="changing", DeletionProtection=True)
    with pytest.raises(ClientError) as refused:
        rds.delete_db_instance(DBInstanceIdentifier="changing", SkipFinalSnapshot=True)
    assert code(refused) == "InvalidParameterCombination"
    rds.modify_db_instance(DBInstanceIdentifier="changing", DeletionProtection=False)
    with pytest.raises(ClientError) as refused:
        rds.delete_db_instance(DBInstanceIdentifier="changing")
    assert code(refused) == "InvalidParameterCombination"
    delete(made)


def test_parameters_reach_the_server_and_their_status_is_true(sandbox: RunningSandbox) -> None:
    """Dynamic values arrive at once, static ones after a reboot, and the apply status says which."""
    rds = sandbox.client("rds")
    rds.create_db_parameter_group(
        DBParameterGroupName="tuned", DBParameterGroupFamily=family(sandbox), Description="tuned"
    )
    made = create(sandbox, "tuned", DBParameterGroupName="tuned")
    made.available()

    def status() -> str:
        return str(made.described()["DBParameterGroups"][0]["ParameterApplyStatus"])

    def change(name: str, value: str, method: str) -> None:
        parameter = {"ParameterName": name, "ParameterValue": value, "ApplyMethod": method}
        rds.modify_db_parameter_group(DBParameterGroupName="tuned", Parameters=[parameter])

    change("log_min_duration_statement", "250", "immediate")
    assert (made.value("SHOW log_min_duration_statement"), status()) == ("250ms", "in-sync")
    change("rds.force_ssl", "1", "immediate")
    assert status() == "in-sync"
    change("max_connections", "33", "pending-reboot")
    assert (made.value("SHOW max_connections"), status()) == ("100", "pending-reboot")
    with pytest.raises(ClientError) as refused:
        change("max_connections", "34", "immediate")
    assert code(refused) == "InvalidParameterCombination"
    rds.reboot_db_instance(DBInstanceIdentifier="tuned")
    made.available()
    assert (made.value("SHOW max_connections"), status()) == ("33", "in-sync")
    mine = rds.describe_db_parameters(DBParameterGroupName="tuned", Source="user")["Parameters"]
    assert {each["ParameterName"]: each["ParameterValue"] for each in mine} == {
        "log_min_duration_statement": "250",
        "rds.force_ssl": "1",
        "max_connections": "33",
    }
    delete(made)


def test_a_server_that_does_not_start_ends_in_a_status_with_a_reason(source: Database, point: str) -> None:
    """Values that no server starts with give incompatible-parameters and an event in the server's words."""
    rds = source.sandbox.client("rds")
    rds.create_db_parameter_group(
        DBParameterGroupName="broken", DBParameterGroupFamily=family(source.sandbox), Description="broken"
    )
    bad = {"ParameterName": "max_connections", "ParameterValue": "many", "ApplyMethod": "pending-reboot"}
    rds.modify_db_parameter_group(DBParameterGroupName="broken", Parameters=[bad])
    broken = restore(source, point, "broken", DBParameterGroupName="broken", BackupRetentionPeriod=0)
    eventually(lambda: broken.described()["DBInstanceStatus"] == "incompatible-parameters", "the failure")
    assert any("max_connections" in message for message in broken.events())
    assert "Endpoint" not in broken.described()
    assert source.sandbox.control.instance("broken")["pid"] is None
    delete(broken)


def test_a_disabled_key_stops_a_restore(sandbox: RunningSandbox) -> None:
    """A snapshot encrypted with a key that is disabled answers KMSKeyNotAccessibleFault."""
    kms, rds = sandbox.client("kms"), sandbox.client("rds")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    made = create(sandbox, "sealed", StorageEncrypted=True, KmsKeyId=key)
    made.available()
    rds.create_db_snapshot(DBInstanceIdentifier="sealed", DBSnapshotIdentifier="sealed-1")
    made.available()
    kms.disable_key(KeyId=key)
    with pytest.raises(ClientError) as refused:
        restore(made, "sealed-1", "unsealed")
    assert code(refused) == "KMSKeyNotAccessibleFault"
    delete(made)


# -- the door ----------------------------------------------------------------------------------------------------------


def test_the_call_log_holds_every_call_and_no_password(sandbox: RunningSandbox) -> None:
    """Service, operation, parameters, status and error code of each call are kept, passwords are stars."""
    made = create(sandbox, "logged")
    made.available()
    sandbox.client("secretsmanager").create_secret(Name="logged", SecretString=made.password)
    with pytest.raises(ClientError):
        create(sandbox, "logged")
    delete(made)
    calls = sandbox.control.calls(service="rds", operation="CreateDBInstance")
    mine = [call for call in calls if call["parameters"]["DBInstanceIdentifier"] == "logged"]
    assert [(call["status"], call["error"]) for call in mine] == [(200, ""), (400, "DBInstanceAlreadyExists")]
    assert mine[0]["parameters"]["MasterUserPassword"] == "****"
    assert made.password not in json.dumps(sandbox.control.calls())


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("rds", "describe_db_log_files", {"DBInstanceIdentifier": "source"}),
        ("rds", "promote_read_replica", {"DBInstanceIdentifier": "source"}),
        ("backup", "list_frameworks", {}),
        ("backup", "list_legal_holds", {}),
        ("polly", "describe_voices", {"LanguageCode": "de-DE"}),
    ],
)
def test_what_is_absent_says_so(
    sandbox: RunningSandbox, service: str, operation: str, parameters: dict[str, Any]
) -> None:
    """An operation or service that is not there answers an AWS error that names it, never a 500 or a page."""
    if service == "polly":
        service, operation, parameters = "glacier", "list_jobs", {"vaultName": "none"}
    with pytest.raises(ClientError) as refused:
        getattr(sandbox.client(service), operation)(**parameters)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] < 500
    assert code(refused)


def test_a_request_that_cannot_be_parsed_is_an_aws_error(sandbox: RunningSandbox) -> None:
    """An unsigned request and one with an unknown action get a 4xx with a code."""
    import urllib.error
    import urllib.request

    for headers, body in (
        ({}, b"what"),
        (
            {
                "Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/eu-central-1/rds/aws4_request, Signature=b",
                "Content-Type": "application/x-www-form-urlencoded",
            },
            b"Action=Nonsense&Version=2014-10-31",
        ),
        ({"Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/eu-central-1/backup/aws4_request"}, b"{"),
    ):
        request = urllib.request.Request(sandbox.endpoint + "/", body, headers)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        with refused.value as answer:
            assert 400 <= answer.code < 500
            assert answer.read()


# -- the control API ---------------------------------------------------------------------------------------------------


def test_a_point_can_be_made_expired_or_partial(source: Database, point: str) -> None:
    """Tests give a recovery point another status or lifecycle; AWS Backup then says so."""
    backup, control = source.sandbox.client("backup"), source.sandbox.control

    def described() -> dict[str, Any]:
        return dict(backup.describe_recovery_point(BackupVaultName="main", RecoveryPointArn=point))

    control.set_point_status(point, status="PARTIAL")
    assert described()["Status"] == "PARTIAL"
    control.set_point_status(point, status="COMPLETED")
    ended = datetime.now(UTC) - timedelta(days=1)
    spare = back_up(source, "main")
    control.set_point_status(spare, expires_at=ended)
    seen = backup.describe_recovery_point(BackupVaultName="main", RecoveryPointArn=spare)
    assert seen["Status"] == "EXPIRED"
    assert abs(seen["CalculatedLifecycle"]["DeleteAt"] - ended) < timedelta(seconds=1)
    backup.delete_recovery_point(BackupVaultName="main", RecoveryPointArn=spare)
    with pytest.raises(ConfigError, match="status must be one of"):
        control.set_point_status(point, status="BROKEN")


def test_control_errors_are_sentences(sandbox: RunningSandbox, tmp_path: Path) -> None:
    """A seed that is none, an unknown instance and a sandbox that is not there are errors with a sentence."""
    nothing = tmp_path / "none.dump"
    with pytest.raises(SeedError, match="dump"):
        sandbox.control.inspect_seed(str(nothing))
    with pytest.raises(SandboxError, match="no instance ghost"):
        sandbox.control.load_seed("ghost", "sample")
    with pytest.raises(SandboxError, match="is it running"):
        SandboxControl("http://127.0.0.1:9").health()


def _materials(database: Database) -> dict[str, Any]:
    """What the damages change, each observed by a query of its own."""
    with database.connect() as session:

        def one(query: str) -> Any:
            row = session.execute(query.encode()).fetchone()
            return row[0] if row else None

        counts = {
            name: one(f"SELECT count(*) FROM ONLY {name}")
            for (name,) in session.execute(
                "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                "WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' "
                "AND n.nspname NOT IN ('information_schema', 'drill_canary')"
            ).fetchall()
        }
        return {
            "row": counts,
            "row-value": one("SELECT md5(string_agg(note, '|' ORDER BY id)) FROM shelf.zeta"),
            "default": one("SELECT array_agg((adrelid, adnum)::text ORDER BY 1) FROM pg_attrdef"),
            "grant": one("SELECT array_agg(relacl::text) FROM pg_class WHERE relacl IS NOT NULL AND relname = 'zeta'"),
            "sequence": one(
                "SELECT array_agg((schemaname, sequencename, last_value)::text ORDER BY 1) FROM pg_sequences"
            ),
            "large-object": one("SELECT array_agg(oid ORDER BY oid) FROM pg_largeobject_metadata"),
            "canary": one("SELECT max(seq) FROM drill_canary.beat"),
        }


KINDS = ("row", "row-value", "default", "grant", "sequence", "large-object", "canary")
SHELF = """
    CREATE SCHEMA shelf; CREATE SCHEMA drill_canary;
    CREATE TABLE shelf.zeta (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, note text, at date DEFAULT now());
    INSERT INTO shelf.zeta (note) SELECT 'note ' || n FROM generate_series(1, 50) n;
    CREATE TABLE shelf."Big Log" (id bigint);
    INSERT INTO shelf."Big Log" SELECT generate_series(1, 5000);
    CREATE TABLE shelf.part (id bigint REFERENCES shelf.zeta); INSERT INTO shelf.part SELECT id FROM shelf.zeta;
    CREATE FUNCTION shelf.no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END';
    CREATE TRIGGER no BEFORE DELETE OR UPDATE ON shelf.zeta FOR EACH ROW EXECUTE FUNCTION shelf.no();
    CREATE ROLE reader; GRANT SELECT ON shelf.zeta TO reader;
    CREATE TABLE drill_canary.beat (seq bigint PRIMARY KEY, at timestamptz);
    INSERT INTO drill_canary.beat SELECT n, now() FROM generate_series(1, 5) n;
    SELECT lo_from_bytea(0, 'page one'); SELECT lo_from_bytea(0, 'page two');
"""


@pytest.fixture(scope="module")
def shelved(sandbox: RunningSandbox) -> Iterator[Database]:
    """An instance with something of every kind that can be damaged, and a snapshot `shelved-1` of it."""
    made = create(sandbox, "shelved")
    made.available()
    with made.connect() as session:
        session.execute(SHELF)
    rds = sandbox.client("rds")
    rds.create_db_snapshot(DBInstanceIdentifier="shelved", DBSnapshotIdentifier="shelved-1")
    made.available()
    yield made
    delete(made)


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_material_and_nothing_else_changes(shelved: Database, kind: str) -> None:
    """Damage done to a copy of a snapshot shows in its restore, names its object, and touches nothing else."""
    rds, control = shelved.sandbox.client("rds"), shelved.sandbox.control
    name = f"hurt-{kind}"
    rds.copy_db_snapshot(SourceDBSnapshotIdentifier="shelved-1", TargetDBSnapshotIdentifier=name)
    eventually(
        lambda: rds.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"][0]["Status"] == "available", name
    )
    (done,) = control.damage(name, [kind])
    objects = {
        "row": ('shelf."Big Log"',),
        "row-value": ("shelf.zeta",),
        "default": ("shelf.zeta.at",),
        "grant": ("shelf.zeta",),
        "sequence": ("shelf.zeta_id_seq",),
        "canary": ("drill_canary.beat",),
    }
    if kind == "large-object":
        lowest = shelved.value("SELECT min(oid::int8) FROM pg_largeobject_metadata")
        assert done["object"] == f"large object {lowest}"
    else:
        assert done["object"] in objects[kind]
    hurt = restore(shelved, name, name, BackupRetentionPeriod=0)
    hurt.available()
    before, after = _materials(shelved), _materials(hurt)
    changed = {key for key in before if before[key] != after[key]}
    assert changed - {"row-value"} == {kind} - {"row-value"}
    assert kind in changed
    if kind == "row":
        assert sum(before["row"].values()) - sum(after["row"].values()) == 1
    delete(hurt)
    rds.delete_db_snapshot(DBSnapshotIdentifier=name)


def test_damage_without_an_object_says_so(sandbox: RunningSandbox) -> None:
    """An empty database has nothing to damage; that is an answer and no error."""
    empty = create(sandbox, "empty")
    empty.available()
    sandbox.client("rds").create_db_snapshot(DBInstanceIdentifier="empty", DBSnapshotIdentifier="empty-1")
    empty.available()
    done = sandbox.control.damage("empty-1", list(KINDS))
    assert [each["object"] for each in done] == [""] * len(KINDS)
    assert all(each["what"] for each in done)
    with pytest.raises(ConfigError, match="kinds"):
        sandbox.control.damage("empty-1", ["everything"])
    delete(empty)


# -- the process -------------------------------------------------------------------------------------------------------


def _running_below(state: Path) -> list[int]:
    found = []
    for process in psutil.process_iter(["pid", "cmdline"]):
        if any(str(state) in part for part in process.info["cmdline"] or ()):
            found.append(process.info["pid"])
    return found


@pytest.fixture
def own() -> Iterator[RunningSandbox]:
    """A sandbox that the test ends as it likes."""
    running = start_sandbox()
    yield running
    if running.process.poll() is None:
        end_sandbox(running)


def test_the_end_of_the_lifeline_ends_everything(own: RunningSandbox) -> None:
    """When its owner lets go, the sandbox ends its servers, removes its folder and exits 0."""
    create(own, "short").available()
    create(own, "shorter")
    assert _running_below(own.state)
    assert end_sandbox(own) == 0
    assert not own.state.exists()
    assert _running_below(own.state) == []


def test_signals_end_it_once_and_cannot_spoil_the_clean_up(own: RunningSandbox) -> None:
    """SIGTERM ends the sandbox as the lifeline does, and more signals during the clean-up change nothing."""
    create(own, "short").available()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
        if own.process.poll() is None:
            own.process.send_signal(number)
    assert own.process.wait(timeout=60) == 0
    own.process.communicate()
    assert not own.state.exists()
    assert _running_below(own.state) == []


def test_after_sigkill_a_sweep_leaves_nothing(own: RunningSandbox) -> None:
    """What a killed sandbox leaves is found and ended by its state folder alone."""
    create(own, "short").available()
    os.kill(own.process.pid, signal.SIGKILL)
    own.process.communicate()
    assert _running_below(own.state)
    assert sweep(own.state) > 0
    assert _running_below(own.state) == []
    import shutil

    shutil.rmtree(own.state)


@pytest.mark.parametrize(
    ("arguments", "words", "status"),
    [
        (("--port", "{taken}"), "in use", 12),
        (("--postgres", "{empty}"), "found no usable", 12),
        (("--delays", '{"creatin": 1}'), "creating", 2),
        (("--state-parent", "{empty}/none"), "folder", 12),
    ],
)
def test_a_sandbox_that_cannot_start_says_why(
    sandbox: RunningSandbox, tmp_path: Path, arguments: tuple[str, str], words: str, status: int
) -> None:
    """A port in use, no PostgreSQL, bad delays or no folder: one JSON line, the exit code, nothing left behind."""
    option, value = arguments
    value = value.replace("{taken}", sandbox.endpoint.rsplit(":", 1)[1]).replace("{empty}", str(tmp_path))
    parent = ["--state-parent", str(tmp_path)] if option == "--delays" else []
    ended = subprocess.run(
        [sys.executable, "-m", "drills.sandbox.server", *parent, option, value],
        stdin=subprocess.PIPE,
        capture_output=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parent.parent,
    )
    said = json.loads(ended.stdout)
    assert words in said["error"]
    assert said["exit_code"] == ended.returncode == status
    assert list(tmp_path.iterdir()) == []
