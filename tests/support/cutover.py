"""A small service on a small database in a sandbox, as a cut-over finds it, and the command line that cuts it over."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from drills.cli import cutover as cli_cutover
from drills.cli import main as cli
from drills.cutover.environment import Environment
from drills.cutover.journal import JournalStore
from drills.cutover.model import Entry, Position, State
from drills.cutover.plan import Call
from drills.cutover.session import reopen
from tests.support.bytecode import compiled_once
from tests.support.paths import CHECKOUT, DRILLS
from tests.support.sandbox import RunningSandbox
from tests.support.service import Instance, define, eventually, get, make_instance, subnets

ROLE = "arn:aws:iam::123456789012:role/restores"
DISCARD = ("--discard-writes-since", "2020-01-01T00:00:00Z")
MARKER = "select '\"orders\": ' || count(*) from shop.orders"


HOOK = """
import sys
import boto3

endpoint, region, name, host, port = sys.argv[1:]
ecs = boto3.client("ecs", endpoint_url=endpoint, region_name=region)
service = ecs.describe_services(cluster=name, services=[name])["services"][0]
old = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
container = old["containerDefinitions"][0]
for variable in container["environment"]:
    variable["value"] = {"PGHOST": host, "PGPORT": port}.get(variable["name"], variable["value"])
new = ecs.register_task_definition(
    family=name,
    networkMode="awsvpc",
    requiresCompatibilities=["FARGATE"],
    cpu="256",
    memory="512",
    containerDefinitions=[container],
)
ecs.update_service(cluster=name, service=name, taskDefinition=new["taskDefinition"]["taskDefinitionArn"])
print("led to", host, port)
"""


@dataclass
class Scene:
    """The instance, its service and front door, and a drill.toml that names them."""

    sandbox: RunningSandbox
    folder: Path
    source: Instance
    url: str
    snapshot: str
    group: str
    environment: dict[str, str] = field(repr=False)
    named_by: str = ""  # how the target names its database, where not by the target's own name

    @property
    def name(self) -> str:
        """The name of the instance, of the cluster and of the service."""
        return self.source.name

    def write_config(self, **more: Any) -> None:
        """drill.toml with this target; further keys of the cut-over are laid over."""
        cutover = {
            "services": [f"{self.name}/{self.name}"],
            "public_url": self.url,
            "marker": MARKER,
            "database": "app",
            "renamed": f"{self.name}del",
            "service_timeout": "60s",
            "restorable_within": "60s",
            "restore_role": ROLE,
            **more,
        }
        lines = [f"{key} = {json.dumps(value)}" for key, value in cutover.items() if not isinstance(value, dict)]
        tables = {key: value for key, value in cutover.items() if isinstance(value, dict)}
        text = (
            '[drill]\nprofile = "sandbox"\n[profiles.sandbox]\nallow = ["cuts_over"]\npoll_every = "50ms"\n'
            f'[targets.{self.name}]\n{self.named_by}vault = "{self.name}-vault"\ntimeout = "1m"\nrto = "10m"\n'
            f'[targets.{self.name}.credentials]\nusername = "owner"\nsecret_id = "{self.name}/database"\n'
            f"[targets.{self.name}.cutover]\n" + "\n".join(lines) + "\n"
        )
        for key, value in tables.items():
            text += f"[targets.{self.name}.cutover.{key}]\n"
            text += "".join(f"{name} = {json.dumps(reason)}\n" for name, reason in value.items())
        (self.folder / "drill.toml").write_text(text, encoding="utf-8")

    def command(self, *words: str) -> list[str]:
        """The command line in a process of its own."""
        confirmed = () if words[0] == "plan" else ("--confirm", self.name)
        return [DRILLS, "cutover", *words, *confirmed]

    def drills(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=400,  # on a machine that is busy: only what never ends is to be noticed
            check=False,
        )

    def journals(self) -> list[Path]:
        """The journals on this machine, oldest first."""
        return sorted((self.folder / "reports/out/cutover" / self.name).glob("*.jsonl"))

    def orders(self, name: str | None = None) -> int:
        """How many orders the instance of a name has."""
        with Instance(self.sandbox, name or self.name, self.source.password).connect() as session:
            (count,) = session.execute("select count(*) from shop.orders").fetchone() or (0,)
        return int(count)

    def identity(self, name: str | None = None) -> str:
        """The DbiResourceId of the instance of a name, "" where there is none."""
        rds = self.sandbox.client("rds")
        for each in rds.describe_db_instances()["DBInstances"]:
            if each["DBInstanceIdentifier"] == (name or self.name):
                return str(each["DbiResourceId"])
        return ""

    def count(self) -> int:
        """The service's desired count."""
        answer = self.sandbox.client("ecs").describe_services(cluster=self.name, services=[self.name])
        return int(answer["services"][0]["desiredCount"])

    def port(self) -> int:
        """The database port that the service's tasks are given."""
        ecs = self.sandbox.client("ecs")
        service = ecs.describe_services(cluster=self.name, services=[self.name])["services"][0]
        found = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
        variables = {each["name"]: each["value"] for each in found["containerDefinitions"][0]["environment"]}
        return int(variables["PGPORT"])

    def make_hook(self) -> list[str]:
        """A command that leads the service to another address: host and port are its arguments."""
        (self.folder / "switch.py").write_text(HOOK, encoding="utf-8")
        place = [self.sandbox.endpoint, self.sandbox.region, self.name]
        return [sys.executable, str(self.folder / "switch.py"), *place, "{host}", "{port}"]

    def suspended(self) -> bool:
        """Whether the service's scaling is suspended."""
        answer = self.sandbox.client("application-autoscaling").describe_scalable_targets(
            ServiceNamespace="ecs", ResourceIds=[f"service/{self.name}/{self.name}"]
        )
        return any((answer["ScalableTargets"][0].get("SuspendedState") or {}).values())


