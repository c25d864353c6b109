"""A guard of a run beside services of AWS that answer as a test says."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore import xform_name

from drills.aws.guarded import permits
from drills.aws.guarded.guard import Guard, Protected
from drills.aws.guarded.names import ScratchName
from drills.aws.session import Clients
from drills.errors import Refused
from tests.support.clock import HandClock

RUN, REGION, ACCOUNT = "20261123-120000-abcd", "eu-central-1", "123456789012"
NAME = f"drill-{RUN}-recovery"
TAG = {"Key": "drills:run", "Value": RUN}
WRITES = {(each.partition(":")[0], xform_name(each.partition(":")[2])): each for each in permits.INCIDENT}


class Service:
    """A client that answers as a test says, and notes what it is asked for and under which permit.

    `of` is the service, by the prefix of its actions, once it is among the clients of a guard: several services tag resources.
    """

    def __init__(self, **answers: Any) -> None:
        self.answers, self.sent, self.reads, self.of = answers, [], 0, ""

    sent: list[tuple[str, dict[str, Any]]]

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        """Answer one operation."""

        def call(**parameters: Any) -> Any:
            if operation.startswith(("describe", "list")):
                self.reads += 1
            else:
                if written := WRITES.get((self.of, operation)):
                    permits.check(written, "incident")
                self.sent.append((operation, parameters))
            answer = self.answers.get(operation, {})
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def raw_of(**changes: Any) -> dict[str, Any]:
    """The run's instance as RDS describes it; None leaves a member out."""
    whole = {
        "DBInstanceIdentifier": NAME,
        "DBInstanceArn": f"arn:aws:rds:{REGION}:{ACCOUNT}:db:{NAME}",
        "DbiResourceId": "db-MADE",
        "TagList": [TAG],
        **changes,
    }
    return {key: value for key, value in whole.items() if value is not None}


def clients_of(
    rds: Any = None, ec2: Any = None, logs: Any = None, secretsmanager: Any = None, **changes: Any
) -> Clients:
    """Clients of which some are there."""
    nothing: Any = SimpleNamespace()
    given = {"rds": rds, "ec2": ec2, "logs": logs, "secretsmanager": secretsmanager} | changes
    for name, each in given.items():
        if isinstance(each, Service):
            each.of = name
    made = Clients(rds, nothing, ec2, nothing, logs, secretsmanager, nothing, REGION, ACCOUNT)
    if s3 := changes.pop("s3", None):  # which Clients has no member for
        changes["open_client"] = lambda _service, _region: s3
    return dataclasses.replace(made, **changes)


def guard_of(protected: Protected | None = None, clock: Any = None, **services: Any) -> Guard:
    """The guard of the run."""
    return Guard(clients_of(**services), RUN, protected, clock or HandClock())


def scratch() -> ScratchName:
    """The name of the run's copy, built anew."""
    return ScratchName(RUN, "recovery")


def sentence(call: Callable[[], object], error: type[Exception] = Refused) -> str:
    """What a refusal says, whose type is that one and no heir of it."""
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    return str(caught.value)
