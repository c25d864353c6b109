"""Runs every judgement of posture of a kind in order, and derives the exit codes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from drills.errors import COULD_NOT_RUN, OBJECTIVE_MISSED, VERIFICATION_FAILED
from drills.model.finding import CheckResult
from drills.posture import keys, plans, points, schedule
from drills.posture.facts import PostureFacts
from drills.posture.kinds.all_kinds import of_word

# what AWS Backup tells of whatever it protects; each kind has further ones
OF_BACKUPS: tuple[Callable[[PostureFacts], CheckResult], ...] = (
    plans.protection,
    plans.role,
    plans.rules,
    points.jobs,
    points.freshness,
    schedule.worst_case,
    points.periods,
    points.retention,
    keys.point_key,
    keys.vaults,
)
# the results that say whether an objective holds; the others say whether the protection is as it should be
OBJECTIVES = ("freshness", "schedule")


def judge(facts: PostureFacts) -> tuple[CheckResult, ...]:
    """Return every result, in order: first what is judged of every kind, then what is of this one alone."""
    return tuple(each(facts) for each in (*OF_BACKUPS, *of_word(facts.subject.word).judgements))


def exit_codes(results: Sequence[CheckResult]) -> tuple[int, ...]:
    """Return every code that the results give, the first one first (docs/reference/exit-codes.md); empty when all is well.

    What is required and could not be judged, and what was judged in part only, gives 12: nothing unread passes.
    """
    codes = []
    missed = [each.name for each in results if each.outcome == "missed"]
    if any(name not in OBJECTIVES for name in missed):
        codes.append(VERIFICATION_FAILED)
    if any(name in OBJECTIVES for name in missed):
        codes.append(OBJECTIVE_MISSED)
    if any(each.not_checked or (each.requirement, each.outcome) == ("required", "not verified") for each in results):
        codes.append(COULD_NOT_RUN)
    return tuple(codes)


def in_order(codes: Collection[int]) -> tuple[int, ...]:
    """Return the codes of several targets as those of one, the first one first: what is wrong, what is missed, the others."""
    first = [each for each in (VERIFICATION_FAILED, OBJECTIVE_MISSED) if each in codes]
    return (*first, *sorted(each for each in codes if each not in first))
