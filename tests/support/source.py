"""An instance as a team would have it, and a recovery point of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.rds import Instance, back_up, create, delete, family
from tests.support.sandbox import RunningSandbox


@pytest.fixture(scope="session")
def source(sandbox: RunningSandbox) -> Iterator[Instance]:
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


@pytest.fixture(scope="session")
def point(source: Instance) -> str:
    """The ARN of a recovery point of the source with a thousand rows; half of them are deleted after it."""
    with source.connect() as session:
        session.execute("CREATE TABLE item (id int PRIMARY KEY, note text)")
        session.execute("INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 1000) AS n")
    arn = back_up(source, "main")
    with source.connect() as session:
        session.execute("DELETE FROM item WHERE id > 500")
    return arn