def accepted(call: Call) -> str:
    """What botocore's own model of the service says against a call; "" where it takes it."""
    shape = model(call.service).operation_model(call.operation).input_shape
    return str(ParamValidator().validate(call.parameters, shape).generate_report())


@functools.cache
def model(service: str) -> Any:
    """botocore's model of a service, which takes a second to load."""
    return botocore.session.get_session().get_service_model(service)


class Killed(BaseException):
    """Stands for the end of the process: nothing in the engine catches it."""


class Dying:
    """A journal whose process ends when an entry is to be written: just after it was, or just before."""

    def __init__(self, store: JournalStore, number: int, *, after: bool) -> None:
        self._store, self._number, self._after = store, number, after
        self.ids, self.read, self.location = store.ids, store.read, store.location

    def append(self, cutover_id: str, entry: Entry) -> None:
        """Write the entry, and die where it was said."""
        if entry.number == self._number and not self._after:
            raise Killed
        self._store.append(cutover_id, entry)
        if entry.number == self._number:
            raise Killed


class CommandLine:
    """The command line in this process, which is quicker than one of its own for each of very many commands."""

    def __init__(self, scene: Scene, monkeypatch: pytest.MonkeyPatch, position: Position = "healthy") -> None:
        self.scene, self.position = scene, position
        monkeypatch.chdir(scene.folder)
        for name in ("AWS_ENDPOINT_URL", "PGSSLROOTCERT", *scene.sandbox.variables):
            monkeypatch.setenv(name, scene.environment[name])
        self._session = cli_cutover.open_cutover_session(self._options("resume"))

    def _options(self, *words: str) -> argparse.Namespace:
        named = words[0] != "run" or {"--at", "--before", "--point"} & set(words)
        point = () if named else ("--point", self.scene.snapshot)  # what was taken later has the wrong data
        return cli.parse(["cutover", "--confirm", self.scene.name, *words, *point])

    def change(self, **changes: Any) -> None:
        """Replace parts of the env, such as its clock or the target's cut-over."""
        self._session = dataclasses.replace(self._session, env=dataclasses.replace(self._session.env, **changes))

    @property
    def env(self) -> Environment:
        """What the commands act on."""
        return self._session.env

    def do(self, *words: str, die_at: int = 0, after: bool = True) -> State | None:
        """The state at the end, None where it died on the way."""
        session = self._session
        if die_at:
            session = dataclasses.replace(session, store=Dying(session.store, die_at, after=after))
        # each command asks the address anew and holds the lock anew, as a process of its own does
        try:
            return cli_cutover.carry_out(reopen(session), self._options(*words))
        except Killed:
            return None

    def entries(self) -> tuple[Entry, ...]:
        """The last journal."""
        store = self._session.store
        return store.read(store.ids()[-1])


