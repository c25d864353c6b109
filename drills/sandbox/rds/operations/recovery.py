"""Recovery to an instant: from a base backup and the archived WAL after it, whether for an instance or for a cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from moto.core.exceptions import ServiceException
from moto.rds.exceptions import InvalidParameterCombination, InvalidParameterValue
from moto.rds.models import RDSBackend

from drills.sandbox.base.time import SandboxClock
from drills.sandbox.postgres.cluster import Cluster
from drills.sandbox.postgres.servers import StoredSnapshot
from drills.sandbox.postgres.wal import RECOVERY_SIGNAL, Archive
from drills.sandbox.rds.restore_window import base_backups, restore_window
from drills.sandbox.state import DataPlane

_RECOVERY_TIMEOUT = 3600.0  # seconds for PostgreSQL to apply the archived WAL


@dataclass(frozen=True, slots=True)
class Moment:
    """The instant that a request asks for: its RestoreTime, or the latest there is."""

    time: datetime | None
    latest: bool


@dataclass(frozen=True, slots=True)
class Source:
    """What is recovered: an instance or a cluster. `unready` makes the error for one that has no restorable time yet."""

    kind: str
    name: str
    resource_id: str
    retention_days: int
    unready: Callable[[str], ServiceException]


@dataclass(frozen=True, slots=True)
class Recovery:
    """From which base backup and archive a server recovers, up to which instant."""

    base: StoredSnapshot
    archive: Archive
    target: datetime

    def run(self, cluster: Cluster, settings: dict[str, str], clock: SandboxClock) -> None:
        """Make the data of a cluster and start its server, which then has recovered. The caller holds its `busy`."""
        with self.base.busy:
            cluster.restore_from(self.base.folder)
        (cluster.data / RECOVERY_SIGNAL).touch()
        until = self.archive.recovery_settings(clock.to_machine_time(self.target))
        cluster.start(settings | until, timeout=_RECOVERY_TIMEOUT)


def plan_recovery(plane: DataPlane, backend: RDSBackend, source: Source, moment: Moment) -> Recovery:
    """Return how to recover a source to a moment; raise the error of AWS when it cannot be restored to it."""
    target = _target(restore_window(plane, backend, source.resource_id), source, moment)
    bases = base_backups(plane, backend, source.resource_id)
    archive = plane.archives.of(source.resource_id)
    assert archive is not None  # what has a restore window has an archive
    return Recovery([each for each in bases if each.taken_at <= target][-1], archive, target)


def _target(window: tuple[datetime, datetime] | None, source: Source, moment: Moment) -> datetime:
    if (moment.time is not None) == moment.latest:
        raise InvalidParameterCombination(
            "Exactly one of the time to restore to and UseLatestRestorableTime must be specified."
        )
    if window is None:
        raise source.unready(f"The {source.kind} {source.name} has no restorable time yet.")
    earliest, latest = window
    if moment.time is None:
        return latest
    target = moment.time if moment.time.tzinfo else moment.time.replace(tzinfo=UTC)
    if target > latest:
        raise InvalidParameterValue(
            f"The specified {source.kind} cannot be restored to a time later than {latest.isoformat()}"
        )
    if target < earliest:
        raise InvalidParameterValue(
            f"The specified {source.kind} cannot be restored to a time earlier than {earliest.isoformat()} because its "
            f"backup retention period is set to {source.retention_days} days"
        )
    return target
