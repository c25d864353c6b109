"""Judges what the target's backup schedule can lose, from AWS Backup and RDS, and records it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime

from botocore.exceptions import BotoCoreError, ClientError

from drills import errors
from drills.aws import plans
from drills.aws import read as aws
from drills.aws.calls.outcome import is_unsupported
from drills.aws.databases.kinds import KINDS
from drills.aws.remedies import error_text
from drills.aws.session import Clients
from drills.config.load import Target
from drills.model.finding import Verdict
from drills.model.instance import Instance
from drills.model.timing import WorstCase
from drills.recovery.observed import ScheduleReadAt
from drills.recovery.setup import Setup
from drills.schedule import verdict
from drills.schedule.gaps import ExistingPoint, gaps
from drills.schedule.plans import PlannedRules


def judge(setup: Setup) -> WorstCase | None:
    """Record the worst case and its verdict; return None, "not verified", where AWS could not be asked."""
    requirement = setup.requirement(verdict.NAME, "required")
    scenario = setup.target.scenario(setup.scenario)
    kinds = scenario.points if scenario else ()
    now = setup.clock.now()
    setup.observations.note(verdict.NAME, "", ScheduleReadAt(now))
    try:
        with setup.clients.within(verdict.NAME):
            source = aws.describe_instance(setup.clients, setup.target.instance, setup.kind)
            found = worst_case(setup.clients, setup.target, source, now, kinds) if source else None
        reason = f"there is no instance {setup.target.instance}, so nobody can say which plan backs it up"
    except (ClientError, BotoCoreError) as error:
        found, reason = None, f"the backup plans could not be read: {error_text(error)}"
        if is_unsupported(error):
            requirement = "impossible"
    if found is None:
        setup.journal.verdict(Verdict(verdict.NAME, "not verified", reason, requirement, errors.OBJECTIVE_MISSED))
        return None
    setup.journal.update(worst_case=found)
    setup.journal.append("notes", *(f"backup schedule: {note}" for note in found.notes))
    setup.journal.verdict(verdict.verdict(found, setup.journal.record.objectives.rpo_seconds, requirement))
    return found


def worst_case(
    clients: Clients, target: Target, source: Instance, now: datetime, kinds: Sequence[str] = ()
) -> WorstCase:
    """Return the worst case of an instance's backup schedule, read from AWS; raises what boto3 raises."""
    planned, jobs, points = _seen(clients, target, source, continuous=True)
    facts = _facts(planned, jobs, _with_data_times(clients, target, points), now, source.backup_retention_days)
    return verdict.worst_case(facts, kinds, now)


def worst_case_of_resource(clients: Clients, target: Target, source: plans.BackedUp, now: datetime) -> WorstCase:
    """Return the same of what is no database: it has no backups but AWS Backup's, none of them is continuous."""
    planned, jobs, points = _seen(clients, target, source, continuous=False)
    return verdict.worst_case(_facts(planned, jobs, points, now), (), now)


def _seen(
    clients: Clients, target: Target, source: plans.BackedUp, *, continuous: bool
) -> tuple[PlannedRules, plans.JobHistory, tuple[ExistingPoint, ...]]:
    """Return the rules that back a source up, its jobs, and its points in the vaults of the rules and the target's."""
    jobs = plans.job_history(clients, source)
    planned = plans.planned_rules(clients, source, jobs.longest, continuous=continuous)
    vaults = dict.fromkeys((*planned.vaults, *((target.vault,) if target.vault else ())))
    return planned, jobs, plans.existing_points(clients, source, tuple(vaults))


def _facts(
    planned: PlannedRules,
    jobs: plans.JobHistory,
    points: Sequence[ExistingPoint],
    now: datetime,
    retention_days: int = 0,
) -> verdict.ScheduleFacts:
    scheduled = sum(point.scheduled for point in points)
    return verdict.ScheduleFacts(planned, retention_days, gaps(points, jobs.ended, now), scheduled)


def _with_data_times(clients: Clients, target: Target, points: tuple[ExistingPoint, ...]) -> list[ExistingPoint]:
    """Return the points with the instants that RDS says their data reach to, where it does, and without those of drills."""
    known = {point.arn: point for point in aws.recovery_points(clients, target.instance, None, KINDS[target.kind])}
    found = []
    for point in points:
        snapshot = known.get(point.arn)
        if snapshot and snapshot.data_time:
            point = dataclasses.replace(
                point, data_at=snapshot.data_time, scheduled=point.scheduled and not snapshot.made_by_drill
            )
        found.append(point)
    return found
