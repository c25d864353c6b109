"""The front door of a load balancer: 200 with data while a task runs, 503 while none does, as on AWS."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

import psutil
import pytest

from drills.sandbox.service.front_door import Fixed, Forward, FrontDoor
from drills.sandbox.service.listener_rules import (
    HttpRequest,
    action_for,
    choose_group,
    redirect_location,
    weighted_groups,
)
from drills.sandbox.service.targets import HealthCheck, Target
from tests.support.sandbox import RunningSandbox, end_sandbox, start_sandbox
from tests.support.service import (
    DELAYS,
    Answer,
    Instance,
    WebService,
    define,
    eventually,
    get,
    make_instance,
    make_service,
    processes,
    refused,
    subnets,
)

real = [pytest.mark.postgres, pytest.mark.sandbox]


STOPPING = 600.0  # seconds of the sandbox's clock: a task that is to stop drains until a test moves the clock


@pytest.fixture(scope="module")
def aws() -> Iterator[RunningSandbox]:
    """A sandbox for this module, with quick health checks, whose tasks start quickly and stop when a test lets them."""
    running = start_sandbox(delays=json.dumps(json.loads(DELAYS) | {"task-stop": STOPPING}))
    yield running
    assert end_sandbox(running) == 0


@pytest.fixture(scope="module")
def shop(aws: RunningSandbox) -> Instance:
    """An instance with an order book of three orders."""
    return make_instance(aws, "shop")


@dataclass(frozen=True)
class Balancer:
    """A load balancer with a target group."""

    sandbox: RunningSandbox
    arn: str
    group: str
    url: str

    def listen(self, action: dict[str, Any] | None = None, port: int = 80, protocol: str = "HTTP") -> str:
        """Give it a listener, which forwards to its target group unless another action is given; the ARN."""
        action = action or {"Type": "forward", "TargetGroupArn": self.group}
        answer = self.sandbox.client("elbv2").create_listener(
            LoadBalancerArn=self.arn, Protocol=protocol, Port=port, DefaultActions=[action]
        )
        return str(answer["Listeners"][0]["ListenerArn"])

    def health(self) -> list[str]:
        """The states of the group's targets."""
        answer = self.sandbox.client("elbv2").describe_target_health(TargetGroupArn=self.group)
        return [each["TargetHealth"]["State"] for each in answer["TargetHealthDescriptions"]]

    def one_healthy(self) -> None:
        """Wait until the group has one target, which is healthy."""
        eventually(lambda: self.health() == ["healthy"], "a healthy target")


def balancer(sandbox: RunningSandbox, name: str, **group: Any) -> Balancer:
    """A load balancer without a listener, and a target group of its name."""
    elb = sandbox.client("elbv2")
    made = elb.create_load_balancer(Name=name, Subnets=subnets(sandbox))["LoadBalancers"][0]
    vpc = sandbox.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    wanted = {"Protocol": "HTTP", "Port": 8080, "VpcId": vpc, "TargetType": "ip", **group}
    arn = elb.create_target_group(Name=name, **wanted)["TargetGroups"][0]["TargetGroupArn"]
    return Balancer(sandbox, made["LoadBalancerArn"], arn, f"http://{made['DNSName']}/")


def answered(url: str, status: int) -> Answer:
    """What a URL answers once it is with that status."""

    def probe() -> Answer | None:
        seen = get(url)
        return seen if seen.status == status else None

    return eventually(probe, f"{url} to answer {status}")


def begin_to_stop(service: WebService) -> None:
    """Ask for no task: those that run drain for as long as the clock is not moved."""
    service.sandbox.client("ecs").update_service(cluster=service.name, service=service.name, desiredCount=0)


def stop(service: WebService) -> None:
    """Ask for no task, and let those that run stop."""
    begin_to_stop(service)
    service.sandbox.control.forward(STOPPING + 1)
    service.stable(0)


def process_of(sandbox: RunningSandbox, service: WebService) -> psutil.Process:
    """The process of a service's only task."""
    [task] = service.shown()
    return processes(sandbox)[task["taskArn"].split("/")[-1]]


