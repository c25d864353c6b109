"""Reads AWS requests off the wire, keeps a log of them without secrets, and writes AWS-style errors.

The five AWS protocols differ in where the operation's name is and in how an error looks
(https://smithy.io/2.0/aws/protocols/): `query` and `ec2` put it into the form, `json` into X-Amz-Target, the REST ones
into method and path.
"""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from moto.core.request import Request
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound

from drills.sandbox.door.contract import Contract
from drills.sandbox.door.redact import redact, shorten
from drills.sandbox.door.responses import MODELS, StoredResponse, operation_model, operation_names
from drills.sandbox.door.wire import Response

MOST_CALLS = 20_000  # the oldest are dropped first
MOST_BYTES = 48 * 1024 * 1024  # of compressed responses; the oldest are dropped first, their calls are not
_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/([^/]+)/([^/]+)/aws4_request")
_CODE = re.compile(rb"<Code>([^<]+)</Code>")


@dataclass(frozen=True, slots=True)
class AwsRequest:
    """A request to AWS. `protocol` is botocore's name of the service's protocol."""

    service: str
    region: str
    operation: str
    protocol: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One request with its response. `error` is the AWS error code, empty for a success; `fault` the injected fault."""

    at: datetime
    service: str
    region: str
    operation: str
    parameters: dict[str, Any]
    status: int
    error: str
    seconds: float
    fault: str = ""
    answer: StoredResponse | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the call as JSON values."""
        return {
            "at": self.at.isoformat(),
            "service": self.service,
            "region": self.region,
            "operation": self.operation,
            "parameters": shorten(self.parameters),
            "status": self.status,
            "error": self.error,
            "seconds": self.seconds,
            "fault": self.fault,
            "answer": self.answer.as_json() if self.answer else None,
        }


class CallLog:
    """The calls so far, oldest first. Threads may share it."""

    def __init__(self, most_bytes: int = MOST_BYTES, contract: Contract | None = None) -> None:
        """`contract`, if any, checks every response against botocore's model."""
        self.contract = contract
        self._calls: deque[Call] = deque(maxlen=MOST_CALLS)
        self._answers: deque[StoredResponse] = deque()
        self._free = most_bytes
        self._lock = threading.Lock()

    def add(self, call: Call) -> None:
        """Append a call."""
        with self._lock:
            self._calls.append(call)
            if call.answer:
                self._answers.append(call.answer)
                self._free -= call.answer.size
            while self._free < 0:
                oldest = self._answers.popleft()
                self._free += oldest.size
                oldest.drop()

    def forget(self) -> int:
        """Empty the log; returns how many calls it had."""
        with self._lock:
            forgotten = len(self._calls)
            self._calls.clear()
            self._free += sum(answer.size for answer in self._answers)
            self._answers.clear()
        return forgotten

    def record(self, call: Call, protocol: str, headers: list[tuple[str, str]], body: bytes) -> None:
        """Append a call with its response, and check the response."""
        model = operation_model(call.service, call.operation)
        if self.contract and model:
            self.contract.check(model, protocol, call.status, body, call.error)
            self.contract.check_request(model, protocol, call.status, call.parameters)
        self.add(replace(call, answer=StoredResponse(model, protocol, call.status, headers, body)))

    def as_json(self, service: str | None = None, operation: str | None = None) -> list[dict[str, Any]]:
        """Return the calls as JSON values, optionally those of one service or one operation."""
        with self._lock:
            calls = list(self._calls)
        return [
            call.as_json() for call in calls if service in (None, call.service) and operation in (None, call.operation)
        ]


class Unreadable(Exception):
    """A request that is not in its service's protocol; `request` is what could be read of it, `code` the error."""

    def __init__(self, request: AwsRequest, sentence: str, code: str = "SerializationException") -> None:
        super().__init__(sentence)
        self.request, self.code = request, code


def read_request(environ: Mapping[str, Any], body: bytes) -> AwsRequest | None:
    """Return the parsed request; None when it is not signed as AWS clients sign. Raises Unreadable."""
    scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    if scope is None:
        return None
    region, service = scope[1], scope[2].lower()
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return _with_json(AwsRequest(service, region, target.rsplit(".", 1)[-1], "json", {}), body)
    form = _form(body) if _is_form(environ) else {}
    form |= {} if "Action" in form else _form_in_url(environ)
    if "Action" in form:
        operation = form.pop("Action")
        form.pop("Version", None)
        request = AwsRequest(service, region, operation, "ec2" if service == "ec2" else "query", redact(form))
        if environ.get("REQUEST_METHOD") not in ("GET", "POST"):  # "Query requests … use the verbs GET or POST"
            raise Unreadable(request, "A Query request is a GET or a POST.", "MalformedHttpRequest")
        return request
    return _rest_request(service, region, environ, body)


