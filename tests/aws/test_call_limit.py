"""One call of AWS ends within its limit, whatever AWS answers and however often botocore would repeat it."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from moto import mock_aws

from drills.aws.call_limit import limit_call
from drills.aws.read import describe_instance, refusal
from drills.aws.session import open_clients
from drills.aws.wait import wait_available
from drills.config.limits import Limit
from drills.config.load import SandboxProfile
from tests.support.clock import HandClock
from tests.support.lossy import LossyAws

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


def test_each_client_of_a_run_has_the_limit() -> None:
    """Clients that are opened later, of a service that is seldom needed, have it too."""
    opened = open_clients(SandboxProfile(), environment={}, endpoint_url="http://127.0.0.1:9", call=CALL)
    for client in (opened.rds, opened.client("iam", "eu-central-1")):
        assert client.meta.config.read_timeout == 7.0
        handlers = client.meta.events._emitter._handlers.prefix_search("needs-retry")
        assert any(handler.__module__ == limit_call.__module__ for handler in handlers)
