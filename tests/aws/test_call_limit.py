"""One call of AWS ends within its limit, whatever AWS answers and however often botocore would repeat it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import BotoCoreError, ClientError

from drills import notebook
from drills.aws.calls.limit import CallBudget, MadeThings, limit_call
from drills.aws.read import describe_instance, refusal
from drills.aws.recorder import CALLS_NAME, CallRecorder
from drills.aws.session import open_clients
from drills.aws.wait import wait_available
from drills.config.limits import Limit
from drills.config.load import SandboxProfile
from drills.errors import DrillError
from tests.support.clock import HandClock
from tests.support.lossy import LossyAws
from tests.support.models import mock_aws
from tests.support.recorded_answers import RecordedAnswer, WireBody, answering_clients

EMPTY = RecordedAnswer("", "", "", "rds.DescribeDBInstances", {}, {"DBInstances": []}).on_the_wire()
CALL = Limit("one call of AWS with its repetitions", 7.0, "targets.orders.limits.call", "configured", "wait")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> HandClock:
    """The clock that botocore's pauses move on, which are chosen at random, and a second with each."""
    made = HandClock()
    # botocore's own name for the module: the sleep of another thread must not move this clock
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: made.sleep(seconds + 1.0)))
    return made


@pytest.fixture
def aws() -> Iterator[LossyAws]:
    """An AWS whose answers can be lost."""
    with mock_aws():
        yield LossyAws(own_clients=True)


@pytest.mark.parametrize("how", ["throttled", "error of AWS", "no answer", "connection reset"])
def test_a_call_is_not_repeated_when_its_time_is_up(aws: LossyAws, clock: HandClock, how: str) -> None:
    """Nine tries more would take a minute and longer; the failure is the last answer's, not one of ours."""
    aws.lose("rds", "DescribeDBInstances", how, times=None)
    limit_call(aws.clients.rds, 5.0, clock, key=CALL.key)

    with pytest.raises((ClientError, BotoCoreError)) as error:
        aws.clients.rds.describe_db_instances()

    assert 2 <= aws.struck["DescribeDBInstances"] < 10
    assert clock.slept < 5.0 + 21.0
    tried = aws.struck["DescribeDBInstances"]
    assert str(error.value).endswith(f"(tried {tried} times within the 5.0 s of one call, which {CALL.key} sets)")
    if isinstance(error.value, ClientError):
        repeated = error.value.response["ResponseMetadata"]["RetryAttempts"]
        assert repeated == aws.struck["DescribeDBInstances"] - 1


@pytest.mark.parametrize(("how", "codes"), [("throttled", ["Throttling"]), ("no answer", [])])
def test_the_answer_that_ended_a_call_is_recorded(
    aws: LossyAws, clock: HandClock, tmp_path: Path, how: str, codes: list[str]
) -> None:
    """What AWS answered last is evidence, also where the call was given up; what did not answer left nothing to record."""
    aws.lose("rds", "DescribeDBInstances", how, times=None)
    limit_call(aws.clients.rds, 5.0, clock, key=CALL.key)
    CallRecorder(tmp_path, "features", clock).watch(aws.clients.rds, "source")

    with pytest.raises((ClientError, BotoCoreError)):
        aws.clients.rds.describe_db_instances()

    entries = notebook.read(tmp_path / CALLS_NAME)
    assert [(each["operation"], each["error"]["code"]) for each in entries] == [
        ("rds.DescribeDBInstances", code) for code in codes
    ]


