"""ECS in the sandbox: a service's desired count starts and stops real processes that read the database."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drills.sandbox.postgres.binaries import server_user
from drills.sandbox.postgres.postmaster import sweep
from drills.sandbox.postgres.runas import run_as
from tests.support.paths import CHECKOUT
from tests.support.sandbox import RunningSandbox, end_sandbox, start_sandbox
from tests.support.service import (
    DELAYS,
    Instance,
    WebService,
    define,
    eventually,
    make_instance,
    make_service,
    processes,
    subnets,
)

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]


@pytest.fixture(scope="module")
def aws() -> Iterator[RunningSandbox]:
    """A sandbox for this module, with quick tasks."""
    running = start_sandbox(delays=DELAYS)
    yield running
    assert end_sandbox(running) == 0


@pytest.fixture(scope="module")
def shop(aws: RunningSandbox) -> Instance:
    """An instance with an order book."""
    return make_instance(aws, "shop")


@pytest.fixture(scope="module")
def definition(aws: RunningSandbox, shop: Instance) -> str:
    """A task definition that has the password in its environment."""
    return define(aws, "shop", {**shop.settings(), "PGPASSWORD": shop.password})


def code_of(call: Callable[[], Any]) -> str:
    """The AWS error code that a call is refused with."""
    with pytest.raises(ClientError) as refused:
        call()
    return str(refused.value.response["Error"]["Code"])


def ids(tasks: list[dict[str, Any]]) -> set[str]:
    """The tasks' ids, which end their ARNs."""
    return {task["taskArn"].split("/")[-1] for task in tasks}


def messages(service: WebService) -> str:
    """The service's events, newest first."""
    return "\n".join(event["message"] for event in service.described()["events"])


def test_the_desired_count_starts_and_stops_processes(aws: RunningSandbox, definition: str) -> None:
    """As many processes run as DescribeServices and ListTasks tell, and none at a desired count of 0."""
    service = make_service(aws, "counted", definition, 2)

    service.stable(2)
    two = ids(service.shown())
    assert two <= set(processes(aws))
    assert len(two) == 2
    cluster = aws.client("ecs").describe_clusters(clusters=["counted"])["clusters"][0]
    assert (cluster["runningTasksCount"], cluster["activeServicesCount"]) == (2, 1)

    service.scale(0)
    assert not two & set(processes(aws))
    assert service.tasks() == []
    assert "has reached a steady state" in messages(service)


def test_a_task_goes_through_the_statuses_of_its_life(own: RunningSandbox) -> None:
    """PROVISIONING, PENDING, RUNNING, DEACTIVATING, STOPPED ("Amazon ECS task lifecycle", ECS Developer Guide)."""
    ecs = own.client("ecs")
    service = make_service(own, "slow", define(own, "slow", {"PGHOST": "localhost", "PGPORT": "1"}), 1)

    def status(arn: str) -> str:
        return str(ecs.describe_tasks(cluster="slow", tasks=[arn])["tasks"][0]["lastStatus"])

    [arn] = service.tasks()
    assert status(arn) == "PROVISIONING"
    assert (service.described()["pendingCount"], service.described()["runningCount"]) == (1, 0)
    own.control.forward(31)
    eventually(lambda: status(arn) == "PENDING", "the task to be pending")
    own.control.forward(31)
    eventually(lambda: status(arn) == "RUNNING", "the task to run")
    assert (service.described()["pendingCount"], service.described()["runningCount"]) == (0, 1)

    ecs.update_service(cluster="slow", service="slow", desiredCount=0)
    assert status(arn) == "DEACTIVATING"
    assert service.tasks("STOPPED") == [arn]
    own.control.forward(61)
    eventually(lambda: status(arn) == "STOPPED", "the task to stop")
    stopped = ecs.describe_tasks(cluster="slow", tasks=[arn])["tasks"][0]
    assert stopped["stopCode"] == "ServiceSchedulerInitiated"
    assert stopped["stoppedReason"].startswith("Scaling activity initiated by (deployment ecs-svc/")
    assert stopped["containers"][0]["exitCode"] == 128 + signal.SIGTERM
    assert service.described()["runningCount"] == 0


