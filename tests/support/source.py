"""An instance as a team would have it, and a recovery point of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.rds import Instance, back_up, create, delete, family
from tests.support.sandbox import RunningSandbox


@pytest.fixture(scope="session")
def shared_source(sandbox: RunningSandbox) -> Iterator[Instance]:
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


@pytest.fixture
def source(shared_source: Instance) -> Iterator[Instance]:
    """The shared instance; a test that leaves it other than it was fails, and not another one that comes later."""
    before = _state(shared_source)
    yield shared_source
    assert _state(shared_source) == before, (
        "the test changed the source that all tests share, and did not change it back"
    )


def _state(source: Instance) -> dict[str, Any]:
    """What RDS says of the instance, without the time that goes on, and its recovery points and tables."""
    described = {key: value for key, value in source.available().items() if key != "LatestRestorableTime"}
    points = source.sandbox.client("backup").list_recovery_points_by_backup_vault(BackupVaultName="main")[
        "RecoveryPoints"
    ]
    tables = "SELECT string_agg(relid::regclass::text, ' ' ORDER BY relid) FROM pg_stat_user_tables"
    return described | {
        "points": sorted((each["RecoveryPointArn"], each["Status"]) for each in points),
        "tables": source.value(tables),
    }


@pytest.fixture(scope="session")
def point(shared_source: Instance) -> str:
    """The ARN of a recovery point of the source with a thousand rows; half of them are deleted after it."""
    with shared_source.connect() as session:
        session.execute("CREATE TABLE item (id int PRIMARY KEY, note text)")
        session.execute("INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 1000) AS n")
    arn = back_up(shared_source, "main")
    with shared_source.connect() as session:
        session.execute("DELETE FROM item WHERE id > 500")
    return arn
