"""Derives what drills have proved of the tables in turn, from what was known before and what was observed of the copy. Pure."""

from __future__ import annotations

from drills.checks import in_turn
from drills.checks.judging import Judge
from drills.checks.observed import ContentSeen, TurnsSeen
from drills.replay.bundle import Evidence
from drills.replay.ended import is_ended_early
from drills.replay.outcome import Replay


def compare(evidence: Evidence, copy: str, judge: Judge, outcome: Replay) -> None:
    """Hold the record's coverage against what follows from the observations of the recovered copy."""
    recorded, seen = evidence.record.coverage, evidence.seen(TurnsSeen, copy)
    if recorded is None and is_ended_early(evidence.record):
        return  # the run was ended before it recorded what it had observed
    contents = [(each.database, each.seen) for each in evidence.observations if each.copy == copy]
    found = [(database, each) for database, each in contents if isinstance(each, ContentSeen)]
    derived = in_turn.coverage(judge, seen[0], found, evidence.record.run_id) if seen else None
    outcome.compare("coverage", recorded, derived)
