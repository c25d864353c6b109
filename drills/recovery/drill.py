"""One drill: from declaring the disaster to the last clean-up.

The order is fixed, because it is what is measured: declare, choose, request, restore, password, connect, blocking
checks (RTA ends here), then the full comparison. Every step writes the run record before it goes on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol

import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from drills import errors
from drills.aws import clock_offset
from drills.aws import read as aws
from drills.aws.scratch import left_of
from drills.checks import suite
from drills.checks.base.budget import Budget
from drills.checks.base.outcome import first_line
from drills.checks.base.session import Connector
from drills.checks.manifest import Manifest
from drills.checks.owner import invariants, queries
from drills.checks.server import isolation
from drills.checks.suite import Comparison
from drills.errors import CheckUnavailable, DrillError, NoRecoveryPoint
from drills.model.finding import CheckResult, Requirement, Verdict
from drills.model.instance import Instance, Resource
from drills.model.point import RecoveryPoint
from drills.model.record import Restoration
from drills.objectives import recovery_time, timeline
from drills.recovery import choose as sampling
from drills.recovery import read_loss, schedule, selection
from drills.recovery.disaster import declare
from drills.recovery.hydration import hydrate
from drills.recovery.restore import Restored, Setup, copy_snapshot, remove_made, restore
from drills.schedule import verdict as schedule_judge

CHOOSING = "choose the recovery point"


@contextmanager
def _one_sentence() -> Iterator[None]:
    """The one place where what boto3 and psycopg raise during a drill becomes a sentence."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise DrillError(
            f"expected AWS to do what the drill asked, found: {aws.in_one_line(error)}: see that the drill's role may "
            "do this and that the endpoint is reached, then run again"
        ) from error
    except psycopg.Error as error:
        raise DrillError(
            f"expected the scratch instance to go on answering, found: {first_line(error)}: look at its server's log"
        ) from error


class Checks(Protocol):
    """What a drill asks of the checks; drills/checks/suite.py is what it asks."""

    def blocking(self, of: Comparison, names: Collection[str] = ...) -> tuple[CheckResult, ...]:
        """Those that must pass before a copy counts as usable."""
        ...

    def remaining(self, of: Comparison, blocked: Collection[str] = ...) -> tuple[CheckResult, ...]:
        """The others, but those in `blocked`."""
        ...

    def newest_canary(self, connect: Connector) -> datetime | None:
        """The newest instant that a canary proves to be in the copy."""
        ...