@pytest.mark.parametrize("how", ["error of AWS", "no answer"])
def test_a_wait_at_an_endpoint_that_fails_for_good_ends_with_its_first_call(
    aws: LossyAws, clock: HandClock, how: str
) -> None:
    """Long before the hour of the wait is over, with one sentence: the cause, and the key of the limit that ended it."""
    aws.lose("rds", "DescribeDBInstances", how, times=None)
    limit_call(aws.clients.rds, 5.0, clock, key=CALL.key)

    with pytest.raises((ClientError, BotoCoreError)) as error:
        wait_available(
            lambda: describe_instance(aws.clients, "copy"),
            clock,
            every=15.0,
            timeout=3600.0,
            key="targets.orders.timeout",
            on_change=lambda change: None,
        )

    assert clock.slept < 5.0 + 21.0
    assert isinstance(error.value, ClientError | BotoCoreError)
    sentence = refusal(error.value)
    assert ("InternalFailure" if how == "error of AWS" else "Read timeout on endpoint URL") in sentence
    assert f"which {CALL.key} sets" in sentence
    assert "\n" not in sentence


def test_a_call_within_its_time_is_repeated(aws: LossyAws, clock: HandClock) -> None:
    """Two refusals that pass do no harm, and each call has a time of its own."""
    limit_call(aws.clients.rds, 30.0, clock)
    for _ in range(2):
        aws.recover()
        aws.lose("rds", "DescribeDBInstances", "throttled", times=2)
        assert aws.clients.rds.describe_db_instances()["DBInstances"] == []
        clock.sleep(25.0)
    assert aws.struck["DescribeDBInstances"] == 4


def test_a_refusal_that_is_no_failure_of_time_is_the_usual_one(aws: LossyAws, clock: HandClock) -> None:
    """What does not exist is not found after the limit as before it."""
    limit_call(aws.clients.rds, 0.001, clock)
    with pytest.raises(aws.clients.rds.exceptions.DBInstanceNotFoundFault):
        aws.clients.rds.describe_db_instances(DBInstanceIdentifier="nothing")


def test_a_quota_of_aws_backup_is_not_asked_for_again(aws: LossyAws, clock: HandClock) -> None:
    """botocore takes LimitExceededException for throttling; of AWS Backup it is a quota, and nine more tries change nothing."""
    asked = []

    def refuse(request: object, **_: object) -> AWSResponse:
        asked.append(request)
        body = b'{"Code": "LimitExceededException", "Message": "a quota"}'
        headers = HTTPHeaders()
        headers["x-amzn-errortype"] = "LimitExceededException"
        return AWSResponse("http://localhost", 400, headers, WireBody(body))

    limit_call(aws.clients.backup, 300.0, clock)
    aws.clients.backup.meta.events.register_first("before-send", refuse)

    with pytest.raises(ClientError) as error:
        aws.clients.backup.list_backup_plans()

    assert error.value.response["Error"]["Code"] == "LimitExceededException"
    assert len(asked) == 1
    assert clock.slept == 0


def test_a_process_that_asks_without_end_is_stopped() -> None:
    """The request above the limit is not sent and not repeated; the sentence says which it was and where to look."""
    sent = []
    clients = answering_clients(lambda model: sent.append(model.name) or EMPTY)  # type: ignore[func-returns-value]
    budget = CallBudget(most=3)
    for client in (clients.rds, clients.ec2):
        budget.watch(client)

    for _ in range(3):
        clients.rds.describe_db_instances()

    with pytest.raises(DrillError, match=r"no more than 3 requests of AWS, .* DescribeDBInstances: see the calls"):
        clients.rds.describe_db_instances()
    assert (budget.sent, sent) == (3, ["DescribeDBInstances"] * 3)


def test_what_was_just_made_may_be_unknown_for_a_while(aws: LossyAws, clock: HandClock) -> None:
    """A group that EC2 does not know yet is asked for again; one that this process did not make is not, nor one that is gone."""
    MadeThings(clock, chance=lambda: 1.0).watch(aws.clients.ec2)
    vpc = aws.clients.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = aws.clients.ec2.create_security_group(GroupName="drill-1", Description="d", VpcId=vpc)["GroupId"]
    aws.lose("ec2", "DescribeSecurityGroups", "unknown", times=3, carried_out=False)

    found = aws.clients.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]

    assert [each["GroupId"] for each in found] == [group]
    assert aws.struck["DescribeSecurityGroups"] == 3
    assert clock.slept == 1 + 2 + 4 + 3  # the pauses, and the second that the clock adds to each
    for name in ("sg-0123456789abcdef0", group):
        if name == group:
            aws.clients.ec2.delete_security_group(GroupId=group)
        with pytest.raises(ClientError, match="NotFound"):
            aws.clients.ec2.describe_security_groups(GroupIds=[name])
    assert clock.slept == 10


