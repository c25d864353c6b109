"""The kinds of value that drill.toml holds, each with the sentence that refuses a wrong one.

A validator that refuses says "expected …, found …"; drills/config/file.py puts file and key before it. Durations are
`timedelta`. What might be a secret is never shown.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, TypeVar
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from drills.durations import ALLOWED, parse_duration
from drills.model.instance import OTHERS
from drills.redaction import looks_secret

Key = TypeVar("Key")
Value = TypeVar("Value")

# of AWS's partitions and of their dual-stack endpoints (botocore's partitions.json, dnsSuffix and dualStackDnsSuffix)
AWS_DOMAINS = (
    *(
        "amazonaws.com",
        "amazonaws.com.cn",
        "amazonaws.eu",
        "api.aws",
        "api.amazonwebservices.com.cn",
        "api.amazonwebservices.eu",
    ),
    *("c2s.ic.gov", "api.aws.ic.gov", "sc2s.sgov.gov", "api.aws.scloud", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    *("cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
)


def refuse(expected: str, found: object = None) -> PydanticCustomError:
    """Return the error that a validator raises: what was expected and, unless it might be a secret, what was found."""
    text = f"expected {expected}" + ("" if found is None else f", found {show_value(found)}")
    return PydanticCustomError("refused", "{text}", {"text": text})


def show_value(value: object) -> str:
    """Return a value as a sentence shows it: quoted as in TOML, and not longer than a line can bear."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:56]}…{text[-1]}"


def show_key(key: str, longest: int = 80) -> str:
    """Return a key as a sentence shows it, not longer than a line can bear."""
    return key if len(key) <= longest else f"{key[: longest - 1]}…"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return '; did you mean "…"?' when a known word is similar, else ""."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f'; did you mean "{near[0]}"?' if near else ""


def one_of(words: Iterable[str]) -> str:
    """Return words as a sentence lists them: "a", "b" or "c"."""
    quoted = [f'"{word}"' for word in words]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]]) if len(quoted) > 1 else "".join(quoted)


def unknown_key(key: str, known: Iterable[str]) -> PydanticCustomError:
    """Return the error for a key that a table does not have; a key that looks like a secret is told where secrets go."""
    known = tuple(known)
    if looks_secret(key):
        text = (
            "expected no secret in this file: name an environment variable (credentials.password_variable) or a "
            "Secrets Manager secret (credentials.secret_id), or use ~/.pgpass"
        )
    else:
        near = did_you_mean(key, known)
        text = f"unknown key{near}" if near else f"unknown key; allowed here: {', '.join(known)}"
    return PydanticCustomError("unknown_key", "{text}", {"text": text, "key": key})


def taggable(text: str) -> str:
    """Return a text with `_` for each character that a tag of RDS cannot have (its API reference, Tag)."""
    return "".join(each if each in "_.:/=+-@" or unicodedata.category(each)[0] in "LZN" else "_" for each in text)


# -- values -----------------------------------------------------------------------------------------------------------


def _duration(raw: Any) -> timedelta:
    if not isinstance(raw, str):
        raise refuse(f"a duration in quotes, {ALLOWED}", raw)
    try:
        return parse_duration(raw)
    except ValueError:
        raise refuse(f"a duration, {ALLOWED}", raw) from None


def _span(raw: Any) -> timedelta:
    duration = _duration(raw)
    if not duration:
        raise refuse("a duration longer than zero", raw)
    return duration


def _name(raw: str) -> str:
    if not raw.strip():
        raise refuse("text that is not empty", raw)
    return raw.strip()


def no_entries() -> Mapping[Any, Any]:
    """Return the default of a table of free keys."""
    return MappingProxyType({})


def frozen_mapping(raw: Mapping[Key, Value]) -> Mapping[Key, Value]:
    """Return a copy that nobody can change."""
    return MappingProxyType(dict(raw))


