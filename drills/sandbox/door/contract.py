"""Checks responses against their contract: botocore's model of the service.

The raw response is checked and not what botocore parses: botocore drops members that the model does not have and reads
many types leniently; clients in other languages do not. Rules: members, required members, types, enum values, timestamp
formats, and error codes that the operation declares or that every AWS service has.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias
from xml.etree import ElementTree

from botocore.model import OperationModel

from drills.sandbox.door import requests

# "Common Errors" and "Common Error Types" of the RDS, AWS Backup, EC2, KMS and STS API references; InvalidAction is
# also the sandbox's answer to an unknown operation, NotImplemented to one that the sandbox does not have; the two about
# signatures are in "Troubleshooting AWS SigV4" of the IAM user guide
COMMON_ERRORS = frozenset(
    {
        "AccessDenied", "AccessDeniedException", "AuthFailure", "ExpiredToken", "ExpiredTokenException",
        "IncompleteBody", "IncompleteSignature", "InternalFailure", "InvalidAction", "InvalidClientTokenId",
        "InvalidParameterCombination", "InvalidParameterValue", "InvalidQueryParameter", "MalformedHttpRequest",
        "InvalidSignatureException",
        "MalformedInput", "MalformedQueryString", "MissingAction", "MissingAuthenticationToken", "MissingParameter",
        "NotImplemented",
        "OptInRequired", "RequestExpired", "RequestLimitExceeded", "SerializationException", "ServiceUnavailable",
        "SignatureDoesNotMatch",
        "SlowDown", "Throttling", "ThrottlingException", "UnauthorizedOperation", "UnknownOperationException",
        "UnrecognizedClientException", "ValidationError", "ValidationException",
    }
)  # fmt: skip
# botocore's names of the services that docs/sandbox.md describes; other services are moto's alone
EMULATED = frozenset(
    {
        "rds", "backup", "ec2", "ecs", "elbv2", "kms", "secretsmanager", "iam", "sts", "s3", "sns", "events", "logs",
        "cloudwatch",
    }
)  # fmt: skip
Shape: TypeAlias = Any  # a botocore.model.Shape; which attributes it has depends on its type_name
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
_WHOLE = re.compile(r"-?\d+")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?|NaN|-?Infinity")
_JSON = ("json", "rest-json")


def violations(operation: OperationModel, protocol: str, status: int, body: bytes, error: str = "") -> list[str]:
    """Return what a response has against its model, a sentence each; `error` is its error code."""
    if status >= 400:
        return _error(operation, status, error)
    shape = operation.output_shape
    if shape is None or _is_raw(shape):
        return []
    try:
        if protocol in _JSON:
            return list(_json(_body_shape(shape), json.loads(body or b"{}"), ""))
        if protocol in ("query", "ec2", "rest-xml"):
            return list(_document(operation, _body_shape(shape), protocol, body))
    except (ValueError, ElementTree.ParseError) as broken:
        return [f"the body cannot be read: {broken}"]
    return []


def _error(operation: OperationModel, status: int, code: str) -> list[str]:
    """Check that the operation declares the error, with this status, or that every service has it."""
    if operation.http.get("method") == "HEAD":  # an answer without a body: of its error there is the status alone
        return (
            []
            if code == str(status)
            else [f"the error {code} of an answer without a body, which has none to say it in"]
        )
    if operation.service_model.service_name in ("ec2", "s3"):  # their models declare no errors, or a few of many
        return [] if re.fullmatch(r"[A-Z][A-Za-z]+(\.[A-Za-z]+)?", code) else [f"{code!r} is no error's code"]
    for shape in operation.error_shapes:
        declared = shape.metadata.get("error", {})
        if code in (declared.get("code", shape.name), shape.name):
            right = declared.get("httpStatusCode", status)
            return [] if right == status else [f"the error {code} has status {status}, the model says {right}"]
    return [] if code in COMMON_ERRORS else [f"the operation declares no error {code!r}"]


def _is_raw(shape: Shape) -> bool:
    payload = shape.serialization.get("payload")
    return bool(payload) and shape.members[payload].type_name in ("blob", "string")


def _body_shape(shape: Shape) -> Shape:
    payload = shape.serialization.get("payload")
    return shape.members[payload] if payload else shape


def _in_body(shape: Shape) -> Iterator[tuple[str, str, Shape]]:
    """Yield name, name on the wire and shape of each member that is not in a header."""
    for name, member in shape.members.items():
        if "location" not in member.serialization:
            yield name, member.serialization.get("name", name), member


def _missing(shape: Shape, present: Iterable[str], where: str) -> Iterator[str]:
    for name in sorted(set(shape.required_members) - set(present)):
        if "location" not in shape.members[name].serialization:
            yield f"{where}: the required member {name} is missing"


def _text(shape: Shape, value: str, where: str) -> Iterator[str]:
    enum = getattr(shape, "enum", None)
    if enum and value not in enum:
        yield f"{where}: {value!r} is none of {', '.join(enum)}"


# -- JSON ------------------------------------------------------------------------------------------------------------


def _json(shape: Shape, value: Any, where: str) -> Iterator[str]:
    if value is None or getattr(shape, "is_document_type", False):
        return  # AWS sends null for a member that is not set
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        yield from _json_structure(shape, value, where)
    elif kind == "list" and isinstance(value, list):
        for number, each in enumerate(value):
            yield from _json(shape.member, each, f"{where}[{number}]")
    elif kind == "map" and isinstance(value, dict):
        for key, each in value.items():
            yield from _text(shape.key, key, f"{where} key")
            yield from _json(shape.value, each, f"{where}.{key}")
    elif not _json_scalar(shape, value):
        yield f"{where or 'the body'}: {value!r} is no {kind}"
    elif kind == "string":
        yield from _text(shape, value, where)


def _json_structure(shape: Shape, value: Mapping[str, Any], where: str) -> Iterator[str]:
    members = {wire: (name, member) for name, wire, member in _in_body(shape)}
    for key, each in value.items():
        if key in members:
            yield from _json(members[key][1], each, f"{where}.{key}".lstrip("."))
        elif key != "__type":
            yield f"{where}: the model has no member {key}".lstrip(": ")
    yield from _missing(shape, (members[key][0] for key in value.keys() & members.keys()), where)


def _json_scalar(shape: Shape, value: Any) -> bool:
    kind = shape.type_name
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "string":
        return isinstance(value, str)
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in ("integer", "long"):
        return number and isinstance(value, int)
    if kind in ("float", "double"):
        return number or value in ("NaN", "Infinity", "-Infinity")
    if kind == "timestamp":
        form = shape.serialization.get("timestampFormat", "unixTimestamp")
        return number if form == "unixTimestamp" else isinstance(value, str)
    if kind == "blob":
        return isinstance(value, str) and _is_base64(value)
    return False


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode(value, validate=True)
    except ValueError:
        return False
    return True


# -- XML -------------------------------------------------------------------------------------------------------------


def _document(operation: OperationModel, shape: Shape, protocol: str, body: bytes) -> Iterator[str]:
    if not body and not list(_in_body(shape)):
        return
    root = ElementTree.fromstring(body)
    beside: tuple[str, ...] = ()
    if protocol == "query":
        if (found := _local(root)) != f"{operation.wire_name}Response":
            yield f"the document is a {found}, expected a {operation.wire_name}Response"
        wrapper = (operation.output_shape.serialization if operation.output_shape else {}).get("resultWrapper")
        if wrapper:
            inner = [each for each in root if _local(each) == wrapper]
            if len(inner) != 1:
                yield f"expected one {wrapper}, found {len(inner)}"
                return
            root = inner[0]
        else:
            beside = ("ResponseMetadata",)
    elif protocol == "ec2":
        beside = ("requestId",)
    yield from _xml_structure(shape, root, "", beside)


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _xml(shape: Shape, element: ElementTree.Element, where: str) -> Iterator[str]:
    kind = shape.type_name
    if kind == "structure":
        yield from _xml_structure(shape, element, where)
    elif kind == "list":
        name = shape.member.serialization.get("name", "member")
        for number, each in enumerate(element):
            if _local(each) != name:
                yield f"{where}: an element {_local(each)} in a list of {name}"
            else:
                yield from _xml(shape.member, each, f"{where}[{number}]")
    elif kind == "map":
        for entry in element:
            yield from _xml_entry(shape, entry, where)
    elif len(element):
        yield f"{where}: elements where the model has a {kind}"
    else:
        yield from _xml_scalar(shape, element.text or "", where)


def _xml_structure(
    shape: Shape, element: ElementTree.Element, where: str, beside: tuple[str, ...] = ()
) -> Iterator[str]:
    members = {_element_name(name, member): (name, member) for name, _, member in _in_body(shape)}
    seen: set[str] = set()
    for child in element:
        tag = _local(child)
        if tag not in members:
            if tag not in beside:
                yield f"{where}: the model has no member {tag}".lstrip(": ")
            continue
        name, member = members[tag]
        inside = f"{where}.{name}".lstrip(".")
        flat = bool(member.serialization.get("flattened"))
        if name in seen and not flat:
            yield f"{inside}: present more than once"
        seen.add(name)
        if flat and member.type_name == "list":
            yield from _xml(member.member, child, f"{inside}[]")
        elif flat and member.type_name == "map":
            yield from _xml_entry(member, child, inside)
        else:
            yield from _xml(member, child, inside)
    attributes = {name for name, member in shape.members.items() if member.serialization.get("xmlAttribute")}
    yield from _missing(shape, seen | attributes, where)


def _element_name(name: str, member: Shape) -> str:
    if member.type_name == "list" and member.serialization.get("flattened"):
        inner = member.member.serialization.get("name")
        if inner is not None:
            return str(inner)
    return str(member.serialization.get("name", name))


def _xml_entry(shape: Shape, entry: ElementTree.Element, where: str) -> Iterator[str]:
    names = {
        shape.key.serialization.get("name", "key"): shape.key,
        shape.value.serialization.get("name", "value"): shape.value,
    }
    for each in entry:
        if _local(each) in names:
            yield from _xml(names[_local(each)], each, f"{where}.{_local(each)}")
        else:
            yield f"{where}: an element {_local(each)} in a map"


def _xml_scalar(shape: Shape, text: str, where: str) -> Iterator[str]:
    kind = shape.type_name
    right = {
        "boolean": text in ("true", "false"),
        "integer": bool(_WHOLE.fullmatch(text)),
        "long": bool(_WHOLE.fullmatch(text)),
        "float": bool(_NUMBER.fullmatch(text)),
        "double": bool(_NUMBER.fullmatch(text)),
        "timestamp": bool(_ISO.fullmatch(text)),
        "blob": _is_base64(text),
    }.get(kind, True)
    if not right:
        yield f"{where}: {text!r} is no {kind}"
    elif kind == "string":
        yield from _text(shape, text, where)


class Contract:
    """The violations found so far, each kind with its count. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._checked = self._requests = 0
        self._found, self._refusable = Counter[str](), Counter[str]()

    def check(
        self, operation: OperationModel, protocol: str, status: int, body: bytes, error: str = ""
    ) -> tuple[str, ...]:
        """Check one response of an emulated service and count its violations."""
        if operation.service_model.service_name not in EMULATED:
            return ()
        found = tuple(violations(operation, protocol, status, body, error))
        with self._lock:
            self._checked += 1
            named = f"{operation.service_model.service_name} {operation.name}"
            self._found.update(re.sub(r"\[\d+\]", "[]", f"{named}: {each}") for each in found)
        return found

    def check_request(
        self, operation: OperationModel, protocol: str, status: int, parameters: Mapping[str, Any]
    ) -> tuple[str, ...]:
        """Check a request of an emulated service that was accepted, and count what AWS would have refused it for."""
        if status >= 400 or operation.service_model.service_name not in EMULATED:
            return ()
        found = tuple(requests.violations(operation, protocol, parameters))
        with self._lock:
            self._requests += 1
            named = f"{operation.service_model.service_name} {operation.name}, a request"
            self._refusable.update(f"{named}: {each}" for each in found)
        return found

    def as_json(self) -> dict[str, Any]:
        """Return how many responses and requests were checked, and how often each violation was found."""
        with self._lock:
            return {
                "checked": self._checked,
                "violations": dict(self._found),
                "requests": self._requests,
                "refusable": dict(self._refusable),
            }
