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

from drills.aws.calls.outcome import is_in_use, passes
from drills.aws.guarded.guard import Gone, Guard, Mine, Protected
from drills.aws.guarded.names import LOCK_PREFIX, LOG_GROUPS
from drills.aws.owned import BY_JOB, OF_UNKNOWN_JOB, RESTORING, has_no_tags, jobs_since
from drills.aws.read import RUN_TAG, is_not_found
from drills.aws.remedies import error_text
from drills.aws.scratch import mark_gone, remaining_resources
from drills.aws.session import Clients
from drills.clock import Clock
from drills.config.limits import Limit
from drills.errors import Refused
from drills.model.instance import Resource, ResourceKind
from drills.record import Journal

RemovalAnswer = Literal["asked", "absent"]
"""The result of a remover: removal requested, or nothing there."""

USED_BY_INSTANCE = frozenset(
    {"log-group", "db-parameter-group", "db-cluster-parameter-group", "db-subnet-group", "security-group"}
)
AFTER_INSTANCE = USED_BY_INSTANCE | {"secret"}  # the password of an instance that stays is not thrown away
# What AWS does not know may be there all the same, or appear when the request for it got no answer: unless its removal was asked
# for before, it must have been absent for so many polls, and no longer than so many seconds, also beyond the limit of the clean-up
# ("Eventual consistency in the Amazon RDS API", RDS User Guide).
ABSENT_POLLS, ABSENT_SECONDS = 10, 30.0


def remove_all(
    clients: Clients, journal: Journal, clock: Clock, *, every: float, limit: Limit, in_use_for: float | None = None
) -> tuple[Resource, ...]:
    """Remove everything that the record still holds; return what is still there.

    One thing that cannot be removed does not keep the rest from being removed. `every` is the seconds between two polls. The
    seconds that earlier clean-ups of the run took count too: when the limit is used up, each thing is still asked for once. A group
    that something else uses than an instance of the record is left after `in_use_for` seconds or ABSENT_POLLS polls, None for
    the limit.
    """
    remaining = remaining_resources(journal.record.resources)
    if not remaining:
        return ()
    for resource in remaining:
        if resource.kind == "db-instance":
            _note_log_groups(clients, journal, resource)
    used, began = journal.record.clean_up_seconds, clock.monotonic()
    try:
        _Removal(clients, journal, clock, every, limit, in_use_for).carry_out(began + limit.seconds - used)
    finally:
        journal.update(clean_up_seconds=used + clock.monotonic() - began)
    return remaining_resources(journal.record.resources)


def removal_command(resource: Resource) -> str:
    """Return the command by which a person removes a resource that a clean-up has left. Pure."""
    region = f" --region {resource.region}" if resource.region else ""
    if resource.kind == "ebs-volume" and resource.id.endswith(OF_UNKNOWN_JOB) and not resource.resource_id:
        return f"{jobs_since(resource.id)}{region}"  # no name and no tag: which of these it is a person has to see
    # a group of EC2 is removed by its id alone, which records of earlier versions have in the note
    noted = re.search(r"\bsg-[0-9a-f]+", resource.note)
    known = resource.resource_id or (noted[0] if noted else "")
    named = f"--filters Name=group-name,Values={resource.id} --query 'SecurityGroups[].GroupId' --output text"
    group = known or f"$(aws ec2 describe-security-groups {named}{region})"
    volumes = f"--filters Name=tag:Name,Values={resource.id} --query 'Volumes[].VolumeId' --output text"
    by_name = f"$(aws ec2 describe-volumes {volumes}{region})"
    systems = f"--creation-token {resource.id} --query 'FileSystems[].FileSystemId' --output text"
    by_token = f"$(aws efs describe-file-systems {systems}{region})"
    words = {
        "db-instance": f"rds delete-db-instance --skip-final-snapshot --db-instance-identifier {resource.id}",
        "db-cluster": f"rds delete-db-cluster --skip-final-snapshot --db-cluster-identifier {resource.id}",
        "db-snapshot": f"rds delete-db-snapshot --db-snapshot-identifier {resource.id}",
        "db-cluster-snapshot": f"rds delete-db-cluster-snapshot --db-cluster-snapshot-identifier {resource.id}",
        "db-cluster-parameter-group": (
            f"rds delete-db-cluster-parameter-group --db-cluster-parameter-group-name {resource.id}"
        ),
        "log-group": f"logs delete-log-group --log-group-name {resource.id}",
        "db-parameter-group": f"rds delete-db-parameter-group --db-parameter-group-name {resource.id}",
        "db-subnet-group": f"rds delete-db-subnet-group --db-subnet-group-name {resource.id}",
        "security-group": f"ec2 delete-security-group --group-id {group}",
        "dynamodb-table": f"dynamodb delete-table --table-name {resource.id}",
        "ebs-volume": f"ec2 delete-volume --volume-id {known or by_name}",
        "efs-file-system": f"efs delete-file-system --file-system-id {known or by_token}",
        "s3-bucket": _emptied(resource.id, region),
        "secret": f"secretsmanager delete-secret --force-delete-without-recovery --secret-id {resource.id}",
    }
    return f"aws {words[resource.kind]}{region}"


