"""The checks after RTA has stopped, the content within its budget and in turn: first what was proved longest ago, or never."""

from __future__ import annotations

import dataclasses

from drills.checks.base.budget import Budget
from drills.checks.comparison import Comparison
from drills.checks.in_turn import InTurn, coverage
from drills.checks.judging import Judge
from drills.config.target import Target
from drills.history import coverage as kept
from drills.model.coverage import Known
from drills.model.finding import CheckResult
from drills.model.policy import left_out_of
from drills.recovery.judged import Checks
from drills.recovery.setup import Setup


def is_compared_in_turn(target: Target) -> bool:
    """Return whether some drills of a target compare its content within a budget: what each proves is then kept."""
    return target.budget() is not None or target.tiers.sample is not None


def run_remaining(setup: Setup, checks: Checks, comparison: Comparison) -> tuple[CheckResult, ...]:
    """Run the checks that do not count as RTA, and record what was proved in turn."""
    target, turns = setup.target, _begin(setup, comparison)
    limit = target.budget()
    budget = Budget.starting(limit.total_seconds() if limit else None, setup.clock)
    comparison = dataclasses.replace(comparison, budget=budget, turns=turns)
    results = checks.remaining(comparison, target.blocks() | left_out_of(target.tier))
    if turns and turns.seen:
        judge = Judge(comparison.manifest, comparison.policies, comparison.earlier)
        found = coverage(judge, turns.seen, turns.contents, setup.journal.record.run_id)
        setup.journal.update(coverage=found)
    return results


def _begin(setup: Setup, comparison: Comparison) -> InTurn | None:
    """Return what reads the tables in turn; None where all of them are always read, or nothing says what they hold."""
    if comparison.manifest is None or not is_compared_in_turn(setup.target):
        return None
    known, problem = Known(), ""
    if setup.history:
        known, problem = kept.known(
            kept.file_beside(setup.history), kept.whose(setup.journal.record), setup.clock.now()
        )
    if problem:
        setup.journal.append("notes", problem)
    return InTurn(known, setup.clock.now())
