"""At the end of a run: what was expected of it and did not run is named, makes it partial, or is why it proves nothing."""

from __future__ import annotations

from drills.errors import COULD_NOT_RUN
from drills.objectives import completeness
from drills.record import Journal

# pytest's exit codes for a session that ended by itself: all passed, some failed, nothing collected
ENDED = (0, 1, 5)


def count(journal: Journal, status: int | None) -> None:
    """Count what ran against what was expected; `status` is the exit code of pytest, None where it was never started."""
    record = journal.record
    if status is None or not record.expected:
        return
    missing = tuple(dict.fromkeys((*record.missing, *completeness.missing_scenarios(record))))
    journal.update(missing=missing)
    if record.interrupted_by or record.failures:  # that is why they did not run
        return
    ran = [(each.feature, each.name) for each in record.promises if each.outcome != "skipped"]
    if missing and status not in ENDED:
        told = completeness.reason(missing, record.expected)
        journal.failure(f"expected every scenario, found that pytest ended with {status}: {told}", COULD_NOT_RUN)
    elif not completeness.recovers(ran, record.expected):
        journal.failure(completeness.NOTHING_RECOVERED.format("ran"), COULD_NOT_RUN)
    if missing:
        journal.update(partial=True, partial_reason=completeness.reason(missing, record.expected))


def count_verdicts(journal: Journal) -> None:
    """Let no run pass that judged less than a recovery is judged by."""
    missing = completeness.missing_verdicts(journal.record)
    if missing:
        journal.update(missing=(*journal.record.missing, *missing))
        journal.failure(f"expected each check of the recovery to be judged, found no {missing[0]}", COULD_NOT_RUN)
