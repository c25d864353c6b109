"""Judges actuals against objectives, and derives exit codes from verdicts. Pure.

RTO and RPO are the owner's objectives; RTA and RPA are what a run measured. RTA ends when the last blocking check has
passed (docs/decisions.md). RPA is read from the restored data and is "not measured" where nothing in the
data can tell.
"""

from __future__ import annotations

import dataclasses

from drills import errors
from drills.durations import show_duration
from drills.model.finding import Verdict
from drills.model.record import Failure, RunRecord
from drills.model.timing import Measurement, Objectives

# docs/reference/exit-codes.md: 11 before 10 before 12 before 13 before 14; wrong usage ends a run before any other.
PRECEDENCE = (
    errors.USAGE,
    errors.VERIFICATION_FAILED,
    errors.OBJECTIVE_MISSED,
    errors.COULD_NOT_RUN,
    errors.LEFT_BEHIND,
    errors.NOT_SEALED,
)


CLEAN_UP_TAG = "cleanup"  # of the scenario that promises that nothing is left, which what is left explains
UNREPORTED = "expected the reports to be written, found that the run was ended before: drills report FOLDER writes them"


def judge(measurement: Measurement, objective_seconds: float | None, objective: str) -> Verdict:
    """Judge an actual against its objective ("RTO" or "RPO"), in seconds; without an objective the verdict is optional."""
    name = objective.lower()
    if objective_seconds is None:
        sentence = f"no {objective} is set for the target; {measurement.sentence}"
        return Verdict(name, "not verified", sentence, "optional", errors.OBJECTIVE_MISSED)
    if measurement.seconds is None:
        return Verdict(name, "not verified", measurement.sentence, "required", errors.OBJECTIVE_MISSED)
    met = measurement.seconds <= objective_seconds
    relation, share = "within" if met else "beyond", _share(measurement.seconds / objective_seconds)
    sentence = f"{measurement.sentence}: {relation} the {objective} of {show_duration(objective_seconds)} ({share})"
    return Verdict(name, "met" if met else "missed", sentence, "required", errors.OBJECTIVE_MISSED)


def _share(ratio: float) -> str:
    """Return the share of the objective that was used up; a small share is not rounded to zero."""
    return "less than 0.01x" if ratio < 0.01 else f"{ratio:.2f}x"


def judge_rto(measurement: Measurement, objectives: Objectives) -> Verdict:
    """Return the verdict on the recovery time."""
    return judge(measurement, objectives.rto_seconds, "RTO")


def judge_rpo(measurement: Measurement, objectives: Objectives) -> Verdict:
    """Return the verdict on the data loss."""
    return judge(measurement, objectives.rpo_seconds, "RPO")


def exit_codes(record: RunRecord) -> tuple[int, ...]:
    """Return every exit code that the record gives reason for, the one to exit with first; (0,) when all promises held.

    Codes come from verdicts, failures and what was left behind. pytest's status only ever adds 12, and only where
    nothing else explains it.
    """
    codes = {verdict.exit_code for verdict in record.verdicts if verdict.outcome == "missed"}
    codes |= {failure.exit_code for failure in record.failures}
    if record.unverified or record.interrupted_by or any(promise.outcome == "broken" for promise in record.promises):
        codes.add(errors.COULD_NOT_RUN)
    left = any(resource.is_left for resource in record.resources)
    if left:
        codes.add(errors.LEFT_BEHIND)
    ran = [promise for promise in record.promises if promise.outcome in ("passed", "failed")]
    if not ran and not codes:
        codes.add(errors.COULD_NOT_RUN)
    failed = [promise for promise in ran if promise.outcome == "failed"]
    of_clean_up = left and bool(failed) and all(CLEAN_UP_TAG in promise.tags for promise in failed)
    unexplained = record.pytest_status not in (0, None) or bool(failed)
    if unexplained and not of_clean_up and not codes - {errors.LEFT_BEHIND}:
        codes.add(errors.COULD_NOT_RUN)
    return tuple(code for code in PRECEDENCE if code in codes) or (0,)


def hold_until_reported(record: RunRecord, codes: tuple[int, ...]) -> RunRecord:
    """Return the judged record with these exit codes; one that passed holds its 0 back until its reports are written."""
    if codes != (0,):
        return dataclasses.replace(record, code=codes[0], all_codes=codes)
    held = Failure(UNREPORTED, errors.COULD_NOT_RUN, record.phases[-1].name if record.phases else "")
    code = errors.COULD_NOT_RUN
    return dataclasses.replace(record, code=code, all_codes=(code,), failures=(*record.failures, held))


def reported(record: RunRecord) -> RunRecord:
    """Return the record of a run whose reports are written, with the exit codes that were held back until then."""
    if all(failure.sentence != UNREPORTED for failure in record.failures):
        return record
    failures = tuple(failure for failure in record.failures if failure.sentence != UNREPORTED)
    return dataclasses.replace(record, code=0, all_codes=(0,), failures=failures)
