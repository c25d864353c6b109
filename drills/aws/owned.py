"""Finds what a run has made, by name and tag: a name can be guessed or be another's, the run's own tag decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from drills.aws.read import RUN_TAG, is_not_found
from drills.aws.session import Clients
from drills.model.instance import ResourceKind

Raw = dict[str, Any]
"""A member of the answer of a Describe operation."""


def find(clients: Clients, kind: ResourceKind, name: str) -> list[Raw]:
    """Return what there is of that kind and name, whoever made it. Raises what boto3 raises but for "not found"."""
    try:
        return _FINDERS[kind](clients, name)
    except ClientError as error:
        if is_not_found(error):
            return []
        raise


def is_own(clients: Clients, kind: ResourceKind, raw: Raw, run_id: str) -> bool:
    """Return whether something carries the run's tag; a log group, which RDS makes, has the run's id in its name."""
    if kind == "log-group":
        return run_id in raw["logGroupName"]
    return any(tag.get("Key") == RUN_TAG and tag.get("Value") == run_id for tag in _tags_of(clients, raw))


def _tags_of(clients: Clients, raw: Raw) -> Sequence[dict[str, Any]]:
    """Return the tags of an instance, snapshot or group; those of the groups of RDS are asked for."""
    arn = raw.get("DBParameterGroupArn") or (raw.get("DBSubnetGroupArn") if "DBInstanceIdentifier" not in raw else "")
    if arn:
        tags: list[dict[str, Any]] = clients.rds.list_tags_for_resource(ResourceName=arn)["TagList"]
        return tags
    return raw.get("TagList") or raw.get("Tags") or ()


def _log_groups(clients: Clients, name: str) -> list[Raw]:
    answer = clients.logs.describe_log_groups(logGroupNamePrefix=name)
    return [group for group in answer.get("logGroups", []) if group["logGroupName"] == name]


_FINDERS: dict[ResourceKind, Callable[[Clients, str], list[Raw]]] = {
    "db-instance": lambda of, name: of.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"],
    "db-snapshot": lambda of, name: of.rds.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"],
    "log-group": _log_groups,
    "db-parameter-group": lambda of, name: of.rds.describe_db_parameter_groups(DBParameterGroupName=name)[
        "DBParameterGroups"
    ],
    "db-subnet-group": lambda of, name: of.rds.describe_db_subnet_groups(DBSubnetGroupName=name)["DBSubnetGroups"],
    "security-group": lambda of, name: of.ec2.describe_security_groups(
        Filters=[{"Name": "group-name", "Values": [name]}]
    )["SecurityGroups"],
}
