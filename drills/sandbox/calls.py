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
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from moto.core.request import Request
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound

KEPT = 20_000  # calls; the oldest are forgotten first
_SECRET = re.compile(
    r"password|secretstring|secretbinary|securitytoken|sessiontoken|privatekey|plaintext", re.IGNORECASE
)
_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/([^/]+)/([^/]+)/aws4_request")
_CODE = re.compile(rb"<Code>([^<]+)</Code>")
# signing names that are not the names of botocore's models
_MODELS = {
    "elasticloadbalancing": "elbv2",
    "monitoring": "cloudwatch",
    "tagging": "resourcegroupstaggingapi",
    "email": "ses",
}


@dataclass(frozen=True, slots=True)
class AwsRequest:
    """Who is asked for what. `protocol` is botocore's name of the service's protocol."""

    service: str
    region: str
    operation: str
    protocol: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One answered request. `error` is the AWS error code, empty for a success."""

    at: datetime
    service: str
    region: str
    operation: str
    parameters: dict[str, Any]
    status: int
    error: str
    seconds: float


class CallLog:
    """The calls so far, oldest first. Threads may share it."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def add(self, call: Call) -> None:
        """Append a call."""
        with self._lock:
            self._calls.append(call)

    def as_json(self, service: str | None = None, operation: str | None = None) -> list[dict[str, Any]]:
        """The calls as JSON values, perhaps of one service or one operation only."""
        with self._lock:
            calls = list(self._calls)
        return [
            asdict(call) | {"at": call.at.isoformat()}
            for call in calls
            if service in (None, call.service) and operation in (None, call.operation)
        ]


def read_request(environ: Mapping[str, Any], body: bytes) -> AwsRequest | None:
    """What a signed request asks for; None when it is not signed as AWS clients sign."""
    scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    if scope is None:
        return None
    region, service = scope[1], scope[2].lower()
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return AwsRequest(service, region, target.rsplit(".", 1)[-1], "json", redacted(_json(body)))
    form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)) if _is_form(environ) else {}
    if "Action" in form:
        operation = form.pop("Action")
        form.pop("Version", None)
        return AwsRequest(service, region, operation, "ec2" if service == "ec2" else "query", redacted(form))
    model = _MODELS.get(service, service)
    operation, parameters = _rest_operation(model, environ)
    parameters |= dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    protocol = "rest-xml" if service == "s3" else "rest-json"
    if protocol == "rest-json":
        parameters |= _json(body)
    return AwsRequest(service, region, operation, protocol, redacted(parameters))


def _is_form(environ: Mapping[str, Any]) -> bool:
    return str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded")


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body) if body else {}
    except ValueError:
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


def redacted(value: Any, name: str = "") -> Any:
    """The same JSON value with everything that is named like a secret replaced by stars."""
    if isinstance(value, Mapping):
        return {key: redacted(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(inner, name) for inner in value]
    return "****" if _SECRET.search(name) else value


def error_code(status: int, headers: Mapping[str, str], body: bytes) -> str:
    """The AWS error code in an answer, empty for a success."""
    if status < 400:
        return ""
    named = {key.lower(): value for key, value in headers.items()}.get("x-amzn-errortype")
    if named:
        return named.split(":")[0].split("#")[-1]
    if found := _CODE.search(body):
        return found[1].decode()
    kind = _json(body).get("__type") or _json(body).get("code") or str(status)
    return str(kind).split("#")[-1]


def error_answer(protocol: str, code: str, message: str) -> tuple[str, bytes]:
    """Content type and body of an AWS error in the given protocol."""
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
