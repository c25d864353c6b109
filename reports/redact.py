"""The redaction profile `external`: what of a run's record identifies accounts, machines and resources, masked. Pure.

Masked are AWS account ids (also within ARNs), host names, endpoints, IP addresses and buckets, the ids that AWS gives to
resources, keys included, and the persons who carried out the run. The same value has the same mask throughout a record,
numbered in the order in which it comes; masks of two runs say nothing of each other. Names that the owner chose (instances,
databases, tables, vaults) stay.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any

from drills.model.evidence import Initiator
from drills.model.record import RunRecord, Setting
from drills.record import from_json, to_json
from reports import words

EXTERNAL = "external"
PROFILES = (EXTERNAL,)
# Nothing is learned from these, and reports of the sandbox are full of them.
OPEN = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "::1"})

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-"
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    # hosts before accounts: an account id can be a part of a name
    ("host", re.compile(r"(?<=://)(?:[^/@\s\"']*@)?(?P<value>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])")),
    ("host", re.compile(r"(?P<value>\b[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.amazonaws\.com(?:\.cn)?\b)")),
    ("host", re.compile(r"(?P<value>\b[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.(?:internal|local|localdomain|lan|corp)\b)")),
    ("host", re.compile(r"(?:server at|host name|host|hostname) \"(?P<value>[^\"\s]+)\"")),
    ("host", re.compile(r"(?<![\w.])(?P<value>(?:\d{1,3}\.){3}\d{1,3})(?![\w.])")),
    (
        "host",
        re.compile(
            r"(?<![\w:])(?P<value>(?:[0-9A-Fa-f]{1,4}:){4,7}[0-9A-Fa-f]{1,4}|(?:[0-9A-Fa-f]{1,4}:)+:[0-9A-Fa-f:]+)"
        ),
    ),
    ("key", re.compile(rf"\bkey/(?P<value>{_UUID}[0-9a-f]{{12}}|mrk-[0-9a-f]{{32}})")),
    ("resource", re.compile(r"\b(?P<value>(?:db|cluster)-[A-Z0-9]{10,})\b")),
    (
        "resource",
        re.compile(r"\b(?P<value>(?:sgr?|subnet|vpc|vpce|eni|eip(?:alloc)?|i|igw|rtb|acl|pl)-[0-9a-f]{8,17})\b"),
    ),
    ("account", re.compile(rf"(?<![0-9A-Za-z])(?<!{_UUID})(?P<value>\d{{12}})(?![0-9A-Za-z])")),
    ("account", re.compile(r"(?<![0-9A-Za-z-])(?P<value>\d{4}-\d{4}-\d{4})(?![0-9A-Za-z-])")),
)

# arn:aws:sts::123456789012:assumed-role/ROLE/SESSION, arn:aws:iam::123456789012:user/PATH/NAME and federated-user/NAME
# (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html)
_PERSON = re.compile(r"((?::assumed-role/[^/]+/|:user/|:federated-user/))\S+")


def external(record: RunRecord) -> RunRecord:
    """The record with everything masked that the profile masks, and a setting that says so."""
    if words.is_redacted(record):
        return record
    record = dataclasses.replace(record, initiator=_without_persons(record.initiator))
    data = json.loads(to_json(record))
    masks: dict[tuple[str, str], str] = {}
    for kind, value in _known(record):
        _mask(masks, kind, value)
    for text in _texts(data):
        for kind, pattern in _KINDS:
            for found in pattern.finditer(text):
                _mask(masks, kind, found["value"])
    longest_first = sorted(((value, mask) for (_, value), mask in masks.items()), key=lambda each: -len(each[0]))
    pattern = re.compile("|".join(rf"(?<![0-9A-Za-z]){re.escape(value)}(?![0-9A-Za-z])" for value, _ in longest_first))
    shown = _replaced(data, pattern, dict(longest_first)) if longest_first else data
    made = from_json(json.dumps(shown))
    return dataclasses.replace(made, settings=(*made.settings, Setting(words.REDACTED, EXTERNAL, "command line")))


def _without_persons(who: Initiator) -> Initiator:
    """Who carried out the run without the names of persons and of the machine; the role in AWS stays.

    The names are masked in their own fields alone: a user or a machine may be called as a word that stands anywhere.
    """
    names = {
        name: f"user-{number}" for number, name in enumerate(dict.fromkeys(filter(None, (who.user, who.actor))), 1)
    }
    arn = _PERSON.sub(r"\1user-0", who.arn)
    host = "host-0" if who.host and who.host not in OPEN else who.host
    return dataclasses.replace(who, arn=arn, user=names.get(who.user, ""), actor=names.get(who.actor, ""), host=host)


def _known(record: RunRecord) -> Iterator[tuple[str, str]]:
    """What the record itself calls an account, a host or a resource's id, whatever it looks like."""
    target = record.target
    if target:
        yield "account", target.account
        yield "resource", target.dbi_resource_id
    for resource in record.resources:
        yield "account", resource.account
    for restoration in record.restorations:
        yield "host", restoration.host
        if point := restoration.point:
            yield "resource", point.dbi_resource_id or ""
            yield "key", "" if "alias/" in (point.kms_key_id or "") else (point.kms_key_id or "").rpartition("/")[2]
    if record.history:
        yield "account", record.history.key.account
        yield "resource", record.history.key.dbi_resource_id


def _mask(masks: dict[tuple[str, str], str], kind: str, value: str) -> None:
    if not value or value in OPEN or any(value == known for _, known in masks):
        return
    masks[kind, value] = f"{kind}-{1 + sum(each == kind for each, _ in masks)}"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def _replaced(value: Any, pattern: re.Pattern[str], masks: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(each, pattern, masks) for key, each in value.items()}
    if isinstance(value, list):
        return [_replaced(each, pattern, masks) for each in value]
    return pattern.sub(lambda found: masks[found[0]], value) if isinstance(value, str) else value