def _emptied(bucket: str, region: str) -> str:
    """Return the command that deletes a thousand versions of a bucket, and the bucket when these were all."""
    query = "--query '{Objects: [Versions, DeleteMarkers][] | [].{Key: Key, VersionId: VersionId}}'"
    versions = f"$(aws s3api list-object-versions --bucket {bucket} --max-items 1000 {query}{region})"
    removed = f's3api delete-objects --bucket {bucket} --delete "{versions}"{region}'
    return f"{removed}; aws s3api delete-bucket --bucket {bucket}"


class _Removal:
    """One clean-up: what is still to be removed, what was answered last, and since when something has been absent."""

    def __init__(
        self,
        clients: Clients,
        journal: Journal,
        clock: Clock,
        every: float,
        limit: Limit,
        in_use_for: float | None,
    ) -> None:
        self._guard = Guard(clients, journal.record.owner, Protected.of(journal.record), clock)
        self._journal = journal
        self._clock = clock
        self._every = every
        self._limit = limit
        self._in_use_for = in_use_for
        self._in_use_since: dict[str, float] = {}
        self._pending: list[Resource] = []
        self._answers: dict[str, str] = {}
        self._absent: dict[str, tuple[float, int]] = {}  # since when, and in how many answers
        self._asked: set[str] = set()

    def carry_out(self, deadline: float) -> None:
        """Ask for the removal of each thing until all of it is gone, left for good, or the deadline has passed."""
        remaining = remaining_resources(self._journal.record.resources)
        self._pending = sorted(remaining, key=_is_lock)
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
        if resource.kind == "secret" and user is not None:
            why = f": {user.id} is still there, and this has its password"
            told = self._too_late(why, resource) if last else f"not removed{why}: {removal_command(resource)}"
            self._settle(dataclasses.replace(resource, state="left", note=told))
            return
        if _is_lock(resource) and not last and not all(map(_is_lock, self._pending)):
            return  # the next run of the target begins when nothing of this one is left
        note = self._ask(resource, last=last)
        if note is None and last and resource.id not in self._absent:
            note = self._too_late(self._answers.get(resource.id, ""), resource)
        if note:
            self._settle(dataclasses.replace(resource, state="left", note=note))
        elif note == "":
            self._settle(mark_gone(resource, self._clock))

    def _too_late(self, why: str, resource: Resource) -> str:
        over = f"still there when the {self._limit.seconds:g} s of the clean-up were over{why}"
        return f"{over}: raise {self._limit.key}, and {removal_command(resource)}"

    def _settle(self, resource: Resource) -> None:
        self._pending = [each for each in self._pending if (each.kind, each.id) != (resource.kind, resource.id)]
        self._journal.resource(resource)

    def _user_of(self, resource: Resource) -> Resource | None:
        """Return the instance or cluster that uses a group, or the instance of a cluster, by their names; None where it is gone."""
        remaining = remaining_resources(self._journal.record.resources)
        return next((each for each in remaining if uses(each, resource)), None)

    def _ask(self, resource: Resource, *, last: bool) -> str | None:
        """Request the removal; return "" when the thing is gone, why it is left, or None when it is to be asked for again."""
        try:
            answer = request_removal(self._guard, resource)
        except Gone:
            answer = "absent"
        except Refused as error:  # NotOwn, and an account or region that is not allowed
            return f"not removed: {error}"
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, ClientError) and is_not_found(error):
                answer = "absent"
            else:
                return self._note_failure(resource, error)
        if answer == "absent":
            return "" if self._stays_absent(resource) else None
        self._absent.pop(resource.id, None)
        self._asked.add(resource.id)
        self._answers.setdefault(resource.id, "")
        return None

    def _note_failure(self, resource: Resource, error: ClientError | BotoCoreError) -> str | None:
        self._absent.pop(resource.id, None)  # away in a row of answers is what counts
        found = f": {error_text(error)}"
        user = self._user_of(resource)
        if is_in_use(error) and user is not None and user not in self._pending:
            return f"not removed: {user.id} uses it, and is left too: {removal_command(resource)}"
        self._answers[resource.id] = found
        if is_in_use(error) and self._used_by_another(resource):
            return f"not removed: something that this does not remove uses it{found}: {removal_command(resource)}"
        if is_in_use(error) or passes(error):
            return None
        how = "refused to remove it" if isinstance(error, ClientError) else "could not be reached"
        return f"AWS {how}{found}: {removal_command(resource)}"

    def _used_by_another(self, resource: Resource) -> bool:
        """Return whether a group has been in use for so long that it is another's than an instance of the record."""
        own = any(uses(each, resource) for each in self._journal.record.resources)
        if self._in_use_for is None or own or resource.kind not in USED_BY_INSTANCE:
            return False
        now = self._clock.monotonic()
        since = self._in_use_since.setdefault(resource.id, now)
        return now - since >= min(ABSENT_POLLS * self._every, self._in_use_for)

    def _stays_absent(self, resource: Resource) -> bool:
        """Return whether a thing that AWS does not know is gone, and not only unknown for a moment."""
        if resource.id in self._asked:
            return True
        now = self._clock.monotonic()
        since, answers = self._absent.get(resource.id, (now, 0))
        self._absent[resource.id] = since, answers + 1
        # counted, not reckoned from the time of the polls: on a slow machine fewer fit into it
        return answers >= ABSENT_POLLS or now - since >= ABSENT_SECONDS


