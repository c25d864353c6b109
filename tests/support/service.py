"""An instance of the sandbox, and a service of its web application that reads it."""

from __future__ import annotations

import contextlib
import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import psutil
import psycopg
import pytest

from drills.clock import SystemClock, wait_until
from tests.support.sandbox import RunningSandbox, end_sandbox, start_sandbox

T = TypeVar("T")

DELAYS = json.dumps(
    {
        "creating": 0.1,
        "modifying": 0.1,
        "backing-up": 0.1,
        "deleting": 0.1,
        "backup-job": 0.1,
        "snapshot": 0.1,
        "task-start": 0.2,
        "task-stop": 0.4,
        "health-check": 0.1,
    }
)
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop:1"
# a proxy that the environment names must not be asked for an address of this machine
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


@pytest.fixture(scope="module")
def own_sandbox() -> Iterator[RunningSandbox]:
    """A sandbox of this module's own."""
    running = start_sandbox(delays=DELAYS)
    yield running
    end_sandbox(running)


def eventually(probe: Callable[[], T | None], what: str, timeout: float = 60.0) -> T:
    """What `probe` returns once it is true."""
    return wait_until(lambda: probe() or None, timeout, SystemClock(), every=0.03, what=what)


@dataclass(frozen=True)
class Answer:
    """What an HTTP request was answered with."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body as JSON."""
        return dict(json.loads(self.body))


def get(url: str, headers: Mapping[str, str] | None = None, data: bytes | None = None) -> Answer:
    """Ask a URL; an error status is an answer too, a refused connection a URLError."""
    try:
        with _open(urllib.request.Request(url, data, dict(headers or {})), timeout=30) as answer:
            return Answer(answer.status, dict(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), error.read())


def refused(url: str) -> bool:
    """Whether nothing listens there."""
    try:
        get(url)
    except urllib.error.URLError as error:
        return isinstance(error.reason, ConnectionRefusedError)
    return False


@dataclass(frozen=True)
class Instance:
    """An instance and the password of its master user."""

    sandbox: RunningSandbox
    name: str
    password: str

    def described(self) -> dict[str, Any]:
        """The instance as DescribeDBInstances shows it."""
        answer = self.sandbox.client("rds").describe_db_instances(DBInstanceIdentifier=self.name)
        return dict(answer["DBInstances"][0])

    def available(self) -> dict[str, Any]:
        """The instance once it is available."""

        def probe() -> dict[str, Any] | None:
            seen = self.described()
            return seen if seen["DBInstanceStatus"] == "available" and not seen["PendingModifiedValues"] else None

        return eventually(probe, f"{self.name} to be available")

    def connect(self) -> psycopg.Connection[Any]:
        """A session over verified TLS at the address that RDS returns."""
        endpoint = self.described()["Endpoint"]
        return psycopg.connect(
            host=endpoint["Address"],
            port=endpoint["Port"],
            user="owner",
            password=self.password,
            dbname="app",
            sslmode="verify-full",
            sslrootcert=self.sandbox.ca,
            autocommit=True,
        )

    def settings(self) -> dict[str, str]:
        """The environment of an application that uses it, without the password."""
        endpoint = self.described()["Endpoint"]
        where = {"PGHOST": endpoint["Address"], "PGPORT": str(endpoint["Port"])}
        return where | {"PGDATABASE": "app", "PGUSER": "owner"}


def make_instance(sandbox: RunningSandbox, name: str, **more: Any) -> Instance:
    """A new instance with three orders, available."""
    made = Instance(sandbox, name, secrets.token_urlsafe(16))
    sandbox.client("rds").create_db_instance(
        **{
            "DBInstanceIdentifier": name,
            "DBInstanceClass": "db.t4g.medium",
            "Engine": "postgres",
            "AllocatedStorage": 20,
            "MasterUsername": "owner",
            "MasterUserPassword": made.password,
            "DBName": "app",
            "BackupRetentionPeriod": 0,
            **more,
        }
    )
    made.available()
    with made.connect() as session:
        session.execute("CREATE SCHEMA shop")
        session.execute("CREATE TABLE shop.orders (id bigint, placed_at timestamptz DEFAULT now())")
        session.execute("INSERT INTO shop.orders SELECT generate_series(1, 3)")
    return made


