"""Kinds of a promise's outcome: objective missed, verification failed and could not run are three. Pure."""

from __future__ import annotations

import re
from typing import Literal

from drills import errors
from drills.model.record import Promise, RunRecord

Kind = Literal["", "objective missed", "verification failed", "could not run", "precondition absent"]
# How a sentence says that an objective was missed: the sentences of drills/objectives/, recovery/selection.py and errors.py.
OBJECTIVE_MISSED = (
    r"beyond the (RTO|RPO)|objective[^;]* missed|NoRecoveryPoint|a usable recovery point|no usable recovery point"
)


def kind_of(record: RunRecord, promise: Promise) -> Kind:
    """Return the kind of a promise's outcome, "" for one that passed.

    The kind of a failed promise is that of the verdict whose sentence is its reason; where there is none, the sentence
    itself decides.
    """
    if promise.outcome == "passed":
        return ""
    if promise.outcome != "failed":
        return "precondition absent" if promise.outcome == "skipped" else "could not run"
    for verdict in record.verdicts:
        if verdict.outcome == "missed" and verdict.sentence and verdict.sentence in promise.reason:
            return "objective missed" if verdict.exit_code == errors.OBJECTIVE_MISSED else "verification failed"
    return "objective missed" if re.search(OBJECTIVE_MISSED, promise.reason) else "verification failed"


def reason_of(record: RunRecord, promise: Promise) -> str:
    """Return why a promise did not pass, the kind of its outcome first; a skipped one has its reason alone."""
    kind = kind_of(record, promise)
    return f"{kind}: {promise.reason}" if promise.reason and promise.outcome in ("failed", "broken") else promise.reason
