"""Which instances and clusters AWS Backup protects, chosen by a tag: what a fleet is found by that nobody has listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from drills.aws import read as aws
from drills.aws.databases.kinds import CLUSTER, INSTANCE, KINDS
from drills.aws.session import Clients
from drills.aws.settings import read_or_not_verified
from drills.model.instance import DatabaseKind
from drills.model.parity import NotVerified

Described = Iterable[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Protected:
    """The databases that have the tag, by kind and name, and a sentence for each that has it and cannot be drilled."""

    databases: tuple[tuple[DatabaseKind, str], ...]
    left_out: tuple[str, ...] = ()


def find(clients: Clients, key: str, value: str) -> Protected:
    """Return the databases of the clients' account and region that AWS Backup protects and that have the tag.

    A resource is protected that has a recovery point (AWS Backup API reference, ListProtectedResources), also where the
    database is gone: its tags are gone with it, and so it is not found. Raises ClientError, BotoCoreError.
    """
    protected = {str(each["ResourceArn"]) for each in aws.pages(clients.backup, "list_protected_resources", "Results")}
    instances = aws.pages(clients.rds, "describe_db_instances", INSTANCE.described)
    clusters = read_or_not_verified(
        "rds:DescribeDBClusters", lambda: tuple(aws.pages(clients.rds, "describe_db_clusters", CLUSTER.described))
    )
    return chosen(protected, instances, clusters, key, value)


def chosen(
    protected: Iterable[str], instances: Described, clusters: Described | NotVerified, key: str, value: str
) -> Protected:
    """Return which of the instances and clusters, as RDS describes them, are to be drilled. Pure.

    An instance of a cluster is none: its data are the cluster's. One that has the tag in its cluster's place is named.
    """
    arns, left_out = set(protected), []
    databases: list[tuple[DatabaseKind, str]] = []
    tagged = {"instance": _tagged(instances, key, value), "cluster": []}
    if isinstance(clusters, NotVerified):
        left_out.append(f"clusters: expected to list them, found {clusters.reason}: none of them is drilled")
    else:
        tagged["cluster"] = _tagged(clusters, key, value)
    known = {str(each[CLUSTER.identifier]) for each in tagged["cluster"]}
    for name, kind in KINDS.items():
        for each in tagged[name]:
            owner = each.get(CLUSTER.identifier) if kind is INSTANCE else None
            if owner is None and (reason := _reason(each, kind.engine, str(each[kind.own_arn]) in arns)):
                left_out.append(f"{each[kind.identifier]}: {reason}")
            elif owner is None:
                databases.append((name, str(each[kind.identifier])))
            elif owner not in known and not isinstance(clusters, NotVerified):
                left_out.append(
                    f'{each[kind.identifier]}: expected the tag at its cluster, found it at an instance of it alone: tag "{owner}"'
                )
    return Protected(tuple(sorted(databases)), tuple(sorted(left_out)))


def _tagged(described: Described, key: str, value: str) -> list[Mapping[str, Any]]:
    return [each for each in described if aws.tags_by_key(each.get("TagList") or ()).get(key) == value]


def _reason(described: Mapping[str, Any], engine: str, is_protected: bool) -> str:
    """Return why a database that has the tag cannot be drilled, "" where it can."""
    if described["Engine"] != engine:
        return f'expected the engine "{engine}", found "{described["Engine"]}": it is not drilled'
    return "" if is_protected else "expected a recovery point in AWS Backup, found none: it is not protected"
