"""Checks requests against their contract: botocore's model, and the limits that AWS documents and the model does not have.

AWS refuses what breaks them; the sandbox, which is moto, takes much of it. So a request is checked that the sandbox has accepted:
what is found is a request of the suite that AWS would refuse, or one that the sandbox should have. Read from the wire, as any
client sends it (https://smithy.io/2.0/aws/protocols/).
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from botocore.model import OperationModel

from drills.redaction import MASK

Shape: TypeAlias = Any  # a botocore.model.Shape
Rule: TypeAlias = Callable[[str], bool]
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
MOST_TAGS = 50  # of a resource ("Quotas and constraints for Amazon RDS"; "Tag your Amazon EC2 resources")
MOST_PARAMETERS = 20  # of one ModifyDBParameterGroup (its API reference)


@dataclass(frozen=True, slots=True)
class Limit:
    """A documented limit of a value: what is expected, as a sentence says it, and the rule."""

    expected: str
    keeps: Rule


def matching(pattern: str, expected: str) -> Limit:
    """Return a limit by a regular expression of the whole value."""
    compiled = re.compile(pattern)
    return Limit(expected, lambda value: bool(compiled.fullmatch(value)))


def between(least: int, most: int) -> Limit:
    """Return a limit of a number."""
    return Limit(f"{least} to {most}", lambda value: value.lstrip("-").isdigit() and least <= int(value) <= most)


def _taggable(longest: int) -> Limit:
    def keeps(value: str) -> bool:
        own = value.lower().startswith(("aws:", "rds:"))
        return len(value) <= longest and not own and all(_in_tag(each) for each in value)

    return Limit(f"at most {longest} letters, digits, spaces and _.:/=+-@, without aws: or rds: before them", keeps)


def _in_tag(character: str) -> bool:
    return character in "_.:/=+-@" or unicodedata.category(character)[0] in "LZN"


def _hyphened(longest: int) -> Limit:
    form = re.compile(rf"[A-Za-z](?:-?[A-Za-z0-9]){{0,{longest - 1}}}")
    return Limit(
        f"1 to {longest} letters, digits and single hyphens, a letter first and no hyphen last",
        lambda value: len(value) <= longest and bool(form.fullmatch(value)),
    )


INSTANCE, SNAPSHOT = _hyphened(63), _hyphened(255)
SUBNET_GROUP = Limit(
    "at most 255 letters, digits, spaces and ._-, a letter first, and not default",
    lambda value: value.lower() != "default" and bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9._ -]{0,254}", value)),
)
_EC2_TEXT = r"[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{0,255}"
GROUP_NAME = matching(r"(?!sg-)" + _EC2_TEXT, "at most 255 of EC2's characters, without sg- before them")
PASSWORD = matching(r"[!-~ ]{8,128}", '8 to 128 printable ASCII characters without / " and @')
PASSWORD_OF_RDS = Limit(PASSWORD.expected, lambda value: PASSWORD.keeps(value) and not set(value) & set('/"@'))
# by service, operation ("*" for all) and the path of the member; source: the API references of RDS and EC2
LIMITS: Mapping[tuple[str, str, str], Limit] = MappingProxyType(
    {
        **{
            ("rds", operation, member): INSTANCE
            for operation, member in (
                ("CreateDBInstance", "DBInstanceIdentifier"),
                ("RestoreDBInstanceFromDBSnapshot", "DBInstanceIdentifier"),
                ("RestoreDBInstanceToPointInTime", "TargetDBInstanceIdentifier"),
                ("ModifyDBInstance", "NewDBInstanceIdentifier"),
            )
        },
        **{
            ("rds", operation, member): SNAPSHOT
            for operation, member in (
                ("CreateDBSnapshot", "DBSnapshotIdentifier"),
                ("CopyDBSnapshot", "TargetDBSnapshotIdentifier"),
                ("DeleteDBInstance", "FinalDBSnapshotIdentifier"),
                ("CreateDBParameterGroup", "DBParameterGroupName"),
            )
        },
        ("rds", "CreateDBSubnetGroup", "DBSubnetGroupName"): SUBNET_GROUP,
        ("rds", "*", "MasterUserPassword"): PASSWORD_OF_RDS,
        ("rds", "*", "BackupRetentionPeriod"): between(0, 35),
        ("rds", "*", "Port"): between(1150, 65535),
        ("rds", "*", "DBPortNumber"): between(1150, 65535),
        ("rds", "*", "MaxRecords"): between(20, 100),
        ("rds", "*", "Tags[].Key"): _taggable(128),
        ("rds", "*", "Tags[].Value"): _taggable(256),
        ("ec2", "CreateSecurityGroup", "GroupName"): GROUP_NAME,
        ("ec2", "CreateSecurityGroup", "Description"): matching(_EC2_TEXT, "at most 255 of EC2's characters"),
        **{
            ("ec2", operation, f"IpPermissions[].{member}"): between(-1, 65535)
            for operation in ("AuthorizeSecurityGroupIngress", "RevokeSecurityGroupEgress")
            for member in ("FromPort", "ToPort")
        },
    }
)
MOST: Mapping[tuple[str, str, str], int] = MappingProxyType(
    {
        ("rds", "*", "Tags"): MOST_TAGS,
        ("ec2", "*", "TagSpecifications[].Tags"): MOST_TAGS,
        ("rds", "ModifyDBParameterGroup", "Parameters"): MOST_PARAMETERS,
    }
)


def violations(operation: OperationModel, protocol: str, parameters: Mapping[str, Any]) -> list[str]:
    """Return what a request has against its model and the documented limits, a sentence each.

    `parameters` are those of the wire: a form for the query protocols, the members of the body and of the URL for the others.
    """
    shape: Shape = operation.input_shape
    if shape is None:
        return []
    found: list[str] = []
    if protocol in ("query", "ec2"):
        form = {key: value for key, value in parameters.items() if not key.endswith("Version")}
        value = _Form(form, ec2=protocol == "ec2").structure(shape, "")
        found += [f"the model has no parameter {key}" for key in sorted(form)]
    else:
        query = operation.http.get("requestUri", "").partition("?")[2]
        fixed = {key for key, _ in parse_qsl(query, keep_blank_values=True)}  # S3's subresources have no value
        given = {key: each for key, each in parameters.items() if key not in fixed}
        value = _named(shape, given, unread=protocol == "rest-xml")
    return [*found, *judge(operation, value)]


def judge(operation: OperationModel, value: Mapping[str, Any]) -> list[str]:
    """Return what the members of a request have against the model and the documented limits; numbers may be text."""
    shape: Shape = operation.input_shape
    rules = _Rules(operation.service_model.service_name, operation.name)
    return list(rules.value(shape, value, "")) if shape else []


class _Rules:
    """The rules for one operation."""

    def __init__(self, service: str, operation: str) -> None:
        self._service, self._operation = service, operation

    def value(self, shape: Shape, value: Any, where: str) -> Iterator[str]:
        kind = shape.type_name
        if kind == "structure" and isinstance(value, Mapping):
            for name in sorted(set(shape.required_members) - {key for key in value if value[key] is not None}):
                yield f"{where or 'the request'}: the required member {name} is missing"
            for name, each in value.items():
                inside = f"{where}.{name}".lstrip(".")
                if name in shape.members and each is not None:
                    yield from self.value(shape.members[name], each, inside)
                elif name not in shape.members:
                    yield f"the model has no member {inside}"
        elif kind == "list" and isinstance(value, list | tuple):
            most = self._find(MOST, where)
            if most is not None and len(value) > most:
                yield f"{where}: {len(value)} members, expected at most {most}"
            for each in value:
                yield from self.value(shape.member, each, f"{where}[]")
        elif kind == "map" and isinstance(value, Mapping):
            for key, each in value.items():
                yield from self.value(shape.key, key, f"{where} key")
                yield from self.value(shape.value, each, f"{where} value")
        else:
            yield from self._scalar(shape, value, where)

    def _scalar(self, shape: Shape, value: Any, where: str) -> Iterator[str]:
        kind = shape.type_name
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if MASK in text:
            return  # what is hidden is not judged
        if kind in ("integer", "long") and not re.fullmatch(r"-?\d+", text):
            yield f"{where}: {text!r} is no {kind}"
        elif kind == "boolean" and text not in ("true", "false"):
            yield f"{where}: {text!r} is no boolean"
        elif kind in ("structure", "list", "map"):
            yield f"{where}: {text[:40]!r} is no {kind}"
        elif kind == "blob" and _bytes_of(value) is None:
            yield f"{where}: {len(text)} characters are no base64"
        elif kind == "timestamp" and not (_INSTANT.fullmatch(text.replace(" ", "T")) or re.fullmatch(r"[\d.]+", text)):
            yield f"{where}: {text!r} is no timestamp"
        elif kind == "string" and getattr(shape, "enum", None) and text not in shape.enum:
            yield f"{where}: {text!r} is none of {', '.join(shape.enum)}"
        else:
            yield from self._limits(shape, value, text, where)

    def _limits(self, shape: Shape, value: Any, text: str, where: str) -> Iterator[str]:
        least, most, pattern = (shape.metadata.get(key) for key in ("min", "max", "pattern"))
        size = int(text) if shape.type_name in ("integer", "long") else len(text)
        shown = repr(text[:60])
        if shape.type_name == "blob":  # its limits are of the bytes and not of their base64; they may be secret
            size = len(_bytes_of(value) or b"")
            shown = f"{size} bytes"
        if (least is not None and size < least) or (most is not None and size > most):
            yield f"{where}: {shown} is not within {least} and {most}"
        if pattern and shape.type_name == "string" and not _fits(pattern, text):
            yield f"{where}: {text[:60]!r} does not match {pattern}"
        limit = self._find(LIMITS, where)
        if limit is not None and not limit.keeps(text):
            yield f"{where}: {text[:60]!r}, expected {limit.expected}"

    def _find(self, table: Mapping[tuple[str, str, str], Any], where: str) -> Any:
        found = table.get((self._service, self._operation, where))
        return table.get((self._service, "*", where)) if found is None else found


def _bytes_of(value: Any) -> bytes | None:
    """Return a blob, which is base64 on the wire of every protocol; None for what is no base64."""
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    try:
        return base64.b64decode(str(value), validate=True)
    except ValueError:
        return None


def _fits(pattern: str, text: str) -> bool:
    """Return whether a whole text matches a pattern of a model; one that Python cannot read, as it is Java's, is not judged."""
    try:
        return re.fullmatch(pattern, text, re.DOTALL) is not None
    except re.error:
        return True


