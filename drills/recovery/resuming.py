"""Going on with the copy that another run had begun to restore: what of that run still holds.

The recovery time counts from that run's declaration of the disaster, and all of the time until somebody goes on counts too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from drills.aws.read import DECLARED_TAG, DISASTER_TAG, POINT_TAG
from drills.durations import show_duration
from drills.errors import DrillError
from drills.model.point import Choice, RecoveryPoint
from drills.model.record import ResumedFrom, RunRecord
from drills.model.timing import Disaster, Measurement
from drills.objectives import timeline
from drills.record import Journal


def copy_tags(record: RunRecord, point: RecoveryPoint) -> dict[str, str]:
    """Return the tags by which another machine can go on with the copy of `point`; none where no disaster was declared."""
    disaster = record.disaster
    if disaster is None or disaster.declared_at is None:
        return {}
    return {
        DECLARED_TAG: disaster.declared_at.isoformat(),
        DISASTER_TAG: disaster.at.isoformat(),
        POINT_TAG: point.arn,
    }


def disaster_of(resumed: ResumedFrom | None, declared: Disaster) -> Disaster:
    """Return the disaster of the run that is resumed, `declared` where none is."""
    if resumed is None:
        return declared
    return dataclasses.replace(declared, at=resumed.disaster_at, declared_at=resumed.declared_at, seed=None)


def mark_declaration(journal: Journal) -> None:
    """Mark the moment of the declaration: now, or that of the run that is resumed."""
    resumed = journal.record.resumed_from
    if resumed is None:
        journal.mark(timeline.DECLARATION)
    else:
        journal.mark(timeline.DECLARATION, source=f"run {resumed.run_id}", at=resumed.declared_at)


def keep_point(resumed: ResumedFrom | None, choice: Choice, points: Sequence[RecoveryPoint]) -> Choice:
    """Return the choice with the point that the copy was restored from. Raises DrillError where that cannot be read any more."""
    if resumed is None or (choice.point is not None and choice.point.arn == resumed.point):
        return choice
    point = next((each for each in points if each.arn == resumed.point), None)
    if point is None:
        raise DrillError(
            f"expected the recovery point {resumed.point}, which the copy of run {resumed.run_id} was restored from, found it "
            "among the target's no more: what the copy must hold cannot be said, begin a new run"
        )
    return dataclasses.replace(choice, point=point)


def with_gap(measured: Measurement, resumed: ResumedFrom | None) -> Measurement:
    """Return a recovery time that counts from the declaration of the run that is resumed, by the wall clocks of two machines."""
    if resumed is None or measured.seconds is None or measured.from_at is None:
        return measured
    gap = (measured.from_at - resumed.declared_at).total_seconds()
    if gap < 0:
        sentence = (
            f"{measured.name} was not measured: the disaster was declared {show_duration(-gap)} after this run began to go on, by "
            "the clock of another machine: set the clocks"
        )
        return dataclasses.replace(measured, seconds=None, to_at=None, sentence=sentence)
    total = measured.seconds + gap
    sentence = (
        f"usable after {show_duration(total)}, of which {show_duration(gap)} had passed before run {resumed.run_id} was resumed "
        f"(wall clock); then {measured.sentence}"
    )
    source = f"{measured.source}; wall clock of two machines before"
    return dataclasses.replace(measured, seconds=total, from_at=resumed.declared_at, source=source, sentence=sentence)


def note_of(resumed: ResumedFrom) -> str:
    """Return the note about a run that goes on with another's copy."""
    return (
        f"resumed from run {resumed.run_id}: the disaster was declared at {resumed.declared_at:%Y-%m-%d %H:%M:%S} UTC, by "
        f"{resumed.source}; what happened until this run went on was seen by nobody, and counts as recovery time"
    )
