"""The drill of an EBS volume: its settings and its lineage are judged; its contents are not verified, which it says."""

from __future__ import annotations

from typing import Any

from drills.aws import owned
from drills.model.finding import CheckResult
from drills.model.point import RecoveryPoint
from drills.model.record import Restoration
from drills.model.settings.compared import CHECK as SETTINGS
from drills.objectives.data_loss import NewestData
from drills.recovery.resource.drill import ResourceDrill
from drills.recovery.resource.observed import CopySeen, LineageSeen, SettingsSeen
from drills.recovery.resource.vault import is_lent, owner_of
from drills.recovery.setup import Setup
from drills.recovery.volume import judged, settings
from drills.recovery.volume.on_the_way import snapshots_of
from drills.recovery.volume.points import points_of, restore_metadata
from drills.recovery.volume.restore import COPIES, restore


class VolumeDrill(ResourceDrill):
    """A drill of one volume."""

    WORD = "volume"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._source: dict[str, Any] | None = None
        self._metadata: dict[str, str] = {}

    def _look(self) -> tuple[RecoveryPoint, ...]:
        """Read the source, None where it is gone: that is what a drill is for; return the points of its vault."""
        clients, target = self._setup.clients, self._setup.target
        points = points_of(clients, target.instance, str(target.vault), owner_of(self._setup))
        self._source = owned.volume(clients, target.instance)
        self._identify(target.instance)
        return points

    def _restore(self, point: RecoveryPoint) -> Restoration:
        self._metadata = restore_metadata(self._setup, point, self._source)
        return restore(self._setup, point, self._metadata, self._enter_measured)

    def _blocking(self, restoration: Restoration) -> tuple[CheckResult, ...]:
        """Return whether the copy is available, set up as its source, and made of the point. It answers to nobody unattached."""
        clients, point = self._setup.scratch_clients, restoration.point
        assert point is not None  # this drill restores no moment
        copy = next(iter(owned.find(clients, COPIES.kind, restoration.instance_id)))
        expected = settings.of_metadata(self._metadata) if self._source is None else settings.of_volume(self._source)
        taken = snapshots_of(clients, point, str(copy.get("SnapshotId") or ""))
        there, lent = CopySeen(copy["VolumeId"], copy["State"]), is_lent(self._setup.target, point)
        compared = SettingsSeen(expected, settings.of_volume(copy), (), self._source is not None)
        made_of = {"SnapshotId": copy.get("SnapshotId")}
        lineage = LineageSeen(made_of, tuple({"VolumeId": each.get("VolumeId")} for each in taken))
        for check, seen in ((judged.AVAILABLE, there), (SETTINGS, compared), (settings.LINEAGE, lineage)):
            self._observe(restoration, check, seen)
        return judged.available(there), judged.compare_settings(compared, lent=lent), judged.lineage(point, lineage)

    def _content(self, restoration: Restoration) -> tuple[CheckResult, NewestData]:
        """Say that nothing of it was read."""
        return settings.contents(), NewestData(None, "nothing dates the data of a volume: its contents are not read")
