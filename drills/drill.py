"""One drill: from declaring the disaster to the last clean-up.

The order is fixed, because it is what is measured: declare, choose, request, restore, password, connect, blocking
checks (RTA ends here), then the full comparison. Every step writes the run record before it goes on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from drills import errors, objectives, selection
from drills.checks import invariants, isolation, suite
from drills.checks.judged import first_line
from drills.checks.manifest import Manifest
from drills.disaster import declare
from drills.errors import DrillError, NoRecoveryPoint
from drills.model import CheckResult, Instance, RecoveryPoint, Requirement, Resource, Restoration, Verdict
from drills.restoring import Restored, Setup, copy_snapshot, remove_made, restore
from drills.sources import aws
from drills.sources.scratch import left_of


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


class Drill:
    """A drill of one target. The recovery is done once and remembered, and so is its failure."""

    def __init__(self, setup: Setup, manifest: Manifest | None, key: bytes | None = None) -> None:
        self._setup = setup
        self._key = key
        self._journal = setup.journal
        self._manifest = manifest
        self._source: Instance | None = None
        self._points: tuple[RecoveryPoint, ...] = ()
        self._outcome: Restoration | DrillError | None = None

    @property
    def ca_bundle(self) -> Path | None:
        """The certificates that the copy's own is checked against; None: the system's."""
        return self._setup.ca_bundle

    # -- the disaster, and what is left after it --------------------------------------------------------------------

    @_one_sentence()
    def declare_disaster(self) -> datetime:
        """Look at the target, then declare it lost; return the disaster's instant. Done once."""
        if self._journal.record.disaster is None:
            target, clients = self._setup.target, self._setup.clients
            self._source = aws.describe_instance(clients, target.instance)
            self._points = aws.recovery_points(clients, target.instance, target.vault)
            self._note_target()
            self._enter_measured("choose the recovery point")
            self._journal.update(disaster=declare(target.disaster, self._points, self._setup.clock.now()))
        disaster = self._journal.record.disaster
        if disaster is None:
            raise AssertionError("the record holds the disaster that was just declared")
        return disaster.at

    def choose(self) -> RecoveryPoint:
        """The newest point that was usable at the disaster; NoRecoveryPoint, the verdict recorded, when there is none."""
        disaster_at = self.declare_disaster()
        target = self._setup.target
        living = self._source.dbi_resource_id if self._source else None
        scenario = target.scenario(self._setup.scenario)
        choice = selection.choose_newest(
            self._points,
            dbi_resource_id=living,
            usable_at=disaster_at,
            kinds=scenario.points if scenario else (),
        )
        self._journal.update(refused_points=choice.refused)
        if choice.point is None:
            sentence = selection.explain_none(target.instance, target.vault, choice)
            self._journal.verdict(Verdict("recovery point", "missed", sentence, exit_code=errors.OBJECTIVE_MISSED))
            raise NoRecoveryPoint(sentence)
        self.note(*(finding.message for finding in choice.findings))
        sentence = f"{choice.point.snapshot_id}, data up to {choice.point.data_time:%Y-%m-%d %H:%M:%S} UTC"
        self._journal.verdict(Verdict("recovery point", "met", sentence, exit_code=errors.OBJECTIVE_MISSED))
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

    def _recover(self) -> Restoration:
        point = self.choose()
        restored = restore(self._setup, point, self._source, purpose="recovery", enter=self._enter_measured)
        self._enter_measured("check what blocks")
        blocking = self._blocking(restored)
        self._journal.enter("compare the content")
        self._judge_objectives(blocking, *_newest_canary(restored))
        restoration = self._keep(restored.restoration, blocking)
        policies = self._setup.target.tables
        remaining = suite.remaining(
            restored.connect, self._manifest, policies=policies, clock=self._setup.clock, key=self._key
        )
        restoration = self._keep(restoration, (*remaining, self._isolation(restored)))
        for result in restoration.checks:
            self._journal.verdict(verdict_of(result, self._setup.requirement(result.name, result.requirement)))
        return restoration

    def _blocking(self, restored: Restored) -> tuple[CheckResult, ...]:
        setup = self._setup
        return suite.blocking(restored.connect, self._manifest, clock=setup.clock, key=self._key, rules=setup.rules)

    def rule(self, sentence: str) -> Verdict | None:
        """Whether what the owner says in this sentence is true of the recovered copy; None when that was not reached."""
        recovery = next((each for each in self._journal.record.restorations if each.purpose == "recovery"), None)
        results = recovery.checks if recovery else ()
        result = next((each for each in results if each.name == invariants.NAME), None)
        verdict = invariants.verdict(self._setup.rules, result, sentence)
        if verdict is None or verdict.requirement != "required":
            return verdict
        return dataclasses.replace(verdict, requirement=self._setup.requirement(invariants.NAME, verdict.requirement))

    def _judge_objectives(self, blocking: Sequence[CheckResult], newest: datetime | None, source: str) -> None:
        record = self._journal.record
        rta = objectives.measure_rta(record.phases, self._setup.allowance_seconds())
        unpassed = [result.name for result in blocking if result.outcome != "met" and result.requirement == "required"]
        if unpassed:  # RTA ends when the last blocking check has passed (DESIGN.md decision 6), and it has not
            rta = objectives.not_usable(rta, unpassed)
        rpa = objectives.measure_rpa(self.declare_disaster(), newest, source)
        self._journal.append("measurements", rta, rpa)
        self._journal.verdict(objectives.judge_rto(rta, record.objectives))
        self._journal.verdict(objectives.judge_rpo(rpa, record.objectives))

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
        policies = self._setup.target.tables
        results = (
            *self._blocking(restored),
            *suite.remaining(
                restored.connect, self._manifest, policies=policies, clock=self._setup.clock, key=self._key
            ),
        )
        return self._keep(dataclasses.replace(restored.restoration, damage=tuple(damage)), results)

    # -- afterwards -------------------------------------------------------------------------------------------------

    def clean_up(self) -> tuple[Resource, ...]:
        """Remove everything that this run made; return what is still there."""
        if left_of(self._journal.record.resources):
            self._journal.enter("clean up")
        return remove_made(self._setup)

    # -- the record -------------------------------------------------------------------------------------------------

    def _enter_measured(self, name: str) -> None:
        self._journal.enter(name, clock="rta")

    def note(self, *sentences: str) -> None:
        """Add sentences to the record's notes, each once."""
        self._journal.update(notes=tuple(dict.fromkeys((*self._journal.record.notes, *sentences))))

    def _note_target(self) -> None:
        known = self._journal.record.target
        if self._source and known:
            self._journal.update(
                target=dataclasses.replace(
                    known,
                    engine_version=self._source.engine_version,
                    dbi_resource_id=self._source.dbi_resource_id,
                )
            )


def _newest_canary(restored: Restored) -> tuple[datetime | None, str]:
    """The newest instant that a canary proves to be in the copy, and what said so, or why nothing did."""
    try:
        newest = suite.newest_canary(restored.connect)
    except psycopg.Error as error:
        return None, f"the canary could not be read: {first_line(error)}"
    return newest, "canary" if newest else "no canary in the copy"


def verdict_of(result: CheckResult, requirement: Requirement) -> Verdict:
    """What a check's result counts for; a difference in a check that the owner made optional is shown and counts not."""
    outcome = result.outcome
    if outcome == "missed" and requirement != "required":
        outcome = "not verified"
    return Verdict(result.name, outcome, result.sentence, requirement, errors.VERIFICATION_FAILED)
