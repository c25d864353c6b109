"""The recovery moment by moment, from the disruption to the last thing removed. Pure, but for the names.

Top-level phases are contiguous and add up to the run's wall clock. Moments lie on them: each is an instant with its
source, this machine's clock or a field of AWS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from types import MappingProxyType

from drills.model.instance import DatabaseKind, SourceKind, StatusChange
from drills.model.record import Restoration, RunRecord
from drills.model.timing import Moment, Phase

DISRUPTION = "disruption"
DECLARATION = "declaration"
CHOSEN = "recovery point chosen"
ACCEPTED = "restore accepted"
CREATED: Mapping[DatabaseKind, str] = MappingProxyType({"instance": "instance created", "cluster": "cluster created"})
ENDPOINT = "endpoint known"
RESOLVED = "name resolves"
CONNECTED = "first connection"
COLD = "queries answered, cold"
WARM = "queries answered, warm"
PASSED = "blocking checks passed"
ENDED = "blocking checks ended"  # of a copy that did not pass them
COMPARED = "content compared"
HYDRATED = "hydrated"
CLEAN = "cleaned up"

STATUS_SOURCE: Mapping[SourceKind, str] = MappingProxyType(
    {
        "instance": "DBInstanceStatus, when own clock first saw it",
        "cluster": "the cluster's Status, then its writer's DBInstanceStatus, when own clock first saw it",
        "table": "TableStatus, when own clock first saw it",
        "volume": "the volume's State, when own clock first saw it",
        "file system": "LifeCycleState, when own clock first saw it",
        "bucket": "the Status of the restore job, when own clock first saw it",
    }
)


def moments(record: RunRecord) -> tuple[Moment, ...]:
    """Return every moment of the recovery in order: what was marked, and each status that AWS reported."""
    found = [*record.moments]
    if record.disaster:
        how = {"now": "now", "random": "at random"}.get(record.disaster.mode, "before the next point")
        found.append(Moment(DISRUPTION, record.disaster.at, f"simulated, {how}"))
    for restoration in record.restorations:
        if restoration.purpose == "recovery":
            found += [
                Moment(f"status {change.status}", change.at, STATUS_SOURCE[record.kind], change.seconds)
                for change in restoration.statuses
            ]
    return tuple(sorted(found, key=lambda each: (each.at, each.seconds is not None, each.seconds or 0.0)))


def statuses(restoration: Restoration, phases: Sequence[Phase], kind: SourceKind = "instance") -> Iterator[Phase]:
    """Yield each status as a stretch: it lasts until the next is seen, the last one until the phase that it began in ends."""
    seen = [change for change in restoration.statuses if change.seconds is not None]
    for change, following in zip_longest(seen, seen[1:]):
        end, end_seconds = _end(change, following, phases)
        name = f"{change.status}, pending {', '.join(change.pending)}" if change.pending else change.status
        yield Phase(name, change.at, change.seconds or 0.0, end, end_seconds, source=STATUS_SOURCE[kind])


def _end(
    change: StatusChange, following: StatusChange | None, phases: Sequence[Phase]
) -> tuple[datetime | None, float | None]:
    if following is not None:
        return following.at, following.seconds
    for phase in phases:
        if phase.end_seconds is not None and phase.end_seconds >= (change.seconds or 0.0):
            return phase.ended_at, phase.end_seconds
    return None, None