class _Form:
    """A form of the query protocols, whose keys are taken out as the members of a shape are found."""

    def __init__(self, form: dict[str, str], *, ec2: bool) -> None:
        self._form, self._ec2 = form, ec2

    def structure(self, shape: Shape, prefix: str) -> dict[str, Any]:
        found = {}
        for name, member in shape.members.items():
            value = self._value(member, f"{prefix}.{self._wire(name, member)}".lstrip("."))
            if value is not None:
                found[name] = value
        return found

    def _wire(self, name: str, member: Shape) -> str:
        if not self._ec2:
            return str(member.serialization.get("name", name))
        given = member.serialization.get("queryName")
        if given:
            return str(given)
        named = str(member.serialization.get("name", name))
        return named[:1].upper() + named[1:]

    def _value(self, shape: Shape, key: str) -> Any:
        kind = shape.type_name
        if kind not in ("structure", "list", "map"):
            return self._form.pop(key, None)
        if not any(each == key or each.startswith(f"{key}.") for each in self._form):
            return None
        if kind == "structure":
            return self.structure(shape, key)
        if self._form.get(key) == "":  # an empty list
            self._form.pop(key)
            return []
        if kind == "map":
            named = [
                each.serialization.get("name", usual) for each, usual in ((shape.key, "key"), (shape.value, "value"))
            ]
            return {
                self._value(shape.key, f"{start}.{named[0]}"): self._value(shape.value, f"{start}.{named[1]}")
                for start in self._numbered(key if shape.serialization.get("flattened") else f"{key}.entry")
            }
        inner = (
            ""
            if self._ec2 or shape.serialization.get("flattened")
            else shape.member.serialization.get("name", "member")
        )
        return [self._value(shape.member, start) for start in self._numbered(f"{key}.{inner}".rstrip("."))]

    def _numbered(self, prefix: str) -> list[str]:
        numbers = {
            int(found[1])
            for each in self._form
            if (found := re.match(re.escape(prefix) + r"\.(\d{1,6})(?:\.|$)", each))
        }
        return [f"{prefix}.{number}" for number in sorted(numbers)]


def _named(shape: Shape, parameters: Mapping[str, Any], *, unread: bool) -> dict[str, Any]:
    """Return the members of a JSON or REST request by the names of the model, those of the URL and of headers among them.

    Headers, and with `unread` the members of the body, are not among the parameters, and are taken to be there.
    """
    wire = {str(member.serialization.get("name", name)): name for name, member in shape.members.items()}
    payload = shape.serialization.get("payload")
    found: dict[str, Any] = {}
    for key, value in parameters.items():
        name = wire.get(key, key)
        inside = shape.members[payload] if payload and name not in shape.members else None
        if inside is not None and inside.type_name == "structure":
            found.setdefault(payload, {})[key] = value
        else:
            found[name] = value
    for name, member in shape.members.items():
        where = member.serialization.get("location")
        if (where in ("header", "headers") or (unread and where is None)) and name not in found:
            found[name] = None
    return {name: value for name, value in found.items() if name in shape.members or value is not None} | {
        name: MASK for name, value in found.items() if value is None and name in shape.required_members
    }
