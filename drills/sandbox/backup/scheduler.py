"""Runs what falls due by itself: the jobs of plans, the copies of rules, and the data of the points that are left.

In real time the data are copied when a schedule fires. When the clock is moved forward, what would have happened on the
way is recorded in order, with its own instants; of all the points so created only those that are left at the end get
data, and those of one instance share them, as nothing changed in its server meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from drills.sandbox.backup.copies import CopyJobs
from drills.sandbox.backup.jobs import BackupJobs
from drills.sandbox.backup.models import BackupJob, JobEnd, RecoveryPoint
from drills.sandbox.backup.plans import Plan, Plans, Rule
from drills.sandbox.backup.points import Points
from drills.sandbox.backup.region import Region
from drills.sandbox.base.errors import SERVER_ERRORS, Ending, first_line
from drills.schedule.selections import selected_by

TEST_PREFIX = "awsbackup-restore-test"  # of the names and tags of what a restore test creates; plans skip it


class Scheduler:
    """The schedules of one region's plans."""

    def __init__(self, region: Region, points: Points, jobs: BackupJobs, copies: CopyJobs, plans: Plans) -> None:
        self._region = region
        self._points = points
        self._jobs = jobs
        self._copies = copies
        self._plans = plans
        self._fired_until = region.now()

    def fire(self, until: datetime) -> None:
        """Begin every job that falls due between the last call and `until`, in order, and the copies after them."""
        events: list[tuple[datetime, Plan, Rule]] = []
        for plan in self._plans.in_force():
            after = max(self._fired_until, plan.version.created_at)
            for rule in plan.version.rules:
                events += [(at, plan, rule) for at in rule.schedule.firings(rule.zone, after, until)]
        for at, plan, rule in sorted(events, key=lambda event: event[0]):
            self._copy_due(at)
            plan.last_run = at
            self._run(plan, rule, at)
        self._copy_due(until)
        self._fired_until = until

    def _copy_due(self, until: datetime) -> None:
        for at, job, action in self._jobs.take_due_copies(until):
            self._copies.start_by_rule(job, action, at)

    def _run(self, plan: Plan, rule: Rule, at: datetime) -> None:
        """Begin a job for each resource that a selection of the plan includes."""
        seen: set[str] = set()
        for selection in plan.selections.values():
            if selection.created_at > at:
                continue
            for db in self._region.resources.all():
                tags = {tag["Key"]: tag["Value"] for tag in db.tags}
                test = db.resource_id.startswith(TEST_PREFIX) or TEST_PREFIX in tags
                if db.arn in seen or test or selected_by(selection.document, db.arn, tags) is None:
                    continue
                seen.add(db.arn)
                self._jobs.begin(self._job(plan, rule, db.arn, selection.document["IamRoleArn"], at), at)

    def _job(self, plan: Plan, rule: Rule, resource_arn: str, role: str, at: datetime) -> BackupJob:
        document = rule.document
        job = self._jobs.create(resource_arn, document["TargetBackupVaultName"], role, at)
        job.lifecycle = {key: days for key, days in document.get("Lifecycle", {}).items() if days != -1}
        job.start_by = at + timedelta(minutes=document["StartWindowMinutes"])
        job.complete_minutes = document["CompletionWindowMinutes"]
        job.tags = dict(document.get("RecoveryPointTags", {}))
        job.copy_actions = list(document.get("CopyActions", []))
        job.created_by = {
            "BackupPlanId": plan.backup_plan_id,
            "BackupPlanArn": plan.arn,
            "BackupPlanName": plan.version.document["BackupPlanName"],
            "BackupPlanVersion": plan.version.id,
            "BackupRuleId": document["RuleId"],
            "BackupRuleName": document["RuleName"],
            "BackupRuleCron": document["ScheduleExpression"],
            "BackupRuleTimezone": document["ScheduleExpressionTimezone"],
        }
        return job

    # -- the data of points that were created while the clock was moved forward -----------------------------------

    def without_data(self) -> list[RecoveryPoint]:
        """Return the points whose data are still to be copied."""
        return [point for point in self._points if point.database is not None]

    def copy_data(self, point: RecoveryPoint, shared: RecoveryPoint | None) -> bool:
        """Give a point its data: those of another point of the same instance, or a copy made now.

        False when that is not possible, which removes the point and fails its job.
        """
        database, point.database = point.database, None
        assert database is not None
        resources, taken_at = self._region.resources, point.taken_at or point.created_at
        try:
            if shared is None:
                resources.take_late(point.arn, database, taken_at)
            else:
                resources.share(shared.arn, point.arn, taken_at)
        except (*SERVER_ERRORS, KeyError) as error:
            if isinstance(error, Ending):
                raise
            self._fail(point, f"The data could not be copied: {first_line(error)}")
            return False
        self._points.register(point, database)
        return True

    def _fail(self, point: RecoveryPoint, message: str) -> None:
        self._points.drop(point)
        for job in self._jobs:
            if job.point_arn == point.arn:
                job.progress.end = JobEnd("FAILED", 0.0, message)

    def set_sizes(self, sizes: dict[str, int]) -> None:
        """Set the size in bytes of each job whose point, given by ARN, has got its data."""
        for job in (*self._jobs, *self._copies):
            job.size_bytes = sizes.get(job.point_arn, job.size_bytes)


def copy_missing_data(schedulers: Sequence[Scheduler]) -> None:
    """Give every point its data: one copy for each instance, whichever regions its points are in."""
    first: dict[str, RecoveryPoint] = {}
    rows = [(point, scheduler) for scheduler in schedulers for point in scheduler.without_data()]
    sizes: dict[str, int] = {}
    for point, scheduler in sorted(rows, key=lambda row: row[0].created_at):
        assert point.database is not None
        key = point.database.server_id
        if scheduler.copy_data(point, first.get(key)):
            first.setdefault(key, point)
            sizes[point.arn] = point.size_bytes
    for scheduler in schedulers if sizes else ():
        scheduler.set_sizes(sizes)
