"""What was answered: kept as it went over the wire, and read with botocore's own parser only when the log is read.

So a request is not slower for being recorded, and the record says what a client understood.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

from botocore.awsrequest import HeadersDict
from botocore.model import OperationModel
from botocore.parsers import ResponseParserError, create_parser
from moto.core.utils import get_service_model

from drills.sandbox.door.redact import hidden, redacted, shortened

LARGEST = 1024 * 1024  # bytes of an answer; of a larger one only the size is kept

# signing names that are not the names of botocore's models
MODELS = {
    "elasticloadbalancing": "elbv2",
    "monitoring": "cloudwatch",
    "tagging": "resourcegroupstaggingapi",
    "email": "ses",
}


def operation_model(service: str, operation: str) -> OperationModel | None:
    """botocore's model of an operation, by the service's signing name; None where it has none."""
    try:
        model: OperationModel = get_service_model(MODELS.get(service, service)).operation_model(operation)
    except Exception:  # botocore has no such service, or the service no such operation
        return None
    return model


def operation_names(service: str) -> frozenset[str]:
    """The operations of a service by botocore's model; none where it has no such service."""
    try:
        return frozenset(get_service_model(MODELS.get(service, service)).operation_names)
    except Exception:
        return frozenset()


def parsed(model: OperationModel, protocol: str, status: int, headers: dict[str, str], body: bytes) -> Any:
    """An answer as botocore gives it to a client, secrets included, without ResponseMetadata."""
    shape: Any = model.output_shape
    payload = shape.serialization.get("payload") if shape and status < 400 else None
    if shape and payload and shape.members[payload].type_name == "blob":
        return {payload: body}
    answer = {"status_code": status, "headers": HeadersDict(headers), "body": body}
    read = create_parser(protocol).parse(answer, shape)
    read.pop("ResponseMetadata", None)
    return read


class KeptAnswer:
    """One answer. `size` is what it takes in memory."""

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

    def forget(self) -> None:
        """Keep the answer no longer; the log then says so."""
        self._zipped, self.size = None, 0

    def as_json(self) -> Any:
        """The answer as a JSON value without secrets; a sentence where it is not kept or cannot be read."""
        if self._zipped is None:
            return "not kept"
        body = zlib.decompress(self._zipped)
        if self._model is None:
            return f"<{len(body)} bytes>"
        try:
            read = parsed(self._model, self._protocol, self._status, self._headers, body)
        except (ResponseParserError, ValueError, KeyError, TypeError, AttributeError) as error:
            return f"cannot be read: {type(error).__name__}"
        shape = self._model.output_shape if self._status < 400 else None
        return shortened(redacted(hidden(shape, read)))
