"""What every judgement of posture comes to: a result with its findings, in one form."""

from __future__ import annotations

from typing import Any

from drills.model.finding import CheckResult, Finding, NotChecked, Outcome, Requirement, Severity
from drills.model.parity import NotVerified


class Judgement:
    """Collects what one judgement finds; `result` makes the value of it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.compared = 0
        self.findings: list[Finding] = []
        self.unread: list[NotChecked] = []

    def find(self, severity: Severity, thing: str, *, expected: str, found: str, remedy: str) -> None:
        """Something is not as it should be: the resource, what was expected, and what to type."""
        self.findings.append(Finding(self.name, severity, thing, expected, found, remedy))

    def looked(self, there: bool = True) -> None:
        """Something was looked at; False where there was nothing to look at."""
        self.compared += there

    def unless_unread(self, thing: str, value: Any) -> bool:
        """Whether a fact was read; one that was not is noted with its reason."""
        if isinstance(value, NotVerified):
            self.unread.append(NotChecked(thing, value.reason))
            return False
        return True

    def result(self, well: str, *, nothing: str = "", requirement: Requirement = "required") -> CheckResult:
        """Missed with an error, not verified when nothing was looked at, else met. `well` says what is well."""
        errors = [each for each in self.findings if each.severity == "error"]
        outcome: Outcome = "missed" if errors else "met" if self.compared else "not verified"
        sentence = {"met": well, "not verified": nothing or "nothing of it could be read"}.get(outcome, "")
        if errors:
            first, more = errors[0], len(errors) - 1
            sentence = f"{first.object}: expected {first.expected}, found {first.found}"
            sentence += f", and {more} more" if more else ""
        elif self.findings and outcome == "met":
            sentence += f"; {len(self.findings)} to look at"
        return CheckResult(
            self.name,
            outcome,
            sentence,
            requirement,
            compared=self.compared,
            findings=tuple(self.findings),
            not_checked=tuple(self.unread),
        )


def counted(number: int, noun: str) -> str:
    """The number with its noun: "1 rule", "2 rules"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
