"""The drill of a DynamoDB table: every item and every setting of the copy is compared."""

from __future__ import annotations

import dataclasses

from botocore.exceptions import ClientError

from drills.aws.read import is_not_found
from drills.model.finding import CheckResult, NotChecked
from drills.model.point import RecoveryPoint
from drills.model.price import Part
from drills.model.record import Restoration
from drills.model.settings.compared import CHECK as SETTINGS
from drills.objectives.data_loss import NewestData
from drills.objectives.parts import with_reads
from drills.recovery.resource.drill import ResourceDrill
from drills.recovery.resource.observed import CopySeen, ItemsSeen, SettingsSeen
from drills.recovery.resource.points import points_of
from drills.recovery.resource.vault import owner_of
from drills.recovery.setup import Setup
from drills.recovery.table import judged
from drills.recovery.table.restore import restore
from drills.tables import items
from drills.tables.manifest import TableManifest
from drills.tables.read import ReadOptions, Scanned, TableSeen, read_items, see


class TableDrill(ResourceDrill):
    """A drill of one table, with the manifest of its source where there is one."""

    WORD = "table"

    def __init__(self, setup: Setup, manifest: TableManifest | None) -> None:
        super().__init__(setup)
        self._manifest = manifest
        self._source: TableSeen | None = None
        self._units: float | None = None

    def _look(self) -> tuple[RecoveryPoint, ...]:
        """Read the source, None where it is gone: that is what a drill is for; return the points of its vault."""
        clients, target = self._setup.clients, self._setup.target
        named, owner = f"table/{target.instance}", owner_of(self._setup)
        points = points_of(clients, "DynamoDB", named, str(target.vault), owner)
        try:
            self._source = see(clients.client("dynamodb"), target.instance)
        except ClientError as error:
            if not is_not_found(error):
                raise
        else:
            self._identify(str(self._source.described.get("TableId", "")))
        return points

    def _restore(self, point: RecoveryPoint) -> Restoration:
        expectation = judged.expectation_of(self._manifest, self._setup.expectation, point)
        return restore(dataclasses.replace(self._setup, expectation=expectation), point, self._enter_measured)

    def _blocking(self, restoration: Restoration) -> tuple[CheckResult, ...]:
        """Return whether the copy answers and is set up as a restore sets it up."""
        client, table = self._setup.scratch_clients.client("dynamodb"), restoration.instance_id
        seen = see(client, table)
        client.scan(TableName=table, Limit=1, ConsistentRead=self._setup.target.items.consistent)
        answers, compared = CopySeen(table, "ACTIVE"), self._settings_of(seen)
        self._observe(restoration, judged.READABLE, answers)
        self._observe(restoration, SETTINGS, compared)
        return judged.readable(answers), judged.compare_settings(compared)

    def _content(self, restoration: Restoration) -> tuple[CheckResult, NewestData]:
        """Read every item once: compare them with the manifest, and date the newest one."""
        wanted, client = self._setup.target.items, self._setup.scratch_clients.client("dynamodb")
        seen = see(client, restoration.instance_id)
        how = ReadOptions(wanted.consistent, wanted.segments, wanted.capacity, wanted.newest)
        scanned = read_items(client, seen, how, self._setup.clock)
        self._units = scanned.units
        found = ItemsSeen(scanned.items)
        self._observe(restoration, items.CHECK, found)
        key_schema, expectation = seen.settings["key_schema"], restoration.expectation
        return judged.compare_items(self._manifest, key_schema, found, expectation), self._newest(scanned)

    def _charged(self, restoration: Restoration) -> tuple[Part, ...]:
        """Return what the copy is billed by with the units that reading it took, but for the one item of the blocking check."""
        return with_reads(restoration.charged, self._units)

    def _newest(self, scanned: Scanned) -> NewestData:
        named = self._setup.target.items.newest
        if named is None:
            return NewestData(None, "no attribute that dates the items is configured (items.newest)")
        if scanned.newest is None:
            return NewestData(None, f"no item has an instant in the attribute {named!r}")
        return NewestData(scanned.newest, f"the newest item's attribute {named!r}", upper_bound=True)

    def _settings_of(self, seen: TableSeen) -> SettingsSeen:
        """Return the settings beside those of the manifest, else of the source as it is now."""
        unread = seen.unread
        if self._manifest is not None:
            unread += tuple(NotChecked(each, "not read of the source") for each in self._manifest.unread)
            expected: dict[str, str] | None = dict(self._manifest.settings)
        else:
            unread += self._source.unread if self._source else ()
            expected = dict(self._source.settings) if self._source else None
        return SettingsSeen(expected, dict(seen.settings), tuple({each.what: each for each in unread}.values()))
