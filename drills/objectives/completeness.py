"""Counts what ran against what a run was expected to hold, whatever removed the rest. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from drills.model.instance import OTHERS
from drills.model.policy import DECLARATIONS
from drills.model.record import ExpectedPromise, RunRecord
from drills.plural import counted

# What the recovery of a database is judged by, whatever scenarios ask for it: the objectives and every check of the copy.
VERDICTS = ("rto", "rpo", *(check.name for check in DECLARATIONS if check.in_suite))
SHOWN = 3  # names in a sentence; the record has all

NOTHING_RECOVERED = (
    "nothing was recovered: expected a scenario that restores the database, found none among those that {}: leave the "
    "filter out, or choose one that keeps a recovery"
)


def missing_scenarios(record: RunRecord) -> tuple[str, ...]:
    """Return the names of the expected scenarios that did not run, in the order of the features.

    One that the suite skips with its reason has run: it stands in every report. One that something else skipped has not.
    """
    ran = Counter((each.feature, each.name) for each in record.promises if not each.left_out)
    missing = []
    for each in record.expected:
        if ran[each.feature, each.name]:
            ran[each.feature, each.name] -= 1
        else:
            missing.append(each.name)
    return tuple(missing)


def missing_verdicts(record: RunRecord) -> tuple[str, ...]:
    """Return what a recovery must be judged by and this one was not; empty where the run has none."""
    if not record.expected or all(each.purpose != "recovery" for each in record.restorations):
        return ()
    known = {verdict.name for verdict in record.verdicts}
    other = OTHERS.get(record.target.kind) if record.target else None
    judged = other.verdicts if other else VERDICTS
    return tuple(f"the verdict on {name}" for name in judged if name not in known)


def reason(missing: Sequence[str], expected: Sequence[ExpectedPromise]) -> str:
    """Return why a run is partial: how much of it did not run, and the first names."""
    more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    return f"{len(missing)} of {counted(len(expected), 'scenario')} did not run: {'; '.join(missing[:SHOWN])}{more}"


def recovers(chosen: Iterable[tuple[str, str]], expected: Iterable[ExpectedPromise]) -> bool:
    """Return whether a scenario of a recovery is among the chosen ones, which are pairs of feature and name."""
    wanted = {(each.feature, each.name) for each in expected if each.recovers}
    return any(each in wanted for each in chosen)
