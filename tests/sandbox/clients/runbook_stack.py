"""The runbook's stack, made in a sandbox, and a shell that runs the runbook's commands against it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from drills.clock import SystemClock, wait_until
from drills.sandbox.postgres.binaries import find
from tests.sandbox.clients.runbook import Step
from tests.support.sandbox import RunningSandbox

ACCOUNT = "123456789012"
ORDERS = 1000
_WITHIN = 120.0  # seconds for one command, and for what a repeated one waits for
_CLOCK = SystemClock()


@dataclass(frozen=True, slots=True)
class Told:
    """What a command wrote, and its exit status."""

    step: Step
    text: str
    status: int


@dataclass
class Shell:
    """Runs one command after another as /bin/sh does, in a folder and an environment of its own."""

    folder: Path
    environment: dict[str, str] = field(repr=False)

    def run(self, step: Step) -> Told:
        """The command's answer; a repeated one's last. A variable that it sets is there for those after it."""
        if not step.until:
            return self._once(step)
        told: list[Told] = []

        def there() -> bool:
            told[:] = [self._once(step)]
            return told[0].status == 0 and step.until in told[0].text

        wait_until(there, _WITHIN, _CLOCK, every=0.1, what=f"{step.command} to say {step.until}: {told}")
        return told[0]

    def _once(self, step: Step) -> Told:
        # the variable's value goes last and alone, so that what the command itself says stays apart
        command = step.command + (f'\nstatus=$?; printf %s "${step.variable}"; exit $status' if step.variable else "")
        ran = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_WITHIN,
            text=True,
            check=False,
        )
        if step.variable:
            self.environment[step.variable] = ran.stdout
            return Told(step, "", ran.returncode)
        return Told(step, ran.stdout, ran.returncode)


def psql() -> Path:
    """The system's psql, else the one that came with the install."""
    system = shutil.which("psql")
    return Path(system) if system else find()[0].tool("psql")


