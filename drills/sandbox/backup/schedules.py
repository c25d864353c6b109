"""What falls due by itself: jobs of plans, copies of rules, the end of lifecycles.

In real time the data are copied when a schedule fires. When the clock is wound forward, what would have happened on the
way is written down in order, with its own instants; of all the points so made only those that are left at the end get
data, and those of one instance share them, as nothing changed in its server meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from drills.sandbox.backup.models import BackupJob, JobEnd, RecoveryPoint
from drills.sandbox.backup.plans import BackupPlans, Plan, Rule
from drills.sandbox.backup.selections import selects
from drills.sandbox.rds.instances import SandboxInstance
from drills.sandbox.state import FAULTS, Ending, sentence

TEST = "awsbackup-restore-test"  # the prefix and tag of what a restore test makes; plans pass it over


class BackupSchedules(BackupPlans):
    """The schedules of one region's plans."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.scheduled_until = self.now()

    def fire(self, until: datetime) -> None:
        """Begin every job that the plans want between the last call and `until`, in order, and the copies after them."""
        events: list[tuple[datetime, Plan, Rule]] = []
        for plan in self.plans_in_force():
            after = max(self.scheduled_until, plan.version.created_at)
            for rule in plan.version.rules:
                events += [(at, plan, rule) for at in rule.schedule.firings(rule.zone, after, until)]
        for at, plan, rule in sorted(events, key=lambda event: event[0]):
            self.copy_what_is_due(at)
            plan.last_run = at
            self._run(plan, rule, at)
        self.copy_what_is_due(until)
        self.scheduled_until = until

    def _run(self, plan: Plan, rule: Rule, at: datetime) -> None:
        """A job for each resource that a selection of the plan means."""
        seen: set[str] = set()
        for selection in plan.selections.values():
            for db in self.rds.databases.values():
                tags = {tag["Key"]: tag["Value"] for tag in db.tags}
                test = db.resource_id.startswith(TEST) or TEST in tags
                if db.arn in seen or test or selection.created_at > at or not selects(selection.shown, db.arn, tags):
                    continue
                seen.add(db.arn)
                self.begin(self._job(plan, rule, db.arn, selection.shown["IamRoleArn"], at), at)

    def _job(self, plan: Plan, rule: Rule, resource_arn: str, role: str, at: datetime) -> BackupJob:
        shown = rule.shown
        job = self.new_job(resource_arn, shown["TargetBackupVaultName"], role, at)
        job.lifecycle = {key: days for key, days in shown.get("Lifecycle", {}).items() if days != -1}
        job.start_by = at + timedelta(minutes=shown["StartWindowMinutes"])
        job.complete_minutes = shown["CompletionWindowMinutes"]
        job.tags, job.copies = dict(shown.get("RecoveryPointTags", {})), list(shown.get("CopyActions", []))
        job.created_by = {
            "BackupPlanId": plan.backup_plan_id,
            "BackupPlanArn": plan.arn,
            "BackupPlanName": plan.version.shown["BackupPlanName"],
            "BackupPlanVersion": plan.version.id,
            "BackupRuleId": shown["RuleId"],
            "BackupRuleName": shown["RuleName"],
            "BackupRuleCron": shown["ScheduleExpression"],
            "BackupRuleTimezone": shown["ScheduleExpressionTimezone"],
        }
        return job

    def pending(self) -> list[RecoveryPoint]:
        """The points whose data are still to be copied."""
        return [point for point in self.points.values() if point.database is not None]

    def materialise(self, point: RecoveryPoint, like: RecoveryPoint | None) -> None:
        """Give a point its data: those of another point of the same instance, or a copy made now.

        What stands against it takes the point away and fails its job.
        """
        database, point.database = point.database, None
        assert isinstance(database, SandboxInstance)
        try:
            if like is None:
                stored = self.plane.take_snapshot(point.arn, database.dbi_resource_id)
                self.plane.snapshots[point.arn] = replace(stored, taken_at=point.taken_at or point.created_at)
            else:
                self.plane.share_snapshot(like.arn, point.arn, point.taken_at or point.created_at)
        except (*FAULTS, KeyError) as error:
            if isinstance(error, Ending):
                raise
            self._fail(point, f"The data could not be copied: {sentence(error)}")
            return
        self.keep_snapshot(point, database, max(0.0, (point.completed_at - self.now()).total_seconds()))

    def _fail(self, point: RecoveryPoint, message: str) -> None:
        self.drop_point(point)
        for job in self.jobs.values():
            if job.point_arn == point.arn:
                job.end = JobEnd("FAILED", 0.0, message)


def materialise_all(backends: Sequence[BackupSchedules]) -> None:
    """Give every point its data, one copy for each instance, whichever region its points are in."""
    first: dict[str, RecoveryPoint] = {}
    rows = [(point, backend) for backend in backends for point in backend.pending()]
    sizes: dict[str, int] = {}
    for point, backend in sorted(rows, key=lambda row: row[0].created_at):
        assert point.database is not None
        key = point.database.dbi_resource_id
        backend.materialise(point, first.get(key))
        if point.arn in backend.points:
            first.setdefault(key, point)
            sizes[point.arn] = point.size_bytes
    for backend in backends if sizes else ():
        for job in (*backend.jobs.values(), *backend.copy_jobs.values()):
            job.size_bytes = sizes.get(job.point_arn, job.size_bytes)
