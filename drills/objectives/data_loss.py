"""The data that a recovery loses: by policy, by the API and by the data, side by side. Pure.

The verdict on the RPO goes by the restored data. What the APIs say of a recovery point is a claim that is held against
it; alone it proves nothing, and then the RPO is "not verified". docs/data-loss.md has the definitions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from drills import errors
from drills.durations import show_duration
from drills.model.finding import CheckResult, Finding, Outcome, Severity, Verdict
from drills.model.point import NEWEST, PointSelector, RecoveryPoint
from drills.model.timing import DataLoss, Measurement, Objectives
from drills.objectives import verdicts

NAME = "data loss"
FRESHNESS = "freshness query"  # the source of an instant that one of the owner's queries returned begins with this
# Fields that name an instant of the data themselves; the others name the making of a snapshot, which lies near it.
EXACT = ("SnapshotDatabaseTime", "RestoreTime")


@dataclass(frozen=True, slots=True)
class NewestData:
    """The newest instant that the restored data prove, and its source; or None, and why there is none.

    `upper_bound`: the data are at least that new, and may be newer.
    """

    at: datetime | None
    source: str
    upper_bound: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """The instant that a loss is counted to, and what it is called in a sentence."""

    at: datetime
    name: str = "the disaster"


def by_policy(seconds: float | None, source: str = "no backup plan was read") -> DataLoss:
    """Return the worst case of the schedule, in seconds; None where there is none, and `source` says why."""
    if seconds is None:
        return DataLoss("policy", None, None, source, f"not worked out: {source}")
    return DataLoss("policy", seconds, None, source, f"up to {show_duration(seconds)} of data lost, by {source}")


def by_api(point: RecoveryPoint, reference: Reference) -> DataLoss:
    """Return the loss by the API field that dates the recovery point; a point newer than the reference gives no number."""
    if point.data_time is None:
        return DataLoss(
            "api", None, None, "", "not known: no API field says which instant the recovery point reaches to"
        )
    seconds = (reference.at - point.data_time).total_seconds()
    if seconds < 0:
        sentence = f"not measured: by {point.data_time_source} the recovery point is {_ahead(-seconds, reference)}"
        return DataLoss("api", None, point.data_time, point.data_time_source, sentence)
    sentence = f"{show_duration(seconds)} of data lost, by {point.data_time_source}"
    return DataLoss("api", seconds, point.data_time, point.data_time_source, sentence)


def by_data(reading: NewestData, reference: Reference) -> DataLoss:
    """Return the loss by the restored data; data newer than the reference are a contradiction and give no number."""
    if reading.at is None:
        return DataLoss("data", None, None, reading.source, f"not measured: {reading.source}")
    seconds = (reference.at - reading.at).total_seconds()
    if seconds < 0:
        sentence = f"not measured: by {reading.source} the newest restored row is {_ahead(-seconds, reference)}"
        return DataLoss("data", None, reading.at, reading.source, sentence, reading.upper_bound)
    bound = "at most " if reading.upper_bound else ""
    note = " (upper bound, by application data)" if reading.upper_bound else ""
    sentence = f"{bound}{show_duration(seconds)} of data lost, by {reading.source}{note}"
    return DataLoss("data", seconds, reading.at, reading.source, sentence, reading.upper_bound)


def _ahead(seconds: float, reference: Reference) -> str:
    return (
        f"{show_duration(seconds)} newer than {reference.name}; compare the clocks, and the point with {reference.name}"
    )


def find_loss(losses: Sequence[DataLoss], by: str) -> DataLoss | None:
    """Return the loss by one method ("policy", "api", "data"), None where the record does not have it."""
    return next((loss for loss in losses if loss.by == by), None)


def contradicts(loss: DataLoss | None) -> bool:
    """Return whether a loss has an instant and yet no number: it is newer than what it is counted to."""
    return loss is not None and loss.reaches_to is not None and loss.seconds is None


# -- the comparison ---------------------------------------------------------------------------------------------------


def compare(losses: Sequence[DataLoss], tolerance_seconds: float) -> CheckResult:
    """Compare the three numbers, which may differ by `tolerance_seconds`.

    A contradiction (data, or a recovery point, newer than what the loss is counted to) leaves the check "not verified":
    no clock of this run can be believed then. A disagreement is a warning, since it does not say which side is right.
    """
    policy, api, data = (find_loss(losses, by) for by in ("policy", "api", "data"))
    findings = (
        *(
            _contradiction(loss, loss.reaches_to)
            for loss in (api, data)
            if loss and loss.reaches_to and contradicts(loss)
        ),
        *_apart(api, data, tolerance_seconds),
        *_worse_than_planned(policy, data, tolerance_seconds),
    )
    compared = sum(_both(one, data) for one in (api, policy))
    if any(finding.severity == "error" for finding in findings):
        return CheckResult(NAME, "not verified", findings[0].message, compared=compared, findings=findings)
    if not compared:
        why = data.sentence if data else "nothing was read"
        return CheckResult(
            NAME, "not verified", f"nothing to hold the recovery point's own time against: {why}", "optional"
        )
    sentence = (
        f"{compared} of the numbers held against the data, none apart by more than {show_duration(tolerance_seconds)}"
    )
    if findings:
        sentence = findings[0].message
    outcome: Outcome = "met"
    return CheckResult(NAME, outcome, sentence, compared=compared, findings=findings)


def _both(one: DataLoss | None, data: DataLoss | None) -> bool:
    return one is not None and data is not None and one.seconds is not None and data.seconds is not None


def _contradiction(loss: DataLoss, reaches_to: datetime) -> Finding:
    what = "the recovery point" if loss.by == "api" else "the newest restored row"
    expected = "an instant not after the one that the loss is counted to"
    return Finding(NAME, "error", f"{what}, by {loss.source}", expected, _shown(reaches_to), loss.sentence)


def _apart(api: DataLoss | None, data: DataLoss | None, tolerance: float) -> tuple[Finding, ...]:
    """Return the API's instant and the data's. Where application data are older they may simply have been idle."""
    if api is None or data is None or api.reaches_to is None or data.reaches_to is None:
        return ()
    older = (api.reaches_to - data.reaches_to).total_seconds()
    if abs(older) <= tolerance or (older > 0 and data.upper_bound):
        return ()
    if older > 0:
        why = "the canary's beat had stopped, or the point lacks what it claims to hold"
        message = f"the data end {show_duration(older)} before the time that {api.source} claims: {why}"
    elif api.source in EXACT:
        message = f"the data go {show_duration(-older)} past the time that {api.source} claims: whose point is this?"
    else:  # the start of a job, or the making of a snapshot: near the data's own time, and no more
        message = f"the data go {show_duration(-older)} past {api.source}, which is not the time of the data itself"
    severity: Severity = "information" if older < 0 and api.source not in EXACT else "warning"
    found = f"{_shown(data.reaches_to)} by {data.source}"
    claimed = f"{_shown(api.reaches_to)} by {api.source}"
    return (Finding(NAME, severity, "the recovery point", claimed, found, message),)


def _worse_than_planned(policy: DataLoss | None, data: DataLoss | None, tolerance: float) -> tuple[Finding, ...]:
    """Return a finding where more was lost than the schedule's worst case: a backup is missing, or another schedule made it."""
    if policy is None or data is None or policy.seconds is None or data.seconds is None or data.upper_bound:
        return ()
    if data.seconds <= policy.seconds + tolerance:
        return ()
    message = (
        f"{show_duration(data.seconds)} were lost, more than the {show_duration(policy.seconds)} of the schedule's worst "
        "case: a backup is missing, or another schedule makes them"
    )
    expected = f"at most {show_duration(policy.seconds)}"
    return (Finding(NAME, "warning", "the schedule", expected, show_duration(data.seconds), message),)


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