def _has_tls(program: Path) -> bool:
    """Whether psql can speak TLS: one built without OpenSSL refuses the setting before it connects anywhere."""
    tried = subprocess.run(
        [program, "-X", "host=127.0.0.1 port=9 sslmode=verify-full"],
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return "not compiled in" not in tried.stderr


def shell(running: RunningSandbox, folder: Path, password: str) -> Shell:
    """A shell as its user would have it on AWS; AWS_ENDPOINT_URL alone says that this is not AWS."""
    program = psql()
    places = [str(Path(sys.executable).parent), str(program.parent), os.environ.get("PATH", os.defpath)]
    return Shell(
        folder,
        {
            "PATH": os.pathsep.join(places),
            "HOME": str(folder),
            "AWS_ENDPOINT_URL": running.endpoint,
            "AWS_DEFAULT_REGION": running.region,
            **running.variables,
            "AWS_EC2_METADATA_DISABLED": "true",
            "PGPASSWORD": password,
            "PGSSLMODE": "verify-full" if _has_tls(program) else "disable",
            "PGSSLROOTCERT": running.ca,
            "PYTHONWARNINGS": "ignore",
            "LC_ALL": "C",
        },
    )


def make_stack(running: RunningSandbox) -> str:
    """What the runbook finds: everything of infra/terraform, by boto3, with a thousand orders; the owner's password."""
    password = secrets.token_urlsafe(16)
    role, key = _role(running), _key(running)
    database = _database(running, key, password)
    _protection(running, key, role, database["DBInstanceArn"])
    with psycopg.connect(
        host=database["Endpoint"]["Address"],
        port=database["Endpoint"]["Port"],
        user="owner",
        password=password,
        dbname="myapp",
        sslmode="verify-full",
        sslrootcert=running.ca,
    ) as session:
        session.execute("CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamptz NOT NULL DEFAULT now())")
        session.execute("INSERT INTO orders SELECT generate_series(1, %s)", (ORDERS,))
    _services(running, database, password)
    return password


def _role(running: RunningSandbox) -> str:
    iam = running.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="myapp-backup", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    for name in ("AWSBackupServiceRolePolicyForBackup", "AWSBackupServiceRolePolicyForRestores"):
        iam.attach_role_policy(RoleName="myapp-backup", PolicyArn=f"arn:aws:iam::aws:policy/service-role/{name}")
    return str(role)


def _key(running: RunningSandbox) -> str:
    kms = running.client("kms")
    key = kms.create_key(Description="The database, its snapshots and the backup vault")["KeyMetadata"]
    kms.create_alias(AliasName="alias/myapp", TargetKeyId=key["KeyId"])
    return str(key["Arn"])


def _database(running: RunningSandbox, key: str, password: str) -> dict[str, Any]:
    rds, ec2 = running.client("rds"), running.client("ec2")
    family = f"postgres{running.postgres[0]['major']}"
    rds.create_db_parameter_group(
        DBParameterGroupName="myapp-postgres", DBParameterGroupFamily=family, Description="of myapp"
    )
    subnets = [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"]]
    rds.create_db_subnet_group(
        DBSubnetGroupName="myapp-subnets", DBSubnetGroupDescription="of myapp", SubnetIds=subnets
    )
    group = ec2.create_security_group(GroupName="myapp-database", Description="of myapp")["GroupId"]
    rds.create_db_instance(
        DBInstanceIdentifier="myappdbprod",
        DBInstanceClass="db.t4g.medium",
        Engine="postgres",
        AllocatedStorage=20,
        DBName="myapp",
        MasterUsername="owner",
        MasterUserPassword=password,
        DBParameterGroupName="myapp-postgres",
        DBSubnetGroupName="myapp-subnets",
        VpcSecurityGroupIds=[group],
        PubliclyAccessible=False,
        MultiAZ=True,
        DeletionProtection=True,
        BackupRetentionPeriod=7,
        StorageEncrypted=True,
        KmsKeyId=key,
        EnableCloudwatchLogsExports=["postgresql", "upgrade"],
        Tags=[{"Key": "application", "Value": "myapp"}],
    )

    def there() -> dict[str, Any] | None:
        seen = rds.describe_db_instances(DBInstanceIdentifier="myappdbprod")["DBInstances"][0]
        return dict(seen) if seen["DBInstanceStatus"] == "available" else None

    found = wait_until(there, _WITHIN, _CLOCK, every=0.1, what="myappdbprod to be available")
    assert found is not None
    return found


def _protection(running: RunningSandbox, key: str, role: str, database: str) -> None:
    backup = running.client("backup")
    backup.create_backup_vault(BackupVaultName="myapp-vault", EncryptionKeyArn=key)
    monthly = {
        "RuleName": "monthly",
        "TargetBackupVaultName": "myapp-vault",
        "ScheduleExpression": "cron(0 3 1 * ? *)",
        "StartWindowMinutes": 60,
        "CompletionWindowMinutes": 480,
        "Lifecycle": {"DeleteAfterDays": 180},
    }
    plan = backup.create_backup_plan(BackupPlan={"BackupPlanName": "myapp-monthly", "Rules": [monthly]})
    backup.create_backup_selection(
        BackupPlanId=plan["BackupPlanId"],
        BackupSelection={"SelectionName": "myapp-database", "IamRoleArn": role, "Resources": [database]},
    )


def _services(running: RunningSandbox, database: dict[str, Any], password: str) -> None:
    ecs, ec2 = running.client("ecs"), running.client("ec2")
    secret = running.client("secretsmanager").create_secret(Name="myapp/database", SecretString=password)["ARN"]
    subnets = [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"]]
    group = ec2.create_security_group(GroupName="myapp-service", Description="of myapp")["GroupId"]
    target = _balancer(running, subnets)
    ecs.create_cluster(clusterName="myapp")
    for name, tasks, behind in (("web", 2, [target]), ("worker", 1, [])):
        definition = _definition(name, database, secret)
        made = ecs.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"]
        ecs.create_service(
            cluster="myapp",
            serviceName=f"myapp-{name}",
            taskDefinition=made,
            desiredCount=tasks,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": {"subnets": subnets, "securityGroups": [group]}},
            loadBalancers=[{"targetGroupArn": each, "containerName": name, "containerPort": 8080} for each in behind],
        )


def _definition(name: str, database: dict[str, Any], secret: str) -> dict[str, Any]:
    endpoint = database["Endpoint"]
    variables = {
        "PGHOST": endpoint["Address"],
        "PGPORT": str(endpoint["Port"]),
        "PGDATABASE": "myapp",
        "PGUSER": "owner",
    }
    container = {
        "name": name,
        "image": "public.ecr.aws/docker/library/nginx:1.27",
        "essential": True,
        "portMappings": [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}],
        "environment": [{"name": key, "value": value} for key, value in variables.items()],
        "secrets": [{"name": "PGPASSWORD", "valueFrom": secret}],
    }
    return {
        "family": f"myapp-{name}",
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [container],
    }


def _balancer(running: RunningSandbox, subnets: list[str]) -> str:
    elb, ec2 = running.client("elbv2"), running.client("ec2")
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    made = elb.create_load_balancer(Name="myapp", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    target = elb.create_target_group(Name="myapp", Protocol="HTTP", Port=8080, VpcId=vpc, TargetType="ip")
    arn = str(target["TargetGroups"][0]["TargetGroupArn"])
    forward = [{"Type": "forward", "TargetGroupArn": arn}]
    elb.create_listener(LoadBalancerArn=made, Protocol="HTTP", Port=80, DefaultActions=forward)
    return arn
