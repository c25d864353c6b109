"""What an account says of its PostgreSQL databases and their backups, by reading alone; what cannot be read is said so."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import plans
from drills.aws import read as aws
from drills.aws.databases.described import read_cluster, read_instance
from drills.aws.databases.kinds import CLUSTER, INSTANCE, KINDS, Kind
from drills.aws.guarded.names import PREFIX, RESTORE_TEST_TAG
from drills.aws.remedies import error_text
from drills.aws.session import Clients
from drills.aws.settings import read_or_not_verified
from drills.model.instance import DatabaseKind, Instance
from drills.model.parity import NotVerified
from drills.model.point import USABLE, RecoveryPoint

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Source:
    """A PostgreSQL instance of RDS or an Aurora PostgreSQL cluster, and the ARN of the key that encrypts it, "" without one."""

    instance: Instance
    key: str
    kind: DatabaseKind = "instance"

    @property
    def label(self) -> str:
        """What people call it, as they answer it: an instance by its name, and a cluster with that word before it."""
        return self.instance.id if self.kind == "instance" else f"cluster {self.instance.id}"

    @property
    def copy_of(self) -> str:
        """Who made it as a copy that is removed again, "" for a database of the owner's; a drill of a copy proves nothing.

        A run of drills names and tags what it makes. AWS Backup tags what a restore test makes, and removes it ("Restore
        testing", AWS Backup developer guide).
        """
        tags = dict(self.instance.tags)
        if self.instance.id.startswith(PREFIX) or aws.RUN_TAG in tags:
            return "a run of drills"
        return "a restore test of AWS Backup" if RESTORE_TEST_TAG in tags else ""


@dataclass(frozen=True, slots=True)
class Sources:
    """The databases of an account, copies among them, the cluster of each instance that has one, and why none was listed."""

    all: tuple[Source, ...]
    members: Mapping[str, str] = field(default_factory=dict)
    unread: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found around a source.

    `plans` are the backup plans that select it, and `vaults` where their rules put its recovery points; `points` are those that
    could be restored; `subnet_groups` are the others of its VPC, and `closed_groups` the security groups there that let
    nothing out. `unread` has the reason by the name of what could not be read.
    """

    account: str
    region: str
    source: Source
    plans: tuple[str, ...] = ()
    vaults: tuple[str, ...] = ()
    points: tuple[RecoveryPoint, ...] = ()
    subnet_groups: tuple[str, ...] = ()
    closed_groups: tuple[str, ...] = ()
    unread: dict[str, str] = field(default_factory=dict)


def sources(clients: Clients) -> Sources:
    """Return the instances of RDS for PostgreSQL that are no member of a cluster, and the clusters of Aurora PostgreSQL.

    Raises what boto3 raises, but not for clusters, which the rights of a drill of instances do not list.
    """
    described = {each["DBInstanceIdentifier"]: each for each in _described(clients, INSTANCE)}
    members = {name: each["DBClusterIdentifier"] for name, each in described.items() if each.get("DBClusterIdentifier")}
    found = [
        Source(read_instance(each), str(each.get("KmsKeyId") or ""))
        for name, each in described.items()
        if each["Engine"] == INSTANCE.engine and name not in members
    ]
    clusters = read_or_not_verified("rds:DescribeDBClusters", lambda: tuple(_described(clients, CLUSTER)))
    unread = clusters.reason if isinstance(clusters, NotVerified) else ""
    for each in () if isinstance(clusters, NotVerified) else clusters:
        if each["Engine"] == CLUSTER.engine:
            writers = [
                member["DBInstanceIdentifier"] for member in each["DBClusterMembers"] if member["IsClusterWriter"]
            ]
            cluster = read_cluster(each, described.get(writers[0]) if writers else None)
            found.append(Source(cluster, str(each.get("KmsKeyId") or ""), "cluster"))
    return Sources(tuple(sorted(found, key=lambda each: each.label)), members, unread)


def _described(clients: Clients, kind: Kind) -> Iterator[dict[str, Any]]:
    return aws.pages(clients.rds, f"describe_db_{kind.name}s", kind.described)


def look_around(clients: Clients, source: Source, vault: str | None) -> Found:
    """Return what there is around a source; `vault` is looked into besides, where one is given."""
    unread: dict[str, str] = {}

    def read(what: str, ask: Callable[[], T], otherwise: T) -> T:
        try:
            return ask()
        except (ClientError, BotoCoreError) as error:
            unread[what] = error_text(error)
            return otherwise

    instance = source.instance
    nothing: tuple[str, ...] = ()
    names, of_plans = read("plans", lambda: _plans(clients, instance), (nothing, nothing))
    vaults = tuple(dict.fromkeys((*((vault,) if vault else ()), *of_plans)))
    points: dict[str, RecoveryPoint] = {}
    none: tuple[RecoveryPoint, ...] = ()
    for name in vaults or (None,):
        ask = functools.partial(aws.recovery_points, clients, instance.id, name, KINDS[source.kind])
        asked = read("recovery points", ask, none)
        points |= {point.arn: point for point in asked if point.status in USABLE}
    return Found(
        clients.account,
        clients.region,
        source,
        names,
        vaults,
        tuple(points.values()),
        read("subnet groups", lambda: _subnet_groups(clients, instance), nothing),
        read("security groups", lambda: _closed_groups(clients, instance), nothing),
        unread,
    )


def _plans(clients: Clients, instance: Instance) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the plans that select the instance, and the vaults of their rules."""
    names: dict[str, bool] = {}
    vaults: dict[str, None] = {}
    for row, _, _ in plans.selections(clients, instance.arn, dict(instance.tags)):
        names[str(row.get("BackupPlanName") or row["BackupPlanId"])] = True
        plan = clients.backup.get_backup_plan(BackupPlanId=row["BackupPlanId"])["BackupPlan"]
        vaults |= dict.fromkeys(str(rule["TargetBackupVaultName"]) for rule in plan.get("Rules") or ())
    return tuple(names), tuple(vaults)


def _subnet_groups(clients: Clients, instance: Instance) -> tuple[str, ...]:
    rows = aws.pages(clients.rds, "describe_db_subnet_groups", "DBSubnetGroups")
    names = [row["DBSubnetGroupName"] for row in rows if row.get("VpcId") == instance.vpc_id]
    return tuple(sorted(set(names) - {instance.subnet_group}))


def _closed_groups(clients: Clients, instance: Instance) -> tuple[str, ...]:
    of_vpc = [{"Name": "vpc-id", "Values": [instance.vpc_id]}]
    rows = aws.pages(clients.ec2, "describe_security_groups", "SecurityGroups", Filters=of_vpc)
    closed = [row["GroupId"] for row in rows if row.get("IpPermissionsEgress") == []]
    return tuple(sorted(set(closed) - set(instance.security_groups)))
