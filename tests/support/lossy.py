"""An AWS in this process, made by moto, which carries calls out and loses its answers, and clients that talk to it."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import boto3
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.retries.quota import RetryQuota

from drills.aws.session import SERVICES, Clients, client_config
from drills.config.load import AwsProfile

REGION, ACCOUNT = "eu-central-1", "123456789012"
FURTHER = ("dynamodb", "efs", "s3")  # services that not every drill needs


def _refused(status: int, code: str) -> Callable[[str], tuple[Any, Any]]:
    def answer(url: str) -> tuple[Any, Any]:
        parsed = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
        return (AWSResponse(url, status, HTTPHeaders(), None), parsed), None

    return answer


def _crash(_url: str) -> tuple[Any, Any]:
    raise SystemExit("the process ends while the answer is on its way")


LOSSES: dict[str, Callable[[str], tuple[Any, Any]]] = {
    "connection reset": lambda url: (None, ConnectionClosedError(endpoint_url=url)),
    "no answer": lambda url: (None, ReadTimeoutError(endpoint_url=url)),
    "error of AWS": _refused(500, "InternalFailure"),
    "throttled": _refused(400, "Throttling"),
    "unknown": _refused(400, "InvalidGroup.NotFound"),
    "denied": _refused(403, "AccessDenied"),
    "expired": _refused(403, "ExpiredToken"),
    "in use": _refused(400, "DependencyViolation"),
    "crash": _crash,
}
"""What comes instead of the answer: a pair of response and exception, as botocore's endpoint gives it."""


@functools.cache
def _clients() -> Clients:
    """Return the clients, made once: reading the services' models takes a good part of a second.

    A client repeats calls until its quota is used up, and the tests of one process lose more answers than that.
    """
    made: Any = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    endless = functools.partial(RetryQuota, 10**9)
    with patch("botocore.retries.quota.RetryQuota", endless):
        opened = {name: made.client(name, config=client_config(AwsProfile())) for name in (*SERVICES, *FURTHER)}
    opened["dynamodb"].meta.events.register("after-call.dynamodb.DescribeTable", _identify)
    usual = {name: opened[name] for name in SERVICES}
    return Clients(**usual, region=REGION, account=ACCOUNT, open_client=lambda service, _region: opened[service])


def _identify(parsed: Any, **_: Any) -> None:
    """Give a table the identity that AWS gives it, and moto does not."""
    if "Table" in parsed:
        parsed["Table"]["TableId"] = parsed["Table"]["TableArn"]


class LossyAws:
    """The clients, which repeat as those of a run do; inside of moto's `mock_aws`."""

    def __init__(self, *, own_clients: bool = False) -> None:
        self.clients = _clients.__wrapped__() if own_clients else _clients()
        self.struck: Counter[str] = Counter()
        self.recover()

    def lose(self, service: str, operation: str, how: str, *, times: int | None, carried_out: bool = True) -> None:
        """Lose the answers to an operation, so many of them or all; the calls are `carried_out` all the same."""
        endpoint = self._client(service)._endpoint
        usual, left = endpoint._get_response, [times]

        def get(request: Any, model: Any, context: Any) -> tuple[Any, Any]:
            if model.name != operation or left[0] == 0:
                return usual(request, model, context)  # type: ignore[no-any-return]
            left[0] = None if left[0] is None else left[0] - 1
            self.struck[operation] += 1
            if carried_out:
                usual(request, model, context)
            return LOSSES[how](request.url)

        endpoint._get_response = get

    def before(self, service: str, operation: str, act: Callable[[], object]) -> None:
        """Let somebody else `act` once, before the first call of an operation is carried out."""
        endpoint = self._client(service)._endpoint
        usual, left = endpoint._get_response, [act]

        def get(request: Any, model: Any, context: Any) -> tuple[Any, Any]:
            if model.name == operation and left:
                left.pop()()
            return usual(request, model, context)  # type: ignore[no-any-return]

        endpoint._get_response = get

    def recover(self) -> None:
        """Lose nothing from now on."""
        for name in (*SERVICES, *FURTHER):
            vars(self._client(name)._endpoint).pop("_get_response", None)

    def _client(self, service: str) -> Any:
        return self.clients.client(service) if service in FURTHER else getattr(self.clients, service)


def make_parameter_group(rds: Any, name: str, tags: list[dict[str, str]]) -> None:
    """Make a group, the cheapest thing that a drill makes."""
    rds.create_db_parameter_group(
        DBParameterGroupName=name, DBParameterGroupFamily="postgres16", Description="test", Tags=tags
    )


def make_instance(rds: Any, name: str, tags: list[dict[str, str]]) -> None:
    """Make an instance."""
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t4g.medium",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="owner",
        MasterUserPassword="of-nobody",
        Tags=tags,
    )
