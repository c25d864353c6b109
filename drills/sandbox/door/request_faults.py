"""The faults of requests: an AWS error instead of the call, no response, or another clock.

Codes and statuses are those of "Common Errors" in the API references of RDS and AWS Backup, "Error codes for the Amazon
EC2 API" and "Error responses" of S3. Faults of instances, jobs and ports are in the modules that they affect.
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

from drills.sandbox.base.faults import Fault
from drills.sandbox.door.calls import AwsRequest, error_response
from drills.sandbox.door.responses import operation_model, parse_response
from drills.sandbox.door.wire import Response
from drills.sandbox.state import DataPlane

NEW_FOR = 60.0  # seconds after its creation in which a resource may not be found yet, unless the fault says how many
_MOST_CREATIONS = 1_000  # remembered
_POLL = 0.1  # seconds between two checks whether a client that gets no response is still connected
_CREATING = re.compile(r"(?:Create|Restore|Start|Copy|Run|Register|Import)(\w+)")
_READING = re.compile(r"(?:Describe|Get)(\w+?)s?")
_ID = re.compile(r"(identifier|id|name|arn)?s?$")
_NOT_FOUND = re.compile(r"NotFound|NoSuch|DoesNotExist")
_OF_ANSWERS = ("no-response", "lost-answer", "server-error")
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
_EC2_NOT_FOUND = {
    "SecurityGroup": "InvalidGroup.NotFound",
    "Subnet": "InvalidSubnetID.NotFound",
    "Vpc": "InvalidVpcID.NotFound",
    "Instance": "InvalidInstanceID.NotFound",
}


def names_in(value: Any, depth: int = 0) -> Iterator[str]:
    """Yield every string in a request's parameters, and the last part of an ARN: one of them names the resource."""
    if isinstance(value, str):
        yield value
        if value.startswith("arn:"):
            yield re.split(r"[:/]", value)[-1]
    elif depth < 3 and isinstance(value, Mapping | list | tuple):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from names_in(inner, depth + 1)


def identifiers(parameters: Mapping[str, Any], noun: str) -> Iterator[str]:
    """Yield the names that a describe call asks for: the values of `DBInstanceIdentifier` for a `DBInstance`."""
    for key, value in parameters.items():
        stem = _ID.sub("", re.sub(r"[^a-z]", "", key.lower().replace("member", "")))
        if stem and (noun.lower().endswith(stem) or stem.startswith(noun.lower())):
            yield from names_in(value)


class RequestFaults:
    """Takes the armed faults that match a request. Threads may share it."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._lock = threading.Lock()
        self._created: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    def _take(self, kind: str, request: AwsRequest) -> Fault | None:
        for name in ("", *names_in(request.parameters)):
            if fault := self._plane.faults.take(kind, service=request.service, operation=request.operation, name=name):
                return fault
        return None

    def instead_of_call(self, request: AwsRequest) -> tuple[str, Response] | None:
        """Return the kind and the response of a fault that replaces the call; None when no fault matches."""
        protocol = request.protocol
        if self._take("throttling", request):
            return "throttling", error_response(
                protocol, *_THROTTLING.get(protocol, (400, "ThrottlingException", "Rate exceeded"))
            )
        if self._take("access-denied", request):
            status, code = _DENIED.get(protocol, (400, "AccessDeniedException"))
            action = f"{request.service}:{request.operation}"
            return "access-denied", error_response(
                protocol, status, code, f"User is not authorized to perform: {action}"
            )
        if not_found := self._not_found(request):
            return "not-found-after-create", not_found
        return None

    # -- eventual consistency ------------------------------------------------------------------------------------

    def _not_found(self, request: AwsRequest) -> Response | None:
        reading = _READING.fullmatch(request.operation)
        if not reading:
            return None
        for name in identifiers(request.parameters, reading[1]):
            age = self._age(request.service, reading[1], name)
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
                return error_response(request.protocol, *_not_found_error(request, reading[1], name))
        return None

    def _age(self, service: str, noun: str, name: str) -> float | None:
        with self._lock:
            times = [
                at
                for (of_service, of_noun, known), at in self._created.items()
                if (of_service, known) == (service, name) and of_noun.startswith(noun)
            ]
        return self._plane.clock.monotonic() - max(times) if times else None

    def record_creation(self, request: AwsRequest, response: Response) -> None:
        """Remember when a call created a resource."""
        creating = _CREATING.fullmatch(request.operation)
        status, headers, body = response
        if status >= 400 or not creating:
            return
        model = operation_model(request.service, request.operation)
        answer = parse_response(model, request.protocol, status, dict(headers), body) if model else {}
        with self._lock:
            for name in {*names_in(request.parameters), *names_in(answer)}:
                key = (request.service, creating[1], name)
                self._created[key] = self._plane.clock.monotonic()
                self._created.move_to_end(key)
            while len(self._created) > _MOST_CREATIONS:
                self._created.popitem(last=False)

    # -- no answer, another clock --------------------------------------------------------------------------------

    def instead_of_answer(self, request: AwsRequest) -> str:
        """Return the kind of the fault that takes the answer of a call which was carried out, "" for none."""
        return next((kind for kind in _OF_ANSWERS if self._take(kind, request)), "")

    def response_for(self, fault: str, protocol: str, connection: socket.socket | None) -> Response:
        """Return what is sent in the answer's place; ConnectionAbortedError, perhaps after a while, where nothing is sent."""
        if fault == "server-error":
            return error_response(protocol, 500, "InternalFailure", "An internal error occurred.")
        if fault == "no-response":
            self.hold_until_client_leaves(connection)
        raise ConnectionAbortedError("the answer is lost")

    def hold_until_client_leaves(self, connection: socket.socket | None) -> None:
        """Hold a connection until the client closes it or the sandbox ends; then raise ConnectionAbortedError."""
        clock = self._plane.clock
        while clock.wait_until(clock.monotonic() + _POLL) and connection and not _is_closed(connection):
            pass
        raise ConnectionAbortedError("the client has closed the connection")

    def skews_clock(self, request: AwsRequest) -> bool:
        """Return whether this call is answered while AWS's clock is ahead, and count it."""
        return self._take("clock-skew", request) is not None


def _is_old(age: float, fault: Fault) -> bool:
    return age > (fault.seconds or NEW_FOR)


def _not_found_error(request: AwsRequest, noun: str, name: str) -> tuple[int, str, str]:
    """Return status, code and message of the error that the operation declares for a missing resource."""
    sentence = f"{noun} {name} not found."
    if request.service == "ec2":
        return 400, _EC2_NOT_FOUND.get(noun, f"Invalid{noun}ID.NotFound"), sentence
    model = operation_model(request.service, request.operation)
    for shape in model.error_shapes if model else ():
        if _NOT_FOUND.search(shape.name):
            declared = shape.metadata.get("error", {})
            return declared.get("httpStatusCode", 400), declared.get("code", shape.name), sentence
    return 400, "ResourceNotFoundException", sentence


def _is_closed(connection: socket.socket) -> bool:
    try:
        readable, _, _ = select.select([connection], [], [], 0)
        return bool(readable) and not connection.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):  # the socket is closed
        return True
