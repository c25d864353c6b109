"""A source that a test makes in an AWS of its own, for the profile `endpoint`: instance, backup, plan, groups, drill.toml."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr

from drills.checks.base.session import Connector
from drills.checks.canary import writer
from drills.clock import SystemClock, wait_until
from drills.recovery.connect import Endpoint, connector
from tests.support.accounts import RecoveryAccount
from tests.support.planted import Plants
from tests.support.policies import VALUES
from tests.support.runs import Place
from tests.support.sandbox import RunningSandbox

NAME, VAULT, DATABASE = "greenhouse", "seeds", "plants"
CONFIG = """
[drill]
profile = "elsewhere"
[profiles.elsewhere]
kind = "endpoint"
endpoint_url = "{endpoint}"
region = "{region}"
poll_every = "200ms"
[targets.{name}]
{kind} = "{name}"
vault = "{vault}"
rto = "30m"
rpo = "24h"
{more}
[targets.{name}.restore]
ca_bundle = "{ca}"
{restore}
[evidence]
key = "env:DRILL_EVIDENCE_KEY"
"""


def configure(
    place: Place,
    running: RunningSandbox,
    more: str = "",
    *,
    endpoint: str = "",
    restore: str = "",
    kind: str = "instance",
) -> None:
    """Write the run's drill.toml."""
    text = CONFIG.format(
        endpoint=endpoint or running.endpoint,
        region=running.region,
        kind=kind,
        name=NAME,
        vault=VAULT,
        more=more,
        ca=running.ca,
        restore=restore,
    )
    (place.checkout / "drill.toml").write_text(text)


def make_groups(running: RunningSandbox | RecoveryAccount, suffix: str = "") -> str:
    """A subnet group and a security group for copies, as an account has them; what the target says of them."""
    ec2, rds = running.client("ec2"), running.client("rds")
    subnets = [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"]]
    rds.create_db_subnet_group(
        DBSubnetGroupName=VALUES["subnet_group"] + suffix, DBSubnetGroupDescription="for copies", SubnetIds=subnets
    )
    made = ec2.create_security_group(GroupName=f"copies{suffix}", Description="for copies")["GroupId"]
    everywhere = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.revoke_security_group_egress(GroupId=made, IpPermissions=[everywhere])
    here = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 65535, "IpRanges": [{"CidrIp": "127.0.0.1/32"}]}
    ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=[here])
    return f'subnet_group = "{VALUES["subnet_group"]}{suffix}"\nsecurity_group = "{made}"\nmake_parameter_group = true'


def make_source(running: RunningSandbox, plants: Plants) -> Connector:
    """An instance with a table and a canary, and no backup of its own."""
    rds, password = running.client("rds"), plants.word("master password")
    running.client("secretsmanager").create_secret(Name="login", SecretString=plants.word("value of a secret"))
    rds.create_db_instance(
        DBInstanceIdentifier=NAME,
        DBInstanceClass="db.t4g.medium",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="gardener",
        MasterUserPassword=password,
        DBName=DATABASE,
        BackupRetentionPeriod=0,
        StorageEncrypted=True,
        KmsKeyId=running.client("kms").create_key()["KeyMetadata"]["Arn"],
        Tags=[{"Key": "owner", "Value": plants.word("value of a tag")}],
    )

    def host() -> tuple[str, int] | None:
        (found,) = rds.describe_db_instances(DBInstanceIdentifier=NAME)["DBInstances"]
        there = found["DBInstanceStatus"] == "available"
        return (found["Endpoint"]["Address"], found["Endpoint"]["Port"]) if there else None

    address, port = wait_until(host, 60, SystemClock(), what="the source")
    connect = connector(Endpoint(address, port, "gardener", SecretStr(password), Path(running.ca)))
    with connect(DATABASE) as session:
        session.execute("create table plant (id int primary key, name text not null)")
        session.execute("insert into plant select n, 'plant ' || n from generate_series(1, 300) as n")
        session.execute(plants.sql().encode())
        writer.install(session)
        for _ in range(3):
            writer.beat(session)
    return connect


def back_up(running: RunningSandbox, arn: str = "") -> None:
    """An on-demand backup through AWS Backup of the instance, or of something else, followed to its end."""
    backup, rds = running.client("backup"), running.client("rds")
    arn = arn or rds.describe_db_instances(DBInstanceIdentifier=NAME)["DBInstances"][0]["DBInstanceArn"]
    role = f"arn:aws:iam::{arn.split(':')[4]}:role/backup"
    job = backup.start_backup_job(BackupVaultName=VAULT, ResourceArn=arn, IamRoleArn=role)["BackupJobId"]
    wait_until(
        lambda: backup.describe_backup_job(BackupJobId=job)["State"] == "COMPLETED",
        60,
        SystemClock(),
        what="the backup",
    )


def plan_backups(running: RunningSandbox, arn: str = "", *, every: int = 1) -> None:
    """A plan for the source, every so many hours, that was due ten minutes ago, so that no run of it falls into the test."""
    backup, rds = running.client("backup"), running.client("rds")
    arn = arn or rds.describe_db_instances(DBInstanceIdentifier=NAME)["DBInstances"][0]["DBInstanceArn"]
    due = SystemClock().now() - timedelta(minutes=10)
    hours = "*" if every == 1 else ",".join(str(hour) for hour in range(due.hour % every, 24, every))
    expression = f"cron({due.minute} {hours} * * ? *)"
    rule = {"RuleName": "planned", "TargetBackupVaultName": VAULT, "ScheduleExpression": expression}
    plan = backup.create_backup_plan(BackupPlan={"BackupPlanName": NAME, "Rules": [rule]})
    role = f"arn:aws:iam::{arn.split(':')[4]}:role/backup"
    selection = {"SelectionName": NAME, "IamRoleArn": role, "Resources": [arn]}
    backup.create_backup_selection(BackupPlanId=plan["BackupPlanId"], BackupSelection=selection)
