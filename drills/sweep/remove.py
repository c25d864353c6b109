"""Removes what is past its time as a run removes its own: by a record of what is to go, each thing's tag looked at again."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from drills.aws.cleanup import removal_command, remove_all
from drills.aws.scratch import remaining_resources
from drills.aws.session import Clients
from drills.clock import Clock
from drills.config.limits import Limit
from drills.errors import DrillError
from drills.model.instance import Resource
from drills.model.record import SCHEMA_VERSION, RunRecord
from drills.record import Journal
from drills.sweep.leftovers import Leftover

# What uses a group whose instance is not removed with it is somebody's own, and does not go while a sweep waits. The network
# interface of an instance that has just gone passes within minutes: the next sweep finds the group free.
IN_USE_SECONDS = 30.0


def remove(
    clients: Clients, past: Sequence[Leftover], clock: Clock, *, every: float, limit: Limit
) -> dict[tuple[str, str], Resource]:
    """Remove things of one account and region; return each by kind and name, as gone or left with the reason.

    `every` is the seconds between two polls. What carries another run's tag by now is not touched: that run goes on with it.
    """
    removed: dict[tuple[str, str], Resource] = {}
    for run_id in dict.fromkeys(each.run_id for each in past):
        own = [resource_of(each) for each in past if each.run_id == run_id]
        removed |= _remove_of_run(clients, run_id, own, clock, every=every, limit=limit)
    return removed


def _remove_of_run(
    clients: Clients, run_id: str, own: Sequence[Resource], clock: Clock, *, every: float, limit: Limit
) -> dict[tuple[str, str], Resource]:
    opening = RunRecord(SCHEMA_VERSION, run_id, "sweep", False, clock.now(), "")
    with TemporaryDirectory(prefix="drills-sweep-") as folder:
        journal = Journal.create(Path(folder), opening, origin=clock.monotonic(), clock=clock)
        journal.update(resources=tuple(own))
        try:
            remove_all(clients, journal, clock, every=every, limit=limit, in_use_for=IN_USE_SECONDS)
        except DrillError as error:  # such as that of too many requests: what was removed before is told all the same
            for each in remaining_resources(journal.record.resources):
                journal.resource(dataclasses.replace(each, state="left", note=f"not seen to be gone: {error}"))
        return {(each.kind, each.id): each for each in journal.record.resources}


def resource_of(leftover: Leftover) -> Resource:
    """Return a leftover as the resource of a run, with its identity, which a clean-up can remove."""
    place = (leftover.account, leftover.region)
    return Resource(leftover.kind, leftover.id, "made", *place, resource_id=leftover.resource_id)


def command_for(leftover: Leftover) -> str:
    """Return the command by which a person removes it. Pure."""
    return removal_command(resource_of(leftover))


def look_at(leftover: Leftover) -> str:
    """Return the command that shows a person what it is. Pure."""
    words = {
        "db-instance": "rds describe-db-instances --db-instance-identifier",
        "db-cluster": "rds describe-db-clusters --db-cluster-identifier",
        "db-cluster-snapshot": "rds describe-db-cluster-snapshots --db-cluster-snapshot-identifier",
        "db-cluster-parameter-group": ("rds describe-db-cluster-parameter-groups --db-cluster-parameter-group-name"),
        "db-snapshot": "rds describe-db-snapshots --db-snapshot-identifier",
        "log-group": "logs describe-log-groups --log-group-name-prefix",
        "db-parameter-group": "rds describe-db-parameter-groups --db-parameter-group-name",
        "db-subnet-group": "rds describe-db-subnet-groups --db-subnet-group-name",
        "security-group": "ec2 describe-security-groups --group-ids",
        "secret": "secretsmanager describe-secret --secret-id",
        "dynamodb-table": "dynamodb describe-table --table-name",
        "ebs-volume": "ec2 describe-volumes --volume-ids",
        "efs-file-system": "efs describe-file-systems --creation-token",
        "s3-bucket": "s3api get-bucket-tagging --bucket",
    }
    by_identity = leftover.kind in ("security-group", "ebs-volume") and leftover.resource_id
    return f"aws {words[leftover.kind]} {by_identity or leftover.id} --region {leftover.region}"