def _rest_request(service: str, region: str, environ: Mapping[str, Any], body: bytes) -> AwsRequest:
    model = MODELS.get(service, service)
    protocol = _protocol(model)
    operation, parameters = _rest_operation(model, environ)
    parameters |= dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    request = AwsRequest(service, region, operation, protocol, redact(parameters))
    if protocol in ("query", "ec2"):
        raise Unreadable(request, "The request has no Action.", "MissingAction")
    return _with_json(request, body) if protocol in ("rest-json", "json") else request


def _with_json(request: AwsRequest, body: bytes) -> AwsRequest:
    """Return the request with the members of its JSON body."""
    if not body:
        return request
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable(request, f"The request is no JSON: {type(error).__name__}.") from error
    if not isinstance(value, dict):
        # an operation whose payload is no structure (a policy, a template) is read by its service
        if request.protocol == "json":
            raise Unreadable(request, "The request is no JSON object.")
        return request
    return replace(request, parameters=request.parameters | redact(value))


def _protocol(model: str) -> str:
    """Return the protocol of a service by botocore's model; rest-json for a service without one."""
    try:
        return str(get_service_model(model).metadata.get("protocol", "rest-json"))
    except Exception:  # botocore has no model of that name
        return "rest-json"


def _form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _form_in_url(environ: Mapping[str, Any]) -> dict[str, str]:
    """Return the form in the URL, where the query protocol allows it as well."""
    given = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    return given if "Action" in given and environ.get("PATH_INFO", "/") == "/" else {}


def _is_form(environ: Mapping[str, Any]) -> bool:
    return str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded")


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _rest_operation(model: str, environ: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    try:
        get_service_model(model)
        operation, parameters = get_service_router(model).match(Request(dict(environ)))
    except (NotFound, NotImplementedError):
        return "", {}
    except Exception:  # botocore has no model of that name
        return "", {}
    return operation.name, dict(parameters or {})


def error_code(status: int, headers: Mapping[str, str], body: bytes) -> str:
    """Return the AWS error code of a response, empty for a success."""
    if status < 400:
        return ""
    named = {key.lower(): value for key, value in headers.items()}.get("x-amzn-errortype")
    if named:
        return named.split(":")[0].split("#")[-1]
    if found := _CODE.search(body):
        return found[1].decode("utf-8", "replace")
    kind = _json(body).get("__type") or _json(body).get("code") or str(status)
    return str(kind).split("#")[-1]


def error_body(protocol: str, code: str, message: str) -> tuple[str, bytes]:
    """Return content type and body of an AWS error in the given protocol."""
    if protocol in ("json", "rest-json"):
        return "application/json", json.dumps({"__type": code, "message": message}).encode()
    inner = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if protocol == "ec2":
        text = f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>sandbox</RequestID></Response>"
    elif protocol == "rest-xml":
        text = f"<Error>{inner}<RequestId>sandbox</RequestId></Error>"
    else:
        text = f"<ErrorResponse><Error><Type>Sender</Type>{inner}</Error><RequestId>sandbox</RequestId></ErrorResponse>"
    return "text/xml", b'<?xml version="1.0" encoding="UTF-8"?>' + text.encode()


def error_response(protocol: str, status: int, code: str, sentence: str) -> Response:
    """Return status, headers and body of an AWS error."""
    kind, text = error_body(protocol, code, sentence)
    return status, [("Content-Type", kind), ("x-amzn-errortype", code)], text


def refuse_unknown(request: AwsRequest) -> Response | None:
    """Return AWS's error for an operation that its service does not have; None where it has it."""
    names = operation_names(request.service)
    if not names or request.operation in names or request.protocol == "rest-xml":
        return None
    if request.protocol in ("query", "ec2"):
        sentence = f"The action {request.operation} is not valid for this web service."
        return error_response(request.protocol, 400, "InvalidAction", sentence)
    status = 404 if request.protocol == "rest-json" else 400
    return error_response(request.protocol, status, "UnknownOperationException", "The service has no such operation.")
