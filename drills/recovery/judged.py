"""The checks that a drill runs, and the verdict that follows from the result of one."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from drills import errors
from drills.checks.base.session import Connector
from drills.checks.comparison import Comparison
from drills.checks.owner import queries
from drills.model.finding import CheckResult, Requirement, Verdict


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


def verdict_of(result: CheckResult, requirement: Requirement) -> Verdict:
    """Return the verdict of a check; a difference in a check that the owner made optional is shown and does not count."""
    outcome = result.outcome
    if outcome == "missed" and requirement != "required":
        outcome = "not verified"
    # a copy that is complete but slow misses an objective; its data do not differ
    code = errors.OBJECTIVE_MISSED if result.name == queries.NAME else errors.VERIFICATION_FAILED
    return Verdict(result.name, outcome, result.sentence, requirement, code)