def test_secrets_reach_the_process(aws: RunningSandbox, shop: Instance) -> None:
    """A whole secret, a JSON key of one, and a parameter ("Pass sensitive data", ECS Developer Guide)."""
    manager, parameters = aws.client("secretsmanager"), aws.client("ssm")
    login = {"username": "owner", "password": shop.password}
    arn = manager.create_secret(Name="shop/login", SecretString=json.dumps(login))["ARN"]
    name = manager.create_secret(Name="shop/database", SecretString="app")["ARN"]
    parameters.put_parameter(Name="/shop/host", Value="localhost", Type="SecureString")
    port = shop.settings()["PGPORT"]
    given = [
        {"name": "PGUSER", "valueFrom": f"{arn}:username::"},
        {"name": "PGPASSWORD", "valueFrom": f"{arn}:password:AWSCURRENT:"},
        {"name": "PGDATABASE", "valueFrom": name},
        {"name": "PGHOST", "valueFrom": f"arn:aws:ssm:{aws.region}:123456789012:parameter/shop/host"},
    ]

    service = make_service(aws, "secretive", define(aws, "secretive", {"PGPORT": port}, secrets=given))
    service.stable(1)
    [task] = ids(service.shown())

    seen = processes(aws)[task].environ()
    assert {key: seen[key] for key in ("PGUSER", "PGPASSWORD", "PGDATABASE", "PGHOST")} == {
        "PGUSER": "owner",
        "PGPASSWORD": shop.password,
        "PGDATABASE": "app",
        "PGHOST": "localhost",
    }
    assert "AWS_SECRET_ACCESS_KEY" not in seen
    service.scale(0)


def test_a_task_without_its_secret_does_not_start(aws: RunningSandbox, shop: Instance) -> None:
    """STOPPED with ResourceInitializationError; the service tries again and says that it cannot."""
    arn = f"arn:aws:secretsmanager:{aws.region}:123456789012:secret:{secrets.token_hex(4)}-AbCdEf"
    given = [{"name": "PGPASSWORD", "valueFrom": arn}]
    service = make_service(aws, "lost", define(aws, "lost", shop.settings(), secrets=given))

    eventually(lambda: "unable to consistently start tasks" in messages(service), "the service to give up for a while")
    stopped = service.tasks("STOPPED")
    task = aws.client("ecs").describe_tasks(cluster="lost", tasks=stopped[:1])["tasks"][0]
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("ResourceInitializationError: unable to pull secrets")
    assert arn in task["stoppedReason"]
    assert service.described()["deployments"][0]["failedTasks"] >= 3
    aws.client("ecs").delete_service(cluster="lost", service="lost", force=True)


def test_a_process_that_dies_is_replaced(aws: RunningSandbox, definition: str) -> None:
    """The service has its count again, and the dead task says what became of it."""
    service = make_service(aws, "mortal", definition)
    service.stable(1)
    [dead] = ids(service.shown())

    processes(aws)[dead].kill()
    eventually(lambda: ids(service.shown()) - {dead}, "another task")
    service.stable(1)

    task = aws.client("ecs").describe_tasks(cluster="mortal", tasks=[dead])["tasks"][0]
    assert (task["lastStatus"], task["stopCode"]) == ("STOPPED", "EssentialContainerExited")
    assert task["stoppedReason"] == "Essential container in task exited"
    assert task["containers"][0]["exitCode"] == 128 + signal.SIGKILL
    service.scale(0)


def test_a_stopped_task_of_a_service_is_replaced(aws: RunningSandbox, definition: str) -> None:
    """ECS API reference, StopTask: the service scheduler then starts another one."""
    service = make_service(aws, "stopped", definition)
    service.stable(1)
    [first] = service.tasks()

    said = aws.client("ecs").stop_task(cluster="stopped", task=first, reason="a test")["task"]
    assert (said["desiredStatus"], said["stoppedReason"]) == ("STOPPED", "a test")
    service.stable(1)

    assert service.tasks() != [first]
    assert first.split("/")[-1] not in processes(aws)
    service.scale(0)


def test_run_task_runs_one_and_leaves_it_when_it_is_stopped(aws: RunningSandbox, definition: str) -> None:
    """RunTask's task belongs to no service: nothing replaces it. Its overrides reach the process."""
    ecs = aws.client("ecs")
    ecs.create_cluster(clusterName="single")
    answer = ecs.run_task(
        cluster="single",
        taskDefinition=definition,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": subnets(aws)}},
        overrides={"containerOverrides": [{"name": "web", "environment": [{"name": "COLOUR", "value": "blue"}]}]},
    )
    [task] = answer["tasks"]

    def now() -> dict[str, Any]:
        return dict(ecs.describe_tasks(cluster="single", tasks=[task["taskArn"]])["tasks"][0])

    eventually(lambda: now()["lastStatus"] == "RUNNING", "the task to run")
    [name] = ids([task])
    assert processes(aws)[name].environ()["COLOUR"] == "blue"
    assert code_of(lambda: ecs.delete_cluster(cluster="single")) == "ClusterContainsTasksException"
    ecs.stop_task(cluster="single", task=name)
    eventually(lambda: now()["lastStatus"] == "STOPPED", "the task to stop")

    assert ecs.list_tasks(cluster="single")["taskArns"] == []
    assert name not in processes(aws)
    assert ecs.describe_tasks(cluster="single", tasks=["nobody"])["failures"] == [
        {"arn": "nobody", "reason": "MISSING"}
    ]


