"""The responses in the call log: stored as they were sent, and parsed with botocore only when the log is read.

So recording does not slow a request down, and the log shows what a client has read.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

from botocore.awsrequest import HeadersDict
from botocore.model import OperationModel
from botocore.parsers import ResponseParserError, create_parser
from moto.core.utils import get_service_model

from drills.sandbox.door.redact import mask_sensitive, redact, shorten

LARGEST = 1024 * 1024  # bytes of a body; a larger one is not stored

# signing names that are not the names of botocore's models
MODELS = {
    "elasticloadbalancing": "elbv2",
    "monitoring": "cloudwatch",
    "tagging": "resourcegroupstaggingapi",
    "email": "ses",
}


def operation_model(service: str, operation: str) -> OperationModel | None:
    """Return botocore's model of an operation, by the service's signing name; None where it has none."""
    try:
        model: OperationModel = get_service_model(MODELS.get(service, service)).operation_model(operation)
    except Exception:  # botocore has no such service, or the service no such operation
        return None
    return model


def operation_names(service: str) -> frozenset[str]:
    """Return the operations of a service by botocore's model; none for a service that it does not know."""
    try:
        return frozenset(get_service_model(MODELS.get(service, service)).operation_names)
    except Exception:
        return frozenset()


def parse_response(model: OperationModel, protocol: str, status: int, headers: dict[str, str], body: bytes) -> Any:
    """Return a response as botocore gives it to a client, secrets included, without ResponseMetadata."""
    shape: Any = model.output_shape
    payload = shape.serialization.get("payload") if shape and status < 400 else None
    if shape and payload and shape.members[payload].type_name == "blob":
        return {payload: body}
    response = {"status_code": status, "headers": HeadersDict(headers), "body": body}
    parsed = create_parser(protocol).parse(response, shape)
    parsed.pop("ResponseMetadata", None)
    return parsed


class StoredResponse:
    """One response. `size` is the bytes that it takes in memory."""

    __slots__ = ("_headers", "_model", "_protocol", "_status", "_zipped", "size")

    def __init__(
        self,
        model: OperationModel | None,
        protocol: str,
        status: int,
        headers: Iterable[tuple[str, str]],
        body: bytes,
    ) -> None:
        self._model, self._protocol, self._status = model, protocol, status
        self._headers = dict(headers)
        self._zipped: bytes | None = zlib.compress(body, 1) if len(body) <= LARGEST else None
        self.size = len(self._zipped or b"")

    def drop(self) -> None:
        """Free the memory; the log then shows `not kept`."""
        self._zipped, self.size = None, 0

    def as_json(self) -> Any:
        """Return the response as a JSON value without secrets; a text where it is not stored or cannot be parsed."""
        if self._zipped is None:
            return "not kept"
        body = zlib.decompress(self._zipped)
        if self._model is None:
            return f"<{len(body)} bytes>"
        try:
            parsed = parse_response(self._model, self._protocol, self._status, self._headers, body)
        except (ResponseParserError, ValueError, KeyError, TypeError, AttributeError) as error:
            return f"cannot be read: {type(error).__name__}"
        shape = self._model.output_shape if self._status < 400 else None
        return shorten(redact(mask_sensitive(shape, parsed)))
