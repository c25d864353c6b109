"""Judges whether a copy runs the PostgreSQL version that was backed up. Pure.

RDS may upgrade what it restores: a version that it has withdrawn, or a major version past its standard support (Amazon RDS
User Guide, "Overview of Amazon RDS Extended Support").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from drills.model.engine import EngineSupport, major_of
from drills.model.finding import CheckResult, Finding, Outcome, Severity

NAME = "engine version"


@dataclass(frozen=True, slots=True)
class EngineSeen:
    """The version that the copy runs, and what its restore asked for; None where somebody else restored it."""

    KIND: ClassVar[str] = "engine version"
    backed_up: str
    restored: str
    support: EngineSupport | None = None


def judge(seen: EngineSeen) -> CheckResult:
    """Judge the versions before and after: an upgrade to another major version is an error, to another minor one a warning."""
    before, after = seen.backed_up, seen.restored
    if not before or not after:
        unknown = "the backup" if not before else "the copy"
        return CheckResult(NAME, "not verified", f"AWS names no engine version of {unknown}", "optional")
    asked = f"; {seen.support.reason}" if seen.support else ""
    if before == after:
        return CheckResult(NAME, "met", f"PostgreSQL {before} before and after the restore{asked}", compared=1)
    severity: Severity = "warning" if major_of(before) == major_of(after) else "error"
    message = f"the backup is of PostgreSQL {before}, and RDS restored it as {after}"
    finding = Finding(
        NAME,
        severity,
        "PostgreSQL",
        before,
        after,
        f"{message}: in a disaster the applications would meet {after}, so test them with it, or upgrade the source",
    )
    outcome: Outcome = "missed" if severity == "error" else "met"
    return CheckResult(NAME, outcome, f"{message}{asked}", compared=1, findings=(finding,))