def uses(user: Resource, resource: Resource) -> bool:
    """Return whether something of a run keeps another from being removed, as their names say. Pure.

    An instance or a cluster has groups whose names go on after its own; an instance of a cluster goes on after the cluster's.
    """
    if resource.kind == "db-cluster":
        return user.kind == "db-instance" and user.id.startswith(f"{resource.id}-")
    return user.kind in ("db-instance", "db-cluster") and user.id in resource.id and resource.kind in AFTER_INSTANCE


def _is_lock(resource: Resource) -> bool:
    return resource.id.startswith(LOCK_PREFIX)


def _note_log_groups(clients: Clients, journal: Journal, instance: Resource) -> None:
    """Record the log groups that RDS itself may have made for a scratch instance, to be removed with it."""
    try:
        answer = clients.logs.describe_log_groups(logGroupNamePrefix=f"{LOG_GROUPS}{instance.id}/")
    except (ClientError, BotoCoreError) as error:
        journal.append("notes", f"whether {instance.id} left log groups could not be read: {error}")
        return
    for group in answer.get("logGroups", []):
        journal.resource(Resource("log-group", group["logGroupName"], "made", clients.account, clients.region))


# -- one removal per kind: of what is there and is this run's -----------------------------------------------------------------


def request_removal(guard: Guard, resource: Resource) -> RemovalAnswer:
    """Ask AWS to remove a resource. Raises NotOwn where what there is belongs to somebody else, and what boto3 raises."""
    found = guard.prove(resource.kind, resource.id, resource.resource_id)
    for mine in found:
        _REMOVALS[resource.kind](guard, mine)
    return "asked" if found else "absent"


