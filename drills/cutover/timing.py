"""The durations of a cut-over: when the service answered again, its RTA by the arithmetic of a drill, its outages.

Pure, from the journal alone. Durations are monotonic within a command. Where one command went on after another, on
another machine perhaps, only the wall clock measures what lies between, which is noted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from drills.cutover.model import Entry, State, address_changes
from drills.cutover.plan import title
from drills.durations import show_duration
from drills.model.finding import Verdict
from drills.model.record import Restoration
from drills.model.timing import Measurement, Phase
from drills.objectives import recovery_time, verdicts

ANSWERS = "address-open"  # the step that ends with the restored data at the public address, three times in a row
READING, STOPPED = "read the current state", "stopped until resumed"
MEASURED_BY_DRILLS = ("restore", "settle", "verify")  # what a drill measures as well
BY_WALL_CLOCK = "by the wall clock alone where one command went on after another"
OPEN = "200"


@dataclass(frozen=True, slots=True)
class Outage:
    """A stretch in which the public address did not answer 200; no end: it has not come back.

    `from_first`: it was away when it was first asked, so that it may have begun before.
    """

    from_at: datetime
    to_at: datetime | None
    from_first: bool = False


@dataclass(frozen=True, slots=True)
class Timing:
    """When the service answered, RTA with its verdict, and the seconds of it that no drill measures, None where unknown."""

    answers_at: datetime | None
    rta: Measurement
    verdict: Verdict
    cut_over_seconds: float | None
    outages: tuple[Outage, ...]


def timing_of(state: State) -> Timing:
    """Return the timing that a journal gives."""
    promised = state.opening.promised
    forward = state.mode == "forward" and ANSWERS in state.done
    found = phases(state) if forward else ()
    rta, _ = recovery_time.measure(found, promised.declared, Restoration("recovery", None, state.opening.restored))
    one_command = all(each.seconds is not None for each in _until_it_answers(state.entries))
    if not found:
        why = "the cut-over was rolled back" if state.mode == "back" else "the service has not answered yet"
        rta = dataclasses.replace(rta, sentence=f"RTA was not measured: {why}")
    elif not one_command:
        rta = dataclasses.replace(rta, sentence=f"{rta.sentence}; {BY_WALL_CLOCK}")
    whole = bool(found) and one_command and rta.seconds is not None and all(each.name != STOPPED for each in found)
    beyond = sum(each.seconds or 0.0 for each in found if each.note not in MEASURED_BY_DRILLS)
    return Timing(
        found[-1].ended_at if found else None,
        rta,
        verdicts.judge_rto(rta, promised.objectives),
        round(beyond, 3) if whole else None,
        tuple(outages(address_changes(state.entries))),
    )


def _until_it_answers(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries up to the service's answer."""
    last = next((n for n, each in enumerate(entries, 1) if (each.event, each.step) == ("done", ANSWERS)), len(entries))
    return list(entries[:last])


def phases(state: State) -> tuple[Phase, ...]:
    """Return the steps up to the service's answer as stretches that meet each other; `note` is the step's key."""
    entries = _until_it_answers(state.entries)
    now = entries[0].seconds or 0.0
    opened = entries[0].at - timedelta(seconds=now)
    found = [Phase(READING, opened, 0.0, clock="rta")]
    for before, entry in pairwise(entries):
        # a wall clock that went back is seen by the comparison of both clocks, and never is a negative duration
        now += (entry.at - before.at).total_seconds() if entry.seconds is None and entry.at > before.at else 0.0
        now += entry.seconds or 0.0
        name = {"begin": title(entry.step, state.opening) if entry.step else "", "failed": STOPPED}.get(entry.event, "")
        if name and name != found[-1].name:
            found[-1] = dataclasses.replace(found[-1], ended_at=entry.at, end_seconds=now)
            found.append(Phase(name, entry.at, now, clock="rta", note=entry.step if name != STOPPED else ""))
    found[-1] = dataclasses.replace(found[-1], ended_at=entries[-1].at, end_seconds=now)
    return tuple(found)


def outages(door: Sequence[tuple[datetime, str]]) -> Iterator[Outage]:
    """Yield the stretches in which the public address did not answer 200, from each change of what it answered."""
    began: datetime | None = None
    first = False
    for number, (at, answer) in enumerate(door):
        if answer == OPEN and began is not None:
            yield Outage(began, at, first)
            began = None
        elif answer != OPEN and began is None:
            began, first = at, number == 0
    if began is not None:
        yield Outage(began, None, first)


def outage_seconds(stretches: Sequence[Outage]) -> float | None:
    """Return the total duration of the outages in seconds; None while the service has not come back."""
    ends = [(each.to_at - each.from_at).total_seconds() for each in stretches if each.to_at is not None]
    return round(sum(ends), 3) if len(ends) == len(stretches) else None


def lines(timing: Timing) -> Iterator[str]:
    """Yield the timing as lines for people."""
    if timing.answers_at is not None:
        yield f"service answers: {timing.answers_at:%Y-%m-%d %H:%M:%S}.{timing.answers_at.microsecond // 10000:02} UTC"
    yield f"RTA of the service: {timing.verdict.sentence}"
    if timing.cut_over_seconds is not None:
        yield (
            f"  of that {show_duration(timing.cut_over_seconds)} are no part of a drill: declare them as "
            "allowances.cut_over"
        )
    seconds = outage_seconds(timing.outages)
    if seconds is None:
        yield "the service is away"
    elif timing.outages:
        least = "at least " if any(each.from_first for each in timing.outages) else ""
        times = f", in {len(timing.outages)} stretches" if len(timing.outages) > 1 else ""
        yield f"the service was away for {least}{show_duration(seconds)}{times}"
    else:
        yield "the service was never seen away"
