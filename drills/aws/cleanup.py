"""Removes the resources of a run, by the run record alone, and waits until each is gone.

Used when a drill ends, and by whoever cleans up after one that was killed. Only what the record names, what begins with
the drill's prefix and what carries the run's own tag is touched: a record is a file and might have been edited.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws.read import RUN_TAG, error_code, is_not_found
from drills.aws.scratch import PREFIX, mark_gone, remaining_resources
from drills.aws.session import Clients
from drills.clock import Clock
from drills.model.instance import Resource
from drills.record import Journal

RemovalAnswer = Literal["asked", "absent", "foreign"]
"""The result of a remover: removal requested, nothing there, or not this run's."""

# RDS exports an instance's logs to groups of this name ("Publishing PostgreSQL logs to Amazon CloudWatch Logs").
LOG_GROUPS = "/aws/rds/instance/"
# An instance before the groups it uses; a security group stays in use until the instance's network interface is gone.
ORDER = ("db-instance", "db-snapshot", "log-group", "db-parameter-group", "db-subnet-group", "security-group")
TRANSIENT_ERRORS = frozenset(
    {
        "DependencyViolation",
        "InvalidDBParameterGroupState",
        "InvalidDBParameterGroupStateFault",
        "InvalidDBSubnetGroupStateFault",
        "InvalidDBInstanceState",
        "InvalidDBInstanceStateFault",
        "InvalidDBSnapshotState",
        # too many requests, in the words of RDS, EC2 and CloudWatch Logs
        "Throttling",
        "RequestLimitExceeded",
        "ThrottlingException",
    }
)


def remove_all(
    clients: Clients, journal: Journal, clock: Clock, *, every: float, timeout: float
) -> tuple[Resource, ...]:
    """Remove everything that the record still holds; return what is still there, each after `timeout` seconds.

    One thing that cannot be removed does not keep the rest from being removed.
    """
    for resource in remaining_resources(journal.record.resources):
        if resource.kind == "db-instance":
            _note_log_groups(clients, journal, resource)
    waiting = sorted(remaining_resources(journal.record.resources), key=lambda resource: ORDER.index(resource.kind))
    for resource in waiting:
        note = _remove(clients, resource, journal.record.run_id, clock, every=every, timeout=timeout)
        left = dataclasses.replace(resource, state="left", note=note)
        journal.resource(left if note else mark_gone(resource, clock))
    return remaining_resources(journal.record.resources)


def _remove(clients: Clients, resource: Resource, run_id: str, clock: Clock, *, every: float, timeout: float) -> str:
    """Request the removal and wait until the resource is absent; return "" then, else why it is still there."""
    if not resource.id.startswith((PREFIX, LOG_GROUPS + PREFIX)):
        return f"not removed: its name does not begin with {PREFIX!r}"
    deadline = clock.monotonic() + timeout
    asked = False
    while True:
        found = ""
        try:
            answer = _REMOVERS[resource.kind](clients, resource, run_id)
            if answer == "absent":
                return ""
            if answer == "foreign":
                return "not removed: it does not carry this run's tag"
        except ClientError as error:
            if is_not_found(error):
                return ""
            found = f": {error}"
            if error_code(error) not in TRANSIENT_ERRORS:
                return f"AWS refused to remove it{found}"
        except BotoCoreError as error:
            return f"AWS could not be reached: {error}"
        if clock.monotonic() >= deadline:
            return f"still there {timeout:g} s after its removal was asked for{found}"
        if asked or found:  # groups and snapshots are gone at once
            clock.sleep(every)
        asked = True


def _note_log_groups(clients: Clients, journal: Journal, instance: Resource) -> None:
    """Record the log groups that RDS itself may have made for a scratch instance, to be removed with it."""
    try:
        answer = clients.logs.describe_log_groups(logGroupNamePrefix=f"{LOG_GROUPS}{instance.id}/")
    except (ClientError, BotoCoreError) as error:
        journal.append("notes", f"whether {instance.id} left log groups could not be read: {error}")
        return
    for group in answer.get("logGroups", []):
        journal.resource(Resource("log-group", group["logGroupName"], "made", clients.account, clients.region))


