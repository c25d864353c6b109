"""RDS instances of a sandbox for tests: made, waited for, connected to, removed, through boto3 and psycopg alone."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from drills.clock import SystemClock, wait_until
from tests.support.sandbox import RunningSandbox, end_sandbox, start_sandbox

# seconds between two looks for what stays once it is there: a look takes 7 ms of a processor, and half of that in the sandbox
AT_LEISURE = 0.1
MASTER = "owner"
ROLE = "arn:aws:iam::123456789012:role/backup"
QUICK_BEAT = (
    '{"creating": 0.2, "modifying": 0.1, "backing-up": 0.1, "deleting": 0.1, "snapshot": 0.1, "heartbeat": 0.25, '
    '"stopping": 0.1, "starting": 0.1, "rebooting": 0.1}'
)


@pytest.fixture(scope="session")
def beating() -> Iterator[RunningSandbox]:
    """A sandbox with a quick heartbeat, for tests that wind its clock or arm its faults."""
    running = start_sandbox(delays=QUICK_BEAT)
    yield running
    end_sandbox(running)


@pytest.fixture(scope="session")
def steady() -> Iterator[RunningSandbox]:
    """A sandbox with a quick heartbeat for drills, which go by this machine's clock: nobody may wind its own."""
    running = start_sandbox(delays=QUICK_BEAT, steady=True)
    yield running
    end_sandbox(running)


def eventually(probe: Callable[[], Any], what: str, timeout: float = 60.0, *, every: float = 0.03) -> Any:
    """What `probe` returns once it is true."""
    return wait_until(probe, timeout, SystemClock(), every=every, what=what)


def code(refused: pytest.ExceptionInfo[ClientError]) -> str:
    """The error code on the wire."""
    return str(refused.value.response["Error"]["Code"])


@dataclass
class Instance:
    """An RDS instance with the password that the test gave it."""

    sandbox: RunningSandbox
    name: str
    password: str
    database: str = "app"

    @cached_property
    def rds(self) -> Any:
        """A client, the same one for every look."""
        return self.sandbox.client("rds")

    def described(self) -> dict[str, Any]:
        """The instance as DescribeDBInstances shows it."""
        return dict(self.rds.describe_db_instances(DBInstanceIdentifier=self.name)["DBInstances"][0])

    @property
    def status(self) -> str:
        """DBInstanceStatus."""
        return str(self.described()["DBInstanceStatus"])

    def available(self) -> dict[str, Any]:
        """The instance once it is available and nothing is pending; a failure status ends the wait."""

        def probe() -> dict[str, Any] | None:
            seen = self.described()
            assert not seen["DBInstanceStatus"].startswith(("failed", "incompatible")), self.events()
            done = seen["DBInstanceStatus"] == "available" and not seen["PendingModifiedValues"]
            return seen if done else None

        return dict(eventually(probe, f"{self.name} to be available", every=AT_LEISURE))

    def reaches(self, status: str) -> dict[str, Any]:
        """The instance once it has that status."""
        eventually(lambda: self.status == status, f"{self.name} to be {status}")
        return self.described()

    def events(self) -> list[str]:
        """The messages of the instance's events."""
        answer = self.rds.describe_events(SourceIdentifier=self.name, SourceType="db-instance")
        return [event["Message"] for event in answer["Events"]]

    def connect(self, **more: Any) -> psycopg.Connection[Any]:
        """A session over verified TLS, at the address that RDS returns."""
        endpoint = self.described()["Endpoint"]
        wanted: dict[str, Any] = {
            "host": endpoint["Address"],
            "port": endpoint["Port"],
            "user": MASTER,
            "password": self.password,
            "dbname": self.database,
            "sslmode": "verify-full",
            "sslrootcert": self.sandbox.ca,
            "autocommit": True,
        }
        return psycopg.connect(**(wanted | more))

    def value(self, query: str) -> Any:
        """The single value of a query."""
        with self.connect() as session:
            row = session.execute(query.encode()).fetchone()
            assert row is not None
            return row[0]

    def run(self, statement: str) -> None:
        """Execute a statement and commit."""
        with self.connect() as session:
            session.execute(statement.encode())

    def gone(self) -> bool:
        """Whether the instance is no longer described."""
        try:
            self.described()
        except ClientError as error:
            return bool(error.response["Error"]["Code"] == "DBInstanceNotFound")
        return False

    def restorable_past(self, moment: datetime) -> datetime:
        """LatestRestorableTime, once it is later than a moment."""

        def probe() -> datetime | None:
            latest: datetime | None = self.described().get("LatestRestorableTime")
            return latest if latest is not None and latest > moment else None

        found = eventually(probe, f"{self.name} to be restorable past {moment}", every=AT_LEISURE)
        return datetime.fromisoformat(str(found))


