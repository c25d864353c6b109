"""Finds what runs left in one account and region, by reading alone: each kind by its Describe or List operation."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import owned
from drills.aws.cleanup import AFTER_INSTANCE
from drills.aws.guarded.guard import identity_of
from drills.aws.guarded.names import LOCK_PREFIX, LOG_GROUPS, PREFIX
from drills.aws.owned import Raw, tags_of
from drills.aws.read import (
    EXPIRES_TAG,
    INCIDENT_TAG,
    RUN_TAG,
    TARGET_TAG,
    is_not_found,
    pages,
    parse_expiry,
    tags_by_key,
)
from drills.aws.remedies import explain
from drills.aws.session import Clients
from drills.model.instance import DATABASES, OF_DATABASES, ResourceKind
from drills.record import RUN_ID
from drills.sweep.leftovers import Leftover

_AGAIN = "run it again; docs/sweep.md has the rights that it needs"


@dataclass(frozen=True, slots=True)
class Found:
    """What is there, in the order in which it is removed; which kinds could not be listed, and a sentence for each of these."""

    leftovers: tuple[Leftover, ...]
    unread: tuple[str, ...] = ()
    unlisted: tuple[ResourceKind, ...] = ()


def find(clients: Clients, kinds: Iterable[ResourceKind] = OF_DATABASES) -> Found:
    """Return what is named as a drill's things are, and what else carries the tag of a run, in the clients' account and region."""
    found: list[Leftover] = []
    unread, unlisted = [], []
    for kind in kinds:
        try:
            found += _LISTS[kind](clients)
        except (ClientError, BotoCoreError) as error:
            where = f"account {clients.account}, {clients.region}"
            unlisted.append(kind)
            unread.append(f"expected to list the {kind}s of {where}, found: {explain(error, _AGAIN)}")
    dated = _with_leases(_with_log_groups_dated(found))
    known = not DATABASES.intersection(unlisted)
    return Found(_with_users(dated, known=known), tuple(unread), tuple(unlisted))


def _with_users(found: tuple[Leftover, ...], *, known: bool) -> tuple[Leftover, ...]:
    """Return the same, what a database cannot do without with those of its run: also one that was renamed or untagged.

    A copy of another kind has no groups and no password of a run's.
    """
    copies = [each for each in found if each.kind in DATABASES]

    def used(each: Leftover) -> Leftover:
        if each.kind not in AFTER_INSTANCE or not each.run_id or each.id.startswith(LOCK_PREFIX):
            return each
        stem = f"{PREFIX}{each.run_id}-"
        users = tuple(one for one in copies if one.run_id == each.run_id or one.id.startswith(stem))
        return dataclasses.replace(each, users=users, users_known=known)

    return tuple(map(used, found))


def _with_log_groups_dated(found: list[Leftover]) -> tuple[Leftover, ...]:
    """Return the same, each log group with the tags of the instance that it belongs to: RDS makes it, without tags of a drill."""
    instances = {each.id: each for each in found if each.kind == "db-instance"}

    def dated(each: Leftover) -> Leftover:
        of = instances.get(each.id.removeprefix(LOG_GROUPS).split("/")[0]) if each.kind == "log-group" else None
        return dataclasses.replace(each, run_id=of.run_id, target=of.target, expires=of.expires) if of else each

    return tuple(dated(each) for each in found)


def _with_leases(found: tuple[Leftover, ...]) -> tuple[Leftover, ...]:
    """Return the same, each thing of a run that holds its target with the end of that lease where it is later.

    A run that was resumed works with what carries the tags of its beginning.
    """
    latest: dict[str, tuple[datetime, str]] = {}
    for each in found:
        expires = parse_expiry(each.expires)
        if each.id.startswith(LOCK_PREFIX) and each.run_id and expires:
            latest[each.run_id] = max(latest.get(each.run_id, (expires, each.expires)), (expires, each.expires))

    def extended(each: Leftover) -> Leftover:
        own, lease = parse_expiry(each.expires), latest.get(each.run_id)
        return dataclasses.replace(each, expires=lease[1]) if own and lease and lease[0] > own else each

    return tuple(map(extended, found))


def _leftovers(clients: Clients, kind: ResourceKind, listed: Iterable[Raw], key: str) -> Iterator[Leftover]:
    """Yield what has a drill's prefix or carries the tag of a run; not what is gone when its tags are asked for.

    `key` is the member that has the name.
    """
    for raw in listed:
        name = str(raw[key])
        try:
            said = tags_by_key(tags_of(clients, raw))
        except ClientError as error:
            if is_not_found(error):  # another sweep, or the run itself, has removed it since it was listed
                continue
            raise
        prefixed = name.startswith(PREFIX)
        if prefixed or RUN_TAG in said:
            run_id, target, expires = (said.get(tag, "") for tag in (RUN_TAG, TARGET_TAG, EXPIRES_TAG))
            identity = identity_of(kind, raw)
            place, kept = (clients.account, clients.region), INCIDENT_TAG in said
            yield Leftover(kind, name, *place, run_id, target, expires, prefixed, identity, kept)


def _instances(clients: Clients) -> Iterator[Leftover]:
    listed = pages(clients.rds, "describe_db_instances", "DBInstances")
    return _leftovers(clients, "db-instance", listed, "DBInstanceIdentifier")


def _clusters(clients: Clients) -> Iterator[Leftover]:
    listed = pages(clients.rds, "describe_db_clusters", "DBClusters")
    return _leftovers(clients, "db-cluster", listed, "DBClusterIdentifier")


def _cluster_snapshots(clients: Clients) -> Iterator[Leftover]:
    listed = pages(clients.rds, "describe_db_cluster_snapshots", "DBClusterSnapshots", SnapshotType="manual")
    return _leftovers(clients, "db-cluster-snapshot", listed, "DBClusterSnapshotIdentifier")


def _cluster_parameter_groups(clients: Clients) -> Iterator[Leftover]:
    operation, member = "describe_db_cluster_parameter_groups", "DBClusterParameterGroups"
    return _groups(clients, "db-cluster-parameter-group", operation, member, "DBClusterParameterGroupName")


def _snapshots(clients: Clients) -> Iterator[Leftover]:
    """Yield snapshots made by hand or by a drill; automated ones and those of AWS Backup have an end of life of their own."""
    listed = pages(clients.rds, "describe_db_snapshots", "DBSnapshots", SnapshotType="manual")
    return _leftovers(clients, "db-snapshot", listed, "DBSnapshotIdentifier")


def _groups(clients: Clients, kind: ResourceKind, operation: str, member: str, key: str) -> Iterator[Leftover]:
    """Yield groups of RDS with a drill's prefix: the tags of each are a call of their own."""
    listed = (raw for raw in pages(clients.rds, operation, member) if raw[key].startswith(PREFIX))
    return _leftovers(clients, kind, listed, key)