# -- the objective ----------------------------------------------------------------------------------------------------


def measure(data: DataLoss, reference: Reference) -> Measurement:
    """Return RPA, which is the loss by data alone."""
    sentence = data.sentence if data.seconds is not None else f"RPA was {data.sentence}"
    return Measurement("RPA", data.seconds, data.reaches_to, reference.at, data.source, sentence)


def judge_rpo(
    losses: Sequence[DataLoss], rpa: Measurement, promised: Objectives, sample: PointSelector = NEWEST
) -> Verdict:
    """Return the verdict on the data loss, by the restored data alone.

    An upper bound within the RPO meets it; one beyond it shows nothing, since the owner's tables may have been idle. A
    recovery point that is not the newest says nothing about the RPO.
    """
    if not sample.judges_rpo:
        sentence = f"the RPO is not judged by this recovery point ({sample.description}); {rpa.sentence}"
        return Verdict("rpo", "not verified", sentence, "optional", errors.OBJECTIVE_MISSED)
    data, api = find_loss(losses, "data"), find_loss(losses, "api")
    if rpa.seconds is None and api is not None and api.seconds is not None and not contradicts(data):
        claim = f"; {api.source} says {show_duration(api.seconds)}, which only the data could prove"
        rpa = dataclasses.replace(rpa, sentence=rpa.sentence + claim)
    verdict = verdicts.judge_rpo(rpa, promised)
    if verdict.outcome == "missed" and data is not None and data.upper_bound:
        sentence = f"{verdict.sentence}, which an idle application explains as well: let a canary beat"
        return dataclasses.replace(verdict, outcome="not verified", sentence=sentence)
    return verdict