def make_scene(sandbox: RunningSandbox, name: str, folder: Path, **more: Any) -> Scene:
    """An instance with three orders and a snapshot of them, two of which are then deleted, behind a web service."""
    folder.mkdir(parents=True, exist_ok=True)
    source = make_instance(
        sandbox, name, **{"DeletionProtection": True, "MultiAZ": True, **groups_of(sandbox, name), **more}
    )
    with source.connect() as session:
        session.execute("CREATE TABLE shop.stray (at timestamptz NOT NULL DEFAULT clock_timestamp())")
    sandbox.client("backup").create_backup_vault(BackupVaultName=f"{name}-vault")
    point = back_up(sandbox, source)
    with source.connect() as session:
        session.execute("DELETE FROM shop.orders WHERE id > 1")
    url = serve(sandbox, source)
    group = source.described()["VpcSecurityGroups"][0]["VpcSecurityGroupId"]
    scene = Scene(sandbox, folder, source, url, point, group, environment_of(sandbox, folder))
    scene.write_config()
    eventually(lambda: get(url).status == 200, f"{name} to be served")
    return scene


def groups_of(sandbox: RunningSandbox, name: str) -> dict[str, Any]:
    """A security group and a subnet group of the database's own."""
    ec2, rds = sandbox.client("ec2"), sandbox.client("rds")
    group = ec2.create_security_group(GroupName=f"{name}-clients", Description="clients of the database")["GroupId"]
    rds.create_db_subnet_group(
        DBSubnetGroupName=f"{name}-subnets", DBSubnetGroupDescription="of the source", SubnetIds=subnets(sandbox)
    )
    return {"VpcSecurityGroupIds": [group], "DBSubnetGroupName": f"{name}-subnets"}


def back_up(sandbox: RunningSandbox, source: Instance) -> str:
    """Back an instance up to its vault; the recovery point's ARN."""
    backup, vault = sandbox.client("backup"), f"{source.name}-vault"
    arn = source.described()["DBInstanceArn"]
    job = backup.start_backup_job(BackupVaultName=vault, ResourceArn=arn, IamRoleArn=ROLE)["BackupJobId"]

    def completed() -> bool:
        return bool(backup.describe_backup_job(BackupJobId=job)["State"] == "COMPLETED")

    eventually(completed, f"the backup of {source.name}")
    source.available()
    return str(backup.describe_backup_job(BackupJobId=job)["RecoveryPointArn"])


def serve(sandbox: RunningSandbox, source: Instance) -> str:
    """A service of one task behind a front door, with a scalable target; the address of the front door."""
    name = source.name
    secret = sandbox.client("secretsmanager").create_secret(Name=f"{name}/database", SecretString=source.password)[
        "ARN"
    ]
    definition = define(sandbox, name, source.settings(), secrets=[{"name": "PGPASSWORD", "valueFrom": secret}])
    elb, ec2, ecs = sandbox.client("elbv2"), sandbox.client("ec2"), sandbox.client("ecs")
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    balancer = elb.create_load_balancer(Name=name, Subnets=subnets(sandbox))["LoadBalancers"][0]
    target = elb.create_target_group(
        Name=name, Protocol="HTTP", Port=8080, VpcId=vpc, TargetType="ip", HealthCheckPath="/health"
    )
    arn = target["TargetGroups"][0]["TargetGroupArn"]
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
    )
    ecs.create_cluster(clusterName=name)
    ecs.create_service(
        cluster=name,
        serviceName=name,
        taskDefinition=definition,
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": subnets(sandbox)}},
        loadBalancers=[{"targetGroupArn": arn, "containerName": "web", "containerPort": 8080}],
    )
    sandbox.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs",
        ResourceId=f"service/{name}/{name}",
        ScalableDimension="ecs:service:DesiredCount",
        MinCapacity=1,
        MaxCapacity=3,
    )
    return f"http://{balancer['DNSName']}"


def environment_of(sandbox: RunningSandbox, folder: Path) -> dict[str, str]:
    """What the command line is given of the environment."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": str(CHECKOUT),
        **compiled_once(),
        "HOME": str(folder),
        "AWS_ENDPOINT_URL": sandbox.endpoint,
        **sandbox.variables,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PGSSLROOTCERT": sandbox.ca,
        "USER": "operator",
    }