class Drill:
    """A drill of one target. The recovery is done once and remembered, and so is its failure."""

    def __init__(
        self, setup: Setup, manifest: Manifest | None, key: bytes | None = None, checks: Checks = suite
    ) -> None:
        self._setup = setup
        self._checks = checks
        self._key = key
        self._journal = setup.journal
        self._manifest = manifest
        self._source: Instance | None = None
        self._points: tuple[RecoveryPoint, ...] = ()
        self._outcome: Restoration | DrillError | None = None
        self._copy: Connector | None = None
        self._witness = clock_offset.Witness(setup.clock)
        self._witness.watch(setup.clients.rds, setup.scratch_clients.rds)

    @property
    def holds_sample(self) -> bool:
        """Whether the source holds the sample application."""
        return self._setup.sample

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

    @_one_sentence()
    def declare_disaster(self) -> datetime:
        """Declare the target lost, and look at what there is to restore; return the disaster's instant. Done once."""
        if self._journal.record.disaster is None:
            target, clients = self._setup.target, self._setup.clients
            declared_at = self._setup.clock.now()
            if all(phase.name != CHOOSING for phase in self._journal.record.phases):
                self._enter_measured(CHOOSING)  # whoever has to recover has to look for a recovery point as well
                self._journal.mark(timeline.DECLARATION)
            self._source = aws.describe_instance(clients, target.instance)
            self._points = sampling.points_of(self._setup)
            self._note_target()
            self._journal.update(disaster=declare(target.disaster, self._points, declared_at))
        disaster = self._journal.record.disaster
        if disaster is None:
            raise AssertionError("the record holds the disaster that was just declared")
        return disaster.at

    def choose(self) -> RecoveryPoint:
        """The point that the target's sample names and that was usable at the disaster, the newest unless configured.

        NoRecoveryPoint, the verdict recorded, when there is none.
        """
        disaster_at = self.declare_disaster()
        target = self._setup.target
        choice = sampling.choose(self._setup, self._points, self._source, disaster_at)
        self._journal.update(refused_points=choice.refused)
        if choice.point is None:
            sentence = selection.explain_none(target.instance, target.vault, choice, target.sample)
            self._journal.verdict(Verdict("recovery point", "missed", sentence, exit_code=errors.OBJECTIVE_MISSED))
            raise NoRecoveryPoint(sentence)
        self.note(*(finding.message for finding in choice.findings))
        self.note(*sampling.notes(self._setup, choice, self._source))
        self._expect(choice.point)
        sentence = (
            f"{choice.point.snapshot_id or choice.point.arn}, data up to {choice.point.data_time:%Y-%m-%d %H:%M:%S} UTC"
        )
        self._journal.verdict(Verdict("recovery point", "met", sentence, exit_code=errors.OBJECTIVE_MISSED))
        if all(moment.name != timeline.CHOSEN for moment in self._journal.record.moments):
            self._journal.mark(timeline.CHOSEN)
        return choice.point

    # -- the recovery that is measured ------------------------------------------------------------------------------

    def recover(self) -> Restoration:
        """Restore the newest point, check it and judge it. Done once; a failure is raised again to each caller."""
        if self._outcome is None:
            self._outcome = self._attempt()
            self._journal.enter("the other promises")
        if isinstance(self._outcome, DrillError):
            raise self._outcome
        return self._outcome

    def _attempt(self) -> Restoration | DrillError:
        try:
            with _one_sentence():
                return self._recover()
        except NoRecoveryPoint as error:
            return error  # its verdict is in the record: an objective missed, not a drill that could not run
        except DrillError as error:
            self._journal.failure(str(error), error.exit_code)
            return error
        finally:
            self._note_clocks()

    def _recover(self) -> Restoration:
        point = self.choose()
        restored = restore(self._setup, point, self._source, purpose="recovery", enter=self._enter_measured)
        self._copy = restored.connect
        restoration, asked = self._ask(restored)
        self.note(*sampling.upgraded(point, restored.instance.engine_version))
        self._enter_measured("check what blocks")
        blocking = self._block(restored, asked)
        restoration = self._keep(restoration, blocking)
        self._journal.mark(timeline.PASSED)
        self._work_out_the_schedule()
        self._journal.enter("compare the content")
        self._judge_recovery_time(restoration)
        lost = read_loss.measure(
            self._setup, restored.connect, point, self.declare_disaster(), newest_canary=self._checks.newest_canary
        )
        restoration = self._keep(restoration, (lost, *self._further(restored, asked)))
        self._journal.mark(timeline.COMPARED)
        for result in restoration.checks:
            self._journal.verdict(verdict_of(result, self._setup.requirement(result.name, result.requirement)))
        return self._hydrate(restored, restoration)

    def _ask(self, restored: Restored) -> tuple[Restoration, CheckResult]:
        """Time the owner's queries before anything has read the data; cold, then the same again."""
        setup, restoration = self._setup, restored.restoration
        wanted, limit = setup.queries(), setup.target.timeout.total_seconds()
        began = setup.clock.monotonic()
        if any(not query.skipped for query in wanted):
            self._enter_measured("ask the owner's queries, cold")
            timings = queries.cold(restored.connect, wanted, setup.clock, limit)
            self._journal.mark(timeline.COLD)
            self._enter_measured("ask the owner's queries, warm")
            timings = queries.warm(restored.connect, wanted, timings, setup.clock, limit)
            self._journal.mark(timeline.WARM)
        else:
            timings = queries.cold(restored.connect, wanted, setup.clock, limit)
        restoration = dataclasses.replace(restoration, queries=timings)
        self._journal.restoration(restoration)
        took = round(setup.clock.monotonic() - began, 3)
        return restoration, dataclasses.replace(queries.judge(timings), seconds=took)

    def _block(self, restored: Restored, asked: CheckResult) -> tuple[CheckResult, ...]:
        """The checks that must pass before the copy counts as usable, the owner's queries after the connection."""
        blocks = self._setup.target.blocks()
        results = self._checks.blocking(self._comparison(restored), blocks)
        if queries.NAME in blocks:
            results = (results[0], dataclasses.replace(asked, blocking=True), *results[1:])
        if isolation.NAME in blocks:
            results = (*results, dataclasses.replace(self._isolation(restored), blocking=True))
        return results

    def _further(self, restored: Restored, asked: CheckResult) -> tuple[CheckResult, ...]:
        """The checks that run when RTA has stopped, the content within its budget of time."""
        blocks, limit = self._setup.target.blocks(), self._setup.target.content_budget
        budget = Budget.starting(limit.total_seconds() if limit else None, self._setup.clock)
        results = self._checks.remaining(dataclasses.replace(self._comparison(restored), budget=budget), blocks)
        before = () if queries.NAME in blocks else (asked,)
        after = () if isolation.NAME in blocks else (self._isolation(restored),)
        return (*before, *results, *after)

    def _comparison(self, restored: Restored) -> Comparison:
        """The copy beside what the drill knows of its source."""
        setup = self._setup
        return Comparison(
            restored.connect, self._manifest, setup.clock, setup.target.tables, self._key, rules=setup.rules
        )

    def _hydrate(self, restored: Restored, restoration: Restoration) -> Restoration:
        """Read all of the copy, where the target asks for it; its time is outside of RTA."""
        if not self._setup.target.hydrate:
            return restoration
        self._journal.enter("hydrate", note="every block of the copy is read once")
        restoration = dataclasses.replace(restoration, hydration=hydrate(restored.connect, self._setup.clock))
        self._journal.restoration(restoration)
        self._journal.mark(timeline.HYDRATED)
        return restoration

    def rule(self, sentence: str) -> Verdict | None:
        """Whether what the owner says in this sentence is true of the recovered copy; None when that was not reached."""
        recovery = next((each for each in self._journal.record.restorations if each.purpose == "recovery"), None)
        results = recovery.checks if recovery else ()
        result = next((each for each in results if each.name == invariants.NAME), None)
        verdict = invariants.verdict(self._setup.rules, result, sentence)
        if verdict is None or verdict.requirement != "required":
            return verdict
        return dataclasses.replace(verdict, requirement=self._setup.requirement(invariants.NAME, verdict.requirement))

    def _judge_recovery_time(self, restoration: Restoration) -> None:
        record = self._journal.record
        # RTA ends when the last blocking check has passed (DESIGN.md decision 6); one that has not, leaves no number
        unpassed = [
            result.name
            for result in restoration.checks
            if result.outcome != "met" and self._setup.requirement(result.name, result.requirement) == "required"
        ]
        rta, alone = recovery_time.measure(record.phases, self._setup.declared(), restoration, unpassed)
        self._journal.append("measurements", rta, alone)
        self.note(*recovery_time.class_notes(restoration))
        self._journal.verdict(recovery_time.judge(rta, record.objectives))

    def _note_clocks(self) -> None:
        """Keep how far AWS's clock and ours are apart, and say where ours has jumped."""
        offset = self._witness.offset()
        self._journal.update(clock_offset=offset)
        self.note(*filter(None, [clock_offset.note_of(offset), *recovery_time.jumps(self._journal.record.phases)]))

    def _keep(self, restoration: Restoration, results: Sequence[CheckResult]) -> Restoration:
        kept = dataclasses.replace(restoration, checks=(*restoration.checks, *results))
        self._journal.restoration(kept)
        return kept

    def _isolation(self, restored: Restored) -> CheckResult:
        groups = list(restored.instance.security_groups)
        found = (
            self._setup.scratch_clients.ec2.describe_security_groups(GroupIds=groups)["SecurityGroups"]
            if groups
            else []
        )
        return isolation.judge(restored.instance, found)

    # -- what the schedule allows -----------------------------------------------------------------------------------

    @_one_sentence()
    def judge_schedule(self) -> None:
        """Work out what the backup schedule can lose at worst and hold it against the RPO. Done once."""
        if self._work_out_the_schedule():
            self._journal.enter("the other promises")

    def _work_out_the_schedule(self) -> bool:
        """Whether it had not been done before."""
        if any(verdict.name == schedule_judge.NAME for verdict in self._journal.record.verdicts):
            return False
        self._journal.enter("work out the schedule")
        schedule.judge(self._setup)
        return True

    # -- the rehearsal of a failure ---------------------------------------------------------------------------------

    @_one_sentence()
    def copy_snapshot(self, point: RecoveryPoint, copy_id: str) -> None:
        """Copy a point's snapshot under a name of this run's own and wait until the copy is available."""
        copy_snapshot(self._setup, point, copy_id)

    @_one_sentence()
    def restore_copy(self, snapshot_id: str, point: RecoveryPoint, damage: Sequence[str]) -> Restoration:
        """Restore a snapshot of this run's own and check it as the recovery was checked; its verdicts count nowhere."""
        copy = dataclasses.replace(point, snapshot_id=snapshot_id, kind="manual", made_by_drill=True)
        restored = restore(self._setup, copy, self._source, purpose="rehearsal", enter=lambda name: None)
        comparison = self._comparison(restored)
        results = (*self._checks.blocking(comparison), *self._checks.remaining(comparison))
        return self._keep(dataclasses.replace(restored.restoration, damage=tuple(damage)), results)

    # -- a moment beside the recovery -------------------------------------------------------------------------------

    @_one_sentence()
    def restore_moment(self, moment: datetime) -> Restored:
        """Restore to a moment, beside the recovery. NoRecoveryPoint where it cannot be: no other one takes its place."""
        point = sampling.moment_of(self._setup, self._source, moment, self.declare_disaster())
        return restore(self._setup, point, self._source, purpose="moment", enter=lambda name: None)

    # -- afterwards -------------------------------------------------------------------------------------------------

    def clean_up(self) -> tuple[Resource, ...]:
        """Remove everything that this run made; return what is still there."""
        if left_of(self._journal.record.resources):
            self._journal.enter("clean up")
        left = remove_made(self._setup)
        cleaned = any(moment.name == timeline.CLEAN for moment in self._journal.record.moments)
        if self._journal.record.resources and not left and not cleaned:
            self._journal.mark(timeline.CLEAN)
        return left

    # -- the record -------------------------------------------------------------------------------------------------

    def _enter_measured(self, name: str) -> None:
        self._journal.enter(name, clock="rta")

    def _expect(self, point: RecoveryPoint) -> None:
        """Compare with the manifest only where it is of this point: another one's would call honest data differences."""
        stored = self._manifest
        if stored is not None and not sampling.belongs(stored.taken_at, self._setup, point):
            self._manifest, self._setup = None, dataclasses.replace(self._setup, expectation="none")
            self.note("the manifest is not of the recovery point that is drilled: what needs one is not compared")

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


def verdict_of(result: CheckResult, requirement: Requirement) -> Verdict:
    """What a check's result counts for; a difference in a check that the owner made optional is shown and counts not."""
    outcome = result.outcome
    if outcome == "missed" and requirement != "required":
        outcome = "not verified"
    # a copy that is whole and slow has missed an objective, and its data do not differ
    code = errors.OBJECTIVE_MISSED if result.name == queries.NAME else errors.VERIFICATION_FAILED
    return Verdict(result.name, outcome, result.sentence, requirement, code)
