"""Removes the resources of a run, by the run record alone, and waits until each is gone.

Used when a drill ends, and by whoever cleans up after one that was killed. Only what the record names, what begins with
the drill's prefix and what carries the run's own tag is touched: a record is a file and might have been edited.

All clean-ups of a run share one limit, however many things they remove. What AWS refuses for good is asked for once; what hangs on
such a thing is not waited for.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Literal

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import owned
from drills.aws.outcome import is_in_use, passes
from drills.aws.read import error_text, is_not_found
from drills.aws.scratch import PREFIX, mark_gone, remaining_resources
from drills.aws.session import Clients
from drills.clock import Clock
from drills.config.limits import Limit
from drills.model.instance import Resource, ResourceKind
from drills.record import Journal

RemovalAnswer = Literal["asked", "absent", "foreign"]
"""The result of a remover: removal requested, nothing there, or not this run's."""

# RDS exports an instance's logs to groups of this name ("Publishing PostgreSQL logs to Amazon CloudWatch Logs").
LOG_GROUPS = "/aws/rds/instance/"
# An instance before the groups it uses; a security group stays in use until the instance's network interface is gone.
ORDER = ("db-instance", "db-snapshot", "log-group", "db-parameter-group", "db-subnet-group", "security-group")
USED_BY_INSTANCE = frozenset({"log-group", "db-parameter-group", "db-subnet-group", "security-group"})
# What was planned can still appear when the request for it got no answer: it must have been absent for so many polls, and no
# longer than so many seconds ("Eventual consistency in the Amazon RDS API", RDS User Guide).
ABSENT_POLLS, ABSENT_SECONDS = 10, 30.0


def remove_all(clients: Clients, journal: Journal, clock: Clock, *, every: float, limit: Limit) -> tuple[Resource, ...]:
    """Remove everything that the record still holds; return what is still there.

    One thing that cannot be removed does not keep the rest from being removed. `every` is the seconds between two polls. The
    seconds that earlier clean-ups of the run took count too: when the limit is used up, each thing is still asked for once.
    """
    remaining = remaining_resources(journal.record.resources)
    if not remaining:
        return ()
    for resource in remaining:
        if resource.kind == "db-instance":
            _note_log_groups(clients, journal, resource)
    used, began = journal.record.clean_up_seconds, clock.monotonic()
    try:
        _Removal(clients, journal, clock, every, limit).carry_out(began + limit.seconds - used)
    finally:
        journal.update(clean_up_seconds=used + clock.monotonic() - began)
    return remaining_resources(journal.record.resources)


def removal_command(resource: Resource) -> str:
    """Return the command by which a person removes a resource that a clean-up has left. Pure."""
    region = f" --region {resource.region}" if resource.region else ""
    known = re.search(r"\bsg-[0-9a-f]+", resource.note)  # a group of EC2 is removed by its id alone
    named = f"--filters Name=group-name,Values={resource.id} --query 'SecurityGroups[].GroupId' --output text"
    group = known[0] if known else f"$(aws ec2 describe-security-groups {named}{region})"
    words = {
        "db-instance": f"rds delete-db-instance --skip-final-snapshot --db-instance-identifier {resource.id}",
        "db-snapshot": f"rds delete-db-snapshot --db-snapshot-identifier {resource.id}",
        "log-group": f"logs delete-log-group --log-group-name {resource.id}",
        "db-parameter-group": f"rds delete-db-parameter-group --db-parameter-group-name {resource.id}",
        "db-subnet-group": f"rds delete-db-subnet-group --db-subnet-group-name {resource.id}",
        "security-group": f"ec2 delete-security-group --group-id {group}",
    }
    return f"aws {words[resource.kind]}{region}"


