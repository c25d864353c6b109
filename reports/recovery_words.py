"""What the reports say of the recovery time: what must stand beside RTA, the owner's queries, and the moments. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from math import ceil, floor

from drills.durations import show_duration
from drills.model.record import Restoration, RunRecord
from drills.model.timing import ClockOffset, Measurement, Moment, QueryTiming
from drills.objectives import timeline
from reports import words


def compared_with(record: RunRecord) -> str:
    """What the copy was compared with: what is no database has settings, which are compared with the source's as they are now."""
    found = words.recovery(record)
    if found is None:
        return "nothing was restored"
    if record.kind == "bucket" and any(each.name == "objects" and each.compared for each in found.checks):
        return "its settings with those of the source as it is now, its objects with those that it had when it was backed up"
    if found.expectation == "none" and not record.is_of_database:
        return "its settings with those of the source, where that is there; its contents with nothing"
    return words.EXPECTATIONS[found.expectation]


def beside_rta(record: RunRecord) -> list[str]:
    """Sentences without which RTA can be misread: which clock, what of it was measured, and on which machine."""
    rta, alone = words.measurement(record, "RTA"), words.measurement(record, "RTA of the recovery")
    told = [_clock_line(record, rta, alone)]
    for measurement in (rta, alone):
        told += [note for note in (measurement.notes if measurement else ()) if not note.startswith("counted from")]
    return list(dict.fromkeys(told))


def _clock_line(record: RunRecord, rta: Measurement | None, alone: Measurement | None) -> str:
    clock = words.CLOCKS[record.objectives.rto_clock]
    line = f"{clock[:1].upper()}{clock[1:]}"
    if not rta or not alone or rta.seconds is None or alone.seconds is None:
        return line
    parts = f"RTA of the recovery {words.seconds_or(alone.seconds)}, measured"
    if rta.seconds == alone.seconds:
        return f"{line}; {parts}; nothing is declared for what a drill cannot measure"
    declared = show_duration(rta.seconds - alone.seconds)
    return f"{line}; {parts}; {declared} declared for what a drill cannot measure"


LOSS_WAYS = {
    "policy": ("by policy", "the worst case that the backup schedule allows"),
    "api": ("by API", "what AWS says of the recovery point; a claim, and judged by nothing"),
    "data": ("by data", "what the restored data prove; the RPO is judged by it alone"),
}


def loss_rows(record: RunRecord) -> list[tuple[str, str, str, str]]:
    """The three numbers of the data loss, side by side: way, number, how it came about, what the way is."""
    rows = []
    for loss in record.losses:
        way, meaning = LOSS_WAYS[loss.by]
        number = (
            words.seconds_or(loss.seconds)
            if loss.seconds is None or not loss.upper_bound
            else f"≤ {words.seconds_or(loss.seconds)}"
        )
        reach = f"; reaches to {words.show_instant(loss.reaches_to)}" if loss.reaches_to else ""
        rows.append((way, number, f"{loss.sentence}{reach}", meaning))
    return rows


def query_rows(record: RunRecord) -> list[tuple[str, str, str, str, str]]:
    """The owner's queries: name, cold, warm, target and how they ended."""
    found = words.recovery(record)
    return [
        (
            each.name,
            words.seconds_or(each.cold, "–"),
            words.seconds_or(each.warm, "–") + (f", run no. {len(each.seconds)}" if len(each.seconds) > 2 else ""),
            words.seconds_or(each.target_seconds, "none"),
            _ended(each),
        )
        for each in (found.queries if found else ())
    ]


def _ended(timing: QueryTiming) -> str:
    if timing.reason:
        return f"not run: {timing.reason}" if not timing.seconds else timing.reason
    return "fast enough" if timing.is_fast else "too slow"


