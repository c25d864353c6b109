"""Real answers of AWS by their shape, served to boto3's own parsers: tests/aws/answers/ and what each is read as.

An answer there is what a public source shows AWS to return: the members that are there and those that are absent, and the words
that are AWS's own. Names, ids, addresses, sizes and dates are examples. `recorded` ones were recorded from AWS by whoever
published them, `documented` ones are in AWS's own reference.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.model import OperationModel
from moto.core.serialize import get_serializer_class

from drills.aws.calls.answers import read_strictly
from drills.aws.session import SERVICES, Clients
from drills.config.target import RestoreConfig, Target
from drills.sandbox.door.responses import operation_model

FOLDER = Path(__file__).parent.parent / "aws" / "answers"
FILES = ("instances.json", "snapshots.json", "others.json")
# the instance that they are about, as drill.toml describes it, and an instant after their dates
TARGET = Target.model_validate(
    {"instance": "orders", "vault": "vault", "rpo": "1d", "restore": RestoreConfig(subnet_group="drill-subnets")}
)
NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)
# how the members end that every answer has: without them the thing could not be named or judged at all
ALWAYS_THERE = (
    "State",
    "CreationDate",
    "Identifier",
    "Arn",
    "Name",
    "Id",
    "Policy",
    "Document",
    "Role",
    "Rules",
    "BackupPlan",
    "BackupSelection",
    "Metadata",
)


@dataclass(frozen=True)
class RecordedAnswer:
    """One answer, its source, and what it has to be read as."""

    name: str
    kind: str
    source: str
    operation: str
    reading: dict[str, Any]
    answer: dict[str, Any]

    @property
    def model(self) -> OperationModel:
        """botocore's model of the operation."""
        service, _, name = self.operation.partition(".")
        found = operation_model(service, name)
        assert found is not None, self.operation
        return found

    @property
    def is_read(self) -> bool:
        """Whether the operation changes nothing."""
        return self.operation.partition(".")[2].startswith(("Describe", "List", "Get"))

    @property
    def member(self) -> dict[str, Any]:
        """The one thing that the answer is about: its first row, or itself."""
        return first_row(self.answer)

    @property
    def protocol(self) -> str:
        """The protocol of the service, as botocore calls it."""
        return str(self.model.service_model.metadata["protocol"])

    def on_the_wire(self) -> bytes:
        """The answer as AWS sends it, in the service's protocol."""
        model: Any = self.model
        protocol = self.protocol
        serializer = get_serializer_class(model.service_model.service_name, protocol)(model)
        body = serializer.serialize(_timed(self.answer))["body"]
        return body.encode() if isinstance(body, str) else bytes(body)


def first_row(answer: dict[str, Any]) -> dict[str, Any]:
    """The instance, snapshot or first row of an answer."""
    first = next(iter(answer.values()))
    return dict(first[0] if isinstance(first, list) else first)


def recorded_answers(name: str) -> list[RecordedAnswer]:
    """The answers of one file."""
    whole = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    found = []
    for each in whole["answers"]:
        members = each.pop("members", None)
        answer = each.pop("answer", None) or {"DBInstances": [whole["base"] | members]}
        found.append(RecordedAnswer(answer=answer, **each))
    return found


def all_answers() -> list[RecordedAnswer]:
    """The answers of all files."""
    return [each for name in FILES for each in recorded_answers(name)]


class RecordedAws:
    """Clients of an AWS that gives the answers in `given`, the first recorded one to every other request, or an empty one."""

    def __init__(self) -> None:
        self.given: dict[str, RecordedAnswer] = {}
        self.clients = answering_clients(self._answer)
        self._usual = {each.operation: each for each in reversed(all_answers())}
        self._bodies: dict[str, bytes] = {}

    def _answer(self, model: OperationModel) -> bytes:
        name = f"{model.service_model.service_name}.{model.name}"
        if name in self.given:
            return self.given[name].on_the_wire()
        if name not in self._bodies:
            usual = self._usual.get(name, RecordedAnswer("", "", "", name, {}, {}))
            self._bodies[name] = usual.on_the_wire()
        return self._bodies[name]


def answering_clients(answer: Callable[[OperationModel], bytes]) -> Clients:
    """Clients whose requests are answered with these bytes, and which read them as they read AWS's."""
    session = botocore.session.Session()
    session.set_credentials("test", "test")
    read_strictly(session)
    made: Any = boto3.Session(botocore_session=session, region_name="eu-central-1")

    @functools.cache
    def client(service: str, region: str = "") -> Any:
        opened = made.client(service, region_name=region or "eu-central-1")

        def respond(event_name: str, request: Any, **_: Any) -> AWSResponse:
            model = opened.meta.service_model.operation_model(event_name.rpartition(".")[2])
            return AWSResponse(request.url, 200, HTTPHeaders(), WireBody(answer(model)))

        opened.meta.events.register("before-send", respond)
        return opened

    named = {name: client(name) for name in SERVICES}
    return Clients(**named, region="eu-central-1", account="123456789012", open_client=client)


class WireBody:
    """The body of a response, as botocore reads it from urllib3."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, *_: Any, **__: Any) -> Any:
        """Yield the whole body once."""
        yield self._content


def is_instant(value: object) -> bool:
    """Whether a value of an answer is an instant."""
    return isinstance(value, str) and len(value) > 18 and value[4] == "-" and value.endswith("Z")


def _timed(value: Any) -> Any:
    """Return the answer with its instants as instants, which the serializer writes as the protocol has them."""
    if isinstance(value, dict):
        return {key: _timed(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_timed(each) for each in value]
    if is_instant(value):
        return datetime.fromisoformat(value).astimezone(UTC)
    return value
