"""Removes what a run made, from the run record alone, and sees that each thing is gone.

Used when a drill ends, and by whoever cleans up after one that was killed. Only what the record names, what begins with
the drill's prefix and what carries the run's own tag is touched: a record is a file and might have been edited.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws.read import RUN_TAG, error_code, is_not_found
from drills.aws.scratch import PREFIX, gone, left_of
from drills.aws.session import Clients
from drills.clock import Clock
from drills.model.instance import Resource
from drills.record import Journal

Answer = Literal["asked", "absent", "foreign"]
"""What a remover found: it asked AWS for the removal, there is nothing (any more), or it is not this run's."""

# RDS exports an instance's logs to groups of this name ("Publishing PostgreSQL logs to Amazon CloudWatch Logs").
LOG_GROUPS = "/aws/rds/instance/"
# An instance before the groups it uses; a security group stays in use until the instance's network interface is gone.
ORDER = ("db-instance", "db-snapshot", "log-group", "db-parameter-group", "db-subnet-group", "security-group")
PASSING = frozenset(
    {
        "DependencyViolation",
        "InvalidDBParameterGroupState",
        "InvalidDBParameterGroupStateFault",
        "InvalidDBSubnetGroupStateFault",
        "InvalidDBInstanceState",
        "InvalidDBInstanceStateFault",
        "InvalidDBSnapshotState",
        # how RDS, EC2 and CloudWatch Logs say that they were asked too often
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
    for resource in left_of(journal.record.resources):
        if resource.kind == "db-instance":
            _note_log_groups(clients, journal, resource)
    waiting = sorted(left_of(journal.record.resources), key=lambda resource: ORDER.index(resource.kind))
    for resource in waiting:
        note = _remove(clients, resource, journal.record.run_id, clock, every=every, timeout=timeout)
        left = dataclasses.replace(resource, state="left", note=note)
        journal.resource(left if note else gone(resource, clock))
    return left_of(journal.record.resources)


def _remove(clients: Clients, resource: Resource, run_id: str, clock: Clock, *, every: float, timeout: float) -> str:
    """Ask for the removal and look again until the thing is absent; "" then, else why it is still there."""
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
            if error_code(error) not in PASSING:
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


# -- one remover a kind: looks, and asks for the removal of what is there and ours ------------------------------------


def _remove_instance(clients: Clients, resource: Resource, run_id: str) -> Answer:
    found = clients.rds.describe_db_instances(DBInstanceIdentifier=resource.id)["DBInstances"]
    if not found:
        return "absent"
    raw = found[0]
    if not _tagged(raw.get("TagList"), run_id):
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


def _remove_snapshot(clients: Clients, resource: Resource, run_id: str) -> Answer:
    found = clients.rds.describe_db_snapshots(DBSnapshotIdentifier=resource.id)["DBSnapshots"]
    if not found:
        return "absent"
    raw = found[0]
    if not _tagged(raw.get("TagList"), run_id):
        return "foreign"
    clients.rds.delete_db_snapshot(DBSnapshotIdentifier=resource.id)
    return "asked"


def _remove_parameter_group(clients: Clients, resource: Resource, run_id: str) -> Answer:
    found = clients.rds.describe_db_parameter_groups(DBParameterGroupName=resource.id)["DBParameterGroups"]
    if not found:
        return "absent"
    raw = found[0]
    if not _tagged(_tags_of(clients, raw.get("DBParameterGroupArn")), run_id):
        return "foreign"
    clients.rds.delete_db_parameter_group(DBParameterGroupName=resource.id)
    return "asked"


def _remove_subnet_group(clients: Clients, resource: Resource, run_id: str) -> Answer:
    found = clients.rds.describe_db_subnet_groups(DBSubnetGroupName=resource.id)["DBSubnetGroups"]
    if not found:
        return "absent"
    raw = found[0]
    if not _tagged(_tags_of(clients, raw.get("DBSubnetGroupArn")), run_id):
        return "foreign"
    clients.rds.delete_db_subnet_group(DBSubnetGroupName=resource.id)
    return "asked"


def _remove_security_group(clients: Clients, resource: Resource, run_id: str) -> Answer:
    named = [{"Name": "group-name", "Values": [resource.id]}]
    groups = clients.ec2.describe_security_groups(Filters=named)["SecurityGroups"]
    ours = [group for group in groups if _tagged(group.get("Tags"), run_id)]
    for group in ours:
        clients.ec2.delete_security_group(GroupId=group["GroupId"])
    return "asked" if ours else "foreign" if groups else "absent"


def _remove_log_group(clients: Clients, resource: Resource, run_id: str) -> Answer:
    """A log group has no tag of ours: it is RDS's, and told by the name of an instance of this run."""
    if run_id not in resource.id:
        return "foreign"
    clients.logs.delete_log_group(logGroupName=resource.id)
    return "asked"


def _tagged(tags: Sequence[dict[str, Any]] | None, run_id: str) -> bool:
    return any(tag.get("Key") == RUN_TAG and tag.get("Value") == run_id for tag in tags or [])


def _tags_of(clients: Clients, arn: str | None) -> list[dict[str, Any]]:
    if not arn:
        return []
    tags: list[dict[str, Any]] = clients.rds.list_tags_for_resource(ResourceName=arn)["TagList"]
    return tags


_REMOVERS: dict[str, Callable[[Clients, Resource, str], Answer]] = {
    "db-instance": _remove_instance,
    "db-snapshot": _remove_snapshot,
    "log-group": _remove_log_group,
    "db-parameter-group": _remove_parameter_group,
    "db-subnet-group": _remove_subnet_group,
    "security-group": _remove_security_group,
}
