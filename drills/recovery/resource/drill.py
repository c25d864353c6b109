"""One drill of what AWS Backup protects beside databases, from the declaration of the disaster to the last clean-up.

The order is that of a database (drills/recovery/drill.py): declare, choose, request, restore, blocking checks (RTA ends here), then
the comparison of the content. Each kind says what it reads, restores and judges.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime

from drills.checks.observed import Observed
from drills.config.load import Target
from drills.errors import OBJECTIVE_MISSED, NoRecoveryPoint, RestoreFailed
from drills.model.finding import CheckResult, Verdict
from drills.model.instance import Resource
from drills.model.point import Choice, RecoveryPoint
from drills.model.price import Part
from drills.model.record import Restoration
from drills.model.timing import DataLoss, Measurement
from drills.objectives import data_loss, recovery_time, timeline
from drills.objectives.data_loss import NewestData, Reference
from drills.recovery import selection, vaults
from drills.recovery.disaster import declare
from drills.recovery.failing import Once, translate_client_errors
from drills.recovery.judged import verdict_of
from drills.recovery.observed import LossSeen
from drills.recovery.resource import vault
from drills.recovery.restore import clean_up
from drills.recovery.setup import Setup

CHOOSING = "choose the recovery point"


def judge_choice(word: str, target: Target, choice: Choice) -> Verdict:
    """Return whether there is a recovery point of the target, which is called `word`. Pure."""
    if choice.point is not None:
        return selection.judge(target.instance, target.vault, choice, target.sample)
    reasons = "; ".join(f"{each.arn.rsplit(':', 1)[-1]}: {each.reason}" for each in choice.refused[:3])
    found = f"{len(choice.refused)} found, none usable ({reasons})" if reasons else "there is none at all"
    sentence = (
        f'expected a usable recovery point of the {word} "{target.instance}" in vault {target.vault!r}, {found}: see whether the '
        f"backup plan selects the {word} and why its last jobs did not complete"
    )
    return Verdict(selection.VERDICT, "missed", sentence, exit_code=OBJECTIVE_MISSED)


def losses_of(point: RecoveryPoint, newest: NewestData, disaster: datetime) -> tuple[tuple[DataLoss, ...], Measurement]:
    """Return the losses by each method, and RPA. Pure."""
    reference = Reference(disaster)
    data = data_loss.by_data(newest, reference)
    losses = (data_loss.by_policy(None), data_loss.by_api(point, reference), data)
    return losses, data_loss.measure(data, reference)


class ResourceDrill(ABC):
    """A drill of one resource. The recovery is done once and remembered, and so is its failure."""

    WORD = ""  # what such a resource is called

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._journal = setup.journal
        self._points: tuple[RecoveryPoint, ...] = ()
        self._once = Once(self._journal)
        self._denied: RestoreFailed | None = None

    # -- what each kind does ----------------------------------------------------------------------------------------

    @abstractmethod
    def _look(self) -> tuple[RecoveryPoint, ...]:
        """Read the source as it is now, where it is still there, and return its recovery points."""

    @abstractmethod
    def _restore(self, point: RecoveryPoint) -> Restoration:
        """Restore a point and wait until the copy is there."""

    @abstractmethod
    def _blocking(self, restoration: Restoration) -> tuple[CheckResult, ...]:
        """Return whether the copy answers and is set up as a restore sets it up."""

    @abstractmethod
    def _content(self, restoration: Restoration) -> tuple[CheckResult, NewestData]:
        """Compare what the copy holds, and return of when the newest of it is."""

    def _charged(self, restoration: Restoration) -> tuple[Part, ...]:
        """Return what the copy is billed by, with what the comparison took."""
        return restoration.charged

    # -- the disaster, and what is left after it --------------------------------------------------------------------

    @translate_client_errors()
    def declare_disaster(self) -> datetime:
        """Declare the resource lost and read its recovery points, once; return the instant of the disaster."""
        disaster = self._journal.record.disaster
        if disaster is None:
            target = self._setup.target
            declared_at = self._setup.clock.now()
            self._enter_measured(CHOOSING)
            self._journal.mark(timeline.DECLARATION)
            self._points = self._points_of_vault()
            disaster = declare(target.disaster, self._points, declared_at)
            self._journal.update(disaster=disaster)
        return disaster.at

    def _points_of_vault(self) -> tuple[RecoveryPoint, ...]:
        """Return the points of the target's vault, once that can be restored from, with what is known of it."""
        if self._denied:
            raise self._denied  # nobody waits twice
        with vaults.named_by_its_key(self._setup.name, self._setup.target, self._setup.clients):
            seen = vault.look(self._setup)
        try:
            approved = vault.await_approval(self._setup, seen, self._enter_measured)
        except RestoreFailed as error:
            self._denied = error
            raise
        if approved is not seen:
            self._enter_measured(CHOOSING)
        lineage = approved.lineage
        return tuple(dataclasses.replace(each, lineage=lineage) for each in self._look())

    def _identify(self, identity: str) -> None:
        """Note in the record which source this is, under whatever name: nothing of it is ever changed."""
        clients, known = self._setup.clients, self._journal.record.target
        if known is not None:
            found = dataclasses.replace(known, dbi_resource_id=identity, account=clients.account, region=clients.region)
            self._journal.update(target=found)

    def choose(self) -> RecoveryPoint:
        """Return the recovery point that was usable at the disaster, the newest one unless configured; NoRecoveryPoint."""
        disaster_at, target = self.declare_disaster(), self._setup.target
        choice = selection.choose(target.sample, self._points, dbi_resource_id=None, usable_at=disaster_at)
        self._journal.update(refused_points=choice.refused)
        verdict = judge_choice(self.WORD, target, choice)
        self._journal.verdict(verdict)
        if choice.point is None:
            raise NoRecoveryPoint(verdict.sentence)
        self._journal.mark(timeline.CHOSEN)
        return choice.point

    # -- the recovery that is measured ------------------------------------------------------------------------------

    def recover(self) -> Restoration:
        """Restore the point, check it and judge it. Done once; a failure is raised again to each caller."""
        return self._once(self._recover)

    def _recover(self) -> Restoration:
        point = self.choose()
        self._enter_measured("request the restore")
        restoration = self._restore(point)
        self._enter_measured("run the blocking checks")
        restoration = self._keep(restoration, self._blocking(restoration))
        failed = recovery_time.unpassed(restoration.checks, lambda result: result.requirement)
        self._journal.mark(timeline.ENDED if failed else timeline.PASSED)
        self._journal.enter("compare the content")
        self._judge_recovery_time(restoration, failed)
        content, newest = self._content(restoration)
        restoration = dataclasses.replace(restoration, charged=self._charged(restoration))
        restoration = self._keep(restoration, (content,))
        self._judge_loss(point, newest)
        self._journal.mark(timeline.COMPARED)
        for result in restoration.checks:
            self._journal.verdict(verdict_of(result, result.requirement))
        return restoration

    def _judge_recovery_time(self, restoration: Restoration, failed: Sequence[CheckResult]) -> None:
        record = self._journal.record
        rta, alone = recovery_time.measure(record.phases, self._setup.declared(), restoration, failed)
        self._journal.append("measurements", rta, alone)
        self._journal.verdict(recovery_time.judge(rta, record.objectives))

    def _judge_loss(self, point: RecoveryPoint, newest: NewestData) -> None:
        """Judge the data loss by the newest data of the copy, beside what AWS says of the point."""
        self._setup.observations.note(data_loss.NAME, "", LossSeen(newest))
        losses, rpa = losses_of(point, newest, self.declare_disaster())
        self._journal.update(losses=losses)
        self._journal.append("measurements", rpa)
        self._journal.verdict(
            data_loss.judge_rpo(losses, rpa, self._journal.record.objectives, self._setup.target.sample)
        )

    def _observe(self, restoration: Restoration, check: str, seen: Observed) -> None:
        """Note what a check observed of the copy, which a replay judges again."""
        dataclasses.replace(self._setup.observations, copy=restoration.instance_id).note(check, "", seen)

    def _keep(self, restoration: Restoration, results: tuple[CheckResult, ...]) -> Restoration:
        kept = dataclasses.replace(restoration, checks=(*restoration.checks, *results))
        self._journal.restoration(kept)
        return kept

    # -- afterwards -------------------------------------------------------------------------------------------------

    def clean_up(self) -> tuple[Resource, ...]:
        """Remove everything that this run made; return what is still there."""
        return clean_up(self._setup)

    def _enter_measured(self, name: str) -> None:
        self._journal.enter(name, clock="rta")
