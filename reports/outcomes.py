"""What kind of end a promise had: objective missed, verification failed and could not run are three things. Pure."""

from __future__ import annotations

import re
from typing import Literal

from drills import errors
from drills.history.line import is_left_open
from drills.model.record import Promise, RunRecord

Kind = Literal["", "objective missed", "verification failed", "could not run", "not verified", "precondition absent"]
# How a sentence says that an objective was missed: the sentences of drills/objectives/, recovery/selection.py and errors.py.
OBJECTIVE_MISSED = (
    r"beyond the (RTO|RPO)|objective[^;]* missed|NoRecoveryPoint|a usable recovery point|no usable recovery point"
)


def kind_of(record: RunRecord, promise: Promise) -> Kind:
    """The kind of a promise's end, "" for one that held.

    What a failed promise was about is said by the verdict whose sentence is its reason, and by the sentence itself where
    no verdict has it.
    """
    if promise.outcome == "passed":
        return ""
    if promise.outcome != "failed":
        open_one: Kind = "not verified" if is_left_open(record, promise) else "could not run"
        return "precondition absent" if promise.outcome == "skipped" else open_one
    for verdict in record.verdicts:
        if verdict.outcome == "missed" and verdict.sentence and verdict.sentence in promise.reason:
            return "objective missed" if verdict.exit_code == errors.OBJECTIVE_MISSED else "verification failed"
    return "objective missed" if re.search(OBJECTIVE_MISSED, promise.reason) else "verification failed"


def reason_of(record: RunRecord, promise: Promise) -> str:
    """Why a promise did not hold, with the kind of its end before the sentence; a skipped one has its reason alone."""
    kind = kind_of(record, promise)
    if kind == "not verified":
        return promise.reason  # which says so itself
    return f"{kind}: {promise.reason}" if promise.reason and promise.outcome in ("failed", "broken") else promise.reason


def skipped(record: RunRecord) -> dict[str, list[str]]:
    """The names of the skipped promises by their reason."""
    found: dict[str, list[str]] = {}
    for promise in record.promises:
        if promise.outcome == "skipped":
            found.setdefault(promise.reason, []).append(promise.name)
    return found