def define(sandbox: RunningSandbox, family: str, environment: Mapping[str, str], **more: Any) -> str:
    """Register a task definition of one container, on Fargate; its ARN."""
    container = {
        "name": "web",
        "image": IMAGE,
        "essential": True,
        "portMappings": [{"containerPort": 8080}],
        "environment": [{"name": name, "value": value} for name, value in environment.items()],
    }
    answer = sandbox.client("ecs").register_task_definition(
        family=family,
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[container | more],
    )
    return str(answer["taskDefinition"]["taskDefinitionArn"])


def processes(sandbox: RunningSandbox) -> dict[str, psutil.Process]:
    """The sandbox's web applications by the id of their task; others of its processes may end meanwhile."""
    found = {}
    for child in psutil.Process(sandbox.process.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            words = child.cmdline() if child.status() != psutil.STATUS_ZOMBIE else []
            if "drills.sandbox.service.webapp" in words:
                found[words[words.index("--task") + 1]] = child
    return found


def subnets(sandbox: RunningSandbox) -> list[str]:
    """Two subnets of the default VPC."""
    answer = sandbox.client("ec2").describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])
    return [each["SubnetId"] for each in answer["Subnets"]][:2]


@dataclass(frozen=True)
class WebService:
    """A service in a cluster of its own name."""

    sandbox: RunningSandbox
    name: str

    def described(self) -> dict[str, Any]:
        """The service as DescribeServices shows it."""
        answer = self.sandbox.client("ecs").describe_services(cluster=self.name, services=[self.name])
        return dict(answer["services"][0])

    def scale(self, count: int) -> None:
        """Ask for another number of tasks, and wait for it."""
        self.sandbox.client("ecs").update_service(cluster=self.name, service=self.name, desiredCount=count)
        self.stable(count)

    def stable(self, count: int) -> dict[str, Any]:
        """The service once as many tasks run and no other is there, as botocore's services_stable waiter has it."""

        def probe() -> dict[str, Any] | None:
            seen = self.described()
            there = (len(seen["deployments"]), seen["runningCount"], seen["pendingCount"])
            return seen if there == (1, count, 0) and len(self.shown("STOPPED", "RUNNING")) == count else None

        return eventually(probe, f"{self.name} to have {count} tasks")

    def tasks(self, status: str = "RUNNING") -> list[str]:
        """The ARNs of its tasks that are to be in that status."""
        answer = self.sandbox.client("ecs").list_tasks(cluster=self.name, serviceName=self.name, desiredStatus=status)
        return list(answer["taskArns"])

    def shown(self, *statuses: str) -> list[dict[str, Any]]:
        """Its tasks as DescribeTasks shows them, without those that have stopped."""
        arns = [arn for status in statuses or ("RUNNING",) for arn in self.tasks(status)]
        if not arns:
            return []
        found = self.sandbox.client("ecs").describe_tasks(cluster=self.name, tasks=arns)["tasks"]
        return [each for each in found if each["lastStatus"] != "STOPPED"]


def make_service(
    sandbox: RunningSandbox, name: str, definition: str, count: int = 1, group: str | None = None, **more: Any
) -> WebService:
    """A cluster and a service on Fargate, not waited for; behind a target group where one is named."""
    ecs = sandbox.client("ecs")
    ecs.create_cluster(clusterName=name)
    balanced = [{"targetGroupArn": group, "containerName": "web", "containerPort": 8080}] if group else []
    ecs.create_service(
        cluster=name,
        serviceName=name,
        taskDefinition=definition,
        desiredCount=count,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": subnets(sandbox)}},
        loadBalancers=balanced,
        **more,
    )
    return WebService(sandbox, name)
