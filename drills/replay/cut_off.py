"""What a run that was ended early had observed and not yet recorded: it notes an observation before what follows. Pure.

A run that came to its end by itself has recorded all that it observed: of it nothing is excused.
"""

from __future__ import annotations

from collections.abc import Collection

from drills.checks.manifest_checks import CONNECTION
from drills.model.record import Restoration, RunRecord
from drills.objectives import data_loss
from drills.recovery import rehearsal
from drills.recovery.drill import COMPARING
from drills.recovery.observed import LossSeen
from drills.replay.bundle import Evidence
from drills.replay.ended import is_ended_early
from drills.schedule import verdict as schedule_verdict

NOT_REACHED = "the run was ended while AWS was asked for what it follows from"


def why_unread(record: RunRecord) -> str:
    """Return why answers on the schedule may be missing, "" where they may not: a verdict that passed for something needs them."""
    said = [each.outcome for each in record.verdicts if each.name == schedule_verdict.NAME]
    if said == ["not verified"]:
        return "AWS did not answer all that was asked for it, and it passed for nothing"
    return NOT_REACHED if not said and is_ended_early(record) else ""


def why(record: RunRecord) -> str:
    """Return why something that was observed has no place in the record yet."""
    by = record.interrupted_by or f"the end of its scenarios (exit status {record.pytest_status} of pytest)"
    return f"observed, not recorded: the run was ended before, by {by}"


def checks(evidence: Evidence, restoration: Restoration, blocks: Collection[str]) -> frozenset[str]:
    """Return the checks of a copy whose results a run that was ended early had not recorded; `blocks` names those that blocked.

    Results are recorded together: of a recovery those that blocked, and the others when all of them are there; of any other
    copy all at once. A verdict is recorded after them. So what is missing is the whole of what was observed last, or nothing.
    """
    record, copy = evidence.record, restoration.instance_id
    if not is_ended_early(record):
        return frozenset()
    seen = {each.check for each in evidence.observations if each.copy == copy}
    last = seen
    if restoration.purpose == "recovery":
        if evidence.seen(LossSeen):
            seen.add(data_loss.NAME)
        last = seen - {CONNECTION, *blocks} or seen
    said = {each.name for each in record.verdicts}
    recorded = {each.name for each in restoration.checks}
    judged = rehearsal.VERDICT in said if restoration.purpose == "rehearsal" else bool(last & said)
    return frozenset() if judged or last & recorded else frozenset(last)


def must_have(record: RunRecord, verdict: str, cut: Collection[str]) -> bool:
    """Return whether a run must have recorded a verdict, with what it follows from, by what it recorded after it.

    `cut` names the checks of the recovery whose results it had not come to record.
    """
    if not is_ended_early(record):
        return True
    if verdict == "rpo":
        return data_loss.NAME not in cut
    # its phase comes before the comparison
    return verdict == schedule_verdict.NAME and any(phase.name == COMPARING for phase in record.phases)
