"""The sandbox through boto3 and psycopg alone: accounts, versions, names, changes, the call log, the control API."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from drills.errors import ConfigError, SandboxError, SeedError
from drills.sandbox_client import SandboxControl
from tests.support.rds import MASTER, Instance, back_up, code, create, delete, eventually, family, restore, window
from tests.support.sandbox import RunningSandbox

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]


def test_the_master_is_no_superuser_and_rdsadmin_is_out_of_reach(source: Instance) -> None:
    """Roles are as on RDS: a master in rds_superuser, a bootstrap superuser and a database that are RDS's own."""
    assert source.value("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
    assert source.value("SELECT pg_has_role(current_user, 'rds_superuser', 'member')") is True
    assert source.value("SELECT rolcreatedb AND rolcreaterole FROM pg_roles WHERE rolname = current_user") is True
    assert source.value("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'app'") == MASTER
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        source.connect(dbname="rdsadmin")
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


def test_a_renamed_instance_leaves_its_port_to_whoever_gets_the_name(source: Instance, point: str) -> None:
    """After a rename the old port refuses; an instance restored under the old name answers there (decision 11)."""
    rds = source.sandbox.client("rds")
    live = restore(source, point, "live", BackupRetentionPeriod=0)
    port = live.available()["Endpoint"]["Port"]
    rds.modify_db_instance(DBInstanceIdentifier="live", NewDBInstanceIdentifier="live-old", ApplyImmediately=True)
    old = Instance(source.sandbox, "live-old", source.password)
    eventually(lambda: not old.gone(), "the new name")
    assert old.available()["Endpoint"]["Port"] != port
    assert live.gone()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(host="localhost", port=port, user=MASTER, dbname="app", connect_timeout=60)
    again = restore(source, point, "live", BackupRetentionPeriod=0)
    assert again.available()["Endpoint"]["Port"] == port
    assert again.value("SELECT count(*) FROM item") == 1000
    delete(again)
    delete(old)


def test_changes_are_pending_until_they_are_applied(sandbox: RunningSandbox) -> None:
    """Without ApplyImmediately a change stays pending; with it, it is pending until the status is available again."""
    rds = sandbox.client("rds")
    made = create(sandbox, "changing", PreferredMaintenanceWindow=window(datetime.now(UTC) + timedelta(days=2)))
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


def test_a_server_that_does_not_start_ends_in_a_status_with_a_reason(source: Instance, point: str) -> None:
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
            urllib.request.urlopen(request, timeout=60)
        with refused.value as answer:
            assert 400 <= answer.code < 500
            assert answer.read()


# -- the control API ---------------------------------------------------------------------------------------------------


def test_a_point_can_be_made_expired_or_partial(source: Instance, point: str) -> None:
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
