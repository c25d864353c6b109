"""The drill of an S3 bucket: each object of the copy is compared with what the source had when it was backed up."""

from __future__ import annotations

from datetime import datetime

from drills.buckets import objects
from drills.buckets.read import ReadOptions, Side, compare
from drills.errors import DrillError
from drills.model.finding import CheckResult
from drills.model.lineage import VAULTS_APART
from drills.model.point import RecoveryPoint
from drills.model.record import Restoration
from drills.model.settings.compared import CHECK as SETTINGS
from drills.objectives.data_loss import NewestData
from drills.recovery.bucket import judged
from drills.recovery.bucket.points import points_of
from drills.recovery.bucket.read import BucketSeen, see, side_of, source_of
from drills.recovery.bucket.restore import restore
from drills.recovery.resource.drill import ResourceDrill
from drills.recovery.resource.observed import CopySeen, SettingsSeen
from drills.recovery.setup import Setup


class BucketDrill(ResourceDrill):
    """A drill of one bucket, or of a folder of it."""

    WORD = "bucket"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._source: BucketSeen | None = None

    def _look(self) -> tuple[RecoveryPoint, ...]:
        """Read the source, None where it is gone: that is what a drill is for; return the points of its vault."""
        clients, target = self._setup.clients, self._setup.target
        points = points_of(clients, target.instance, str(target.vault))
        self._source = source_of(clients, target.instance)
        if self._source is not None:
            self._identify("")
        return points

    def _restore(self, point: RecoveryPoint) -> Restoration:
        if point.lineage and (words := VAULTS_APART.get(point.lineage.vault_type or "")):
            # not ConfigError, whose code is that of a run which never began, and which no history has
            raise DrillError(
                f"targets.{self._setup.name}.vault: expected a vault that buckets are restored from, found {point.vault}, {words}: "
                "a drill restores no S3 buckets from one yet: name the backup vault that its plan backs up into"
            )
        ownership = self._source.settings.get("ownership", "") if self._source else ""
        return restore(self._setup, point, ownership, self._enter_measured)

    def _blocking(self, restoration: Restoration) -> tuple[CheckResult, ...]:
        """Return whether the objects are there, and what of the source's settings is to be set up by hand."""
        side = self._copy_of(restoration)
        side.client.list_objects_v2(**side.named, MaxKeys=1)
        copy = see(side)
        unknown = (*copy.unread, *(self._source.unread if self._source else ()))
        unread = tuple({each.what: each for each in unknown}.values())
        there = CopySeen(side.bucket, restoration.statuses[-1].status)
        expected = dict(self._source.settings) if self._source else {}
        compared = SettingsSeen(expected, dict(copy.settings), unread, self._source is not None)
        self._observe(restoration, judged.AVAILABLE, there)
        self._observe(restoration, SETTINGS, compared)
        return judged.available(there), judged.compare_settings(compared)

    def _content(self, restoration: Restoration) -> tuple[CheckResult, NewestData]:
        """Compare every object with its source as that was at the backup, and date the newest that both have."""
        setup, wanted, point = self._setup, self._setup.target.objects, restoration.point
        assert point is not None  # of a drill each is restored from one
        source = side_of(setup.clients, setup.target.instance) if self._source else None
        how = ReadOptions(wanted.prefix or "", wanted.most, wanted.read_mib, wanted.readers)
        compared = compare(source, self._copy_of(restoration), *_between(point), how)
        self._observe(restoration, objects.CHECK, compared.seen)
        return objects.judge(compared.seen), _newest(compared.newest)

    def _copy_of(self, restoration: Restoration) -> Side:
        return side_of(self._setup.scratch_clients, restoration.instance_id)


def _between(point: RecoveryPoint) -> tuple[datetime, datetime]:
    """Return the instants between which a backup was made: which of them its objects are of AWS does not say."""
    began = point.created_at or point.data_time
    assert began is not None  # a point without one is not chosen
    return began, point.completed_at or began


def _newest(at: datetime | None) -> NewestData:
    if at is None:
        return NewestData(None, "no object of the copy is known to be as it was in the source")
    return NewestData(at, "the newest object that the copy has as its source had it", upper_bound=True)
