"""Holds what the record says of the run against its start record, its settings, and against itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from drills.durations import show_duration
from drills.evidence.folder import sha256
from drills.evidence.start import CONFIG, START, config_json, summary_of
from drills.model.phases import MEASURED
from drills.model.record import RunRecord
from drills.model.timing import Moment
from drills.replay.bundle import Announced, Evidence
from drills.replay.differences import Difference, between

TOLERANCE = timedelta(seconds=2)  # between an instant of the record and that of the call that bears it out
OWN_CLOCK = "own clock"
# what a run knows when it begins, and never changes
_COPIED = (
    *("run_id", "profile", "simulated", "started_at", "tool_version", "commit", "trigger", "initiator"),
    *("plan", "settings", "objectives", "expected"),
)


def settings(evidence: Evidence) -> Iterator[Difference]:
    """Yield where config.json has other settings than the record."""
    if evidence.config is not None and evidence.config != config_json(evidence.record.settings):
        yield Difference("settings", f"other settings than those in {CONFIG}", "those that it has")


def announced(record: RunRecord, start: Announced, config: bytes | None) -> Iterator[Difference]:
    """Yield what of the record is not as start.json, which was written before the run, says; and config.json by its digest."""
    for name in _COPIED:
        yield from between(name, getattr(record, name), getattr(start.record, name))
    if record.target:
        yield from between("target.name", record.target.name, start.record.target)
        yield from between("target.instance_id", record.target.instance_id, start.record.instance_id)
    store = record.evidence.store if record.evidence else ""
    yield from between("evidence", record.evidence, summary_of(start.record, start.digest, store))
    found = "no such file" if config is None else sha256(config)
    if found != start.record.config:
        yield Difference(CONFIG, f"the digest {start.record.config} in {START}", found)


def damage(evidence: Evidence) -> Iterator[Difference]:
    """Yield each file of a bundle that is not as SHA256SUMS lists it, and start.json where it was not sealed with the others."""
    if evidence.damage is not None and evidence.start is None:
        yield Difference(f"file {START}", "as each bundle has it", "no such file")
    for each in evidence.damage or ():
        yield Difference(f"file {each.file}", "as it was sealed", each.sentence)


def ends(record: RunRecord) -> Iterator[Difference]:
    """Yield where beginning, end and abortion of the run are not those of its phases."""
    names = {phase.name for phase in record.phases}
    if record.aborted_in and not record.interrupted_by:
        yield Difference("aborted_in", record.aborted_in, "nothing: the run was not interrupted")
    elif record.interrupted_by and names and record.aborted_in not in names:
        yield Difference("aborted_in", record.aborted_in, f"one of the phases {', '.join(sorted(names))}")
    if not record.phases:
        if record.wall_seconds is not None and not record.interrupted_by:
            yield Difference("phases", "none", f"those of {show_duration(record.wall_seconds)}")
        return
    first, last = record.phases[0], record.phases[-1]
    yield from between("phases[first].started_at", first.started_at, record.started_at)
    yield from between("phases[first].start_seconds", first.start_seconds, 0.0)
    if record.ended_at is None or last.ended_at is None or abs(record.ended_at - last.ended_at) > TOLERANCE:
        yield from between("ended_at", record.ended_at, last.ended_at)
    if not _near(record.wall_seconds, last.end_seconds, 0.0):
        yield from between("wall_seconds", record.wall_seconds, last.end_seconds)


def phases(record: RunRecord) -> Iterator[Difference]:
    """Yield where phases leave a gap, their two times differ, or another clock is said to run than during such a phase."""
    for before, after in zip(record.phases, record.phases[1:], strict=False):
        if before.end_seconds is None or abs(before.end_seconds - after.start_seconds) > 1e-6:
            yield Difference(
                f"phases[{after.name}].start_seconds",
                str(after.start_seconds),
                f"{before.end_seconds}, where the one before ends",
            )
        if before.ended_at != after.started_at:
            yield from between(f"phases[{after.name}].started_at", after.started_at, before.ended_at)
    for phase in record.phases:
        for name, at, seconds in (
            ("start_seconds", phase.started_at, phase.start_seconds),
            ("end_seconds", phase.ended_at, phase.end_seconds),
        ):
            since = None if at is None else (at - record.started_at).total_seconds()
            if not _near(seconds, since, since or 0.0):
                said = "nothing" if since is None else f"{show_duration(since)} by the wall clock"
                yield Difference(f"phases[{phase.name}].{name}", _shown(seconds), said)
        clock = "rta" if phase.name in MEASURED and record.restore_test is None else ""
        yield from between(f"phases[{phase.name}].clock", phase.clock, clock)


def moments(record: RunRecord) -> Iterator[Difference]:
    """Yield each moment that this process lived through whose two times differ, or that lies outside of the run."""
    for each in record.moments:
        since = (each.at - record.started_at).total_seconds()
        if each.seconds is None and each.source == OWN_CLOCK:
            yield Difference(f"moments[{each.name}].seconds", "nothing", f"{show_duration(since)} by the wall clock")
        elif each.seconds is not None and not _near(each.seconds, since, since):
            yield Difference(f"moments[{each.name}].at", str(each.at), f"{_shown(each.seconds)} after the run began")
        elif record.wall_seconds is not None and since > record.wall_seconds + TOLERANCE.total_seconds() + _ahead(
            record, each
        ):
            yield Difference(f"moments[{each.name}].at", str(each.at), "an instant within the run")


def _ahead(record: RunRecord, moment: Moment) -> float:
    """Return by how many seconds the clock that a moment is of may be ahead of this machine's: AWS's own, as its answers say."""
    offset = record.clock_offset
    return max(0.0, offset.low_seconds, offset.high_seconds) if offset and moment.source != OWN_CLOCK else 0.0


def _near(recorded: float | None, derived: float | None, since: float) -> bool:
    """Return whether two times agree as well as clocks do that ran since then, in seconds."""
    if recorded is None or derived is None:
        return recorded is derived
    return abs(recorded - derived) <= TOLERANCE.total_seconds() + 0.001 * abs(since)


def _shown(seconds: float | None) -> str:
    return "nothing" if seconds is None else show_duration(seconds)