def create(sandbox: RunningSandbox, name: str, **more: Any) -> Instance:
    """A new instance, not waited for."""
    made = Instance(sandbox, name, secrets.token_urlsafe(16))
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


def window(start: datetime, form: str = "%a:%H:%M") -> str:
    """A window of half an hour from that moment on, or from the next midnight: none may reach into the next week."""
    end = start + timedelta(minutes=30)
    if end.date() != start.date():
        start = end.replace(hour=0, minute=0)
    return f"{start:{form}}-{start + timedelta(minutes=30):{form}}".lower()


def restore(source: Instance, snapshot: str, name: str, **more: Any) -> Instance:
    """Restore a snapshot to a new instance, not waited for."""
    source.rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=snapshot, **more)
    return Instance(source.sandbox, name, source.password)


def recover(source: Instance, name: str, **more: Any) -> Instance:
    """Restore to a point in time, by the source's name unless the test gives another; not waited for."""
    if not any(key.startswith("Source") for key in more):
        more["SourceDBInstanceIdentifier"] = source.name
    source.rds.restore_db_instance_to_point_in_time(TargetDBInstanceIdentifier=name, **more)
    return Instance(source.sandbox, name, source.password)


def delete(instance: Instance, **more: Any) -> None:
    """Delete an instance and wait until it is gone."""
    instance.rds.delete_db_instance(DBInstanceIdentifier=instance.name, **({"SkipFinalSnapshot": True} | more))
    eventually(instance.gone, f"{instance.name} to go", every=AT_LEISURE)


def back_up(instance: Instance, vault: str) -> str:
    """Back an instance up through AWS Backup; the recovery point's ARN."""
    backup = instance.sandbox.client("backup")
    arn = instance.described()["DBInstanceArn"]
    job = backup.start_backup_job(BackupVaultName=vault, ResourceArn=arn, IamRoleArn=ROLE)["BackupJobId"]
    eventually(lambda: backup.describe_backup_job(BackupJobId=job)["State"] == "COMPLETED", "the backup job")
    instance.available()
    return str(backup.describe_backup_job(BackupJobId=job)["RecoveryPointArn"])


def names_there(rds: Any, ec2: Any) -> dict[str, set[str]]:
    """The names of what AWS has, by its kind: of instances, and of everything that a restore may need a new one of."""
    return {
        "db-instance": {each["DBInstanceIdentifier"] for each in rds.describe_db_instances()["DBInstances"]},
        "db-parameter-group": {
            each["DBParameterGroupName"] for each in rds.describe_db_parameter_groups()["DBParameterGroups"]
        },
        "db-subnet-group": {each["DBSubnetGroupName"] for each in rds.describe_db_subnet_groups()["DBSubnetGroups"]},
        "security-group": {each["GroupName"] for each in ec2.describe_security_groups()["SecurityGroups"]},
    }


def family(sandbox: RunningSandbox) -> str:
    """The parameter group family of the preferred server."""
    return f"postgres{sandbox.postgres[0]['major']}"
