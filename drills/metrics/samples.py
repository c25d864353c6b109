"""The numbers of a run, by name and labels, taken from its record alone. Pure.

Names end in their unit, as Prometheus asks for (https://prometheus.io/docs/practices/naming/). Of a simulated run the target
itself is called SIMULATED, so that no query by target takes it for one on AWS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from drills.errors import USAGE
from drills.history.line import OUTCOMES, outcome_of, why_no_drill
from drills.model.history import Series
from drills.model.phases import current_name
from drills.model.record import RunRecord, value_of
from drills.model.timing import Measurement

SIMULATED = "SIMULATED"
LAST_RUN = "dr_drill_last_run_timestamp_seconds"
LAST_SUCCESS = "dr_drill_last_success_timestamp_seconds"
# each name and what it means, in the order in which they are written
FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        LAST_RUN: "When the last run ended, whatever its verdict.",
        LAST_SUCCESS: "When the last drill ended that held every promise.",
        "dr_drill_result": "1 for the outcome of the last run, 0 for each other outcome.",
        "dr_drill_rta_seconds": "Recovery time actual of the last run; absent where it was not measured.",
        "dr_drill_rto_seconds": "Recovery time objective.",
        "dr_drill_rpa_seconds": "Data loss actual of the last run; absent where it was not measured.",
        "dr_drill_rpo_seconds": "Recovery point objective: the data loss that is accepted.",
        "dr_drill_worst_case_rpo_seconds": "The most data that the backup schedule can lose, whatever the run measured.",
        "dr_drill_rta_median_seconds": "Median recovery time of the drills comparable with the last run, itself included.",
        "dr_drill_rta_runs": "How many drills that median is of.",
        "dr_drill_trend_warnings": "How many warnings there are that an objective will be missed.",
        "dr_drill_every_seconds": "How often drill.toml declares that a drill is due.",
        "dr_drill_phase_seconds": "How long each phase of the last run took.",
        "dr_drill_restored_bytes": "Size of the data that the last run restored.",
        "dr_drill_orphans": "What the last run made and was not seen to be gone.",
        "dr_drill_cost_dollars": "What is known of the cost of the last run's copies; absent where nothing is.",
        "dr_drill_cost_unknown": "How many parts of that cost are not known.",
    }
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One number. `labels` are its own, beside those that all of a run have."""

    name: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Numbers:
    """All samples of a run, and the labels that each has; `not_written` is why there are none, "" where there are."""

    labels: tuple[tuple[str, str], ...]
    samples: tuple[Sample, ...] = ()
    not_written: str = ""

    def value(self, name: str) -> float | None:
        """Return the first sample of a name, None where there is none."""
        return next((each.value for each in self.samples if each.name == name), None)


def numbers_of(record: RunRecord) -> Numbers:
    """Return the numbers of a run that has ended. A run that is no drill has none: one that looks like a drill would hide a gap.

    A drill that was interrupted is one that could not run.
    """
    labels = labels_of(record)
    why = "" if record.interrupted_by else why_no_drill(record)
    why = why or ("it was refused before it began" if record.code == USAGE else "")
    if record.code is None or record.ended_at is None:
        why = why or "it has not ended"
    if why:
        return Numbers(labels, not_written=why)
    return Numbers(labels, tuple(_samples(record)))


def labels_of(record: RunRecord) -> tuple[tuple[str, str], ...]:
    """Return the labels of a run: few, since a Pushgateway never forgets one."""
    target = record.target.name if record.target else ""
    return (
        ("target", f"{SIMULATED} {target}" if record.simulated else target),
        ("profile", record.profile),
        ("scenario", value_of(record.settings, "--scenario")),
        ("simulated", "true" if record.simulated else "false"),
    )


def _samples(record: RunRecord) -> Iterator[Sample]:
    assert record.ended_at
    yield Sample(LAST_RUN, record.ended_at.timestamp())
    if success := last_success(record):
        yield Sample(LAST_SUCCESS, success.timestamp())
    outcome = outcome_of(record)
    for each in dict.fromkeys(OUTCOMES.values()):
        yield Sample("dr_drill_result", float(each == outcome), (("result", each),))
    worst = record.worst_case.seconds if record.worst_case else None
    known = {
        "dr_drill_rta_seconds": _measured(record, "RTA"),
        "dr_drill_rto_seconds": record.objectives.rto_seconds,
        "dr_drill_rpa_seconds": _measured(record, "RPA"),
        "dr_drill_rpo_seconds": record.objectives.rpo_seconds,
        "dr_drill_worst_case_rpo_seconds": worst,
        "dr_drill_every_seconds": record.history.drill_every_seconds if record.history else None,
        "dr_drill_restored_bytes": record.target.size_bytes if record.target else None,
    }
    yield from (Sample(name, float(value)) for name, value in known.items() if value is not None)
    yield from _over_time(record)
    yield from _phases(record)
    yield Sample("dr_drill_orphans", float(sum(each.is_left for each in record.resources)))
    if record.price and (used := record.price.used):
        if used.usd is not None:
            yield Sample("dr_drill_cost_dollars", float(used.usd))
        yield Sample("dr_drill_cost_unknown", float(len(used.unknown)))


def last_success(record: RunRecord) -> datetime | None:
    """Return when the last drill ended that held every promise, as the record knows it; of an earlier one when it began."""
    if record.code == 0 and not why_no_drill(record):
        return record.ended_at
    points = record.history.points if record.history else ()
    return max((each.at for each in points if each.outcome == "passed"), default=None)


def _measured(record: RunRecord, name: str) -> float | None:
    found: Measurement | None = next((each for each in record.measurements if each.name == name), None)
    return found.seconds if found else None


def _over_time(record: RunRecord) -> Iterator[Sample]:
    """Yield what the history knows: a Prometheus keeps numbers for weeks, and a monthly drill is compared over years."""
    series: tuple[Series, ...] = record.history.series if record.history else ()
    for each in (each for each in series if each.name == "RTA" and each.median is not None):
        yield Sample("dr_drill_rta_median_seconds", each.median or 0.0)
        yield Sample("dr_drill_rta_runs", float(each.n))
    for actual in ("RTA", "RPA"):
        own = [each for each in series if each.name == actual]
        if own:
            count = sum(len(each.warnings) for each in own)
            yield Sample("dr_drill_trend_warnings", float(count), (("actual", actual.lower()),))


def _phases(record: RunRecord) -> Iterator[Sample]:
    """Yield the duration of each phase that has ended, once a name."""
    found: dict[str, float] = {}
    for each in record.phases:
        if each.seconds is not None:
            found[current_name(each.name)] = found.get(current_name(each.name), 0.0) + each.seconds
    for name, seconds in found.items():
        yield Sample("dr_drill_phase_seconds", round(seconds, 3), (("phase", name),))