def test_what_was_known_once_is_soon_believed_to_be_gone(aws: LossyAws, clock: HandClock) -> None:
    """Another process has removed what this one has made and seen: the refusal is the answer after seconds, not a minute."""
    MadeThings(clock, chance=lambda: 1.0).watch(aws.clients.ec2)
    vpc = aws.clients.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = aws.clients.ec2.create_security_group(GroupName="drill-3", Description="d", VpcId=vpc)["GroupId"]
    aws.clients.ec2.describe_security_groups(GroupIds=[group])
    aws.lose("ec2", "DescribeSecurityGroups", "unknown", times=None, carried_out=False)

    with pytest.raises(ClientError, match=r"InvalidGroup\.NotFound"):
        aws.clients.ec2.describe_security_groups(GroupIds=[group])

    assert 0 < clock.slept < 10


def test_what_stays_unknown_is_given_up(aws: LossyAws, clock: HandClock) -> None:
    """After a minute the refusal is the last answer's; the tries of a call are botocore's, and each is another pause."""
    MadeThings(clock, chance=lambda: 1.0).watch(aws.clients.ec2)
    vpc = aws.clients.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = aws.clients.ec2.create_security_group(GroupName="drill-2", Description="d", VpcId=vpc)["GroupId"]
    aws.lose("ec2", "DescribeSecurityGroups", "unknown", times=None, carried_out=False)

    with pytest.raises(ClientError, match=r"InvalidGroup\.NotFound"):
        aws.clients.ec2.describe_security_groups(GroupIds=[group])

    assert 60 <= clock.slept < 70


def test_every_setting_of_a_client_is_explicit() -> None:
    """Retries, timeouts, keep-alive and the name in the user agent do not follow botocore's defaults, which change."""
    opened = open_clients(SandboxProfile(), environment={}, endpoint_url="http://127.0.0.1:9", call=CALL)
    config = opened.rds.meta.config

    assert config.retries == {"mode": "standard", "total_max_attempts": 10}
    assert (config.connect_timeout, config.read_timeout, config.tcp_keepalive) == (7.0, 7.0, True)
    assert "app/postgresql-drills" in config.user_agent


def test_each_client_of_a_run_has_the_limit() -> None:
    """Clients that are opened later, of a service that is seldom needed, have it too."""
    opened = open_clients(SandboxProfile(), environment={}, endpoint_url="http://127.0.0.1:9", call=CALL)
    for client in (opened.rds, opened.client("iam", "eu-central-1")):
        assert client.meta.config.read_timeout == 7.0
        handlers = client.meta.events._emitter._handlers.prefix_search("needs-retry")
        assert any(handler.__module__ == limit_call.__module__ for handler in handlers)


def test_a_client_is_made_when_it_is_first_used_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """RDS's at once, by which a login that cannot be used is noticed; of a run's many sessions the others are seldom used."""
    made: list[str] = []
    make = boto3.Session.client

    def count(session: boto3.Session, service: Any, **settings: Any) -> Any:
        made.append(service)
        return make(session, service, **settings)

    monkeypatch.setattr(boto3.Session, "client", count)
    opened = open_clients(SandboxProfile(), environment={}, endpoint_url="http://127.0.0.1:9", call=CALL)

    assert made == ["rds"]
    assert [opened.kms.meta.region_name for _ in range(2)] == ["eu-central-1"] * 2
    assert opened.in_region("eu-west-1").kms.meta.region_name == "eu-west-1"
    assert opened.client("iam") is opened.client("iam")
    assert made == ["rds", "kms", "rds", "kms", "iam"]