def _parameter_groups(clients: Clients) -> Iterator[Leftover]:
    operation, member, key = "describe_db_parameter_groups", "DBParameterGroups", "DBParameterGroupName"
    return _groups(clients, "db-parameter-group", operation, member, key)


def _subnet_groups(clients: Clients) -> Iterator[Leftover]:
    operation, member, key = "describe_db_subnet_groups", "DBSubnetGroups", "DBSubnetGroupName"
    return _groups(clients, "db-subnet-group", operation, member, key)


def _security_groups(clients: Clients) -> Iterator[Leftover]:
    filters = [{"Name": "group-name", "Values": [f"{PREFIX}*"]}]
    listed = pages(clients.ec2, "describe_security_groups", "SecurityGroups", Filters=filters)
    return _leftovers(clients, "security-group", listed, "GroupName")


def _log_groups(clients: Clients) -> Iterator[Leftover]:
    """Yield the log groups that RDS made for scratch instances, with the run that the name holds."""
    for raw in pages(clients.logs, "describe_log_groups", "logGroups", logGroupNamePrefix=f"{LOG_GROUPS}{PREFIX}"):
        name = raw["logGroupName"]
        known = RUN_ID.search(name)
        yield Leftover("log-group", name, clients.account, clients.region, known[0] if known else "")


def _secrets(clients: Clients) -> Iterator[Leftover]:
    filters = [{"Key": "name", "Values": [PREFIX]}]
    listed = pages(clients.secretsmanager, "list_secrets", "SecretList", Filters=filters)
    return _leftovers(clients, "secret", listed, "Name")


def _tables(clients: Clients) -> Iterator[Leftover]:
    """Yield tables with a drill's prefix: the description and the tags of each are calls of their own."""
    client = clients.client("dynamodb")
    names = (name for page in client.get_paginator("list_tables").paginate() for name in page["TableNames"])
    for name in names:
        for raw in owned.find(clients, "dynamodb-table", name) if name.startswith(PREFIX) else ():
            for each in _leftovers(clients, "dynamodb-table", [raw], "TableName"):
                yield _of_its_name(each) if raw.get("TableStatus") == "ACTIVE" and owned.awaits_its_tags(raw) else each


def _of_its_name(leftover: Leftover) -> Leftover:
    """Return what was restored with the run in its name, where that run was ended between the restore and its tags.

    It is there and has no tag at all: what somebody keeps has a tag of theirs.
    """
    known = RUN_ID.match(leftover.id.removeprefix(PREFIX))
    return dataclasses.replace(leftover, run_id=known[0]) if known else leftover


def _volumes(clients: Clients) -> Iterator[Leftover]:
    """Yield volumes that carry the tag of a run: their name is a tag as well."""
    listed = pages(clients.ec2, "describe_volumes", "Volumes", Filters=[{"Name": "tag-key", "Values": [RUN_TAG]}])
    named = (raw | {"Name": tags_by_key(raw["Tags"]).get("Name", raw["VolumeId"])} for raw in listed)
    return _leftovers(clients, "ebs-volume", named, "Name")


def _file_systems(clients: Clients) -> Iterator[Leftover]:
    """Yield file systems whose creation token is of a drill, or that carry the tag of a run."""
    for raw in pages(clients.client("efs"), "describe_file_systems", "FileSystems"):
        for each in _leftovers(clients, "efs-file-system", [raw], "CreationToken"):
            yield _of_its_name(each) if owned.has_no_tags(raw) else each


def _buckets(clients: Clients) -> Iterator[Leftover]:
    """Yield buckets with a drill's prefix, of this region: the tags of each are a call of their own."""
    listed = pages(clients.client("s3"), "list_buckets", "Buckets", Prefix=PREFIX, BucketRegion=clients.region)
    for raw in listed:
        yield from _leftovers(clients, "s3-bucket", owned.find(clients, "s3-bucket", str(raw["Name"])), "Name")


_LISTS: Mapping[ResourceKind, Callable[[Clients], Iterator[Leftover]]] = {
    "db-instance": _instances,
    "db-cluster": _clusters,
    "db-snapshot": _snapshots,
    "db-cluster-snapshot": _cluster_snapshots,
    "db-cluster-parameter-group": _cluster_parameter_groups,
    "log-group": _log_groups,
    "db-parameter-group": _parameter_groups,
    "db-subnet-group": _subnet_groups,
    "security-group": _security_groups,
    "secret": _secrets,
    "dynamodb-table": _tables,
    "ebs-volume": _volumes,
    "efs-file-system": _file_systems,
    "s3-bucket": _buckets,
}