def moment_rows(record: RunRecord) -> list[tuple[str, str, str, str]]:
    """The moments of the recovery: name, instant in UTC, time since the declaration, and whose word it is."""
    moments = timeline.moments(record)
    declared = next((each for each in moments if each.name == timeline.DECLARATION), None)
    return [(_name(record, each), _to_the_tenth(each.at), _since(each, declared), each.source) for each in moments]


def _name(record: RunRecord, moment: Moment) -> str:
    """The moment's name; the end of the drill's own clean-up also says what was there for longer."""
    after = sum(not each.gone_at or each.gone_at > moment.at for each in record.resources)
    longer = moment.name == timeline.CLEAN and after
    return f"{moment.name}, but for {after} that went later (block 12)" if longer else moment.name


def _since(moment: Moment, declared: Moment | None) -> str:
    if declared is None or declared.seconds is None or moment.seconds is None:
        return "–"
    return words.seconds_or(moment.seconds - declared.seconds, "0.0 s")


def _to_the_tenth(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at:%H:%M:%S}.{at.microsecond // 100_000}"


def offset_line(offset: ClockOffset | None, *, one_clock: bool = False) -> str:
    """Between which bounds AWS's clock is ahead of this machine's, "" where no answer told.

    The sandbox has this machine's clock: what its answers tell is how narrow such a measurement is.
    """
    if offset is None:
        return ""
    if offset.low_seconds > offset.high_seconds:
        return f"AWS's clock and this machine's moved against each other; {offset.source}, {offset.answers} answers"
    low, high = floor(offset.low_seconds * 100) / 100, ceil(offset.high_seconds * 100) / 100
    told = f"AWS's clock is ahead of this machine's by {_signed(low)} to {_signed(high)}"
    if low <= 0.0 <= high:
        told = f"AWS's clock and this machine's are less than {max(-low, high, 0.01):.2f} s apart"
        told += ", as the sandbox has this machine's clock" if one_clock else ""
    return f"{told}; {offset.source}, {offset.answers} answers"


def _signed(seconds: float) -> str:
    return f"{seconds + 0.0:+.2f} s"  # and never "-0.00 s"


def hydration_line(record: RunRecord) -> str:
    """How long it took to read the whole copy once, "" where nobody asked."""
    found = words.recovery(record)
    if not found or not found.hydration:
        return ""
    read = found.hydration
    rate = f", {words.show_bytes(int(read.size_bytes / read.seconds))}/s" if read.seconds else ""
    left = f"; {len(read.not_read)} things have no query that reads them" if read.not_read else ""
    after = _warm_after(record, found)
    return (
        f"Every block read once in {words.seconds_or(read.seconds)}: {words.counted(read.relations, 'relation')}, "
        f"{words.show_bytes(read.size_bytes)}{rate}{left}{after}. Outside of RTA."
    )


def _warm_after(record: RunRecord, restoration: Restoration) -> str:
    """How long after `available` there was nothing left to load."""
    end = next((moment.seconds for moment in record.moments if moment.name == timeline.HYDRATED), None)
    seen = [change.seconds for change in restoration.statuses if change.status == "available"]
    if end is None or not seen or seen[0] is None:
        return ""
    return f"; {words.seconds_or(end - seen[0])} after the copy was first called available"


def status_rows(record: RunRecord, restoration: Restoration) -> list[tuple[str, str, str, str, str]]:
    """The statuses as stretches: seen from, seen until, status, what was pending, and how long it lasted."""
    lasted = {
        (each.started_at, each.start_seconds): each
        for each in timeline.statuses(restoration, record.phases, record.kind)
    }
    rows = []
    for change in restoration.statuses:
        stretch = lasted.get((change.at, change.seconds or 0.0))
        until = _to_the_tenth(stretch.ended_at) if stretch and stretch.ended_at else "–"
        took = words.seconds_or(stretch.seconds, "–") if stretch else "–"
        rows.append((_to_the_tenth(change.at), until, change.status, ", ".join(change.pending) or "–", took))
    return rows
