"""RTA: the duration of a recovery, by which clock, and when that number is not reliable. Pure.

Two numbers. The RTA of the recovery is measured alone, from the declaration to the last blocking check. The RTA that is
held against the RTO is that of the service: with the declared allowances for what nobody measured. When the RTO counts
from the disruption, detection and decision come before the declaration; the cut-over comes after the recovery by either
clock. A drill cuts nothing over, so that it is declared there; a cut-over measures it (drills/cutover/timing.py).

Durations are monotonic. Where the wall clock says something else, one of the two was not running (a machine that slept,
a clock that was set), and the number is "not measured".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from drills import errors
from drills.durations import show_duration
from drills.model.finding import CheckResult, Verdict
from drills.model.record import Restoration, RunRecord
from drills.model.timing import Measurement, Objectives, Phase
from drills.objectives import verdicts

# A clock that is slewed by NTP runs up to 0.05 % fast or slow (RFC 5905, 500 ppm); two readings are never of one instant.
TOLERANCE_SECONDS, TOLERANCE_SHARE = 2.0, 0.001

CLOCKS = {
    "declaration": "counted from the declaration of the disaster",
    "disruption": "counted from the disruption of the service",
}


@dataclass(frozen=True, slots=True)
class DeclaredTime:
    """Declared times that nothing measures, in seconds, and the clock that decides which of them count."""

    clock: Literal["declaration", "disruption"] = "declaration"
    detection: float = 0.0
    decision: float = 0.0
    cut_over: float = 0.0

    def counted(self) -> dict[str, float]:
        """Return the seconds that count towards RTA, by name."""
        before = {"detection": self.detection, "decision": self.decision} if self.clock == "disruption" else {}
        return {name: seconds for name, seconds in (before | {"cut-over": self.cut_over}).items() if seconds}


def jumps(phases: Sequence[Phase]) -> tuple[str, ...]:
    """Return a sentence for each phase in which the wall clock and the monotonic clock disagree."""
    return tuple(filter(None, map(_jump, phases)))


def _jump(phase: Phase) -> str:
    if phase.ended_at is None or phase.seconds is None:
        return ""
    ahead = (phase.ended_at - phase.started_at).total_seconds() - phase.seconds
    if phase.seconds >= 0 and abs(ahead) <= TOLERANCE_SECONDS + TOLERANCE_SHARE * phase.seconds:
        return ""
    return (
        f"the wall clock of this machine jumped {show_duration(abs(ahead))} {'forward' if ahead > 0 else 'back'} "
        f"during {phase.name!r}: it was set, or the machine slept"
    )


def measure(
    phases: Sequence[Phase], declared: DeclaredTime, restoration: Restoration, failed: Sequence[CheckResult] = ()
) -> tuple[Measurement, Measurement]:
    """Return the RTA that is held against the RTO, and the RTA of the recovery alone.

    Neither has a number where the copy never passed the checks in `failed`, or where the clock jumped meanwhile.
    """
    measured = measure_rta(phases)
    alone = dataclasses.replace(
        measured, name="RTA of the recovery", sentence=f"{measured.sentence}; {CLOCKS['declaration']}"
    )
    whole = _whole(measured, declared, phases)
    notes = (CLOCKS[declared.clock], *class_notes(restoration))
    whole = dataclasses.replace(whole, notes=notes)
    alone = dataclasses.replace(alone, notes=(CLOCKS["declaration"], *class_notes(restoration)))
    jumped = jumps([phase for phase in phases if phase.clock == "rta"])
    if jumped and measured.seconds is not None:
        whole, alone = _unbelievable(whole, jumped[0]), _unbelievable(alone, jumped[0])
    if failed:
        whole, alone = not_usable(whole, failed), not_usable(alone, failed)
    return whole, alone


def unpassed(results: Sequence[CheckResult], requirement: Callable[[CheckResult], str]) -> list[CheckResult]:
    """Return the required checks that did not pass; `requirement` says what a check is on the target."""
    return [each for each in results if each.outcome != "met" and requirement(each) == "required"]


def measure_rta(phases: Sequence[Phase]) -> Measurement:
    """Sum up the closed phases that count against the RTO, in seconds, and name the slowest of them."""
    counted = _counted(phases)
    if not counted:
        return Measurement("RTA", None, None, None, "own clock", "RTA was not measured: no recovery took place")
    measured = sum(phase.seconds or 0.0 for phase in counted)
    slowest = _slowest(counted)
    sentence = f"usable after {show_duration(measured)}; {_show_slowest(slowest)}"
    return Measurement(
        "RTA", measured, counted[0].started_at, counted[-1].ended_at, "own clock, monotonic", sentence, slowest.name
    )


def _counted(phases: Sequence[Phase]) -> list[Phase]:
    return [phase for phase in phases if phase.clock == "rta" and phase.end_seconds is not None]


def _slowest(phases: Sequence[Phase]) -> Phase:
    return max(phases, key=lambda phase: phase.seconds or 0.0)


def _show_slowest(slowest: Phase) -> str:
    return f"slowest phase {slowest.name!r}, {show_duration(slowest.seconds or 0.0)}"


def not_usable(rta: Measurement, failed: Sequence[CheckResult]) -> Measurement:
    """Return the same measurement without a number: the copy did not pass these blocking checks."""
    return dataclasses.replace(
        rta, seconds=None, to_at=None, sentence=f"RTA was not measured: {why_not_usable(failed)}"
    )


def why_not_usable(failed: Sequence[CheckResult]) -> str:
    """Say that a copy was never usable, or where none of its blocking checks found anything wrong, that nobody knows."""
    wrong = [each.name for each in failed if each.outcome == "missed"]
    unknown = [each.name for each in failed if each.outcome != "missed"]
    told = f"{', '.join(unknown)} {'was' if len(unknown) == 1 else 'were'} not verified" if unknown else ""
    if not wrong:
        return f"it is not known whether the copy was usable, {told}"
    return "; ".join(filter(None, [f"the copy was never usable, it did not pass {', '.join(wrong)}", told]))


def _whole(measured: Measurement, declared: DeclaredTime, phases: Sequence[Phase]) -> Measurement:
    if measured.seconds is None:
        return measured
    counted = declared.counted()
    total = measured.seconds + sum(counted.values())
    sentence = f"usable after {show_duration(total)}, {CLOCKS[declared.clock]}"
    if counted:
        parts = ", ".join(f"{name} {show_duration(seconds)}" for name, seconds in counted.items())
        sentence += f" ({show_duration(measured.seconds)} measured; declared: {parts})"
    sentence += f"; {_show_slowest(_slowest(_counted(phases)))}"
    return dataclasses.replace(measured, seconds=total, sentence=sentence)


def _unbelievable(rta: Measurement, why: str) -> Measurement:
    sentence = f"{rta.name} was not measured: {why}; durations cannot be trusted, run the drill again"
    return dataclasses.replace(rta, seconds=None, to_at=None, sentence=sentence)


def class_notes(restoration: Restoration) -> tuple[str, ...]:
    """Return the note that must accompany RTA where the copy's instance class is not the source's."""
    copy, source = restoration.instance_class, restoration.source_class
    if not copy or not source or copy == source:
        return ()
    return (f"measured on {copy}, the source has {source}: no claim about the RTO on that class",)


def judge(rta: Measurement, promised: Objectives) -> Verdict:
    """Return the verdict on the recovery time, with what must stand beside the number."""
    verdict = verdicts.judge_rto(rta, promised)
    unsaid = [note for note in rta.notes if note not in verdict.sentence and note not in CLOCKS.values()]
    return dataclasses.replace(verdict, sentence="; ".join([verdict.sentence, *unsaid]))


def judge_between(record: RunRecord, begin: str, end: str, objective_seconds: float) -> Verdict:
    """Return the verdict on the time between two moments of the recovery."""
    at = {moment.name: moment.seconds for moment in record.moments}
    name = f"{end} within {show_duration(objective_seconds)}"
    start, stop = at.get(begin), at.get(end)
    if start is None or stop is None:
        missing = begin if start is None else end
        return Verdict(name, "not verified", f"{missing!r} was not seen in this run", exit_code=errors.OBJECTIVE_MISSED)
    took = stop - start
    met = took <= objective_seconds
    sentence = (
        f"from {begin!r} to {end!r} it took {show_duration(took)}: "
        f"{'within' if met else 'beyond'} {show_duration(objective_seconds)}"
    )
    return Verdict(name, "met" if met else "missed", sentence, exit_code=errors.OBJECTIVE_MISSED)


def judge_usable(record: RunRecord, objective_seconds: float) -> Verdict:
    """Return the verdict on RTA against an objective that a feature names, beside the target's own."""
    name = f"usable within {show_duration(objective_seconds)}"
    rta = next((measured for measured in record.measurements if measured.name == "RTA"), None)
    if rta is None:
        return Verdict(name, "not verified", "RTA was not measured", exit_code=errors.OBJECTIVE_MISSED)
    return dataclasses.replace(judge(rta, Objectives(objective_seconds, None)), name=name)
