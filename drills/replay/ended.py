"""Whether a run came to its end by itself, and whether nothing failed on the way. Pure."""

from __future__ import annotations

from drills.model.record import RunRecord

_ENDED = (0, 1, 5)  # what pytest's exit status is when it came to its end by itself: passed, failed, nothing collected


def is_ended_early(record: RunRecord) -> bool:
    """Return whether the run was interrupted, or the process that carried out its scenarios was ended: its exit code is 12 then."""
    return bool(record.interrupted_by) or (record.pytest_status is not None and record.pytest_status not in _ENDED)


def is_whole(record: RunRecord) -> bool:
    """Return whether nothing ended the run before its judgements were made."""
    return not (is_ended_early(record) or record.failures)