# -- one remover per kind: requests the removal of what is there and carries this run's tag ------------------------------------


def _remove_instance(clients: Clients, resource: Resource, run_id: str) -> RemovalAnswer:
    found = clients.rds.describe_db_instances(DBInstanceIdentifier=resource.id)["DBInstances"]
    if not found:
        return "absent"
    raw = found[0]
    if not _has_run_tag(raw.get("TagList"), run_id):
        return "foreign"
    if raw["DBInstanceStatus"] != "deleting":
        if raw.get("DeletionProtection"):
            clients.rds.modify_db_instance(
                DBInstanceIdentifier=resource.id, DeletionProtection=False, ApplyImmediately=True
            )
        clients.rds.delete_db_instance(
            DBInstanceIdentifier=resource.id, SkipFinalSnapshot=True, DeleteAutomatedBackups=True
        )
    return "asked"


def _remove_snapshot(clients: Clients, resource: Resource, run_id: str) -> RemovalAnswer:
    found = clients.rds.describe_db_snapshots(DBSnapshotIdentifier=resource.id)["DBSnapshots"]
    if not found:
        return "absent"
    raw = found[0]
    if not _has_run_tag(raw.get("TagList"), run_id):
        return "foreign"
    clients.rds.delete_db_snapshot(DBSnapshotIdentifier=resource.id)
    return "asked"


def _remove_parameter_group(clients: Clients, resource: Resource, run_id: str) -> RemovalAnswer:
    found = clients.rds.describe_db_parameter_groups(DBParameterGroupName=resource.id)["DBParameterGroups"]
    if not found:
        return "absent"
    raw = found[0]
    if not _has_run_tag(_tags_of(clients, raw.get("DBParameterGroupArn")), run_id):
        return "foreign"
    clients.rds.delete_db_parameter_group(DBParameterGroupName=resource.id)
    return "asked"


def _remove_subnet_group(clients: Clients, resource: Resource, run_id: str) -> RemovalAnswer:
    found = clients.rds.describe_db_subnet_groups(DBSubnetGroupName=resource.id)["DBSubnetGroups"]
    if not found:
        return "absent"
    raw = found[0]
    if not _has_run_tag(_tags_of(clients, raw.get("DBSubnetGroupArn")), run_id):
        return "foreign"
    clients.rds.delete_db_subnet_group(DBSubnetGroupName=resource.id)
    return "asked"


def _remove_security_group(clients: Clients, resource: Resource, run_id: str) -> RemovalAnswer:
    named = [{"Name": "group-name", "Values": [resource.id]}]
    groups = clients.ec2.describe_security_groups(Filters=named)["SecurityGroups"]
    ours = [group for group in groups if _has_run_tag(group.get("Tags"), run_id)]
    for group in ours:
        clients.ec2.delete_security_group(GroupId=group["GroupId"])
    return "asked" if ours else "foreign" if groups else "absent"


def _remove_log_group(clients: Clients, resource: Resource, run_id: str) -> RemovalAnswer:
    """Remove a log group, which RDS made and which has no tag of the run, by the run id in its name."""
    if run_id not in resource.id:
        return "foreign"
    clients.logs.delete_log_group(logGroupName=resource.id)
    return "asked"


def _has_run_tag(tags: Sequence[dict[str, Any]] | None, run_id: str) -> bool:
    return any(tag.get("Key") == RUN_TAG and tag.get("Value") == run_id for tag in tags or [])


def _tags_of(clients: Clients, arn: str | None) -> list[dict[str, Any]]:
    if not arn:
        return []
    tags: list[dict[str, Any]] = clients.rds.list_tags_for_resource(ResourceName=arn)["TagList"]
    return tags


_REMOVERS: dict[str, Callable[[Clients, Resource, str], RemovalAnswer]] = {
    "db-instance": _remove_instance,
    "db-snapshot": _remove_snapshot,
    "log-group": _remove_log_group,
    "db-parameter-group": _remove_parameter_group,
    "db-subnet-group": _remove_subnet_group,
    "security-group": _remove_security_group,
}