def test_another_task_definition_replaces_the_tasks(aws: RunningSandbox, shop: Instance, definition: str) -> None:
    """The new deployment's tasks run before the old ones stop (deployment type rolling update)."""
    service = make_service(aws, "rolling", definition)
    service.stable(1)
    [old] = service.tasks()
    other = define(aws, "rolling", {**shop.settings(), "PGPASSWORD": shop.password, "VERSION": "2"})

    said = aws.client("ecs").update_service(cluster="rolling", service="rolling", taskDefinition=other)["service"]
    assert [each["status"] for each in said["deployments"]] == ["PRIMARY", "ACTIVE"]
    seen = service.stable(1)

    assert seen["taskDefinition"] == seen["deployments"][0]["taskDefinition"] == other
    [task] = service.shown()
    assert task["taskArn"] != old
    assert processes(aws)[task["taskArn"].split("/")[-1]].environ()["VERSION"] == "2"
    service.scale(0)


def test_a_service_is_deleted_with_its_tasks(aws: RunningSandbox, definition: str) -> None:
    """ECS API reference, DeleteService: refused above 0 unless forced, DRAINING, then INACTIVE."""
    ecs = aws.client("ecs")
    service = make_service(aws, "doomed", definition)
    service.stable(1)
    tasks = ids(service.shown())

    assert code_of(lambda: ecs.delete_service(cluster="doomed", service="doomed")) == "InvalidParameterException"
    assert code_of(lambda: ecs.delete_cluster(cluster="doomed")) == "ClusterContainsServicesException"
    said = ecs.delete_service(cluster="doomed", service="doomed", force=True)["service"]
    assert said["status"] == "DRAINING"
    eventually(lambda: service.described()["status"] == "INACTIVE", "the service to be gone")

    assert not tasks & set(processes(aws))
    assert ecs.list_services(cluster="doomed")["serviceArns"] == []
    update = {"cluster": "doomed", "service": "doomed", "desiredCount": 1}
    assert code_of(lambda: ecs.update_service(**update)) == "ServiceNotActiveException"
    assert ecs.delete_cluster(cluster="doomed")["cluster"]["status"] == "INACTIVE"


def test_a_service_that_is_there_is_not_made_again(aws: RunningSandbox, definition: str) -> None:
    """ECS API reference, CreateService: InvalidParameterException, and the service stays as it is."""
    service = make_service(aws, "unique", definition, 0)

    assert code_of(lambda: make_service(aws, "unique", definition, 5)) == "InvalidParameterException"
    assert service.described()["desiredCount"] == 0


def test_a_service_needs_a_task_definition(aws: RunningSandbox) -> None:
    """ECS API reference, CreateService: required with the ECS deployment controller; nothing is made without one."""
    ecs = aws.client("ecs")
    ecs.create_cluster(clusterName="blank")

    assert code_of(lambda: ecs.create_service(cluster="blank", serviceName="blank", desiredCount=1)) == (
        "InvalidParameterException"
    )
    assert ecs.list_services(cluster="blank")["serviceArns"] == []


def test_processes_run_as_postgresqls_user_where_that_can_read_the_checkout(
    aws: RunningSandbox, definition: str
) -> None:
    """Root does not serve web pages where it need not; elsewhere the caller does."""
    user = server_user()
    able = False
    if user is not None:
        with contextlib.suppress(OSError):
            command = [sys.executable, "-c", "import drills.sandbox.service.webapp"]
            able = run_as(user, command, cwd=CHECKOUT).returncode == 0
    service = make_service(aws, "whose", definition)
    service.stable(1)
    [task] = ids(service.shown())

    assert processes(aws)[task].uids().real == (user.uid if user is not None and able else os.geteuid())
    service.scale(0)


@pytest.fixture
def own() -> Iterator[RunningSandbox]:
    """A sandbox for one test, with tasks that take a minute of its clock; ended whatever the test did to it."""
    running = start_sandbox(delays='{"task-start": 60, "task-stop": 60}')
    yield running
    running.process.kill()
    running.process.communicate()
    sweep(running.state)
    shutil.rmtree(running.state, ignore_errors=True)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_outlives_the_sandbox(own: RunningSandbox, how: signal.Signals) -> None:
    """The processes' lifeline ends with the sandbox, by SIGKILL too."""
    service = make_service(own, "orphan", define(own, "orphan", {"PGHOST": "localhost", "PGPORT": "1"}), 2)
    own.control.forward(120)
    service.stable(2)
    mine = list(processes(own).values())
    assert len(mine) == 2

    os.kill(own.process.pid, how)
    own.process.wait(60)

    eventually(lambda: not any(each.is_running() for each in mine), "the web applications to end")