class _Removal:
    """One clean-up: what is still to be removed, what was answered last, and since when something has been absent."""

    def __init__(self, clients: Clients, journal: Journal, clock: Clock, every: float, limit: Limit) -> None:
        self._clients = clients
        self._journal = journal
        self._clock = clock
        self._every = every
        self._limit = limit
        self._pending: list[Resource] = []
        self._answers: dict[str, str] = {}
        self._absent_since: dict[str, float] = {}

    def carry_out(self, deadline: float) -> None:
        """Ask for the removal of each thing until all of it is gone, left for good, or the deadline has passed."""
        remaining = remaining_resources(self._journal.record.resources)
        self._pending = sorted(remaining, key=lambda resource: ORDER.index(resource.kind))
        while self._pending:
            answered = len(self._answers)
            before = len(self._pending)
            for resource in tuple(self._pending):
                self._try(resource, last=self._clock.monotonic() >= deadline)
            progress = len(self._pending) < before or len(self._answers) > answered
            if self._pending and not progress:  # groups and snapshots are gone at once
                self._clock.sleep(self._every)

    def _try(self, resource: Resource, *, last: bool) -> None:
        """Ask for the removal of one thing, unless what uses it is still being removed; `last`: or leave it."""
        user = self._user_of(resource)
        if user is not None and not last and user in self._pending:
            return
        note = self._ask(resource, last=last)
        if note is None and last:
            reason = f"{self._answers.get(resource.id, '')}: raise {self._limit.key}, and {removal_command(resource)}"
            note = f"still there when the {self._limit.seconds:g} s of the clean-up were over{reason}"
        if note:
            self._settle(dataclasses.replace(resource, state="left", note=note))
        elif note == "":
            self._settle(mark_gone(resource, self._clock))

    def _settle(self, resource: Resource) -> None:
        self._pending = [each for each in self._pending if (each.kind, each.id) != (resource.kind, resource.id)]
        self._journal.resource(resource)

    def _user_of(self, resource: Resource) -> Resource | None:
        """Return the instance that uses a group, by their names; None where it is gone."""
        remaining = remaining_resources(self._journal.record.resources)
        instances = [each for each in remaining if each.kind == "db-instance" and each.id in resource.id]
        return instances[0] if instances and resource.kind in USED_BY_INSTANCE else None

    def _ask(self, resource: Resource, *, last: bool) -> str | None:
        """Request the removal; return "" when the thing is gone, why it is left, or None when it is to be asked for again."""
        if not resource.id.startswith((PREFIX, LOG_GROUPS + PREFIX)):
            return f"not removed: its name does not begin with {PREFIX!r}"
        try:
            answer = _request_removal(self._clients, resource, self._journal.record.run_id)
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, ClientError) and is_not_found(error):
                answer = "absent"
            else:
                return self._note_failure(resource, error)
        if answer == "foreign":
            return "not removed: it does not carry this run's tag"
        if answer == "absent":
            return "" if last or self._stays_absent(resource) else None
        self._absent_since.pop(resource.id, None)
        self._answers.setdefault(resource.id, "")
        return None

    def _note_failure(self, resource: Resource, error: ClientError | BotoCoreError) -> str | None:
        found = f": {error_text(error)}"
        user = self._user_of(resource)
        if is_in_use(error) and user is not None and user not in self._pending:
            return f"not removed: {user.id} uses it, and is left too: {removal_command(resource)}"
        self._answers[resource.id] = found
        if is_in_use(error) or passes(error):
            return None
        how = "refused to remove it" if isinstance(error, ClientError) else "could not be reached"
        return f"AWS {how}{found}: {removal_command(resource)}"

    def _stays_absent(self, resource: Resource) -> bool:
        """Return whether a thing that AWS does not know will not appear: what was made is gone, what was planned may be late."""
        if resource.state != "planned":
            return True
        now = self._clock.monotonic()
        since = self._absent_since.setdefault(resource.id, now)
        return now - since >= min(ABSENT_POLLS * self._every, ABSENT_SECONDS)


def _note_log_groups(clients: Clients, journal: Journal, instance: Resource) -> None:
    """Record the log groups that RDS itself may have made for a scratch instance, to be removed with it."""
    try:
        answer = clients.logs.describe_log_groups(logGroupNamePrefix=f"{LOG_GROUPS}{instance.id}/")
    except (ClientError, BotoCoreError) as error:
        journal.append("notes", f"whether {instance.id} left log groups could not be read: {error}")
        return
    for group in answer.get("logGroups", []):
        journal.resource(Resource("log-group", group["logGroupName"], "made", clients.account, clients.region))


# -- one removal per kind: requests the removal of what is there and carries this run's tag ------------------------------------


def _request_removal(clients: Clients, resource: Resource, run_id: str) -> RemovalAnswer:
    found = owned.find(clients, resource.kind, resource.id)
    ours = [raw for raw in found if owned.is_own(clients, resource.kind, raw, run_id)]
    for raw in ours:
        _REMOVALS[resource.kind](clients, raw)
    return "asked" if ours else "foreign" if found else "absent"


def _remove_instance(clients: Clients, raw: owned.Raw) -> None:
    name = raw["DBInstanceIdentifier"]
    if raw["DBInstanceStatus"] == "deleting":
        return
    if raw.get("DeletionProtection"):
        clients.rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
    clients.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True, DeleteAutomatedBackups=True)


def _remove_snapshot(clients: Clients, raw: owned.Raw) -> None:
    clients.rds.delete_db_snapshot(DBSnapshotIdentifier=raw["DBSnapshotIdentifier"])


def _remove_parameter_group(clients: Clients, raw: owned.Raw) -> None:
    clients.rds.delete_db_parameter_group(DBParameterGroupName=raw["DBParameterGroupName"])


def _remove_subnet_group(clients: Clients, raw: owned.Raw) -> None:
    clients.rds.delete_db_subnet_group(DBSubnetGroupName=raw["DBSubnetGroupName"])


def _remove_security_group(clients: Clients, raw: owned.Raw) -> None:
    clients.ec2.delete_security_group(GroupId=raw["GroupId"])


def _remove_log_group(clients: Clients, raw: owned.Raw) -> None:
    clients.logs.delete_log_group(logGroupName=raw["logGroupName"])


_REMOVALS: dict[ResourceKind, Callable[[Clients, owned.Raw], None]] = {
    "db-instance": _remove_instance,
    "db-snapshot": _remove_snapshot,
    "log-group": _remove_log_group,
    "db-parameter-group": _remove_parameter_group,
    "db-subnet-group": _remove_subnet_group,
    "security-group": _remove_security_group,
}