def path_from(raw: str, info: ValidationInfo) -> str:
    """Return a path, relative ones from the folder of the file that names them (for an option: the working directory)."""
    base: Path = (info.context or {}).get("base", Path())
    return str(base / _name(raw))


def _matching(pattern: str, expected: str, *, show: bool = True) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(raw: str) -> str:
        if not compiled.fullmatch(raw):
            raise refuse(expected, raw if show else None)
        return raw

    return AfterValidator(check)


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Span = Annotated[timedelta, BeforeValidator(_span)]
Name = Annotated[str, AfterValidator(_name)]
RdsName = Annotated[
    str,
    AfterValidator(_name),
    _matching(
        r"[A-Za-z][A-Za-z0-9._ -]{0,254}",
        "the name of a group of RDS: up to 255 letters, digits and . _ -, a letter first",
    ),
    AfterValidator(str.lower),
]
"""The name of a subnet or parameter group, which RDS stores in lower case (CreateDBSubnetGroup, CreateDBParameterGroup)."""
PathText = Annotated[str, AfterValidator(path_from)]
Account = Annotated[str, _matching(r"[0-9]{12}", 'an AWS account id, 12 digits in quotes such as "000000000000"')]
Region = Annotated[str, _matching(r"[a-z]{2}(-[a-z]+)+-[0-9]", 'an AWS region such as "eu-central-1"')]
RoleArn = Annotated[
    str,
    _matching(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/.+", 'a role ARN such as "arn:aws:iam::000000000000:role/drill"'),
]
PrincipalArn = Annotated[
    str,
    _matching(
        r"arn:aws[a-z-]*:iam::[0-9]{12}:(?:role|user)/.+",
        'the ARN of a role or user such as "arn:aws:iam::000000000000:role/drill"',
    ),
]
SECURITY_GROUP = r"sg-[0-9a-f]+"
GroupId = Annotated[str, _matching(SECURITY_GROUP, 'the id of a security group such as "sg-0a1b2c3d"')]
VaultName = Annotated[
    str,
    AfterValidator(_name),
    _matching(r"[A-Za-z0-9_-]{2,50}", "the name of a vault: 2 to 50 letters, digits, hyphens and underscores"),
]
"""The name of a vault of AWS Backup (API reference, CreateBackupVault)."""
ExternalId = Annotated[
    str, AfterValidator(_name), _matching(r"[\w+=,.@:/-]{2,1224}", "2 to 1224 letters, digits and _ + = , . @ : / -")
]
"""The external id of a role (STS API reference, AssumeRole)."""
Variable = Annotated[
    str,
    _matching(
        r"[A-Z_][A-Z0-9_]*",
        'the NAME of an environment variable in capitals, such as "ORDERS_PASSWORD", and never the password itself',
        show=False,
    ),
]


def _http_url(raw: str) -> str:
    try:
        parts = urlsplit(raw)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise refuse('a URL such as "http://localhost:4566"', raw)
    if "@" in parts.netloc:
        raise refuse("a URL without user and password, since no secret belongs in this file")
    return raw


def _not_of_aws(raw: str) -> str:
    """Refuse AWS's own addresses, those of interface endpoints (vpce-…) among them, where no list says what is allowed."""
    host = (
        unicodedata.normalize("NFKC", unquote(urlsplit(raw).hostname or "")).replace("\u3002", ".").lower().rstrip(".")
    )
    if any(host == domain or host.endswith(f".{domain}") for domain in AWS_DOMAINS):
        raise refuse(
            'an emulator\'s address, since this is AWS itself: use kind = "aws", with accounts and regions that a drill may touch',
            raw,
        )
    return raw


def _cidr(raw: str) -> str:
    try:
        network = ipaddress.IPv4Network(raw)
    except ValueError:
        raise refuse('an IPv4 network such as "10.1.2.3/32"', raw) from None
    if network.prefixlen == 0:
        raise refuse("the network of the drill's own host, not the whole world", raw)
    return raw


# an ARN of Aurora DSQL, or the name that its clients connect to (Amazon Aurora DSQL User Guide)
_DSQL = re.compile(r"^arn:[^:]*:dsql:|\.dsql\.")
_NO_DSQL = "Aurora DSQL is not supported, because RDS has neither its clusters nor its backups"


@dataclass(frozen=True, slots=True)
class NoDrill:
    """What AWS Backup protects and nothing here drills: the key by which a target would name one, and its service in an ARN."""

    key: str
    service: str
    in_words: str

    def is_arn(self, text: str) -> bool:
        """Return whether a text is the ARN of one."""
        return bool(re.match(rf"arn:[\w-]+:{self.service}:", text))

    @property
    def why(self) -> str:
        """The refusal, with the page that says what to use instead."""
        return f"of {self.in_words} there are no drills: see docs/other-kinds.md for what to use instead"


NO_DRILLS = (NoDrill("gateway_volume", "storagegateway", "a Storage Gateway volume"),)


_BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
_TABLE, _VOLUME, _FILE_SYSTEM = r"[a-zA-Z0-9_.-]{3,255}", r"vol-(?:[0-9a-f]{8}|[0-9a-f]{17})", r"fs-[0-9a-f]{8,40}"


def _table_name(raw: str) -> str:
    """Return the name of a DynamoDB table (DynamoDB API reference, CreateTable)."""
    if not re.fullmatch(_TABLE, raw):
        raise refuse("the name of a DynamoDB table: 3 to 255 letters, digits, _, - and .", raw)
    return raw


def _volume_id(raw: str) -> str:
    """Return the id of an EBS volume (EC2 API reference, Volume)."""
    if not re.fullmatch(_VOLUME, raw):
        raise refuse('the id of an EBS volume such as "vol-0123456789abcdef0"', raw)
    return raw


def _file_system_id(raw: str) -> str:
    """Return the id of an EFS file system (EFS API reference, FileSystemDescription)."""
    if not re.fullmatch(_FILE_SYSTEM, raw):
        raise refuse('the id of an EFS file system such as "fs-0123456789abcdef0"', raw)
    return raw


def _bucket_name(raw: str) -> str:
    """Return the name of a general purpose bucket (S3 user guide, "General purpose bucket naming rules")."""
    if not re.fullmatch(_BUCKET, raw):
        raise refuse("the name of an S3 bucket: 3 to 63 lower-case letters, digits, - and .", raw)
    return raw


# an id or an ARN of what another key names (Service Authorization Reference, "Resource types" of EC2, EFS, DynamoDB and S3)
_OF_ANOTHER_KEY = re.compile(
    rf"(?:arn:[\w-]+:ec2:[^:]*:\d*:volume/)?(?P<volume>{_VOLUME})"
    rf"|(?:arn:[\w-]+:elasticfilesystem:[^:]*:\d*:file-system/)?(?P<file_system>{_FILE_SYSTEM})"
    rf"|arn:[\w-]+:dynamodb:[^:]*:\d*:table/(?P<table>{_TABLE})"
    rf"|arn:[\w-]+:s3:::(?P<bucket>{_BUCKET})"
)
_KINDS = {kind.key: kind.in_words for kind in OTHERS.values()}


def _database_id(raw: str, info: ValidationInfo) -> str:
    """Return the identifier of a database; that of what is none was looked at before."""
    named = info.data or {}
    return raw if any(named.get(kind.key) for kind in OTHERS.values()) else _instance_id(raw)


def _instance_id(raw: str) -> str:
    """Return an RDS instance identifier; RDS keeps it in lower case (CreateDBInstance, DBInstanceIdentifier)."""
    text = raw.strip()
    if _DSQL.search(text):
        raise refuse(f"an RDS for PostgreSQL instance; {_NO_DSQL}", raw)
    if other := next((each for each in NO_DRILLS if each.is_arn(text)), None):
        raise refuse(f"the identifier of an RDS instance; {other.why}", raw)
    if found := _OF_ANOTHER_KEY.fullmatch(text):
        key, name = next((key, name) for key, name in found.groupdict().items() if name)
        raise refuse(f'the identifier of an RDS instance; {_KINDS[key]} is named by another key: {key} = "{name}"', raw)
    if text.startswith("arn:") and ":cluster" in text:
        raise refuse("the identifier of an Aurora cluster, under the key cluster, and not its ARN", raw)
    if text.startswith("arn:"):
        raise refuse("the identifier of an RDS instance and not its ARN", raw)
    if not re.fullmatch(r"[A-Za-z](?:-?[A-Za-z0-9])*", text) or len(text) > 63:
        raise refuse("an RDS instance identifier: up to 63 letters, digits and single hyphens, a letter first", raw)
    return text.lower()


AURORA = "aurora-postgresql"


def _engine(raw: str) -> str:
    if raw.lower() in ("dsql", "aurora-dsql"):
        raise refuse(f'"postgres"; {_NO_DSQL}', raw)
    if raw.lower().startswith("aurora"):
        if raw != AURORA:
            raise refuse(f'"postgres" or "{AURORA}", the only engine of Aurora that is supported', raw)
    elif raw != "postgres":
        raise refuse(f'"postgres" or "{AURORA}"', raw)
    return raw


def _rate(raw: object) -> object:
    """Read a number also from the text of an option."""
    if not isinstance(raw, str):
        return raw
    try:
        return float(raw)
    except ValueError:
        raise refuse("a number of calls a second, such as 5", raw) from None


_MOST_TAGS = 50 - 3  # of a resource ("Quotas and constraints for Amazon RDS"), without the drill's own


def _tags(raw: Mapping[str, str]) -> Mapping[str, str]:
    """Refuse what RDS refuses (its API reference, Tag): length, characters, `aws:` and `rds:`, and more than a resource has."""
    for key, value in raw.items():
        if looks_secret(key):
            raise unknown_key(key, ())
        if not key or key.lower().startswith(("aws:", "rds:", "drills:")) or len(key) > 128:
            raise refuse('tags of 1 to 128 characters that do not begin with "aws:", "rds:" or "drills:"', key)
        if len(value) > 256 or value.lower().startswith(("aws:", "rds:")):
            raise refuse('values of tags of at most 256 characters that do not begin with "aws:" or "rds:"', value)
        if wrong := next((each for each in (key, value) if taggable(each) != each), None):
            raise refuse("tags of letters, digits, spaces and _ . : / = + - @", wrong)
    if len(raw) > _MOST_TAGS:
        raise refuse(f"at most {_MOST_TAGS} tags, since RDS takes 50 and a drill adds its own", len(raw))
    return frozen_mapping(raw)


Rate = Annotated[float, BeforeValidator(_rate), Field(ge=0.01, le=1000)]  # a second
HttpUrl = Annotated[str, AfterValidator(_http_url)]
EndpointUrl = Annotated[
    str, AfterValidator(_http_url), AfterValidator(_not_of_aws), AfterValidator(lambda url: url.rstrip("/"))
]
Cidr = Annotated[str, AfterValidator(_cidr)]
InstanceId = Annotated[str, AfterValidator(_instance_id)]
DatabaseId = Annotated[str, AfterValidator(_database_id)]
VolumeId = Annotated[str, AfterValidator(_volume_id)]
FileSystemId = Annotated[str, AfterValidator(_file_system_id)]
BucketName = Annotated[str, AfterValidator(_bucket_name)]
TableName = Annotated[str, AfterValidator(_table_name)]
Tags = Annotated[Mapping[str, str], AfterValidator(_tags)]
Engine = Annotated[str, AfterValidator(_engine)]
InstanceClass = Annotated[str, _matching(r"db\.[a-z0-9.-]+", 'an instance class such as "db.t4g.medium"')]