def _remove_instance(guard: Guard, mine: Mine) -> None:
    if mine.raw["DBInstanceStatus"] == "deleting":
        return
    if mine.raw.get("DeletionProtection"):
        guard.change("rds:ModifyDBInstance", mine, DeletionProtection=False, ApplyImmediately=True)
    guard.change("rds:DeleteDBInstance", mine, SkipFinalSnapshot=True, DeleteAutomatedBackups=True)


def _remove_cluster(guard: Guard, mine: Mine) -> None:
    if mine.raw["Status"] == "deleting":
        return
    if mine.raw.get("DeletionProtection"):
        guard.change("rds:ModifyDBCluster", mine, DeletionProtection=False, ApplyImmediately=True)
    guard.change("rds:DeleteDBCluster", mine, SkipFinalSnapshot=True, DeleteAutomatedBackups=True)


def _remove_secret(guard: Guard, mine: Mine) -> None:
    # else it stays for 7 days at least
    guard.change("secretsmanager:DeleteSecret", mine, ForceDeleteWithoutRecovery=True)


def _remove_table(guard: Guard, mine: Mine) -> None:
    if mine.raw["TableStatus"] != "DELETING":
        guard.change("dynamodb:DeleteTable", mine)


def _remove_volume(guard: Guard, mine: Mine) -> None:
    """Delete a volume; one that has no tags yet gets the run's first, without which no right of a drill lets it be removed."""
    if BY_JOB in mine.raw and mine.raw["State"] != RESTORING:
        guard.change("ec2:CreateTags", mine, Tags=_tags_of_run(guard, mine))
    if mine.raw["State"] not in ("deleting", "deleted", RESTORING):  # what is still being restored is asked for again
        guard.change("ec2:DeleteVolume", mine)


def _remove_file_system(guard: Guard, mine: Mine) -> None:
    """Delete a file system; one that has no tags yet gets the run's first, without which no right of a drill lets it be removed."""
    if mine.raw["LifeCycleState"] == "deleting":
        return
    if has_no_tags(mine.raw):
        guard.change("efs:TagResource", mine, Tags=_tags_of_run(guard, mine))
    guard.change("efs:DeleteFileSystem", mine)


def _remove_bucket(guard: Guard, mine: Mine) -> None:
    """Delete all versions of the objects of a bucket, and the bucket; what a restore writes meanwhile when it is asked again."""
    guard.empty(mine)
    guard.change("s3:DeleteBucket", mine)


def _tags_of_run(guard: Guard, mine: Mine) -> list[dict[str, str]]:
    return [{"Key": RUN_TAG, "Value": guard.run_id}, {"Key": "Name", "Value": mine.name}]


def _removal(operation: str) -> Callable[[Guard, Mine], object]:
    return lambda guard, mine: guard.change(operation, mine)


_REMOVALS: dict[ResourceKind, Callable[[Guard, Mine], object]] = {
    "db-instance": _remove_instance,
    "db-cluster": _remove_cluster,
    "db-snapshot": _removal("rds:DeleteDBSnapshot"),
    "db-cluster-snapshot": _removal("rds:DeleteDBClusterSnapshot"),
    "db-cluster-parameter-group": _removal("rds:DeleteDBClusterParameterGroup"),
    "log-group": _removal("logs:DeleteLogGroup"),
    "db-parameter-group": _removal("rds:DeleteDBParameterGroup"),
    "db-subnet-group": _removal("rds:DeleteDBSubnetGroup"),
    "security-group": _removal("ec2:DeleteSecurityGroup"),
    "secret": _remove_secret,
    "dynamodb-table": _remove_table,
    "ebs-volume": _remove_volume,
    "efs-file-system": _remove_file_system,
    "s3-bucket": _remove_bucket,
}
