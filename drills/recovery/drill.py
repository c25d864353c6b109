"""One drill, from the declaration of the disaster to the last clean-up.

The order is fixed, because the time that it takes is measured: declare, choose, request, restore, password, connect, blocking
checks (RTA ends here), then the full comparison. Every step writes the run record before it goes on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Literal

from drills.aws import clock_offset
from drills.aws import read as aws
from drills.aws.guarded.names import ScratchName
from drills.checks import suite
from drills.checks.base.session import Connector
from drills.checks.comparison import WORKERS, Comparison
from drills.checks.manifest import Manifest
from drills.checks.observed import Observations
from drills.checks.owner import invariants, queries
from drills.checks.server import isolation
from drills.errors import CheckUnavailable, NoRecoveryPoint
from drills.model import phases
from drills.model.acknowledgement import Acknowledgement
from drills.model.finding import CheckResult, Requirement, Verdict
from drills.model.instance import Instance, Resource
from drills.model.point import RecoveryPoint
from drills.model.record import Restoration
from drills.objectives import acknowledged, data_loss, recovery_time, timeline
from drills.objectives.processors import processors_for
from drills.recovery import choose as sampling
from drills.recovery import engine_version, read_loss, schedule, selection, surroundings, vaults
from drills.recovery.disaster import declare
from drills.recovery.failing import Once, translate_client_errors
from drills.recovery.hydration.hydrate import hydrate
from drills.recovery.judged import Checks, not_run, requirement_of, verdict_of
from drills.recovery.manifest import in_turn
from drills.recovery.manifest.held import HeldManifest
from drills.recovery.observed import JudgedOn, QueriesSeen
from drills.recovery.restore import RestoredCopy, clean_up, copy_snapshot, restore
from drills.recovery.resuming import disaster_of, mark_declaration, with_gap
from drills.recovery.setup import Setup
from drills.schedule import verdict as schedule_judge

CHOOSING = "choose the recovery point"
COMPARING = "compare the content"


class Drill:
    """A drill of one target. The recovery is done once and remembered, and so is its failure."""

    def __init__(
        self, setup: Setup, manifest: Manifest | None, key: bytes | None = None, checks: Checks = suite
    ) -> None:
        self._setup = setup
        self._checks = checks
        self._journal = setup.journal
        self._held = HeldManifest(manifest, key)
        self._source: Instance | None = None
        self._points: tuple[RecoveryPoint, ...] = ()
        self._once = Once(self._journal)
        self._copy: Connector | None = None
        self._rta_clock: Literal["rta", ""] = "rta"
        self._clock_probe = clock_offset.ClockOffsetProbe(setup.clock)
        self._clock_probe.watch(setup.clients.rds, setup.scratch_clients.rds)

    @property
    def uses_demo_data(self) -> bool:
        """Whether the source holds the sample application."""
        return self._setup.uses_demo_data

    @property
    def ca_bundle(self) -> Path | None:
        """The certificates that the copy's own is checked against; None: the system's."""
        return self._setup.ca_bundle

    @property
    def copy(self) -> Connector:
        """Connects to a database of the restored copy. CheckUnavailable where there is none to connect to."""
        if self._copy is None:
            raise CheckUnavailable("expected a restored copy to look at, found none: the drill did not get that far")
        return self._copy

    # -- the disaster, and what is left after it --------------------------------------------------------------------

    @translate_client_errors()
    def declare_disaster(self) -> datetime:
        """Declare the target lost and read its recovery points, once; return the instant of the disaster."""
        if self._journal.record.disaster is None:
            target, clients = self._setup.target, self._setup.clients
            declared_at = self._setup.clock.now()
            if all(phase.name != CHOOSING for phase in self._journal.record.phases):
                self._enter_measured(CHOOSING)  # a recovery begins with the search for a recovery point
                mark_declaration(self._journal)
            with clients.within(CHOOSING):
                self._source = aws.describe_instance(clients, target.instance, self._setup.kind)
                arn = self._source.arn if self._source else ""
                with vaults.named_by_its_key(self._setup.name, target, clients, arn):
                    self._points = sampling.points_of(self._setup)
                vaults.refuse(self._setup, self._points)
            self._note_target()
            declared = declare(target.disaster, self._points, declared_at)
            self._journal.update(disaster=disaster_of(self._journal.record.resumed_from, declared))
        disaster = self._journal.record.disaster
        if disaster is None:
            raise AssertionError("the record holds the disaster that was just declared")
        return disaster.at

    def choose(self) -> RecoveryPoint:
        """Return the selected recovery point that was usable at the disaster, the newest one unless configured.

        Records the verdict; raises NoRecoveryPoint where there is none.
        """
        disaster_at = self.declare_disaster()
        target = self._setup.target
        with self._setup.clients.within(CHOOSING):
            choice = sampling.choose(self._setup, self._points, self._source, disaster_at)
        self._journal.update(refused_points=choice.refused)
        verdict = selection.judge(target.instance, target.vault, choice, target.sample)
        if choice.point is None:
            self._journal.verdict(verdict)
            raise NoRecoveryPoint(verdict.sentence)
        self.note(*(finding.message for finding in choice.findings))
        self.note(*sampling.choice_notes(self._setup, choice, self._source))
        self._setup = self._held.settle(self._setup, choice.point)
        self._journal.verdict(verdict)
        if all(moment.name != timeline.CHOSEN for moment in self._journal.record.moments):
            self._journal.mark(timeline.CHOSEN)
        return choice.point

    # -- the recovery that is measured ------------------------------------------------------------------------------

    def recover(self) -> Restoration:
        """Restore the newest point, check it and judge it. Done once; a failure is raised again to each caller."""
        return self._once(self._recover, self._note_clocks)

    def _recover(self) -> Restoration:
        point = self.choose()
        restored = restore(self._setup, point, self._source, purpose="recovery", enter=self._enter_measured)
        restoration, asked = self._check_usable(restored)
        failed = recovery_time.unpassed(restoration.checks, self._requirement)
        self._journal.mark(timeline.ENDED if failed else timeline.PASSED)
        self._evaluate_schedule()
        self._journal.enter(COMPARING)
        self._judge_recovery_time(restoration, failed)
        return self._check_content(restored, restoration, asked, point)

    @translate_client_errors()
    def check(
        self,
        restored: RestoredCopy,
        point: RecoveryPoint,
        source: Instance | None = None,
        usable: Callable[[Restoration], None] = lambda _: None,
    ) -> Restoration:
        """Check a copy of `point` that others asked for, as a recovery is checked; no recovery time is measured.

        `usable` is called once the blocking checks have run.
        """
        self._rta_clock, self._source = "", source
        self._setup = self._held.settle(self._setup, point)
        restoration, asked = self._check_usable(restored)
        usable(restoration)
        self._journal.enter(COMPARING)
        restoration = self._check_content(restored, restoration, asked, point)
        self._note_clocks()
        return restoration

    def _check_usable(self, restored: RestoredCopy) -> tuple[Restoration, CheckResult]:
        """Run the owner's queries and the blocking checks; return the restoration, and the result of the queries."""
        self._copy = restored.connect
        restoration, asked = self._time_queries(restored)
        self._enter_measured("run the blocking checks")
        blocking = self._run_blocking_checks(restored, asked)
        return self._record_checks(restoration, acknowledged.acknowledge(blocking, *self._known())), asked

    def _check_content(
        self, restored: RestoredCopy, restoration: Restoration, asked: CheckResult, point: RecoveryPoint
    ) -> Restoration:
        """Measure the data loss, run the remaining checks, and judge all of them."""
        self._setup.observations.statements.check = data_loss.NAME
        lost = read_loss.measure(
            self._setup, restored.connect, point, self.declare_disaster(), newest_canary=self._checks.newest_canary
        )
        support, seen = restoration.engine, self._observed(restored)
        version = engine_version.judge(restored.instance, support, point, self._source, seen)
        others = (lost, version, *self._run_remaining_checks(restored, asked), *not_run(self._setup.target.tier))
        restoration = self._record_checks(restoration, acknowledged.acknowledge(others, *self._known()))
        self._journal.mark(timeline.COMPARED)
        self.note(*acknowledged.remarks(restoration.checks, *self._known()))
        for result in restoration.checks:
            self._journal.verdict(verdict_of(result, self._requirement(result)))
        return self._hydrate(restored, restoration)

    def _time_queries(self, restored: RestoredCopy) -> tuple[Restoration, CheckResult]:
        """Time the owner's queries before anything has read the data: cold, then warm."""
        setup, restoration = self._setup, restored.restoration
        wanted, limit = setup.queries(), setup.target.timeout.total_seconds()
        began = setup.clock.monotonic()
        setup.observations.statements.check = queries.NAME
        if any(not query.skipped for query in wanted):
            self._enter_measured("run the owner's queries, cold")
            timings = queries.cold(restored.connect, wanted, setup.clock, limit, trust_code=setup.target.trust_code)
            self._journal.mark(timeline.COLD)
            self._enter_measured("run the owner's queries, warm")
            timings = queries.warm(restored.connect, wanted, timings, setup.clock, limit)
            self._journal.mark(timeline.WARM)
        else:
            timings = queries.cold(restored.connect, wanted, setup.clock, limit, trust_code=setup.target.trust_code)
        took = round(setup.clock.monotonic() - began, 3)
        self._observed(restored).note(queries.NAME, "", QueriesSeen(timings, took))
        restoration = dataclasses.replace(restoration, queries=timings)
        self._journal.restoration(restoration)
        return restoration, dataclasses.replace(queries.judge(timings), seconds=took)

    def _run_blocking_checks(self, restored: RestoredCopy, asked: CheckResult) -> tuple[CheckResult, ...]:
        """Run the checks that must pass before the copy counts as usable."""
        return self._checks.blocking(self._comparison(restored, asked), self._setup.target.blocks())

    def _run_remaining_checks(self, restored: RestoredCopy, asked: CheckResult) -> tuple[CheckResult, ...]:
        """Run the checks that do not count as RTA, the content within its budget of time."""
        return in_turn.run_remaining(self._setup, self._checks, self._comparison(restored, asked))

    def _comparison(self, restored: RestoredCopy, asked: CheckResult | None = None) -> Comparison:
        """Return the copy together with what the drill knows of its source.

        With the result of the owner's queries the comparison also supplies the checks that only a drill can make.
        """
        setup = self._setup
        supplied = {queries.NAME: lambda: asked, isolation.NAME: lambda: self._isolation(restored)} if asked else {}
        return Comparison(
            restored.connect,
            self._held.manifest,
            setup.clock,
            setup.target.tables,
            self._held.key,
            invariants=setup.rules,
            supplied=supplied,
            trust_code=setup.target.trust_code,
            expects_nothing=setup.target.expects == "nothing",
            observations=self._observed(restored),
            earlier=self._held.earlier(restored.restoration.point),
            workers=processors_for(restored.instance) or WORKERS,
        )

    def _observed(self, restored: RestoredCopy) -> Observations:
        """Return what notes the observations of a copy."""
        return dataclasses.replace(self._setup.observations, copy=restored.restoration.instance_id)

    def _hydrate(self, restored: RestoredCopy, restoration: Restoration) -> Restoration:
        """Read all of the copy, where the target asks for it; its time is outside of RTA."""
        if not self._setup.target.hydrate or self._setup.target.tier != "full":
            return restoration
        self._journal.enter("hydrate", note="every block of the copy is read once")
        restoration = dataclasses.replace(restoration, hydration=hydrate(restored.connect, self._setup.clock))
        self._journal.restoration(restoration)
        self._journal.mark(timeline.HYDRATED)
        return restoration

    def judge_rule(self, sentence: str) -> Verdict | None:
        """Judge the owner's rule with this sentence on the recovered copy; None where the drill did not get that far."""
        recovery = next((each for each in self._journal.record.restorations if each.purpose == "recovery"), None)
        results = recovery.checks if recovery else ()
        result = next((each for each in results if each.name == invariants.NAME), None)
        verdict = invariants.verdict(self._setup.rules, result, sentence)
        if verdict is None or verdict.requirement != "required":
            return verdict
        return dataclasses.replace(verdict, requirement=self._setup.requirement(invariants.NAME, verdict.requirement))

    def _requirement(self, result: CheckResult) -> Requirement:
        return requirement_of(result, self._setup.target.checks, self._setup.target.tier)

    def _judge_recovery_time(self, restoration: Restoration, failed: Sequence[CheckResult]) -> None:
        record = self._journal.record
        # RTA ends when the last blocking check has passed; one that did not pass leaves no number (docs/decisions.md)
        rta, alone = recovery_time.measure(record.phases, self._setup.declared(), restoration, failed)
        rta, alone = (with_gap(each, record.resumed_from) for each in (rta, alone))
        self._journal.append("measurements", rta, alone)
        self.note(*recovery_time.class_notes(restoration))
        self._journal.verdict(recovery_time.judge(rta, record.objectives))

    def _note_clocks(self) -> None:
        """Record the offset between AWS's clock and this machine's, and note where the latter has jumped."""
        offset = self._clock_probe.offset()
        self._journal.update(clock_offset=offset)
        self.note(*filter(None, [clock_offset.clock_note(offset), *recovery_time.jumps(self._journal.record.phases)]))

    def _known(self) -> tuple[tuple[Acknowledgement, ...], date]:
        """Return the known differences of the target, and the day that they are held against."""
        today = self._setup.clock.now().date()
        self._setup.observations.note("", "", JudgedOn(today))
        return self._setup.target.known_differences(), today

    def _record_checks(self, restoration: Restoration, results: Sequence[CheckResult]) -> Restoration:
        kept = dataclasses.replace(restoration, checks=(*restoration.checks, *results))
        self._journal.restoration(kept)
        return kept

    def _isolation(self, restored: RestoredCopy) -> CheckResult:
        clients, observed = self._setup.scratch_clients, self._observed(restored)
        return surroundings.check_isolation(clients, restored.instance, self._source, restored.groups, observed)

    # -- what the schedule allows -----------------------------------------------------------------------------------

    @translate_client_errors()
    def judge_schedule(self) -> None:
        """Judge the worst case of the backup schedule against the RPO, once."""
        if self._evaluate_schedule():
            self._journal.enter(phases.REMAINING)

    def _evaluate_schedule(self) -> bool:
        """Judge the schedule unless that was done before; return whether it was done now."""
        if any(verdict.name == schedule_judge.NAME for verdict in self._journal.record.verdicts):
            return False
        self._journal.enter("compute the schedule's worst case")
        schedule.judge(self._setup)
        return True

    # -- the rehearsal of a failure ---------------------------------------------------------------------------------

    @translate_client_errors()
    def copy_snapshot(self, point: RecoveryPoint, copy_id: ScratchName) -> None:
        """Copy a point's snapshot under a name of this run's own and wait until the copy is available."""
        copy_snapshot(self._setup, point, copy_id)

    @translate_client_errors()
    def restore_copy(self, snapshot_id: str, point: RecoveryPoint, damage: Sequence[str]) -> Restoration:
        """Restore a snapshot of this run's own and check it as the recovery was checked; its results give no verdicts."""
        copy = dataclasses.replace(point, snapshot_id=snapshot_id, kind="manual", made_by_drill=True)
        restored = restore(self._setup, copy, self._source, purpose="rehearsal", enter=lambda name: None)
        comparison = self._comparison(restored)
        results = (*self._checks.blocking(comparison), *self._checks.remaining(comparison))
        return self._record_checks(dataclasses.replace(restored.restoration, damage=tuple(damage)), results)

    # -- a moment beside the recovery -------------------------------------------------------------------------------

    @translate_client_errors()
    def restore_moment(self, moment: datetime) -> RestoredCopy:
        """Restore to a moment, beside the recovery. Raises NoRecoveryPoint; no other moment takes its place."""
        point = sampling.point_at(self._setup, self._source, moment, self.declare_disaster())
        return restore(self._setup, point, self._source, purpose="moment", enter=lambda name: None)

    # -- afterwards -------------------------------------------------------------------------------------------------

    def clean_up(self) -> tuple[Resource, ...]:
        """Remove everything that this run made; return what is still there."""
        return clean_up(self._setup)

    # -- the record -------------------------------------------------------------------------------------------------

    def _enter_measured(self, name: str) -> None:
        self._journal.enter(name, clock=self._rta_clock)

    def note(self, *sentences: str) -> None:
        """Add sentences to the record's notes, each once."""
        self._journal.update(notes=tuple(dict.fromkeys((*self._journal.record.notes, *sentences))))

    def _note_target(self) -> None:
        known = self._journal.record.target
        if self._source and known:
            region, account = (*self._source.arn.split(":"), *[""] * 5)[3:5]  # arn:aws:rds:REGION:ACCOUNT:db:NAME
            self._journal.update(
                target=dataclasses.replace(
                    known,
                    engine_version=self._source.engine_version,
                    dbi_resource_id=self._source.dbi_resource_id,
                    account=account,
                    region=region,
                )
            )