class TestFrontDoor:
    """In a sandbox, through boto3 and HTTP."""

    pytestmark = real

    def test_it_refuses_without_a_listener_and_is_gone_with_the_load_balancer(self, aws: RunningSandbox) -> None:
        """The address is the load balancer's for its life; who listens on it comes and goes."""
        elb = aws.client("elbv2")
        mine = balancer(aws, "lonely")
        assert refused(mine.url)

        listener = mine.listen()
        assert get(mine.url).status == 503
        elb.delete_listener(ListenerArn=listener)
        assert refused(mine.url)
        mine.listen()
        shown = elb.describe_load_balancers(Names=["lonely"])["LoadBalancers"][0]
        assert f"http://{shown['DNSName']}/" == mine.url
        assert get(mine.url).status == 503

        elb.delete_load_balancer(LoadBalancerArn=mine.arn)
        assert refused(mine.url)

    def test_data_while_a_task_runs_and_503_while_none_does(self, aws: RunningSandbox, shop: Instance) -> None:
        """Elastic Load Balancing guide, "HTTP 503": the target groups have no registered targets."""
        mine = balancer(aws, "orders")
        mine.listen()
        definition = define(aws, "orders", {**shop.settings(), "PGPASSWORD": shop.password})
        service = make_service(aws, "orders", definition, 0, mine.group)

        away = get(mine.url)
        assert (away.status, away.headers["Server"], away.headers["Content-Type"]) == (503, "awselb/2.0", "text/html")
        assert b"<title>503 Service Temporarily Unavailable</title>" in away.body

        service.scale(1)
        mine.one_healthy()
        there = get(mine.url)
        assert there.status == 200
        assert (there.json["database"], there.json["orders"]) == ("app", 3)
        with shop.connect() as session:
            session.execute("INSERT INTO shop.orders VALUES (4)")
        assert get(mine.url).json["orders"] == 4

        begin_to_stop(service)
        assert mine.health() == ["draining"]
        assert get(mine.url).status == 503
        stop(service)
        assert mine.health() == []
        assert get(mine.url).status == 503

    def test_an_application_whose_database_is_away_says_so_and_comes_back(self, aws: RunningSandbox) -> None:
        """Its own 503 reaches the client; the instance that is restored under the old name is found again."""
        old = make_instance(aws, "ledger")
        rds = aws.client("rds")
        mine = balancer(aws, "ledger", HealthCheckPath="/health")
        mine.listen()
        environment = {**old.settings(), "PGPASSWORD": old.password}
        service = make_service(aws, "ledger", define(aws, "ledger", environment), 1, mine.group)
        service.stable(1)
        mine.one_healthy()
        before = get(mine.url).json["task"]
        rds.create_db_snapshot(DBInstanceIdentifier="ledger", DBSnapshotIdentifier="good")
        with old.connect() as session:
            session.execute("DELETE FROM shop.orders")
        assert get(mine.url).json["orders"] == 0

        def snapshot_there() -> bool:
            found = rds.describe_db_snapshots(DBSnapshotIdentifier="good")["DBSnapshots"][0]
            return bool(found["Status"] == "available")

        eventually(snapshot_there, "the snapshot")
        eventually(lambda: old.described()["DBInstanceStatus"] == "available", "the end of the backup")
        rds.modify_db_instance(
            DBInstanceIdentifier="ledger", NewDBInstanceIdentifier="ledger-old", ApplyImmediately=True
        )
        away = answered(mine.url, 503)
        assert away.headers["Content-Type"] == "application/json"
        assert away.json["error"].startswith("The database does not answer: ")
        assert old.password not in away.json["error"]
        assert mine.health() == ["healthy"]

        eventually(lambda: Instance(aws, "ledger-old", "").described()["DBInstanceStatus"] == "available", "the rename")
        rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="ledger", DBSnapshotIdentifier="good")
        back = answered(mine.url, 200)
        assert (back.json["orders"], back.json["task"]) == (3, before)

    def test_target_health_is_that_of_the_tasks(self, aws: RunningSandbox, shop: Instance) -> None:
        """unused, unhealthy with its code, and a task that stays unhealthy is replaced (ELBv2 API, TargetHealth)."""
        elb = aws.client("elbv2")
        mine = balancer(aws, "sick", HealthCheckPath="/missing")
        mine.listen()
        definition = define(aws, "sick", {**shop.settings(), "PGPASSWORD": shop.password})
        service = make_service(aws, "sick", definition, 1, mine.group, healthCheckGracePeriodSeconds=3600)
        service.stable(1)
        [first] = service.tasks()

        def unhealthy() -> dict[str, Any] | None:
            found = elb.describe_target_health(TargetGroupArn=mine.group)["TargetHealthDescriptions"]
            return next((each for each in found if each["TargetHealth"]["State"] == "unhealthy"), None)

        seen = eventually(unhealthy, "an unhealthy target")
        assert seen["TargetHealth"]["Reason"] == "Target.ResponseCodeMismatch"
        assert seen["TargetHealth"]["Description"] == "Health checks failed with these codes: [404]"
        assert seen["Target"]["Port"] == 8080
        # "contains only unhealthy registered targets, the load balancer routes requests to all those targets"
        assert get(mine.url).status == 200
        assert service.tasks() == [first]

        elb.modify_target_group(TargetGroupArn=mine.group, HealthCheckPath="/ready", HealthyThresholdCount=2)
        mine.one_healthy()
        aws.client("ecs").update_service(cluster="sick", service="sick", healthCheckGracePeriodSeconds=0)
        elb.modify_target_group(TargetGroupArn=mine.group, HealthCheckPath="/missing")
        eventually(lambda: first not in service.tasks(), "the unhealthy task to be replaced")
        old = aws.client("ecs").describe_tasks(cluster="sick", tasks=[first])["tasks"][0]
        assert "failed ELB health checks" in old["stoppedReason"]
        stop(service)

    def test_a_group_without_a_listener_is_unused(self, aws: RunningSandbox, shop: Instance) -> None:
        """Target.NotInUse (ELBv2 API reference, TargetHealth); CreateService refuses such a group."""
        elb, ecs = aws.client("elbv2"), aws.client("ecs")
        mine = balancer(aws, "unused")
        definition = define(aws, "unused", {**shop.settings(), "PGPASSWORD": shop.password})
        with pytest.raises(ecs.exceptions.InvalidParameterException, match="does not have an associated load balancer"):
            make_service(aws, "unused", definition, 1, mine.group)

        listener = mine.listen()
        service = make_service(aws, "unused", definition, 1, mine.group)
        mine.one_healthy()
        elb.delete_listener(ListenerArn=listener)
        seen = elb.describe_target_health(TargetGroupArn=mine.group)["TargetHealthDescriptions"]
        assert [each["TargetHealth"]["Reason"] for each in seen] == ["Target.NotInUse"]
        stop(service)

    def test_a_target_that_does_not_answer_is_a_504(self, aws: RunningSandbox, shop: Instance) -> None:
        """Elastic Load Balancing guide, "HTTP 504": no response before the idle timeout elapsed."""
        mine = balancer(aws, "frozen")
        mine.listen()
        aws.client("elbv2").modify_load_balancer_attributes(
            LoadBalancerArn=mine.arn, Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "1"}]
        )
        definition = define(aws, "frozen", {**shop.settings(), "PGPASSWORD": shop.password})
        service = make_service(aws, "frozen", definition, 1, mine.group, healthCheckGracePeriodSeconds=3600)
        service.stable(1)
        mine.one_healthy()
        process = process_of(aws, service)

        process.send_signal(signal.SIGSTOP)
        assert get(mine.url).status == 504
        process.send_signal(signal.SIGCONT)
        stop(service)

    def test_rules_come_before_the_default_action(self, aws: RunningSandbox) -> None:
        """A fixed response and a redirect are the load balancer's own answers (ELBv2 API reference, Action)."""
        mine = balancer(aws, "rules")
        fixed = {"StatusCode": "418", "ContentType": "text/plain", "MessageBody": "short and stout"}
        listener = mine.listen()
        aws.client("elbv2").create_rule(
            ListenerArn=listener,
            Priority=1,
            Conditions=[{"Field": "path-pattern", "Values": ["/tea/*"]}],
            Actions=[{"Type": "fixed-response", "FixedResponseConfig": fixed}],
        )

        answer = get(mine.url + "tea/pot?sugar=1")
        assert (answer.status, answer.body) == (418, b"short and stout")
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert get(mine.url).status == 503


