"""The drill of an EFS file system: its settings are judged; its contents are not verified, which it says."""

from __future__ import annotations

from drills.aws import owned
from drills.model.finding import CheckResult
from drills.model.point import RecoveryPoint
from drills.model.record import Restoration
from drills.model.settings.compared import CHECK as SETTINGS
from drills.objectives.data_loss import NewestData
from drills.recovery.file_system import judged, settings
from drills.recovery.file_system.read import FileSystemSeen, see, source_of
from drills.recovery.file_system.restore import COPIES, metadata_of, restore, told_here
from drills.recovery.resource.drill import ResourceDrill
from drills.recovery.resource.observed import CopySeen, SettingsSeen
from drills.recovery.resource.points import points_of
from drills.recovery.resource.vault import is_lent, owner_of
from drills.recovery.setup import Setup


class FileSystemDrill(ResourceDrill):
    """A drill of one file system."""

    WORD = "file system"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._source: FileSystemSeen | None = None
        self._told: dict[str, str] = {}

    def _look(self) -> tuple[RecoveryPoint, ...]:
        """Read the source, None where it is gone: that is what a drill is for; return the points of its vault."""
        clients, target = self._setup.clients, self._setup.target
        named, owner = f"file-system/{target.instance}", owner_of(self._setup)
        points = points_of(clients, "EFS", named, str(target.vault), owner)
        self._source = source_of(clients, target.instance)
        self._identify(target.instance)
        return points

    def _restore(self, point: RecoveryPoint) -> Restoration:
        self._told = told_here(self._setup, point)
        metadata = metadata_of(point, self._told, self._source.described if self._source else None)
        return restore(self._setup, point, metadata, self._enter_measured)

    def _blocking(self, restoration: Restoration) -> tuple[CheckResult, ...]:
        """Return whether the copy is available and set up as its source. It answers to nobody who has not mounted it."""
        clients, point = self._setup.scratch_clients, restoration.point
        assert point is not None  # this drill restores no moment
        copy = see(clients, owned.find(clients, COPIES.kind, restoration.instance_id)[0])
        expected = self._source.settings if self._source else settings.of_metadata(self._told)
        unknown = (*copy.unread, *(self._source.unread if self._source else ()))
        unread = tuple({each.what: each for each in unknown}.values())
        there = CopySeen(copy.described["FileSystemId"], copy.described["LifeCycleState"])
        compared = SettingsSeen(dict(expected), dict(copy.settings), unread, self._source is not None)
        self._observe(restoration, judged.AVAILABLE, there)
        self._observe(restoration, SETTINGS, compared)
        lent = is_lent(self._setup.target, point)
        return judged.available(there), judged.compare_settings(compared, lent=lent)

    def _content(self, restoration: Restoration) -> tuple[CheckResult, NewestData]:
        """Say that nothing of it was read."""
        return settings.contents(), NewestData(None, "nothing dates the data of a file system: no file is read")
