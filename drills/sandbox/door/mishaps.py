"""The faults that strike at the door: what a client sees instead of the answer.

Codes and statuses are those of "Common Errors" in the API references of RDS and AWS Backup, "Error codes for the Amazon
EC2 API" and "Error responses" of S3. Faults of instances, jobs and ports are in the parts that they strike.
"""

from __future__ import annotations

import re
import select
import socket
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from drills.sandbox.door.answers import operation_model, parsed
from drills.sandbox.door.calls import AwsRequest, refusal
from drills.sandbox.door.faults import Fault
from drills.sandbox.state import DataPlane

Answer = tuple[int, list[tuple[str, str]], bytes]

FRESH = 60.0  # seconds after its creation in which a resource may not be found yet, unless the fault says how many
_KEPT = 1_000  # creations
_LOOK_EVERY = 0.1  # seconds between two looks whether a client that gets no answer is still there
_MAKING = re.compile(r"(?:Create|Restore|Start|Copy|Run|Register|Import)(\w+)")
_SHOWING = re.compile(r"(?:Describe|Get)(\w+?)s?")
_ID = re.compile(r"(identifier|id|name|arn)?s?$")
_ABSENT = re.compile(r"NotFound|NoSuch|DoesNotExist")
_THROTTLING: Mapping[str, tuple[int, str, str]] = {
    "query": (400, "Throttling", "Rate exceeded"),
    "ec2": (503, "RequestLimitExceeded", "Request limit exceeded."),
    "rest-xml": (503, "SlowDown", "Please reduce your request rate."),
}
_DENIED: Mapping[str, tuple[int, str]] = {
    "query": (403, "AccessDenied"),
    "ec2": (403, "UnauthorizedOperation"),
    "rest-xml": (403, "AccessDenied"),
    "rest-json": (403, "AccessDeniedException"),
}
# EC2's model declares no errors
_EC2_ABSENT = {
    "SecurityGroup": "InvalidGroup.NotFound",
    "Subnet": "InvalidSubnetID.NotFound",
    "Vpc": "InvalidVpcID.NotFound",
    "Instance": "InvalidInstanceID.NotFound",
}


def names_in(value: Any, depth: int = 0) -> Iterator[str]:
    """Every text of a request's parameters, and what an ARN ends with: among them is the resource's name."""
    if isinstance(value, str):
        yield value
        if value.startswith("arn:"):
            yield re.split(r"[:/]", value)[-1]
    elif depth < 3 and isinstance(value, Mapping | list | tuple):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from names_in(inner, depth + 1)


def named(parameters: Mapping[str, Any], noun: str) -> Iterator[str]:
    """What a describe call asks for by name: the values of `DBInstanceIdentifier` for a `DBInstance`."""
    for key, value in parameters.items():
        stem = _ID.sub("", re.sub(r"[^a-z]", "", key.lower().replace("member", "")))
        if stem and (noun.lower().endswith(stem) or stem.startswith(noun.lower())):
            yield from names_in(value)


class Mishaps:
    """Asks the switchboard on behalf of each request. Threads may share it."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._lock = threading.Lock()
        self._made: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    def _take(self, kind: str, request: AwsRequest) -> Fault | None:
        for name in ("", *names_in(request.parameters)):
            if fault := self._plane.faults.take(kind, service=request.service, operation=request.operation, name=name):
                return fault
        return None

    def instead(self, request: AwsRequest) -> tuple[str, Answer] | None:
        """The kind of fault that strikes before the call is carried out, and its answer; None where all goes well."""
        protocol = request.protocol
        if self._take("throttling", request):
            return "throttling", refusal(
                protocol, *_THROTTLING.get(protocol, (400, "ThrottlingException", "Rate exceeded"))
            )
        if self._take("access-denied", request):
            status, code = _DENIED.get(protocol, (400, "AccessDeniedException"))
            action = f"{request.service}:{request.operation}"
            return "access-denied", refusal(protocol, status, code, f"User is not authorized to perform: {action}")
        if absent := self._not_found(request):
            return "not-found-after-create", absent
        return None

    # -- eventual consistency ------------------------------------------------------------------------------------

    def _not_found(self, request: AwsRequest) -> Answer | None:
        showing = _SHOWING.fullmatch(request.operation)
        if not showing:
            return None
        for name in named(request.parameters, showing[1]):
            age = self._age(request.service, showing[1], name)
            if age is None:
                continue
            fault = self._plane.faults.take(
                "not-found-after-create",
                service=request.service,
                operation=request.operation,
                name=name,
                unless=partial(_is_old, age),
            )
            if fault:
                return refusal(request.protocol, *_absent(request, showing[1], name))
        return None

    def _age(self, service: str, noun: str, name: str) -> float | None:
        with self._lock:
            made = [
                at
                for (where, what, known), at in self._made.items()
                if (where, known) == (service, name) and what.startswith(noun)
            ]
        return self._plane.clock.monotonic() - max(made) if made else None

    def note(self, request: AwsRequest, answer: Answer) -> None:
        """Remember what a call has made."""
        making = _MAKING.fullmatch(request.operation)
        status, headers, body = answer
        if status >= 400 or not making:
            return
        model = operation_model(request.service, request.operation)
        told = parsed(model, request.protocol, status, dict(headers), body) if model else {}
        with self._lock:
            for name in {*names_in(request.parameters), *names_in(told)}:
                key = (request.service, making[1], name)
                self._made[key] = self._plane.clock.monotonic()
                self._made.move_to_end(key)
            while len(self._made) > _KEPT:
                self._made.popitem(last=False)

    # -- no answer, another clock --------------------------------------------------------------------------------

    def swallows(self, request: AwsRequest) -> bool:
        """Whether the answer of this call never comes."""
        return self._take("no-response", request) is not None

    def keep_waiting(self, connection: socket.socket | None) -> None:
        """Hold a connection until the client gives up or the sandbox ends; ends in ConnectionAbortedError."""
        clock = self._plane.clock
        while clock.wait_until(clock.monotonic() + _LOOK_EVERY) and connection and not _given_up(connection):
            pass
        raise ConnectionAbortedError("the client has given up")

    def skewed(self, request: AwsRequest) -> bool:
        """Count a call that was answered while AWS's clock is ahead."""
        return self._take("clock-skew", request) is not None


def _is_old(age: float, fault: Fault) -> bool:
    return age > (fault.seconds or FRESH)


def _absent(request: AwsRequest, noun: str, name: str) -> tuple[int, str, str]:
    """Status, code and message of the error that the operation declares for a resource that is not there."""
    sentence = f"{noun} {name} not found."
    if request.service == "ec2":
        return 400, _EC2_ABSENT.get(noun, f"Invalid{noun}ID.NotFound"), sentence
    model = operation_model(request.service, request.operation)
    for shape in model.error_shapes if model else ():
        if _ABSENT.search(shape.name):
            declared = shape.metadata.get("error", {})
            return declared.get("httpStatusCode", 400), declared.get("code", shape.name), sentence
    return 400, "ResourceNotFoundException", sentence


def _given_up(connection: socket.socket) -> bool:
    try:
        readable, _, _ = select.select([connection], [], [], 0)
        return bool(readable) and not connection.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):  # it is closed
        return True
