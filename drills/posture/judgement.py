"""Collects the findings of one judgement of posture into a check result."""

from __future__ import annotations

from typing import Any

from drills.model.finding import CheckResult, Finding, NotChecked, Outcome, Requirement, Severity
from drills.model.parity import NotVerified


class Judgement:
    """Collects the findings of one judgement; `result` returns the check result."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.compared = 0
        self.findings: list[Finding] = []
        self.unread: list[NotChecked] = []

    def find(self, severity: Severity, thing: str, *, expected: str, found: str, remedy: str) -> None:
        """Add a finding: the resource, what was expected and found, and what to type."""
        self.findings.append(Finding(self.name, severity, thing, expected, found, remedy))

    def count(self, there: bool = True) -> None:
        """Count an object that was compared; False where there was none."""
        self.compared += there

    def was_read(self, thing: str, value: Any) -> bool:
        """Return whether a fact was read; one that was not is noted with its reason."""
        if isinstance(value, NotVerified):
            self.unread.append(NotChecked(thing, value.reason))
            return False
        return True

    def result(self, well: str, *, nothing: str = "", requirement: Requirement = "required") -> CheckResult:
        """Return the result: missed with an error, not verified when nothing was compared, else met with the sentence `well`."""
        errors = [each for each in self.findings if each.severity == "error"]
        outcome: Outcome = "missed" if errors else "met" if self.compared else "not verified"
        sentence = {"met": well, "not verified": nothing or "nothing of it could be read"}.get(outcome, "")
        if errors:
            first, more = errors[0], len(errors) - 1
            sentence = f"{first.object}: expected {first.expected}, found {first.found}"
            sentence += f", and {more} more" if more else ""
        elif self.findings and outcome == "met":
            sentence += f"; {len(self.findings)} to review"
        return CheckResult(
            self.name,
            outcome,
            sentence,
            requirement,
            compared=self.compared,
            findings=tuple(self.findings),
            not_checked=tuple(self.unread),
            unverified=len(self.unread),
        )


def count_noun(number: int, noun: str) -> str:
    """Return the number with its noun: "1 rule", "2 rules"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
