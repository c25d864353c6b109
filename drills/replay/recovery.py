"""Derives the course of a recovery: its point, its times, its losses, and the verdicts on them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from botocore.exceptions import ClientError

from drills.aws import read as aws
from drills.aws.lineage import read_lineage
from drills.aws.restore_jobs import read_job
from drills.aws.session import Clients
from drills.config.target import Target
from drills.config.written import read_target
from drills.model.finding import CheckResult, Requirement, Verdict
from drills.model.instance import Instance
from drills.model.point import Choice, RecoveryPoint
from drills.model.record import Restoration, RunRecord
from drills.model.restore_job import RestoreJob
from drills.model.timing import DataLoss, Measurement, Objectives
from drills.objectives import data_loss, recovery_time
from drills.objectives.data_loss import Reference
from drills.recovery import choose as sampling
from drills.recovery import read_loss, resuming, schedule, selection, validation
from drills.recovery.disaster import declare
from drills.recovery.drill import CHOOSING
from drills.recovery.judged import requirement_of
from drills.recovery.observed import LossSeen, ScheduleReadAt, SeedDrawn
from drills.recovery.restore import LINEAGE
from drills.recovery.setup import Setup
from drills.replay.bundle import Evidence
from drills.replay.copies import newest_canary
from drills.replay.memory import MemoryJournal, StandingClock
from drills.replay.recorded_aws import NotRecorded, RecordedAws, with_instants
from drills.schedule import verdict as schedule_verdict


def _job(calls: RecordedAws) -> RestoreJob | None:
    """Return the restore job that is validated, as AWS Backup last described it; None where the run restored by itself."""
    answers = [call["answer"] for call in calls.of("backup.DescribeRestoreJob") if call["answer"]]
    return read_job(with_instants(answers[-1])) if answers else None


@dataclass(frozen=True, slots=True)
class Chosen:
    """What follows from the recorded recovery points: the record with disaster and target, the choice, its verdict."""

    record: RunRecord
    choice: Choice
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Losses:
    """The losses by each method, RPA, and the results that follow."""

    losses: tuple[DataLoss, ...]
    rpa: Measurement
    verdict: Verdict
    result: CheckResult


class Recovery:
    """Derives one recovery from its evidence."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.recorded = evidence.record
        self.aws = RecordedAws(evidence.calls, self.recorded.run_id)
        self.configured: Target = read_target(evidence.configuration.target)
        # what is none is always restored by such a job
        self.job = _job(self.aws) if self.configured.is_database else None
        self.target = validation.target_for(self.configured, self.job) if self.job else self.configured

    @property
    def objectives(self) -> Objectives:
        """Return the objectives of the configuration."""
        return self.target.objectives(self.evidence.configuration.scenario)

    def setup(
        self,
        purpose: str,
        at: datetime,
        record: RunRecord | None = None,
        unanswered: Mapping[str, str] | None = None,
    ) -> Setup:
        """Return the engine's setup over the recorded answers, at an instant; `unanswered` as `RecordedAws.clients` has it."""
        clock = StandingClock(at)
        source: Clients = self.aws.clients(purpose, unanswered=unanswered)
        return Setup(
            name=self.evidence.configuration.target_name,
            target=self.target,
            clients=source,
            scratch_clients=self.aws.clients(purpose, "restore", unanswered) if self.target.restore.apart else source,
            journal=MemoryJournal(record or self.recorded, clock),
            clock=clock,
            poll_seconds=1.0,
            ca_bundle=None,
            scenario=self.evidence.configuration.scenario,
        )

    def choose(self) -> Chosen | None:
        """Return what follows from the recovery points as AWS listed them; None where no disaster was declared."""
        disaster = self.recorded.disaster
        if disaster is None or disaster.declared_at is None:
            return None
        setup = self.setup(CHOOSING, disaster.declared_at)
        source, points = self._source_and_points(setup)
        seed = disaster.seed if self.target.disaster == "random" else None
        declared = declare(self.target.disaster, points, disaster.declared_at, seed)
        declared = resuming.disaster_of(self.recorded.resumed_from, declared)
        record = dataclasses.replace(self.recorded, disaster=declared)
        if source and record.target:
            region, account = (*source.arn.split(":"), *[""] * 5)[3:5]
            known = dataclasses.replace(
                record.target,
                instance_id=source.id,
                engine_version=source.engine_version,
                dbi_resource_id=source.dbi_resource_id,
                account=account,
                region=region,
            )
            record = dataclasses.replace(record, target=known)
        elif record.target:  # nobody knew more of it
            gone = dataclasses.replace(record.target, account="", region="")
            record = dataclasses.replace(record, target=gone)
        if self.target.sample.moment is not None:
            choice = sampling.choose(setup, points, source, declared.at)
        else:
            scenario = self.target.scenario(setup.scenario)
            seeds = self.evidence.seen(SeedDrawn)
            choice = selection.choose(
                self.target.sample,
                points,
                dbi_resource_id=source.dbi_resource_id if source else None,
                usable_at=declared.at,
                kinds=scenario.points if scenario else (),
                seed=seeds[0].seed if seeds else 0,
            )
        choice = resuming.keep_point(self.recorded.resumed_from, choice, points)
        verdict = selection.judge(self.target.instance, self.target.vault, choice, self.target.sample)
        return Chosen(dataclasses.replace(record, refused_points=choice.refused), choice, verdict)

    def _source_and_points(self, setup: Setup) -> tuple[Instance | None, Sequence[RecoveryPoint]]:
        """Return the source and the recovery points as they were read last: where AWS refused, the next scenario asked again."""
        refused: ClientError | None = None
        while True:
            try:
                return aws.describe_instance(setup.clients, self.target.instance, setup.kind), sampling.points_of(setup)
            except ClientError as error:
                refused = error
            except NotRecorded:
                if refused is None:
                    raise
                raise refused from None

    def with_lineage(self, point: RecoveryPoint) -> RecoveryPoint:
        """Return the point with its lineage, from the answers that were asked for it first."""
        setup = self.setup(LINEAGE, self.recorded.started_at, unanswered=self._unanswered())
        return dataclasses.replace(point, lineage=read_lineage(setup.side_of(point), point))

    def _unanswered(self) -> dict[str, str]:
        """Return the error by operation of what the record says was not read of the lineage: it holds no fact of these."""
        known = [each.point.lineage for each in self.recorded.restorations if each.purpose == "recovery" and each.point]
        not_read = [each.partition(": ") for lineage in known if lineage for each in lineage.not_read]
        return {operation: code for operation, _, code in not_read}

    def schedule(self) -> RunRecord | None:
        """Return a record with the schedule's worst case and its verdict; None where the plans were not read."""
        read_at = self.evidence.seen(ScheduleReadAt)
        if not read_at:
            return None
        empty = dataclasses.replace(self.recorded, verdicts=(), worst_case=None, notes=(), objectives=self.objectives)
        setup = self.setup(schedule_verdict.NAME, read_at[0].at, empty)
        schedule.judge(setup)
        return setup.journal.record

    def recovery_time(self, restoration: Restoration, blocking: Sequence[CheckResult]) -> tuple[Measurement, ...]:
        """Return RTA with and without what was declared, from the phases of the record."""
        failed = recovery_time.unpassed(blocking, self.requirement)
        declared = self.target.allowances.declared(self.target.rto_clock)
        measured = recovery_time.measure(self.recorded.phases, declared, restoration, failed)
        return tuple(resuming.with_gap(each, self.recorded.resumed_from) for each in measured)

    def requirement(self, result: CheckResult) -> Requirement:
        """Return the requirement of a check's result on this target."""
        return requirement_of(result, self.target.checks, self.target.tier)

    def losses(self, record: RunRecord, copy: str, point: RecoveryPoint) -> Losses | None:
        """Return the losses that follow from the newest restored data; None where nothing was read of them."""
        seen = [each.seen for each in self.evidence.observations if isinstance(each.seen, LossSeen)]
        if not seen or record.disaster is None:
            return None
        newest, sample = seen[0].newest, self.target.sample
        proved = newest_canary(self.evidence, copy)
        if newest.source == "canary" and proved is not None:
            newest = dataclasses.replace(newest, at=proved)  # the chain's own newest row, which was verified
        reference = Reference(sample.moment, "the moment") if sample.moment else Reference(record.disaster.at)
        data = data_loss.by_data(newest, reference)
        losses = (read_loss.by_schedule(record.worst_case), data_loss.by_api(point, reference), data)
        rpa = data_loss.measure(data, reference)
        compared = losses if sample.judges_rpo else losses[1:]
        return Losses(
            losses,
            rpa,
            data_loss.judge_rpo(losses, rpa, self.objectives, sample),
            data_loss.compare(compared, self.target.loss_tolerance.total_seconds()),
        )
