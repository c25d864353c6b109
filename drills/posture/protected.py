"""Which instances AWS Backup protects, chosen by a tag: what a fleet is found by that nobody has listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from drills.aws.session import Clients
from drills.config.values import one_of

ENGINES = ("postgres",)


@dataclass(frozen=True, slots=True)
class Protected:
    """The instances that have the tag, by name, and a sentence for each that has it and cannot be drilled."""

    instances: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def find(clients: Clients, key: str, value: str) -> Protected:
    """Return the instances of the clients' account and region that AWS Backup protects and that have the tag.

    A resource is protected that has a recovery point (AWS Backup API reference, ListProtectedResources), also where the
    instance is gone: its tags are gone with it, and so it is not found. Raises ClientError, BotoCoreError.
    """
    protected = {
        str(each["ResourceArn"])
        for page in clients.backup.get_paginator("list_protected_resources").paginate()
        for each in page["Results"]
    }
    instances = (
        each for page in clients.rds.get_paginator("describe_db_instances").paginate() for each in page["DBInstances"]
    )
    return chosen(protected, instances, key, value)


def chosen(protected: Iterable[str], instances: Iterable[Mapping[str, Any]], key: str, value: str) -> Protected:
    """Return which of the instances, as RDS describes them, are to be drilled. Pure."""
    arns, found, left_out = set(protected), [], []
    for each in instances:
        tags = {tag["Key"]: tag["Value"] for tag in each.get("TagList", ())}
        if tags.get(key) != value:
            continue
        name = str(each["DBInstanceIdentifier"])
        if each["Engine"] not in ENGINES:
            left_out.append(f"{name}: expected the engine {one_of(ENGINES)}, found {each['Engine']}: it is not drilled")
        elif each["DBInstanceArn"] not in arns:
            left_out.append(f"{name}: expected a recovery point in AWS Backup, found none: it is not protected")
        else:
            found.append(name)
    return Protected(tuple(sorted(found)), tuple(sorted(left_out)))
