"""The checks that a drill runs, those of which some are shown alone, and the verdict that follows from the result of one."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from drills import errors
from drills.checks.base.budget import OUT_OF_TIME
from drills.checks.base.session import Connector
from drills.checks.comparison import Comparison
from drills.checks.owner import queries
from drills.config.target import CheckRule
from drills.model.finding import CheckResult, NotChecked, Requirement, Verdict
from drills.model.policy import BLOCKING, CHECKS, Tier, left_out_of, not_run_in


class Checks(Protocol):
    """The checks that a drill runs; drills/checks/suite.py implements it."""

    def blocking(self, comparison: Comparison, names: Collection[str] = ...) -> tuple[CheckResult, ...]:
        """Return the results of the checks that must pass before a copy counts as usable."""
        ...

    def remaining(self, comparison: Comparison, blocked: Collection[str] = ...) -> tuple[CheckResult, ...]:
        """Return the results of the other checks, without those in `blocked`."""
        ...

    def newest_canary(self, connect: Connector) -> datetime | None:
        """Return the newest instant that a canary proves to be in the copy."""
        ...


class ShownChecks:
    """The checks of a drill; the results of those in `shown` are shown, with `why`, and accuse nobody."""

    def __init__(self, checks: Checks, shown: Collection[str], why: str) -> None:
        self._checks = checks
        self._shown = frozenset(shown)
        self._why = why

    def blocking(self, comparison: Comparison, names: Collection[str] = BLOCKING) -> tuple[CheckResult, ...]:
        """Return the results of the checks that must pass before a copy counts as usable."""
        return tuple(map(self._show, self._checks.blocking(comparison, names)))

    def remaining(self, comparison: Comparison, blocked: Collection[str] = BLOCKING) -> tuple[CheckResult, ...]:
        """Return the results of the other checks, without those in `blocked`."""
        return tuple(map(self._show, self._checks.remaining(comparison, blocked)))

    def newest_canary(self, connect: Connector) -> datetime | None:
        """Return the newest instant that a canary proves to be in the copy."""
        return self._checks.newest_canary(connect)

    def _show(self, result: CheckResult) -> CheckResult:
        return show(result, self._why) if result.name in self._shown else result


def show(result: CheckResult, why: str) -> CheckResult:
    """Return a result as one that accuses nobody: what it found is listed as not judged, which is why. Pure."""
    if result.outcome == "met":
        return result
    shown = tuple(NotChecked(each.object, f"{why}; found {each.found}") for each in result.findings)
    return dataclasses.replace(
        result,
        outcome="not verified",
        requirement="optional",
        sentence=f"{why}; {result.sentence}",
        findings=(),
        not_checked=(*result.not_checked, *shown),
    )


def requirement_of(result: CheckResult, rules: Mapping[str, CheckRule], tier: Tier) -> Requirement:
    """Return what a check's result is on a target: nothing that its tier does not ask for is required, else its owner's rule holds.

    In tier "sample" that is content for which the budget was too short, as long as nothing else of it could not be compared.
    """
    if result.name in left_out_of(tier) or (tier == "sample" and _is_late_alone(result)):
        return "optional"
    rule = rules.get(result.name)
    return rule.requirement if rule else result.requirement


def _is_late_alone(result: CheckResult) -> bool:
    late = sum(each.reason.startswith(OUT_OF_TIME) for each in result.not_checked)
    return result.outcome == "not verified" and 0 < result.unverified == late


def not_run(tier: Tier) -> tuple[CheckResult, ...]:
    """Return a result for each check that a run of this tier does not carry out: not verified, and why."""
    why = not_run_in(tier)
    return tuple(
        CheckResult(name, "not verified", why, "optional", not_checked=(NotChecked(name, why),))
        for name in CHECKS
        if name in left_out_of(tier)
    )


def verdict_of(result: CheckResult, requirement: Requirement) -> Verdict:
    """Return the verdict of a check; a difference in a check that the owner made optional is shown and does not count."""
    outcome = result.outcome
    if outcome == "missed" and requirement != "required":
        outcome = "not verified"
    # a copy that is complete but slow misses an objective; its data do not differ
    code = errors.OBJECTIVE_MISSED if result.name == queries.NAME else errors.VERIFICATION_FAILED
    return Verdict(result.name, outcome, result.sentence, requirement, code)