@contextlib.contextmanager
def answering(answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A server that takes one connection, reads a request and answers with these bytes; its port and what it read."""
    listener = socket.create_server(("127.0.0.1", 0))
    read: list[bytes] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            client, _ = listener.accept()
            with client:
                with client.makefile("rb") as asked:  # whole: closing with something unread resets the connection
                    head = b"".join(takewhile(lambda line: line not in (b"", b"\r\n"), asked))
                    length = re.search(rb"^content-length: *(\d+)", head, re.MULTILINE | re.IGNORECASE)
                    read.append(head + asked.read(int(length[1]) if length else 0))
                client.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], read
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(60)


@contextlib.contextmanager
def door(decide: Callable[[HttpRequest], Forward | Fixed]) -> Iterator[str]:
    """An open front door; its URL."""
    mine = FrontDoor(decide)
    try:
        mine.open()
        yield f"http://localhost:{mine.port}/"
    finally:
        mine.close()


@pytest.mark.parametrize("answer", [b"", b"what?\r\n\r\n"], ids=["closed", "no HTTP"])
def test_a_target_that_breaks_off_is_a_502(answer: bytes) -> None:
    """Elastic Load Balancing guide, "HTTP 502": the target closed the connection, or the response is malformed."""
    with answering(answer) as (port, _), door(lambda *_: Forward(port, 60.0)) as url:
        said = get(url)

    assert said.status == 502
    assert b"<h1>502 Bad Gateway</h1>" in said.body


def test_the_target_learns_who_asked() -> None:
    """X-Forwarded-For, -Proto and -Port ("HTTP headers and Application Load Balancers"); the body goes through."""
    with (
        answering(b"HTTP/1.1 201 Created\r\nX-Mine: 1\r\n\r\ndone") as (port, read),
        door(lambda *_: Forward(port, 60.0)) as url,
    ):
        said = get(url + "a?b=c", {"x-forwarded-for": "192.0.2.1", "Content-Type": "text/plain"}, b"hello")

    assert (said.status, said.headers["X-Mine"], said.body) == (201, "1", b"done")
    assert b"POST /a?b=c HTTP/1.1\r\n" in read[0]
    assert b"X-Forwarded-For: 192.0.2.1, 127.0.0.1\r\n" in read[0]
    assert b"X-Forwarded-Proto: http\r\n" in read[0]


@dataclass(frozen=True)
class Action:
    """An action as moto keeps it."""

    type: str


def test_the_lowest_priority_whose_conditions_all_hold_acts() -> None:
    """ELBv2 API reference, Rule: lowest value first, the default rule last."""
    path = {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/a/?"]}}
    host = {"Field": "host-header", "Values": ["*.Example.com"]}
    rules: list[tuple[Any, list[dict[str, Any]], list[Action]]] = [
        ("default", [], [Action("default")]),
        (20, [path], [Action("path")]),
        (10, [path, host], [Action("authenticate-oidc"), Action("both")]),
        (1, [{"Field": "source-ip", "Values": ["0.0.0.0/0"]}], [Action("never")]),
    ]

    found = [
        action_for(rules, HttpRequest("GET", *each))
        for each in (("w.example.com", "/a/b"), ("b", "/a/b"), ("b", "/a/bc"))
    ]

    assert [each.type for each in found if each] == ["both", "path", "default"]


def test_weights_share_the_requests_out() -> None:
    """Two of three requests go to the group of weight 2, none to one of weight 0."""
    config = {"TargetGroups": [{"TargetGroupArn": "a", "Weight": 2}, {"TargetGroupArn": "b"}]}
    groups = weighted_groups({"ForwardConfig": config})

    assert [choose_group(groups, number) for number in range(3)] == ["a", "a", "b"]
    assert choose_group([("a", 0)], 0) is None


def test_a_redirect_keeps_what_it_does_not_change() -> None:
    """ELBv2 API reference, RedirectActionConfig: #{host}, #{path} and #{query} are the request's."""
    request = HttpRequest("GET", "localhost", "/a/b", "c=d")

    assert redirect_location({"Protocol": "HTTPS", "Port": "443"}, request) == "https://localhost:443/a/b?c=d"
    assert (
        redirect_location({"Host": "new.example.com", "Path": "/x/#{path}"}, replace(request, query=""))
        == "http://new.example.com:80/x/a/b"
    )


def test_health_changes_after_as_many_checks_as_the_group_says() -> None:
    """ALB guide, "Health checks": one pass for a new target, then the thresholds; codes may be ranges."""
    check = HealthCheck("/", "200,301-302", healthy_after=2, unhealthy_after=2)
    target = Target("group", "task", "10.0.0.1", 80, 1)
    seen = []
    for status in (503, 302, None, None, 200, 200):
        target.record(status, check)
        seen.append(target.state)

    assert seen == ["initial", "healthy", "healthy", "unhealthy", "unhealthy", "healthy"]
    target.drain()
    assert not target.record(200, check)
    assert target.state == "draining"
