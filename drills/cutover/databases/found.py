"""What a cut-over is about, found by its name or its identity: an instance, or an Aurora cluster with all of its instances.

A cluster is described as DescribeDBInstances would describe it (drills/aws/databases/described.py), so that the steps are the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from drills.aws import read as aws
from drills.aws.databases.described import as_instance, read_cluster, read_instance
from drills.aws.databases.kinds import CLUSTER, INSTANCE, Kind
from drills.aws.session import Clients
from drills.aws.wait import OPERATIONAL
from drills.model.instance import Instance

Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """A database as AWS describes it and as a value; of a cluster `members` are its instances as AWS describes them, and
    `writer` is one of these.

    The value of a cluster has as pending what is pending of its instances too, and which of them are not available.
    """

    raw: Raw
    instance: Instance
    members: tuple[Raw, ...] = ()
    writer: Raw | None = None


def by_name(clients: Clients, name: str, kind: Kind = INSTANCE) -> Found | None:
    """Return the instance or cluster of that name, None where there is none."""
    raw = aws.raw_instance(clients, name, kind)
    return _found(clients, raw, kind) if raw else None


def by_identity(clients: Clients, resource_id: str, kind: Kind = INSTANCE) -> Found | None:
    """Return the instance or cluster of that identity under whatever name, None where there is none (any more)."""
    if not resource_id:
        return None
    operation = "describe_db_clusters" if kind is CLUSTER else "describe_db_instances"
    rows = aws.pages(clients.rds, operation, kind.described)
    raw = next((each for each in rows if kind.resource_of(each) == resource_id), None)
    return _found(clients, raw, kind) if raw else None


def _found(clients: Clients, raw: Raw, kind: Kind) -> Found:
    if kind is INSTANCE:
        return Found(raw, read_instance(raw))
    listed = raw.get("DBClusterMembers") or ()
    described = {
        each["DBInstanceIdentifier"]: aws.raw_instance(clients, each["DBInstanceIdentifier"]) for each in listed
    }
    writer = next((described[each["DBInstanceIdentifier"]] for each in listed if each.get("IsClusterWriter")), None)
    cluster = read_cluster(raw, writer)
    pending = (*cluster.pending, *_pending(described))
    members = tuple(each for each in described.values() if each)
    return Found(as_instance(raw, writer), dataclasses.replace(cluster, pending=pending), members, writer)


def _pending(members: Mapping[str, Raw | None]) -> Iterator[str]:
    for name, raw in members.items():
        member = read_instance(raw) if raw else None
        if member is None or member.status not in OPERATIONAL:
            yield f"{name} {member.status if member else 'unknown'}"
        elif member.pending:
            yield f"{name}: {', '.join(member.pending)}"
