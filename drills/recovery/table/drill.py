"""One drill of a DynamoDB table, from the declaration of the disaster to the last clean-up.

The order is that of a database (drills/recovery/drill.py): declare, choose, request, restore, blocking checks (RTA ends here), then
the comparison of every item.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime

from botocore.exceptions import ClientError

from drills.aws.read import is_not_found
from drills.aws.scratch import remaining_resources
from drills.errors import OBJECTIVE_MISSED, DrillError, NoRecoveryPoint
from drills.model import phases
from drills.model.finding import CheckResult, NotChecked, Verdict
from drills.model.instance import Resource
from drills.model.point import RecoveryPoint
from drills.model.record import Restoration
from drills.objectives import data_loss, recovery_time, timeline
from drills.objectives.data_loss import NewestData, Reference
from drills.recovery import selection
from drills.recovery.disaster import declare
from drills.recovery.failing import translate_client_errors
from drills.recovery.judged import verdict_of
from drills.recovery.restore import remove_resources
from drills.recovery.setup import Setup
from drills.recovery.table.points import points_of
from drills.recovery.table.restore import restore
from drills.tables import items, settings
from drills.tables.manifest import TableManifest
from drills.tables.read import ReadOptions, Scanned, TableSeen, read_items, see

READABLE = "readable"
NO_MANIFEST = (
    "no item compared: there is no manifest of the source: take one with drills table manifest, and name it as the target's "
    "manifest"
)


class TableDrill:
    """A drill of one table. The recovery is done once and remembered, and so is its failure."""

    def __init__(self, setup: Setup, manifest: TableManifest | None) -> None:
        self._setup = setup
        self._manifest = manifest
        self._journal = setup.journal
        self._points: tuple[RecoveryPoint, ...] = ()
        self._source: TableSeen | None = None
        self._outcome: Restoration | DrillError | None = None

    # -- the disaster, and what is left after it --------------------------------------------------------------------

    @translate_client_errors()
    def declare_disaster(self) -> datetime:
        """Declare the table lost and read its recovery points, once; return the instant of the disaster."""
        disaster = self._journal.record.disaster
        if disaster is None:
            target = self._setup.target
            declared_at = self._setup.clock.now()
            self._enter_measured("choose the recovery point")
            self._journal.mark(timeline.DECLARATION)
            self._points = points_of(self._setup.clients, target.instance, str(target.vault))
            self._source = self._see_source()
            disaster = declare(target.disaster, self._points, declared_at)
            self._journal.update(disaster=disaster)
        return disaster.at

    def _see_source(self) -> TableSeen | None:
        """Return the source as it is now, None where it is gone: that is what a drill is for."""
        clients, known = self._setup.clients, self._journal.record.target
        try:
            seen = see(clients.client("dynamodb"), self._setup.target.instance)
        except ClientError as error:
            if not is_not_found(error):
                raise
            return None
        if known is not None:
            identity = str(seen.described.get("TableId", ""))
            found = dataclasses.replace(known, dbi_resource_id=identity, account=clients.account, region=clients.region)
            self._journal.update(target=found)
        return seen

    def choose(self) -> RecoveryPoint:
        """Return the recovery point that was usable at the disaster, the newest one unless configured; NoRecoveryPoint."""
        disaster_at, target = self.declare_disaster(), self._setup.target
        choice = selection.choose(target.sample, self._points, dbi_resource_id=None, usable_at=disaster_at)
        self._journal.update(refused_points=choice.refused)
        if choice.point is None:
            reasons = "; ".join(f"{each.arn.rsplit(':', 1)[-1]}: {each.reason}" for each in choice.refused[:3])
            found = f"{len(choice.refused)} found, none usable ({reasons})" if reasons else "there is none at all"
            sentence = (
                f'expected a usable recovery point of the table "{target.instance}" in vault {target.vault!r}, {found}: see '
                "whether the backup plan selects the table and why its last jobs did not complete"
            )
            self._journal.verdict(Verdict(selection.VERDICT, "missed", sentence, exit_code=OBJECTIVE_MISSED))
            raise NoRecoveryPoint(sentence)
        self._journal.verdict(selection.judge(target.instance, target.vault, choice, target.sample))
        self._journal.mark(timeline.CHOSEN)
        return choice.point

    # -- the recovery that is measured ------------------------------------------------------------------------------

    def recover(self) -> Restoration:
        """Restore the point, check it and judge it. Done once; a failure is raised again to each caller."""
        if self._outcome is None:
            self._outcome = self._recover_or_error()
            self._journal.enter(phases.REMAINING)
        if isinstance(self._outcome, DrillError):
            raise self._outcome
        return self._outcome

    def _recover_or_error(self) -> Restoration | DrillError:
        try:
            with translate_client_errors():
                return self._recover()
        except NoRecoveryPoint as error:
            return error  # its verdict is in the record: an objective missed, not a drill that could not run
        except DrillError as error:
            self._journal.failure(str(error), error.exit_code)
            return error

    def _recover(self) -> Restoration:
        point = self.choose()
        restoration = restore(self._setup, point, self._enter_measured)
        self._enter_measured("run the blocking checks")
        seen, blocking = self._check_usable(restoration.instance_id)
        restoration = self._keep(restoration, blocking)
        failed = recovery_time.unpassed(restoration.checks, lambda result: result.requirement)
        self._journal.mark(timeline.ENDED if failed else timeline.PASSED)
        self._journal.enter("compare the content")
        self._judge_recovery_time(restoration, failed)
        scanned = self._scan(seen)
        restoration = self._keep(restoration, (self._judge_items(seen, scanned),))
        self._judge_loss(point, scanned)
        self._journal.mark(timeline.COMPARED)
        for result in restoration.checks:
            self._journal.verdict(verdict_of(result, result.requirement))
        return restoration

    def _check_usable(self, table: str) -> tuple[TableSeen, tuple[CheckResult, ...]]:
        """Return the copy, and whether it answers and is set up as a restore sets it up."""
        client = self._setup.scratch_clients.client("dynamodb")
        seen = see(client, table)
        client.scan(TableName=table, Limit=1, ConsistentRead=self._setup.target.items.consistent)
        readable = CheckResult(READABLE, "met", f"the table {table} is ACTIVE and answers", blocking=True, compared=1)
        return seen, (readable, dataclasses.replace(self._compare_settings(seen), blocking=True))

    def _compare_settings(self, seen: TableSeen) -> CheckResult:
        """Compare with the manifest, else with the source as it is now."""
        if self._manifest is not None:
            unread = (*seen.unread, *(NotChecked(each, "not read of the source") for each in self._manifest.unread))
            return settings.compare(self._manifest.settings, seen.settings, tuple({e.what: e for e in unread}.values()))
        if self._source is None:
            told = "nothing compared: the source is gone, and there is no manifest of it"
            return CheckResult(settings.CHECK, "not verified", told, unverified=1)
        unread = tuple({each.what: each for each in (*seen.unread, *self._source.unread)}.values())
        return settings.compare(self._source.settings, seen.settings, unread)

    def _scan(self, seen: TableSeen) -> Scanned:
        wanted = self._setup.target.items
        how = ReadOptions(wanted.consistent, wanted.segments, wanted.capacity, wanted.newest)
        return read_items(self._setup.scratch_clients.client("dynamodb"), seen, how, self._setup.clock)

    def _judge_items(self, seen: TableSeen, scanned: Scanned) -> CheckResult:
        if self._manifest is None:
            return CheckResult(items.CHECK, "not verified", NO_MANIFEST, unverified=1)
        if self._manifest.settings.get("key_schema") != seen.settings["key_schema"]:
            return CheckResult(items.CHECK, "not verified", "no item compared: the key is another one", unverified=1)
        return items.judge(self._manifest.items, scanned.items)

    def _judge_recovery_time(self, restoration: Restoration, failed: list[str]) -> None:
        record = self._journal.record
        rta, alone = recovery_time.measure(record.phases, self._setup.declared(), restoration, failed)
        self._journal.append("measurements", rta, alone)
        self._journal.verdict(recovery_time.judge(rta, record.objectives))

    def _judge_loss(self, point: RecoveryPoint, scanned: Scanned) -> None:
        """Judge the data loss by the newest item of the copy, beside what AWS says of the point."""
        reference, named = Reference(self.declare_disaster()), self._setup.target.items.newest
        if named is None:
            found = NewestData(None, "no attribute that dates the items is configured (items.newest)")
        elif scanned.newest is None:
            found = NewestData(None, f"no item has an instant in the attribute {named!r}")
        else:
            found = NewestData(scanned.newest, f"the newest item's attribute {named!r}", upper_bound=True)
        data = data_loss.by_data(found, reference)
        losses = (data_loss.by_policy(None), data_loss.by_api(point, reference), data)
        rpa = data_loss.measure(data, reference)
        self._journal.update(losses=losses)
        self._journal.append("measurements", rpa)
        self._journal.verdict(
            data_loss.judge_rpo(losses, rpa, self._journal.record.objectives, self._setup.target.sample)
        )

    def _keep(self, restoration: Restoration, results: tuple[CheckResult, ...]) -> Restoration:
        kept = dataclasses.replace(restoration, checks=(*restoration.checks, *results))
        self._journal.restoration(kept)
        return kept

    # -- afterwards -------------------------------------------------------------------------------------------------

    def clean_up(self) -> tuple[Resource, ...]:
        """Remove everything that this run made; return what is still there."""
        if remaining_resources(self._journal.record.resources):
            self._journal.enter("clean up")
        left = remove_resources(self._setup)
        cleaned = any(moment.name == timeline.CLEAN for moment in self._journal.record.moments)
        if self._journal.record.resources and not left and not cleaned:
            self._journal.mark(timeline.CLEAN)
        return left

    def _enter_measured(self, name: str) -> None:
        self._journal.enter(name, clock="rta")
